/* Decoding, encoding and decompression speed of lib/pprof.
 *
 * pprof_bench [FILE…]: profiles, gzip or plain; without one a generated profile of the size of a
 * large Go heap profile and the recorded profiles of the tests. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bench/generated_profile.h"
#include "lib/pprof/decode.h"
#include "lib/pprof/encode.h"
#include "lib/pprof/gzip.h"

enum { CAP_BYTES = 1 << 30 };

static const int64_t RUN_US = 700000;

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
    g_autoptr(GByteArray) generated = generated_profile(&GENERATED_LARGE_HEAP);
    ok &= run("generated", generated);
    ok &= run_file(CRESSET_SOURCE_DIR "/tests/fixtures/go_pprof/cpu.pb.gz");
    ok &= run_file(CRESSET_SOURCE_DIR "/tests/fixtures/go_pprof/heap.pb.gz");
    return ok ? 0 : 1;
}
