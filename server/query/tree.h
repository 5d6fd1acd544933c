/* A tree of function names with values: the merged stacks of a query.
 *
 * Nodes stand in pre-order (a node's subtree follows it directly), siblings sorted by name in byte
 * order. Node 0 is the virtual root. Names are ids into a table of distinct names; name 0 is "". */
#pragma once
#include <glib.h>
#include <stdint.h>

typedef struct Tree {
    uint32_t n_nodes, n_names;
    uint32_t *name, *depth, *parent; /* per node */
    int64_t *self, *total;           /* per node */
    uint32_t *name_offset;           /* n_names + 1, into name_bytes */
    char *name_bytes;                /* valid UTF-8 */
} Tree;

void tree_free(Tree *tree);

/* Builds a tree from stacks folded elsewhere. */
typedef struct TreeBuilder TreeBuilder;
TreeBuilder *tree_builder_new(void);
void tree_builder_free(TreeBuilder *builder);
/* The child of `parent` (0 is the root) called `name`, made when missing. Ids are the builder's. */
uint32_t tree_builder_child(TreeBuilder *builder, uint32_t parent, const char *name, size_t length);
void tree_builder_add(TreeBuilder *builder, uint32_t node, int64_t self);
/* Sorts, sums up totals and gives the tree; the builder is empty afterwards. */
Tree *tree_builder_finish(TreeBuilder *builder);

/* A copy of at most about `max_nodes` nodes by the truncation rule of the Pyroscope API (nodes
 * whose total is below the heap minimum are folded into one child "other" behind their siblings,
 * and totals are kept at every level); max_nodes < 1 copies everything. */
Tree *tree_truncate(const Tree *tree, int64_t max_nodes);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Tree, tree_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TreeBuilder, tree_builder_free)
