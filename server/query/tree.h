/* A tree of function names with values: the merged stacks of a query.
 *
 * Nodes stand in pre-order (a node's subtree follows it directly), siblings sorted by name in byte
 * order; only the "other" of a truncated tree stands behind its siblings. Node 0 is the virtual
 * root, its own parent, at depth 0. Names are ids into a table of distinct names; name 0 is "".
 * Values are bounded, far above real ones, so that no sum of them overflows, of two trees either.
 */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of the values of all nodes above 0, and of those below 0. */
#define TREE_SUM_MAX (INT64_MAX / 2)

typedef struct Tree {
    uint32_t n_nodes, n_names;
    uint32_t *name, *depth, *parent; /* per node */
    int64_t *self, *total;           /* per node */
    uint32_t *name_offset;           /* n_names + 1, into name_bytes */
    char *name_bytes;                /* valid UTF-8 */
} Tree;

void tree_free(Tree *tree);
/* A zeroed tree of `n_nodes` nodes without a name table: for what makes trees of trees. */
Tree *tree_new(uint32_t n_nodes);

/* The name of a node; not NUL-terminated. */
static inline const char *
tree_node_name(const Tree *tree, uint32_t node, uint32_t *ret_length)
{
    uint32_t start = tree->name_offset[tree->name[node]];
    *ret_length = tree->name_offset[tree->name[node] + 1] - start;
    return tree->name_bytes + start;
}

/* Builds a tree from stacks folded elsewhere. */
typedef struct TreeBuilder TreeBuilder;
TreeBuilder *tree_builder_new(void);
void tree_builder_free(TreeBuilder *builder);
/* The id of a name, for callers that use the same names again and again. */
uint32_t tree_builder_name(TreeBuilder *builder, const char *name, size_t length);
/* The child of `parent` (0 is the root) with the name `name_id`, made when missing. Node ids are
 * the builder's. */
uint32_t tree_builder_child_named(TreeBuilder *builder, uint32_t parent, uint32_t name_id);
/* The same by the name itself. */
uint32_t tree_builder_child(TreeBuilder *builder, uint32_t parent, const char *name, size_t length);
/* Nodes so far, with the root. */
uint32_t tree_builder_size(const TreeBuilder *builder);
void tree_builder_add(TreeBuilder *builder, uint32_t node, int64_t self);
/* Sorts, sums up totals and gives the tree; the builder is empty afterwards. */
Tree *tree_builder_finish(TreeBuilder *builder);

/* A copy of at most about `max_nodes` nodes (the virtual root not counted) by the truncation rule
 * of the Pyroscope API: with more nodes, the smallest total that the `max_nodes` largest nodes have
 * is the threshold; children below it, and children called "other", are folded into one child
 * "other" behind their siblings, so that totals are kept at every level. Nodes with exactly the
 * threshold stay. max_nodes < 1 copies everything. */
Tree *tree_truncate(const Tree *tree, int64_t max_nodes);
/* Takes `tree` and gives it back, or its copy of at most about `max_nodes` nodes; *ret_truncated
 * (may be NULL) says which. */
Tree *tree_fit(Tree *tree, int64_t max_nodes, bool *ret_truncated);
/* The threshold of that rule for `n` totals; 0 when all of them fit. */
int64_t tree_threshold(const int64_t *totals, size_t n, int64_t max_nodes);
/* Whether the node is called "other". */
bool tree_node_is_other(const Tree *tree, uint32_t node);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Tree, tree_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TreeBuilder, tree_builder_free)
