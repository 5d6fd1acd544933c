#include "server/store/block_symbols.h"

#include <string.h>

#include "include/cresset/limits.h"
#include "lib/base/error.h"

/* The view's arrays are const for its readers; here they are filled. */
#define FILL(type, pointer) ((type *)(uintptr_t)(pointer))

BlockSymbols *
block_symbols_ref(BlockSymbols *symbols)
{
    g_atomic_ref_count_inc(&symbols->n_refs);
    return symbols;
}

void
block_symbols_unref(BlockSymbols *symbols)
{
    if (symbols == NULL || !g_atomic_ref_count_dec(&symbols->n_refs))
        return;
    const void *arrays[] = {
        symbols->view.string_bytes,    symbols->view.string_offset, symbols->view.functions,
        symbols->view.lines,           symbols->view.mappings,      symbols->view.locations,
        symbols->view.node_parent,     symbols->view.node_location, symbols->view.function_of_node,
        symbols->view.function_parent, symbols->view.function_name,
    };
    for (size_t i = 0; i < G_N_ELEMENTS(arrays); i++)
        g_free((void *)(uintptr_t)arrays[i]);
    g_free(symbols);
}

/* A count of entries that take at least `entry_size` bytes each of what is left. */
static uint32_t
scan_count(Scan *scan, size_t entry_size)
{
    uint64_t n = scan_varint(scan);
    if (n > scan_left(scan) / entry_size)
        scan->bad = true;
    return scan->bad ? 0 : (uint32_t)n;
}

static uint32_t
scan_below(Scan *scan, uint32_t limit)
{
    uint64_t value = scan_varint(scan);
    if (value >= limit)
        scan->bad = true;
    return scan->bad ? 0 : (uint32_t)value;
}

static void
read_strings(Scan *scan, SymbolView *view)
{
    uint32_t n = view->n_strings = scan_count(scan, 1);
    uint32_t *offset = g_new0(uint32_t, (size_t)n + 1);
    view->string_offset = offset;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        sum += scan_varint32(scan);
        if (sum > scan_left(scan))
            scan->bad = true;
        offset[i + 1] = (uint32_t)sum;
        if (scan->bad)
            return;
    }
    const uint8_t *bytes = scan_bytes(scan, sum);
    if (bytes == NULL || n == 0 || offset[1] != 0)
        scan->bad = true;
    else
        view->string_bytes = g_memdup2(bytes, MAX(sum, 1u));
}

static void
read_functions(Scan *scan, SymbolView *view)
{
    uint32_t n = view->n_functions = scan_count(scan, 4);
    SymbolFunction *functions = g_new0(SymbolFunction, (size_t)n + 1);
    view->functions = functions;
    uint64_t name = 0;
    for (uint32_t i = 0; i < n; i++) {
        name += scan_varint32(scan);
        if (name >= view->n_strings)
            scan->bad = true;
        functions[i].name = (uint32_t)name;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint64_t system_name = functions[i].name + (uint64_t)unzigzag(scan_varint(scan));
        if (system_name >= view->n_strings)
            scan->bad = true;
        functions[i].system_name = (uint32_t)system_name;
    }
    for (uint32_t i = 0; i < n; i++)
        functions[i].filename = scan_below(scan, view->n_strings);
    for (uint32_t i = 0; i < n; i++)
        functions[i].start_line = scan_varint32(scan);
}

static void
read_mappings(Scan *scan, SymbolView *view)
{
    uint32_t n = view->n_mappings = scan_count(scan, 6);
    SymbolMapping *mappings = g_new0(SymbolMapping, (size_t)n + 1);
    view->mappings = mappings;
    for (uint32_t i = 0; i < n; i++)
        mappings[i].start = scan_varint(scan);
    for (uint32_t i = 0; i < n; i++)
        mappings[i].limit = scan_varint(scan);
    for (uint32_t i = 0; i < n; i++)
        mappings[i].offset = scan_varint(scan);
    for (uint32_t i = 0; i < n; i++)
        mappings[i].filename = scan_below(scan, view->n_strings);
    for (uint32_t i = 0; i < n; i++)
        mappings[i].build_id = scan_below(scan, view->n_strings);
    for (uint32_t i = 0; i < n; i++)
        mappings[i].flags = scan_varint32(scan);
}

static void
read_lines(Scan *scan, SymbolView *view)
{
    SymbolLine *lines = g_new0(SymbolLine, (size_t)view->n_lines + 1);
    view->lines = lines;
    for (uint32_t i = 0; i < view->n_lines; i++)
        lines[i].function = scan_below(scan, view->n_functions);
    for (uint32_t i = 0; i < view->n_lines; i++)
        lines[i].line = scan_varint32(scan);
}

static void
read_locations(Scan *scan, SymbolView *view)
{
    uint32_t n = view->n_locations = scan_count(scan, 4);
    view->n_lines = scan_count(scan, 2);
    SymbolLocation *locations = g_new0(SymbolLocation, (size_t)n + 1);
    view->locations = locations;
    uint64_t first_line = 0;
    for (uint32_t i = 0; i < n; i++) {
        locations[i].first_line = (uint32_t)first_line;
        locations[i].n_lines = scan_below(scan, CRESSET_LOCATION_LINES_MAX + 1);
        first_line += locations[i].n_lines;
    }
    if (first_line != view->n_lines)
        scan->bad = true;
    for (uint32_t i = 0; i < n; i++)
        locations[i].mapping = scan_below(scan, view->n_mappings + 1);
    for (uint32_t i = 0; i < n; i++)
        locations[i].address = scan_varint(scan);
    for (uint32_t i = 0; i < n; i++)
        locations[i].is_folded = scan_below(scan, 2);
    for (uint32_t i = 0; i < n; i++) {
        if (locations[i].n_lines == 0)
            locations[i].first_line = scan_below(scan, view->n_strings);
    }
    read_lines(scan, view);
}

static void
read_function_trie(Scan *scan, SymbolView *view)
{
    uint64_t count = scan_varint(scan);
    if (count == 0 || count - 1 > scan_left(scan) / 2)
        scan->bad = true;
    uint32_t n = view->n_function_nodes = scan->bad ? 0 : (uint32_t)count;
    uint32_t *parent = g_new0(uint32_t, (size_t)n + 1), *name = g_new0(uint32_t, (size_t)n + 1);
    view->function_parent = parent;
    view->function_name = name;
    for (uint32_t i = 1, above = 0; i < n && !scan->bad; i++) {
        /* `above` is the node before; levels up from it leads to the parent. */
        for (uint32_t up = scan_varint32(scan); up > 0 && !scan->bad; up--) {
            if (above == 0)
                scan->bad = true;
            above = parent[above];
        }
        parent[i] = above;
        above = i;
    }
    for (uint32_t i = 1; i < n; i++)
        name[i] = scan_below(scan, view->n_strings);
}

/* The number of location nodes is what the map sums up to; the first location node of each function
 * node goes to first_node. */
static uint32_t *
read_node_map(Scan *scan, SymbolView *view, uint32_t n_nodes_max)
{
    uint32_t *first_node = g_new0(uint32_t, (size_t)view->n_function_nodes + 2);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < view->n_function_nodes; i++) {
        sum += scan_varint32(scan);
        if (sum > n_nodes_max)
            scan->bad = true;
        first_node[i + 1] = scan->bad ? first_node[i] : (uint32_t)sum;
    }
    if (scan->bad || view->n_function_nodes == 0 || first_node[1] != 1) {
        scan->bad = true;
        return first_node;
    }
    view->n_nodes = (uint32_t)sum;
    uint32_t *function_of_node = g_new(uint32_t, (size_t)sum + 1);
    view->function_of_node = function_of_node;
    for (uint32_t i = 0; i < view->n_function_nodes; i++) {
        for (uint32_t node = first_node[i]; node < first_node[i + 1]; node++)
            function_of_node[node] = i;
    }
    return first_node;
}

/* The first location sorted under each string. */
static uint32_t *
first_locations(Scan *scan, const SymbolView *view)
{
    uint32_t *first = g_new0(uint32_t, (size_t)view->n_strings + 2);
    uint32_t last = 0;
    for (uint32_t i = 0; i < view->n_locations; i++) {
        const SymbolLocation *location = &view->locations[i];
        uint32_t name = location->n_lines == 0
                            ? location->first_line
                            : view->functions[view->lines[location->first_line].function].name;
        if (name < last) {
            scan->bad = true;
            break;
        }
        last = name;
        first[name + 1]++;
    }
    for (uint32_t i = 0; i < view->n_strings; i++)
        first[i + 1] += first[i];
    return first;
}

static void
read_node_locations(Scan *scan, SymbolView *view, uint32_t *locations)
{
    g_autofree uint32_t *first = first_locations(scan, view);
    for (uint32_t i = 1; i < view->n_nodes && !scan->bad; i++) {
        uint32_t name = view->function_name[view->function_of_node[i]];
        locations[i] = first[name] + scan_below(scan, first[name + 1] - first[name]);
    }
}

static void
read_nodes(Scan *scan, SymbolView *view, const uint32_t *first_node)
{
    uint32_t *parents = g_new0(uint32_t, (size_t)view->n_nodes + 1);
    uint32_t *locations = g_new0(uint32_t, (size_t)view->n_nodes + 1);
    view->node_parent = parents;
    view->node_location = locations;
    read_node_locations(scan, view, locations);
    for (uint32_t i = 1; i < view->n_nodes && !scan->bad; i++) {
        uint32_t above = view->function_of_node[i];
        for (uint32_t up = MAX(view->locations[locations[i]].n_lines, 1u); up > 0; up--) {
            if (above == 0)
                scan->bad = true;
            above = view->function_parent[above];
        }
        parents[i] =
            first_node[above] + scan_below(scan, first_node[above + 1] - first_node[above]);
        if (parents[i] >= i)
            scan->bad = true;
    }
}

typedef void (*ReadSection)(Scan *scan, SymbolView *view);

static bool
finish(const Scan *scan, BlockSectionType type, uint32_t dataset, GError **error)
{
    if (!scan->bad && scan_left(scan) == 0)
        return true;
    return error_set(error, CRESSET_ERROR_DATA_LOSS, "block: section %u of dataset %u is not valid",
                     type, dataset);
}

static bool
load(Block *block, uint32_t dataset, BlockSectionType type, ReadSection read, SymbolView *view,
     GError **error)
{
    g_auto(BlockSection) section = {0};
    if (!block_section_read(block, type, dataset, &section, error))
        return false;
    Scan scan = scan_of(section.data, section.size);
    read(&scan, view);
    return finish(&scan, type, dataset, error);
}

static bool
load_nodes(Block *block, uint32_t dataset, SymbolView *view, GError **error)
{
    g_auto(BlockSection) map = {0}, nodes = {0};
    if (!block_section_read(block, BLOCK_NODE_MAP, dataset, &map, error) ||
        !block_section_read(block, BLOCK_NODES, dataset, &nodes, error))
        return false;
    Scan scan = scan_of(map.data, map.size);
    g_autofree uint32_t *first_node =
        read_node_map(&scan, view, (uint32_t)MIN(nodes.size / 2 + 1, UINT32_MAX));
    if (!finish(&scan, BLOCK_NODE_MAP, dataset, error))
        return false;
    scan = scan_of(nodes.data, nodes.size);
    read_nodes(&scan, view, first_node);
    return finish(&scan, BLOCK_NODES, dataset, error);
}

static size_t
size_of(const SymbolView *view)
{
    return view->string_offset[view->n_strings] + view->n_strings * sizeof(uint32_t) +
           view->n_functions * sizeof(SymbolFunction) + view->n_lines * sizeof(SymbolLine) +
           view->n_mappings * sizeof(SymbolMapping) + view->n_locations * sizeof(SymbolLocation) +
           view->n_nodes * 3 * sizeof(uint32_t) + view->n_function_nodes * 2 * sizeof(uint32_t);
}

BlockSymbols *
block_symbols_load(Block *block, uint32_t dataset, GError **error)
{
    g_autoptr(BlockSymbols) symbols = g_new0(BlockSymbols, 1);
    g_atomic_ref_count_init(&symbols->n_refs);
    SymbolView *view = &symbols->view;
    if (!load(block, dataset, BLOCK_STRINGS, read_strings, view, error) ||
        !load(block, dataset, BLOCK_FUNCTIONS, read_functions, view, error) ||
        !load(block, dataset, BLOCK_MAPPINGS, read_mappings, view, error) ||
        !load(block, dataset, BLOCK_LOCATIONS, read_locations, view, error) ||
        !load(block, dataset, BLOCK_FUNCTION_TRIE, read_function_trie, view, error) ||
        !load_nodes(block, dataset, view, error))
        return NULL;
    symbols->size = sizeof *symbols + size_of(view);
    return g_steal_pointer(&symbols);
}
