#include "bench/generated_profile.h"

#include "lib/pprof/encode.h"

enum { GENERATED_DEPTH_MAX = 64 };

const GeneratedProfile GENERATED_LARGE_HEAP = {
    .types = {"alloc_objects", "alloc_space"},
    .unit = "bytes",
    .samples = 40000,
    .functions = 3500,
    .locations = 7400,
    .depth = 23,
};

/* A repeatable sequence of pseudo-random numbers (xorshift64*). */
static uint32_t
next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (uint32_t)((*state * UINT64_C(2685821657736338717)) >> 32);
}

GByteArray *
generated_profile(const GeneratedProfile *size)
{
    g_autoptr(PprofBuilder) builder = pprof_builder_new();
    pprof_builder_sample_type(builder, size->types[0], "count");
    pprof_builder_sample_type(builder, size->types[1], size->unit);
    pprof_builder_time(builder, 1, 0);
    for (uint32_t i = 0; i < size->locations; i++) {
        g_autofree char *name = g_strdup_printf("example.org/service/module%u.(*Type%u).Method%u",
                                                i % 97, i % 311, i % size->functions);
        g_autofree char *file = g_strdup_printf("/src/service/module%u/file%u.go", i % 97, i % 400);
        PprofFunction function = {.name = pprof_builder_text(builder, name),
                                  .filename = pprof_builder_text(builder, file)};
        PprofLine line = {pprof_builder_function(builder, &function), 10 + i % 900};
        PprofLocation location = {.address = 0x400000 + i * 48, .lines = &line, .n_lines = 1};
        pprof_builder_location(builder, &location);
    }
    uint64_t random = 88172645463325252u;
    for (uint32_t i = 0; i < size->samples; i++) {
        uint32_t stack[2 * GENERATED_DEPTH_MAX], id = 0;
        uint32_t depth = size->depth / 2 + next_random(&random) % size->depth;
        for (uint32_t j = depth; j-- > 0;) {
            id = (id * 31 + next_random(&random) % 4 + 7) % size->locations;
            stack[j] = id + 1;
        }
        int64_t values[] = {1 + next_random(&random) % 50, 16 + next_random(&random) % 100000};
        PprofSample sample = {.locations = stack, .n_locations = depth, .values = values};
        pprof_builder_sample(builder, &sample);
    }
    return pprof_builder_finish(builder);
}
