#include "lib/base/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
    ARENA_ALIGN = 16,
    ARENA_CHUNK_MIN = 16 * 1024,
    ARENA_CHUNK_MAX = 1024 * 1024,
};

typedef struct Chunk Chunk;
struct Chunk {
    Chunk *next;
    size_t size, used;
    _Alignas(ARENA_ALIGN) uint8_t data[];
};

struct Arena {
    Chunk *head; /* the chunk that allocations come from; older ones follow */
    size_t cap, used;
    size_t next_chunk;
};

Arena *
arena_new(size_t cap_bytes)
{
    Arena *arena = g_new0(Arena, 1);
    arena->cap = cap_bytes;
    arena->next_chunk = ARENA_CHUNK_MIN;
    return arena;
}

static void
free_chunks(Chunk *chunk)
{
    while (chunk != NULL) {
        Chunk *next = chunk->next;
        g_free(chunk);
        chunk = next;
    }
}

void
arena_free(Arena *arena)
{
    if (arena == NULL)
        return;
    free_chunks(arena->head);
    g_free(arena);
}

void
arena_reset(Arena *arena)
{
    Chunk *first = arena->head;
#ifdef ARENA_EMULATION
    free_chunks(first);
    arena->head = NULL;
#else
    if (first != NULL) {
        free_chunks(first->next);
        first->next = NULL;
        memset(first->data, 0, first->used);
        first->used = 0;
    }
#endif
    arena->used = 0;
}

/* Adds a chunk with room for `size` bytes in front of the list; false when malloc has no memory. */
static bool
add_chunk(Arena *arena, size_t size)
{
#ifdef ARENA_EMULATION
    size_t chunk_size = size;
#else
    size_t chunk_size = MAX(size, arena->next_chunk);
    arena->next_chunk = MIN(arena->next_chunk * 2, (size_t)ARENA_CHUNK_MAX);
#endif
    Chunk *chunk = g_try_malloc0(sizeof *chunk + chunk_size);
    if (chunk == NULL)
        return false;
    chunk->size = chunk_size;
    chunk->next = arena->head;
    arena->head = chunk;
    return true;
}

void *
arena_alloc(Arena *arena, size_t size)
{
    if (size > SIZE_MAX - ARENA_ALIGN)
        return NULL;
    size_t rounded = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    if (rounded > arena->cap - arena->used)
        return NULL;
    Chunk *chunk = arena->head;
    if (chunk == NULL || chunk->size - chunk->used < rounded) {
        if (!add_chunk(arena, MAX(rounded, (size_t)ARENA_ALIGN)))
            return NULL;
        chunk = arena->head;
    }
    void *memory = chunk->data + chunk->used;
    chunk->used += rounded;
    arena->used += rounded;
    return memory;
}

void *
arena_alloc_array(Arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return NULL;
    return arena_alloc(arena, bytes);
}

/* Extends the newest allocation in place by `more` rounded bytes when the chunk and the cap allow.
 */
static bool
extend_last(Arena *arena, const void *old, size_t old_rounded, size_t more)
{
    Chunk *chunk = arena->head;
    if (chunk == NULL || (const uint8_t *)old + old_rounded != chunk->data + chunk->used)
        return false;
    if (chunk->size - chunk->used < more || more > arena->cap - arena->used)
        return false;
    chunk->used += more;
    arena->used += more;
    return true;
}

void *
arena_grow_array(Arena *arena, void *old, size_t old_count, size_t new_count, size_t size)
{
    size_t new_bytes;
    if (__builtin_mul_overflow(new_count, size, &new_bytes) || new_bytes > SIZE_MAX - ARENA_ALIGN)
        return NULL;
    size_t old_bytes = old_count * size;
    size_t old_rounded = (old_bytes + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    size_t new_rounded = (new_bytes + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    if (old != NULL && new_rounded >= old_rounded &&
        extend_last(arena, old, old_rounded, new_rounded - old_rounded))
        return old;
    void *grown = arena_alloc(arena, new_bytes);
    if (grown != NULL && old != NULL && old_bytes > 0)
        memcpy(grown, old, MIN(old_bytes, new_bytes));
    return grown;
}

char *
arena_strndup(Arena *arena, const char *text, size_t length)
{
    if (length == SIZE_MAX)
        return NULL;
    char *copy = arena_alloc(arena, length + 1);
    if (copy != NULL)
        memcpy(copy, text, length);
    return copy;
}

size_t
arena_used(const Arena *arena)
{
    return arena->used;
}
