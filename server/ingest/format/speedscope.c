#include "server/ingest/format/speedscope.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/base/json_text.h"
#include "server/ingest/format/counted.h"
#include "server/ingest/format/stack.h"

/* Parsed JSON takes up to some 100 times its text: what bounds it is the number of values. A file
 * of as many stacks as a profile may have has some 500 thousand. */
#define SPEEDSCOPE_VALUES_MAX   (1024 * 1024)
#define SPEEDSCOPE_PROFILES_MAX 64
/* How finely values without a unit are kept. */
#define PRECISION 100

static const char SCHEMA[] = "https://www.speedscope.app/file-format-schema.json";

typedef struct {
    const ProfileSource *source;
    const json_t *frames;
    CountedProfile *profile; /* in work */
    uint32_t *locations;     /* of every frame in that profile; 0 when not yet known */
    GArray *stack;           /* uint32_t, locations in work */
    double scale;            /* from the file's values to the profile's */
    GError **error;
} Reader;

/* How a field of the profile in work is wrong. */
static bool
wants(const Reader *reader, const char *field, const char *what)
{
    return error_set(reader->error, CRESSET_ERROR_INVALID_ARGUMENT, "%s wants %s", field, what);
}

/* Turns the index of a frame into a location. */
static bool
find_frame(Reader *reader, const json_t *index, const char *field, uint32_t *ret_location)
{
    size_t n = json_array_size(reader->frames);
    if (!json_is_integer(index) || json_integer_value(index) < 0 ||
        (size_t)json_integer_value(index) >= n)
        return wants(reader, field, "positions in shared.frames");
    size_t at = (size_t)json_integer_value(index);
    if (reader->locations[at] == 0) {
        const json_t *frame = json_array_get(reader->frames, at);
        const json_t *name = json_object_get(frame, "name");
        const json_t *line = json_object_get(frame, "line");
        if (!json_is_string(name))
            return wants(reader, "shared.frames", "frames with a name");
        reader->locations[at] =
            stack_frame(counted_profile_builder(reader->profile), json_string_value(name),
                        json_string_length(name), json_integer_value(line));
    }
    *ret_location = reader->locations[at];
    return true;
}

/* Adds the stack in work; `weight` is in the unit of the file. */
static bool
add_weight(Reader *reader, double weight, const char *field)
{
    double value = round(weight * reader->scale);
    if (!(value >= 0 && value < 9.0e18))
        return wants(reader, field, "values that are not negative and not beyond any clock");
    guint n = reader->stack->len;
    g_autofree uint32_t *leaf_first = g_new(uint32_t, n + 1);
    for (guint i = 0; i < n; i++)
        leaf_first[i] = g_array_index(reader->stack, uint32_t, n - 1 - i);
    return counted_profile_add(reader->profile, leaf_first, n, (int64_t)value, reader->error);
}

static bool
read_sampled(Reader *reader, const json_t *profile)
{
    const json_t *samples = json_object_get(profile, "samples");
    const json_t *weights = json_object_get(profile, "weights");
    if (!json_is_array(samples))
        return wants(reader, "samples", "a list of stacks");
    if (!json_is_array(weights) || json_array_size(weights) != json_array_size(samples))
        return wants(reader, "weights", "one number for each of the samples");
    for (size_t i = 0; i < json_array_size(samples); i++) {
        const json_t *stack = json_array_get(samples, i), *weight = json_array_get(weights, i);
        if (!json_is_array(stack) || !json_is_number(weight))
            return wants(reader, "samples", "lists of frames, and weights numbers");
        g_array_set_size(reader->stack, 0);
        for (size_t k = 0; k < json_array_size(stack); k++) {
            uint32_t location;
            if (!find_frame(reader, json_array_get(stack, k), "samples", &location))
                return false;
            g_array_append_val(reader->stack, location);
        }
        if (!add_weight(reader, json_number_value(weight), "weights"))
            return false;
    }
    return true;
}

/* The frame that closes must be the last one that opened. */
static bool
apply_event(Reader *reader, const json_t *event, uint32_t location)
{
    const char *type = json_string_value(json_object_get(event, "type"));
    guint depth = reader->stack->len;
    if (g_strcmp0(type, "O") == 0) {
        g_array_append_val(reader->stack, location);
        return true;
    }
    if (g_strcmp0(type, "C") != 0)
        return wants(reader, "events", "the types O and C");
    if (depth == 0 || g_array_index(reader->stack, uint32_t, depth - 1) != location)
        return wants(reader, "events", "the frame closed that was opened last");
    g_array_set_size(reader->stack, depth - 1);
    return true;
}

static bool
read_evented(Reader *reader, const json_t *profile)
{
    const json_t *events = json_object_get(profile, "events");
    if (!json_is_array(events))
        return wants(reader, "events", "a list of events");
    uint64_t work_left = (uint64_t)reader->source->limits->samples_max *
                         (uint64_t)reader->source->limits->stack_depth_max;
    double last = json_number_value(json_object_get(profile, "startValue"));
    g_array_set_size(reader->stack, 0);
    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *event = json_array_get(events, i), *at = json_object_get(event, "at");
        uint32_t location;
        if (!json_is_number(at) || json_number_value(at) < last)
            return wants(reader, "events", "numbers at which they happen, in order");
        if (json_number_value(at) > last) {
            if (reader->stack->len > work_left)
                return wants(reader, "events",
                             "fewer and less deep stacks (max_profile_stacktrace_samples)");
            work_left -= reader->stack->len;
            if (!add_weight(reader, json_number_value(at) - last, "events"))
                return false;
        }
        last = json_number_value(at);
        if (!find_frame(reader, json_object_get(event, "frame"), "events", &location) ||
            !apply_event(reader, event, location))
            return false;
    }
    return reader->stack->len == 0 || wants(reader, "events", "every frame closed");
}

/* How much of `to` there is in one `unit`; 0 when it is no such unit. */
static double
unit_scale(const char *unit, const CountedProfile *to)
{
    static const struct {
        const char *unit;
        double ns;
    } TIMES[] = {
        {"seconds", 1e9}, {"milliseconds", 1e6}, {"microseconds", 1e3}, {"nanoseconds", 1}};
    for (size_t i = 0; i < G_N_ELEMENTS(TIMES) && counted_profile_is_time(to); i++) {
        if (strcmp(unit, TIMES[i].unit) == 0)
            return TIMES[i].ns;
    }
    return strcmp(unit, "bytes") == 0 && counted_profile_is_bytes(to) ? 1 : 0;
}

static bool
is_unit(const char *unit)
{
    static const char *const UNITS[] = {
        "none", "nanoseconds", "microseconds", "milliseconds", "seconds", "bytes", NULL};
    return g_strv_contains(UNITS, unit);
}

/* The name under which a profile is stored: of several each has its unit as suffix. */
static char *
app_name(const Reader *reader, const char *unit, bool is_one_of_several)
{
    if (!is_one_of_several || strcmp(unit, "none") == 0)
        return g_strdup(reader->source->app);
    return g_strdup_printf("%s.%s", reader->source->app, unit);
}

static bool
read_profile(Reader *reader, const json_t *json, bool is_one_of_several, ProfileSet *set)
{
    const char *type = json_string_value(json_object_get(json, "type"));
    const char *unit = json_string_value(json_object_get(json, "unit"));
    const char *name = json_string_value(json_object_get(json, "name"));
    if (unit == NULL || !is_unit(unit))
        return wants(reader, "unit",
                     "none, bytes, seconds, milliseconds, microseconds or nanoseconds");
    g_autofree char *app = app_name(reader, unit, is_one_of_several);
    ProfileSource source = *reader->source;
    source.app = app;
    g_autoptr(CountedProfile) profile = counted_profile_new(&source, reader->error);
    if (profile == NULL)
        return false;
    g_autofree uint32_t *locations = g_new0(uint32_t, json_array_size(reader->frames) + 1);
    reader->profile = profile;
    reader->locations = locations;
    reader->scale = unit_scale(unit, profile);
    if (reader->scale == 0)
        reader->scale = (double)PRECISION * (double)counted_profile_scale(profile);
    bool ok;
    if (g_strcmp0(type, "sampled") == 0)
        ok = read_sampled(reader, json);
    else if (g_strcmp0(type, "evented") == 0)
        ok = read_evented(reader, json);
    else
        return wants(reader, "type", "sampled or evented");
    if (ok && pprof_builder_n_samples(counted_profile_builder(profile)) > 0) {
        SetProfile *added = counted_profile_finish(profile, set);
        profile_set_label(set, added, "profile_name", name != NULL ? name : "");
    }
    return ok;
}

static bool
read_file(Reader *reader, const json_t *file, ProfileSet *set)
{
    const json_t *profiles = json_object_get(file, "profiles");
    const char *schema = json_string_value(json_object_get(file, "$schema"));
    reader->frames = json_object_get(json_object_get(file, "shared"), "frames");
    if (schema == NULL || strcmp(schema, SCHEMA) != 0)
        return wants(reader, "$schema", SCHEMA);
    if (!json_is_array(reader->frames))
        return wants(reader, "shared.frames", "a list of frames");
    size_t n = json_array_size(profiles);
    if (!json_is_array(profiles) || n > SPEEDSCOPE_PROFILES_MAX)
        return wants(reader, "profiles", "a list of at most 64 profiles");
    bool ok = true;
    for (size_t i = 0; i < n; i++) {
        g_autoptr(GError) error = NULL;
        Reader one = *reader;
        one.error = &error;
        if (read_profile(&one, json_array_get(profiles, i), n > 1, set))
            continue;
        g_prefix_error(&error, "profiles[%zu]: ", i);
        if (ok)
            g_propagate_error(reader->error, g_steal_pointer(&error));
        ok = false;
    }
    return ok;
}

bool
speedscope_read(const uint8_t *text, size_t size, const ProfileSource *source, ProfileSet *set,
                GError **error)
{
    if (json_text_has_more_values((const char *)text, size, SPEEDSCOPE_VALUES_MAX))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "the file has more than %d JSON values: send pprof",
                         SPEEDSCOPE_VALUES_MAX);
    json_error_t why;
    json_t *file = json_loadb(size > 0 ? (const char *)text : "", size, 0, &why);
    if (file == NULL)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "no valid JSON at byte %d: %s",
                         why.position, why.text);
    g_autoptr(GArray) stack = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    Reader reader = {.source = source, .stack = stack, .error = error};
    bool ok = read_file(&reader, file, set);
    json_decref(file);
    return ok;
}
