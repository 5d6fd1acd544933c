#include "server/store/block_order.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    const HeadView *view;
    BlockOrder *order;
} Sort;

#define COMPARE(a, b)                                                                              \
    do {                                                                                           \
        if ((a) != (b))                                                                            \
            return (a) < (b) ? -1 : 1;                                                             \
    } while (0)

static void
sort_ids(BlockIds *ids, uint32_t n, GCompareDataFunc compare, Sort *sort)
{
    ids->n = n;
    ids->old = g_new(uint32_t, (size_t)n + 1);
    ids->new = g_new(uint32_t, (size_t)n + 1);
    for (uint32_t i = 0; i < n; i++)
        ids->old[i] = i;
    qsort_r(ids->old, n, sizeof(uint32_t), compare, sort);
    for (uint32_t i = 0; i < n; i++)
        ids->new[ids->old[i]] = i;
}

static int
compare_strings(const void *a, const void *b, void *data)
{
    const SymbolView *symbols = &((Sort *)data)->view->symbols;
    uint32_t one_length, other_length;
    const char *one = symbol_string(symbols, *(const uint32_t *)a, &one_length);
    const char *other = symbol_string(symbols, *(const uint32_t *)b, &other_length);
    int result = memcmp(one, other, MIN(one_length, other_length));
    if (result != 0)
        return result;
    COMPARE(one_length, other_length);
    return 0;
}

static int
compare_functions(const void *a, const void *b, void *data)
{
    const Sort *sort = data;
    const uint32_t *strings = sort->order->strings.new;
    const SymbolFunction *one = &sort->view->symbols.functions[*(const uint32_t *)a];
    const SymbolFunction *other = &sort->view->symbols.functions[*(const uint32_t *)b];
    COMPARE(strings[one->name], strings[other->name]);
    COMPARE(strings[one->system_name], strings[other->system_name]);
    COMPARE(strings[one->filename], strings[other->filename]);
    COMPARE(one->start_line, other->start_line);
    return 0;
}

static int
compare_mappings(const void *a, const void *b, void *data)
{
    const Sort *sort = data;
    const uint32_t *strings = sort->order->strings.new;
    const SymbolMapping *one = &sort->view->symbols.mappings[*(const uint32_t *)a];
    const SymbolMapping *other = &sort->view->symbols.mappings[*(const uint32_t *)b];
    COMPARE(strings[one->filename], strings[other->filename]);
    COMPARE(strings[one->build_id], strings[other->build_id]);
    COMPARE(one->start, other->start);
    COMPARE(*(const uint32_t *)a, *(const uint32_t *)b);
    return 0;
}

static int
compare_locations(const void *a, const void *b, void *data)
{
    const Sort *sort = data;
    const SymbolView *symbols = &sort->view->symbols;
    uint32_t first = *(const uint32_t *)a, second = *(const uint32_t *)b;
    const SymbolLocation *one = &symbols->locations[first];
    const SymbolLocation *other = &symbols->locations[second];
    uint32_t one_name = sort->order->strings.new[block_location_name(symbols, first)];
    uint32_t other_name = sort->order->strings.new[block_location_name(symbols, second)];
    COMPARE(one_name, other_name);
    COMPARE(one->n_lines, other->n_lines);
    for (uint32_t i = 0; i < one->n_lines; i++) {
        const SymbolLine *one_line = &symbols->lines[one->first_line + i];
        const SymbolLine *other_line = &symbols->lines[other->first_line + i];
        COMPARE(sort->order->functions.new[one_line->function],
                sort->order->functions.new[other_line->function]);
        COMPARE(one_line->line, other_line->line);
    }
    COMPARE(one->address, other->address);
    COMPARE(first, second);
    return 0;
}

static int
compare_siblings(const void *a, const void *b, void *data)
{
    const Sort *sort = data;
    const SymbolView *symbols = &sort->view->symbols;
    uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;
    COMPARE(symbols->function_parent[one], symbols->function_parent[other]);
    COMPARE(sort->order->strings.new[symbols->function_name[one]],
            sort->order->strings.new[symbols->function_name[other]]);
    COMPARE(one, other); /* the root before a child of it without a name */
    return 0;
}

/* Numbers the function trie in pre-order. In: the ids sorted by parent and name. */
static void
order_function_nodes(BlockIds *ids, uint32_t n, Sort *sort)
{
    const uint32_t *parent = sort->view->symbols.function_parent;
    sort_ids(ids, n, compare_siblings, sort);
    g_autofree uint32_t *sorted = g_memdup2(ids->old, (n + 1) * sizeof(uint32_t));
    g_autofree uint32_t *first = g_new0(uint32_t, (size_t)n + 1);
    for (uint32_t i = 1; i < n; i++)
        first[parent[i] + 1]++;
    first[0] = 1; /* behind the root, which is its own parent and sorts first */
    for (uint32_t i = 0; i < n; i++)
        first[i + 1] += first[i];
    g_autofree uint32_t *stack = g_new(uint32_t, (size_t)n + 1);
    uint32_t depth = 0, next = 0;
    stack[depth++] = 0;
    while (depth > 0) {
        uint32_t node = stack[--depth];
        ids->old[next] = node;
        ids->new[node] = next++;
        for (uint32_t i = first[node + 1]; i-- > first[node];)
            stack[depth++] = sorted[i];
    }
}

typedef struct {
    uint32_t parent, location, node;
} NodeKey;

static int
compare_node_keys(const void *a, const void *b)
{
    const NodeKey *one = a, *other = b;
    COMPARE(one->parent, other->parent);
    COMPARE(one->location, other->location);
    return 0;
}

/* Numbers the location nodes, one function node after the other: a parent's function node comes
 * before its children's, so that its new number is known when it is needed. */
static void
order_nodes(BlockIds *ids, uint32_t n, uint32_t n_function_nodes, Sort *sort)
{
    const SymbolView *symbols = &sort->view->symbols;
    const uint32_t *function_new = sort->order->function_nodes.new;
    ids->n = n;
    ids->old = g_new(uint32_t, (size_t)n + 1);
    ids->new = g_new(uint32_t, (size_t)n + 1);
    g_autofree uint32_t *end = g_new0(uint32_t, (size_t)n_function_nodes + 1);
    g_autofree NodeKey *keys = g_new(NodeKey, (size_t)n + 1);
    for (uint32_t i = 0; i < n; i++)
        end[function_new[symbols->function_of_node[i]] + 1]++;
    for (uint32_t i = 0; i < n_function_nodes; i++)
        end[i + 1] += end[i];
    for (uint32_t i = 0; i < n; i++)
        keys[end[function_new[symbols->function_of_node[i]]]++].node = i;
    for (uint32_t i = 0, start = 0; i < n_function_nodes; start = end[i++]) {
        for (uint32_t at = start; at < end[i]; at++) {
            NodeKey *key = &keys[at];
            key->parent = key->node == 0 ? 0 : ids->new[symbols->node_parent[key->node]];
            key->location =
                key->node == 0 ? 0 : sort->order->locations.new[symbols->node_location[key->node]];
        }
        if (end[i] - start > 1)
            qsort(keys + start, end[i] - start, sizeof *keys, compare_node_keys);
        for (uint32_t at = start; at < end[i]; at++) {
            ids->old[at] = keys[at].node;
            ids->new[keys[at].node] = at;
        }
    }
}

static int
compare_series(const void *a, const void *b, void *data)
{
    const Sort *sort = data;
    const Labels *one = sort->view->series[*(const uint32_t *)a];
    const Labels *other = sort->view->series[*(const uint32_t *)b];
    int result =
        g_strcmp0(labels_get(one, "__profile_type__"), labels_get(other, "__profile_type__"));
    return result != 0 ? result : labels_compare(one, other);
}

static int
compare_rows(const void *a, const void *b, void *data)
{
    const Sort *sort = data;
    uint32_t first = *(const uint32_t *)a, second = *(const uint32_t *)b;
    const HeadRow *one = &sort->view->rows[first], *other = &sort->view->rows[second];
    COMPARE(sort->order->series.new[one->series], sort->order->series.new[other->series]);
    COMPARE(one->time_ns, other->time_ns);
    COMPARE(first, second);
    return 0;
}

void
block_order_init(BlockOrder *order, const HeadView *view)
{
    const SymbolView *symbols = &view->symbols;
    Sort sort = {view, order};
    memset(order, 0, sizeof *order);
    sort_ids(&order->strings, symbols->n_strings, compare_strings, &sort);
    sort_ids(&order->functions, symbols->n_functions, compare_functions, &sort);
    sort_ids(&order->mappings, symbols->n_mappings, compare_mappings, &sort);
    sort_ids(&order->locations, symbols->n_locations, compare_locations, &sort);
    order_function_nodes(&order->function_nodes, symbols->n_function_nodes, &sort);
    order_nodes(&order->nodes, symbols->n_nodes, symbols->n_function_nodes, &sort);
    sort_ids(&order->series, view->n_series, compare_series, &sort);
    sort_ids(&order->rows, view->n_rows, compare_rows, &sort);
}

void
block_order_clear(BlockOrder *order)
{
    BlockIds *all[] = {
        &order->strings,        &order->functions, &order->mappings, &order->locations,
        &order->function_nodes, &order->nodes,     &order->series,   &order->rows};
    for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
        g_free(all[i]->old);
        g_free(all[i]->new);
    }
    memset(order, 0, sizeof *order);
}
