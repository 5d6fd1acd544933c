#include "server/http/http2_memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Of a frame without its header: the smallest that an end point must take (RFC 9113, 4.2), and what
 * the buffer for it has at least. */
enum { FRAME_BYTES = 16384, PAGE_BYTES = 4096 };

/* Remembers a block of whole pages in *ret_pages. */
static void *
allocate_pages(size_t size, Http2Pages *ret_pages)
{
    size_t whole = (size + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
    *ret_pages = (Http2Pages){aligned_alloc(PAGE_BYTES, whole), whole};
    return ret_pages->data;
}

/* The pages that are this block; NULL when it is another one. */
static Http2Pages *
pages_of(Http2Memory *memory, const void *block)
{
    return block == memory->frames.data  ? &memory->frames
           : block == memory->table.data ? &memory->table
                                         : NULL;
}

static void
forget(Http2Pages *pages)
{
    if (pages != NULL)
        pages->data = NULL;
}

static void *
allocate(size_t size, void *data)
{
    Http2Memory *memory = data;
    return size < FRAME_BYTES || memory->frames.data != NULL
               ? malloc(size)
               : allocate_pages(size, &memory->frames);
}

static void
release(void *block, void *data)
{
    forget(pages_of(data, block));
    free(block);
}

static void *
allocate_zeroed(size_t n, size_t size, void *data)
{
    Http2Memory *memory = data;
    size_t sum;
    if (__builtin_mul_overflow(n, size, &sum))
        return NULL;
    if (sum < PAGE_BYTES || memory->table.data != NULL)
        return calloc(n, size);
    void *block = allocate_pages(sum, &memory->table);
    return block != NULL ? memset(block, 0, memory->table.size) : NULL;
}

static void *
resize(void *block, size_t size, void *data)
{
    if (block == NULL)
        return allocate(size, data);
    Http2Pages *pages = pages_of(data, block);
    void *moved = realloc(block, size);
    if (moved != NULL)
        forget(pages);
    return moved;
}

nghttp2_mem
http2_memory_functions(Http2Memory *memory)
{
    return (nghttp2_mem){memory, allocate, release, allocate_zeroed, resize};
}

static int
is_zero(const Http2Pages *pages)
{
    const char *bytes = pages->data;
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, pages->size - 1) == 0;
}

void
http2_memory_rest(Http2Memory *memory)
{
    if (memory->frames.data != NULL)
        (void)madvise(memory->frames.data, memory->frames.size, MADV_DONTNEED);
    if (memory->table.data != NULL && is_zero(&memory->table))
        (void)madvise(memory->table.data, memory->table.size, MADV_DONTNEED);
}
