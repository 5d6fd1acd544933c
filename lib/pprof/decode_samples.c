#include "lib/pprof/decoder.h"

static const PprofScalars LABEL = {
    "label", 4, 1 << 1 | 1 << 2 | 1 << 4, {"", "key", "str", "num", "num_unit"}};

static bool
fail_location(PprofDecoder *decoder, uint32_t sample, uint64_t id)
{
    return pprof_fail(decoder, PPROF_MALFORMED,
                      "sample %u: location_id %" PRIu64 " is not in the location table", sample,
                      id);
}

/* The hot loop: the packed location ids of one sample. */
static bool
parse_stack(PprofDecoder *decoder, WireSpan span, uint32_t sample)
{
    const PprofIdMap *ids = &decoder->location_ids;
    uint32_t *out = decoder->profile.stack_locations + decoder->n_stack_locations;
    uint64_t n_dense = ids->is_dense ? ids->n : 0;
    const uint8_t *at = span.at;
    while (at < span.end) {
        uint64_t id = at[0];
        if (id < 0x80) {
            at += 1;
        } else if (span.end - at >= 2 && at[1] < 0x80) {
            id = (id & 0x7f) | (uint64_t)at[1] << 7;
            at += 2;
        } else if (!wire_read_varint(&at, span.end, &id)) {
            return pprof_fail_wire(decoder, at, "sample.location_id", "cut or overlong varint");
        }
        uint32_t position = (uint32_t)(id - 1);
        if (G_UNLIKELY(id - 1 >= n_dense)) {
            position = pprof_idmap_find(ids, id);
            if (position == PROFILE_NONE)
                return fail_location(decoder, sample, id);
        }
        *out++ = position;
    }
    decoder->n_stack_locations = (uint32_t)(out - decoder->profile.stack_locations);
    return true;
}

static bool
parse_values(PprofDecoder *decoder, WireSpan span, uint32_t sample, uint32_t *n_values)
{
    uint32_t n_types = decoder->profile.n_sample_types;
    int64_t *row = decoder->profile.values + (size_t)sample * n_types;
    while (span.at < span.end) {
        uint64_t value;
        if (!wire_read_varint(&span.at, span.end, &value))
            return pprof_fail_wire(decoder, span.at, "sample.value", "cut or overlong varint");
        if (*n_values < n_types)
            row[*n_values] = (int64_t)value;
        ++*n_values;
    }
    return true;
}

static bool
parse_label(PprofDecoder *decoder, WireSpan span, uint32_t sample)
{
    uint64_t values[PPROF_SCALARS_MAX];
    if (!pprof_read_scalars(decoder, span, &LABEL, sample, values))
        return false;
    decoder->profile.labels[decoder->n_labels++] = (ProfileLabel){
        .key = (uint32_t)values[1],
        .str = (uint32_t)values[2],
        .num = (int64_t)values[3],
        .num_unit = (uint32_t)values[4],
    };
    return true;
}

static bool
parse_sample_number(PprofDecoder *decoder, const WireField *field, uint32_t sample,
                    uint32_t *n_values)
{
    Profile *profile = &decoder->profile;
    if (field->number == 1) {
        uint32_t position = pprof_idmap_find(&decoder->location_ids, field->value);
        if (position == PROFILE_NONE)
            return fail_location(decoder, sample, field->value);
        profile->stack_locations[decoder->n_stack_locations++] = position;
        return true;
    }
    if (*n_values < profile->n_sample_types)
        profile->values[(size_t)sample * profile->n_sample_types + *n_values] =
            (int64_t)field->value;
    ++*n_values;
    return true;
}

static bool
parse_sample_field(PprofDecoder *decoder, const WireField *field, uint32_t sample,
                   uint32_t *n_values)
{
    static const char *const NAMES[] = {"", "location_id", "value", "label"};
    if (field->number >= G_N_ELEMENTS(NAMES))
        return true;
    if (field->type == WIRE_VARINT && field->number != 3)
        return parse_sample_number(decoder, field, sample, n_values);
    if (field->type != WIRE_BYTES)
        return pprof_fail_type(decoder, *field, "sample", NAMES[field->number]);
    switch (field->number) {
    case 1:
        return parse_stack(decoder, field->bytes, sample);
    case 2:
        return parse_values(decoder, field->bytes, sample, n_values);
    default:
        return parse_label(decoder, field->bytes, sample);
    }
}

static bool
parse_sample(PprofDecoder *decoder, WireSpan span, uint32_t position)
{
    ProfileSample *sample = &decoder->profile.samples[position];
    sample->first_location = decoder->n_stack_locations;
    sample->first_label = decoder->n_labels;
    uint32_t n_values = 0;
    for (WireField field; span.at < span.end;) {
        if (!pprof_next(decoder, &span, &field) ||
            !parse_sample_field(decoder, &field, position, &n_values))
            return false;
    }
    sample->n_locations = decoder->n_stack_locations - sample->first_location;
    sample->n_labels = decoder->n_labels - sample->first_label;
    if (n_values != decoder->profile.n_sample_types)
        return pprof_fail(decoder, PPROF_MALFORMED, "sample %u: %u values for %u sample types",
                          position, n_values, decoder->profile.n_sample_types);
    return true;
}

bool
pprof_fill_samples(PprofDecoder *decoder)
{
    return pprof_walk(decoder, FIELD_SAMPLE, parse_sample);
}
