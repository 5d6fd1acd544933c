#include "server/ingest/format/otlp_profile.h"

#include <inttypes.h>
#include <string.h>

#include "lib/base/error.h"
#include "server/ingest/format/stack.h"

#define DURATION_NS_DEFAULT INT64_C(10000000000)

enum {
    PROFILE_SAMPLE_TYPE = 1,
    PROFILE_SAMPLES = 2,
    PROFILE_TIME = 3,
    PROFILE_DURATION = 4,
    PROFILE_PERIOD_TYPE = 5,
    PROFILE_PERIOD = 6,
    PROFILE_ID = 7, /* 8 in release 1.8 */
    PROFILE_ID_BYTES = 16,
    SERVICES_MAX = 1024,
    WORK_PER_ATTRIBUTE = 100,
};

/* A value type as text. */
typedef struct {
    char *type, *unit;
} ValueType;

/* The samples of one service. */
typedef struct {
    char *service; /* the value of the sample attribute; NULL when there is none */
    OtlpPprof *pprof;
} Group;

typedef struct {
    OtlpContext *context;
    ValueType sample_type, period_type;
    int64_t time_ns, duration_ns, period;
    uint8_t id[PROFILE_ID_BYTES];
    const char *name; /* the value of __name__ */
    int64_t scale;
    GArray *groups; /* Group */
    OtlpSample sample;
    GArray *labels;    /* PprofLabel, of the sample in work */
    GArray *locations; /* uint32_t, of the sample in work */
    GError **error;
} Reader;

static bool
charge(Reader *reader, uint64_t work)
{
    return otlp_charge(&reader->context->work_left, work, reader->error);
}

/* ---- What the profile says of itself. ---- */

static bool
read_value_type(Reader *reader, WireSpan message, const char *what, ValueType *type)
{
    const OtlpDictionary *dictionary = reader->context->symbols.dictionary;
    for (WireField field; message.at < message.end;) {
        WireSpan text;
        if (!otlp_next(&message, &field, what, reader->error))
            return false;
        if (field.number > 2)
            continue;
        if (!otlp_expect(&field, WIRE_VARINT, what, reader->error) ||
            !otlp_dictionary_entry(dictionary, OTLP_STRINGS, field.value, what, &text,
                                   reader->error))
            return false;
        char **part = field.number == 1 ? &type->type : &type->unit;
        g_free(*part);
        *part = g_utf8_make_valid((const char *)text.at, text.end - text.at);
    }
    return true;
}

static bool
read_header_field(Reader *reader, const WireField *field)
{
    switch (field->number) {
    case PROFILE_SAMPLE_TYPE:
        return otlp_expect(field, WIRE_BYTES, "sample_type", reader->error) &&
               read_value_type(reader, field->bytes, "sample_type", &reader->sample_type);
    case PROFILE_TIME:
        if (field->type == WIRE_BYTES)
            return error_set(reader->error, CRESSET_ERROR_INVALID_ARGUMENT,
                             "the profile is of opentelemetry-proto 1.7 or older, which had no "
                             "table of stacks: 1.8 or newer is wanted");
        if (!otlp_expect(field, WIRE_FIXED64, "time_unix_nano", reader->error))
            return false;
        memcpy(&reader->time_ns, field->bytes.at, sizeof reader->time_ns);
        reader->time_ns = (int64_t)GUINT64_FROM_LE((uint64_t)reader->time_ns);
        return true;
    case PROFILE_DURATION:
        reader->duration_ns = (int64_t)field->value;
        return otlp_expect(field, WIRE_VARINT, "duration_nano", reader->error);
    case PROFILE_PERIOD_TYPE:
        return otlp_expect(field, WIRE_BYTES, "period_type", reader->error) &&
               read_value_type(reader, field->bytes, "period_type", &reader->period_type);
    case PROFILE_PERIOD:
        reader->period = (int64_t)field->value;
        return otlp_expect(field, WIRE_VARINT, "period", reader->error);
    case PROFILE_ID:
    case PROFILE_ID + 1:
        if (field->type == WIRE_BYTES && field->bytes.end - field->bytes.at == PROFILE_ID_BYTES)
            memcpy(reader->id, field->bytes.at, PROFILE_ID_BYTES);
        return true;
    default:
        return true;
    }
}

static bool
is_type(const ValueType *type, const char *name, const char *unit)
{
    return g_strcmp0(type->type, name) == 0 && g_strcmp0(type->unit, unit) == 0;
}

/* What the values become, by the rules of Pyroscope: CPU samples become CPU time; of other
 * profiles the period tells what they are called. */
static bool
choose_name(Reader *reader)
{
    bool has_period_type = reader->period_type.type != NULL && *reader->period_type.type != '\0';
    reader->scale = 1;
    if (is_type(&reader->sample_type, "samples", "count") &&
        is_type(&reader->period_type, "cpu", "nanoseconds") && reader->period > 0) {
        reader->name = "process_cpu";
        reader->scale = reader->period;
        g_free(reader->sample_type.type);
        g_free(reader->sample_type.unit);
        reader->sample_type = (ValueType){g_strdup("cpu"), g_strdup("nanoseconds")};
    } else if (is_type(&reader->sample_type, "off_cpu", "nanoseconds") && !has_period_type) {
        reader->name = "off_cpu";
    } else if (has_period_type) {
        reader->name = reader->period_type.type;
    } else if (reader->sample_type.type == NULL || *reader->sample_type.type == '\0') {
        reader->name = "process_cpu";
    } else {
        return error_set(reader->error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "there is no period_type, which names profiles of %.100s",
                         reader->sample_type.type);
    }
    return true;
}

static bool
read_header(Reader *reader, WireSpan message)
{
    for (WireField field; message.at < message.end;) {
        if (!otlp_next(&message, &field, "profile", reader->error) ||
            !read_header_field(reader, &field))
            return false;
    }
    if (reader->time_ns <= 0)
        reader->time_ns = reader->context->now_ns;
    if (reader->duration_ns <= 0)
        reader->duration_ns = DURATION_NS_DEFAULT;
    return choose_name(reader);
}

/* ---- Samples. ---- */

static void
clear_group(void *data)
{
    Group *group = data;
    g_free(group->service);
    otlp_pprof_free(group->pprof);
}

/* The group of a service; NULL when there are too many. */
static OtlpPprof *
find_group(Reader *reader, const char *service)
{
    for (guint i = 0; i < reader->groups->len; i++) {
        Group *group = &g_array_index(reader->groups, Group, i);
        if (g_strcmp0(group->service, service) == 0)
            return group->pprof;
    }
    if (reader->groups->len >= SERVICES_MAX) {
        error_set(reader->error, CRESSET_ERROR_INVALID_ARGUMENT,
                  "its samples name more than %d services", SERVICES_MAX);
        return NULL;
    }
    Group group = {g_strdup(service),
                   otlp_pprof_new(&reader->context->symbols, &reader->context->work_left)};
    g_array_append_val(reader->groups, group);
    pprof_builder_sample_type(
        group.pprof->builder,
        reader->sample_type.type != NULL ? reader->sample_type.type : "samples",
        reader->sample_type.unit != NULL ? reader->sample_type.unit : "count");
    if (reader->period_type.type != NULL)
        pprof_builder_period(group.pprof->builder, reader->period_type.type,
                             reader->period_type.unit, reader->period);
    pprof_builder_time(group.pprof->builder, reader->time_ns, reader->duration_ns);
    return group.pprof;
}

static void
add_label(Reader *reader, PprofBuilder *builder, const char *key, const char *value)
{
    const PprofLabel label = {.key = pprof_builder_text(builder, key),
                              .str = pprof_builder_text(builder, value)};
    g_array_append_val(reader->labels, label);
}

/* Decodes the attributes of the sample in work: pairs of key and value, and its service. */
static bool
read_attributes(Reader *reader, GPtrArray *pairs, const char **ret_service)
{
    const GArray *indices = reader->sample.attributes;
    if (indices->len > (guint)reader->context->limits->sample_labels_max)
        return error_set(reader->error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "it has %u attributes; limit %" PRId64
                         " (max_profile_stacktrace_sample_labels)",
                         indices->len, reader->context->limits->sample_labels_max);
    for (guint i = 0; i < indices->len; i++) {
        g_auto(OtlpAttribute) attribute = {0};
        if (!otlp_attribute_entry(reader->context->symbols.dictionary,
                                  g_array_index(indices, uint64_t, i), "attribute_indices",
                                  &attribute, reader->error))
            return false;
        if (attribute.key == NULL || attribute.value == NULL)
            continue;
        if (!charge(reader, WORK_PER_ATTRIBUTE + strlen(attribute.key) + strlen(attribute.value)))
            return false;
        bool is_service = strcmp(attribute.key, "service.name") == 0;
        g_ptr_array_add(pairs, g_steal_pointer(&attribute.key));
        g_ptr_array_add(pairs, g_steal_pointer(&attribute.value));
        if (is_service && *(const char *)pairs->pdata[pairs->len - 1] != '\0')
            *ret_service = pairs->pdata[pairs->len - 1];
    }
    return true;
}

/* Adds the ids of the span that the sample is linked to. */
static bool
add_link(Reader *reader, PprofBuilder *builder)
{
    static const struct {
        const char *label;
        size_t size;
    } IDS[] = {{NULL, 0}, {"trace_id", 16}, {"span_id", 8}};
    WireSpan link;
    if (reader->sample.link_index == 0)
        return true;
    if (!otlp_dictionary_entry(reader->context->symbols.dictionary, OTLP_LINKS,
                               reader->sample.link_index, "link_index", &link, reader->error))
        return false;
    for (WireField field; link.at < link.end;) {
        if (!otlp_next(&link, &field, "link_table", reader->error))
            return false;
        if (field.number > 2 || field.type != WIRE_BYTES ||
            (size_t)(field.bytes.end - field.bytes.at) != IDS[field.number].size)
            continue;
        char text[2 * 16 + 1];
        for (size_t i = 0; i < IDS[field.number].size; i++)
            g_snprintf(text + 2 * i, 3, "%02x", field.bytes.at[i]);
        add_label(reader, builder, IDS[field.number].label, text);
    }
    return true;
}

/* The bytes of a stack, which is what decoding it costs. */
static bool
charge_stack(Reader *reader)
{
    WireSpan stack;
    return otlp_dictionary_entry(reader->context->symbols.dictionary, OTLP_STACKS,
                                 reader->sample.stack_index, "stack_index", &stack,
                                 reader->error) &&
           charge(reader,
                  16 + 8 * (uint64_t)(stack.end - stack.at) + 4 * (uint64_t)reader->groups->len);
}

static bool
add_sample(Reader *reader)
{
    const TenantLimits *limits = reader->context->limits;
    OtlpSample *sample = &reader->sample;
    g_autoptr(GPtrArray) pairs = g_ptr_array_new_with_free_func(g_free);
    const char *service = NULL;
    int64_t value;
    if (__builtin_mul_overflow(sample->value, reader->scale, &value))
        return error_set(reader->error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "its value times the period is too large");
    if (!charge_stack(reader) || !read_attributes(reader, pairs, &service))
        return false;
    OtlpPprof *pprof = find_group(reader, service);
    if (pprof == NULL)
        return false;
    g_array_set_size(reader->labels, 0);
    for (guint i = 0; i < pairs->len; i += 2) {
        if (strcmp(pairs->pdata[i], "service.name") != 0)
            add_label(reader, pprof->builder, pairs->pdata[i], pairs->pdata[i + 1]);
    }
    if (!add_link(reader, pprof->builder) ||
        !otlp_pprof_stack(pprof, sample->stack_index, (size_t)limits->stack_depth_max,
                          reader->locations, reader->error))
        return false;
    const PprofSample added = {.locations = (const uint32_t *)(void *)reader->locations->data,
                               .n_locations = reader->locations->len,
                               .values = &value,
                               .labels = (const PprofLabel *)(void *)reader->labels->data,
                               .n_labels = reader->labels->len};
    return stack_add(pprof->builder, limits, &added, reader->error);
}

static bool
read_samples(Reader *reader, WireSpan message)
{
    size_t n = 0;
    for (WireField field; message.at < message.end;) {
        if (!otlp_next(&message, &field, "profile", reader->error))
            return false;
        if (field.number != PROFILE_SAMPLES)
            continue;
        if (!otlp_expect(&field, WIRE_BYTES, "samples", reader->error))
            return false;
        if (!otlp_sample_read(field.bytes, reader->context->numbering, &reader->sample,
                              reader->error) ||
            !add_sample(reader)) {
            g_prefix_error(reader->error, "samples[%zu]: ", n);
            return false;
        }
        n++;
    }
    return true;
}

/* ---- Series. ---- */

static const char *
find_attribute(const GArray *attributes, const char *name)
{
    for (guint i = 0; i < attributes->len; i++) {
        const Label *label = &g_array_index(attributes, Label, i);
        if (strcmp(label->name, name) == 0)
            return label->value;
    }
    return NULL;
}

/* service_name: the samples' own, the resource's, or as OpenTelemetry calls one that has none. */
static char *
service_name(const Group *group, const GArray *attributes)
{
    const char *service = group->service, *program;
    if (service == NULL)
        service = find_attribute(attributes, "service.name");
    if (service != NULL && *service != '\0')
        return g_strdup(service);
    program = find_attribute(attributes, "process.executable.name");
    return program != NULL && *program != '\0' ? g_strconcat("unknown_service:", program, NULL)
                                               : g_strdup("unknown_service");
}

static void
finish_group(Reader *reader, Group *group, const GArray *attributes, ProfileSet *set)
{
    SetProfile *added = profile_set_add(set, pprof_builder_finish(group->pprof->builder));
    g_autofree char *service = service_name(group, attributes);
    profile_set_label(set, added, "__name__", reader->name);
    profile_set_label(set, added, "service_name", service);
    profile_set_label(set, added, "__delta__", "false");
    profile_set_label(set, added, "__otel__", "true");
    if (group->service != NULL && find_attribute(attributes, "service.name") != NULL)
        profile_set_label(set, added, "service.name", group->service);
    for (guint i = 0; i < attributes->len; i++) {
        const Label *label = &g_array_index(attributes, Label, i);
        if (!g_str_has_prefix(label->name, "__"))
            profile_set_label(set, added, label->name, label->value);
    }
    char id[2 * PROFILE_ID_BYTES + 1];
    uint8_t any = 0;
    for (size_t i = 0; i < PROFILE_ID_BYTES; i++) {
        any |= reader->id[i];
        g_snprintf(id + 2 * i, 3, "%02x", reader->id[i]);
    }
    if (any != 0)
        added->id = profile_set_string(set, id);
}

static bool
finish_groups(Reader *reader, const GArray *attributes, ProfileSet *set)
{
    uint64_t size = 0;
    for (guint i = 0; i < reader->groups->len; i++)
        size += pprof_builder_size(g_array_index(reader->groups, Group, i).pprof->builder);
    if (size > reader->context->size_left)
        return error_set(reader->error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "the profiles of the request are too large as pprof: send fewer at once "
                         "(ingestion_body_limit_mb)");
    reader->context->size_left -= size;
    for (guint i = 0; i < reader->groups->len; i++)
        finish_group(reader, &g_array_index(reader->groups, Group, i), attributes, set);
    return true;
}

bool
otlp_profile_read(OtlpContext *context, WireSpan message, const GArray *attributes, ProfileSet *set,
                  GError **error)
{
    g_autoptr(GArray) groups = g_array_new(FALSE, FALSE, sizeof(Group));
    g_autoptr(GArray) indices = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    g_autoptr(GArray) labels = g_array_new(FALSE, FALSE, sizeof(PprofLabel));
    g_autoptr(GArray) locations = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    g_array_set_clear_func(groups, clear_group);
    Reader reader = {.context = context,
                     .groups = groups,
                     .sample = {.attributes = indices},
                     .labels = labels,
                     .locations = locations,
                     .error = error};
    bool ok = read_header(&reader, message) && read_samples(&reader, message) &&
              finish_groups(&reader, attributes, set);
    g_free(reader.sample_type.type);
    g_free(reader.sample_type.unit);
    g_free(reader.period_type.type);
    g_free(reader.period_type.unit);
    return ok;
}
