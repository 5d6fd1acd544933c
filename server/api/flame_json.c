#include <string.h>

#include "lib/base/decimal.h"
#include "server/api/flame.h"
#include "server/api/flame_walk.h"

enum {
    VALUE_TEXT_MAX = DECIMAL_ROOM + 4, /* with a sign, quotes and a comma */
    NODE_TEXT_MAX = FLAME_NODE_VALUES_MAX * VALUE_TEXT_MAX,
    LEVEL_HEAD_MAX = 16, /* {"values":[]}, and a comma */
    REST_MAX = 256,      /* what follows the levels */
};

static uint64_t
magnitude_of(int64_t value)
{
    return value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
}

/* An integer with the comma behind it. */
static size_t
bare_size(int64_t value)
{
    return decimal_digits(magnitude_of(value)) + (value < 0) + 1;
}

static size_t
quoted_size(int64_t value)
{
    return bare_size(value) + 2;
}

static inline char *
store_integer(char *to, int64_t value, bool quoted)
{
    if (quoted)
        *to++ = '"';
    if (value < 0)
        *to++ = '-';
    to = decimal_store(to, magnitude_of(value));
    if (quoted)
        *to++ = '"';
    *to++ = ',';
    return to;
}

static inline char *
store_node(char *to, const int64_t *values, unsigned n, bool quoted)
{
    for (unsigned k = 0; k < n; k++)
        to = store_integer(to, values[k], quoted);
    return to;
}

/* What is stored in a piece may reach beyond what it is in the end: where that would be the next
 * level, it goes there by way of a buffer. */
static inline void
write_nodes(FlameWalk *walk, bool quoted)
{
    int64_t values[FLAME_NODE_VALUES_MAX];
    const Tree *tree = walk->layout->tree;
    for (uint32_t i = 0; i < tree->n_nodes; i++) {
        unsigned n = flame_walk_values(walk, i, values);
        FlameLevel *level = &walk->levels[tree->depth[i]];
        if (level->limit - level->end >= NODE_TEXT_MAX) {
            level->end = store_node(level->end, values, n, quoted);
            continue;
        }
        char text[NODE_TEXT_MAX];
        size_t length = (size_t)(store_node(text, values, n, quoted) - text);
        memcpy(level->end, text, length);
        level->end += length;
    }
}

/* Writes the heads of all levels and leaves room for their integers. */
static void
put_levels(FlameWalk *walk, FlameJson form, JsonWriter *json)
{
    size_t all = REST_MAX;
    for (uint32_t i = 0; i < walk->n; i++)
        all += walk->levels[i].size + LEVEL_HEAD_MAX;
    jsonw_reserve(json, all); /* so that nothing moves any more */
    jsonw_array_begin(json);
    for (uint32_t i = 0; i < walk->n; i++) {
        FlameLevel *level = &walk->levels[i];
        if (form == FLAME_PROTOJSON) {
            jsonw_object_begin(json);
            jsonw_key(json, "values");
        }
        /* The brackets around it; the last integer's comma gives way to the latter. */
        level->end = jsonw_blank(json, 1 + level->size);
        level->limit = level->end + 1 + level->size;
        *level->end++ = '[';
        if (form == FLAME_PROTOJSON)
            jsonw_object_end(json);
    }
    jsonw_array_end(json);
}

static void
close_levels(FlameWalk *walk)
{
    for (uint32_t i = 0; i < walk->n; i++)
        walk->levels[i].limit[-1] = ']';
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

static void
write_names(const FlameLayout *layout, JsonWriter *json)
{
    jsonw_array_begin(json);
    for (uint32_t i = 0; i < layout->n_names; i++) {
        uint32_t length;
        const char *name = flame_layout_name(layout, i, &length);
        jsonw_string_n(json, name, length);
    }
    jsonw_array_end(json);
}

void
flame_write_json(const FlameLayout *layout, FlameJson form, JsonWriter *json)
{
    g_auto(FlameWalk) walk;
    flame_walk_init(&walk, layout);
    if (form == FLAME_PROTOJSON)
        flame_walk_measure(&walk, quoted_size);
    else
        flame_walk_measure(&walk, bare_size);
    jsonw_object_begin(json);
    jsonw_key(json, "names");
    write_names(layout, json);
    jsonw_key(json, "levels");
    put_levels(&walk, form, json);
    if (form == FLAME_PROTOJSON)
        write_nodes(&walk, true);
    else
        write_nodes(&walk, false);
    close_levels(&walk);
    write_count(json, form, form == FLAME_PROTOJSON ? "total" : "numTicks", layout->total);
    write_count(json, form, "maxSelf", walk.self_max);
    if (form == FLAME_PROTOJSON && layout->diff != NULL) {
        write_count(json, form, "leftTicks", layout->tree->total[0]);
        write_count(json, form, "rightTicks", layout->diff->right_total[0]);
    }
    jsonw_object_end(json);
}
