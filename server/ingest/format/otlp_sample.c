#include "server/ingest/format/otlp_sample.h"

#include "lib/base/error.h"
#include "server/ingest/format/otlp_dictionary.h"

enum { SAMPLE_STACK = 1, SAMPLE_TIMESTAMPS = 5, TIMESTAMP_BYTES = 8 };

/* Whether every number of a packed field is below `n`. */
static bool
all_below(WireSpan packed, uint64_t n)
{
    for (uint64_t number; packed.at < packed.end;) {
        if (!wire_read_varint(&packed.at, packed.end, &number) || number >= n)
            return false;
    }
    return true;
}

OtlpNumbering
otlp_sample_numbering(WireSpan sample, uint32_t n_attributes)
{
    bool has_timestamps = false, has_second = false, may_be_attributes = true;
    for (WireField field; sample.at < sample.end;) {
        if (wire_next(&sample, &field) != NULL)
            return OTLP_NUMBERING_UNKNOWN;
        if (field.number == 3 && (field.type == WIRE_VARINT || field.type == WIRE_BYTES))
            return field.type == WIRE_VARINT ? OTLP_NUMBERING_1_10 : OTLP_NUMBERING_1_9;
        if (field.number == 4 && (field.type == WIRE_VARINT || field.type == WIRE_BYTES))
            return field.type == WIRE_VARINT ? OTLP_NUMBERING_1_9 : OTLP_NUMBERING_1_10;
        has_timestamps |= field.number == SAMPLE_TIMESTAMPS;
        if (field.number == 2 && field.type == WIRE_BYTES) {
            has_second = true;
            may_be_attributes = may_be_attributes && all_below(field.bytes, n_attributes);
        }
    }
    if (!has_second)
        return OTLP_NUMBERING_UNKNOWN;
    /* A sample of 1.10 has values or timestamps. */
    return has_timestamps && may_be_attributes ? OTLP_NUMBERING_UNKNOWN : OTLP_NUMBERING_LIKELY_1_9;
}

bool
otlp_read_numbers(const WireField *field, GArray *numbers, const char *what, GError **error)
{
    if (field->type == WIRE_VARINT) {
        g_array_append_val(numbers, field->value);
        return true;
    }
    if (!otlp_expect(field, WIRE_BYTES, what, error))
        return false;
    WireSpan packed = field->bytes;
    for (uint64_t number; packed.at < packed.end;) {
        if (!wire_read_varint(&packed.at, packed.end, &number))
            return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "%s: cut or overlong varint",
                             what);
        g_array_append_val(numbers, number);
    }
    return true;
}

/* Adds up values. */
static bool
add_values(const WireField *field, OtlpSample *sample, GError **error)
{
    g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    if (!otlp_read_numbers(field, values, "values", error))
        return false;
    for (guint i = 0; i < values->len; i++) {
        if (__builtin_add_overflow(sample->value, g_array_index(values, int64_t, i),
                                   &sample->value))
            return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                             "values: their sum is too large");
        sample->has_value = true;
    }
    return true;
}

bool
otlp_sample_read(WireSpan message, OtlpNumbering numbering, OtlpSample *sample, GError **error)
{
    bool is_new = numbering == OTLP_NUMBERING_1_10;
    uint32_t values = is_new ? 4 : 2, attributes = is_new ? 2 : 3, link = is_new ? 3 : 4;
    uint64_t n_timestamps = 0;
    *sample = (OtlpSample){.attributes = sample->attributes};
    g_array_set_size(sample->attributes, 0);
    for (WireField field; message.at < message.end;) {
        bool ok = otlp_next(&message, &field, "sample", error);
        if (ok && field.number == SAMPLE_STACK) {
            ok = otlp_expect(&field, WIRE_VARINT, "sample", error);
            sample->stack_index = field.value;
        } else if (ok && field.number == values) {
            ok = add_values(&field, sample, error);
        } else if (ok && field.number == attributes) {
            ok = otlp_read_numbers(&field, sample->attributes, "attribute_indices", error);
        } else if (ok && field.number == link) {
            ok = otlp_expect(&field, WIRE_VARINT, "sample", error);
            sample->link_index = field.value;
        } else if (ok && field.number == SAMPLE_TIMESTAMPS && field.type != WIRE_VARINT) {
            n_timestamps += (size_t)(field.bytes.end - field.bytes.at) / TIMESTAMP_BYTES;
        }
        if (!ok)
            return false;
    }
    if (!sample->has_value && n_timestamps == 0)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "it has neither values nor timestamps");
    if (!sample->has_value)
        sample->value = (int64_t)n_timestamps;
    return true;
}
