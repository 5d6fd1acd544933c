/* What /ingest has to know about a pprof before it is pushed: which profile it is (by its sample
 * types) and whether it says when it was taken. */
#pragma once
#include <glib.h>
#include <stdint.h>

/* The sample types of an uncompressed pprof (NULL-terminated) and its time (0 when absent).
 * INVALID_ARGUMENT when the top level is not a protobuf message, names no sample type, or an index
 * is out of range. */
GStrv
legacy_pprof_sample_types(const uint8_t *data, size_t size, int64_t *ret_time_ns, GError **error);

/* The value of __name__ for a profile of these sample types. `config` is the sample_type_config of
 * the client (JSON text) or NULL for the usual display names. INVALID_ARGUMENT when it is not
 * JSON. */
char *legacy_pprof_name(const char *const *sample_types, const char *config, size_t config_size,
                        GError **error);
