/* The types of profiles that Go programs and others offer over HTTP: names, paths and defaults of
 * Grafana Alloy's pyroscope.scrape. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

typedef struct {
    const char *name;       /* of the series, and in the configuration: "process_cpu" */
    const char *annotation; /* of pods: "cpu" of profiles.grafana.com/cpu.scrape */
    const char *path;
    bool is_on;         /* where the configuration says nothing */
    bool takes_seconds; /* is asked for so many seconds of profiling */
    /* Names of the sample types that count from the start of the program, NULL at the end; NULL:
     * none, or the program makes the deltas itself. */
    const char *const *cumulative;
} ProfileType;

extern const ProfileType profile_types[];
extern const size_t profile_types_count;

/* The type of that name, or NULL. */
const ProfileType *profile_type_find(const char *name);
