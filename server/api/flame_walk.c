#include "server/api/flame_walk.h"

#include <string.h>

void
flame_walk_init(FlameWalk *walk, const FlameLayout *layout)
{
    const Tree *tree = layout->tree;
    *walk = (FlameWalk){.layout = layout};
    for (uint32_t i = 0; i < tree->n_nodes; i++)
        walk->n = MAX(walk->n, tree->depth[i] + 1);
    walk->levels = g_new0(FlameLevel, walk->n);
    walk->left = g_new0(FlameCursor, walk->n);
    walk->right = g_new0(FlameCursor, walk->n);
}

void
flame_walk_clear(FlameWalk *walk)
{
    g_free(walk->levels);
    g_free(walk->left);
    g_free(walk->right);
}

void
flame_walk_rewind(FlameWalk *walk)
{
    memset(walk->left, 0, walk->n * sizeof(FlameCursor));
    memset(walk->right, 0, walk->n * sizeof(FlameCursor));
}
