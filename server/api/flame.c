#include "server/api/flame.h"

#include <string.h>

#include "lib/pprof/wire.h"

#define NO_INDEX UINT32_MAX

/* Fields of querier.v1.FlameGraph, FlameGraphDiff and Level. */
enum {
    FIELD_NAMES = 1,
    FIELD_LEVELS = 2,
    FIELD_TOTAL = 3,
    FIELD_MAX_SELF = 4,
    FIELD_LEFT_TICKS = 5,
    FIELD_RIGHT_TICKS = 6,
    FIELD_VALUES = 1,
};

enum { NODE_VALUES_MAX = 7 };

static const char root_name[] = "total";

/* Sorts the nodes by depth, keeping their order. */
static void
layout_levels(FlameLayout *layout)
{
    const Tree *tree = layout->tree;
    for (uint32_t i = 0; i < tree->n_nodes; i++)
        layout->n_levels = MAX(layout->n_levels, tree->depth[i] + 1);
    layout->level_start = g_new0(uint32_t, layout->n_levels + 1);
    layout->order = g_new(uint32_t, tree->n_nodes);
    for (uint32_t i = 0; i < tree->n_nodes; i++)
        layout->level_start[tree->depth[i] + 1]++;
    for (uint32_t level = 0; level < layout->n_levels; level++)
        layout->level_start[level + 1] += layout->level_start[level];
    g_autofree uint32_t *next = g_memdup2(layout->level_start, layout->n_levels * sizeof(uint32_t));
    for (uint32_t i = 0; i < tree->n_nodes; i++)
        layout->order[next[tree->depth[i]]++] = i;
}

/* Places every node by the values of one side; pre-order visits the children of a node from left to
 * right. */
static int64_t *
place(const Tree *tree, const int64_t *self, const int64_t *total, int64_t *self_max)
{
    int64_t *x = g_new0(int64_t, tree->n_nodes);
    g_autofree int64_t *next = g_new0(int64_t, tree->n_nodes);
    for (uint32_t i = 1; i < tree->n_nodes; i++) {
        uint32_t parent = tree->parent[i];
        x[i] = next[parent];
        next[parent] += total[i];
        next[i] = x[i] + self[i];
        *self_max = MAX(*self_max, self[i]);
    }
    return x;
}

static void
layout_positions(FlameLayout *layout)
{
    const Tree *tree = layout->tree;
    const TreeDiff *diff = layout->diff;
    layout->x = place(tree, tree->self, tree->total, &layout->self_max);
    layout->total = tree->n_nodes > 0 ? tree->total[0] : 0;
    if (diff == NULL)
        return;
    layout->right_x = place(tree, diff->right_self, diff->right_total, &layout->self_max);
    layout->total += diff->right_total[0];
}

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
    layout_levels(layout);
    layout_positions(layout);
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
    g_free(layout->level_start);
    g_free(layout->order);
    g_free(layout->x);
    g_free(layout->right_x);
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

/* Where the node before ended, on the left and on the right. */
typedef struct {
    int64_t left, right;
} LevelEnd;

/* The integers of a node; returns how many there are. */
static unsigned
node_values(const FlameLayout *layout, uint32_t node, LevelEnd *end,
            int64_t ret_values[NODE_VALUES_MAX])
{
    const Tree *tree = layout->tree;
    const TreeDiff *diff = layout->diff;
    unsigned n = 0;
    ret_values[n++] = layout->x[node] - end->left;
    ret_values[n++] = tree->total[node];
    ret_values[n++] = node == 0 ? 0 : tree->self[node];
    end->left = layout->x[node] + tree->total[node];
    if (diff != NULL) {
        ret_values[n++] = layout->right_x[node] - end->right;
        ret_values[n++] = diff->right_total[node];
        ret_values[n++] = node == 0 ? 0 : diff->right_self[node];
        end->right = layout->right_x[node] + diff->right_total[node];
    }
    ret_values[n++] = layout->name_index[node];
    return n;
}

static void
write_level(const FlameLayout *layout, uint32_t level, bool quoted, JsonWriter *json)
{
    LevelEnd end = {0};
    int64_t values[NODE_VALUES_MAX];
    jsonw_array_begin(json);
    for (uint32_t i = layout->level_start[level]; i < layout->level_start[level + 1]; i++) {
        unsigned n = node_values(layout, layout->order[i], &end, values);
        for (unsigned k = 0; k < n; k++) {
            if (quoted)
                jsonw_int_string(json, values[k]);
            else
                jsonw_int(json, values[k]);
        }
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
    for (uint32_t level = 0; level < layout->n_levels; level++) {
        if (form == FLAME_PROTOJSON) {
            jsonw_object_begin(json);
            jsonw_key(json, "values");
        }
        write_level(layout, level, form == FLAME_PROTOJSON, json);
        if (form == FLAME_PROTOJSON)
            jsonw_object_end(json);
    }
    jsonw_array_end(json);
    write_count(json, form, form == FLAME_PROTOJSON ? "total" : "numTicks", layout->total);
    write_count(json, form, "maxSelf", layout->self_max);
    if (form == FLAME_PROTOJSON && layout->diff != NULL) {
        write_count(json, form, "leftTicks", layout->tree->total[0]);
        write_count(json, form, "rightTicks", layout->diff->right_total[0]);
    }
    jsonw_object_end(json);
}

static void
put_level(const FlameLayout *layout, uint32_t level, WireBuffer *scratch, WireBuffer *out)
{
    LevelEnd end = {0};
    int64_t values[NODE_VALUES_MAX];
    scratch->size = 0;
    for (uint32_t i = layout->level_start[level]; i < layout->level_start[level + 1]; i++) {
        unsigned n = node_values(layout, layout->order[i], &end, values);
        for (unsigned k = 0; k < n; k++)
            wire_put_varint(scratch, (uint64_t)values[k]);
    }
    size_t inner = 1 + wire_varint_size(scratch->size) + scratch->size;
    wire_put_varint(out, WIRE_TAG(FIELD_LEVELS, WIRE_BYTES));
    wire_put_varint(out, inner);
    wire_put_bytes(out, FIELD_VALUES, scratch->data, scratch->size);
}

GBytes *
flame_encode_proto(const FlameLayout *layout, uint32_t field)
{
    /* The outer tag and length are written last, into room left in front. */
    const size_t head_max = 2 * WIRE_VARINT_MAX;
    WireBuffer out = {0}, scratch = {0};
    wire_reserve(&out, head_max);
    out.size = head_max;
    for (uint32_t i = 0; i < layout->n_names; i++) {
        uint32_t length;
        const char *name = flame_layout_name(layout, i, &length);
        wire_put_bytes(&out, FIELD_NAMES, name, length);
    }
    for (uint32_t level = 0; level < layout->n_levels; level++)
        put_level(layout, level, &scratch, &out);
    g_free(scratch.data);
    wire_put_uint(&out, FIELD_TOTAL, (uint64_t)layout->total);
    wire_put_uint(&out, FIELD_MAX_SELF, (uint64_t)layout->self_max);
    if (layout->diff != NULL) {
        wire_put_uint(&out, FIELD_LEFT_TICKS, (uint64_t)layout->tree->total[0]);
        wire_put_uint(&out, FIELD_RIGHT_TICKS, (uint64_t)layout->diff->right_total[0]);
    }
    size_t body = out.size - head_max;
    uint8_t head[2 * WIRE_VARINT_MAX];
    uint8_t *head_end = wire_store_varint(head, WIRE_TAG(field, WIRE_BYTES));
    head_end = wire_store_varint(head_end, body);
    size_t head_size = (size_t)(head_end - head);
    memcpy(out.data + head_max - head_size, head, head_size);
    g_autoptr(GBytes) whole = g_bytes_new_take(out.data, out.size);
    return g_bytes_new_from_bytes(whole, head_max - head_size, head_size + body);
}
