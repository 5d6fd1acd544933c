/* kill -9 of a writing process, over and over: every profile that was acknowledged is there exactly
 * once, and every other one is whole or absent.
 *
 * The writer is this program again, run with "writer FOLDER ROUND": it appends from several threads
 * and puts the id of each acknowledged row on standard output. KILL_ROUNDS sets how often. */
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/store/store.h"
#include "tests/unit/server/store/fixture.h"

enum { N_WRITERS = 4, ID_SIZE = 16, ROUNDS_DEFAULT = 200 };

static const int64_t second_ns = 1000000000;

static StoreConfig
config_of(const char *dir)
{
    /* Small segments, so that kills also hit seals. */
    return (StoreConfig){.data_dir = dir, .seal_bytes = 96 * 1024, .seal_age_ns = second_ns / 20};
}

typedef struct {
    Store *store;
    uint32_t round, number;
} Writer;

static void
on_acked(void *data, const GError *error)
{
    /* One write below PIPE_BUF is atomic. */
    if (error == NULL && write(STDOUT_FILENO, data, ID_SIZE) != ID_SIZE)
        _exit(3);
    g_free(data);
}

/* A row that carries its own proof: the period is the fingerprint of its samples. */
static void
append_one(const Writer *writer, GRand *random, const FixtureProfile *profile, const Labels *labels,
           uint32_t counter)
{
    uint32_t n = profile->profile.n_samples;
    g_autofree uint32_t *positions = g_new(uint32_t, n + 1);
    g_autofree int64_t *values = g_new(int64_t, n + 1);
    uint64_t fingerprint = 0;
    for (uint32_t i = 0; i < n; i++) {
        positions[i] = i;
        values[i] = g_rand_int_range(random, 1, 50);
        fingerprint += (uint64_t)values[i] * profile->stack_hash[i];
    }
    StoreRow row = {
        .labels = labels,
        .profile = &profile->profile,
        .samples = positions,
        .values = values,
        .n_samples = n,
        .time_ns = writer->round * second_ns,
        .duration_ns = second_ns,
        .period = (int64_t)fingerprint,
    };
    uint32_t id[4] = {writer->round, writer->number, counter, 1};
    memcpy(row.id, id, ID_SIZE);
    store_append(writer->store, writer->number % 2 ? "one" : "two", &row, 1, on_acked,
                 g_memdup2(id, ID_SIZE), NULL);
}

static void *
run_writer(void *data)
{
    const Writer *writer = data;
    GRand *random = g_rand_new_with_seed(writer->round * N_WRITERS + writer->number);
    g_autofree char *service = g_strdup_printf("service-%u", writer->number);
    g_autoptr(Labels) labels =
        labels_new((Label[]){{"service_name", service}, {"__profile_type__", "cpu"}}, 2);
    for (uint32_t counter = 0;; counter++) {
        FixtureShape shape = {.n_functions = 30,
                              .n_samples = (uint32_t)g_rand_int_range(random, 1, 60),
                              .max_depth = 12,
                              .prefix = "f"};
        FixtureProfile *profile = fixture_profile_new(random, &shape);
        append_one(writer, random, profile, labels, counter);
        fixture_profile_free(profile);
    }
    return NULL;
}

static int
write_forever(const char *dir, const char *round)
{
    StoreConfig config = config_of(dir);
    g_autoptr(GError) error = NULL;
    Store *store = store_open(&config, &error);
    if (store == NULL) {
        g_printerr("writer: %s\n", error->message);
        return 2;
    }
    Writer writers[N_WRITERS];
    GThread *threads[N_WRITERS];
    for (uint32_t i = 0; i < N_WRITERS; i++) {
        writers[i] = (Writer){store, (uint32_t)atoi(round), i};
        threads[i] = g_thread_new("writer", run_writer, &writers[i]);
    }
    for (uint32_t i = 0; i < N_WRITERS; i++)
        g_thread_join(threads[i]);
    return 0;
}

typedef struct {
    char *dir;
    GHashTable *acked; /* id → times seen */
    uint64_t n_acked, n_unacked_seen;
    char *wrong;
} Ledger;

static char *
id_key(const void *id)
{
    uint32_t words[4];
    memcpy(words, id, ID_SIZE);
    return g_strdup_printf("%u.%u.%u", words[0], words[1], words[2]);
}

/* Reads acknowledgements until `n_wanted` have come (then kills) and on to the end of the pipe. */
static void
collect(Ledger *ledger, int pipe, GPid pid, uint64_t n_wanted)
{
    uint8_t bytes[256 * ID_SIZE];
    size_t left = 0;
    bool is_killed = false;
    uint64_t n = 0;
    for (ssize_t got; (got = read(pipe, bytes + left, sizeof bytes - left)) > 0;) {
        left += (size_t)got;
        size_t whole = left / ID_SIZE;
        for (size_t i = 0; i < whole; i++)
            g_hash_table_insert(ledger->acked, id_key(bytes + i * ID_SIZE), GUINT_TO_POINTER(0));
        memmove(bytes, bytes + whole * ID_SIZE, left - whole * ID_SIZE);
        left -= whole * ID_SIZE;
        n += whole;
        if (n >= n_wanted && !is_killed) {
            kill(pid, SIGKILL);
            is_killed = true;
        }
    }
    ledger->n_acked += n;
}

static void
run_and_kill(Ledger *ledger, uint32_t round, GRand *random)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *round_text = g_strdup_printf("%u", round);
    char *argv[] = {self, (char *)(uintptr_t) "writer", ledger->dir, round_text, NULL};
    GPid pid;
    int pipe;
    assert_true(g_spawn_async_with_pipes(NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL,
                                         &pid, NULL, &pipe, NULL, NULL));
    uint64_t n_wanted = 1 + (uint64_t)(g_rand_double(random) * g_rand_double(random) * 1500);
    collect(ledger, pipe, pid, n_wanted);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(pipe);
    if (!WIFSIGNALED(status))
        fail_msg("writer ended by itself with status %d in round %u", status, round);
}

static uint64_t *
node_hashes(const SymbolView *symbols)
{
    g_autofree uint64_t *functions = g_new0(uint64_t, symbols->n_function_nodes);
    for (uint32_t i = 1; i < symbols->n_function_nodes; i++) {
        uint32_t length;
        const char *name = symbol_string(symbols, symbols->function_name[i], &length);
        functions[i] = fixture_path_hash(functions[symbols->function_parent[i]], name, length);
    }
    uint64_t *nodes = g_new0(uint64_t, symbols->n_nodes);
    for (uint32_t i = 0; i < symbols->n_nodes; i++)
        nodes[i] = functions[symbols->function_of_node[i]];
    return nodes;
}

static void
count_row(Ledger *ledger, const StoreRowView *row)
{
    g_autofree char *key = id_key(row->id);
    void *seen;
    if (!g_hash_table_lookup_extended(ledger->acked, key, NULL, &seen)) {
        /* Not acknowledged, but whole: from now on it has to stay. */
        ledger->n_unacked_seen++;
        seen = NULL;
    }
    g_hash_table_insert(ledger->acked, g_steal_pointer(&key),
                        GUINT_TO_POINTER(GPOINTER_TO_UINT(seen) + 1));
}

static bool
check_dataset(const StoreDataset *dataset, void *data, GError **error)
{
    Ledger *ledger = data;
    g_autofree uint64_t *hashes = node_hashes(dataset->symbols);
    g_autofree int64_t *totals = g_new(int64_t, dataset->symbols->n_nodes);
    for (uint32_t i = 0; i < dataset->n_rows; i++) {
        uint64_t fingerprint = 0;
        memset(totals, 0, dataset->symbols->n_nodes * sizeof *totals);
        if (!store_dataset_accumulate(dataset, &i, 1, totals, error))
            return false;
        for (uint32_t node = 0; node < dataset->symbols->n_nodes; node++)
            fingerprint += (uint64_t)totals[node] * hashes[node];
        if ((int64_t)fingerprint != dataset->rows[i].period)
            ledger->wrong = g_strdup("a row came back with other samples");
        count_row(ledger, &dataset->rows[i]);
    }
    return ledger->wrong == NULL;
}

static void
forget_counts(Ledger *ledger)
{
    GHashTableIter iter;
    g_hash_table_iter_init(&iter, ledger->acked);
    while (g_hash_table_iter_next(&iter, NULL, NULL))
        g_hash_table_iter_replace(&iter, GUINT_TO_POINTER(0));
}

/* Opens the store as the next server would and holds rounds `first` to `last` against the ledger.
 */
static void
check_rounds(Ledger *ledger, uint32_t first, uint32_t last)
{
    StoreConfig config = config_of(ledger->dir);
    g_autoptr(GError) error = NULL;
    Store *store = store_open(&config, &error);
    if (store == NULL)
        fail_msg("cannot open after a kill: %s", error->message);
    forget_counts(ledger);
    const char *tenants[] = {"one", "two"};
    for (size_t i = 0; i < G_N_ELEMENTS(tenants); i++) {
        bool is_partial = false;
        if (!store_visit(store, tenants[i], NULL, first * second_ns, last * second_ns,
                         STORE_WITH_SAMPLES, check_dataset, ledger, &is_partial, &error))
            fail_msg("visit failed: %s", error->message);
        assert_false(is_partial);
    }
    store_close(store);
    if (ledger->wrong != NULL)
        fail_msg("%s", ledger->wrong);
}

static void
check_counts(Ledger *ledger, uint32_t first, uint32_t last)
{
    GHashTableIter iter;
    void *key, *seen;
    g_hash_table_iter_init(&iter, ledger->acked);
    while (g_hash_table_iter_next(&iter, &key, &seen)) {
        uint32_t round = (uint32_t)atoi(key);
        if (round >= first && round <= last && GPOINTER_TO_UINT(seen) != 1)
            fail_msg("acknowledged row %s is there %u times", (char *)key, GPOINTER_TO_UINT(seen));
    }
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

static void
loses_nothing_to_kills(void **state)
{
    (void)state;
    const char *rounds_text = g_getenv("KILL_ROUNDS");
    uint32_t n_rounds = rounds_text != NULL ? (uint32_t)atoi(rounds_text) : ROUNDS_DEFAULT;
    Ledger ledger = {.dir = g_dir_make_tmp("cresset-kill-XXXXXX", NULL)};
    ledger.acked = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    GRand *random = g_rand_new();
    for (uint32_t round = 1; round <= n_rounds; round++) {
        run_and_kill(&ledger, round, random);
        check_rounds(&ledger, round - 1, round);
        check_counts(&ledger, round - 1, round);
    }
    check_rounds(&ledger, 0, n_rounds);
    check_counts(&ledger, 0, n_rounds);
    printf("%u kills, %" G_GUINT64_FORMAT " acknowledged rows, 0 lost, 0 twice\n", n_rounds,
           ledger.n_acked);
    g_hash_table_unref(ledger.acked);
    g_rand_free(random);
    remove_tree(ledger.dir);
    g_free(ledger.dir);
}

int
main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "writer") == 0)
        return write_forever(argv[2], argv[3]);
    const struct CMUnitTest tests[] = {cmocka_unit_test(loses_nothing_to_kills)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
