#include "server/api/flame.h"

#include <string.h>

#include "server/api/flame_place.h"

#define NO_INDEX UINT32_MAX

static const char root_name[] = "total";

/* Numbers the names in use, the root's first. */
static void
layout_names(FlameLayout *layout)
{
    const Tree *tree = layout->tree;
    g_autofree uint32_t *index_of = g_new(uint32_t, tree->n_names);
    memset(index_of, 0xff, tree->n_names * sizeof(uint32_t));
    layout->name_index = g_new0(uint32_t, tree->n_nodes);
    layout->name_ids = g_new0(uint32_t, (size_t)tree->n_names + 1);
    layout->n_names = 1;
    for (uint32_t i = 1; i < tree->n_nodes; i++) {
        uint32_t name = tree->name[i];
        if (index_of[name] == NO_INDEX) {
            index_of[name] = layout->n_names;
            layout->name_ids[layout->n_names++] = name;
        }
        layout->name_index[i] = index_of[name];
    }
}

/* What a query without data gives: the root alone. */
static const Tree *
empty_tree(void)
{
    static uint32_t zero[2];
    static int64_t zero_value[1];
    static char no_bytes[1];
    static const Tree tree = {
        .n_nodes = 1,
        .n_names = 1,
        .name = zero,
        .depth = zero,
        .parent = zero,
        .self = zero_value,
        .total = zero_value,
        .name_offset = zero,
        .name_bytes = no_bytes,
    };
    return &tree;
}

static void
lay_out(FlameLayout *layout, const Tree *tree, const TreeDiff *diff)
{
    *layout = (FlameLayout){.tree = tree, .diff = diff};
    layout->total = tree->total[0] + (diff != NULL ? diff->right_total[0] : 0);
    layout_names(layout);
}

void
flame_layout_init(FlameLayout *layout, const Tree *tree)
{
    lay_out(layout, tree != NULL && tree->n_nodes > 0 ? tree : empty_tree(), NULL);
}

void
flame_layout_init_diff(FlameLayout *layout, const TreeDiff *diff)
{
    static int64_t zero[1];
    static TreeDiff empty = {.right_self = zero, .right_total = zero};
    if (diff == NULL) {
        lay_out(layout, empty_tree(), &empty);
        return;
    }
    lay_out(layout, diff->tree, diff);
}

void
flame_layout_clear(FlameLayout *layout)
{
    g_free(layout->name_index);
    g_free(layout->name_ids);
    *layout = (FlameLayout){0};
}

const char *
flame_layout_name(const FlameLayout *layout, uint32_t index, uint32_t *ret_length)
{
    if (index == 0) {
        *ret_length = sizeof(root_name) - 1;
        return root_name;
    }
    const uint32_t *offset = layout->tree->name_offset + layout->name_ids[index];
    *ret_length = offset[1] - offset[0];
    return layout->tree->name_bytes + offset[0];
}

/* The nodes by level, left to right, as the integers that are written. */
typedef struct {
    uint32_t n;
    uint32_t *start;   /* n + 1, in nodes */
    unsigned n_values; /* of a node: FLAME_SIDE_VALUES for each side and the name */
    int64_t *values;
    int64_t self_max; /* the largest of any side */
} Levels;

static void
levels_clear(Levels *levels)
{
    g_free(levels->start);
    g_free(levels->values);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Levels, levels_clear)

static void
count_levels(Levels *levels, const Tree *tree)
{
    for (uint32_t i = 0; i < tree->n_nodes; i++)
        levels->n = MAX(levels->n, tree->depth[i] + 1);
    levels->start = g_new0(uint32_t, levels->n + 1);
    for (uint32_t i = 0; i < tree->n_nodes; i++)
        levels->start[tree->depth[i] + 1]++;
    for (uint32_t level = 0; level < levels->n; level++)
        levels->start[level + 1] += levels->start[level];
}

/* One pass in pre-order, in which every level is written from its start to its end: all that is
 * read and written lies in a row. */
static void
levels_init(Levels *levels, const FlameLayout *layout)
{
    const Tree *tree = layout->tree;
    const TreeDiff *diff = layout->diff;
    *levels = (Levels){.n_values = (diff != NULL ? 2 : 1) * FLAME_SIDE_VALUES + 1};
    count_levels(levels, tree);
    levels->values = g_new(int64_t, (size_t)tree->n_nodes * levels->n_values);
    g_autofree uint32_t *next = g_memdup2(levels->start, levels->n * sizeof(uint32_t));
    g_autofree FlameCursor *left = g_new0(FlameCursor, levels->n),
                           *right = g_new0(FlameCursor, levels->n);
    for (uint32_t i = 0; i < tree->n_nodes; i++) {
        uint32_t depth = tree->depth[i];
        int64_t *values = levels->values + (size_t)next[depth]++ * levels->n_values;
        flame_place(&left[depth], depth, tree->self[i], tree->total[i], &levels->self_max, values);
        if (diff != NULL)
            flame_place(&right[depth], depth, diff->right_self[i], diff->right_total[i],
                        &levels->self_max, values + FLAME_SIDE_VALUES);
        values[levels->n_values - 1] = layout->name_index[i];
    }
}

/* The integers of a level, in a row. */
static const int64_t *
level_values(const Levels *levels, uint32_t level, size_t *ret_n)
{
    *ret_n = (size_t)(levels->start[level + 1] - levels->start[level]) * levels->n_values;
    return levels->values + (size_t)levels->start[level] * levels->n_values;
}

static void
write_level(const Levels *levels, uint32_t level, bool quoted, JsonWriter *json)
{
    size_t n;
    const int64_t *values = level_values(levels, level, &n);
    jsonw_array_begin(json);
    for (size_t i = 0; i < n; i++) {
        if (quoted)
            jsonw_int_string(json, values[i]);
        else
            jsonw_int(json, values[i]);
    }
    jsonw_array_end(json);
}

/* An integer member; protojson leaves zeros out. */
static void
write_count(JsonWriter *json, FlameJson form, const char *key, int64_t value)
{
    if (form == FLAME_PROTOJSON && value == 0)
        return;
    jsonw_key(json, key);
    if (form == FLAME_PROTOJSON)
        jsonw_int_string(json, value);
    else
        jsonw_int(json, value);
}

size_t
flame_json_size(const FlameLayout *layout)
{
    const size_t bytes_per_node = layout->diff != NULL ? 49 : 28;
    return 4096 + bytes_per_node * layout->tree->n_nodes;
}

void
flame_write_json(const FlameLayout *layout, FlameJson form, JsonWriter *json)
{
    g_auto(Levels) levels;
    levels_init(&levels, layout);
    jsonw_object_begin(json);
    jsonw_key(json, "names");
    jsonw_array_begin(json);
    for (uint32_t i = 0; i < layout->n_names; i++) {
        uint32_t length;
        const char *name = flame_layout_name(layout, i, &length);
        jsonw_string_n(json, name, length);
    }
    jsonw_array_end(json);
    jsonw_key(json, "levels");
    jsonw_array_begin(json);
    for (uint32_t level = 0; level < levels.n; level++) {
        if (form == FLAME_PROTOJSON) {
            jsonw_object_begin(json);
            jsonw_key(json, "values");
        }
        write_level(&levels, level, form == FLAME_PROTOJSON, json);
        if (form == FLAME_PROTOJSON)
            jsonw_object_end(json);
    }
    jsonw_array_end(json);
    write_count(json, form, form == FLAME_PROTOJSON ? "total" : "numTicks", layout->total);
    write_count(json, form, "maxSelf", levels.self_max);
    if (form == FLAME_PROTOJSON && layout->diff != NULL) {
        write_count(json, form, "leftTicks", layout->tree->total[0]);
        write_count(json, form, "rightTicks", layout->diff->right_total[0]);
    }
    jsonw_object_end(json);
}
