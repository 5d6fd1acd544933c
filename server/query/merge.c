#include <string.h>

#include "server/query/location_lines.h"
#include "server/query/query.h"
#include "server/query/retry.h"
#include "server/query/select.h"
#include "server/query/stack_filter.h"

#define NO_NAME UINT32_MAX

typedef struct {
    TreeBuilder *builder;
    const Query *query;
} Merge;

/* The values of the selected rows by location node. */
static int64_t *
accumulate(const Query *query, const Selection *selection, GError **error)
{
    uint32_t n = selection->dataset->symbols->n_nodes;
    g_autofree int64_t *totals = g_new0(int64_t, (size_t)n + 1);
    if (!select_accumulate(query, selection->dataset, selection->rows, selection->n_rows, totals,
                           error))
        return NULL;
    return g_steal_pointer(&totals);
}

/* The same by function node. */
static int64_t *
fold(const SymbolView *symbols, const int64_t *totals)
{
    int64_t *folded = g_new0(int64_t, (size_t)symbols->n_function_nodes + 1);
    for (uint32_t i = 0; i < symbols->n_nodes; i++) {
        if (totals[i] != 0) {
            uint64_t *sum = (uint64_t *)&folded[symbols->function_of_node[i]];
            *sum += (uint64_t)totals[i];
        }
    }
    return folded;
}

/* Adds the nodes that have a value, and their ancestors, to the tree; parents come first. */
static void
add_nodes(TreeBuilder *builder, const SymbolView *symbols, const int64_t *values)
{
    uint32_t n = symbols->n_function_nodes;
    g_autofree uint8_t *is_needed = g_malloc0((size_t)n + 1);
    for (uint32_t i = n; i-- > 1;) {
        is_needed[i] |= values[i] != 0;
        is_needed[symbols->function_parent[i]] |= is_needed[i];
    }
    g_autofree uint32_t *node_id = g_new0(uint32_t, (size_t)n + 1);
    g_autofree uint32_t *name_id = g_new(uint32_t, (size_t)symbols->n_strings + 1);
    for (uint32_t i = 0; i < symbols->n_strings; i++)
        name_id[i] = NO_NAME;
    for (uint32_t i = 1; i < n; i++) {
        if (!is_needed[i])
            continue;
        uint32_t string = symbols->function_name[i], length;
        if (name_id[string] == NO_NAME) {
            const char *name = symbol_string(symbols, string, &length);
            name_id[string] = tree_builder_name(builder, name, length);
        }
        node_id[i] = tree_builder_child_named(builder, node_id[symbols->function_parent[i]],
                                              name_id[string]);
        if (values[i] != 0)
            tree_builder_add(builder, node_id[i], values[i]);
    }
    tree_builder_add(builder, 0, values[0]);
}

/* The child of `node` that the lines of a location lead to, by the stored names. */
static uint32_t
stored_child(TreeBuilder *builder, const SymbolView *symbols, uint32_t node, uint32_t id)
{
    const SymbolLocation *location = &symbols->locations[id];
    uint32_t length;
    if (location->n_lines == 0) {
        const char *name = symbol_string(symbols, location->first_line, &length);
        return tree_builder_child(builder, node, name, length);
    }
    for (uint32_t i = location->n_lines; i-- > 0;) {
        uint32_t function = symbols->lines[location->first_line + i].function;
        const char *name = symbol_string(symbols, symbols->functions[function].name, &length);
        node = tree_builder_child(builder, node, name, length);
    }
    return node;
}

/* The same by the lines that it was given, if it was. */
static uint32_t
location_child(TreeBuilder *builder, const SymbolView *symbols, uint32_t node, uint32_t id,
               const LocationLines *lines)
{
    const AddressLine *resolved;
    size_t n = location_lines_get(lines, id, &resolved);
    if (n == 0)
        return stored_child(builder, symbols, node, id);
    while (n-- > 0)
        node = tree_builder_child(builder, node, resolved[n].name, strlen(resolved[n].name));
    return node;
}

/* Adds the stacks location by location: some have other names than they were stored with. */
static void
add_locations(TreeBuilder *builder, const SymbolView *symbols, const int64_t *totals,
              const LocationLines *lines)
{
    g_autofree uint32_t *node_id = g_new0(uint32_t, (size_t)symbols->n_nodes + 1);
    g_autofree uint8_t *is_needed = g_malloc0((size_t)symbols->n_nodes + 1);
    for (uint32_t i = symbols->n_nodes; i-- > 1;) {
        is_needed[i] |= totals[i] != 0;
        is_needed[symbols->node_parent[i]] |= is_needed[i];
    }
    for (uint32_t i = 1; i < symbols->n_nodes; i++) {
        if (!is_needed[i])
            continue;
        node_id[i] = location_child(builder, symbols, node_id[symbols->node_parent[i]],
                                    symbols->node_location[i], lines);
        if (totals[i] != 0)
            tree_builder_add(builder, node_id[i], totals[i]);
    }
    tree_builder_add(builder, 0, totals[0]);
}

static bool
merge_dataset(const Selection *selection, void *data, GError **error)
{
    Merge *merge = data;
    const SymbolView *symbols = selection->dataset->symbols;
    g_autofree int64_t *totals = accumulate(merge->query, selection, error);
    if (totals == NULL)
        return false;
    g_autoptr(LocationLines) lines = location_lines_new(merge->query, selection->dataset, totals);
    g_autofree uint8_t *marks = NULL;
    if (!stack_filter_mark(merge->query, symbols, lines, &marks, error))
        return false;
    for (uint32_t i = 0; marks != NULL && i < symbols->n_nodes; i++) {
        if (!marks[i])
            totals[i] = 0;
    }
    if (lines != NULL) {
        add_locations(merge->builder, symbols, totals, lines);
    } else {
        g_autofree int64_t *values = fold(symbols, totals);
        add_nodes(merge->builder, symbols, values);
    }
    return select_check_items(merge->query, tree_builder_size(merge->builder), error);
}

static void *
attempt(const Query *query, const void *data, GError **error)
{
    (void)data;
    g_autoptr(TreeBuilder) builder = tree_builder_new();
    Merge merge = {builder, query};
    if (!select_visit(query, query->start_ns, query->end_ns, select_detail(query), merge_dataset,
                      &merge, error))
        return NULL;
    return tree_builder_finish(builder);
}

static void
free_tree(void *tree)
{
    tree_free(tree);
}

Tree *
query_tree(const Query *query, GError **error)
{
    return query_retry(query, attempt, NULL, free_tree, error);
}
