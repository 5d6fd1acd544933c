/* Whole-buffer compression of profiles: gzip (RFC 1952, through libdeflate) and zstd (RFC 8878). */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Returns `data` as one gzip member; `level` is 1 (fastest) to 12. */
GByteArray *gzip_compress(const uint8_t *data, size_t size, int level);

/* Returns `data` as one zstd frame; frames behind each other are one stream. */
GByteArray *zstd_compress(const uint8_t *data, size_t size, int level);

typedef enum { GZIP_PLAIN, GZIP_GZIP, GZIP_ZSTD } GzipFormat;

/* By magic number: 1f 8b is gzip, 28 b5 2f fd zstd; anything else is plain. */
GzipFormat gzip_detect(const uint8_t *data, size_t size);

/* Decompresses gzip (any number of members) or zstd (any number of frames) by magic number; plain
 * input is NULL with *error unset, use it as it is. Never allocates more than about `size_max`
 * bytes of output. Errors: RESOURCE_EXHAUSTED when the output would exceed `size_max` (the caller
 * names the knob), INVALID_ARGUMENT when the input is damaged or cut. The result is freed with
 * g_byte_array_unref. */
GByteArray *gzip_decompress(const uint8_t *data, size_t size, size_t size_max, GError **error);
