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

typedef enum {
    OTLP_NUMBERING_UNKNOWN, /* nothing says which */
    OTLP_NUMBERING_1_9,
    OTLP_NUMBERING_1_10,
} OtlpNumbering;

/* What the wire types of one sample say. `n_attributes` is the size of the attribute table: in a
 * sample of a stack, field 2 and timestamps, field 2 holds attributes only if they exist. */
OtlpNumbering otlp_sample_numbering(WireSpan sample, uint32_t n_attributes);

typedef struct {
    uint64_t stack_index, link_index;
    int64_t value; /* the sum of the values; without any the number of timestamps */
    bool has_value;
    GArray *attributes; /* uint64_t, positions in the attribute table */
} OtlpSample;

/* Decodes a sample; sample->attributes is the caller's, cleared first. INVALID_ARGUMENT says what
 * is wrong. */
bool
otlp_sample_read(WireSpan message, OtlpNumbering numbering, OtlpSample *sample, GError **error);

/* Reads the values of a repeated integer field, packed or not, into `numbers` (uint64_t). */
bool otlp_read_numbers(const WireField *field, GArray *numbers, const char *what, GError **error);
