#include "lib/symbolize/line_cache.h"

#include <xxhash.h>

typedef struct {
    uint64_t file, address;
    CachedLines lines;
} Slot; /* lines.first UINT32_MAX: empty */

typedef struct {
    Slot *slots;
    uint32_t n_slots, n_used; /* n_slots is a power of two or 0 */
    GArray *lines;            /* CachedLine */
    PprofTable strings;
} Generation;

struct LineCache {
    Generation young, old;
    size_t bytes_max;
};

enum { SLOTS_MIN = 256 };

static void
generation_init(Generation *generation)
{
    *generation = (Generation){.lines = g_array_new(FALSE, FALSE, sizeof(CachedLine))};
    pprof_table_intern(&generation->strings, "", 0);
}

static void
generation_clear(Generation *generation)
{
    g_free(generation->slots);
    g_array_unref(generation->lines);
    pprof_table_clear(&generation->strings);
}

static size_t
generation_bytes(const Generation *generation)
{
    return generation->n_slots * sizeof(Slot) + generation->lines->len * sizeof(CachedLine) +
           generation->strings.bytes.capacity +
           generation->strings.capacity * (sizeof(size_t) + sizeof(uint32_t)) +
           generation->strings.n_slots * sizeof(uint32_t);
}

LineCache *
line_cache_new(size_t bytes_max)
{
    LineCache *cache = g_new0(LineCache, 1);
    cache->bytes_max = bytes_max;
    generation_init(&cache->young);
    generation_init(&cache->old);
    return cache;
}

void
line_cache_free(LineCache *cache)
{
    if (cache == NULL)
        return;
    generation_clear(&cache->young);
    generation_clear(&cache->old);
    g_free(cache);
}

void
line_cache_begin(LineCache *cache)
{
    if (generation_bytes(&cache->young) <= cache->bytes_max / 2)
        return;
    generation_clear(&cache->old);
    cache->old = cache->young;
    generation_init(&cache->young);
}

/* The slot of the key, or the empty one where it belongs. */
static Slot *
find_slot(const Generation *generation, uint64_t file, uint64_t address)
{
    uint64_t key[2] = {file, address};
    uint32_t mask = generation->n_slots - 1;
    for (uint32_t i = (uint32_t)XXH3_64bits(key, sizeof(key)) & mask;; i = (i + 1) & mask) {
        Slot *slot = &generation->slots[i];
        if (slot->lines.first == UINT32_MAX || (slot->file == file && slot->address == address))
            return slot;
    }
}

static void
generation_grow(Generation *generation)
{
    Generation grown = *generation;
    grown.n_slots = MAX(generation->n_slots * 2, SLOTS_MIN);
    grown.slots = g_new(Slot, grown.n_slots);
    for (uint32_t i = 0; i < grown.n_slots; i++)
        grown.slots[i].lines.first = UINT32_MAX;
    for (uint32_t i = 0; i < generation->n_slots; i++) {
        const Slot *slot = &generation->slots[i];
        if (slot->lines.first != UINT32_MAX)
            *find_slot(&grown, slot->file, slot->address) = *slot;
    }
    g_free(generation->slots);
    *generation = grown;
}

void
line_cache_add(LineCache *cache, uint64_t file, uint64_t address, CachedLines lines)
{
    Generation *young = &cache->young;
    if (young->n_used >= young->n_slots / 4 * 3)
        generation_grow(young);
    Slot *slot = find_slot(young, file, address);
    young->n_used += slot->lines.first == UINT32_MAX;
    *slot = (Slot){file, address, lines};
}

static uint32_t
move_string(LineCache *cache, uint32_t string)
{
    size_t length;
    const uint8_t *text = pprof_table_get(&cache->old.strings, string, &length);
    return pprof_table_intern(&cache->young.strings, text, length);
}

static CachedLines
move_lines(LineCache *cache, CachedLines from)
{
    CachedLines to = {cache->young.lines->len, from.n};
    for (uint32_t i = 0; i < from.n; i++) {
        CachedLine line = g_array_index(cache->old.lines, CachedLine, from.first + i);
        line.name = move_string(cache, line.name);
        line.system_name = move_string(cache, line.system_name);
        line.file = move_string(cache, line.file);
        g_array_append_val(cache->young.lines, line);
    }
    return to;
}

bool
line_cache_find(LineCache *cache, uint64_t file, uint64_t address, CachedLines *ret_lines)
{
    const Slot *slot = NULL;
    if (cache->young.n_slots > 0)
        slot = find_slot(&cache->young, file, address);
    if (slot != NULL && slot->lines.first != UINT32_MAX) {
        *ret_lines = slot->lines;
        return true;
    }
    if (cache->old.n_slots == 0)
        return false;
    slot = find_slot(&cache->old, file, address);
    if (slot->lines.first == UINT32_MAX)
        return false;
    *ret_lines = move_lines(cache, slot->lines);
    line_cache_add(cache, file, address, *ret_lines);
    return true;
}

uint32_t
line_cache_string(LineCache *cache, const char *text, size_t length)
{
    return pprof_table_intern(&cache->young.strings, text, length);
}

void
line_cache_append(LineCache *cache, const CachedLine *line)
{
    g_array_append_val(cache->young.lines, *line);
}

uint32_t
line_cache_position(const LineCache *cache)
{
    return cache->young.lines->len;
}

const CachedLine *
line_cache_lines(const LineCache *cache)
{
    return (const CachedLine *)(const void *)cache->young.lines->data;
}

const char *
line_cache_text(const LineCache *cache, uint32_t string, size_t *ret_length)
{
    return (const char *)pprof_table_get(&cache->young.strings, string, ret_length);
}

size_t
line_cache_bytes(const LineCache *cache)
{
    return generation_bytes(&cache->young) + generation_bytes(&cache->old);
}
