/* The pprof decoder: whatever it accepts must be consistent, and must survive encoding. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/pprof/decode.h"
#include "lib/pprof/encode.h"
#include "lib/pprof/gzip.h"

enum { CAP_BYTES = 16 * 1024 * 1024, RAW_MAX = 1024 * 1024 };

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_tables(const Profile *p)
{
    for (uint32_t i = 0; i < p->n_locations; i++) {
        CHECK(p->locations[i].mapping == PROFILE_NONE || p->locations[i].mapping < p->n_mappings);
        CHECK(p->locations[i].first_line + p->locations[i].n_lines <= p->n_lines);
    }
    for (uint32_t i = 0; i < p->n_lines; i++)
        CHECK(p->lines[i].function < p->n_functions);
    for (uint32_t i = 0; i < p->n_functions; i++)
        CHECK(p->functions[i].name < p->n_strings && p->functions[i].filename < p->n_strings);
    for (uint32_t i = 0; i < p->n_samples; i++) {
        CHECK(p->samples[i].first_location + p->samples[i].n_locations <= p->n_stack_locations);
        CHECK(p->samples[i].first_label + p->samples[i].n_labels <= p->n_labels);
    }
    for (uint32_t i = 0; i < p->n_stack_locations; i++)
        CHECK(p->stack_locations[i] < p->n_locations);
    for (uint32_t i = 0; i < p->n_labels; i++)
        CHECK(p->labels[i].key < p->n_strings && p->labels[i].str < p->n_strings);
}

static bool
decode(const uint8_t *data, size_t size, Arena *arena, Profile *profile)
{
    g_autoptr(GError) error = NULL;
    PprofInput input = {
        .data = data, .size = size, .samples_max = 10000, .sample_labels_max = 50, .arena = arena};
    PprofResult result = pprof_decode(&input, profile, &error);
    CHECK((result == PPROF_OK) == (error == NULL));
    return result == PPROF_OK;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GByteArray) raw = gzip_decompress(data, size, RAW_MAX, NULL);
    if (raw != NULL) {
        data = raw->data;
        size = raw->len;
    }
    g_autoptr(Arena) arena = arena_new(CAP_BYTES);
    Profile profile, again;
    if (!decode(data, size, arena, &profile))
        return 0;
    check_tables(&profile);
    g_autoptr(GByteArray) bytes = pprof_encode(&profile);
    g_autoptr(Arena) second = arena_new(CAP_BYTES);
    CHECK(decode(bytes->data, bytes->len, second, &again));
    CHECK(again.n_stack_locations == profile.n_stack_locations);
    CHECK(again.n_samples == profile.n_samples && again.n_labels == profile.n_labels);
    size_t n_values = (size_t)profile.n_samples * profile.n_sample_types;
    CHECK(n_values == 0 || memcmp(again.values, profile.values, n_values * sizeof(int64_t)) == 0);
    return 0;
}
