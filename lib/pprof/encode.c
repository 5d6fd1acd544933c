#include "lib/pprof/encode.h"

#include "lib/pprof/table.h"
#include "lib/pprof/wire.h"

/* Field numbers of profile.proto, message by message. */
enum {
    PROFILE_SAMPLE_TYPE = 1,
    PROFILE_SAMPLE = 2,
    PROFILE_MAPPING = 3,
    PROFILE_LOCATION = 4,
    PROFILE_FUNCTION = 5,
    PROFILE_STRING_TABLE = 6,
    PROFILE_DROP_FRAMES = 7,
    PROFILE_KEEP_FRAMES = 8,
    PROFILE_TIME_NANOS = 9,
    PROFILE_DURATION_NANOS = 10,
    PROFILE_PERIOD_TYPE = 11,
    PROFILE_PERIOD = 12,
    PROFILE_COMMENT = 13,
    PROFILE_DEFAULT_SAMPLE_TYPE = 14,
};

struct PprofBuilder {
    PprofTable strings, mappings, functions, locations, samples;
    GArray *sample_types; /* ProfileValueType */
    GArray *values;       /* int64_t, one row of sample_types per sample */
    GArray *comments;     /* uint32_t, strings */
    WireBuffer scratch, part;
    ProfileValueType period_type;
    bool has_period_type;
    int64_t period, time_ns, duration_ns;
    uint32_t default_sample_type;
};

/* The empty string must be entry 0 of every string table. */
static void
start(PprofBuilder *builder)
{
    pprof_table_intern(&builder->strings, "", 0);
}

PprofBuilder *
pprof_builder_new(void)
{
    PprofBuilder *builder = g_new0(PprofBuilder, 1);
    builder->sample_types = g_array_new(FALSE, FALSE, sizeof(ProfileValueType));
    builder->values = g_array_new(FALSE, FALSE, sizeof(int64_t));
    builder->comments = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    start(builder);
    return builder;
}

void
pprof_builder_free(PprofBuilder *builder)
{
    if (builder == NULL)
        return;
    pprof_table_clear(&builder->strings);
    pprof_table_clear(&builder->mappings);
    pprof_table_clear(&builder->functions);
    pprof_table_clear(&builder->locations);
    pprof_table_clear(&builder->samples);
    g_array_unref(builder->sample_types);
    g_array_unref(builder->values);
    g_array_unref(builder->comments);
    g_free(builder->scratch.data);
    g_free(builder->part.data);
    g_free(builder);
}

uint32_t
pprof_builder_string(PprofBuilder *builder, const char *text, size_t length)
{
    return pprof_table_intern(&builder->strings, text, length);
}

uint32_t
pprof_builder_text(PprofBuilder *builder, const char *text)
{
    return text == NULL ? 0 : pprof_builder_string(builder, text, strlen(text));
}

static void
put_mapping(WireBuffer *out, const PprofMapping *mapping)
{
    wire_put_uint(out, 2, mapping->start);
    wire_put_uint(out, 3, mapping->limit);
    wire_put_uint(out, 4, mapping->offset);
    wire_put_uint(out, 5, mapping->filename);
    wire_put_uint(out, 6, mapping->build_id);
    wire_put_uint(out, 7, mapping->has_functions);
    wire_put_uint(out, 8, mapping->has_filenames);
    wire_put_uint(out, 9, mapping->has_line_numbers);
    wire_put_uint(out, 10, mapping->has_inline_frames);
}

static void
put_function(WireBuffer *out, const PprofFunction *function)
{
    wire_put_uint(out, 2, function->name);
    wire_put_uint(out, 3, function->system_name);
    wire_put_uint(out, 4, function->filename);
    wire_put_uint(out, 5, (uint64_t)function->start_line);
}

static void
put_line(WireBuffer *out, uint64_t function_id, int64_t line)
{
    uint8_t message[2 * (1 + WIRE_VARINT_MAX)], *at = message;
    *at++ = WIRE_TAG(1, WIRE_VARINT);
    at = wire_store_varint(at, function_id);
    if (line != 0) {
        *at++ = WIRE_TAG(2, WIRE_VARINT);
        at = wire_store_varint(at, (uint64_t)line);
    }
    wire_put_bytes(out, 4, message, (size_t)(at - message));
}

static void
put_label(WireBuffer *out, const PprofLabel *label)
{
    uint8_t message[4 * (1 + WIRE_VARINT_MAX)], *at = message;
    const uint64_t fields[] = {label->key, label->str, (uint64_t)label->num, label->num_unit};
    for (uint32_t i = 0; i < G_N_ELEMENTS(fields); i++) {
        if (fields[i] == 0)
            continue;
        *at++ = (uint8_t)WIRE_TAG(i + 1, WIRE_VARINT);
        at = wire_store_varint(at, fields[i]);
    }
    wire_put_bytes(out, 3, message, (size_t)(at - message));
}

uint32_t
pprof_builder_mapping(PprofBuilder *builder, const PprofMapping *mapping)
{
    builder->scratch.size = 0;
    put_mapping(&builder->scratch, mapping);
    return pprof_table_intern(&builder->mappings, builder->scratch.data, builder->scratch.size) + 1;
}

uint32_t
pprof_builder_function(PprofBuilder *builder, const PprofFunction *function)
{
    builder->scratch.size = 0;
    put_function(&builder->scratch, function);
    return pprof_table_intern(&builder->functions, builder->scratch.data, builder->scratch.size) +
           1;
}

uint32_t
pprof_builder_location(PprofBuilder *builder, const PprofLocation *location)
{
    WireBuffer *out = &builder->scratch;
    out->size = 0;
    wire_put_uint(out, 2, location->mapping);
    wire_put_uint(out, 3, location->address);
    for (size_t i = 0; i < location->n_lines; i++)
        put_line(out, location->lines[i].function, location->lines[i].line);
    wire_put_uint(out, 5, location->is_folded);
    return pprof_table_intern(&builder->locations, out->data, out->size) + 1;
}

void
pprof_builder_sample_type(PprofBuilder *builder, const char *type, const char *unit)
{
    ProfileValueType value_type = {
        .type = pprof_builder_text(builder, type),
        .unit = pprof_builder_text(builder, unit),
    };
    g_array_append_val(builder->sample_types, value_type);
}

/* The key of a sample in its table: its encoded stack and labels, everything but the values. */
void
pprof_builder_sample(PprofBuilder *builder, const PprofSample *sample)
{
    WireBuffer *out = &builder->scratch, *part = &builder->part;
    part->size = 0;
    wire_reserve(part, sample->n_locations * WIRE_VARINT_MAX);
    uint8_t *at = part->data;
    for (size_t i = 0; i < sample->n_locations; i++)
        at = wire_store_varint(at, sample->locations[i]);
    out->size = 0;
    wire_put_bytes(out, 1, part->data, (size_t)(at - part->data));
    for (size_t i = 0; i < sample->n_labels; i++)
        put_label(out, &sample->labels[i]);

    uint32_t n_types = builder->sample_types->len;
    uint32_t row = pprof_table_intern(&builder->samples, out->data, out->size);
    if ((size_t)row * n_types == builder->values->len) {
        g_array_append_vals(builder->values, sample->values, n_types);
        return;
    }
    int64_t *values = &g_array_index(builder->values, int64_t, (size_t)row * n_types);
    for (uint32_t i = 0; i < n_types; i++)
        values[i] = (int64_t)((uint64_t)values[i] + (uint64_t)sample->values[i]);
}

void
pprof_builder_period(PprofBuilder *builder, const char *type, const char *unit, int64_t period)
{
    builder->period_type.type = pprof_builder_text(builder, type);
    builder->period_type.unit = pprof_builder_text(builder, unit);
    builder->has_period_type = true;
    builder->period = period;
}

void
pprof_builder_time(PprofBuilder *builder, int64_t time_ns, int64_t duration_ns)
{
    builder->time_ns = time_ns;
    builder->duration_ns = duration_ns;
}

void
pprof_builder_comment(PprofBuilder *builder, const char *text)
{
    uint32_t comment = pprof_builder_text(builder, text);
    g_array_append_val(builder->comments, comment);
}

void
pprof_builder_default_sample_type(PprofBuilder *builder, const char *type)
{
    builder->default_sample_type = pprof_builder_text(builder, type);
}

size_t
pprof_builder_n_samples(const PprofBuilder *builder)
{
    return builder->samples.n;
}

size_t
pprof_builder_size(const PprofBuilder *builder)
{
    size_t bytes = builder->strings.bytes.size + builder->mappings.bytes.size +
                   builder->functions.bytes.size + builder->locations.bytes.size +
                   builder->samples.bytes.size;
    size_t headers = (size_t)builder->strings.n * 3 + (size_t)builder->mappings.n * 6 +
                     (size_t)builder->functions.n * 6 + (size_t)builder->locations.n * 6 +
                     (size_t)builder->samples.n * 5;
    return bytes + headers + (size_t)builder->values->len * 5;
}

static void
put_value_type(WireBuffer *out, uint32_t field, const ProfileValueType *type)
{
    uint8_t message[2 * (1 + WIRE_VARINT_MAX)], *at = message;
    if (type->type != 0) {
        *at++ = WIRE_TAG(1, WIRE_VARINT);
        at = wire_store_varint(at, type->type);
    }
    if (type->unit != 0) {
        *at++ = WIRE_TAG(2, WIRE_VARINT);
        at = wire_store_varint(at, type->unit);
    }
    wire_put_bytes(out, field, message, (size_t)(at - message));
}

/* One message of a table: its id in field 1 before the interned body. */
static void
put_entry(WireBuffer *out, uint32_t field, uint64_t id, const void *body, size_t size)
{
    wire_put_varint(out, WIRE_TAG(field, WIRE_BYTES));
    wire_put_varint(out, 1 + wire_varint_size(id) + size);
    wire_put_varint(out, WIRE_TAG(1, WIRE_VARINT));
    wire_put_varint(out, id);
    wire_put_raw(out, body, size);
}

static void
put_table(WireBuffer *out, uint32_t field, const PprofTable *table)
{
    for (uint32_t i = 0; i < table->n; i++) {
        size_t size;
        const uint8_t *body = pprof_table_get(table, i, &size);
        put_entry(out, field, (uint64_t)i + 1, body, size);
    }
}

/* Packs `n` values as field 2 of a sample into `part`. */
static void
pack_values(WireBuffer *part, const int64_t *values, uint32_t n)
{
    size_t size = 0;
    for (uint32_t i = 0; i < n; i++)
        size += wire_varint_size((uint64_t)values[i]);
    part->size = 0;
    wire_put_varint(part, WIRE_TAG(2, WIRE_BYTES));
    wire_put_varint(part, size);
    for (uint32_t i = 0; i < n; i++)
        wire_put_varint(part, (uint64_t)values[i]);
}

static void
put_samples(PprofBuilder *builder, WireBuffer *out)
{
    uint32_t n_types = builder->sample_types->len;
    const int64_t *values = (const int64_t *)builder->values->data;
    for (uint32_t i = 0; i < builder->samples.n; i++) {
        size_t size;
        const uint8_t *body = pprof_table_get(&builder->samples, i, &size);
        pack_values(&builder->part, values + (size_t)i * n_types, n_types);
        wire_put_varint(out, WIRE_TAG(PROFILE_SAMPLE, WIRE_BYTES));
        wire_put_varint(out, size + builder->part.size);
        wire_put_raw(out, body, size);
        wire_put_raw(out, builder->part.data, builder->part.size);
    }
}

static void
put_comments(WireBuffer *out, const uint32_t *comments, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        wire_put_varint(out, WIRE_TAG(PROFILE_COMMENT, WIRE_VARINT));
        wire_put_varint(out, comments[i]);
    }
}

static void
put_header(const PprofBuilder *builder, WireBuffer *out)
{
    wire_put_uint(out, PROFILE_TIME_NANOS, (uint64_t)builder->time_ns);
    wire_put_uint(out, PROFILE_DURATION_NANOS, (uint64_t)builder->duration_ns);
    if (builder->has_period_type)
        put_value_type(out, PROFILE_PERIOD_TYPE, &builder->period_type);
    wire_put_uint(out, PROFILE_PERIOD, (uint64_t)builder->period);
    put_comments(out, (const uint32_t *)builder->comments->data, builder->comments->len);
    wire_put_uint(out, PROFILE_DEFAULT_SAMPLE_TYPE, builder->default_sample_type);
}

static void
reset(PprofBuilder *builder)
{
    pprof_table_reset(&builder->strings);
    pprof_table_reset(&builder->mappings);
    pprof_table_reset(&builder->functions);
    pprof_table_reset(&builder->locations);
    pprof_table_reset(&builder->samples);
    g_array_set_size(builder->sample_types, 0);
    g_array_set_size(builder->values, 0);
    g_array_set_size(builder->comments, 0);
    builder->has_period_type = false;
    builder->period = builder->time_ns = builder->duration_ns = 0;
    builder->default_sample_type = 0;
    start(builder);
}

GByteArray *
pprof_builder_finish(PprofBuilder *builder)
{
    WireBuffer out = {0};
    wire_reserve(&out, pprof_builder_size(builder) + 256);
    for (uint32_t i = 0; i < builder->sample_types->len; i++)
        put_value_type(&out, PROFILE_SAMPLE_TYPE,
                       &g_array_index(builder->sample_types, ProfileValueType, i));
    put_samples(builder, &out);
    put_table(&out, PROFILE_MAPPING, &builder->mappings);
    put_table(&out, PROFILE_LOCATION, &builder->locations);
    put_table(&out, PROFILE_FUNCTION, &builder->functions);
    for (uint32_t i = 0; i < builder->strings.n; i++) {
        size_t size;
        const uint8_t *text = pprof_table_get(&builder->strings, i, &size);
        wire_put_bytes(&out, PROFILE_STRING_TABLE, text, size);
    }
    put_header(builder, &out);
    reset(builder);
    return g_byte_array_new_take(out.data, out.size);
}

static void
encode_samples(const Profile *profile, WireBuffer *out, WireBuffer *body, WireBuffer *part)
{
    for (uint32_t i = 0; i < profile->n_samples; i++) {
        const ProfileSample *sample = &profile->samples[i];
        body->size = part->size = 0;
        for (uint32_t j = 0; j < sample->n_locations; j++) {
            uint32_t location = profile->stack_locations[sample->first_location + j];
            wire_put_varint(part, profile->locations[location].id);
        }
        wire_put_bytes(body, 1, part->data, part->size);
        pack_values(part, profile->values + (size_t)i * profile->n_sample_types,
                    profile->n_sample_types);
        wire_put_raw(body, part->data, part->size);
        for (uint32_t j = 0; j < sample->n_labels; j++) {
            const ProfileLabel *label = &profile->labels[sample->first_label + j];
            PprofLabel copy = {label->key, label->str, label->num_unit, label->num};
            put_label(body, &copy);
        }
        wire_put_bytes(out, PROFILE_SAMPLE, body->data, body->size);
    }
}

static void
encode_mappings(const Profile *profile, WireBuffer *out, WireBuffer *body)
{
    for (uint32_t i = 0; i < profile->n_mappings; i++) {
        const ProfileMapping *mapping = &profile->mappings[i];
        PprofMapping copy = {
            .start = mapping->start,
            .limit = mapping->limit,
            .offset = mapping->offset,
            .filename = mapping->filename,
            .build_id = mapping->build_id,
            .has_functions = mapping->has_functions,
            .has_filenames = mapping->has_filenames,
            .has_line_numbers = mapping->has_line_numbers,
            .has_inline_frames = mapping->has_inline_frames,
        };
        body->size = 0;
        put_mapping(body, &copy);
        put_entry(out, PROFILE_MAPPING, mapping->id, body->data, body->size);
    }
}

static void
encode_locations(const Profile *profile, WireBuffer *out, WireBuffer *body)
{
    for (uint32_t i = 0; i < profile->n_locations; i++) {
        const ProfileLocation *location = &profile->locations[i];
        body->size = 0;
        if (location->mapping != PROFILE_NONE)
            wire_put_uint(body, 2, profile->mappings[location->mapping].id);
        wire_put_uint(body, 3, location->address);
        for (uint32_t j = 0; j < location->n_lines; j++) {
            const ProfileLine *line = &profile->lines[location->first_line + j];
            put_line(body, profile->functions[line->function].id, line->line);
        }
        wire_put_uint(body, 5, location->is_folded);
        put_entry(out, PROFILE_LOCATION, location->id, body->data, body->size);
    }
}

static void
encode_functions(const Profile *profile, WireBuffer *out, WireBuffer *body)
{
    for (uint32_t i = 0; i < profile->n_functions; i++) {
        const ProfileFunction *function = &profile->functions[i];
        PprofFunction copy = {
            .name = function->name,
            .system_name = function->system_name,
            .filename = function->filename,
            .start_line = function->start_line,
        };
        body->size = 0;
        put_function(body, &copy);
        put_entry(out, PROFILE_FUNCTION, function->id, body->data, body->size);
    }
}

static void
encode_header(const Profile *profile, WireBuffer *out)
{
    wire_put_uint(out, PROFILE_DROP_FRAMES, profile->drop_frames);
    wire_put_uint(out, PROFILE_KEEP_FRAMES, profile->keep_frames);
    wire_put_uint(out, PROFILE_TIME_NANOS, (uint64_t)profile->time_ns);
    wire_put_uint(out, PROFILE_DURATION_NANOS, (uint64_t)profile->duration_ns);
    if (profile->has_period_type)
        put_value_type(out, PROFILE_PERIOD_TYPE, &profile->period_type);
    wire_put_uint(out, PROFILE_PERIOD, (uint64_t)profile->period);
    put_comments(out, profile->comments, profile->n_comments);
    wire_put_uint(out, PROFILE_DEFAULT_SAMPLE_TYPE, profile->default_sample_type);
}

GByteArray *
pprof_encode(const Profile *profile)
{
    WireBuffer out = {0}, body = {0}, part = {0};
    for (uint32_t i = 0; i < profile->n_sample_types; i++)
        put_value_type(&out, PROFILE_SAMPLE_TYPE, &profile->sample_types[i]);
    encode_samples(profile, &out, &body, &part);
    encode_mappings(profile, &out, &body);
    encode_locations(profile, &out, &body);
    encode_functions(profile, &out, &body);
    for (uint32_t i = 0; i < profile->n_strings; i++)
        wire_put_bytes(&out, PROFILE_STRING_TABLE, profile->strings[i].data,
                       profile->strings[i].length);
    encode_header(profile, &out);
    g_free(body.data);
    g_free(part.data);
    return g_byte_array_new_take(out.data, out.size);
}
