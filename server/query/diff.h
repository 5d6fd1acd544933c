/* Two trees side by side: the union of their nodes with the values of both.
 *
 * A node of one tree and a node of the other are the same when their paths of names are. */
#pragma once
#include <glib.h>
#include <stdint.h>

#include "server/query/tree.h"

typedef struct TreeDiff {
    Tree *tree;                        /* names and shape; self and total are the left side's */
    int64_t *right_self, *right_total; /* per node */
} TreeDiff;

/* Both trees have to be whole: siblings sorted by name, nothing truncated. NULL is no data. */
TreeDiff *tree_diff_new(const Tree *left, const Tree *right);
void tree_diff_free(TreeDiff *diff);

/* The rule of tree_truncate with the larger of both totals as the total of a node: it stays when
 * either side reaches the threshold, and "other" takes what both sides lose. */
TreeDiff *tree_diff_truncate(const TreeDiff *diff, int64_t max_nodes);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TreeDiff, tree_diff_free)
