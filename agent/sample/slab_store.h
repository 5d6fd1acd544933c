/* Memory that the BPF programs read, cut from mmap-able arrays of one size (slabs).
 *
 * All slabs have the same fixed size, so that BPF lookups in them are inlined and a slab is one
 * slot of one outer map; within them blocks are handed out here. A block that a BPF program may
 * still be reading is retired, and free again a second later. Any thread. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "cresset/event.h"

typedef struct SlabStore SlabStore;

typedef struct {
    uint32_t slab, offset; /* number of the slab, index of the first word */
    uint32_t words;        /* 0: no block */
} SlabBlock;

/* `outer_fd` is the map `slabs`; it may be -1 in tests, then slabs are ordinary memory. */
SlabStore *slab_store_new(int outer_fd, uint64_t max_bytes);
void slab_store_free(SlabStore *store);

/* Hands out a block of at least `words` words, at most SLAB_WORDS. RESOURCE_EXHAUSTED above
 * max_bytes. May wait some 15 ms for the kernel when it adds a slab. */
bool slab_store_alloc(SlabStore *store, uint32_t words, SlabBlock *ret_block, GError **error);
/* Gives a block back that no BPF program has seen. */
void slab_store_release(SlabStore *store, SlabBlock block);
/* Gives a block back that BPF programs may be reading. */
void slab_store_retire(SlabStore *store, SlabBlock block);
/* Frees what was retired a second ago or earlier. */
void slab_store_collect(SlabStore *store, gint64 now_us);

/* Copies `n` words to the block, from its word `at` on. */
void
slab_store_write(SlabStore *store, SlabBlock block, uint32_t at, const void *words, uint32_t n);
/* The words of a slab, SLAB_WORDS of them; NULL when there is no such slab. Valid until the next
 * slab_store_trim, so only for the thread that trims. */
uint64_t *slab_store_words(SlabStore *store, uint32_t slab);
/* Unmaps the slabs that have not been looked at for a while: mapped ones count as memory of this
 * process. */
void slab_store_trim(SlabStore *store, gint64 now_us);
uint64_t slab_store_used_bytes(SlabStore *store);
uint64_t slab_store_total_bytes(SlabStore *store);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SlabStore, slab_store_free)
