#include "lib/pprof/decoder.h"

/* A bit for each of 8 bytes that ends a varint: that has no continuation bit. */
static inline uint64_t
varint_ends(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, 8);
    return (~GUINT64_FROM_LE(word) >> 7) & UINT64_C(0x0101010101010101);
}

/* The number of varints in a packed field: the bytes without a continuation bit. */
uint64_t
pprof_count_varints(WireSpan span)
{
    size_t size = (size_t)(span.end - span.at), rest = size % 8;
    uint64_t n = 0;
    for (; span.end - span.at >= 8; span.at += 8)
        n += (varint_ends(span.at) * UINT64_C(0x0101010101010101)) >> 56;
    if (size >= 8 && rest > 0)
        return n +
               (((varint_ends(span.end - 8) >> 8 * (8 - rest)) * UINT64_C(0x0101010101010101)) >>
                56);
    for (; span.at < span.end; span.at++)
        n += *span.at < 0x80;
    return n;
}

static bool
count_sample(PprofDecoder *decoder, WireSpan span)
{
    Profile *profile = &decoder->profile;
    uint64_t n_labels = 0;
    for (WireField field; span.at < span.end;) {
        if (!pprof_next(decoder, &span, &field))
            return false;
        if (field.number == 1)
            profile->n_stack_locations +=
                field.type == WIRE_VARINT ? 1 : (uint32_t)pprof_count_varints(field.bytes);
        else if (field.number == 3)
            n_labels++;
    }
    uint64_t max = decoder->input->sample_labels_max;
    if (max != 0 && n_labels > max)
        return pprof_fail(decoder, PPROF_SAMPLE_LABELS,
                          "sample %u: %" PRIu64 " labels, the limit is %" PRIu64
                          " (max_profile_stacktrace_sample_labels)",
                          profile->n_samples, n_labels, max);
    profile->n_labels += (uint32_t)n_labels;
    return true;
}

static bool
count_lines(PprofDecoder *decoder, WireSpan span)
{
    for (WireField field; span.at < span.end;) {
        if (!pprof_next(decoder, &span, &field))
            return false;
        decoder->profile.n_lines += field.number == 4;
    }
    return true;
}

/* Counts a field of a table, and what it contains. */
static bool
count_table(PprofDecoder *decoder, const WireField *field)
{
    Profile *profile = &decoder->profile;
    WireSpan *table = &decoder->tables[field->number];
    if (table->at == NULL)
        table->at = field->start;
    table->end = field->bytes.end;
    decoder->inside = field->number;
    switch (field->number) {
    case FIELD_SAMPLE_TYPE:
        profile->n_sample_types++;
        return true;
    case FIELD_SAMPLE:
        if (!count_sample(decoder, field->bytes))
            return false;
        profile->n_samples++;
        return true;
    case FIELD_MAPPING:
        profile->n_mappings++;
        return true;
    case FIELD_LOCATION:
        profile->n_locations++;
        return count_lines(decoder, field->bytes);
    case FIELD_FUNCTION:
        profile->n_functions++;
        return true;
    default:
        profile->n_strings++;
        return true;
    }
}

/* Counts a field that is no table: a number, or one of the two that may stand anywhere. */
static bool
count_header(PprofDecoder *decoder, const WireField *field, const uint8_t *end)
{
    bool is_packed = field->number == FIELD_COMMENT && field->type == WIRE_BYTES;
    bool is_bytes = is_packed || field->number == FIELD_PERIOD_TYPE;
    if (field->type != (is_bytes ? WIRE_BYTES : WIRE_VARINT))
        return pprof_fail_type(decoder, *field, "profile", PPROF_FIELD_NAMES[field->number]);
    if (field->number == FIELD_COMMENT || field->number == FIELD_PERIOD_TYPE) {
        if (decoder->rare.at == NULL)
            decoder->rare.at = field->start;
        decoder->rare.end = end;
    }
    if (field->number == FIELD_COMMENT)
        decoder->profile.n_comments += is_packed ? (uint32_t)pprof_count_varints(field->bytes) : 1;
    else if (field->number == FIELD_PERIOD_TYPE)
        decoder->profile.has_period_type = true;
    else
        decoder->header[field->number] = field->value;
    return true;
}

static bool
count_field(PprofDecoder *decoder, const WireField *field, const uint8_t *end)
{
    if (field->number >= PROFILE_FIELDS)
        return true; /* of a newer version of the format */
    if (field->number > FIELD_STRING_TABLE)
        return count_header(decoder, field, end);
    if (field->type != WIRE_BYTES)
        return pprof_fail_type(decoder, *field, "profile", PPROF_FIELD_NAMES[field->number]);
    return count_table(decoder, field);
}

bool
pprof_count(PprofDecoder *decoder)
{
    const PprofInput *input = decoder->input;
    WireSpan span = {input->data, input->data + input->size};
    for (WireField field; span.at < span.end;) {
        if (!pprof_next(decoder, &span, &field) || !count_field(decoder, &field, span.at))
            return false;
        decoder->inside = 0;
    }
    const Profile *profile = &decoder->profile;
    if (input->samples_max != 0 && profile->n_samples > input->samples_max)
        return pprof_fail(decoder, PPROF_SAMPLES,
                          "%u samples, the limit is %" PRIu64 " (max_profile_stacktrace_samples)",
                          profile->n_samples, input->samples_max);
    if (profile->n_sample_types == 0)
        return pprof_fail(decoder, PPROF_MALFORMED, "sample_type: a profile needs at least one");
    if (profile->n_strings == 0)
        return pprof_fail(decoder, PPROF_MALFORMED, "string_table: the first string must be empty");
    return true;
}
