/* The tree format (querier.v1 format TREE). */
#include <string.h>

#include "lib/pprof/wire.h"
#include "server/api/flame.h"

#define NONE UINT32_MAX

typedef struct {
    uint32_t *last_child, *previous, *n_children; /* per node */
} Family;

static const char *
node_name(const Tree *tree, uint32_t node, size_t *ret_length)
{
    const uint32_t *offset = tree->name_offset + tree->name[node];
    *ret_length = node == 0 ? 0 : offset[1] - offset[0];
    return tree->name_bytes + offset[0];
}

static int
compare_names(const Tree *tree, uint32_t a, uint32_t b)
{
    size_t a_length, b_length;
    const char *a_name = node_name(tree, a, &a_length), *b_name = node_name(tree, b, &b_length);
    int order = memcmp(a_name, b_name, MIN(a_length, b_length));
    return order != 0 ? order : (a_length > b_length) - (a_length < b_length);
}

/* Siblings are sorted but for a folded "other" at the end: here it belongs to its sorted place. */
static void
insert_child(const Tree *tree, Family *family, uint32_t parent, uint32_t child)
{
    uint32_t after = NONE, before = family->last_child[parent];
    while (before != NONE && compare_names(tree, before, child) > 0) {
        after = before;
        before = family->previous[before];
    }
    family->previous[child] = before;
    if (after == NONE)
        family->last_child[parent] = child;
    else
        family->previous[after] = child;
    family->n_children[parent]++;
}

static void
put_node(const Tree *tree, const Family *family, uint32_t node, WireBuffer *out)
{
    size_t length;
    const char *name = node_name(tree, node, &length);
    wire_put_varint(out, length);
    wire_put_raw(out, name, length);
    wire_put_varint(out, node == 0 ? 0 : (uint64_t)tree->self[node]);
    wire_put_varint(out, family->n_children[node]);
}

GBytes *
flame_encode_tree(const Tree *tree)
{
    if (tree == NULL || tree->n_nodes <= 1)
        return g_bytes_new(NULL, 0);
    Family family = {.last_child = g_new(uint32_t, tree->n_nodes),
                     .previous = g_new(uint32_t, tree->n_nodes),
                     .n_children = g_new0(uint32_t, tree->n_nodes)};
    memset(family.last_child, 0xff, tree->n_nodes * sizeof(uint32_t));
    for (uint32_t i = 1; i < tree->n_nodes; i++)
        insert_child(tree, &family, tree->parent[i], i);

    /* The chain of a stack that is walked: a node, then its last child, then the sibling before. */
    WireBuffer out = {0};
    g_autofree uint32_t *stack = g_new(uint32_t, tree->n_nodes);
    uint32_t depth = 0;
    stack[depth++] = 0;
    family.previous[0] = NONE;
    while (depth > 0) {
        uint32_t node = stack[--depth];
        put_node(tree, &family, node, &out);
        if (family.previous[node] != NONE)
            stack[depth++] = family.previous[node];
        if (family.last_child[node] != NONE)
            stack[depth++] = family.last_child[node];
    }
    g_free(family.last_child);
    g_free(family.previous);
    g_free(family.n_children);
    return g_bytes_new_take(out.data, out.size);
}
