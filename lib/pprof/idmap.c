#include "lib/pprof/idmap.h"

#include <string.h>

/* Ids up to this many times the table's size go through a direct table. */
enum { IDMAP_SPREAD = 4, IDMAP_SPREAD_MIN = 1024 };

static uint64_t
id_at(const void *elements, uint32_t position, size_t size)
{
    uint64_t id;
    memcpy(&id, (const uint8_t *)elements + (size_t)position * size, sizeof id);
    return id;
}

static uint32_t
slot_of(const PprofIdMap *map, uint64_t id)
{
    return (uint32_t)((id * UINT64_C(0x9e3779b97f4a7c15)) >> map->shift);
}

uint32_t
pprof_idmap_find_slow(const PprofIdMap *map, uint64_t id)
{
    if (map->keys == NULL || id == 0)
        return PROFILE_NONE;
    uint32_t mask = UINT32_MAX >> (map->shift - 32);
    for (uint32_t slot = slot_of(map, id);; slot = (slot + 1) & mask) {
        if (map->keys[slot] == id)
            return map->positions[slot];
        if (map->keys[slot] == 0)
            return PROFILE_NONE;
    }
}

static PprofIdsResult
build_direct(PprofIdMap *map, Arena *arena, const void *elements, size_t size,
             uint32_t *ret_position)
{
    uint32_t *direct = arena_alloc_array(arena, map->direct_size, sizeof *direct);
    if (direct == NULL)
        return PPROF_IDS_MEMORY;
    memset(direct, 0xff, map->direct_size * sizeof *direct);
    map->direct = direct;
    for (uint32_t i = 0; i < map->n; i++) {
        uint64_t id = id_at(elements, i, size);
        *ret_position = i;
        if (direct[id] != PROFILE_NONE)
            return PPROF_IDS_DUPLICATE;
        direct[id] = i;
    }
    return PPROF_IDS_OK;
}

static PprofIdsResult
build_hash(PprofIdMap *map, Arena *arena, const void *elements, size_t size, uint32_t *ret_position)
{
    uint32_t bits = 4;
    while (bits < 32 && (UINT64_C(1) << bits) < (uint64_t)map->n * 2)
        bits++;
    size_t n_slots = (size_t)1 << bits;
    map->shift = 64 - bits;
    map->keys = arena_alloc_array(arena, n_slots, sizeof *map->keys);
    map->positions = arena_alloc_array(arena, n_slots, sizeof *map->positions);
    if (map->keys == NULL || map->positions == NULL)
        return PPROF_IDS_MEMORY;
    for (uint32_t i = 0; i < map->n; i++) {
        uint64_t id = id_at(elements, i, size);
        uint32_t slot = slot_of(map, id);
        *ret_position = i;
        for (; map->keys[slot] != 0; slot = (slot + 1) & (uint32_t)(n_slots - 1)) {
            if (map->keys[slot] == id)
                return PPROF_IDS_DUPLICATE;
        }
        map->keys[slot] = id;
        map->positions[slot] = i;
    }
    return PPROF_IDS_OK;
}

PprofIdsResult
pprof_idmap_build(PprofIdMap *map, Arena *arena, const void *elements, uint32_t n, size_t size,
                  uint32_t *ret_position)
{
    *map = (PprofIdMap){.n = n, .is_dense = true};
    uint64_t max = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t id = id_at(elements, i, size);
        if (id == 0) {
            *ret_position = i;
            return PPROF_IDS_ZERO;
        }
        map->is_dense &= id == (uint64_t)i + 1;
        max = MAX(max, id);
    }
    if (map->is_dense)
        return PPROF_IDS_OK;
    if (max < (uint64_t)n * IDMAP_SPREAD + IDMAP_SPREAD_MIN) {
        map->direct_size = max + 1;
        return build_direct(map, arena, elements, size, ret_position);
    }
    return build_hash(map, arena, elements, size, ret_position);
}
