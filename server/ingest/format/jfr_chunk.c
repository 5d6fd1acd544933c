#include "server/ingest/format/jfr_chunk.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"

/* The header of a chunk; all numbers are big-endian. */
enum {
    HEADER_BYTES = 68,
    HEADER_SIZE = 8,
    HEADER_CONSTANTS = 16,
    HEADER_METADATA = 24,
    HEADER_TICKS_PER_SECOND = 56,
    HEADER_FLAGS = 64,
    FLAG_COMPRESSED = 1, /* numbers are varints */
};

enum { EVENT_METADATA = 0, EVENT_CONSTANTS = 1 };

enum {
    MEMORY_PER_BYTE = 48, /* a constant of two bytes is an entry of 16, twice as its table grows;
                             a frame of four is one of 16 */
    MEMORY_MIN = 4 * 1024 * 1024,
    STEPS_PER_BYTE = 16,
    STEPS_MIN = 1024 * 1024,
};

static const char *const POOL_NAMES[JFR_POOLS] = {"jdk.types.StackTrace", "jdk.types.Method",
                                                  "java.lang.Class",      "jdk.types.Symbol",
                                                  "java.lang.String",     "jdk.types.ThreadState"};

size_t
jfr_chunk_memory_max(size_t size)
{
    return MIN(size, SIZE_MAX / 64) * MEMORY_PER_BYTE + MEMORY_MIN;
}

/* ---- Keys. ---- */

bool
jfr_index_add(JfrIndex *index, Arena *arena, uint64_t key, const uint8_t *start, const uint8_t *at,
              const uint8_t *end)
{
    if (index->n == index->capacity) {
        uint32_t larger = MAX(index->capacity * 2, 256);
        JfrIndexEntry *grown = arena_grow_array(arena, index->entries, index->capacity, larger,
                                                sizeof *index->entries);
        if (grown == NULL)
            return false;
        index->entries = grown;
        index->capacity = larger;
    }
    index->entries[index->n++] = (JfrIndexEntry){key, (uint32_t)(at - start), (uint32_t)(end - at)};
    return true;
}

static int
compare_entries(const void *a, const void *b)
{
    uint64_t left = ((const JfrIndexEntry *)a)->key, right = ((const JfrIndexEntry *)b)->key;
    return (left > right) - (left < right);
}

void
jfr_index_sort(JfrIndex *index)
{
    if (index->n > 1)
        qsort(index->entries, index->n, sizeof *index->entries, compare_entries);
}

bool
jfr_index_find(const JfrIndex *index, uint64_t key, const uint8_t *start, WireSpan *ret_span)
{
    const JfrIndexEntry wanted = {.key = key};
    const JfrIndexEntry *found = NULL;
    if (index->n > 0)
        found = bsearch(&wanted, index->entries, index->n, sizeof wanted, compare_entries);
    if (found == NULL)
        return false;
    *ret_span = (WireSpan){start + found->offset, start + found->offset + found->length};
    return true;
}

/* ---- The header. ---- */

static uint64_t
read_u64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return GUINT64_FROM_BE(value);
}

static bool
fail(GError **error, const char *what)
{
    return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "%s", what);
}

/* The event at an offset of the chunk, behind its size. */
static bool
event_at(const JfrChunk *chunk, uint64_t offset, WireSpan *ret_event)
{
    if (offset < HEADER_BYTES || offset >= chunk->size)
        return false;
    WireSpan event = {chunk->data + offset, chunk->data + chunk->size};
    const uint8_t *start = event.at;
    uint64_t size;
    if (!jfr_read_number(&event, &size) || size < (size_t)(event.at - start) ||
        size > (size_t)(event.end - start))
        return false;
    *ret_event = (WireSpan){event.at, start + size};
    return true;
}

static bool
read_header(JfrChunk *chunk, const uint8_t *data, size_t size, GError **error)
{
    if (size < HEADER_BYTES || memcmp(data, "FLR", 4) != 0)
        return fail(error, "it does not begin as a JFR chunk does");
    if (data[4] == 0 && data[5] == 0)
        return fail(error, "its version is older than 1.0, that of JDK 9");
    if ((data[HEADER_FLAGS + 3] & FLAG_COMPRESSED) == 0)
        return fail(error, "its numbers are not compressed, which no JDK writes");
    uint64_t chunk_size = read_u64(data + HEADER_SIZE);
    if (chunk_size > UINT32_MAX)
        return fail(error, "it has a chunk of 4 GiB or more");
    if (chunk_size < HEADER_BYTES || chunk_size > size)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "a chunk of %" PRIu64 " bytes does not fit into the %zu that are left",
                         chunk_size, size);
    chunk->data = data;
    chunk->size = chunk_size;
    chunk->ticks_per_second = read_u64(data + HEADER_TICKS_PER_SECOND);
    chunk->events = (WireSpan){data + HEADER_BYTES, data + chunk_size};
    return true;
}

/* ---- Constants. ---- */

/* Reads the constants of one type; only where they are is kept. */
static bool
read_pool(JfrChunk *chunk, WireSpan *at, Arena *arena, GError **error)
{
    uint64_t id, n;
    if (!jfr_read_number(at, &id) || !jfr_read_number(at, &n))
        return fail(error, "a pool of constants is cut");
    const JfrType *type = jfr_types_find(&chunk->types, id);
    if (type == NULL)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "there are constants of a type %" PRIu64 " that is not there", id);
    JfrIndex *index = NULL;
    for (size_t i = 0; i < JFR_POOLS; i++) {
        if (chunk->pool_types[i] == type)
            index = &chunk->pools[i];
    }
    while (n-- > 0) {
        uint64_t key;
        JfrValue values[JFR_FIELDS];
        if (!jfr_read_number(at, &key))
            return fail(error, "a pool of constants is cut");
        const uint8_t *start = at->at;
        if (!jfr_read_record(&chunk->types, type, at, values, error))
            return false;
        if (index != NULL && !jfr_index_add(index, arena, key, chunk->data, start, at->at))
            return fail(error, "there are too many constants for the size of the recording");
    }
    return true;
}

/* Reads the events with constants, each of which names the one before it. */
static bool
read_constants(JfrChunk *chunk, uint64_t offset, Arena *arena, GError **error)
{
    for (;;) {
        WireSpan event;
        uint64_t header[4] = {0}, n_pools; /* type, start, duration, way to the one before */
        if (!event_at(chunk, offset, &event))
            return fail(error, "the constants are not where the header says");
        for (size_t i = 0; i < G_N_ELEMENTS(header); i++) {
            if (!jfr_read_number(&event, &header[i]))
                return fail(error, "a pool of constants is cut");
        }
        if (header[0] != EVENT_CONSTANTS)
            return fail(error, "the constants are not where the header says");
        event.at += event.at < event.end; /* a byte that says why they were written */
        if (!jfr_read_number(&event, &n_pools))
            return fail(error, "a pool of constants is cut");
        while (n_pools-- > 0) {
            if (!read_pool(chunk, &event, arena, error))
                return false;
        }
        int64_t way = (int64_t)header[3];
        if (way == 0)
            return true;
        /* Only ever back, so that this ends. */
        if (way > 0 || (uint64_t)-way > offset)
            return fail(error, "the pools of constants do not follow each other");
        offset += (uint64_t)way;
    }
}

bool
jfr_chunk_open(JfrChunk *chunk, const uint8_t *data, size_t size, Arena *arena, GError **error)
{
    WireSpan metadata;
    *chunk = (JfrChunk){0};
    if (!read_header(chunk, data, size, error))
        return false;
    if (!event_at(chunk, read_u64(data + HEADER_METADATA), &metadata))
        return fail(error, "the metadata is not where the header says");
    uint64_t steps = (uint64_t)chunk->size * STEPS_PER_BYTE + STEPS_MIN;
    if (!jfr_types_read(&chunk->types, metadata, arena, steps, error))
        return false;
    for (size_t i = 0; i < JFR_POOLS; i++)
        chunk->pool_types[i] = jfr_types_find_name(&chunk->types, POOL_NAMES[i]);
    if (!read_constants(chunk, read_u64(data + HEADER_CONSTANTS), arena, error))
        return false;
    for (size_t i = 0; i < JFR_POOLS; i++)
        jfr_index_sort(&chunk->pools[i]);
    return true;
}

bool
jfr_chunk_next(JfrChunk *chunk, JfrType **ret_type, WireSpan *ret_fields, GError **error)
{
    while (chunk->events.at < chunk->events.end) {
        uint64_t offset = (uint64_t)(chunk->events.at - chunk->data), type;
        WireSpan event;
        if (!event_at(chunk, offset, &event) || !jfr_read_number(&event, &type))
            return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                             "the event at byte %" PRIu64 " is cut or has a wrong size", offset);
        chunk->events.at = event.end;
        if (type == EVENT_METADATA || type == EVENT_CONSTANTS)
            continue;
        *ret_type = jfr_types_find(&chunk->types, type);
        *ret_fields = event;
        return true;
    }
    return false;
}

bool
jfr_chunk_constant(JfrChunk *chunk, JfrPool pool, uint64_t key, JfrValue values[JFR_FIELDS],
                   bool *ret_found, GError **error)
{
    WireSpan at;
    *ret_found = jfr_index_find(&chunk->pools[pool], key, chunk->data, &at);
    return !*ret_found ||
           jfr_read_record(&chunk->types, chunk->pool_types[pool], &at, values, error);
}

bool
jfr_chunk_string(JfrChunk *chunk, const JfrValue *string, WireSpan *ret_string, GError **error)
{
    WireSpan bytes = string->bytes;
    if (bytes.at < bytes.end && *bytes.at == JFR_STRING_CONSTANT) {
        JfrValue values[JFR_FIELDS];
        uint64_t key = 0;
        bool found;
        bytes.at++;
        if (!jfr_read_number(&bytes, &key))
            key = 0; /* it was whole when it was read */
        if (!jfr_chunk_constant(chunk, JFR_POOL_STRING, key, values, &found, error))
            return false;
        bytes = found ? values[JFR_FIELD_STRING].bytes : (WireSpan){0};
    }
    *ret_string = bytes;
    return true;
}

bool
jfr_chunk_symbol(JfrChunk *chunk, uint64_t key, char **ret_text, GError **error)
{
    JfrValue values[JFR_FIELDS];
    WireSpan string = {0};
    bool found;
    if (!jfr_chunk_constant(chunk, JFR_POOL_SYMBOL, key, values, &found, error) ||
        (found && !jfr_chunk_string(chunk, &values[JFR_FIELD_STRING], &string, error)))
        return false;
    *ret_text = jfr_string_text(string);
    return true;
}
