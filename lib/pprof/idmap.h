/* From the ids of a pprof table to positions in it. Encoders number from 1 without gaps, and that
 * costs nothing here; other ids go through a direct table or, when far apart, a hash table. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "include/cresset/profile.h"
#include "lib/base/arena.h"

typedef struct {
    uint32_t n;
    bool is_dense;        /* id = position + 1 */
    uint32_t *direct;     /* position by id, PROFILE_NONE where there is none */
    uint64_t direct_size; /* entries of direct */
    uint64_t *keys;       /* hash slots: the id, 0 is free */
    uint32_t *positions;  /* … and its position */
    uint32_t shift;       /* 64 - log2(slots) */
} PprofIdMap;

typedef enum { PPROF_IDS_OK, PPROF_IDS_ZERO, PPROF_IDS_DUPLICATE, PPROF_IDS_MEMORY } PprofIdsResult;

/* Maps the ids of `n` elements of `size` bytes, each beginning with its uint64_t id, in memory of
 * `arena`. *ret_position is the element that has the id 0 or the id of an earlier one. */
PprofIdsResult pprof_idmap_build(PprofIdMap *map, Arena *arena, const void *elements, uint32_t n,
                                 size_t size, uint32_t *ret_position);

uint32_t pprof_idmap_find_slow(const PprofIdMap *map, uint64_t id);

/* The position of `id`, or PROFILE_NONE. */
static inline uint32_t
pprof_idmap_find(const PprofIdMap *map, uint64_t id)
{
    if (map->is_dense)
        return id - 1 < map->n ? (uint32_t)(id - 1) : PROFILE_NONE;
    if (map->direct != NULL)
        return id < map->direct_size ? map->direct[id] : PROFILE_NONE;
    return pprof_idmap_find_slow(map, id);
}
