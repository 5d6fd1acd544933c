#include "server/store/block_symbol_writer.h"

/* A column of values computed from old ids in new order. */
#define PUT_COLUMN(out, ids, old_id, value)                                                        \
    for (uint32_t at_ = 0; at_ < (ids)->n; at_++) {                                                \
        uint32_t old_id = (ids)->old[at_];                                                         \
        wire_put_varint(out, value);                                                               \
    }

void
block_put_strings(Wire *out, const SymbolView *symbols, const BlockOrder *order)
{
    const uint32_t *offset = symbols->string_offset;
    wire_put_varint(out, symbols->n_strings);
    PUT_COLUMN(out, &order->strings, id, offset[id + 1] - offset[id]);
    for (uint32_t i = 0; i < symbols->n_strings; i++) {
        uint32_t length, id = order->strings.old[i];
        const char *text = symbol_string(symbols, id, &length);
        wire_put(out, text, length);
    }
}

void
block_put_functions(Wire *out, const SymbolView *symbols, const BlockOrder *order)
{
    const SymbolFunction *functions = symbols->functions;
    const uint32_t *strings = order->strings.new;
    wire_put_varint(out, symbols->n_functions);
    uint32_t last = 0;
    for (uint32_t i = 0; i < symbols->n_functions; i++) {
        uint32_t name = strings[functions[order->functions.old[i]].name];
        wire_put_varint(out, name - last);
        last = name;
    }
    PUT_COLUMN(out, &order->functions, id,
               zigzag((int64_t)strings[functions[id].system_name] - strings[functions[id].name]));
    PUT_COLUMN(out, &order->functions, id, strings[functions[id].filename]);
    PUT_COLUMN(out, &order->functions, id, functions[id].start_line);
}

void
block_put_mappings(Wire *out, const SymbolView *symbols, const BlockOrder *order)
{
    const SymbolMapping *mappings = symbols->mappings;
    wire_put_varint(out, symbols->n_mappings);
    PUT_COLUMN(out, &order->mappings, id, mappings[id].start);
    PUT_COLUMN(out, &order->mappings, id, mappings[id].limit);
    PUT_COLUMN(out, &order->mappings, id, mappings[id].offset);
    PUT_COLUMN(out, &order->mappings, id, order->strings.new[mappings[id].filename]);
    PUT_COLUMN(out, &order->mappings, id, order->strings.new[mappings[id].build_id]);
    PUT_COLUMN(out, &order->mappings, id, mappings[id].flags);
}

void
block_put_locations(Wire *out, const SymbolView *symbols, const BlockOrder *order)
{
    const SymbolLocation *locations = symbols->locations;
    const BlockIds *ids = &order->locations;
    uint32_t n_lines = 0;
    for (uint32_t i = 0; i < ids->n; i++)
        n_lines += locations[i].n_lines;
    wire_put_varint(out, symbols->n_locations);
    wire_put_varint(out, n_lines);
    PUT_COLUMN(out, ids, id, locations[id].n_lines);
    PUT_COLUMN(out, ids, id,
               locations[id].mapping == 0 ? 0 : order->mappings.new[locations[id].mapping - 1] + 1);
    PUT_COLUMN(out, ids, id, locations[id].address);
    PUT_COLUMN(out, ids, id, locations[id].is_folded);
    for (uint32_t i = 0; i < ids->n; i++) {
        const SymbolLocation *location = &locations[ids->old[i]];
        if (location->n_lines == 0)
            wire_put_varint(out, order->strings.new[location->first_line]);
    }
    for (uint32_t i = 0; i < ids->n; i++) {
        const SymbolLocation *location = &locations[ids->old[i]];
        for (uint32_t j = 0; j < location->n_lines; j++) {
            uint32_t function = symbols->lines[location->first_line + j].function;
            wire_put_varint(out, order->functions.new[function]);
        }
    }
    for (uint32_t i = 0; i < ids->n; i++) {
        const SymbolLocation *location = &locations[ids->old[i]];
        for (uint32_t j = 0; j < location->n_lines; j++)
            wire_put_varint(out, symbols->lines[location->first_line + j].line);
    }
}

void
block_put_function_trie(Wire *out, const SymbolView *symbols, const BlockOrder *order)
{
    const BlockIds *ids = &order->function_nodes;
    g_autofree uint32_t *depth = g_new0(uint32_t, (size_t)ids->n + 1);
    wire_put_varint(out, ids->n);
    uint32_t before = 0;
    for (uint32_t i = 1; i < ids->n; i++) {
        uint32_t id = ids->old[i];
        depth[id] = depth[symbols->function_parent[id]] + 1;
        wire_put_varint(out, before + 1 - depth[id]);
        before = depth[id];
    }
    for (uint32_t i = 1; i < ids->n; i++)
        wire_put_varint(out, order->strings.new[symbols->function_name[ids->old[i]]]);
}

void
block_put_node_map(Wire *out, const SymbolView *symbols, const BlockOrder *order)
{
    const BlockIds *ids = &order->nodes;
    uint32_t at = 0;
    for (uint32_t node = 0; node < symbols->n_function_nodes; node++) {
        uint32_t start = at;
        while (at < ids->n &&
               order->function_nodes.new[symbols->function_of_node[ids->old[at]]] == node)
            at++;
        wire_put_varint(out, at - start);
    }
}

/* The first new id of each group of equal keys below `n_keys`. */
static uint32_t *
group_starts(const uint32_t *keys, uint32_t n, uint32_t n_keys)
{
    uint32_t *start = g_new0(uint32_t, (size_t)n_keys + 2);
    for (uint32_t i = 0; i < n; i++)
        start[keys[i] + 1]++;
    for (uint32_t i = 0; i < n_keys; i++)
        start[i + 1] += start[i];
    return start;
}

void
block_put_nodes(Wire *out, const SymbolView *symbols, const BlockOrder *order)
{
    const BlockIds *ids = &order->nodes;
    g_autofree uint32_t *names = g_new(uint32_t, (size_t)symbols->n_locations + 1);
    for (uint32_t i = 0; i < symbols->n_locations; i++)
        names[i] = order->strings.new[block_location_name(symbols, i)];
    g_autofree uint32_t *first_location =
        group_starts(names, symbols->n_locations, symbols->n_strings);
    for (uint32_t i = 1; i < ids->n; i++) {
        uint32_t location = symbols->node_location[ids->old[i]];
        wire_put_varint(out, order->locations.new[location] - first_location[names[location]]);
    }
    g_autofree uint32_t *ends = g_new(uint32_t, (size_t)ids->n + 1);
    for (uint32_t i = 0; i < ids->n; i++)
        ends[i] = order->function_nodes.new[symbols->function_of_node[i]];
    g_autofree uint32_t *first_node = group_starts(ends, ids->n, symbols->n_function_nodes);
    for (uint32_t i = 1; i < ids->n; i++) {
        uint32_t parent = symbols->node_parent[ids->old[i]];
        wire_put_varint(out, order->nodes.new[parent] - first_node[ends[parent]]);
    }
}
