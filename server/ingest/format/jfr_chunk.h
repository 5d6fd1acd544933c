/* One chunk of a JDK Flight Recorder file: its header, its types and its constants. A chunk stands
 * for itself; a file is any number of them. */
#pragma once
#include "server/ingest/format/jfr_types.h"

/* The pools of constants that are read. */
typedef enum {
    JFR_POOL_STACK_TRACE,
    JFR_POOL_METHOD,
    JFR_POOL_CLASS,
    JFR_POOL_SYMBOL,
    JFR_POOL_STRING,
    JFR_POOL_THREAD_STATE,
    JFR_POOLS,
} JfrPool;

/* From keys to places in the input. Sorted once it is complete. */
typedef struct {
    uint64_t key;
    uint32_t offset, length;
} JfrIndexEntry;
typedef struct {
    JfrIndexEntry *entries;
    uint32_t n, capacity;
} JfrIndex;

/* Adds what lies from `at` to `end` of an input that begins at `start`. False when the arena is
 * full. */
bool jfr_index_add(JfrIndex *index, Arena *arena, uint64_t key, const uint8_t *start,
                   const uint8_t *at, const uint8_t *end);
void jfr_index_sort(JfrIndex *index);
/* What has this key; false when there is nothing. */
bool jfr_index_find(const JfrIndex *index, uint64_t key, const uint8_t *start, WireSpan *ret_span);

typedef struct {
    const uint8_t *data;
    size_t size;
    uint64_t ticks_per_second;
    JfrTypes types;
    const JfrType *pool_types[JFR_POOLS]; /* NULL when the chunk has none */
    JfrIndex pools[JFR_POOLS];
    WireSpan events;
} JfrChunk;

/* Memory that the chunks of a file of `size` bytes may take: what `arena` should allow. */
size_t jfr_chunk_memory_max(size_t size);

/* Reads the chunk at the beginning of `data`; *chunk points into it and into `arena`.
 * INVALID_ARGUMENT when it or its constants are damaged. */
bool
jfr_chunk_open(JfrChunk *chunk, const uint8_t *data, size_t size, Arena *arena, GError **error);

/* Reads the next event: its type (NULL when it is none of the chunk's) and its fields behind the
 * type. False at the end, or with *error set when it is damaged. */
bool jfr_chunk_next(JfrChunk *chunk, JfrType **ret_type, WireSpan *ret_fields, GError **error);

/* Reads a constant; *ret_found is false when there is none of this key. */
bool jfr_chunk_constant(JfrChunk *chunk, JfrPool pool, uint64_t key, JfrValue values[JFR_FIELDS],
                        bool *ret_found, GError **error);
/* Where a string is: its own place, or that of the constant that it names. */
bool
jfr_chunk_string(JfrChunk *chunk, const JfrValue *string, WireSpan *ret_string, GError **error);
/* The text of a symbol by its key; "" when there is none. */
bool jfr_chunk_symbol(JfrChunk *chunk, uint64_t key, char **ret_text, GError **error);
