/* Speed and size of the store on profiles shaped like a Go service's: one JSON line per measure.
 *
 * store_bench [PROFILES [FOLDER]]: 20 pods whose stacks come from a population of 33,000 (mean
 * depth 23, Zipf frequencies), about 685 distinct stacks per profile. */
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/store/store_private.h"

enum {
    N_FUNCTIONS = 3500,
    N_LOCATIONS = 7400,
    N_STACKS = 33000,
    N_PODS = 20,
    DEPTH_MAX = 40,
    TICKS_PER_PROFILE = 1000,
    N_BUILT = 200, /* profiles built ahead and appended in turn */
    PACED_PER_SECOND = 1000,
};

static const int64_t second_ns = 1000000000;

typedef struct {
    uint32_t depth, locations[DEPTH_MAX]; /* the leaf first */
} Stack;

typedef struct {
    Stack *stacks;
    double *cumulative;
    Profile base; /* the program's functions and locations; every profile has them */
    GRand *random;
} Population;

/* Grows the population like a tree: a prefix of a known stack and a few frames more. */
static void
make_stacks(Population *population)
{
    GRand *random = population->random;
    population->stacks = g_new0(Stack, N_STACKS);
    population->cumulative = g_new(double, N_STACKS);
    double sum = 0;
    for (uint32_t i = 0; i < N_STACKS; i++) {
        Stack *stack = &population->stacks[i];
        uint32_t path[DEPTH_MAX], depth = 0;
        if (i > 0) {
            const Stack *known = &population->stacks[g_rand_int_range(random, 0, (int)i)];
            uint32_t keep =
                (uint32_t)g_rand_int_range(random, (int)known->depth / 2, (int)known->depth + 1);
            for (; depth < keep; depth++)
                path[depth] = known->locations[known->depth - 1 - depth];
        }
        uint32_t more = (uint32_t)g_rand_int_range(random, 1, i == 0 ? 20 : 8);
        for (; more > 0 && depth < DEPTH_MAX; more--)
            path[depth++] = (uint32_t)g_rand_int_range(random, 0, N_LOCATIONS);
        stack->depth = depth;
        for (uint32_t j = 0; j < depth; j++)
            stack->locations[j] = path[depth - 1 - j];
        sum += 1.0 / (i + 1);
        population->cumulative[i] = sum;
    }
}

static void
make_base(Population *population)
{
    Profile *base = &population->base;
    base->n_strings = 2 + N_FUNCTIONS;
    base->strings = g_new0(ProfileString, base->n_strings);
    base->strings[0] = (ProfileString){"", 0};
    base->strings[1] = (ProfileString){"/usr/bin/service", 16};
    base->functions = g_new0(ProfileFunction, N_FUNCTIONS);
    base->n_functions = N_FUNCTIONS;
    for (uint32_t i = 0; i < N_FUNCTIONS; i++) {
        char *name =
            g_strdup_printf("example.org/service/module%u.(*Type%u).Method%u", i % 97, i % 311, i);
        base->strings[2 + i] = (ProfileString){name, (uint32_t)strlen(name)};
        base->functions[i] = (ProfileFunction){i + 1, 2 + i, 2 + i, 1, 10 + i % 700};
    }
    base->mappings = g_new0(ProfileMapping, 1);
    base->mappings[0] = (ProfileMapping){
        .id = 1, .start = 0x400000, .limit = 0x4000000, .filename = 1, .has_functions = true};
    base->n_mappings = 1;
    base->lines = g_new0(ProfileLine, N_LOCATIONS);
    base->locations = g_new0(ProfileLocation, N_LOCATIONS);
    base->n_lines = base->n_locations = N_LOCATIONS;
    for (uint32_t i = 0; i < N_LOCATIONS; i++) {
        base->lines[i] = (ProfileLine){i % N_FUNCTIONS, 10 + i / N_FUNCTIONS * 7};
        base->locations[i] = (ProfileLocation){i + 1, 0x400000 + i * 48, 0, i, 1, false};
    }
}

typedef struct {
    Profile profile;
    uint32_t *positions;
    int64_t *values;
} Built;

static int
compare_numbers(const void *a, const void *b)
{
    uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;
    return (one > other) - (one < other);
}

static uint32_t
draw_stack(const Population *population)
{
    double at = g_rand_double(population->random) * population->cumulative[N_STACKS - 1];
    uint32_t low = 0, high = N_STACKS - 1;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (population->cumulative[middle] < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* One profile as the decoder leaves it: only the locations it uses, in the order of first use. */
static void
build(const Population *population, Built *built)
{
    uint32_t ticks[TICKS_PER_PROFILE];
    for (uint32_t i = 0; i < TICKS_PER_PROFILE; i++)
        ticks[i] = draw_stack(population);
    qsort(ticks, TICKS_PER_PROFILE, sizeof *ticks, compare_numbers);
    Profile *profile = &built->profile;
    *profile = population->base;
    profile->locations = g_new(ProfileLocation, N_LOCATIONS);
    profile->n_locations = 0;
    profile->samples = g_new0(ProfileSample, TICKS_PER_PROFILE);
    profile->stack_locations = g_new(uint32_t, TICKS_PER_PROFILE * DEPTH_MAX);
    built->positions = g_new(uint32_t, TICKS_PER_PROFILE);
    built->values = g_new(int64_t, TICKS_PER_PROFILE);
    g_autofree uint32_t *local = g_new0(uint32_t, N_LOCATIONS);
    for (uint32_t i = 0; i < TICKS_PER_PROFILE; i++) {
        uint32_t last = profile->n_samples - 1;
        if (i > 0 && ticks[i] == ticks[i - 1]) {
            built->values[last] += 10000000;
            continue;
        }
        const Stack *stack = &population->stacks[ticks[i]];
        last = profile->n_samples++;
        profile->samples[last] = (ProfileSample){profile->n_stack_locations, stack->depth, 0, 0};
        built->positions[last] = last;
        built->values[last] = 10000000;
        for (uint32_t j = 0; j < stack->depth; j++) {
            uint32_t location = stack->locations[j];
            if (local[location] == 0) {
                profile->locations[profile->n_locations++] = population->base.locations[location];
                local[location] = profile->n_locations;
            }
            profile->stack_locations[profile->n_stack_locations++] = local[location] - 1;
        }
    }
}

typedef struct {
    GMutex lock;
    GCond changed;
    uint64_t n_waiting, n_failed;
    GArray *latencies; /* int64_t µs */
} Acks;

typedef struct {
    Acks *acks;
    int64_t start;
} Ack;

static void
on_acked(void *data, const GError *error)
{
    Ack *ack = data;
    Acks *acks = ack->acks;
    int64_t took = g_get_monotonic_time() - ack->start;
    g_mutex_lock(&acks->lock);
    g_array_append_val(acks->latencies, took);
    acks->n_failed += error != NULL;
    acks->n_waiting--;
    g_cond_broadcast(&acks->changed);
    g_mutex_unlock(&acks->lock);
    g_free(ack);
}

static void
wait_below(Acks *acks, uint64_t n)
{
    g_mutex_lock(&acks->lock);
    while (acks->n_waiting > n)
        g_cond_wait(&acks->changed, &acks->lock);
    g_mutex_unlock(&acks->lock);
}

typedef struct {
    Store *store;
    Built *built;
    Labels *labels[N_PODS];
    Acks acks;
    uint64_t n_profiles, n_samples;
    int64_t append_ns;
} Bench;

/* Processor time of this thread, which other work on the machine does not stretch as much. */
static int64_t
thread_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * second_ns + now.tv_nsec;
}

static void
append(Bench *bench, uint64_t number)
{
    const Built *built = &bench->built[number % N_BUILT];
    StoreRow row = {
        .labels = bench->labels[number % N_PODS],
        .profile = &built->profile,
        .samples = built->positions,
        .values = built->values,
        .n_samples = built->profile.n_samples,
        .time_ns = (int64_t)(number / N_PODS) * 10 * second_ns,
        .duration_ns = 10 * second_ns,
        .period = 10000000,
    };
    for (size_t i = 0; i < sizeof row.id; i++)
        row.id[i] = (uint8_t)(number * 0x9E3779B97F4A7C15ull >> (i % 8 * 8));
    Ack *ack = g_new(Ack, 1);
    *ack = (Ack){&bench->acks, g_get_monotonic_time()};
    g_mutex_lock(&bench->acks.lock);
    bench->acks.n_waiting++;
    g_mutex_unlock(&bench->acks.lock);
    g_autoptr(GError) error = NULL;
    int64_t start = thread_ns();
    if (!store_append(bench->store, "tenant", &row, 1, on_acked, ack, &error))
        g_error("append: %s", error->message);
    bench->append_ns += thread_ns() - start;
    bench->n_profiles++;
    bench->n_samples += row.n_samples;
}

static double
percentile(GArray *latencies, double share)
{
    g_array_sort(latencies, compare_numbers);
    return (double)g_array_index(latencies, int64_t, (unsigned)(share * (latencies->len - 1))) /
           1e3;
}

static double
resident_mb(void)
{
    g_autofree char *status = NULL;
    if (!g_file_get_contents("/proc/self/status", &status, NULL, NULL))
        return 0;
    const char *line = strstr(status, "VmHWM:");
    return line != NULL ? g_ascii_strtod(line + 6, NULL) / 1024 : 0;
}

static void
measure_append(Bench *bench, uint64_t n_profiles)
{
    int64_t start = g_get_monotonic_time();
    for (uint64_t i = 0; i < n_profiles; i++) {
        append(bench, i);
        wait_below(&bench->acks, 64);
    }
    wait_below(&bench->acks, 0);
    double seconds = (double)(g_get_monotonic_time() - start) / 1e6;
    printf(
        "{\"bench\":\"store_append\",\"profiles\":%" G_GUINT64_FORMAT
        ",\"samples_per_profile\":%.0f,\"intern_append_ns_per_sample\":%.0f,"
        "\"goal_ns_per_sample\":300,\"durable_profiles_per_s\":%.0f,\"failed\":%" G_GUINT64_FORMAT
        "}\n",
        n_profiles, (double)bench->n_samples / (double)bench->n_profiles,
        (double)bench->append_ns / (double)bench->n_samples, (double)n_profiles / seconds,
        bench->acks.n_failed);
}

/* Acknowledgement latency at a steady rate. */
static void
measure_paced(Bench *bench, uint64_t first, uint64_t n)
{
    g_array_set_size(bench->acks.latencies, 0);
    int64_t start = g_get_monotonic_time();
    for (uint64_t i = 0; i < n; i++) {
        int64_t due = start + (int64_t)(i * G_USEC_PER_SEC / PACED_PER_SECOND);
        int64_t now = g_get_monotonic_time();
        if (now < due)
            g_usleep((gulong)(due - now));
        append(bench, first + i);
    }
    wait_below(&bench->acks, 0);
    printf("{\"bench\":\"store_ack\",\"profiles_per_s\":%d,\"p50_ms\":%.2f,\"p99_ms\":%.2f,"
           "\"goal_p50_ms\":5,\"goal_p99_ms\":20}\n",
           PACED_PER_SECOND, percentile(bench->acks.latencies, 0.5),
           percentile(bench->acks.latencies, 0.99));
}

typedef struct {
    uint64_t n_rows, n_samples, n_nodes;
    int64_t accumulate_us, best_us;
} Sum;

static bool
sum_dataset(const StoreDataset *dataset, void *data, GError **error)
{
    Sum *sum = data;
    g_autofree int64_t *totals = g_new0(int64_t, dataset->symbols->n_nodes);
    g_autofree uint32_t *rows = g_new(uint32_t, dataset->n_rows);
    for (uint32_t i = 0; i < dataset->n_rows; i++) {
        rows[i] = i;
        sum->n_samples += dataset->rows[i].n_samples;
    }
    int64_t best = INT64_MAX;
    for (unsigned i = 0; i < 3; i++) {
        int64_t start = g_get_monotonic_time();
        if (!store_dataset_accumulate(dataset, rows, dataset->n_rows, totals, error))
            return false;
        best = MIN(best, g_get_monotonic_time() - start);
    }
    sum->accumulate_us += best;
    sum->n_rows += dataset->n_rows;
    sum->n_nodes += dataset->symbols->n_nodes;
    return true;
}

static void
measure_read(Bench *bench, const char *what)
{
    Sum sum = {0};
    g_autoptr(GError) error = NULL;
    int64_t start = g_get_monotonic_time();
    if (!store_visit(bench->store, "tenant", "service", INT64_MIN, INT64_MAX, STORE_WITH_SAMPLES,
                     sum_dataset, &sum, NULL, &error))
        g_error("visit: %s", error->message);
    double all_ms = (double)(g_get_monotonic_time() - start) / 1e3;
    printf("{\"bench\":\"store_accumulate\",\"source\":\"%s\",\"rows\":%" G_GUINT64_FORMAT
           ",\"samples\":%" G_GUINT64_FORMAT ",\"nodes\":%" G_GUINT64_FORMAT
           ",\"ns_per_sample\":%.2f,\"goal_ns_per_sample\":3,\"visit_ms\":%.1f}\n",
           what, sum.n_rows, sum.n_samples, sum.n_nodes,
           (double)sum.accumulate_us * 1e3 / (double)sum.n_samples,
           all_ms - 2 * (double)sum.accumulate_us / 1e3);
}

static void
open_store(Bench *bench, const char *dir, int64_t seal_bytes)
{
    g_autoptr(GError) error = NULL;
    StoreConfig config = {dir, seal_bytes, 3600 * second_ns};
    int64_t start = g_get_monotonic_time();
    bench->store = store_open(&config, &error);
    if (bench->store == NULL)
        g_error("open: %s", error->message);
    printf("{\"bench\":\"store_open\",\"ms\":%.1f,\"goal_ms\":1000}\n",
           (double)(g_get_monotonic_time() - start) / 1e3);
}

static void
measure_seal(Bench *bench)
{
    int64_t n_blocks = 0, n_bytes = 0;
    int64_t start = g_get_monotonic_time();
    store_wait_sealed(bench->store);
    double seconds = (double)(g_get_monotonic_time() - start) / 1e6;
    meta_totals(bench->store->meta, &n_blocks, &n_bytes, NULL);
    printf("{\"bench\":\"store_seal\",\"seconds\":%.2f,\"blocks\":%" G_GINT64_FORMAT
           ",\"block_bytes_per_profile\":%.0f,\"goal_bytes_per_profile\":1200,"
           "\"block_bytes_per_sample\":%.2f}\n",
           seconds, n_blocks, (double)n_bytes / (double)bench->n_profiles,
           (double)n_bytes / (double)bench->n_samples);
}

static void
remove_tree(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;) {
        g_autofree char *child = g_build_filename(path, name, NULL);
        remove_tree(child);
    }
    g_remove(path);
}

int
main(int argc, char **argv)
{
    uint64_t n_profiles = argc > 1 ? g_ascii_strtoull(argv[1], NULL, 10) : 3600;
    g_autofree char *dir =
        argc > 2 ? g_strdup(argv[2]) : g_dir_make_tmp("cresset-bench-XXXXXX", NULL);
    Population population = {.random = g_rand_new_with_seed(1)};
    make_base(&population);
    make_stacks(&population);
    Bench bench = {.built = g_new0(Built, N_BUILT)};
    for (uint32_t i = 0; i < N_BUILT; i++)
        build(&population, &bench.built[i]);
    for (uint32_t i = 0; i < N_PODS; i++) {
        g_autofree char *pod = g_strdup_printf("pod-%u", i);
        bench.labels[i] = labels_new((Label[]){{"service_name", "service"},
                                               {"__profile_type__", "process_cpu:cpu"},
                                               {"pod", pod}},
                                     3);
    }
    bench.acks.latencies = g_array_new(FALSE, FALSE, sizeof(int64_t));
    double before_mb = resident_mb();
    open_store(&bench, dir, 1 << 30);
    measure_append(&bench, n_profiles);
    measure_paced(&bench, n_profiles, 2 * PACED_PER_SECOND);
    printf("{\"bench\":\"store_log\",\"log_bytes_per_profile\":%.0f,\"log_bytes_per_sample\":%.2f,"
           "\"head_bytes_per_profile\":%.0f,\"resident_mb\":%.0f}\n",
           (double)bench.store->segment->size / (double)bench.n_profiles,
           (double)bench.store->segment->size / (double)bench.n_samples,
           (double)head_size(bench.store->head) / (double)bench.n_profiles,
           resident_mb() - before_mb);
    measure_read(&bench, "head");
    store_close(bench.store);
    open_store(&bench, dir, 1 << 30);
    measure_seal(&bench);
    measure_read(&bench, "block");
    measure_read(&bench, "block");
    store_close(bench.store);
    printf("{\"bench\":\"store_memory\",\"peak_mb\":%.0f,\"goal_mb\":150}\n",
           resident_mb() - before_mb);
    if (argc <= 2)
        remove_tree(dir);
    return 0;
}
