#include "server/query/sandwich.h"

#include <string.h>

#include "lib/base/error.h"

#define NO_NAME UINT32_MAX

/* The tree's id of a name, or NO_NAME. */
static uint32_t
find_name(const Tree *tree, const char *name)
{
    size_t length = strlen(name);
    for (uint32_t i = 1; i < tree->n_names; i++) {
        uint32_t start = tree->name_offset[i];
        if (tree->name_offset[i + 1] - start == length &&
            memcmp(tree->name_bytes + start, name, length) == 0)
            return i;
    }
    return NO_NAME;
}

/* Where the subtree of a node ends. */
static uint32_t
end_of_subtree(const Tree *tree, uint32_t node)
{
    uint32_t end = node + 1;
    while (end < tree->n_nodes && tree->depth[end] > tree->depth[node])
        end++;
    return end;
}

static uint32_t
add_child(TreeBuilder *builder, uint32_t parent, const Tree *tree, uint32_t node)
{
    uint32_t length;
    const char *name = tree_node_name(tree, node, &length);
    return tree_builder_child(builder, parent, name, length);
}

/* Copies the nodes from `first` to `end`, a whole subtree, below the builder's root. */
static void
add_subtree(TreeBuilder *builder, const Tree *tree, uint32_t first, uint32_t end)
{
    g_autoptr(GArray) path = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    for (uint32_t node = first; node < end; node++) {
        uint32_t depth = tree->depth[node] - tree->depth[first];
        uint32_t parent = depth > 0 ? g_array_index(path, uint32_t, depth - 1) : 0;
        uint32_t added = add_child(builder, parent, tree, node);
        tree_builder_add(builder, added, tree->self[node]);
        g_array_set_size(path, depth);
        g_array_append_val(path, added);
    }
}

Tree *
tree_callees(const Tree *tree, const char *function)
{
    g_autoptr(TreeBuilder) builder = tree_builder_new();
    uint32_t name = find_name(tree, function);
    for (uint32_t i = 1; name != NO_NAME && i < tree->n_nodes;) {
        if (tree->name[i] != name) {
            i++;
            continue;
        }
        uint32_t end = end_of_subtree(tree, i);
        add_subtree(builder, tree, i, end);
        i = end;
    }
    return tree_builder_finish(builder);
}

Tree *
tree_callers(const Tree *tree, const char *function, GError **error)
{
    g_autoptr(TreeBuilder) builder = tree_builder_new();
    uint32_t name = find_name(tree, function), n_steps = 0;
    for (uint32_t i = 1; name != NO_NAME && i < tree->n_nodes;) {
        if (tree->name[i] != name) {
            i++;
            continue;
        }
        n_steps += tree->depth[i];
        if (n_steps > SANDWICH_STEPS_MAX) {
            error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                      "the function has too many callers: narrow the selection, or give a "
                      "call_site");
            return NULL;
        }
        uint32_t added = 0;
        for (uint32_t node = i; node != 0; node = tree->parent[node])
            added = add_child(builder, added, tree, node);
        tree_builder_add(builder, added, tree->total[i]);
        i = end_of_subtree(tree, i);
    }
    return tree_builder_finish(builder);
}

int64_t
tree_function_self(const Tree *tree, const char *function)
{
    uint32_t name = find_name(tree, function);
    uint64_t self = 0;
    for (uint32_t i = 1; name != NO_NAME && i < tree->n_nodes; i++) {
        if (tree->name[i] == name)
            self += (uint64_t)tree->self[i];
    }
    return (int64_t)self;
}
