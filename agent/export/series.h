/* The labels that every profile of this agent has, and the encoded series that carries one profile
 * (push.v1.RawProfileSeries). */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/relabel/label_set.h"

/* Parses `pairs` ("KEY=VALUE", NULL at the end; NULL: none) and adds what the agent itself says of
 * every profile: __name__, source, and `node` (NULL or "": the name of this host). NULL with
 * *error: INVALID_ARGUMENT names the label that is malformed, reserved, given twice or one too
 * many. */
LabelSet *series_fixed_labels(const char *node, const char *const *pairs, GError **error);

/* How a profile travels. */
typedef enum {
    SERIES_GZIP,  /* it is gzip, as every server takes it */
    SERIES_ZSTD,  /* the body of the request is zstd, the profile in it plain */
    SERIES_PLAIN, /* nothing is compressed */
} SeriesCoding;

/* "zstd", the Content-Encoding of a body; NULL: none. */
const char *series_content_encoding(SeriesCoding coding);

/* Encodes labels and the plain pprof that they are of as a piece of the body of a request: such
 * pieces behind each other, of one coding, are a push.v1.PushRequest. The sample gets a new random
 * id, by which the server knows a repeated push. Labels that begin with "__" are left out, but
 * __name__ and __delta__. Of more labels than a series may have (CRESSET_LABEL_NAMES_MAX), names of
 * the agent's own and then the first in the order of the alphabet are kept, and *ret_dropped counts
 * the others. */
GBytes *series_encode(const LabelSet *labels, const uint8_t *pprof, size_t size,
                      SeriesCoding coding, size_t *ret_dropped);
/* Checks a label that users give: INVALID_ARGUMENT names what is wrong with its name or value. */
bool series_check_label(const char *name, const char *value, GError **error);
