/* Open blocks by id, the longest unused given back first. */
#pragma once
#include "server/store/block.h"

typedef struct {
    GMutex lock;
    GHashTable *blocks; /* id → link of `used` */
    GQueue used;        /* most recently used first */
    unsigned n_max;
} BlockCache;

void block_cache_init(BlockCache *cache, unsigned n_max);
void block_cache_clear(BlockCache *cache);
/* The block of file `path`, referenced. */
Block *
block_cache_get(BlockCache *cache, Disk *disk, const char *id, const char *path, GError **error);
void block_cache_drop(BlockCache *cache, const char *id);
