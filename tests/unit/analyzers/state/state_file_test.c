#include <glib/gstdio.h>
#include <sqlite3.h>
#include <string.h>

#include "analyzers/state/state.h"
#include "analyzers/state/state_sql.h"
#include "lib/base/error.h"
#include "tests/harness/check.h"
#include "tests/harness/temp_dir.h"

static TempDir *dir;
static char *path;

/* Opens the state and closes it: it must work without a notice. */
static void
expect_opens(void)
{
    g_autofree char *notice = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(State) state = state_open(path, &notice, &error);
    assert_null(error);
    assert_null(notice);
    assert_non_null(state);
}

/* Opening fails with an error that names the path, and nothing else is in the folder then. */
static void
expect_refused(CressetError code, const char *words, guint n_files)
{
    g_autofree char *notice = NULL;
    g_autoptr(GError) error = NULL;
    assert_null(state_open(path, &notice, &error));
    assert_null(notice);
    assert_true(g_error_matches(error, CRESSET_ERROR, (gint)code));
    assert_contains(error->message, path);
    assert_contains(error->message, words);
    g_autoptr(GDir) files = g_dir_open(temp_dir_path(dir), 0, NULL);
    guint n = 0;
    while (g_dir_read_name(files) != NULL)
        n++;
    assert_int_equal(n, n_files);
}

/* The test's own connection to the file. */
static sqlite3 *
connect_to(const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    return db;
}

static void
test_a_folder_stays_where_it_is(void **unused)
{
    (void)unused;
    assert_int_equal(g_mkdir(path, 0700), 0);
    expect_refused(CRESSET_ERROR_INTERNAL, "unable to open", 1);
    assert_true(g_file_test(path, G_FILE_TEST_IS_DIR));
}

static void
test_a_file_that_another_run_writes_stays_where_it_is(void **unused)
{
    (void)unused;
    expect_opens();
    sqlite3 *other = connect_to("BEGIN EXCLUSIVE; INSERT INTO run(at) VALUES(1)");
    expect_refused(CRESSET_ERROR_UNAVAILABLE, "locked", 2); /* with the journal of the other */
    assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    expect_opens();
}

static void
test_the_file_of_a_newer_program_is_refused(void **unused)
{
    (void)unused;
    expect_opens();
    sqlite3 *other = connect_to("INSERT INTO schema_version(version) VALUES(1000)");
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    expect_refused(CRESSET_ERROR_FAILED_PRECONDITION, "newer", 1);
}

static void
test_what_waits_in_an_older_file_is_kept(void **unused)
{
    (void)unused;
    sqlite3 *other =
        connect_to(STATE_SQL_VERSIONS
                   ";" STATE_SQL_TO_1 "INSERT INTO schema_version(version) VALUES(1);"
                   "INSERT INTO incident VALUES('f1', 'pod-reference-missing', 'Pod', 'shop',"
                   " 'web', 3, 1, 1, 1, 1, 0, 0, 0, 0, 'title', 'cause', '', '', 0);"
                   "INSERT INTO outbox(type, at, due, fingerprint) VALUES(0, 1, 1, 'f1')");
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    g_autofree char *notice = NULL;
    g_autoptr(State) state = state_open(path, &notice, NULL);
    assert_non_null(state);
    g_autoptr(GPtrArray) changes = state_outbox(state, "", 1, NULL);
    assert_int_equal(changes->len, 1);
    const Change *change = changes->pdata[0];
    assert_string_equal(change->name, "web");
    assert_int_equal(change->severity, SEVERITY_HIGH);
}

/* Of a file from before there were receivers, what waits and what is known is the first one's. */
static void
test_what_a_file_without_receivers_has_is_settled(void **unused)
{
    (void)unused;
    static const char *const names[] = {"ops", NULL};
    sqlite3 *other = connect_to(
        STATE_SQL_VERSIONS
        ";" STATE_SQL_TO_1 STATE_SQL_TO_2 STATE_SQL_TO_3
        "INSERT INTO schema_version(version) VALUES(3);"
        "INSERT INTO incident VALUES('f1', 'missing-configmap-ref', 'Pod', 'shop', 'web', 3, 1, 1,"
        " 1, 1, 0, 0, 0, 0, 'title', 'cause', '', '', 0, 4);"
        "INSERT INTO outbox(type, at, due, claimed, fingerprint) VALUES(6, 1, 601, 1, 'f1');");
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    g_autofree char *notice = NULL;
    g_autoptr(State) state = state_open(path, &notice, NULL);
    assert_non_null(state);
    assert_true(state_settle(state, names, "ops", NULL));
    g_autoptr(GPtrArray) none = state_outbox(state, "ops", 600, NULL);
    assert_int_equal(none->len, 0); /* another run may be sending it */
    g_autoptr(GPtrArray) changes = state_outbox(state, "ops", 601, NULL);
    assert_int_equal(changes->len, 1);
    const Change *change = changes->pdata[0];
    assert_int_equal(change->type, CHANGE_RESOLVED);
    assert_int_equal(change->severity, SEVERITY_CRITICAL); /* as it was told */
}

static void
add_answers(void *data, const char *receiver, const char *status_class, int64_t n)
{
    g_string_append_printf(data, "%s %s %d, ", receiver, status_class, (int)n);
}

static void
test_answers_are_counted(void **unused)
{
    (void)unused;
    g_autofree char *notice = NULL;
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(State) state = state_open(path, &notice, NULL);
    for (int i = 0; i < 3; i++)
        assert_true(state_answered(state, "ops", i < 2 ? "2xx" : "429", NULL));
    assert_true(state_answered(state, "pay", "2xx", NULL));
    assert_true(state_each_answers(state, add_answers, text, NULL));
    assert_string_equal(text->str, "ops 2xx 2, ops 429 1, pay 2xx 1, ");
}

/* A journal belongs to the file that it was written for. This one begins with a zero, which says
 * that it is not to be played back: SQLite leaves it where it is. */
static void
test_a_journal_is_set_aside_with_a_damaged_file(void **unused)
{
    (void)unused;
    g_autofree char *notice = NULL, *text = g_strnfill(9000, 'x');
    g_autofree char *journal = g_strconcat(path, "-journal", NULL);
    static const char played[1024] = {0};
    assert_true(g_file_set_contents(path, text, -1, NULL));
    assert_true(g_file_set_contents(journal, played, sizeof(played), NULL));
    g_autoptr(State) state = state_open(path, &notice, NULL);
    assert_non_null(state);
    assert_contains(notice, ".corrupt-");
    g_autoptr(GDir) files = g_dir_open(temp_dir_path(dir), 0, NULL);
    const char *name;
    guint n_aside = 0;
    while ((name = g_dir_read_name(files)) != NULL)
        n_aside += strstr(name, ".corrupt-") != NULL;
    assert_int_equal(n_aside, 2);
}

static int
setup(void **unused)
{
    (void)unused;
    dir = temp_dir_new();
    path = temp_dir_file(dir, "state.sqlite");
    return 0;
}

static int
teardown(void **unused)
{
    (void)unused;
    g_free(path);
    temp_dir_free(dir);
    return 0;
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_folder_stays_where_it_is),
        TEST(test_a_file_that_another_run_writes_stays_where_it_is),
        TEST(test_the_file_of_a_newer_program_is_refused),
        TEST(test_what_waits_in_an_older_file_is_kept),
        TEST(test_what_a_file_without_receivers_has_is_settled),
        TEST(test_answers_are_counted),
        TEST(test_a_journal_is_set_aside_with_a_damaged_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
