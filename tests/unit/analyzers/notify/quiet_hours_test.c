#include "analyzers/notify/quiet_hours.h"

#include <stdio.h>
#include <string.h>

#include "analyzers/collect/snapshot.h"
#include "lib/base/yaml_field.h"
#include "tests/harness/check.h"

static const YamlField fields[] = {{"quiet_hours", quiet_hours_read, 0}};

static bool
load(const char *text, QuietHours **ret_hours, GError **error)
{
    *ret_hours = NULL;
    g_autoptr(YamlTree) tree = yaml_tree_parse(text, strlen(text), "q.yaml", error);
    return yaml_read_fields(tree, yaml_tree_root(tree), "the file", fields, 1, ret_hours, error);
}

/* When quiet hours end that are on at `now`; "" when they are not on. */
static char *
end_of(const char *windows, const char *now)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = g_strdup_printf("quiet_hours: [%s]\n", windows);
    QuietHours *hours;
    if (!load(text, &hours, &error))
        fail_msg("%s", error->message);
    int64_t now_s = time_parse(now), end_s = quiet_hours_end(hours, now_s);
    quiet_hours_free(hours);
    g_autoptr(GDateTime) end = g_date_time_new_from_unix_utc(end_s);
    return end_s == now_s ? g_strdup("") : g_date_time_format(end, "%Y-%m-%dT%H:%M:%SZ");
}

#define NIGHT   "{from: \"22:00\", to: \"07:00\", time_zone: Europe/Berlin}"
#define WEEKEND "{days: [sat, sun], from: \"00:00\", to: \"00:00\", time_zone: Europe/Berlin}"

static void
test_windows_go_by_the_clock_on_the_wall(void **state)
{
    (void)state;
    static const struct {
        const char *windows, *now, *end;
    } cases[] = {
        {NIGHT, "2026-01-05T20:59:59Z", ""},
        {NIGHT, "2026-01-05T21:00:00Z", "2026-01-06T06:00:00Z"},
        {NIGHT, "2026-01-06T05:59:59Z", "2026-01-06T06:00:00Z"},
        {NIGHT, "2026-01-06T06:00:00Z", ""},
        /* the night in which clocks are set forward has an hour less */
        {NIGHT, "2026-03-28T21:30:00Z", "2026-03-29T05:00:00Z"},
        {NIGHT, "2026-07-01T20:00:00Z", "2026-07-02T05:00:00Z"},
        {"{from: \"12:00\", to: \"13:00\"}", "2026-01-05T12:30:00Z", "2026-01-05T13:00:00Z"},
        {"{from: \"12:00\", to: \"13:00\"}", "2026-01-05T13:00:00Z", ""},
        {"{days: mon, from: \"22:00\", to: \"06:00\"}", "2026-01-06T05:00:00Z",
         "2026-01-06T06:00:00Z"},
        {"{days: mon, from: \"22:00\", to: \"06:00\"}", "2026-01-05T05:00:00Z", ""},
        /* Friday evening until Monday morning: windows that follow one another are one */
        {NIGHT ", " WEEKEND, "2026-01-09T21:30:00Z", "2026-01-12T06:00:00Z"},
        {WEEKEND, "2026-01-09T21:30:00Z", ""},
        {"", "2026-01-09T21:30:00Z", ""},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *end = end_of(cases[i].windows, cases[i].now);
        if (strcmp(end, cases[i].end) != 0)
            fail_msg("%s at %s: until %s, not %s", cases[i].windows, cases[i].now, end,
                     cases[i].end);
    }
}

/* Hours that never end hold nothing for longer than about a week. */
static void
test_what_is_always_quiet_has_an_end(void **state)
{
    (void)state;
    QuietHours *hours;
    assert_true(load("quiet_hours: [{from: \"00:00\", to: \"00:00\"}]", &hours, NULL));
    int64_t now_s = time_parse("2026-01-05T20:00:00Z");
    assert_in_range(quiet_hours_end(hours, now_s) - now_s, 6 * 86400, 7 * 86400);
    quiet_hours_free(hours);
}

static void
test_errors_name_line_and_key(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"quiet_hours:\n  - {from: \"22:00\"}\n", "q.yaml:2: quiet hours need from and to"},
        {"quiet_hours:\n  - {from: 22, to: \"07:00\"}\n", "q.yaml:2: from: '22' is not a time"},
        {"quiet_hours:\n  - {from: \"24:00\", to: \"07:00\"}\n", "from: '24:00' is not a time"},
        {"quiet_hours:\n  - {days: [monday]}\n", "q.yaml:2: days: 'monday' is none of mon"},
        {"quiet_hours:\n  - {time_zone: Mars/Base}\n", "there is no time zone 'Mars/Base'"},
        {"quiet_hours:\n  - {timezone: UTC}\n", "did you mean time_zone"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(QuietHours) hours = NULL;
        assert_false(load(cases[i].text, &hours, &error));
        assert_contains(error->message, cases[i].words);
    }
}

static void
test_the_last_time_that_a_clock_said_so(void **state)
{
    (void)state;
    g_autoptr(GTimeZone) zone = g_time_zone_new_identifier("Europe/Berlin");
    int64_t nine_s = time_parse("2026-01-05T08:00:00Z");
    assert_int_equal(clock_last(zone, 9 * 60, nine_s), nine_s);
    assert_int_equal(clock_last(zone, 9 * 60, nine_s + 3600), nine_s);
    assert_int_equal(clock_last(zone, 9 * 60, nine_s - 1), nine_s - 86400);
}

int
main(void)
{
    g_autoptr(GTimeZone) zone = g_time_zone_new_identifier("Europe/Berlin");
    if (zone == NULL) {
        (void)fputs("skipped: the time zones are not installed (tzdata)\n", stderr);
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_windows_go_by_the_clock_on_the_wall),
        cmocka_unit_test(test_what_is_always_quiet_has_an_end),
        cmocka_unit_test(test_errors_name_line_and_key),
        cmocka_unit_test(test_the_last_time_that_a_clock_said_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
