/* The symbol sections of a block (see block_format.h), one function each. */
#pragma once
#include "server/store/block_order.h"
#include "server/store/wire.h"

void block_put_strings(Wire *out, const SymbolView *symbols, const BlockOrder *order);
void block_put_functions(Wire *out, const SymbolView *symbols, const BlockOrder *order);
void block_put_mappings(Wire *out, const SymbolView *symbols, const BlockOrder *order);
void block_put_locations(Wire *out, const SymbolView *symbols, const BlockOrder *order);
void block_put_function_trie(Wire *out, const SymbolView *symbols, const BlockOrder *order);
void block_put_node_map(Wire *out, const SymbolView *symbols, const BlockOrder *order);
void block_put_nodes(Wire *out, const SymbolView *symbols, const BlockOrder *order);
