/* The symbol sections of one dataset of a block, decoded into the arrays of a SymbolView. Immutable
 * and reference-counted. */
#pragma once
#include "server/store/block.h"

typedef struct BlockSymbols {
    gatomicrefcount n_refs;
    SymbolView view; /* of the arrays, which it owns */
    size_t size;     /* bytes of the arrays, about */
} BlockSymbols;

BlockSymbols *block_symbols_load(Block *block, uint32_t dataset, GError **error);
BlockSymbols *block_symbols_ref(BlockSymbols *symbols);
void block_symbols_unref(BlockSymbols *symbols);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(BlockSymbols, block_symbols_unref)
