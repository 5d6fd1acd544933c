#include "server/http/encoding.h"

#include <libdeflate.h>
#include <string.h>
#include <zstd.h>

#include "lib/base/error.h"

/* DEFLATE expands at most 1032-fold (a match of 258 bytes in two bits). */
#define DEFLATE_RATIO_MAX 1032
/* Beyond this level answers get little smaller and cost several times as much; large ones are
 * compressed at the fastest level, or the waiting for it would eat what the wire saves. */
#define GZIP_LEVEL       4
#define GZIP_LEVEL_LARGE 1
#define LARGE_BYTES      (1024 * 1024)
/* The largest zstd window that is accepted: 8 MiB, what every conforming decoder must allow. */
#define ZSTD_WINDOW_LOG_MAX 23

bool
encoding_parse(const char *header, Encoding *ret_encoding, GError **error)
{
    if (header == NULL || header[0] == '\0' || g_ascii_strcasecmp(header, "identity") == 0)
        *ret_encoding = ENCODING_IDENTITY;
    else if (g_ascii_strcasecmp(header, "gzip") == 0 || g_ascii_strcasecmp(header, "x-gzip") == 0)
        *ret_encoding = ENCODING_GZIP;
    else if (g_ascii_strcasecmp(header, "zstd") == 0)
        *ret_encoding = ENCODING_ZSTD;
    else
        return error_set(error, CRESSET_ERROR_UNIMPLEMENTED,
                         "unknown compression '%s': supported encodings are gzip, zstd", header);
    return true;
}

static bool
too_large(size_t cap, const char *knob, GError **error)
{
    return error_set(error, CRESSET_ERROR_OUT_OF_RANGE,
                     "request body is larger than %zu bytes after decompression (limit %s)", cap,
                     knob);
}

/* Grows `buffer` to `size` bytes. */
static bool
buffer_grow(uint8_t **buffer, size_t size, GError **error)
{
    uint8_t *grown = g_try_realloc(*buffer, MAX(size, 1));
    if (grown == NULL)
        return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                         "no memory for a body of %zu bytes", size);
    *buffer = grown;
    return true;
}

/* The size that the last gzip member says it has, made plausible. */
static size_t
gzip_size_hint(const uint8_t *data, size_t size, size_t cap)
{
    uint32_t claimed = 0;
    if (size >= 18)
        memcpy(&claimed, data + size - 4, 4);
    size_t most = size > SIZE_MAX / DEFLATE_RATIO_MAX ? SIZE_MAX : size * DEFLATE_RATIO_MAX;
    return MIN(MIN((size_t)GUINT32_FROM_LE(claimed) + 1, most), cap + 1);
}

static bool
gzip_decode(const uint8_t *data, size_t size, size_t cap, const char *knob, uint8_t **buffer,
            size_t *ret_size, GError **error)
{
    struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();
    size_t capacity = gzip_size_hint(data, size, cap), used = 0, at = 0;
    bool ok = buffer_grow(buffer, capacity, error);
    while (ok && at < size) {
        size_t in = 0, out = 0;
        enum libdeflate_result result = libdeflate_gzip_decompress_ex(
            decompressor, data + at, size - at, *buffer + used, capacity - used, &in, &out);
        if (result == LIBDEFLATE_INSUFFICIENT_SPACE && capacity <= cap) {
            capacity = MIN(MAX(capacity * 2, 4096), cap + 1);
            ok = buffer_grow(buffer, capacity, error);
        } else if (result == LIBDEFLATE_INSUFFICIENT_SPACE || used + out > cap) {
            ok = too_large(cap, knob, error);
        } else if (result != LIBDEFLATE_SUCCESS) {
            ok = error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                           "request body is not valid gzip at byte %zu", at);
        } else {
            at += in;
            used += out;
        }
    }
    libdeflate_free_decompressor(decompressor);
    if (ok && size == 0)
        ok = error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "request body is empty, not gzip");
    *ret_size = used;
    return ok;
}

static bool
zstd_decode(const uint8_t *data, size_t size, size_t cap, const char *knob, uint8_t **buffer,
            size_t *ret_size, GError **error)
{
    ZSTD_DCtx *context = ZSTD_createDCtx();
    ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX);
    ZSTD_inBuffer in = {.src = data, .size = size};
    ZSTD_outBuffer out = {0};
    size_t left = 1;
    bool ok = true;
    while (ok && (in.pos < in.size || (left != 0 && out.pos == out.size))) {
        if (out.pos == out.size) {
            if (out.size > cap) {
                ok = too_large(cap, knob, error);
                break;
            }
            out.size = MIN(MAX(out.size * 2, ZSTD_DStreamOutSize()), cap + 1);
            ok = buffer_grow(buffer, out.size, error);
            out.dst = *buffer;
            if (!ok)
                break;
        }
        size_t before = in.pos, written = out.pos;
        left = ZSTD_decompressStream(context, &out, &in);
        if (ZSTD_isError(left))
            ok = error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                           "request body is not valid zstd at byte %zu: %s", in.pos,
                           ZSTD_getErrorName(left));
        else if (in.pos == before && out.pos == written && in.pos == in.size)
            break;
    }
    ZSTD_freeDCtx(context);
    if (ok && left != 0)
        ok = error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "request body is truncated zstd");
    if (ok && out.pos > cap)
        ok = too_large(cap, knob, error);
    *ret_size = out.pos;
    return ok;
}

bool
encoding_decode(Encoding encoding, const uint8_t *data, size_t size, size_t cap, const char *knob,
                uint8_t **ret_data, size_t *ret_size, GError **error)
{
    g_autofree uint8_t *buffer = NULL;
    size_t decoded = size;
    bool ok = true;
    if (encoding == ENCODING_GZIP)
        ok = gzip_decode(data, size, cap, knob, &buffer, &decoded, error);
    else if (encoding == ENCODING_ZSTD)
        ok = zstd_decode(data, size, cap, knob, &buffer, &decoded, error);
    else
        buffer = g_memdup2(data, size);
    if (!ok)
        return false;
    *ret_data = g_steal_pointer(&buffer);
    *ret_size = decoded;
    return true;
}

GBytes *
encoding_gzip(GBytes *body)
{
    size_t size;
    const void *data = g_bytes_get_data(body, &size);
    struct libdeflate_compressor *compressor =
        libdeflate_alloc_compressor(size > LARGE_BYTES ? GZIP_LEVEL_LARGE : GZIP_LEVEL);
    g_autofree uint8_t *packed = g_try_malloc(size);
    size_t packed_size = 0;
    if (packed != NULL && compressor != NULL)
        packed_size = libdeflate_gzip_compress(compressor, data, size, packed, size);
    libdeflate_free_compressor(compressor);
    if (packed_size == 0)
        return NULL;
    void *exact = g_realloc(g_steal_pointer(&packed), packed_size);
    return g_bytes_new_take(exact, packed_size);
}
