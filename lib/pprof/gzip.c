#include "lib/pprof/gzip.h"

#include <libdeflate.h>
#include <string.h>
#include <zstd.h>

#include "lib/base/error.h"

enum {
    GZIP_MEMBER_MIN = 18, /* header and trailer of one gzip member */
    GZIP_GUESS_MIN = 4096,
};

/* What libdeflate works with, some hundred KiB for packing: making it costs more than a small
 * profile, so each thread keeps what it had last. */
typedef struct {
    struct libdeflate_compressor *compressor;
    int level;
    struct libdeflate_decompressor *decompressor;
} Tools;

static void
free_tools(void *data)
{
    Tools *tools = data;
    g_clear_pointer(&tools->compressor, libdeflate_free_compressor);
    g_clear_pointer(&tools->decompressor, libdeflate_free_decompressor);
    g_free(tools);
}

static Tools *
thread_tools(void)
{
    static GPrivate private = G_PRIVATE_INIT(free_tools);
    Tools *tools = g_private_get(&private);
    if (tools == NULL) {
        tools = g_new0(Tools, 1);
        g_private_set(&private, tools);
    }
    return tools;
}

static struct libdeflate_compressor *
thread_compressor(int level)
{
    Tools *tools = thread_tools();
    if (tools->compressor == NULL || tools->level != level) {
        g_clear_pointer(&tools->compressor, libdeflate_free_compressor);
        tools->compressor = libdeflate_alloc_compressor(level);
        tools->level = level;
    }
    g_assert(tools->compressor != NULL);
    return tools->compressor;
}

static struct libdeflate_decompressor *
thread_decompressor(void)
{
    Tools *tools = thread_tools();
    if (tools->decompressor == NULL)
        tools->decompressor = libdeflate_alloc_decompressor();
    g_assert(tools->decompressor != NULL);
    return tools->decompressor;
}

GByteArray *
gzip_compress(const uint8_t *data, size_t size, int level)
{
    struct libdeflate_compressor *compressor = thread_compressor(level);
    size_t bound = libdeflate_gzip_compress_bound(compressor, size);
    uint8_t *out = g_malloc(bound);
    size_t used = libdeflate_gzip_compress(compressor, data, size, out, bound);
    g_assert(used > 0);
    return g_byte_array_new_take(out, used);
}

GByteArray *
zstd_compress(const uint8_t *data, size_t size, int level)
{
    size_t bound = ZSTD_compressBound(size);
    uint8_t *out = g_malloc(bound);
    size_t used = ZSTD_compress(out, bound, data, size, level);
    g_assert(!ZSTD_isError(used));
    return g_byte_array_new_take(g_realloc(out, used), used);
}

GzipFormat
gzip_detect(const uint8_t *data, size_t size)
{
    if (size >= 2 && data[0] == 0x1f && data[1] == 0x8b)
        return GZIP_GZIP;
    if (size >= 4 && memcmp(data, "\x28\xb5\x2f\xfd", 4) == 0)
        return GZIP_ZSTD;
    return GZIP_PLAIN;
}

static bool
too_large(GError **error, size_t size_max)
{
    return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                     "uncompressed size is over the limit of %zu bytes", size_max);
}

/* The length that the trailer of the last member states (modulo 2^32): exact for the usual file of
 * one member, and only a first guess otherwise. */
static size_t
guess_size(const uint8_t *data, size_t size, size_t size_max)
{
    const uint8_t *tail = data + size - 4;
    size_t stated =
        (size_t)tail[0] | (size_t)tail[1] << 8 | (size_t)tail[2] << 16 | (size_t)tail[3] << 24;
    /* Deflate expands at most 1032 times: a larger statement is a lie. */
    size_t possible = size > SIZE_MAX / 1032 ? SIZE_MAX : size * 1032;
    return MIN(MAX(MIN(stated, possible), (size_t)GZIP_GUESS_MIN), size_max);
}

/* Where one member stands in the input, and the output so far. */
typedef struct {
    const uint8_t *data;
    size_t size, size_max;
    uint8_t *out;
    size_t used, capacity;
} Inflate;

/* Inflates the member at `at`; the output grows until it fits or reaches the cap. */
static bool
inflate_member(struct libdeflate_decompressor *decompressor, Inflate *job, size_t at,
               size_t *ret_in, GError **error)
{
    for (;;) {
        size_t in = 0, out = 0;
        enum libdeflate_result result = libdeflate_gzip_decompress_ex(
            decompressor, job->data + at, job->size - at, job->out + job->used,
            job->capacity - job->used, &in, &out);
        if (result == LIBDEFLATE_SUCCESS) {
            *ret_in = in;
            job->used += out;
            return true;
        }
        if (result != LIBDEFLATE_INSUFFICIENT_SPACE)
            return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                             "gzip data is damaged or cut in the member at byte %zu of %zu", at,
                             job->size);
        if (job->capacity >= job->size_max)
            return too_large(error, job->size_max);
        job->capacity = job->capacity > job->size_max / 2 ? job->size_max : job->capacity * 2;
        job->out = g_realloc(job->out, job->capacity);
    }
}

static bool
inflate_all(struct libdeflate_decompressor *decompressor, Inflate *job, GError **error)
{
    size_t at = 0;
    while (at < job->size) {
        size_t in = 0;
        if (!inflate_member(decompressor, job, at, &in, error))
            return false;
        at += in;
        if (at < job->size && gzip_detect(job->data + at, job->size - at) != GZIP_GZIP)
            return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                             "gzip data is followed by other bytes at byte %zu of %zu", at,
                             job->size);
    }
    return true;
}

static GByteArray *
decompress_gzip(const uint8_t *data, size_t size, size_t size_max, GError **error)
{
    if (size < GZIP_MEMBER_MIN) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "gzip data is cut: %zu bytes", size);
        return NULL;
    }
    /* A buffer of 0 bytes could not tell an empty member from a full one. */
    size_t capacity = guess_size(data, size, MAX(size_max, (size_t)1));
    Inflate job = {.data = data, .size = size, .size_max = size_max, .capacity = capacity};
    job.out = g_malloc(capacity);
    bool ok = inflate_all(thread_decompressor(), &job, error);
    if (ok && job.used > size_max)
        ok = too_large(error, size_max);
    if (!ok) {
        g_free(job.out);
        return NULL;
    }
    return g_byte_array_new_take(job.out, job.used);
}

/* Runs the stream to the end of its last frame; the output grows up to the cap. */
static bool
decompress_frames(ZSTD_DStream *stream, ZSTD_inBuffer *in, ZSTD_outBuffer *out, size_t size_max,
                  GError **error)
{
    size_t left = 1;
    for (;;) {
        size_t in_before = in->pos, out_before = out->pos;
        left = ZSTD_decompressStream(stream, out, in);
        if (ZSTD_isError(left))
            return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                             "zstd data is damaged near byte %zu of %zu: %s", in->pos, in->size,
                             ZSTD_getErrorName(left));
        if (left == 0 && in->pos == in->size)
            return true;
        if (out->pos == out->size) {
            if (out->size >= size_max)
                return too_large(error, size_max);
            out->size = out->size > size_max / 2 ? size_max : out->size * 2;
            out->dst = g_realloc(out->dst, out->size);
        } else if (in->pos == in_before && out->pos == out_before) {
            return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "zstd data is cut at byte %zu",
                             in->size);
        }
    }
}

static GByteArray *
decompress_zstd(const uint8_t *data, size_t size, size_t size_max, GError **error)
{
    ZSTD_DStream *stream = ZSTD_createDStream();
    g_assert(stream != NULL);
    /* The window is memory too: no larger than the output may be, and at least the format's floor
     * that every decoder supports (8 MiB is 2^23). */
    ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, 23);
    ZSTD_inBuffer in = {data, size, 0};
    size_t capacity = MAX(MIN(size * 4, size_max), (size_t)1);
    ZSTD_outBuffer out = {g_malloc(capacity), capacity, 0};
    bool ok = decompress_frames(stream, &in, &out, size_max, error);
    ZSTD_freeDStream(stream);
    if (ok && out.pos > size_max)
        ok = too_large(error, size_max);
    if (!ok) {
        g_free(out.dst);
        return NULL;
    }
    return g_byte_array_new_take(out.dst, out.pos);
}

GByteArray *
gzip_decompress(const uint8_t *data, size_t size, size_t size_max, GError **error)
{
    switch (gzip_detect(data, size)) {
    case GZIP_GZIP:
        return decompress_gzip(data, size, size_max, error);
    case GZIP_ZSTD:
        return decompress_zstd(data, size, size_max, error);
    case GZIP_PLAIN:
        break;
    }
    return NULL;
}
