/* A capped bump allocator: one arena per unit of work (a request, a decoded profile, a window).
 *
 * Memory is given back all at once. The cap bounds what one input may cost: an allocation beyond it
 * returns NULL and the caller turns that into a named error, never into an abort. Built with
 * -DARENA_EMULATION every allocation is a malloc of its own, so that AddressSanitizer sees overruns
 * between neighbours. Not thread-safe. */
#pragma once
#include <glib.h>
#include <stddef.h>

typedef struct Arena Arena;

/* Returns an arena that hands out at most `cap_bytes` in all. */
Arena *arena_new(size_t cap_bytes);
/* Frees everything; NULL is allowed. */
void arena_free(Arena *arena);
/* Forgets every allocation; keeps the first chunk for reuse. */
void arena_reset(Arena *arena);

/* Returns `size` zeroed bytes aligned to 16, or NULL when the cap would be exceeded.
 * A size of 0 returns a valid pointer to nothing. */
void *arena_alloc(Arena *arena, size_t size);
/* Returns `count` zeroed elements of `size` bytes; NULL over the cap or when the product overflows.
 */
void *arena_alloc_array(Arena *arena, size_t count, size_t size);
/* Grows the array `old` of `old_count` elements to `new_count` (in place when it was the last
 * allocation); new elements are zeroed. NULL over the cap, `old` stays valid then. */
void *arena_grow_array(Arena *arena, void *old, size_t old_count, size_t new_count, size_t size);
/* Returns a NUL-terminated copy of `length` bytes of `text`, or NULL over the cap. */
char *arena_strndup(Arena *arena, const char *text, size_t length);

/* Bytes handed out since the last reset. */
size_t arena_used(const Arena *arena);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Arena, arena_free)
