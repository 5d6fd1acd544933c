#include "lib/pprof/decode.h"

#include "lib/base/error.h"
#include "lib/pprof/decoder.h"

const char *const PPROF_FIELD_NAMES[PROFILE_FIELDS] = {
    "",
    "sample_type",
    "sample",
    "mapping",
    "location",
    "function",
    "string_table",
    "drop_frames",
    "keep_frames",
    "time_nanos",
    "duration_nanos",
    "period_type",
    "period",
    "comment",
    "default_sample_type",
};

static const PprofScalars PERIOD_TYPE = {"period_type", 2, 1 << 1 | 1 << 2, {"", "type", "unit"}};

bool
pprof_fail(PprofDecoder *decoder, PprofResult result, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    decoder->result = result;
    return error_set(decoder->error, CRESSET_ERROR_INVALID_ARGUMENT, "%s", text);
}

bool
pprof_fail_wire(PprofDecoder *decoder, const uint8_t *at, const char *field, const char *what)
{
    return pprof_fail(decoder, PPROF_MALFORMED, "byte %zu of %zu: %s: %s",
                      (size_t)(at - decoder->input->data), decoder->input->size, field, what);
}

const char *
pprof_field_name(const PprofDecoder *decoder, uint32_t number)
{
    number = decoder->inside != 0 ? decoder->inside : number;
    return number > 0 && number < PROFILE_FIELDS ? PPROF_FIELD_NAMES[number] : "profile";
}

bool
pprof_fail_memory(PprofDecoder *decoder)
{
    return pprof_fail(decoder, PPROF_SIZE,
                      "the decoded profile needs too much memory; the limit follows "
                      "max_profile_size_bytes");
}

bool
pprof_fail_type(PprofDecoder *decoder, WireField field, const char *message, const char *name)
{
    return pprof_fail(decoder, PPROF_MALFORMED, "byte %zu of %zu: %s.%s has the wrong wire type %d",
                      (size_t)(field.start - decoder->input->data), decoder->input->size, message,
                      name, (int)field.type);
}

static bool
allocate(PprofDecoder *decoder)
{
    Profile *p = &decoder->profile;
    Arena *arena = decoder->input->arena;
    size_t n_values = (size_t)p->n_samples * p->n_sample_types;
    p->strings = arena_alloc_array(arena, p->n_strings, sizeof *p->strings);
    p->sample_types = arena_alloc_array(arena, p->n_sample_types, sizeof *p->sample_types);
    p->mappings = arena_alloc_array(arena, p->n_mappings, sizeof *p->mappings);
    p->functions = arena_alloc_array(arena, p->n_functions, sizeof *p->functions);
    p->lines = arena_alloc_array(arena, p->n_lines, sizeof *p->lines);
    p->locations = arena_alloc_array(arena, p->n_locations, sizeof *p->locations);
    p->stack_locations = arena_alloc_array(arena, p->n_stack_locations, sizeof(uint32_t));
    p->labels = arena_alloc_array(arena, p->n_labels, sizeof *p->labels);
    p->samples = arena_alloc_array(arena, p->n_samples, sizeof *p->samples);
    p->values = arena_alloc_array(arena, n_values, sizeof *p->values);
    p->comments = arena_alloc_array(arena, p->n_comments, sizeof *p->comments);
    bool ok = p->strings && p->sample_types && p->mappings && p->functions && p->lines &&
              p->locations && p->stack_locations && p->labels && p->samples && p->values &&
              p->comments;
    return ok || pprof_fail_memory(decoder);
}

bool
pprof_check_string(PprofDecoder *decoder, const char *message, uint32_t position, const char *name,
                   uint64_t index)
{
    if (G_LIKELY(index < decoder->profile.n_strings))
        return true;
    return pprof_fail(decoder, PPROF_MALFORMED,
                      "%s %u: %s: string index %" PRId64
                      " is outside of the string table (%u strings)",
                      message, position, name, (int64_t)index, decoder->profile.n_strings);
}

bool
pprof_walk(PprofDecoder *decoder, uint32_t number, PprofParse parse)
{
    WireSpan span = decoder->tables[number];
    uint32_t position = 0;
    for (WireField field; span.at < span.end;) {
        if (!pprof_next(decoder, &span, &field))
            return false;
        if (field.number != number)
            continue;
        decoder->inside = number;
        if (!parse(decoder, field.bytes, position++))
            return false;
        decoder->inside = 0;
    }
    return true;
}

static bool
read_comments(PprofDecoder *decoder, const WireField *field, uint32_t *n)
{
    WireSpan packed = field->bytes;
    bool more = true;
    while (more) {
        uint64_t value = field->value;
        if (field->type == WIRE_BYTES) {
            if (packed.at == packed.end)
                return true;
            if (!wire_read_varint(&packed.at, packed.end, &value))
                return pprof_fail_wire(decoder, packed.at, "comment", "cut or overlong varint");
        } else {
            more = false;
        }
        if (!pprof_check_string(decoder, "comment", *n, "text", value))
            return false;
        decoder->profile.comments[(*n)++] = (uint32_t)value;
    }
    return true;
}

/* Comments and the period type may stand anywhere among the other fields. */
static bool
read_rare(PprofDecoder *decoder)
{
    Profile *profile = &decoder->profile;
    WireSpan span = decoder->rare;
    uint32_t n_comments = 0;
    uint64_t values[PPROF_SCALARS_MAX];
    for (WireField field; span.at < span.end;) {
        if (!pprof_next(decoder, &span, &field))
            return false;
        if (field.number == FIELD_COMMENT && !read_comments(decoder, &field, &n_comments))
            return false;
        if (field.number != FIELD_PERIOD_TYPE)
            continue;
        decoder->inside = FIELD_PERIOD_TYPE;
        if (!pprof_read_scalars(decoder, field.bytes, &PERIOD_TYPE, 0, values))
            return false;
        decoder->inside = 0;
        profile->period_type = (ProfileValueType){(uint32_t)values[1], (uint32_t)values[2]};
    }
    return true;
}

static bool
fill_header(PprofDecoder *decoder)
{
    static const uint32_t STRINGS[] = {7, 8, 14};
    Profile *profile = &decoder->profile;
    const uint64_t *header = decoder->header;
    for (size_t i = 0; i < G_N_ELEMENTS(STRINGS); i++) {
        if (!pprof_check_string(decoder, "profile", 0, PPROF_FIELD_NAMES[STRINGS[i]],
                                header[STRINGS[i]]))
            return false;
    }
    profile->drop_frames = (uint32_t)header[7];
    profile->keep_frames = (uint32_t)header[8];
    profile->time_ns = (int64_t)header[9];
    profile->duration_ns = (int64_t)header[10];
    profile->period = (int64_t)header[12];
    profile->default_sample_type = (uint32_t)header[14];
    if (profile->has_period_type || profile->n_comments > 0)
        return read_rare(decoder);
    return true;
}

PprofResult
pprof_decode(const PprofInput *input, Profile *ret_profile, GError **error)
{
    PprofDecoder decoder = {.input = input, .error = error};
    if (input->size > UINT32_MAX) {
        pprof_fail(&decoder, PPROF_SIZE, "profile of %zu bytes: at most 4 GiB can be decoded",
                   input->size);
        return decoder.result;
    }
    if (input->size == 0) {
        pprof_fail(&decoder, PPROF_MALFORMED, "the profile is empty");
        return decoder.result;
    }
    bool ok = pprof_count(&decoder) && allocate(&decoder) && pprof_fill_tables(&decoder) &&
              pprof_fill_samples(&decoder) && fill_header(&decoder);
    if (!ok)
        return decoder.result;
    *ret_profile = decoder.profile;
    return PPROF_OK;
}
