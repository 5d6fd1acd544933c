/* Deltas of whatever a target answers: in bounds, never negative, and their totals fit to those of
 * the profiles. The input is a sequence of profiles, each behind a byte (the start of the target in
 * seconds, 0: not known) and its size in two bytes, little-endian. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/pprof/decode.h"
#include "lib/pprof/delta.h"
#include "lib/pprof/gzip.h"

enum { STEP_BYTES = 3, CAP_BYTES = 512 * 1024 * 1024, RAW_MAX = 4 * 1024 * 1024 };

static const char *const CUMULATIVE[] = {"alloc_objects", "alloc_space", "contentions", "delay",
                                         NULL};

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
is_cumulative(const Profile *profile, uint32_t type)
{
    const ProfileString *name = &profile->strings[profile->sample_types[type].type];
    for (const char *const *known = CUMULATIVE; *known != NULL; known++) {
        if (strlen(*known) == name->length && memcmp(*known, name->data, name->length) == 0)
            return true;
    }
    return false;
}

/* The sum of all cumulative values; negative ones are 0, unless there may be none. */
static double
total(const Profile *profile, bool may_be_negative)
{
    double sum = 0;
    for (uint32_t i = 0; i < profile->n_sample_types; i++) {
        if (!is_cumulative(profile, i))
            continue;
        for (uint32_t j = 0; j < profile->n_samples; j++) {
            int64_t value = profile->values[(size_t)j * profile->n_sample_types + i];
            CHECK(may_be_negative || value >= 0);
            sum += (double)MAX(value, 0);
        }
    }
    return sum;
}

/* False: it is no profile. */
static bool
total_of(const uint8_t *data, size_t size, bool may_be_negative, double *ret_total)
{
    g_autoptr(GByteArray) raw = gzip_decompress(data, size, RAW_MAX, NULL);
    g_autoptr(Arena) arena = arena_new(CAP_BYTES);
    PprofInput input = {.data = raw != NULL ? raw->data : data,
                        .size = raw != NULL ? raw->len : size,
                        .arena = arena};
    Profile profile;
    if (pprof_decode(&input, &profile, NULL) != PPROF_OK)
        return false;
    *ret_total = total(&profile, may_be_negative);
    return true;
}

/* Gives the profile to `delta`; -1 if it is none, otherwise the total of what came out. */
static double
next(PprofDelta *delta, const PprofDeltaInput *input, PprofDeltaKind *ret_kind)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autoptr(GError) error = NULL;
    size_t memory = pprof_delta_memory(delta);
    if (!pprof_delta_next(delta, input, out, ret_kind, &error)) {
        CHECK(error != NULL && pprof_delta_memory(delta) == memory);
        return -1;
    }
    CHECK(error == NULL);
    double sum = 0;
    CHECK(out->len == 0 || total_of(out->data, out->len, false, &sum));
    CHECK(*ret_kind != PPROF_DELTA_EMPTY || out->len == 0);
    CHECK(*ret_kind != PPROF_DELTA_FIRST || sum == 0);
    return sum;
}

static void
step(PprofDelta *delta, const uint8_t *profile, size_t size, uint8_t start)
{
    PprofDeltaInput input = {.profile = profile,
                             .size = size,
                             .time_ns = 100,
                             .start_ns = start * INT64_C(1000000000),
                             .interval_ns = INT64_C(60000000000)};
    PprofDeltaKind kind, again;
    double now = 0, sum = next(delta, &input, &kind);
    if (sum < 0 || !total_of(profile, size, true, &now))
        return;
    /* Sums of equal rows end at the largest value, so the total may be less. */
    CHECK(sum <= now * (1 + 1e-9));
    if (kind == PPROF_DELTA_RESET && now < 1e15)
        CHECK(sum == now);
    /* Nothing happens between a profile and itself. */
    CHECK(next(delta, &input, &again) == 0);
    CHECK(again == PPROF_DELTA_CHANGED || again == PPROF_DELTA_EMPTY);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(PprofDelta) delta = pprof_delta_new(CUMULATIVE);
    while (size >= STEP_BYTES) {
        size_t length = MIN((size_t)data[1] | (size_t)data[2] << 8, size - STEP_BYTES);
        step(delta, data + STEP_BYTES, length, data[0]);
        data += STEP_BYTES + length;
        size -= STEP_BYTES + length;
    }
    return 0;
}
