#include "agent/scrape/profile_type.h"

#include <string.h>

static const char *const allocated[] = {"alloc_objects", "alloc_space", NULL};
static const char *const contended[] = {"contentions", "delay", NULL};

const ProfileType profile_types[] = {
    /* name, annotation, path, is_on, takes_seconds, cumulative */
    {"process_cpu", "cpu", "/debug/pprof/profile", true, true, NULL},
    {"memory", "memory", "/debug/pprof/allocs", true, false, allocated},
    {"goroutine", "goroutine", "/debug/pprof/goroutine", true, false, NULL},
    {"mutex", "mutex", "/debug/pprof/mutex", true, false, contended},
    {"block", "block", "/debug/pprof/block", true, false, contended},
    {"fgprof", "fgprof", "/debug/fgprof", false, true, NULL},
    {"godeltaprof_memory", "godeltaprof_memory", "/debug/pprof/delta_heap", false, false, NULL},
    {"godeltaprof_mutex", "godeltaprof_mutex", "/debug/pprof/delta_mutex", false, false, NULL},
    {"godeltaprof_block", "godeltaprof_block", "/debug/pprof/delta_block", false, false, NULL},
};
const size_t profile_types_count = sizeof profile_types / sizeof profile_types[0];

const ProfileType *
profile_type_find(const char *name)
{
    for (size_t i = 0; i < profile_types_count; i++)
        if (strcmp(profile_types[i].name, name) == 0)
            return &profile_types[i];
    return NULL;
}
