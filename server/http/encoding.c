#include "server/http/encoding.h"

#include <zstd.h>

#include "lib/base/error.h"
#include "lib/pprof/gzip.h"
#include "server/http/header.h"

/* Beyond this level answers get little smaller and cost several times as much; large ones are
 * compressed at the fastest level, or the waiting for it would eat what the wire saves. */
#define LEVEL       4
#define LEVEL_LARGE 1
#define LARGE_BYTES (1024 * 1024)
/* Takes as long as gzip's fastest level and makes answers as small. */
#define ZSTD_LEVEL 1

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

bool
encoding_decode(Encoding encoding, const uint8_t *data, size_t size, size_t cap, const char *knob,
                uint8_t **ret_data, size_t *ret_size, GError **error)
{
    static const GzipFormat formats[] = {
        [ENCODING_IDENTITY] = GZIP_PLAIN, [ENCODING_GZIP] = GZIP_GZIP, [ENCODING_ZSTD] = GZIP_ZSTD};
    g_autoptr(GError) why = NULL;
    if (encoding == ENCODING_IDENTITY) {
        *ret_data = g_memdup2(data, size);
        *ret_size = size;
        return true;
    }
    if (gzip_detect(data, size) != formats[encoding])
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "request body is not %s, as its Content-Encoding says",
                         encoding == ENCODING_GZIP ? "gzip" : "zstd");
    GByteArray *plain = gzip_decompress(data, size, cap, &why);
    if (g_error_matches(why, CRESSET_ERROR, CRESSET_ERROR_RESOURCE_EXHAUSTED))
        return error_set(error, CRESSET_ERROR_OUT_OF_RANGE,
                         "request body is larger than %zu bytes after decompression (limit %s)",
                         cap, knob);
    if (plain == NULL)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "request body: %s", why->message);
    *ret_size = plain->len;
    *ret_data = g_byte_array_free(plain, FALSE);
    return true;
}

const char *
encoding_name(Encoding encoding)
{
    static const char *const names[] = {
        [ENCODING_IDENTITY] = "identity", [ENCODING_GZIP] = "gzip", [ENCODING_ZSTD] = "zstd"};
    return names[encoding];
}

Encoding
encoding_choose(const char *accept)
{
    double zstd = header_coding_quality(accept, "zstd");
    double gzip = header_coding_quality(accept, "gzip");
    if (zstd <= 0 && gzip <= 0)
        return ENCODING_IDENTITY;
    return zstd >= gzip ? ENCODING_ZSTD : ENCODING_GZIP;
}

/* NULL when it would not be smaller. */
static GBytes *
encode_zstd(const uint8_t *data, size_t size)
{
    uint8_t *packed = g_malloc(MAX(size, 1));
    size_t used = ZSTD_compress(packed, size, data, size, ZSTD_LEVEL);
    if (ZSTD_isError(used) || used >= size) {
        g_free(packed);
        return NULL;
    }
    return g_bytes_new_take(g_realloc(packed, used), used);
}

GBytes *
encoding_encode(Encoding encoding, GBytes *body)
{
    size_t size;
    const uint8_t *data = g_bytes_get_data(body, &size);
    if (encoding == ENCODING_IDENTITY)
        return NULL;
    if (encoding == ENCODING_ZSTD)
        return encode_zstd(data, size);
    GByteArray *packed = gzip_compress(data, size, size > LARGE_BYTES ? LEVEL_LARGE : LEVEL);
    if (packed->len >= size) {
        g_byte_array_unref(packed);
        return NULL;
    }
    return g_byte_array_free_to_bytes(packed);
}
