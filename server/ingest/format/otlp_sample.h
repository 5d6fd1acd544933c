/* Samples of OTLP profiles, in both orders of their fields: opentelemetry-proto 1.10 gave three of
 * them new numbers, and a message does not say which release wrote it.
 *
 *   field               1.8, 1.9   1.10 and later
 *   stack_index             1            1
 *   values                  2            4
 *   attribute_indices       3            2
 *   link_index              4            3
 *   timestamps              5            5
 */
#pragma once
#include <glib.h>
#include <stdbool.h>

#include "lib/pprof/wire.h"

/* In the order of what is known better. */
typedef enum {
    OTLP_NUMBERING_UNKNOWN,    /* nothing says which */
    OTLP_NUMBERING_LIKELY_1_9, /* or it is a damaged sample of 1.10 */
    OTLP_NUMBERING_1_9,
    OTLP_NUMBERING_1_10,
} OtlpNumbering;

/* What one sample says. The wire types of fields 3 and 4 are certain. Without them, field 2 holds
 * the attributes of a sample of 1.10 only if there are timestamps, as it has no values then, and
 * if they exist: `n_attributes` is the size of the attribute table. */
OtlpNumbering otlp_sample_numbering(WireSpan sample, uint32_t n_attributes);

typedef struct {
    uint64_t stack_index, link_index;
    int64_t value; /* the sum of the values; without any the number of timestamps */
    bool has_value;
    GArray *attributes; /* uint64_t, positions in the attribute table */
} OtlpSample;

/* Decodes a sample, by the numbers of 1.10 or else of 1.9; sample->attributes is the caller's,
 * cleared first. INVALID_ARGUMENT says what is wrong. */
bool
otlp_sample_read(WireSpan message, OtlpNumbering numbering, OtlpSample *sample, GError **error);

/* Reads the values of a repeated integer field, packed or not, into `numbers` (uint64_t). */
bool otlp_read_numbers(const WireField *field, GArray *numbers, const char *what, GError **error);
