/* Resolved lines by (file, address), in bounded memory, shared by all processes of the node.
 *
 * Two generations of half the size each: when the young one is full it becomes the old one and the
 * former old one is dropped; what is found in the old one is copied over. So what is in use stays,
 * without bookkeeping per access. Results also live here: their positions hold until the next
 * line_cache_begin(). Not thread-safe. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/pprof/table.h"

typedef struct LineCache LineCache;

typedef struct {
    uint32_t name, system_name, file; /* entries of the cache's strings */
    uint32_t line, start_line;
} CachedLine;

/* The lines of one address: a range of line_cache_lines(). */
typedef struct {
    uint32_t first, n;
} CachedLines;

LineCache *line_cache_new(size_t bytes_max);
void line_cache_free(LineCache *cache);

/* Starts a unit of work; earlier results end. */
void line_cache_begin(LineCache *cache);
bool line_cache_find(LineCache *cache, uint64_t file, uint64_t address, CachedLines *ret_lines);

uint32_t line_cache_string(LineCache *cache, const char *text, size_t length);
/* Appends a line to the last result that was begun; see line_cache_add. */
void line_cache_append(LineCache *cache, const CachedLine *line);
/* The place where the next appended line goes. */
uint32_t line_cache_position(const LineCache *cache);
/* Remembers `lines`, appended just before, for later units of work too. */
void line_cache_add(LineCache *cache, uint64_t file, uint64_t address, CachedLines lines);

/* Valid until the next change of the cache. */
const CachedLine *line_cache_lines(const LineCache *cache);
const char *line_cache_text(const LineCache *cache, uint32_t string, size_t *ret_length);

size_t line_cache_bytes(const LineCache *cache);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LineCache, line_cache_free)
