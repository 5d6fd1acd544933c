/* What deltas of cumulative profiles cost (lib/pprof/delta.h): CPU time and memory for one profile,
 * and for a node full of targets.
 *
 * delta_bench [FILE FILE]: the delta between two heap profiles, gzip or plain; without them
 * generated profiles of which every tenth row has grown. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bench/generated_profile.h"
#include "lib/base/memory.h"
#include "lib/pprof/decode.h"
#include "lib/pprof/delta.h"
#include "lib/pprof/encode.h"
#include "lib/pprof/gzip.h"

enum {
    CAP_BYTES = 1 << 30,
    RUNS = 30,
    GROWN = 10, /* every so many rows */
    ROUNDS = 4, /* of the whole node */
    TARGETS = 200,
    INTERVAL_S = 15,
};

static const char *const CUMULATIVE[] = {"alloc_objects", "alloc_space", "contentions", "delay",
                                         NULL};
static const char *const NOTHING[] = {NULL};

/* Profiles of 200 KB, and of the size that services of some 100,000 lines have. */
static const GeneratedProfile HEAP_200_KB = {
    .types = {"alloc_objects", "alloc_space"},
    .unit = "bytes",
    .samples = 3600,
    .functions = 2400,
    .locations = 4200,
    .depth = 23,
};
static const GeneratedProfile HEAP = {
    .types = {"alloc_objects", "alloc_space"},
    .unit = "bytes",
    .samples = 1200,
    .functions = 900,
    .locations = 1500,
    .depth = 20,
};
static const GeneratedProfile CONTENTION = {
    .types = {"contentions", "delay"},
    .unit = "nanoseconds",
    .samples = 150,
    .functions = 250,
    .locations = 400,
    .depth = 16,
};

static double
cpu_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void
emit(const char *input, const char *what, double value, const char *unit, const char *goal)
{
    printf("{\"bench\":\"delta\",\"metric\":\"%s, "
           "%s\",\"value\":%.2f,\"unit\":\"%s\",\"goal\":\"%s\"}\n",
           what, input, value, unit, goal);
}

/* The profile some time later, as a target would send it. */
static GByteArray *
grow(const GByteArray *raw, uint32_t round)
{
    g_autoptr(Arena) arena = arena_new(CAP_BYTES);
    PprofInput input = {.data = raw->data, .size = raw->len, .arena = arena};
    Profile profile;
    g_autoptr(GError) error = NULL;
    if (pprof_decode(&input, &profile, &error) != PPROF_OK)
        g_error("%s", error->message);
    for (uint32_t i = round % GROWN; i < profile.n_samples; i += GROWN) {
        for (uint32_t j = 0; j < profile.n_sample_types; j++)
            profile.values[(size_t)i * profile.n_sample_types + j] += 512;
    }
    profile.time_ns += INTERVAL_S * INT64_C(1000000000);
    return pprof_encode(&profile);
}

static bool
next(PprofDelta *delta, const GByteArray *profile, GByteArray *out)
{
    PprofDeltaInput input = {.profile = profile->data, .size = profile->len};
    PprofDeltaKind kind;
    g_autoptr(GError) error = NULL;
    if (pprof_delta_next(delta, &input, out, &kind, &error))
        return true;
    fprintf(stderr, "delta_bench: %s\n", error->message);
    return false;
}

/* Rows of a decoded profile. */
static double
count_rows(const GByteArray *packed)
{
    g_autoptr(Arena) arena = arena_new(CAP_BYTES);
    g_autoptr(GByteArray) raw = gzip_decompress(packed->data, packed->len, CAP_BYTES, NULL);
    PprofInput input = {.data = raw != NULL ? raw->data : packed->data,
                        .size = raw != NULL ? raw->len : packed->len,
                        .arena = arena};
    Profile profile;
    return pprof_decode(&input, &profile, NULL) == PPROF_OK ? MAX(profile.n_samples, 1) : 1;
}

/* The delta between two profiles, each time with a new base. */
static bool
measure(const char *name, const GByteArray *before, const GByteArray *after, const char *goal)
{
    double best = 1e9;
    size_t kept = 0;
    g_autoptr(GByteArray) out = g_byte_array_new();
    for (int i = 0; i < RUNS; i++) {
        g_autoptr(PprofDelta) delta = pprof_delta_new(CUMULATIVE);
        if (!next(delta, before, out))
            return false;
        double start = cpu_s();
        if (!next(delta, after, out))
            return false;
        best = MIN(best, cpu_s() - start);
        kept = pprof_delta_memory(delta);
    }
    double rows = count_rows(after);
    emit(name, "CPU", best * 1e3, "ms/profile", goal);
    emit(name, "CPU", best / rows * 1e9, "ns/row", "");
    emit(name, "kept", (double)kept / rows, "bytes/row", "<= 24");
    emit(name, "rows", rows, "", "");
    emit(name, "profile", after->len / 1e3, "kB", "");
    emit(name, "delta", out->len / 1e3, "kB, plain", "");
    return true;
}

static bool
measure_generated(const char *name, const GeneratedProfile *size, const char *goal)
{
    g_autoptr(GByteArray) before = generated_profile(size);
    g_autoptr(GByteArray) after = grow(before, 0);
    g_autoptr(GByteArray) packed_before = gzip_compress(before->data, before->len, 1);
    g_autoptr(GByteArray) packed_after = gzip_compress(after->data, after->len, 1);
    return measure(name, packed_before, packed_after, goal);
}

static GByteArray *
read_file(const char *path)
{
    g_autoptr(GError) error = NULL;
    char *data = NULL;
    gsize size = 0;
    if (g_file_get_contents(path, &data, &size, &error))
        return g_byte_array_new_take((uint8_t *)data, size);
    fprintf(stderr, "delta_bench: %s\n", error->message);
    return NULL;
}

static bool
measure_files(const char *before, const char *after)
{
    g_autoptr(GByteArray) first = read_file(before), second = read_file(after);
    g_autofree char *name = g_path_get_basename(after);
    return first != NULL && second != NULL && measure(name, first, second, "");
}

/* The five profiles of a target: the memory, mutex and block profiles are cumulative, and those of
 * the CPU and of goroutines are passed on. */
enum { TYPES = 5 };

typedef struct {
    GByteArray *plain[TYPES], *packed[TYPES];
    PprofDelta *deltas[TARGETS][TYPES];
} Node;

static void
grow_all(Node *node, uint32_t round)
{
    for (size_t i = 0; i < TYPES; i++) {
        g_autoptr(GByteArray) old = node->plain[i], packed = node->packed[i];
        node->plain[i] = grow(old, round);
        node->packed[i] = gzip_compress(node->plain[i]->data, node->plain[i]->len, 1);
    }
}

static Node *
node_new(void)
{
    static const GeneratedProfile *const SIZES[TYPES] = {&HEAP, &CONTENTION, &CONTENTION, &HEAP,
                                                         &HEAP};
    Node *node = g_new0(Node, 1);
    for (size_t i = 0; i < TYPES; i++) {
        node->plain[i] = generated_profile(SIZES[i]);
        for (size_t j = 0; j < TARGETS; j++)
            node->deltas[j][i] = pprof_delta_new(i < 3 ? CUMULATIVE : NOTHING);
    }
    return node;
}

static void
node_free(Node *node)
{
    for (size_t i = 0; i < TYPES; i++) {
        g_byte_array_unref(node->plain[i]);
        g_byte_array_unref(node->packed[i]);
        for (size_t j = 0; j < TARGETS; j++)
            pprof_delta_free(node->deltas[j][i]);
    }
    g_free(node);
}

/* Every target is scraped once. */
static bool
run_round(Node *node)
{
    for (size_t i = 0; i < TARGETS; i++) {
        for (size_t j = 0; j < TYPES; j++) {
            g_autoptr(GByteArray) out = g_byte_array_new();
            if (!next(node->deltas[i][j], node->packed[j], out))
                return false;
        }
    }
    return true;
}

static bool
measure_node(void)
{
    Node *node = node_new();
    double best = 1e9;
    grow_all(node, 0);
    int64_t memory = memory_used();
    bool ok = run_round(node);
    for (uint32_t i = 1; ok && i <= ROUNDS; i++) {
        grow_all(node, i);
        double start = cpu_s();
        ok = run_round(node);
        best = MIN(best, cpu_s() - start);
    }
    size_t kept = 0;
    for (size_t i = 0; i < TARGETS; i++) {
        for (size_t j = 0; j < TYPES; j++)
            kept += pprof_delta_memory(node->deltas[i][j]);
    }
    static const char NAME[] = "200 targets x 5 types every 15 s";
    emit(NAME, "CPU", best / INTERVAL_S * 100, "% of a core", "<= 2");
    emit(NAME, "kept", (double)kept / 1e6, "MB", "<= 10");
    emit(NAME, "memory of the process", (double)(memory_used() - memory) / 1e6, "MB more", "<= 15");
    node_free(node);
    return ok;
}

int
main(int argc, char **argv)
{
    if (argc == 3)
        return measure_files(argv[1], argv[2]) ? 0 : 1;
    /* First, while the allocator has nothing that it only keeps. */
    bool ok = measure_node();
    ok &= measure_generated("200 kB heap", &HEAP_200_KB, "<= 5");
    ok &= measure_generated("large heap", &GENERATED_LARGE_HEAP, "<= 50");
    return ok ? 0 : 1;
}
