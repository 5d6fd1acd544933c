/* The fetcher with processes that answer as their build id says: this program, started anew. */
#include "server/debuginfo/fetcher.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/debuginfo/fetch.h"
#include "tests/harness/check.h"
#include "tests/harness/temp_dir.h"

#define FOUND   "aa01"
#define MISSING "bb01"
#define HANGING "cc%04x"
#define DYING   "dd01"

#define FETCHES "cresset_server_debuginfod_fetches_total"

static TempDir *dir;
static char *notices; /* of all build ids that could not be had */
static GMutex notice_lock;

/* The process: notes that it was started, and answers. */
static int
answer(const char *build_id)
{
    g_autofree char *log = g_build_filename(getenv("DEBUGINFOD_CACHE_PATH"), build_id, NULL);
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, "x", 1) != 1)
        return DEBUG_FETCH_FAILED;
    close(fd);
    switch (build_id[0]) {
    case 'a':
        printf("%s\n", log);
        return DEBUG_FETCH_FOUND;
    case 'b':
        printf("it is not there: %s %s\n", getenv("DEBUGINFOD_URLS"), getenv("DEBUGINFOD_MAXSIZE"));
        return DEBUG_FETCH_NOT_FOUND;
    case 'c':
        pause();
        break;
    default:
        abort();
    }
    return DEBUG_FETCH_FAILED;
}

/* How often it was started for that build id. */
static size_t
n_starts(const char *build_id)
{
    g_autofree char *log = temp_dir_file(dir, build_id), *text = NULL;
    gsize size = 0;
    (void)g_file_get_contents(log, &text, &size, NULL);
    return size;
}

static void
on_notice(const char *build_id, const char *text, void *data)
{
    (void)data;
    g_mutex_lock(&notice_lock);
    char *more = g_strdup_printf("%s%s=%s;", notices, build_id, text);
    g_free(notices);
    notices = more;
    g_mutex_unlock(&notice_lock);
}

static DebugFetcher *
fetcher_new(int64_t wait_ns)
{
    static const char *const urls[] = {"http://one", "http://two", NULL};
    const DebugFetcherConfig config = {.dir = temp_dir_path(dir),
                                       .urls = urls,
                                       .wait_ns = wait_ns,
                                       .file_bytes_max = 4096,
                                       .notice = on_notice};
    return debug_fetcher_new(&config);
}

static bool
wait_for(DebugFetcher *fetcher, const char *build_id)
{
    const char *const build_ids[] = {build_id, NULL};
    return debug_fetcher_wait(fetcher, build_ids);
}

static void
expect_metric(DebugFetcher *fetcher, const char *line)
{
    g_autoptr(GString) text = g_string_new(NULL);
    debug_fetcher_write_metrics(fetcher, text);
    assert_contains(text->str, line);
}

#define LONG_NS (INT64_C(200) * 1000000000)

static void
test_a_file_is_fetched_once(void **state)
{
    (void)state;
    g_autoptr(DebugFetcher) fetcher = fetcher_new(LONG_NS);
    assert_int_equal(debug_fetcher_open(fetcher, FOUND), -1);
    assert_int_equal(debug_fetcher_open(fetcher, "AA01"), -1);
    assert_true(wait_for(fetcher, FOUND));
    for (int i = 0; i < 2; i++) {
        int fd = debug_fetcher_open(fetcher, FOUND);
        assert_true(fd >= 0);
        close(fd);
    }
    assert_int_equal(n_starts(FOUND), 1);
    expect_metric(fetcher, FETCHES "{result=\"found\"} 1\n");
    /* Once it has gone from the cache it is fetched anew. */
    g_autofree char *path = temp_dir_file(dir, FOUND);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(debug_fetcher_open(fetcher, FOUND), -1);
    assert_true(wait_for(fetcher, FOUND));
    int fd = debug_fetcher_open(fetcher, FOUND);
    assert_true(fd >= 0);
    close(fd);
}

static void
test_failures_are_remembered_and_told_once(void **state)
{
    (void)state;
    g_autoptr(DebugFetcher) fetcher = fetcher_new(LONG_NS);
    static const char *const build_ids[] = {MISSING, DYING, NULL};
    for (int round = 0; round < 3; round++) {
        for (int i = 0; build_ids[i] != NULL; i++)
            assert_int_equal(debug_fetcher_open(fetcher, build_ids[i]), -1);
        assert_false(debug_fetcher_wait(fetcher, build_ids));
    }
    assert_int_equal(n_starts(MISSING), 1);
    assert_int_equal(n_starts(DYING), 1);
    expect_metric(fetcher, FETCHES "{result=\"not_found\"} 1\n");
    expect_metric(fetcher, FETCHES "{result=\"failed\"} 1\n");
    debug_fetcher_free(g_steal_pointer(&fetcher)); /* notices come from its threads */
    assert_contains(notices, MISSING "=it is not there: http://one http://two 4096;");
    assert_contains(notices, DYING "=the process that fetches it died;");
}

static void
test_what_is_no_build_id_is_never_fetched(void **state)
{
    (void)state;
    g_autoptr(DebugFetcher) fetcher = fetcher_new(LONG_NS);
    static const char *const build_ids[] = {"", "a", "../../aa", "aa/bb", "aa01 ", "gg", NULL};
    for (int i = 0; build_ids[i] != NULL; i++)
        assert_int_equal(debug_fetcher_open(fetcher, build_ids[i]), -1);
    expect_metric(fetcher, "cresset_server_debuginfod_under_way 0\n");
    assert_false(debug_fetcher_wait(fetcher, build_ids));
}

/* More than the queue takes, none of which ever answers: nobody waits longer than they may, few run
 * at a time, and freeing ends them all. */
static void
test_hanging_downloads_are_few_and_hold_nobody(void **state)
{
    (void)state;
    enum { N = DEBUG_FETCHES_MAX + DEBUG_FETCHES_QUEUED_MAX };
    g_autoptr(DebugFetcher) fetcher = fetcher_new(1000000);
    size_t n_running = 0;
    for (int i = 0; i < N + 10; i++) {
        g_autofree char *build_id = g_strdup_printf(HANGING, i);
        assert_int_equal(debug_fetcher_open(fetcher, build_id), -1);
        assert_false(wait_for(fetcher, build_id));
    }
    g_autofree char *line = g_strdup_printf("cresset_server_debuginfod_under_way %d\n", N);
    expect_metric(fetcher, line);
    debug_fetcher_free(g_steal_pointer(&fetcher));
    for (int i = 0; i < N + 10; i++) {
        g_autofree char *build_id = g_strdup_printf(HANGING, i);
        n_running += n_starts(build_id);
    }
    assert_true(n_running <= DEBUG_FETCHES_MAX);
    assert_string_equal(notices, "");
}

static gpointer
wait_in_thread(gpointer fetcher)
{
    return GINT_TO_POINTER(wait_for(fetcher, "cc01"));
}

static void
test_stopping_lets_those_who_wait_go_on(void **state)
{
    (void)state;
    g_autoptr(DebugFetcher) fetcher = fetcher_new(LONG_NS);
    assert_int_equal(debug_fetcher_open(fetcher, "cc01"), -1);
    GThread *thread = g_thread_new("waits", wait_in_thread, fetcher);
    debug_fetcher_stop(fetcher);
    assert_false(GPOINTER_TO_INT(g_thread_join(thread)));
    assert_int_equal(debug_fetcher_open(fetcher, FOUND), -1);
    assert_false(wait_for(fetcher, FOUND));
    assert_int_equal(n_starts(FOUND), 0);
}

static int
setup(void **state)
{
    (void)state;
    dir = temp_dir_new();
    notices = g_strdup("");
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    g_clear_pointer(&notices, g_free);
    temp_dir_free(dir);
    return 0;
}

int
main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    if (argc == 4 && strcmp(argv[1], DEBUG_FETCH_ARGUMENT) == 0)
        return answer(argv[2]);
    const struct CMUnitTest tests[] = {
        TEST(test_a_file_is_fetched_once),
        TEST(test_failures_are_remembered_and_told_once),
        TEST(test_what_is_no_build_id_is_never_fetched),
        TEST(test_hanging_downloads_are_few_and_hold_nobody),
        TEST(test_stopping_lets_those_who_wait_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
