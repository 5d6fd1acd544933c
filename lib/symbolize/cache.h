/* Resolved lines by (file, address), in bounded memory, shared by all processes of the node.
 *
 * Two generations of half the size each: when the young one is full it becomes the old one and the
 * former old one is dropped; what is found in the old one is copied over. So what is in use stays,
 * without bookkeeping per access. Results also live here: their positions hold until the next
 * symbol_cache_begin(). Not thread-safe. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/pprof/table.h"

typedef struct SymbolCache SymbolCache;

typedef struct {
    uint32_t name, system_name, file; /* entries of the cache's strings */
    uint32_t line, start_line;
} CachedLine;

/* The lines of one address: a range of symbol_cache_lines(). */
typedef struct {
    uint32_t first, n;
} CachedLines;

SymbolCache *symbol_cache_new(size_t bytes_max);
void symbol_cache_free(SymbolCache *cache);

/* Starts a unit of work; earlier results end. */
void symbol_cache_begin(SymbolCache *cache);
bool symbol_cache_find(SymbolCache *cache, uint64_t file, uint64_t address, CachedLines *ret_lines);

uint32_t symbol_cache_string(SymbolCache *cache, const char *text, size_t length);
/* Appends a line to the last result that was begun; see symbol_cache_add. */
void symbol_cache_append(SymbolCache *cache, const CachedLine *line);
/* The place where the next appended line goes. */
uint32_t symbol_cache_position(const SymbolCache *cache);
/* Remembers `lines`, appended just before, for later units of work too. */
void symbol_cache_add(SymbolCache *cache, uint64_t file, uint64_t address, CachedLines lines);

/* Valid until the next change of the cache. */
const CachedLine *symbol_cache_lines(const SymbolCache *cache);
const char *symbol_cache_text(const SymbolCache *cache, uint32_t string, size_t *ret_length);

size_t symbol_cache_bytes(const SymbolCache *cache);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SymbolCache, symbol_cache_free)
