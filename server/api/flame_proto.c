#include <string.h>

#include "lib/pprof/wire.h"
#include "server/api/flame.h"
#include "server/api/flame_walk.h"

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

static size_t
varint_size(int64_t value)
{
    return wire_varint_size((uint64_t)value);
}

static void
write_values(FlameWalk *walk)
{
    int64_t values[FLAME_NODE_VALUES_MAX];
    const Tree *tree = walk->layout->tree;
    for (uint32_t i = 0; i < tree->n_nodes; i++) {
        unsigned n = flame_walk_values(walk, i, values);
        FlameLevel *level = &walk->levels[tree->depth[i]];
        uint8_t *end = (uint8_t *)level->end;
        for (unsigned k = 0; k < n; k++)
            end = wire_store_varint(end, (uint64_t)values[k]);
        level->end = (char *)end;
    }
}

/* Writes the heads of all levels and leaves room for their integers. */
static void
put_levels(FlameWalk *walk, WireBuffer *out)
{
    size_t all = 8 * WIRE_VARINT_MAX; /* what follows them */
    for (uint32_t i = 0; i < walk->n; i++)
        all += walk->levels[i].size + 4 * WIRE_VARINT_MAX;
    wire_reserve(out, all); /* so that nothing moves any more */
    for (uint32_t i = 0; i < walk->n; i++) {
        FlameLevel *level = &walk->levels[i];
        wire_put_varint(out, WIRE_TAG(FIELD_LEVELS, WIRE_BYTES));
        wire_put_varint(out, 1 + wire_varint_size(level->size) + level->size);
        wire_put_varint(out, WIRE_TAG(FIELD_VALUES, WIRE_BYTES));
        wire_put_varint(out, level->size);
        level->end = (char *)out->data + out->size;
        out->size += level->size;
    }
}

static size_t
names_size(const FlameLayout *layout)
{
    size_t size = 0;
    for (uint32_t i = 0; i < layout->n_names; i++) {
        uint32_t length;
        flame_layout_name(layout, i, &length);
        size += 2 * WIRE_VARINT_MAX + length;
    }
    return size;
}

static void
put_message(const FlameLayout *layout, FlameWalk *walk, WireBuffer *out)
{
    wire_reserve(out, names_size(layout));
    for (uint32_t i = 0; i < layout->n_names; i++) {
        uint32_t length;
        const char *name = flame_layout_name(layout, i, &length);
        wire_put_bytes(out, FIELD_NAMES, name, length);
    }
    put_levels(walk, out);
    write_values(walk);
    wire_put_uint(out, FIELD_TOTAL, (uint64_t)layout->total);
    wire_put_uint(out, FIELD_MAX_SELF, (uint64_t)walk->self_max);
    if (layout->diff != NULL) {
        wire_put_uint(out, FIELD_LEFT_TICKS, (uint64_t)layout->tree->total[0]);
        wire_put_uint(out, FIELD_RIGHT_TICKS, (uint64_t)layout->diff->right_total[0]);
    }
}

GBytes *
flame_encode_proto(const FlameLayout *layout, uint32_t field)
{
    g_auto(FlameWalk) walk;
    flame_walk_init(&walk, layout);
    flame_walk_measure(&walk, varint_size);
    /* The outer tag and length are written last, into room left in front. */
    const size_t head_max = 2 * WIRE_VARINT_MAX;
    WireBuffer out = {0};
    wire_reserve(&out, head_max);
    out.size = head_max;
    put_message(layout, &walk, &out);
    size_t body = out.size - head_max;
    uint8_t head[2 * WIRE_VARINT_MAX];
    uint8_t *head_end = wire_store_varint(head, WIRE_TAG(field, WIRE_BYTES));
    head_end = wire_store_varint(head_end, body);
    size_t head_size = (size_t)(head_end - head);
    memcpy(out.data + head_max - head_size, head, head_size);
    g_autoptr(GBytes) whole = g_bytes_new_take(out.data, out.size);
    return g_bytes_new_from_bytes(whole, head_max - head_size, head_size + body);
}
