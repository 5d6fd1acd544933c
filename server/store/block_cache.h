/* Open blocks by id, the longest unused given back first, and their decoded symbols. */
#pragma once
#include "server/store/block.h"
#include "server/store/symbol_cache.h"

typedef struct {
    GMutex lock;
    GHashTable *blocks; /* id → link of `used` */
    GQueue used;        /* most recently used first */
    unsigned n_max;
    SymbolCache *symbols;
} BlockCache;

void block_cache_init(BlockCache *cache, unsigned n_max, size_t symbol_bytes_max);
void block_cache_clear(BlockCache *cache);
/* The block of file `path`, referenced. */
Block *
block_cache_get(BlockCache *cache, Disk *disk, const char *id, const char *path, GError **error);
void block_cache_drop(BlockCache *cache, const char *id);
