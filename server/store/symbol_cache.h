/* Decoded symbol tables of blocks, kept for the next query up to a number of bytes; the longest
 * unused go first. Any thread. */
#pragma once
#include "server/store/block_symbols.h"

typedef struct SymbolCache SymbolCache;

SymbolCache *symbol_cache_new(size_t bytes_max);
/* Whoever still holds symbols keeps them. NULL is allowed. */
void symbol_cache_free(SymbolCache *cache);

/* The symbols of dataset `number` of the block with this serial number, referenced; NULL when they
 * are not there. */
BlockSymbols *symbol_cache_get(SymbolCache *cache, uint64_t serial, uint32_t number);
void symbol_cache_put(SymbolCache *cache, uint64_t serial, uint32_t number, BlockSymbols *symbols);
