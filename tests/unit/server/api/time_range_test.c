#include "server/api/time_range.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define MS      INT64_C(1000000)
#define SECOND  INT64_C(1000000000)
#define HOUR    (3600 * SECOND)
#define DAY     (24 * HOUR)
#define NOW     (INT64_C(1700000000) * SECOND)
#define NOW_MS  (NOW / MS)
#define DAY_MS  (DAY / MS)
#define HOUR_MS (HOUR / MS)

static void
expect_range(int64_t start_ms, int64_t end_ms, TimeRangeResult expected, const char *fragment)
{
    TimeRange range = {0};
    g_autoptr(GError) error = NULL;
    TimeRangeResult result =
        time_range_resolve(start_ms, end_ms, NOW, 7 * DAY, DAY, &range, &error);
    assert_int_equal(result, expected);
    assert_int_equal(error != NULL, expected == TIME_RANGE_BAD);
    if (fragment != NULL)
        assert_non_null(strstr(error->message, fragment));
}

static void
test_rules_of_a_query_range(void **state)
{
    (void)state;
    expect_range(0, NOW_MS, TIME_RANGE_BAD, "missing time range");
    expect_range(NOW_MS, 0, TIME_RANGE_BAD, "missing time range");
    expect_range(NOW_MS, NOW_MS - 1, TIME_RANGE_BAD, "after end time");
    expect_range(1000, 4000, TIME_RANGE_EMPTY, NULL);
    expect_range(NOW_MS - HOUR_MS, NOW_MS, TIME_RANGE_OK, NULL);
    expect_range(NOW_MS - DAY_MS, NOW_MS, TIME_RANGE_OK, NULL);
    expect_range(NOW_MS - DAY_MS - 1, NOW_MS, TIME_RANGE_BAD, "max_query_length");
    expect_range(1, NOW_MS - 7 * DAY_MS + HOUR_MS, TIME_RANGE_OK, NULL);
    expect_range(1, INT64_MAX, TIME_RANGE_BAD, "max_query_length");
    expect_range(INT64_MIN, NOW_MS - 8 * DAY_MS, TIME_RANGE_EMPTY, NULL);
}

static void
test_bounds_are_inclusive_and_clamped(void **state)
{
    (void)state;
    TimeRange range;
    assert_int_equal(time_range_resolve(NOW_MS - 5, NOW_MS, NOW, 7 * DAY, DAY, &range, NULL),
                     TIME_RANGE_OK);
    assert_int_equal(range.start_ns, NOW - 5 * MS);
    assert_int_equal(range.end_ns, NOW + MS - 1);
    assert_int_equal(
        time_range_resolve(1, NOW_MS - 7 * DAY_MS + 5, NOW, 7 * DAY, DAY, &range, NULL),
        TIME_RANGE_OK);
    assert_int_equal(range.start_ns, NOW - 7 * DAY);
    assert_int_equal(time_range_resolve(1, NOW_MS, NOW, 0, 0, &range, NULL), TIME_RANGE_OK);
    assert_int_equal(range.start_ns, MS);
    assert_int_equal(time_range_resolve(INT64_MAX, INT64_MAX, NOW, 7 * DAY, DAY, &range, NULL),
                     TIME_RANGE_OK);
    assert_int_equal(range.end_ns, INT64_MAX);
    assert_true(range.start_ns <= range.end_ns);
}

static void
test_legacy_time_syntax(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ns;
    } cases[] = {
        {NULL, NOW},
        {"", NOW},
        {"now", NOW},
        {"now-1h", NOW - HOUR},
        {"now-1h30m", NOW - HOUR - HOUR / 2},
        {"now+5min", NOW + 300 * SECOND},
        {"now - 2 d", NOW - 2 * DAY},
        {"now-1w", NOW - 7 * DAY},
        {"now-1mon", NOW - 30 * DAY},
        {"now-1M", NOW - 30 * DAY},
        {"now-1y", NOW - 365 * DAY},
        {"now-3parsec", NOW},
        {"now-99999999999999999999y", NOW},
        {"now+280y", NOW}, /* beyond what nanoseconds reach */
        {"1700000000", NOW},
        {"1_700_000_000", NOW},
        {"1700000000123", NOW + 123 * MS},
        {"1700000000123456", NOW + 123456000},
        {"1700000000123456789", NOW + 123456789},
        {"19700102", DAY},
        {"20231114", INT64_C(1699920000) * SECOND},
        {"99999999", INT64_C(99999999) * SECOND},
        {"nonsense", NOW},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        assert_int_equal(time_text_parse(cases[i].text, NOW), cases[i].ns);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules_of_a_query_range),
        cmocka_unit_test(test_bounds_are_inclusive_and_clamped),
        cmocka_unit_test(test_legacy_time_syntax),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
