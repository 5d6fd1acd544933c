#include "server/query/call_site.h"
#include "server/query/query.h"
#include "server/query/select.h"

#define NO_NAME UINT32_MAX

typedef struct {
    TreeBuilder *builder;
    const Query *query;
} Merge;

/* The values of the selected rows by function node: accumulated by location node, then folded. */
static int64_t *
fold(const Query *query, const Selection *selection, GError **error)
{
    const SymbolView *symbols = selection->dataset->symbols;
    g_autofree int64_t *totals = g_new0(int64_t, (size_t)symbols->n_nodes + 1);
    if (!select_accumulate(query, selection->dataset, selection->rows, selection->n_rows, totals,
                           error))
        return NULL;
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

static bool
merge_dataset(const Selection *selection, void *data, GError **error)
{
    Merge *merge = data;
    const SymbolView *symbols = selection->dataset->symbols;
    g_autofree int64_t *values = fold(merge->query, selection, error);
    if (values == NULL)
        return false;
    g_autofree uint8_t *marks =
        call_site_mark(symbols, (const char *const *)merge->query->call_site);
    for (uint32_t i = 0; marks != NULL && i < symbols->n_function_nodes; i++) {
        if (!marks[i])
            values[i] = 0;
    }
    add_nodes(merge->builder, symbols, values);
    return true;
}

Tree *
query_tree(const Query *query, GError **error)
{
    g_autoptr(TreeBuilder) builder = tree_builder_new();
    Merge merge = {builder, query};
    if (!select_visit(query, query->start_ns, query->end_ns, select_detail(query), merge_dataset,
                      &merge, error))
        return NULL;
    return tree_builder_finish(builder);
}
