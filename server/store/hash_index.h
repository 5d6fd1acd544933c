/* An open-addressing index from 64-bit keys to 32-bit ids.
 *
 * The key is the exact key where it fits 64 bits (a trie edge) or a seeded hash of the content. The
 * caller compares contents then, unless equal hashes of a stack or path are as good as none. Equal
 * keys may stand more than once. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define HASH_INDEX_NONE UINT32_MAX

typedef struct {
    uint64_t key;
    uint32_t id; /* HASH_INDEX_NONE is an empty slot */
} HashSlot;

typedef struct {
    HashSlot *slots;
    uint32_t n, n_slots; /* n_slots is 0 or a power of two */
    uint32_t shift;      /* 64 - log2(n_slots) */
} HashIndex;

void hash_index_clear(HashIndex *index);
/* Adds an entry; the key may be there already. */
void hash_index_add(HashIndex *index, uint64_t key, uint32_t id);

static inline uint32_t
hash_index_start(const HashIndex *index, uint64_t key)
{
    return (uint32_t)((key * 0x9E3779B97F4A7C15ull) >> index->shift);
}

/* Has the slot where a lookup of `key` begins brought near. */
static inline void
hash_index_prefetch(const HashIndex *index, uint64_t key)
{
    if (index->n_slots > 0)
        __builtin_prefetch(&index->slots[hash_index_start(index, key)]);
}

/* Steps through the ids stored under `key`. Begin with *at = hash_index_start(); returns
 * HASH_INDEX_NONE at the end. */
static inline uint32_t
hash_index_next(const HashIndex *index, uint64_t key, uint32_t *at)
{
    if (index->n_slots == 0)
        return HASH_INDEX_NONE;
    for (uint32_t mask = index->n_slots - 1;;) {
        HashSlot slot = index->slots[*at];
        if (slot.id == HASH_INDEX_NONE)
            return HASH_INDEX_NONE;
        *at = (*at + 1) & mask;
        if (slot.key == key)
            return slot.id;
    }
}

/* The first id under `key`, or HASH_INDEX_NONE. */
static inline uint32_t
hash_index_get(const HashIndex *index, uint64_t key)
{
    uint32_t at = index->n_slots > 0 ? hash_index_start(index, key) : 0;
    return hash_index_next(index, key, &at);
}
