/* Decoding, encoding and decompression speed of lib/pprof.
 *
 * pprof_bench [FILE…]: profiles, gzip or plain; without one a generated profile of the size of a
 * large Go heap profile and the recorded profiles of the tests. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/pprof/decode.h"
#include "lib/pprof/encode.h"
#include "lib/pprof/gzip.h"

enum {
    CAP_BYTES = 1 << 30,
    GENERATED_SAMPLES = 40000,
    GENERATED_FUNCTIONS = 3500,
    GENERATED_LOCATIONS = 7400,
    GENERATED_DEPTH = 23,
};

static const int64_t RUN_US = 700000;

/* A repeatable sequence of pseudo-random numbers (xorshift64*). */
static uint32_t
next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (uint32_t)((*state * UINT64_C(2685821657736338717)) >> 32);
}

/* Random walks over a call graph in which every location calls a few others. */
static GByteArray *
generate(void)
{
    g_autoptr(PprofBuilder) builder = pprof_builder_new();
    pprof_builder_sample_type(builder, "alloc_objects", "count");
    pprof_builder_sample_type(builder, "alloc_space", "bytes");
    for (uint32_t i = 0; i < GENERATED_LOCATIONS; i++) {
        g_autofree char *name = g_strdup_printf("example.org/service/module%u.(*Type%u).Method%u",
                                                i % 97, i % 311, i % GENERATED_FUNCTIONS);
        g_autofree char *file = g_strdup_printf("/src/service/module%u/file%u.go", i % 97, i % 400);
        PprofFunction function = {.name = pprof_builder_text(builder, name),
                                  .filename = pprof_builder_text(builder, file)};
        PprofLine line = {pprof_builder_function(builder, &function), 10 + i % 900};
        PprofLocation location = {.address = 0x400000 + i * 48, .lines = &line, .n_lines = 1};
        pprof_builder_location(builder, &location);
    }
    uint64_t random = 88172645463325252u;
    for (uint32_t i = 0; i < GENERATED_SAMPLES; i++) {
        uint32_t stack[2 * GENERATED_DEPTH], id = 0;
        uint32_t depth = GENERATED_DEPTH / 2 + next_random(&random) % GENERATED_DEPTH;
        for (uint32_t j = depth; j-- > 0;) {
            id = (id * 31 + next_random(&random) % 4 + 7) % GENERATED_LOCATIONS;
            stack[j] = id + 1;
        }
        int64_t values[] = {1 + next_random(&random) % 50, 16 + next_random(&random) % 100000};
        PprofSample sample = {.locations = stack, .n_locations = depth, .values = values};
        pprof_builder_sample(builder, &sample);
    }
    return pprof_builder_finish(builder);
}

typedef struct {
    double decode_s, encode_s, inflate_s; /* best of the runs */
    Profile profile;
} Result;

static bool
measure(const GByteArray *raw, const GByteArray *packed, Result *ret_result)
{
    Result best = {.decode_s = 1e9, .encode_s = 1e9, .inflate_s = 1e9};
    g_autoptr(Arena) arena = arena_new(CAP_BYTES);
    for (int64_t start = g_get_monotonic_time(); g_get_monotonic_time() - start < RUN_US;) {
        arena_reset(arena);
        PprofInput input = {.data = raw->data, .size = raw->len, .arena = arena};
        g_autoptr(GError) error = NULL;
        int64_t t0 = g_get_monotonic_time();
        if (pprof_decode(&input, &best.profile, &error) != PPROF_OK) {
            fprintf(stderr, "pprof_bench: %s\n", error->message);
            return false;
        }
        int64_t t1 = g_get_monotonic_time();
        g_autoptr(GByteArray) again = pprof_encode(&best.profile);
        int64_t t2 = g_get_monotonic_time();
        g_autoptr(GByteArray) inflated =
            gzip_decompress(packed->data, packed->len, raw->len, &error);
        int64_t t3 = g_get_monotonic_time();
        best.decode_s = MIN(best.decode_s, (double)MAX(t1 - t0, 1) / 1e6);
        best.encode_s = MIN(best.encode_s, (double)MAX(t2 - t1, 1) / 1e6);
        best.inflate_s = MIN(best.inflate_s, (double)MAX(t3 - t2, 1) / 1e6);
    }
    *ret_result = best;
    return true;
}

static void
emit(const char *input, const char *what, double value, const char *unit, const char *goal)
{
    printf(
        "{\"bench\":\"pprof\",\"metric\":\"%s, %s\",\"value\":%.1f,\"unit\":\"%s\",\"goal\":\"%s\"}"
        "\n",
        what, input, value, unit, goal);
}

static bool
run(const char *name, const GByteArray *raw)
{
    g_autoptr(GByteArray) packed = gzip_compress(raw->data, raw->len, 1);
    Result result;
    if (!measure(raw, packed, &result))
        return false;
    double mb = raw->len / 1e6, n = MAX(result.profile.n_samples, 1);
    emit(name, "decode", mb / result.decode_s, "MB/s", ">= 700");
    emit(name, "decode", result.decode_s / n * 1e9, "ns/sample", "");
    emit(name, "encode", mb / result.encode_s, "MB/s", "");
    emit(name, "gunzip", mb / result.inflate_s, "MB/s", "");
    return true;
}

static bool
run_file(const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *data = NULL;
    gsize size = 0;
    if (!g_file_get_contents(path, &data, &size, &error)) {
        fprintf(stderr, "pprof_bench: %s\n", error->message);
        return false;
    }
    g_autoptr(GByteArray) raw = gzip_decompress((uint8_t *)data, size, CAP_BYTES, &error);
    if (raw == NULL && error == NULL)
        raw = g_byte_array_new_take((uint8_t *)g_steal_pointer(&data), size);
    if (raw == NULL) {
        fprintf(stderr, "pprof_bench: %s: %s\n", path, error->message);
        return false;
    }
    g_autofree char *name = g_path_get_basename(path);
    return run(name, raw);
}

int
main(int argc, char **argv)
{
    bool ok = true;
    for (int i = 1; i < argc; i++)
        ok &= run_file(argv[i]);
    if (argc > 1)
        return ok ? 0 : 1;
    g_autoptr(GByteArray) generated = generate();
    ok &= run("generated", generated);
    ok &= run_file(CRESSET_SOURCE_DIR "/tests/fixtures/go_pprof/cpu.pb.gz");
    ok &= run_file(CRESSET_SOURCE_DIR "/tests/fixtures/go_pprof/heap.pb.gz");
    return ok ? 0 : 1;
}
