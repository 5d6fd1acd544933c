#include "lib/k8s/cron.h"

#include "tests/harness/check.h"

static int64_t
time_of(const char *text)
{
    g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
    g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(text, utc);
    assert_non_null(time);
    return g_date_time_to_unix(time);
}

static void
assert_next(const char *schedule, const char *zone_name, const char *after, const char *expected)
{
    CronSchedule parsed;
    if (!cron_parse(schedule, &parsed))
        fail_msg("'%s' was not read", schedule);
    g_autoptr(GTimeZone) zone = g_time_zone_new_identifier(zone_name);
    assert_non_null(zone);
    int64_t next_s = cron_next(&parsed, zone, time_of(after));
    g_autoptr(GDateTime) next = g_date_time_new_from_unix_utc(next_s);
    g_autofree char *text = g_date_time_format_iso8601(next);
    assert_string_equal(text, expected);
    assert_true(cron_matches(&parsed, zone, next_s));
}

static void
test_next_times(void **state)
{
    (void)state;
    static const struct {
        const char *schedule, *after, *expected;
    } cases[] = {
        {"* * * * *", "2026-01-01T12:00:00Z", "2026-01-01T12:01:00Z"},
        {"* * * * *", "2026-01-01T12:00:59Z", "2026-01-01T12:01:00Z"},
        {"0 * * * *", "2026-01-01T23:00:00Z", "2026-01-02T00:00:00Z"},
        {"*/15 * * * *", "2026-01-01T12:31:00Z", "2026-01-01T12:45:00Z"},
        {"5/20 * * * *", "2026-01-01T12:26:00Z", "2026-01-01T12:45:00Z"},
        {"0 6 1 * *", "2026-01-01T06:00:00Z", "2026-02-01T06:00:00Z"},
        {"0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"},
        {"30 3 * * 1-5", "2026-01-02T04:00:00Z", "2026-01-05T03:30:00Z"}, /* Friday, Monday */
        {"0 0 * * SUN", "2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z"},
        {"0 0 * * 7", "2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z"},
        {"0 0 * dec ?", "2026-01-01T00:00:00Z", "2026-12-01T00:00:00Z"},
        {"0 0 13 * fri", "2026-01-03T00:00:00Z", "2026-01-09T00:00:00Z"}, /* either is enough */
        {"0 8,20 * * *", "2026-01-01T08:00:00Z", "2026-01-01T20:00:00Z"},
        {"@daily", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"},
        {"@every 1h30m", "2026-01-01T00:00:00Z", "2026-01-01T01:30:00Z"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        assert_next(cases[i].schedule, "UTC", cases[i].after, cases[i].expected);
}

static void
test_clocks_of_a_zone(void **state)
{
    (void)state;
    assert_next("0 3 * * *", "Europe/Berlin", "2026-01-01T03:00:00Z", "2026-01-02T02:00:00Z");
    assert_next("0 3 * * *", "Europe/Berlin", "2026-07-01T03:00:00Z", "2026-07-02T01:00:00Z");
    /* 02:30 does not exist on 29 March 2026 */
    assert_next("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-30T00:30:00Z");
    assert_next("0 9 * * *", "Asia/Kolkata", "2026-01-01T00:00:00Z", "2026-01-01T03:30:00Z");
}

static void
test_no_schedules(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "* * * *",
                                        "* * * * * *",
                                        "60 * * * *",
                                        "* 24 * * *",
                                        "* * 0 * *",
                                        "* * * 13 *",
                                        "* * * * 8",
                                        "5-1 * * * *",
                                        "a * * * *",
                                        "*/0 * * * *",
                                        "1-2-3 * * * *",
                                        "*/1/1 * * * *",
                                        ", * * * *",
                                        "@sometimes",
                                        "@every x",
                                        "@every -1h",
                                        "@every 99999999999h",
                                        "@every 0s"};
    CronSchedule schedule;
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        if (cron_parse(texts[i], &schedule))
            fail_msg("'%s' was read", texts[i]);
    }
}

static void
test_a_date_that_never_comes(void **state)
{
    (void)state;
    CronSchedule schedule;
    g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
    assert_true(cron_parse("0 0 31 2 *", &schedule));
    assert_int_equal(cron_next(&schedule, utc, time_of("2026-01-01T00:00:00Z")), 0);
    assert_false(cron_matches(&schedule, utc, time_of("2026-01-01T00:00:00Z")));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_next_times),
        cmocka_unit_test(test_clocks_of_a_zone),
        cmocka_unit_test(test_no_schedules),
        cmocka_unit_test(test_a_date_that_never_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
