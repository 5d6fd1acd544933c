#include "server/ingest/format/jfr.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"
#include "server/ingest/format/jfr_events.h"
#include "server/ingest/format/jfr_labels.h"
#include "server/ingest/format/stack.h"

#define NS_PER_SECOND INT64_C(1000000000)

/* The profile that a kind of event becomes, with the names of the Pyroscope API. */
static const struct {
    const char *name;
    const char *types[2][2]; /* type and unit; the second may be NULL */
    const char *period[2];   /* or NULL */
    bool is_clock;           /* a sample is worth the time between two */
} PROFILES[JFR_COUNTS] = {
    [JFR_CPU] = {"process_cpu", {{"cpu", "nanoseconds"}}, {"cpu", "nanoseconds"}, true},
    [JFR_WALL] = {"wall", {{"wall", "nanoseconds"}}, {"wall", "nanoseconds"}, true},
    [JFR_IN_NEW_TLAB] = {"memory",
                         {{"alloc_in_new_tlab_objects", "count"},
                          {"alloc_in_new_tlab_bytes", "bytes"}},
                         {"space", "bytes"},
                         false},
    [JFR_OUTSIDE_TLAB] = {"memory",
                          {{"alloc_outside_tlab_objects", "count"},
                           {"alloc_outside_tlab_bytes", "bytes"}},
                          {"space", "bytes"},
                          false},
    [JFR_ALLOCATION_SAMPLE] = {"memory",
                               {{"alloc_sample_objects", "count"}, {"alloc_sample_bytes", "bytes"}},
                               {"space", "bytes"},
                               false},
    [JFR_LOCK] = {"mutex",
                  {{"contentions", "count"}, {"delay", "nanoseconds"}},
                  {"mutex", "count"},
                  false},
    [JFR_PARK] = {"block",
                  {{"contentions", "count"}, {"delay", "nanoseconds"}},
                  {"block", "count"},
                  false},
    [JFR_LIVE] = {"memory", {{"live", "count"}}, {"objects", "count"}, false},
    [JFR_MALLOC] = {"memory",
                    {{"malloc_objects", "count"}, {"malloc_bytes", "bytes"}},
                    {NULL},
                    false},
};

/* A frame of a stack trace. */
typedef struct {
    uint64_t method; /* key */
    uint32_t line;
} Frame;

/* A stack trace, the leaf first. */
typedef struct {
    Frame *frames;
    uint32_t n;
} Trace;

typedef struct {
    const ProfileSource *source;
    PprofBuilder *builders[JFR_COUNTS]; /* NULL where there was no event */
    GError *failures[JFR_COUNTS];       /* why a profile is not taken */
    int64_t scale;                      /* nanoseconds of a sample of a clock */
    JfrLabels labels;
    JfrEvents events;
    JfrChunk chunk; /* the one in work, and what is known of it: */
    Arena *arena;
    GHashTable *traces;  /* key + 1 to Trace */
    GHashTable *methods; /* key + 1 to name, owned */
    GArray *pairs;       /* PprofLabel, of the sample in work */
    GArray *locations;   /* uint32_t, of the sample in work */
} Reader;

/* ---- Names. ---- */

/* "Class.method", or what there is of it. */
static bool
find_method(Reader *reader, uint64_t key, const char **ret_name, GError **error)
{
    JfrValue method[JFR_FIELDS], class[JFR_FIELDS];
    bool found, has_class = false;
    g_autofree char *class_name = NULL, *name = NULL;
    *ret_name = g_hash_table_lookup(reader->methods, GSIZE_TO_POINTER(key + 1));
    if (*ret_name != NULL)
        return true;
    if (!jfr_chunk_constant(&reader->chunk, JFR_POOL_METHOD, key, method, &found, error) ||
        (found && !jfr_chunk_constant(&reader->chunk, JFR_POOL_CLASS, method[JFR_FIELD_TYPE].number,
                                      class, &has_class, error)) ||
        (found && !jfr_chunk_symbol(&reader->chunk, method[JFR_FIELD_NAME].number, &name, error)) ||
        (has_class &&
         !jfr_chunk_symbol(&reader->chunk, class[JFR_FIELD_NAME].number, &class_name, error)))
        return false;
    char *text;
    if (class_name != NULL && *class_name != '\0')
        text = g_strconcat(class_name, ".", name, NULL);
    else
        text = g_strdup(name != NULL && *name != '\0' ? name : "[unknown]");
    g_hash_table_insert(reader->methods, GSIZE_TO_POINTER(key + 1), text);
    *ret_name = text;
    return true;
}

/* Frames without a line have 0, or -1. */
static uint32_t
line_of(const JfrValue *value)
{
    return value->number <= INT32_MAX ? (uint32_t)value->number : 0;
}

/* Decodes the frames of a stack trace from its array; the root's side of deep ones. */
static bool
read_frames(Reader *reader, const JfrType *type, WireSpan at, Trace *trace, GError **error)
{
    uint64_t n;
    if (!jfr_read_number(&at, &n))
        return true; /* it has no frames */
    uint64_t kept = MIN(n, (uint64_t)reader->source->limits->stack_depth_max);
    trace->frames = arena_alloc_array(reader->arena, kept, sizeof *trace->frames);
    if (trace->frames == NULL)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "there are too many frames for the size of the recording");
    for (uint64_t i = 0; i < n; i++) {
        JfrValue values[JFR_FIELDS];
        if (!jfr_read_record(&reader->chunk.types, type, &at, values, error))
            return false;
        if (i >= n - kept)
            trace->frames[trace->n++] =
                (Frame){values[JFR_FIELD_METHOD].number, line_of(&values[JFR_FIELD_LINE_NUMBER])};
    }
    return true;
}

/* The type of the frames in a stack trace, or NULL. */
static const JfrType *
frame_type(const JfrChunk *chunk)
{
    const JfrType *trace = chunk->pool_types[JFR_POOL_STACK_TRACE];
    for (uint32_t i = 0; trace != NULL && i < trace->n_fields; i++) {
        const JfrField *field = &chunk->types.fields[trace->first_field + i];
        if (field->name == JFR_FIELD_FRAMES && field->is_array && !field->is_constant)
            return &chunk->types.types[field->type];
    }
    return NULL;
}

static bool
find_trace(Reader *reader, uint64_t key, const Trace **ret_trace, GError **error)
{
    JfrValue values[JFR_FIELDS];
    bool found;
    *ret_trace = g_hash_table_lookup(reader->traces, GSIZE_TO_POINTER(key + 1));
    if (*ret_trace != NULL)
        return true;
    Trace *trace = arena_alloc(reader->arena, sizeof *trace);
    const JfrType *type = frame_type(&reader->chunk);
    if (trace == NULL)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "there are too many stack traces for the size of the recording");
    if (!jfr_chunk_constant(&reader->chunk, JFR_POOL_STACK_TRACE, key, values, &found, error) ||
        (found && type != NULL &&
         !read_frames(reader, type, values[JFR_FIELD_FRAMES].bytes, trace, error)))
        return false;
    g_hash_table_insert(reader->traces, GSIZE_TO_POINTER(key + 1), trace);
    *ret_trace = trace;
    return true;
}

/* ---- Samples. ---- */

static PprofBuilder *
find_builder(Reader *reader, JfrCount count)
{
    if (reader->builders[count] != NULL)
        return reader->builders[count];
    PprofBuilder *builder = reader->builders[count] = pprof_builder_new();
    for (size_t i = 0; i < 2 && PROFILES[count].types[i][0] != NULL; i++)
        pprof_builder_sample_type(builder, PROFILES[count].types[i][0],
                                  PROFILES[count].types[i][1]);
    if (PROFILES[count].period[0] != NULL)
        pprof_builder_period(builder, PROFILES[count].period[0], PROFILES[count].period[1],
                             PROFILES[count].is_clock ? reader->scale : 0);
    pprof_builder_time(builder, reader->source->time_ns, reader->source->duration_ns);
    return builder;
}

typedef struct {
    PprofBuilder *builder;
    GArray *pairs;
    size_t length_max; /* of a name or value; what is longer is refused later by the rules for
                          labels */
} LabelTarget;

static uint32_t
label_text(const LabelTarget *target, WireSpan text)
{
    size_t length = MIN((size_t)(text.end - text.at), target->length_max + 1);
    return stack_text(target->builder, (const char *)text.at, length);
}

static void
add_label(WireSpan key, WireSpan value, void *data)
{
    LabelTarget *target = data;
    const PprofLabel label = {.key = label_text(target, key), .str = label_text(target, value)};
    g_array_append_val(target->pairs, label);
}

/* The labels of a sample's context, and of its span. */
static void
add_labels(Reader *reader, const JfrSample *sample, PprofBuilder *builder)
{
    const TenantLimits *limits = reader->source->limits;
    LabelTarget target = {
        builder, reader->pairs,
        (size_t)MAX(limits->label_value_length_max, limits->label_name_length_max)};
    g_array_set_size(reader->pairs, 0);
    if (sample->context != 0)
        jfr_labels_visit(&reader->labels, sample->context, (uint64_t)limits->sample_labels_max + 1,
                         add_label, &target);
    if (sample->span == 0)
        return;
    g_autofree char *id = g_strdup_printf("%016" PRIx64, sample->span);
    const PprofLabel span = {.key = pprof_builder_text(builder, "profile_id"),
                             .str = pprof_builder_text(builder, id)};
    g_array_append_val(reader->pairs, span);
    WireSpan name;
    if (!jfr_labels_string(&reader->labels, sample->span_name, &name))
        return;
    const PprofLabel label = {.key = pprof_builder_text(builder, "span_name"),
                              .str = label_text(&target, name)};
    g_array_append_val(reader->pairs, label);
}

/* Adds a sample to its profile. False when the recording is damaged; a profile that becomes too
 * large is marked as failed. */
static bool
add_sample(Reader *reader, const JfrSample *sample, GError **error)
{
    const Trace *trace;
    if (reader->failures[sample->count] != NULL)
        return true;
    if (!find_trace(reader, sample->stack_trace, &trace, error))
        return false;
    if (trace->n == 0)
        return true;
    PprofBuilder *builder = find_builder(reader, sample->count);
    g_array_set_size(reader->locations, 0);
    for (uint32_t i = 0; i < trace->n; i++) {
        const char *name;
        if (!find_method(reader, trace->frames[i].method, &name, error))
            return false;
        uint32_t location = stack_frame(builder, name, strlen(name), trace->frames[i].line);
        g_array_append_val(reader->locations, location);
        if (!stack_check(builder, reader->source->limits, &reader->failures[sample->count]))
            return true;
    }
    add_labels(reader, sample, builder);
    int64_t scale = PROFILES[sample->count].is_clock ? reader->scale : 1;
    int64_t values[2] = {0, sample->values[1]};
    if (__builtin_mul_overflow(sample->values[0], scale, &values[0]))
        values[0] = INT64_MAX;
    const PprofSample added = {.locations = (const uint32_t *)(void *)reader->locations->data,
                               .n_locations = reader->locations->len,
                               .values = values,
                               .labels = (const PprofLabel *)(void *)reader->pairs->data,
                               .n_labels = reader->pairs->len};
    stack_add(builder, reader->source->limits, &added, &reader->failures[sample->count]);
    return true;
}

/* Samples in an order that only depends on the recording. */
static int
compare_samples(gconstpointer a, gconstpointer b)
{
    return memcmp(*(const JfrSample *const *)a, *(const JfrSample *const *)b, sizeof(JfrSample));
}

static bool
add_samples(Reader *reader, GError **error)
{
    guint n;
    g_autofree gpointer *samples = g_hash_table_get_keys_as_array(reader->events.samples, &n);
    if (n > 1)
        qsort(samples, n, sizeof *samples, compare_samples);
    for (guint i = 0; i < n; i++) {
        if (!add_sample(reader, samples[i], error))
            return false;
    }
    for (size_t i = 0; i < JFR_COUNTS; i++) {
        if (reader->events.n_dropped[i] > 0 && reader->failures[i] == NULL)
            error_set(&reader->failures[i], CRESSET_ERROR_INVALID_ARGUMENT,
                      "the profile has more than %u different stacks "
                      "(max_profile_stacktrace_samples)",
                      reader->events.samples_max);
    }
    return true;
}

static bool
read_chunk(Reader *reader, JfrInput *rest, GError **error)
{
    arena_reset(reader->arena);
    g_hash_table_remove_all(reader->traces);
    g_hash_table_remove_all(reader->methods);
    if (!jfr_chunk_open(&reader->chunk, rest->data, rest->size, reader->arena, error) ||
        !jfr_events_read(&reader->events, &reader->chunk, error) || !add_samples(reader, error))
        return false;
    rest->data += reader->chunk.size;
    rest->size -= reader->chunk.size;
    return true;
}

/* ---- Profiles. ---- */

static bool
finish(Reader *reader, ProfileSet *set, GError **error)
{
    bool ok = true;
    for (size_t i = 0; i < JFR_COUNTS; i++) {
        PprofBuilder *builder = reader->builders[i];
        if (reader->failures[i] != NULL) {
            if (ok)
                error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "%s: %s", PROFILES[i].types[0][0],
                          reader->failures[i]->message);
            ok = false;
        } else if (builder != NULL) {
            SetProfile *added = profile_set_add(set, pprof_builder_finish(builder));
            profile_set_label(set, added, "__name__", PROFILES[i].name);
            if (reader->events.event != NULL)
                profile_set_label(set, added, "jfr_event", reader->events.event);
        }
    }
    return ok;
}

static bool
read_recording(Reader *reader, JfrInput rest, GError **error)
{
    if (rest.size == 0)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "the recording is empty");
    for (size_t chunk = 0; rest.size > 0; chunk++) {
        if (!read_chunk(reader, &rest, error)) {
            g_prefix_error(error, "chunk %zu: ", chunk);
            return false;
        }
    }
    return true;
}

bool
jfr_read(JfrInput recording, JfrInput labels, const ProfileSource *source, ProfileSet *set,
         GError **error)
{
    g_autoptr(Arena) arena = arena_new(jfr_chunk_memory_max(recording.size));
    g_autoptr(Arena) labels_arena = arena_new(jfr_labels_memory_max(labels.size));
    g_autoptr(GHashTable) traces = g_hash_table_new(NULL, NULL);
    g_autoptr(GHashTable) methods = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    g_autoptr(GArray) pairs = g_array_new(FALSE, FALSE, sizeof(PprofLabel));
    g_autoptr(GArray) locations = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    Reader reader = {.source = source,
                     .scale =
                         source->sample_rate > 0 ? MAX(NS_PER_SECOND / source->sample_rate, 1) : 1,
                     .arena = arena,
                     .traces = traces,
                     .methods = methods,
                     .pairs = pairs,
                     .locations = locations};
    jfr_events_init(&reader.events, (uint32_t)MIN(source->limits->samples_max, UINT32_MAX));
    bool ok = jfr_labels_read(&reader.labels, labels.data, labels.size, labels_arena, error) &&
              read_recording(&reader, recording, error) && finish(&reader, set, error);
    for (size_t i = 0; i < JFR_COUNTS; i++) {
        pprof_builder_free(reader.builders[i]);
        g_clear_error(&reader.failures[i]);
    }
    jfr_events_clear(&reader.events);
    return ok;
}
