#include "server/store/store.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/error.h"
#include "server/store/store_private.h"
#include "tests/unit/server/store/fixture.h"

typedef struct {
    char *dir;
    StoreConfig config;
    Store *store;
    Model model;
    GRand *random;
} Bed;

static int
remove_tree(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;) {
        g_autofree char *child = g_build_filename(path, name, NULL);
        remove_tree(child);
    }
    return g_remove(path);
}

static void
open_bed(Bed *bed)
{
    g_autoptr(GError) error = NULL;
    bed->store = store_open(&bed->config, &error);
    if (error != NULL)
        fail_msg("%s", error->message);
}

static int
set_up(void **state)
{
    Bed *bed = g_new0(Bed, 1);
    bed->dir = g_dir_make_tmp("cresset-store-XXXXXX", NULL);
    bed->config = (StoreConfig){bed->dir, 64 << 20, 60 * G_GINT64_CONSTANT(1000000000)};
    bed->random = g_rand_new_with_seed(7);
    model_init(&bed->model);
    open_bed(bed);
    *state = bed;
    return 0;
}

static int
tear_down(void **state)
{
    Bed *bed = *state;
    store_close(bed->store);
    model_clear(&bed->model);
    g_rand_free(bed->random);
    remove_tree(bed->dir);
    g_free(bed->dir);
    g_free(bed);
    return 0;
}

static void
append_some(Bed *bed, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        FixtureShape shape = {
            .n_functions = 40 + 10 * (i % 3),
            .n_samples = (uint32_t)g_rand_int_range(bed->random, 0, i % 7 == 0 ? 900 : 60),
            .max_depth = 20,
            .has_addresses = i % 2,
            .prefix = i % 5 == 0 ? "main." : "net.",
        };
        FixtureProfile *profile = fixture_profile_new(bed->random, &shape);
        g_autofree char *pod = g_strdup_printf("pod-%u", i % 4);
        g_autofree char *service = g_strdup_printf("service-%u", i % 3);
        ModelAppend append = {
            i % 4 == 3 ? "other" : "one", service, pod,
            g_rand_int_range(bed->random, 0, 1000) * G_GINT64_CONSTANT(1000000000), 1 + i % 3};
        assert_true(model_append(&bed->model, bed->store, bed->random, profile, &append));
        fixture_profile_free(profile);
    }
}

static void
check_bed(Bed *bed)
{
    g_autofree char *wrong = model_check(&bed->model, bed->store);
    if (wrong != NULL)
        fail_msg("%s", wrong);
    for (unsigned i = 0; i < 5; i++) {
        g_autofree char *sums = model_check_sums(&bed->model, bed->store, bed->random, "one");
        if (sums != NULL)
            fail_msg("%s", sums);
    }
}

static void
reads_back_what_was_appended(void **state)
{
    Bed *bed = *state;
    append_some(bed, 60);
    check_bed(bed);
    model_wait(&bed->model);
    check_bed(bed);
}

static void
keeps_everything_over_restarts(void **state)
{
    Bed *bed = *state;
    for (unsigned i = 0; i < 4; i++) {
        append_some(bed, 20);
        store_close(bed->store);
        open_bed(bed);
        check_bed(bed);
        assert_null(store_notice(bed->store));
    }
}

static void
reopen_with(Bed *bed, int64_t seal_bytes, int64_t seal_age_ns)
{
    store_close(bed->store);
    bed->config.seal_bytes = seal_bytes;
    bed->config.seal_age_ns = seal_age_ns;
    open_bed(bed);
}

static int64_t
count_blocks(Bed *bed)
{
    int64_t n_blocks, n_bytes;
    assert_true(meta_totals(bed->store->meta, &n_blocks, &n_bytes, NULL));
    return n_blocks;
}

static void
seals_by_size_and_still_reads_everything(void **state)
{
    Bed *bed = *state;
    reopen_with(bed, 30000, 1000 * G_GINT64_CONSTANT(1000000000));
    for (unsigned i = 0; i < 10; i++) {
        append_some(bed, 20);
        check_bed(bed);
    }
    model_wait(&bed->model);
    store_wait_sealed(bed->store);
    check_bed(bed);
    assert_true(count_blocks(bed) >= 4);
}

static void
seals_by_age_and_keeps_blocks_over_restarts(void **state)
{
    Bed *bed = *state;
    reopen_with(bed, 64 << 20, 1);
    for (unsigned i = 0; i < 6; i++) {
        append_some(bed, 10);
        model_wait(&bed->model);
        store_wait_sealed(bed->store);
        check_bed(bed);
        reopen_with(bed, 64 << 20, 1);
        check_bed(bed);
    }
    assert_true(count_blocks(bed) >= 6);
}

static void
rebuilds_a_lost_metastore(void **state)
{
    Bed *bed = *state;
    reopen_with(bed, 30000, 1);
    append_some(bed, 40);
    model_wait(&bed->model);
    store_close(bed->store);
    const char *names[] = {"meta.sqlite", "meta.sqlite-wal", "meta.sqlite-shm"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(bed->dir, names[i], NULL);
        g_remove(path);
    }
    open_bed(bed);
    check_bed(bed);
    store_close(bed->store);
    g_autofree char *path = g_build_filename(bed->dir, names[0], NULL);
    assert_true(g_file_set_contents(path, "garbage", 7, NULL));
    open_bed(bed);
    check_bed(bed);
}

/* The only log file of the closed store. */
static char *
log_path(const Bed *bed)
{
    g_autofree char *folder = g_build_filename(bed->dir, "segments", NULL);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name = g_dir_read_name(dir);
    assert_non_null(name);
    assert_null(g_dir_read_name(dir));
    return g_build_filename(folder, name, NULL);
}

static void
sets_a_bad_tail_aside(void **state)
{
    Bed *bed = *state;
    append_some(bed, 20);
    store_close(bed->store);
    g_autofree char *path = log_path(bed);
    FILE *file = fopen(path, "ab");
    fputs("torn by a crash", file);
    fclose(file);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    open_bed(bed);
    check_bed(bed);
    assert_non_null(strstr(store_notice(bed->store), path));
    assert_null(strchr(store_notice(bed->store), '\n'));
    assert_int_equal(metrics_get(bed->store->metrics, STORE_METRIC_BAD_TAILS, 0), 1);
    g_autofree char *aside = g_strdup_printf("%s.corrupt-%zu", path, (size_t)status.st_size - 15);
    g_autofree char *tail = NULL;
    assert_true(g_file_get_contents(aside, &tail, NULL, NULL));
    assert_string_equal(tail, "torn by a crash");
    reopen_with(bed, 64 << 20, 1000 * G_GINT64_CONSTANT(1000000000));
    check_bed(bed);
}

static void
writes_its_metrics(void **state)
{
    Bed *bed = *state;
    append_some(bed, 5);
    model_wait(&bed->model);
    g_autoptr(GString) out = g_string_new(NULL);
    store_write_metrics(bed->store, out);
    assert_non_null(strstr(out->str, "cresset_store_appended_rows_total 9\n"));
    assert_non_null(strstr(out->str, "cresset_store_writable 1\n"));
    assert_non_null(strstr(out->str, "cresset_store_sync_seconds_count"));
}

typedef struct {
    Bed *bed;
    char *wrong;
    gint is_done;
} Reader;

static void *
read_on(void *data)
{
    Reader *reader = data;
    uint64_t n_rows = 0;
    while (!g_atomic_int_get(&reader->is_done) && reader->wrong == NULL)
        reader->wrong = model_check_once(reader->bed->store, &n_rows);
    return NULL;
}

static void
reads_while_appending_and_sealing(void **state)
{
    Bed *bed = *state;
    reopen_with(bed, 20000, 1000 * G_GINT64_CONSTANT(1000000000));
    Reader reader = {.bed = bed};
    GThread *thread = g_thread_new("reader", read_on, &reader);
    append_some(bed, 300);
    model_wait(&bed->model);
    g_atomic_int_set(&reader.is_done, 1);
    g_thread_join(thread);
    if (reader.wrong != NULL)
        fail_msg("%s", reader.wrong);
    check_bed(bed);
}

static void
lists_tenants_and_time_ranges(void **state)
{
    Bed *bed = *state;
    int64_t first, last;
    assert_false(store_time_range(bed->store, "one", &first, &last));
    append_some(bed, 8);
    g_auto(GStrv) tenants = store_tenants(bed->store);
    assert_string_equal(tenants[0], "one");
    assert_string_equal(tenants[1], "other");
    assert_null(tenants[2]);
    assert_true(store_time_range(bed->store, "one", &first, &last));
    assert_true(first <= last && last < 1000 * G_GINT64_CONSTANT(1000000000));
}

static void
refuses_a_second_server(void **state)
{
    Bed *bed = *state;
    g_autoptr(GError) error = NULL;
    assert_null(store_open(&bed->config, &error));
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_FAILED_PRECONDITION));
    assert_null(strchr(error->message, '\n'));
}

static void
refuses_a_directory_it_cannot_write(void **state)
{
    Bed *bed = *state;
    g_autofree char *file = g_build_filename(bed->dir, "file", NULL);
    g_assert_true(g_file_set_contents(file, "x", 1, NULL));
    g_autofree char *below = g_build_filename(file, "data", NULL);
    StoreConfig config = bed->config;
    config.data_dir = below;
    g_autoptr(GError) error = NULL;
    assert_null(store_open(&config, &error));
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_PERMISSION_DENIED));
    assert_non_null(strstr(error->message, below));
}

static void
refuses_rows_whose_profile_lies(void **state)
{
    Bed *bed = *state;
    FixtureShape shape = {.n_functions = 5, .n_samples = 5, .max_depth = 5, .prefix = "f"};
    FixtureProfile *profile = fixture_profile_new(bed->random, &shape);
    profile->profile.samples[4] = (ProfileSample){.first_location = 0, .n_locations = 1};
    profile->profile.stack_locations[0] = 99;
    ModelAppend append = {"one", "service", "pod", 5, 1};
    assert_false(model_append(&bed->model, bed->store, bed->random, profile, &append));
    fixture_profile_free(profile);
    append_some(bed, 5);
    store_close(bed->store);
    open_bed(bed);
    check_bed(bed);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_back_what_was_appended, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keeps_everything_over_restarts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(seals_by_size_and_still_reads_everything, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(seals_by_age_and_keeps_blocks_over_restarts, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(rebuilds_a_lost_metastore, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sets_a_bad_tail_aside, set_up, tear_down),
        cmocka_unit_test_setup_teardown(writes_its_metrics, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reads_while_appending_and_sealing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lists_tenants_and_time_ranges, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_a_second_server, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_a_directory_it_cannot_write, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_rows_whose_profile_lies, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
