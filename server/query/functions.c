#include "server/query/functions.h"

#include <string.h>

Functions *
functions_new(const Tree *tree)
{
    Functions *functions = g_new0(Functions, 1);
    functions->n = tree->n_names;
    functions->self = g_new0(int64_t, tree->n_names);
    functions->total = g_new0(int64_t, tree->n_names);
    /* How often each name is on the path to the node in work. */
    g_autofree uint32_t *n_open = g_new0(uint32_t, tree->n_names);
    g_autoptr(GArray) path = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    for (uint32_t i = 0; i < tree->n_nodes; i++) {
        uint32_t name = tree->name[i];
        for (; path->len > tree->depth[i]; g_array_set_size(path, path->len - 1))
            n_open[g_array_index(path, uint32_t, path->len - 1)]--;
        g_array_append_val(path, name);
        functions->self[name] += tree->self[i];
        if (n_open[name]++ == 0)
            functions->total[name] += tree->total[i];
    }
    return functions;
}

Functions *
functions_new_side(const TreeDiff *diff, bool right)
{
    Tree side = *diff->tree;
    if (right) {
        side.self = diff->right_self;
        side.total = diff->right_total;
    }
    return functions_new(&side);
}

Functions *
functions_larger(const Functions *a, const Functions *b)
{
    Functions *larger = g_new0(Functions, 1);
    larger->n = a->n;
    larger->self = g_new0(int64_t, a->n);
    larger->total = g_new0(int64_t, a->n);
    for (uint32_t i = 0; i < a->n; i++) {
        larger->self[i] = MAX(a->self[i], b->self[i]);
        larger->total[i] = MAX(a->total[i], b->total[i]);
    }
    return larger;
}

void
functions_free(Functions *functions)
{
    if (functions == NULL)
        return;
    g_free(functions->self);
    g_free(functions->total);
    g_free(functions);
}

typedef struct {
    const Tree *tree;
    const int64_t *key;
} Ranking;

static int
compare_functions(const void *a, const void *b, void *data)
{
    const Ranking *ranking = data;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    if (ranking->key[x] != ranking->key[y])
        return ranking->key[x] > ranking->key[y] ? -1 : 1;
    const uint32_t *offset = ranking->tree->name_offset;
    uint32_t x_length = offset[x + 1] - offset[x], y_length = offset[y + 1] - offset[y];
    int order = memcmp(ranking->tree->name_bytes + offset[x], ranking->tree->name_bytes + offset[y],
                       MIN(x_length, y_length));
    return order != 0 ? order : (x_length > y_length) - (x_length < y_length);
}

GArray *
functions_rank(const Functions *functions, const Tree *tree, bool by_self, size_t limit)
{
    Ranking ranking = {tree, by_self ? functions->self : functions->total};
    GArray *names = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    for (uint32_t i = 1; i < functions->n; i++) {
        if (functions->self[i] != 0 || functions->total[i] != 0)
            g_array_append_val(names, i);
    }
    g_array_sort_with_data(names, compare_functions, &ranking);
    if (limit > 0 && names->len > limit)
        g_array_set_size(names, (guint)limit);
    return names;
}
