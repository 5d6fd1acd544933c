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

/* Encodes labels and the gzipped profile that they are of; the sample gets a new random id, by
 * which the server knows a repeated push. Of more labels than a series may have
 * (CRESSET_LABEL_NAMES_MAX), names of the agent's own and then the first in the order of the
 * alphabet are kept, and *ret_dropped counts the others. */
GBytes *
series_encode(const LabelSet *labels, const uint8_t *profile, size_t size, size_t *ret_dropped);
