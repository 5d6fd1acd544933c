/* The order in which a block numbers the entries of a dataset, and the way from the old ids.
 *
 * Strings by bytes; functions by name, system name, file and line; locations by name, then content;
 * function nodes in pre-order with siblings by name; location nodes by function node, parent and
 * location, which makes function_of_node rise and still puts parents first; series by profile type
 * and labels; rows by series and time. */
#pragma once
#include "server/store/head.h"

/* For each table the old ids in their new order, and the new id of each old one. */
typedef struct {
    uint32_t *old, *new;
    uint32_t n;
} BlockIds;

typedef struct {
    BlockIds strings, functions, mappings, locations, function_nodes, nodes, series, rows;
} BlockOrder;

void block_order_init(BlockOrder *order, const HeadView *view);
void block_order_clear(BlockOrder *order);

/* The string (old id) that a location is sorted under: the name of its innermost function. */
static inline uint32_t
block_location_name(const SymbolView *symbols, uint32_t location)
{
    const SymbolLocation *entry = &symbols->locations[location];
    if (entry->n_lines == 0)
        return entry->first_line;
    return symbols->functions[symbols->lines[entry->first_line].function].name;
}
