#include "server/store/hash_index.h"

#include <string.h>

enum { SLOTS_MIN = 64 };

void
hash_index_clear(HashIndex *index)
{
    g_free(index->slots);
    *index = (HashIndex){0};
}

static void
put(HashIndex *index, HashSlot entry)
{
    uint32_t mask = index->n_slots - 1;
    uint32_t at = hash_index_start(index, entry.key);
    while (index->slots[at].id != HASH_INDEX_NONE)
        at = (at + 1) & mask;
    index->slots[at] = entry;
}

static void
grow(HashIndex *index)
{
    HashIndex grown = {.n = index->n};
    grown.n_slots = index->n_slots == 0 ? SLOTS_MIN : index->n_slots * 2;
    grown.shift = 64 - (uint32_t)__builtin_ctz(grown.n_slots);
    grown.slots = g_malloc_n(grown.n_slots, sizeof(HashSlot));
    memset(grown.slots, 0xff, (size_t)grown.n_slots * sizeof(HashSlot));
    for (uint32_t i = 0; i < index->n_slots; i++) {
        if (index->slots[i].id != HASH_INDEX_NONE)
            put(&grown, index->slots[i]);
    }
    g_free(index->slots);
    *index = grown;
}

void
hash_index_add(HashIndex *index, uint64_t key, uint32_t id)
{
    if ((uint64_t)index->n * 3 >= (uint64_t)index->n_slots * 2)
        grow(index);
    put(index, (HashSlot){key, id});
    index->n++;
}
