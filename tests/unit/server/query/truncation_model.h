/* Truncation by the letter of the Pyroscope API's rule, the slow way: what tests compare with. */
#pragma once
#include "tests/unit/server/query/stacks.h"

/* A tree of one side, or of two. */
typedef struct {
    const Tree *tree;
    const int64_t *right_self, *right_total; /* NULL: of one side */
} ModelTree;

static inline int64_t
model_total(const ModelTree *model, uint32_t node)
{
    int64_t total = model->tree->total[node];
    return model->right_total != NULL ? MAX(total, model->right_total[node]) : total;
}

static inline void
model_print(GString *out, uint32_t depth, const char *name, const int64_t values[4])
{
    g_string_append_printf(out, "%u %s", depth, name);
    for (int i = 0; i < 4; i++)
        g_string_append_printf(out, " %" G_GINT64_FORMAT, values[i]);
    g_string_append_c(out, '\n');
}

/* A line of depth, name, and of both sides self value and total. */
static inline void
model_print_node(GString *out, const ModelTree *model, uint32_t node)
{
    const Tree *tree = model->tree;
    bool two_sides = model->right_total != NULL;
    const int64_t values[] = {tree->self[node], tree->total[node],
                              two_sides ? model->right_self[node] : 0,
                              two_sides ? model->right_total[node] : 0};
    uint32_t length;
    const char *text = tree_node_name(tree, node, &length);
    g_autofree char *name = g_strndup(text, length);
    model_print(out, tree->depth[node], name, values);
}

/* The tree as it is. */
static inline char *
model_text(const ModelTree *model)
{
    g_autoptr(GString) out = g_string_new(NULL);
    for (uint32_t i = 0; i < model->tree->n_nodes; i++)
        model_print_node(out, model, i);
    return g_string_free(g_steal_pointer(&out), FALSE);
}

static inline gint
model_compare_descending(gconstpointer a, gconstpointer b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x < y) - (x > y);
}

/* Walks depth first with at most `max_nodes` totals at hand. Once there are so many, a node whose
 * total is not above the smallest of them is passed over with all that is below it; the total of
 * any other takes the place of the smallest. The smallest in the end is the threshold. */
static inline int64_t
model_threshold(const ModelTree *model, int64_t max_nodes)
{
    const Tree *tree = model->tree;
    if (max_nodes < 1 || tree->n_nodes - 1 <= max_nodes)
        return 0;
    g_autoptr(GArray) kept = g_array_new(FALSE, FALSE, sizeof(int64_t));
    for (uint32_t i = 1; i < tree->n_nodes;) {
        int64_t total = model_total(model, i);
        uint32_t depth = tree->depth[i++];
        bool is_full = kept->len == max_nodes;
        if (is_full && total <= g_array_index(kept, int64_t, kept->len - 1)) {
            while (i < tree->n_nodes && tree->depth[i] > depth)
                i++;
            continue;
        }
        if (is_full)
            g_array_set_size(kept, kept->len - 1);
        g_array_append_val(kept, total);
        g_array_sort(kept, model_compare_descending);
    }
    return g_array_index(kept, int64_t, kept->len - 1);
}

/* A node and what stays below it; behind its children one "other" that has the totals of those that
 * are below the threshold or called so. */
static inline void
model_emit(GString *out, const ModelTree *model, uint32_t node, int64_t threshold)
{
    const Tree *tree = model->tree;
    int64_t left = 0, right = 0;
    model_print_node(out, model, node);
    for (uint32_t child = node + 1; child < tree->n_nodes; child++) {
        if (tree->parent[child] != node)
            continue;
        if (model_total(model, child) >= threshold && !tree_node_is_other(tree, child)) {
            model_emit(out, model, child, threshold);
            continue;
        }
        left += tree->total[child];
        right += model->right_total != NULL ? model->right_total[child] : 0;
    }
    if (left != 0 || right != 0)
        model_print(out, tree->depth[node] + 1, "other",
                    (const int64_t[]){left, left, right, right});
}

/* The tree as it has to be after truncation; at least one node. */
static inline char *
model_truncated_text(const ModelTree *model, int64_t max_nodes)
{
    g_autoptr(GString) out = g_string_new(NULL);
    model_emit(out, model, 0, model_threshold(model, max_nodes));
    return g_string_free(g_steal_pointer(&out), FALSE);
}

/* Up to 60 stacks of up to 6 frames for tree_of_stacks, with many equal values and functions that
 * are called "other". */
static inline char *
model_random_stacks(GRand *random)
{
    static const char *const NAMES[] = {"a", "b", "c", "d", "other"};
    g_autoptr(GString) out = g_string_new(NULL);
    int n = g_rand_int_range(random, 1, 61);
    for (int i = 0; i < n; i++) {
        int depth = g_rand_int_range(random, 1, 7);
        for (int k = 0; k < depth; k++)
            g_string_append_printf(out, "%s%s", k > 0 ? ";" : "",
                                   NAMES[g_rand_int_range(random, 0, G_N_ELEMENTS(NAMES))]);
        g_string_append_printf(out, "=%d ", g_rand_int_range(random, 1, 9));
    }
    g_string_truncate(out, out->len - 1);
    return g_string_free(g_steal_pointer(&out), FALSE);
}
