/* Content codings of HTTP bodies: gzip and zstd.
 *
 * Decoding never gives more than a cap, so that a small body cannot become a large one (a "bomb"),
 * and never asks for more memory at first than the coding's best ratio explains. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { ENCODING_IDENTITY, ENCODING_GZIP, ENCODING_ZSTD } Encoding;

/* Understands a Content-Encoding value (NULL is identity); UNIMPLEMENTED lists what is supported.
 */
bool encoding_parse(const char *header, Encoding *ret_encoding, GError **error);

/* Decodes `size` bytes into a new buffer of at most `cap` bytes, to be freed with g_free. More than
 * that is OUT_OF_RANGE, whose text names `knob`; what is not valid is INVALID_ARGUMENT. */
bool encoding_decode(Encoding encoding, const uint8_t *data, size_t size, size_t cap,
                     const char *knob, uint8_t **ret_data, size_t *ret_size, GError **error);

/* The coding that `accept` (an Accept-Encoding value, or NULL) wants most; zstd, which costs least,
 * where it wants both the same. */
Encoding encoding_choose(const char *accept);
/* "gzip". */
const char *encoding_name(Encoding encoding);

/* The encoded form of `body`, or NULL when it would not be smaller. */
GBytes *encoding_encode(Encoding encoding, GBytes *body);
