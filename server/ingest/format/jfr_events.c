#include "server/ingest/format/jfr_events.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "lib/base/error.h"

enum { TEXT_BYTES_MAX = 128 /* of settings and states that matter */ };

/* How an event becomes samples. A type's tag is one of these; 0 is passed over. */
typedef enum {
    EVENT_NONE,
    EVENT_SETTING,
    EVENT_EXECUTION_SAMPLE,
    EVENT_WALL_CLOCK_SAMPLE,
    EVENT_IN_NEW_TLAB,
    EVENT_OUTSIDE_TLAB,
    EVENT_ALLOCATION_SAMPLE,
    EVENT_MONITOR_ENTER,
    EVENT_THREAD_PARK,
    EVENT_LIVE_OBJECT,
    EVENT_MALLOC,
} Event;

static const struct {
    const char *type;
    Event event;
    JfrCount count;         /* where there is one */
    JfrFieldName magnitude; /* the field with bytes or a duration, or none */
} EVENTS[] = {
    {"jdk.ActiveSetting", EVENT_SETTING, 0, JFR_FIELD_NONE},
    {"jdk.ExecutionSample", EVENT_EXECUTION_SAMPLE, JFR_CPU, JFR_FIELD_NONE},
    {"profiler.WallClockSample", EVENT_WALL_CLOCK_SAMPLE, JFR_WALL, JFR_FIELD_NONE},
    {"jdk.ObjectAllocationInNewTLAB", EVENT_IN_NEW_TLAB, JFR_IN_NEW_TLAB, JFR_FIELD_TLAB_SIZE},
    {"jdk.ObjectAllocationOutsideTLAB", EVENT_OUTSIDE_TLAB, JFR_OUTSIDE_TLAB,
     JFR_FIELD_ALLOCATION_SIZE},
    {"jdk.ObjectAllocationSample", EVENT_ALLOCATION_SAMPLE, JFR_ALLOCATION_SAMPLE,
     JFR_FIELD_WEIGHT},
    {"jdk.JavaMonitorEnter", EVENT_MONITOR_ENTER, JFR_LOCK, JFR_FIELD_DURATION},
    {"jdk.ThreadPark", EVENT_THREAD_PARK, JFR_PARK, JFR_FIELD_DURATION},
    {"profiler.LiveObject", EVENT_LIVE_OBJECT, JFR_LIVE, JFR_FIELD_NONE},
    {"profiler.Malloc", EVENT_MALLOC, JFR_MALLOC, JFR_FIELD_SIZE},
};

static guint
hash_sample(gconstpointer sample)
{
    return (guint)XXH3_64bits(sample, offsetof(JfrSample, values));
}

static gboolean
equal_samples(gconstpointer a, gconstpointer b)
{
    return memcmp(a, b, offsetof(JfrSample, values)) == 0;
}

void
jfr_events_init(JfrEvents *events, uint32_t samples_max)
{
    *events = (JfrEvents){.samples_max = samples_max};
    events->samples = g_hash_table_new_full(hash_sample, equal_samples, g_free, NULL);
}

void
jfr_events_clear(JfrEvents *events)
{
    g_hash_table_unref(events->samples);
    g_free(events->event);
}

static void
add_up(int64_t *sum, int64_t value)
{
    if (__builtin_add_overflow(*sum, value, sum))
        *sum = INT64_MAX;
}

/* Adds one event to its sample. */
static void
add(JfrEvents *events, JfrCount count, const JfrValue *values, int64_t times, int64_t magnitude)
{
    JfrSample key = {.count = count,
                     .stack_trace = values[JFR_FIELD_STACK_TRACE].number,
                     .context = values[JFR_FIELD_CONTEXT_ID].number,
                     .span = values[JFR_FIELD_SPAN_ID].number};
    if (key.span != 0)
        key.span_name = values[JFR_FIELD_SPAN_NAME].number;
    JfrSample *sample = g_hash_table_lookup(events->samples, &key);
    if (sample == NULL) {
        if (events->n_samples[count] >= events->samples_max) {
            events->n_dropped[count]++;
            return;
        }
        sample = g_memdup2(&key, sizeof key);
        g_hash_table_add(events->samples, sample);
        events->n_samples[count]++;
    }
    add_up(&sample->values[0], times);
    add_up(&sample->values[1], magnitude);
}

/* ---- Events. ---- */

/* Whether a string is this text. */
static bool
is_text(JfrChunk *chunk, const JfrValue *string, const char *text, bool *ret_is, GError **error)
{
    WireSpan bytes;
    *ret_is = false;
    if (!jfr_chunk_string(chunk, string, &bytes, error))
        return false;
    if (bytes.end - bytes.at > TEXT_BYTES_MAX)
        return true;
    g_autofree char *own = jfr_string_text(bytes);
    *ret_is = strcmp(own, text) == 0;
    return true;
}

/* Whether the state of the thread is this one. */
static bool
is_state(JfrChunk *chunk, const JfrValue *state, const char *name, bool *ret_is, GError **error)
{
    JfrValue values[JFR_FIELDS];
    bool found;
    *ret_is = false;
    return jfr_chunk_constant(chunk, JFR_POOL_THREAD_STATE, state->number, values, &found, error) &&
           (!found || is_text(chunk, &values[JFR_FIELD_NAME], name, ret_is, error));
}

/* A thread that sleeps takes no CPU time; when the wall clock is what is sampled, a sample of one
 * kind also counts for the other. */
static bool
add_clock_sample(JfrEvents *events, JfrChunk *chunk, Event event, const JfrValue *values,
                 GError **error)
{
    bool is_wall = g_strcmp0(events->event, "wall") == 0, is_sleeping, is_runnable;
    const JfrValue *state = &values[JFR_FIELD_STATE];
    if (event == EVENT_EXECUTION_SAMPLE) {
        if (!is_state(chunk, state, "STATE_SLEEPING", &is_sleeping, error))
            return false;
        if (!is_sleeping)
            add(events, JFR_CPU, values, 1, 0);
        if (is_wall)
            add(events, JFR_WALL, values, 1, 0);
        return true;
    }
    int64_t times = (int64_t)MIN(MAX(values[JFR_FIELD_SAMPLES].number, 1), (uint64_t)INT32_MAX);
    add(events, JFR_WALL, values, times, 0);
    if (!is_wall)
        return true;
    if (!is_state(chunk, state, "STATE_RUNNABLE", &is_runnable, error))
        return false;
    if (is_runnable)
        add(events, JFR_CPU, values, times, 0);
    return true;
}

static int64_t
ticks_to_ns(const JfrChunk *chunk, uint64_t ticks)
{
    if (chunk->ticks_per_second == 0)
        return 0;
    __extension__ typedef unsigned __int128 Wide;
    Wide ns = (Wide)ticks * 1000000000 / chunk->ticks_per_second;
    return ns > INT64_MAX ? INT64_MAX : (int64_t)ns;
}

static bool
add_event(JfrEvents *events, JfrChunk *chunk, int tag, const JfrValue *values, GError **error)
{
    if (tag == EVENT_EXECUTION_SAMPLE || tag == EVENT_WALL_CLOCK_SAMPLE)
        return add_clock_sample(events, chunk, (Event)tag, values, error);
    for (size_t i = 0; i < G_N_ELEMENTS(EVENTS); i++) {
        if ((int)EVENTS[i].event != tag)
            continue;
        uint64_t number = values[EVENTS[i].magnitude].number;
        int64_t magnitude = (int64_t)MIN(number, (uint64_t)INT64_MAX);
        if (EVENTS[i].magnitude == JFR_FIELD_NONE)
            magnitude = 0;
        else if (EVENTS[i].magnitude == JFR_FIELD_DURATION)
            magnitude = ticks_to_ns(chunk, number);
        add(events, EVENTS[i].count, values, 1, magnitude);
    }
    return true;
}

/* Keeps the setting "event". */
static bool
read_setting(JfrEvents *events, JfrChunk *chunk, const JfrValue *values, GError **error)
{
    WireSpan value;
    bool is_event;
    if (!is_text(chunk, &values[JFR_FIELD_NAME], "event", &is_event, error))
        return false;
    if (!is_event)
        return true;
    if (!jfr_chunk_string(chunk, &values[JFR_FIELD_VALUE], &value, error))
        return false;
    if (value.end - value.at <= TEXT_BYTES_MAX) {
        g_free(events->event);
        events->event = jfr_string_text(value);
    }
    return true;
}

/* Reads the settings, or everything else: settings may stand anywhere. */
static bool
read_events(JfrEvents *events, JfrChunk *chunk, bool settings, GError **error)
{
    GError *failure = NULL;
    JfrType *type;
    for (WireSpan fields; jfr_chunk_next(chunk, &type, &fields, &failure);) {
        JfrValue values[JFR_FIELDS];
        if (type == NULL || type->tag == EVENT_NONE || (type->tag == EVENT_SETTING) != settings)
            continue;
        if (!jfr_read_record(&chunk->types, type, &fields, values, error) ||
            !(settings ? read_setting(events, chunk, values, error)
                       : add_event(events, chunk, type->tag, values, error)))
            return false;
    }
    if (failure != NULL)
        g_propagate_error(error, failure);
    return failure == NULL;
}

bool
jfr_events_read(JfrEvents *events, JfrChunk *chunk, GError **error)
{
    g_hash_table_remove_all(events->samples);
    memset(events->n_samples, 0, sizeof events->n_samples);
    for (size_t i = 0; i < G_N_ELEMENTS(EVENTS); i++) {
        JfrType *type = jfr_types_find_name(&chunk->types, EVENTS[i].type);
        if (type != NULL)
            type->tag = EVENTS[i].event;
    }
    WireSpan all = chunk->events;
    if (!read_events(events, chunk, true, error))
        return false;
    chunk->events = all;
    return read_events(events, chunk, false, error);
}
