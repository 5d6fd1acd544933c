/* What came between two profiles of one target whose counters only grow: Go's memory, mutex and
 * block profiles count from the start of the program on. Of each stack with its labels
 * (sample_hash.h) the last values are kept, packed, and nothing else of a profile.
 *
 * Counters begin anew when the target does. That is told by its start where it is known, and
 * otherwise by what it counts: the total of a type is less than it was, or at least half of the
 * stacks are gone or count less. Where fewer do, these have no delta. No value is ever negative. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct PprofDelta PprofDelta;

typedef enum {
    PPROF_DELTA_FIRST,   /* no base yet, or none of the same types and period */
    PPROF_DELTA_CHANGED, /* since the last profile; or since the start of a young target */
    PPROF_DELTA_RESET,   /* the counters began anew: their values are the delta */
    PPROF_DELTA_EMPTY,   /* nothing to tell since the last profile */
} PprofDeltaKind;

typedef struct {
    const uint8_t *profile; /* pprof: plain, gzip or zstd */
    size_t size;
    int64_t time_ns;  /* when it was taken, for profiles that do not say it; since 1970 */
    int64_t start_ns; /* when the process started, 0: not known; rounded up where it is rounded */
    int64_t interval_ns; /* the first profile of a target that is no older is a delta */
} PprofDeltaInput;

/* `cumulative_types`: the names of the sample types that are cumulative, with NULL at the end; must
 * outlive it. Other types of a profile are passed on as they are. Not thread-safe; for one profile
 * type of one target. */
PprofDelta *pprof_delta_new(const char *const *cumulative_types);
void pprof_delta_free(PprofDelta *delta);

/* Sets `out` to a plain pprof of what is new since the last profile: it begins at the time of the
 * last one, or at the start of the target if that was later, and lasts until the time of this one.
 * Rows of zeros are left out, with all that only they referred to; equal stacks are added up.
 *
 * `out` is empty where there is nothing to send: of a first profile the cumulative values are not
 * told, so it has but those of other types, if any. Profiles without any cumulative type are passed
 * on; where there are no cumulative types at all, without looking at them.
 *
 * False leaves the base as it was, so that the next good profile gives the delta since the last
 * good one. Errors: INVALID_ARGUMENT for what is no pprof, RESOURCE_EXHAUSTED for one beyond
 * CRESSET_DELTA_BYTES_MAX, CRESSET_DELTA_SAMPLES_MAX or what these need in memory. */
bool pprof_delta_next(PprofDelta *delta, const PprofDeltaInput *input, GByteArray *out,
                      PprofDeltaKind *ret_kind, GError **error);

/* The bytes that are kept until the next profile. */
size_t pprof_delta_memory(const PprofDelta *delta);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(PprofDelta, pprof_delta_free)
