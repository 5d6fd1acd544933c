#include "server/ingest/format/counted.h"

#include <string.h>

#include "lib/base/error.h"
#include "server/ingest/format/stack.h"

#define NS_PER_SECOND INT64_C(1000000000)

typedef struct {
    const char *suffix, *name; /* name: the value of __name__ */
    const char *type, *unit;   /* of the values */
} Kind;

/* The suffixes of the Pyroscope API. A type of NULL is the suffix itself. */
static const Kind KINDS[] = {
    {"cpu", "process_cpu", "cpu", "nanoseconds"},
    {"itimer", "process_cpu", "cpu", "nanoseconds"},
    {"wall", "wall", "wall", "nanoseconds"},
    {"seconds", "wall", "wall", "nanoseconds"},
    {"milliseconds", "wall", "wall", "nanoseconds"},
    {"microseconds", "wall", "wall", "nanoseconds"},
    {"nanoseconds", "wall", "wall", "nanoseconds"},
    {"inuse_objects", "memory", NULL, "count"},
    {"alloc_objects", "memory", NULL, "count"},
    {"inuse_space", "memory", NULL, "bytes"},
    {"alloc_space", "memory", NULL, "bytes"},
    {"goroutines", "goroutine", "goroutines", "count"},
    {"mutex_count", "mutex", "contentions", "count"},
    {"mutex_duration", "mutex", "delay", "nanoseconds"},
    {"block_count", "block", "contentions", "count"},
    {"lock_count", "block", "contentions", "count"},
    {"block_duration", "block", "delay", "nanoseconds"},
    {"lock_duration", "block", "delay", "nanoseconds"},
    {"alloc_in_new_tlab_objects", "memory", NULL, "count"},
    {"alloc_outside_tlab_objects", "memory", NULL, "count"},
    {"alloc_in_new_tlab_bytes", "memory", NULL, "bytes"},
    {"alloc_outside_tlab_bytes", "memory", NULL, "bytes"},
    {"live", "memory", NULL, "count"},
    {"exceptions", "exceptions", "samples", "count"},
    {"bytes", "memory", "samples", "bytes"},
};

struct CountedProfile {
    PprofBuilder *builder;
    const TenantLimits *limits;
    const char *name;
    char *service;
    int64_t scale;
    bool is_time, is_bytes;
};

static const Kind *
find_kind(const char *suffix)
{
    for (size_t i = 0; i < G_N_ELEMENTS(KINDS); i++) {
        if (strcmp(KINDS[i].suffix, suffix) == 0)
            return &KINDS[i];
    }
    return NULL;
}

/* Samples of a clock become the time between them. */
static void
set_types(CountedProfile *profile, const Kind *kind, const ProfileSource *source)
{
    bool is_sampled = strcmp(kind->name, "process_cpu") == 0 || strcmp(kind->name, "wall") == 0;
    bool is_count = is_sampled && source->sample_rate <= 0;
    const char *type = kind->type != NULL ? kind->type : kind->suffix;
    profile->scale = is_sampled && !is_count ? MAX(NS_PER_SECOND / source->sample_rate, 1) : 1;
    profile->is_time = !is_count && strcmp(kind->unit, "nanoseconds") == 0;
    profile->is_bytes = strcmp(kind->unit, "bytes") == 0;
    pprof_builder_sample_type(profile->builder, is_count ? "samples" : type,
                              is_count ? "count" : kind->unit);
    if (is_sampled && !is_count)
        pprof_builder_period(profile->builder, "cpu", "nanoseconds", profile->scale);
    pprof_builder_time(profile->builder, source->time_ns, source->duration_ns);
}

CountedProfile *
counted_profile_new(const ProfileSource *source, GError **error)
{
    const char *dot = strrchr(source->app, '.');
    const Kind *kind = find_kind(dot != NULL ? dot + 1 : "cpu");
    if (kind == NULL) {
        error_set(error, CRESSET_ERROR_NOT_FOUND,
                  "unknown profile type: %.100s; what is counted is told by the suffix of the "
                  "application's name, as in app.cpu or app.alloc_space",
                  dot + 1);
        return NULL;
    }
    CountedProfile *profile = g_new0(CountedProfile, 1);
    profile->builder = pprof_builder_new();
    profile->limits = source->limits;
    profile->name = kind->name;
    profile->service =
        dot != NULL ? g_strndup(source->app, (size_t)(dot - source->app)) : g_strdup(source->app);
    set_types(profile, kind, source);
    return profile;
}

void
counted_profile_free(CountedProfile *profile)
{
    if (profile == NULL)
        return;
    pprof_builder_free(profile->builder);
    g_free(profile->service);
    g_free(profile);
}

PprofBuilder *
counted_profile_builder(CountedProfile *profile)
{
    return profile->builder;
}

int64_t
counted_profile_scale(const CountedProfile *profile)
{
    return profile->scale;
}

bool
counted_profile_is_time(const CountedProfile *profile)
{
    return profile->is_time;
}

bool
counted_profile_is_bytes(const CountedProfile *profile)
{
    return profile->is_bytes;
}

bool
counted_profile_add(CountedProfile *profile, const uint32_t *locations, size_t n, int64_t value,
                    GError **error)
{
    if (value == 0 || n == 0)
        return stack_check(profile->builder, profile->limits, error);
    const PprofSample sample = {.locations = locations, .n_locations = n, .values = &value};
    return stack_add(profile->builder, profile->limits, &sample, error);
}

bool
counted_profile_add_count(CountedProfile *profile, const uint32_t *locations, size_t n,
                          uint64_t count, GError **error)
{
    if (count > (uint64_t)(INT64_MAX / MAX(profile->scale, 1)))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "a count of %" G_GUINT64_FORMAT " is too large", count);
    return counted_profile_add(profile, locations, n, (int64_t)count * profile->scale, error);
}

SetProfile *
counted_profile_finish(CountedProfile *profile, ProfileSet *set)
{
    SetProfile *added = profile_set_add(set, pprof_builder_finish(profile->builder));
    profile_set_label(set, added, "__name__", profile->name);
    profile_set_label(set, added, "service_name", profile->service);
    return added;
}
