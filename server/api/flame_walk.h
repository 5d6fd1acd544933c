/* The nodes of a flame graph gone through in pre-order, twice: every level is first measured, then
 * written from its start to its end at its place in the output, so that all of it is held once.
 * Private to the files flame*.c. */
#pragma once
#include <glib.h>
#include <stdint.h>

#include "server/api/flame.h"

enum {
    FLAME_SIDE_VALUES = 3, /* of each side of a node: x, total, self */
    FLAME_NODE_VALUES_MAX = 2 * FLAME_SIDE_VALUES + 1,
};

/* Of one side on one level, while the nodes are gone through. */
typedef struct {
    int64_t child_x; /* where the next child of the last node begins */
    int64_t end;     /* where the last node ended */
} FlameCursor;

typedef struct {
    size_t size; /* of its integers in the output */
    char *end;   /* of what has been written of them */
    char *limit; /* where they end */
} FlameLevel;

typedef struct {
    const FlameLayout *layout;
    uint32_t n;
    FlameLevel *levels;
    FlameCursor *left, *right; /* of each level */
    int64_t self_max;          /* the largest of any side */
} FlameWalk;

/* Measures every level: `size_of` is what one integer takes. */
typedef size_t (*FlameSizeOf)(int64_t value);

void flame_walk_init(FlameWalk *walk, const FlameLayout *layout);
void flame_walk_clear(FlameWalk *walk);
/* Begins the second time. */
void flame_walk_rewind(FlameWalk *walk);

/* Writes x, total and self of a node; its parent's cursor stands before its own. */
static inline void
flame_place(FlameCursor *own, uint32_t depth, int64_t self, int64_t total, int64_t *self_max,
            int64_t *values)
{
    int64_t x = 0;
    if (depth > 0) {
        x = own[-1].child_x;
        own[-1].child_x += total;
        *self_max = MAX(*self_max, self);
    }
    values[0] = x - own->end;
    values[1] = total;
    values[2] = depth > 0 ? self : 0;
    own->child_x = x + (depth > 0 ? self : 0);
    own->end = x + total;
}

/* The integers of node i, the next in pre-order; returns their number. */
static inline unsigned
flame_walk_values(FlameWalk *walk, uint32_t i, int64_t values[FLAME_NODE_VALUES_MAX])
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

/* The first time: measures every level. */
static inline void
flame_walk_measure(FlameWalk *walk, FlameSizeOf size_of)
{
    int64_t values[FLAME_NODE_VALUES_MAX];
    const Tree *tree = walk->layout->tree;
    for (uint32_t i = 0; i < tree->n_nodes; i++) {
        unsigned n = flame_walk_values(walk, i, values);
        size_t size = 0;
        for (unsigned k = 0; k < n; k++)
            size += size_of(values[k]);
        walk->levels[tree->depth[i]].size += size;
    }
    flame_walk_rewind(walk);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(FlameWalk, flame_walk_clear)
