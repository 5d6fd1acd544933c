/* The symbol sections of one dataset of a block, decoded into the arrays of a SymbolView. */
#pragma once
#include "server/store/block.h"

typedef struct {
    SymbolView view; /* of the arrays, which it owns */
} BlockSymbols;

BlockSymbols *block_symbols_load(Block *block, uint32_t dataset, GError **error);
void block_symbols_free(BlockSymbols *symbols);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(BlockSymbols, block_symbols_free)
