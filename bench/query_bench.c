/* Ingestion and queries over the embedded store, inside one process: the server without its HTTP.
 *
 * The profiles are those of 20 pods of one service, one every 15 seconds for half an hour: stacks
 * drawn from one population, as the pods of a service run the same code. */
#include <glib/gstdio.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "include/cresset/limits.h"
#include "lib/pprof/encode.h"
#include "lib/pprof/gzip.h"
#include "server/ingest/ingest.h"
#include "server/query/query.h"

enum {
    NODES = 8192, /* of a flame graph */
    PODS = 20,
    ROUNDS = 120,
    ROUND_S = 15,
    SAMPLES = 400,
    STACKS = 30000,
    DEPTH = 23,
    LOCATIONS = 4000,
    CALLEES = 3, /* of one location */
    QUERY_RUNS = 20,
};

#define SECOND_NS INT64_C(1000000000)

static const int64_t BASE_NS = INT64_C(1800000000) * SECOND_NS;
static const char CPU[] = "process_cpu:cpu:nanoseconds:cpu:nanoseconds";

static uint64_t random_state = 88172645463325252u;

static uint32_t
next_random(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (uint32_t)((random_state * UINT64_C(2685821657736338717)) >> 32);
}

static double
cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void
emit(const char *metric, double value, const char *unit, const char *goal)
{
    printf("{\"bench\":\"query\",\"metric\":\"%s\",\"value\":%.3f,\"unit\":\"%s\",\"goal\":\"%s\"}"
           "\n",
           metric, value, unit, goal);
    fflush(stdout);
}

/* Stacks that share their outer frames: each is an earlier one, cut somewhere and continued. */
typedef struct {
    uint32_t depth, locations[DEPTH * 2]; /* the root first */
} Stack;

static Stack *
make_stacks(void)
{
    Stack *stacks = g_new0(Stack, STACKS);
    for (uint32_t i = 0; i < STACKS; i++) {
        Stack *stack = &stacks[i];
        if (i > 0) {
            *stack = stacks[next_random() % i];
            stack->depth = stack->depth / 2 + next_random() % (stack->depth / 2 + 1);
        }
        uint32_t depth = DEPTH / 2 + next_random() % DEPTH;
        uint32_t location = stack->depth > 0 ? stack->locations[stack->depth - 1] : 0;
        while (stack->depth < depth) {
            location = (location * 31 + next_random() % CALLEES + 1) % LOCATIONS;
            stack->locations[stack->depth++] = location;
        }
    }
    return stacks;
}

static uint32_t
add_location(PprofBuilder *builder, uint32_t number)
{
    g_autofree char *name = g_strdup_printf("example.org/service/module%u.(*Type%u).Method%u",
                                            number % 97, number % 311, number / 2);
    g_autofree char *file =
        g_strdup_printf("/src/service/module%u/file%u.go", number % 97, number % 400);
    PprofFunction function = {.name = pprof_builder_text(builder, name),
                              .filename = pprof_builder_text(builder, file)};
    PprofLine line = {pprof_builder_function(builder, &function), 10 + number % 900};
    PprofLocation location = {.address = 0x400000 + number * 48, .lines = &line, .n_lines = 1};
    return pprof_builder_location(builder, &location);
}

static GByteArray *
make_profile(const Stack *stacks, int64_t time_ns, size_t *raw_bytes)
{
    g_autoptr(PprofBuilder) builder = pprof_builder_new();
    pprof_builder_sample_type(builder, "samples", "count");
    pprof_builder_sample_type(builder, "cpu", "nanoseconds");
    pprof_builder_period(builder, "cpu", "nanoseconds", 10000000);
    pprof_builder_time(builder, time_ns, ROUND_S * SECOND_NS);
    uint32_t added[LOCATIONS] = {0}; /* ids, 0 is not yet */
    for (uint32_t i = 0; i < SAMPLES; i++) {
        /* A few stacks are frequent, most are rare. */
        uint32_t r = next_random() % STACKS;
        const Stack *stack = &stacks[(uint64_t)r * r / STACKS * r / STACKS];
        uint32_t ids[DEPTH * 2];
        for (uint32_t j = 0; j < stack->depth; j++) {
            uint32_t *id = &added[stack->locations[j]];
            if (*id == 0)
                *id = add_location(builder, stack->locations[j]);
            ids[stack->depth - 1 - j] = *id;
        }
        int64_t count = 1 + (next_random() % 8 == 0), values[] = {count, count * 10000000};
        PprofSample sample = {.locations = ids, .n_locations = stack->depth, .values = values};
        pprof_builder_sample(builder, &sample);
    }
    g_autoptr(GByteArray) raw = pprof_builder_finish(builder);
    *raw_bytes += raw->len;
    return gzip_compress(raw->data, raw->len, 1);
}

/* ---- Pushing. ---- */

typedef struct {
    GMutex lock;
    GCond cond;
    unsigned n_waiting;
} Pending;

static void
on_done(void *data, const GError *error)
{
    Pending *pending = data;
    if (error != NULL)
        g_error("push: %s", error->message);
    g_mutex_lock(&pending->lock);
    pending->n_waiting--;
    g_cond_signal(&pending->cond);
    g_mutex_unlock(&pending->lock);
}

static void
push_all(Ingest *ingest, GPtrArray *profiles)
{
    Pending pending = {.n_waiting = profiles->len};
    for (guint i = 0; i < profiles->len; i++) {
        const GByteArray *bytes = profiles->pdata[i];
        g_autofree char *pod = g_strdup_printf("pod-%u", i % PODS);
        const Label labels[] = {
            {"__name__", "process_cpu"}, {"service_name", "shop"}, {"pod", pod}};
        IngestProfile profile = {.labels = labels,
                                 .n_labels = G_N_ELEMENTS(labels),
                                 .profile = bytes->data,
                                 .profile_size = bytes->len};
        ingest_push(ingest, "tenant", &profile, 1, on_done, &pending);
    }
    g_mutex_lock(&pending.lock);
    while (pending.n_waiting > 0)
        g_cond_wait(&pending.cond, &pending.lock);
    g_mutex_unlock(&pending.lock);
}

static void
measure_ingest(Ingest *ingest)
{
    g_autofree Stack *stacks = make_stacks();
    g_autoptr(GPtrArray) profiles =
        g_ptr_array_new_with_free_func((GDestroyNotify)g_byte_array_unref);
    size_t raw_bytes = 0;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint32_t pod = 0; pod < PODS; pod++)
            g_ptr_array_add(
                profiles, make_profile(stacks, BASE_NS + round * ROUND_S * SECOND_NS, &raw_bytes));
    }
    double cpu_before = cpu_seconds();
    int64_t start_us = g_get_monotonic_time();
    push_all(ingest, profiles);
    double wall_s = (double)(g_get_monotonic_time() - start_us) / 1e6;
    double cpu_s = cpu_seconds() - cpu_before;
    double n = profiles->len;
    emit("raw bytes of a profile", (double)raw_bytes / n, "B", "");
    emit("ingest, CPU per profile", cpu_s / n * 1e6, "us", "<= 1700");
    emit("ingest, CPU per sample and type", cpu_s / n / SAMPLES / 2 * 1e9, "ns", "");
    emit("ingest, raw per core", (double)raw_bytes / cpu_s / 1e6, "MB/s", ">= 150");
    emit("ingest, durable, one pusher", n / wall_s, "profiles/s", "");
}

/* ---- Queries. ---- */

static int
compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

typedef void (*RunQuery)(const Query *query);

static void
run_tree(const Query *query)
{
    g_autoptr(Tree) tree = query_tree(query, NULL);
    g_autoptr(Tree) cut = tree_truncate(tree, NODES);
    if (cut->total[0] == 0)
        g_error("the flame graph is empty");
}

static void
run_series(const Query *query)
{
    const char *const group_by[] = {"pod", NULL};
    const QueryTimeSeriesOptions options = {.group_by = group_by, .step_ns = ROUND_S * SECOND_NS};
    g_autoptr(GPtrArray) series = query_time_series(query, &options, NULL);
    if (series->len != PODS)
        g_error("%u series", series->len);
}

static void
run_pprof(const Query *query)
{
    g_autoptr(GBytes) pprof = query_pprof(query, NULL);
    if (g_bytes_get_size(pprof) < 1000)
        g_error("the export is empty");
}

static void
measure_query(const Query *query, const char *what, RunQuery run, const char *goal)
{
    double times_ms[QUERY_RUNS];
    for (size_t i = 0; i < QUERY_RUNS; i++) {
        int64_t start_us = g_get_monotonic_time();
        run(query);
        times_ms[i] = (double)(g_get_monotonic_time() - start_us) / 1e3;
    }
    qsort(times_ms, QUERY_RUNS, sizeof *times_ms, compare_doubles);
    emit(what, times_ms[QUERY_RUNS / 2], "ms", goal);
}

static void
remove_folder(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;) {
        g_autofree char *file = g_build_filename(path, name, NULL);
        if (g_file_test(file, G_FILE_TEST_IS_DIR))
            remove_folder(file);
        else
            g_unlink(file);
    }
    g_rmdir(path);
}

static void
measure_queries(Store *store)
{
    Query query = {.store = store,
                   .tenant = "tenant",
                   .start_ns = BASE_NS,
                   .end_ns = BASE_NS + (int64_t)ROUNDS * ROUND_S * SECOND_NS,
                   .profile_type = CPU};
    g_autoptr(MatcherSet) one_pod = matcher_set_parse("{pod=\"pod-7\"}", NULL);
    measure_query(&query, "flame graph, 30 min x 20 pods", run_tree, "<= 80");
    measure_query(&query, "series over time by pod, 30 min x 20 pods", run_series, "");
    measure_query(&query, "pprof export, 30 min x 20 pods", run_pprof, "");
    query.matchers = one_pod;
    measure_query(&query, "flame graph, 30 min x 1 pod", run_tree, "");
}

int
main(void)
{
    g_autofree char *folder = g_dir_make_tmp("cresset-query-bench-XXXXXX", NULL);
    StoreConfig config = {
        .data_dir = folder, .seal_bytes = 64 << 20, .seal_age_ns = 3600 * SECOND_NS};
    g_autoptr(GError) error = NULL;
    Store *store = store_open(&config, &error);
    if (store == NULL)
        g_error("%s", error->message);
    TenantLimits limits;
    tenant_limits_init(&limits);
    limits.reject_older_ns = limits.reject_newer_ns = 0;
    limits.samples_max = INT64_C(1) << 30;
    TenantOverrides *overrides = tenant_overrides_new(NULL, &limits, NULL, NULL, NULL);
    Ingest *ingest = ingest_new(store, overrides);
    measure_ingest(ingest);
    measure_queries(store);
    store_close(store);
    ingest_free(ingest);
    tenant_overrides_free(overrides);
    remove_folder(folder);
    return 0;
}
