#include "server/tenant/ingest_limit.h"

#include "lib/base/error.h"
#include "tests/harness/check.h"

static IngestLimit *
load(const char *text, GError **error)
{
    g_autoptr(YamlTree) tree = yaml_tree_parse(text, strlen(text), "f", error);
    return tree != NULL ? ingest_limit_read(tree, yaml_tree_root(tree), error) : NULL;
}

static void
test_everything_that_it_says(void **state)
{
    (void)state;
    g_autoptr(IngestLimit) limit = load("period_type: month\n"
                                        "period_limit_mb: 128\n"
                                        "limit_reached: true\n"
                                        "limit_reset_time: 1700000000\n"
                                        "sampling: {num_requests: 3, period: 90s}\n"
                                        "usage_groups:\n"
                                        "  web: {period_limit_mb: 32}\n"
                                        "  'team/${labels.team}': {limit_reached: true}\n",
                                        NULL);
    assert_int_equal(limit->period, INGEST_PERIOD_MONTH);
    assert_int_equal(limit->all.limit_mb, 128);
    assert_true(limit->all.is_reached);
    assert_int_equal(limit->reset_s, 1700000000);
    assert_int_equal(limit->sampling_requests, 3);
    assert_true(limit->sampling_period_ns == INT64_C(90) * 1000000000);
    const IngestQuota *web = g_hash_table_lookup(limit->groups, "web");
    assert_int_equal(web->limit_mb, 32);
    assert_false(web->is_reached);
    const IngestQuota *team = g_hash_table_lookup(limit->groups, "team/${labels.team}");
    assert_int_equal(team->limit_mb, 0);
    assert_true(team->is_reached);
}

static void
test_what_is_left_out(void **state)
{
    (void)state;
    g_autoptr(IngestLimit) limit = load("period_limit_mb: 1\n", NULL);
    assert_int_equal(limit->period, INGEST_PERIOD_HOUR);
    assert_false(limit->all.is_reached);
    assert_int_equal(limit->sampling_requests, 0);
    assert_true(limit->sampling_period_ns > 0);
    assert_int_equal(g_hash_table_size(limit->groups), 0);
}

static void
expect_error(const char *text, const char *says)
{
    g_autoptr(GError) error = NULL;
    assert_null(load(text, &error));
    assert_error_says(error, says);
}

static void
test_errors_name_the_field(void **state)
{
    (void)state;
    expect_error("period_type: week\n", "period_type must be hour, day or month: got 'week'");
    expect_error("period_limit_mb: -1\n", "f:1: period_limit_mb: ");
    expect_error("period_limit_mb: 99999999999999\n", "period_limit_mb: ");
    expect_error("limit_reached: yes\n", "limit_reached: 'yes' is neither true nor false");
    expect_error("sampling: {period: 0s}\n", "period: ");
    expect_error("sampling: {requests: 1}\n", "there is no key 'requests'");
    expect_error("usage_groups: {web: {period_limit: 1}}\n",
                 "web: there is no key 'period_limit', did you mean period_limit_mb?");
    expect_error("usage_groups: [web]\n", "usage_groups");
    expect_error("period: hour\n", "ingestion_limit: there is no key 'period'");
}

/* The second of a date in UTC. */
static int64_t
at(int year, int month, int day, int hour, int minute)
{
    g_autoptr(GDateTime) date = g_date_time_new_utc(year, month, day, hour, minute, 30);
    return g_date_time_to_unix(date);
}

static void
test_periods_are_those_of_the_calendar(void **state)
{
    (void)state;
    static const struct {
        IngestPeriod period;
        int now[5], start[4], end[4];
    } cases[] = {
        {INGEST_PERIOD_HOUR, {2024, 2, 28, 23, 59}, {2024, 2, 28, 23}, {2024, 2, 29, 0}},
        {INGEST_PERIOD_DAY, {2024, 2, 29, 0, 0}, {2024, 2, 29, 0}, {2024, 3, 1, 0}},
        {INGEST_PERIOD_MONTH, {2024, 2, 29, 12, 30}, {2024, 2, 1, 0}, {2024, 3, 1, 0}},
        {INGEST_PERIOD_MONTH, {2024, 12, 31, 23, 59}, {2024, 12, 1, 0}, {2025, 1, 1, 0}},
        {INGEST_PERIOD_MONTH, {2025, 1, 31, 0, 0}, {2025, 1, 1, 0}, {2025, 2, 1, 0}},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const int *now = cases[i].now, *start = cases[i].start, *end = cases[i].end;
        int64_t now_s = at(now[0], now[1], now[2], now[3], now[4]);
        assert_int_equal(ingest_period_start(cases[i].period, now_s),
                         at(start[0], start[1], start[2], start[3], 0) - 30);
        assert_int_equal(ingest_period_end(cases[i].period, now_s),
                         at(end[0], end[1], end[2], end[3], 0) - 30);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_that_it_says),
        cmocka_unit_test(test_what_is_left_out),
        cmocka_unit_test(test_errors_name_the_field),
        cmocka_unit_test(test_periods_are_those_of_the_calendar),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
