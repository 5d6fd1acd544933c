/* What `go tool pprof -top` says about a profile of a Go program is what it says about the same
 * profile after it was stored and exported. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <glib/gstdio.h>

#include "include/cresset/limits.h"
#include "server/ingest/ingest.h"
#include "server/query/query.h"

typedef struct {
    GMutex lock;
    GCond cond;
    bool is_done;
    GError *error;
} Outcome;

static void
on_done(void *data, const GError *error)
{
    Outcome *outcome = data;
    g_mutex_lock(&outcome->lock);
    outcome->is_done = true;
    outcome->error = error != NULL ? g_error_copy(error) : NULL;
    g_cond_signal(&outcome->cond);
    g_mutex_unlock(&outcome->lock);
}

static void
push_file(Ingest *ingest, const char *path, const char *name)
{
    g_autofree char *bytes = NULL;
    gsize size = 0;
    assert_true(g_file_get_contents(path, &bytes, &size, NULL));
    const Label labels[] = {{"__name__", name}, {"service_name", "go"}};
    IngestProfile profile = {
        .labels = labels, .n_labels = 2, .profile = (uint8_t *)bytes, .profile_size = size};
    Outcome outcome = {.is_done = false};
    ingest_push(ingest, "t", &profile, 1, on_done, &outcome);
    g_mutex_lock(&outcome.lock);
    while (!outcome.is_done)
        g_cond_wait(&outcome.cond, &outcome.lock);
    g_mutex_unlock(&outcome.lock);
    assert_null(outcome.error);
}

/* The table of `go tool pprof -top`, all rows, from its first line about nodes on. */
static char *
run_top(const char *path, const char *type)
{
    g_autofree char *index = g_strdup_printf("-sample_index=%s", type);
    const char *argv[] = {"go",  "tool", "pprof", "-top", "-nodefraction=0", "-nodecount=1000000",
                          index, path,   NULL};
    g_autofree char *out = NULL, *err = NULL;
    g_autoptr(GError) error = NULL;
    int status = 0;
    if (!g_spawn_sync(NULL, (char **)(uintptr_t)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out,
                      &err, &status, &error) ||
        !g_spawn_check_wait_status(status, &error))
        fail_msg("go tool pprof: %s: %s", error->message, err != NULL ? err : "");
    const char *table = strstr(out, "Showing nodes");
    assert_non_null(table);
    return g_strdup(table);
}

static void
compare_top(Store *store, const char *folder, const char *path, const char *name, const char *type,
            const char *unit, const char *period)
{
    g_autofree char *id = g_strdup_printf("%s:%s:%s:%s", name, type, unit, period);
    Query query = {.store = store, .tenant = "t", .end_ns = INT64_MAX / 2, .profile_type = id};
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) pprof = query_pprof(&query, &error);
    assert_null(error);
    g_autofree char *exported = g_build_filename(folder, "exported.pb", NULL);
    gsize size;
    const char *bytes = g_bytes_get_data(pprof, &size);
    assert_true(g_file_set_contents(exported, bytes, (gssize)size, NULL));
    g_autofree char *expected = run_top(path, type), *actual = run_top(exported, type);
    assert_true(g_strrstr(expected, "main.") != NULL);
    assert_string_equal(actual, expected);
    g_unlink(exported);
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
test_top(void **state)
{
    (void)state;
    g_autofree char *folder = g_dir_make_tmp("cresset-go-top-XXXXXX", NULL);
    g_autofree char *data = g_build_filename(folder, "data", NULL);
    StoreConfig config = {.data_dir = data, .seal_bytes = 1 << 26, .seal_age_ns = INT64_MAX / 4};
    g_autoptr(GError) error = NULL;
    Store *store = store_open(&config, &error);
    assert_null(error);
    IngestLimits limits = {.profile_bytes_max = CRESSET_PROFILE_BYTES_MAX,
                           .stack_depth_max = CRESSET_STACK_DEPTH_MAX,
                           .symbol_length_max = CRESSET_SYMBOL_LENGTH_MAX,
                           .label_names_max = CRESSET_LABEL_NAMES_MAX,
                           .label_name_length_max = CRESSET_LABEL_NAME_LENGTH_MAX,
                           .label_value_length_max = CRESSET_LABEL_VALUE_LENGTH_MAX,
                           .body_bytes_max = CRESSET_PUSH_BODY_BYTES_MAX};
    Ingest *ingest = ingest_new(store, &limits);
    static const char CPU[] = CRESSET_SOURCE_DIR "/tests/fixtures/go_pprof/cpu.pb.gz";
    static const char HEAP[] = CRESSET_SOURCE_DIR "/tests/fixtures/go_pprof/heap.pb.gz";
    push_file(ingest, CPU, "process_cpu");
    push_file(ingest, HEAP, "memory");
    compare_top(store, folder, CPU, "process_cpu", "cpu", "nanoseconds", "cpu:nanoseconds");
    compare_top(store, folder, CPU, "process_cpu", "samples", "count", "cpu:nanoseconds");
    compare_top(store, folder, HEAP, "memory", "alloc_space", "bytes", "space:bytes");
    compare_top(store, folder, HEAP, "memory", "inuse_objects", "count", "space:bytes");
    store_close(store);
    ingest_free(ingest);
    remove_folder(folder);
}

int
main(void)
{
    g_autofree char *go = g_find_program_in_path("go");
    if (go == NULL) {
        printf("skipped: there is no go in PATH\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_top)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
