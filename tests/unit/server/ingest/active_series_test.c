#include "server/ingest/active_series.h"

#include "lib/base/error.h"
#include "tests/harness/check.h"

static ActiveSeries *active;
static TenantLimits limits;

static int
setup(void **state)
{
    (void)state;
    active = active_series_new();
    limits = (TenantLimits){.global_series_max = 2};
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    active_series_free(active);
    return 0;
}

/* Admits series named by letters, of one sample each, and returns those that are taken. */
static char *
admit(const char *tenant, const char *names, int64_t now_s, GError **error)
{
    StoreRow rows[16];
    PreparedProfile prepared = {.rows = rows, .n_rows = strlen(names), .n_samples = strlen(names)};
    for (size_t i = 0; i < prepared.n_rows; i++) {
        char name[] = {names[i], '\0'};
        rows[i] = (StoreRow){.labels = labels_new(&(Label){"name", name}, 1), .n_samples = 1};
    }
    active_series_admit(active, tenant, &limits, now_s, &prepared, error);
    assert_int_equal(prepared.n_rows + prepared.n_refused, strlen(names));
    assert_int_equal(prepared.n_samples, prepared.n_rows);
    g_autoptr(GString) taken = g_string_new(NULL);
    for (size_t i = 0; i < prepared.n_rows; i++)
        g_string_append(taken, labels_get(rows[i].labels, "name"));
    prepared_profile_clear(&prepared);
    return g_string_free(g_steal_pointer(&taken), FALSE);
}

static void
expect(const char *tenant, const char *names, int64_t now_s, const char *wanted)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *taken = admit(tenant, names, now_s, &error);
    assert_string_equal(taken, wanted);
    assert_int_equal(error == NULL, strcmp(names, wanted) == 0);
}

static void
test_no_limit(void **state)
{
    (void)state;
    limits.global_series_max = 0;
    expect("a", "abcdefgh", 0, "abcdefgh");
    g_autoptr(GString) out = g_string_new(NULL);
    active_series_write_metrics(active, 0, out);
    assert_string_equal(out->str, "");
}

static void
test_known_series_are_taken_at_the_limit(void **state)
{
    (void)state;
    expect("a", "aba", 0, "aba");
    expect("a", "cbda", 1, "ba");
    expect("a", "c", 2, "");
    expect("b", "cd", 2, "cd"); /* of another tenant */
}

static void
test_series_that_are_pushed_no_more_make_room(void **state)
{
    (void)state;
    expect("a", "ab", 0, "ab");
    expect("a", "b", 100, "b");
    expect("a", "c", ACTIVE_SERIES_S - 1, "");
    expect("a", "cd", ACTIVE_SERIES_S, "c");
    expect("a", "d", ACTIVE_SERIES_S + 100, "d");
}

static void
test_the_smaller_limit_holds(void **state)
{
    (void)state;
    limits = (TenantLimits){.global_series_max = 9, .local_series_max = 1};
    g_autoptr(GError) error = NULL;
    g_autofree char *taken = admit("a", "abc", 0, &error);
    assert_string_equal(taken, "a");
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_INVALID_ARGUMENT));
    assert_string_equal(error->message,
                        "Maximum active series limit exceeded (1/1): the series '{name=\"b\"}' and "
                        "1 more would be too many; a series is active for 10 minutes "
                        "(max_local_series_per_tenant)");
    limits = (TenantLimits){.local_series_max = 2};
    expect("a", "bc", 0, "b");
}

/* A limit that is lowered takes nothing away from what is active, and one that goes is forgotten.
 */
static void
test_a_limit_that_changes(void **state)
{
    (void)state;
    expect("a", "ab", 0, "ab");
    limits.global_series_max = 1;
    g_autoptr(GError) error = NULL;
    g_autofree char *taken = admit("a", "abc", 1, &error);
    assert_string_equal(taken, "ab");
    assert_error_says(error, "exceeded (2/1): the series '{name=\"c\"}' would be");
    assert_error_says(error, "(max_global_series_per_tenant)");
    limits.global_series_max = 0;
    expect("a", "abcd", 2, "abcd");
    limits.global_series_max = 1;
    expect("a", "cab", 3, "c");
}

static void
test_metrics(void **state)
{
    (void)state;
    expect("b", "ab", 0, "ab");
    expect("a", "a", 300, "a");
    g_autoptr(GString) out = g_string_new(NULL);
    active_series_write_metrics(active, 300, out);
    assert_contains(out->str, "# TYPE cresset_ingest_active_series gauge\n"
                              "cresset_ingest_active_series{tenant=\"a\"} 1\n"
                              "cresset_ingest_active_series{tenant=\"b\"} 2\n");
    g_string_truncate(out, 0);
    active_series_write_metrics(active, ACTIVE_SERIES_S, out);
    assert_contains(out->str, "{tenant=\"a\"} 1\n");
    assert_lacks(out->str, "tenant=\"b\"");
    g_string_truncate(out, 0);
    active_series_write_metrics(active, ACTIVE_SERIES_S + 300, out);
    assert_string_equal(out->str, "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_no_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_known_series_are_taken_at_the_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_series_that_are_pushed_no_more_make_room, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_the_smaller_limit_holds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_limit_that_changes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_metrics, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
