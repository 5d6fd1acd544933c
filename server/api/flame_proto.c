#include <string.h>

#include "lib/pprof/wire.h"
#include "server/api/flame.h"
#include "server/api/flame_place.h"

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

enum { NODE_VALUES_MAX = 2 * FLAME_SIDE_VALUES + 1 };

/* A level: first its size is counted, then it is written to its place in the output. */
typedef struct {
    size_t size;  /* of its integers */
    uint8_t *end; /* of what has been written of them */
} Level;

typedef struct {
    const FlameLayout *layout;
    uint32_t n;
    Level *levels;
    FlameCursor *left, *right; /* of each level */
    int64_t self_max;          /* the largest of any side */
} Walk;

static void
walk_clear(Walk *walk)
{
    g_free(walk->levels);
    g_free(walk->left);
    g_free(walk->right);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Walk, walk_clear)

static void
walk_init(Walk *walk, const FlameLayout *layout)
{
    const Tree *tree = layout->tree;
    *walk = (Walk){.layout = layout};
    for (uint32_t i = 0; i < tree->n_nodes; i++)
        walk->n = MAX(walk->n, tree->depth[i] + 1);
    walk->levels = g_new0(Level, walk->n);
    walk->left = g_new0(FlameCursor, walk->n);
    walk->right = g_new0(FlameCursor, walk->n);
}

/* The integers of node i, which are one to the left of it in pre-order; returns their number. */
static inline unsigned
node_values(Walk *walk, uint32_t i, int64_t values[NODE_VALUES_MAX])
{
    const FlameLayout *layout = walk->layout;
    const Tree *tree = layout->tree;
    const TreeDiff *diff = layout->diff;
    uint32_t depth = tree->depth[i];
    unsigned n = FLAME_SIDE_VALUES;
    flame_place(&walk->left[depth], depth, tree->self[i], tree->total[i], &walk->self_max, values);
    if (diff != NULL) {
        flame_place(&walk->right[depth], depth, diff->right_self[i], diff->right_total[i],
                    &walk->self_max, values + n);
        n += FLAME_SIDE_VALUES;
    }
    values[n] = layout->name_index[i];
    return n + 1;
}

static void
count_sizes(Walk *walk)
{
    int64_t values[NODE_VALUES_MAX];
    const Tree *tree = walk->layout->tree;
    for (uint32_t i = 0; i < tree->n_nodes; i++) {
        unsigned n = node_values(walk, i, values);
        size_t size = 0;
        for (unsigned k = 0; k < n; k++)
            size += wire_varint_size((uint64_t)values[k]);
        walk->levels[tree->depth[i]].size += size;
    }
}

static void
write_values(Walk *walk)
{
    int64_t values[NODE_VALUES_MAX];
    const Tree *tree = walk->layout->tree;
    memset(walk->left, 0, walk->n * sizeof(FlameCursor));
    memset(walk->right, 0, walk->n * sizeof(FlameCursor));
    for (uint32_t i = 0; i < tree->n_nodes; i++) {
        unsigned n = node_values(walk, i, values);
        Level *level = &walk->levels[tree->depth[i]];
        for (unsigned k = 0; k < n; k++)
            level->end = wire_store_varint(level->end, (uint64_t)values[k]);
    }
}

/* Writes the heads of all levels and leaves room for their integers. */
static void
put_levels(Walk *walk, WireBuffer *out)
{
    size_t all = 8 * WIRE_VARINT_MAX; /* what follows them */
    for (uint32_t i = 0; i < walk->n; i++)
        all += walk->levels[i].size + 4 * WIRE_VARINT_MAX;
    wire_reserve(out, all); /* so that nothing moves any more */
    for (uint32_t i = 0; i < walk->n; i++) {
        Level *level = &walk->levels[i];
        wire_put_varint(out, WIRE_TAG(FIELD_LEVELS, WIRE_BYTES));
        wire_put_varint(out, 1 + wire_varint_size(level->size) + level->size);
        wire_put_varint(out, WIRE_TAG(FIELD_VALUES, WIRE_BYTES));
        wire_put_varint(out, level->size);
        level->end = out->data + out->size;
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
put_message(const FlameLayout *layout, Walk *walk, WireBuffer *out)
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
    g_auto(Walk) walk;
    walk_init(&walk, layout);
    count_sizes(&walk);
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
