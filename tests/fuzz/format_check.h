/* What fuzz targets of the readers of formats share: limits, and the promise that what a reader
 * makes is a pprof that decodes. */
#pragma once
#include <stdlib.h>

#include "lib/pprof/decode.h"
#include "server/ingest/format/profile_set.h"

static const TenantLimits FORMAT_LIMITS = {.body_limit_mb = 1,
                                           .profile_bytes_max = 256 * 1024,
                                           .samples_max = 1000,
                                           .sample_labels_max = 20,
                                           .stack_depth_max = 10,
                                           .symbol_length_max = 30,
                                           .label_names_max = 10,
                                           .label_name_length_max = 50,
                                           .label_value_length_max = 2048};

static const ProfileSource FORMAT_SOURCE = {.app = "fuzz.cpu",
                                            .sample_rate = 100,
                                            .time_ns = 1,
                                            .duration_ns = 1,
                                            .limits = &FORMAT_LIMITS};

static inline void
format_check(const ProfileSet *set)
{
    for (guint i = 0; i < set->profiles->len; i++) {
        const SetProfile *made = &g_array_index(set->profiles, SetProfile, i);
        g_autoptr(Arena) arena = arena_new(64 * 1024 * 1024);
        const PprofInput input = {.data = made->pprof->data,
                                  .size = made->pprof->len,
                                  .samples_max = (uint64_t)FORMAT_LIMITS.samples_max,
                                  .arena = arena};
        Profile profile;
        if (pprof_decode(&input, &profile, NULL) != PPROF_OK || made->labels->len == 0)
            abort();
    }
}
