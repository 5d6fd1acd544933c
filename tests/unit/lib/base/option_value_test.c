#include "lib/base/option_value.h"

#include "lib/base/error.h"
#include "tests/harness/check.h"

#define SECOND INT64_C(1000000000)

static void
test_durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ns;
    } cases[] = {
        {"15s", 15 * SECOND},
        {"1h30m", 5400 * SECOND},
        {"500ms", SECOND / 2},
        {"7d", 604800 * SECOND},
        {"15", 15 * SECOND},
        {"0.5", SECOND / 2},
        {"1.5s", 3 * SECOND / 2},
        {"10us", 10000},
        {"3ns", 3},
        {"2w", 1209600 * SECOND},
        {"0", 0},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        int64_t ns = -1;
        g_autoptr(GError) error = NULL;
        assert_true(option_parse_duration(cases[i].text, &ns, &error));
        assert_int_equal(ns, cases[i].ns);
    }
}

static void
test_bad_durations(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",    "s",    "-5s", "5 s", "5x",  "5s3", "1h30",
        "nan", "0x10", "1e9", ".5",  "1.s", "5S",  "99999999999999d"};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        int64_t ns = 77;
        g_autoptr(GError) error = NULL;
        if (option_parse_duration(texts[i], &ns, &error))
            fail_msg("'%s' was read as a duration", texts[i]);
        assert_error_says(error, texts[i]);
        assert_int_equal(ns, 77);
    }
}

static void
test_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t bytes;
    } cases[] = {
        {"4096", 4096},      {"64MiB", 64 << 20},       {"4k", 4000},
        {"1GB", 1000000000}, {"1.5Ki", 1536},           {"0", 0},
        {"12B", 12},         {"2Gi", INT64_C(2) << 30}, {"1TiB", INT64_C(1) << 40},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        int64_t bytes = -1;
        g_autoptr(GError) error = NULL;
        assert_true(option_parse_bytes(cases[i].text, &bytes, &error));
        assert_int_equal(bytes, cases[i].bytes);
    }
}

static void
test_bad_sizes(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "MiB", "-1", "4 k", "4kk", "4mib", "99999999TiB"};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        int64_t bytes = 77;
        g_autoptr(GError) error = NULL;
        if (option_parse_bytes(texts[i], &bytes, &error))
            fail_msg("'%s' was read as a size", texts[i]);
        assert_error_says(error, texts[i]);
        assert_int_equal(bytes, 77);
    }
}

static bool
set_one(const OptionRow *row, void *field, const char *text, GError **error)
{
    return option_value_set(row, field, &text, 1, error);
}

static void
test_numbers_within_bounds(void **state)
{
    (void)state;
    const OptionRow row = {.name = "n", .type = OPTION_INT, .min = 1, .max = 10};
    int64_t n = 0;
    g_autoptr(GError) error = NULL;
    assert_true(set_one(&row, &n, "10", &error));
    assert_int_equal(n, 10);
    assert_false(set_one(&row, &n, "11", &error));
    assert_error_says(error, "'11' is not between 1 and 10");
    assert_int_equal(n, 10);
    g_clear_error(&error);
    assert_false(set_one(&row, &n, "1.5", &error));
    assert_error_says(error, "not a whole number");
    g_clear_error(&error);
    assert_false(set_one(&row, &n, "99999999999999999999", &error));
    assert_error_says(error, "does not fit in 64 bits");
}

static void
test_bounds_are_named_in_their_unit(void **state)
{
    (void)state;
    const OptionRow time = {.type = OPTION_DURATION, .min = 1e9, .max = 5400e9};
    const OptionRow size = {.type = OPTION_BYTES, .min = 4096, .max = 1 << 30};
    int64_t value = 0;
    g_autoptr(GError) error = NULL;
    assert_false(set_one(&time, &value, "2h", &error));
    assert_error_says(error, "between 1s and 90m");
    g_clear_error(&error);
    assert_false(set_one(&size, &value, "1", &error));
    assert_error_says(error, "between 4KiB and 1GiB");
}

static void
test_doubles(void **state)
{
    (void)state;
    const OptionRow row = {.type = OPTION_DOUBLE, .min = 0.5, .max = 1000};
    double value = 0;
    g_autoptr(GError) error = NULL;
    assert_true(set_one(&row, &value, "97.5", &error));
    assert_true(value == 97.5);
    static const char *const bad[] = {"", "x", "nan", "inf", "1,5", "5 ", "0.1"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        assert_false(set_one(&row, &value, bad[i], &error));
        g_clear_error(&error);
    }
    assert_true(value == 97.5);
}

static void
test_bools(void **state)
{
    (void)state;
    const OptionRow row = {.type = OPTION_BOOL};
    bool value = false;
    g_autoptr(GError) error = NULL;
    assert_true(set_one(&row, &value, "True", &error) && value);
    assert_true(set_one(&row, &value, "off", &error) && !value);
    assert_false(set_one(&row, &value, "maybe", &error));
    assert_error_says(error, "'maybe' is neither true nor false");
}

static void
test_lists_replace_and_split(void **state)
{
    (void)state;
    const OptionRow row = {.type = OPTION_LIST};
    GStrv list = NULL;
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) parts = option_value_split(&row, " a=b, ,c=d,");
    assert_int_equal(g_strv_length(parts), 2);
    assert_true(option_value_set(&row, &list, (const char *const *)parts, 2, &error));
    assert_string_equal(list[1], "c=d");
    assert_true(set_one(&row, &list, "e=f", &error));
    assert_int_equal(g_strv_length(list), 1);
    option_value_clear(&row, &list);
    assert_null(list);
}

static void
test_a_list_for_a_single_value_is_refused(void **state)
{
    (void)state;
    const OptionRow row = {.type = OPTION_STRING};
    char *text = NULL;
    const char *const texts[] = {"a", "b"};
    g_autoptr(GError) error = NULL;
    assert_false(option_value_set(&row, &text, texts, 2, &error));
    assert_error_says(error, "takes one value");
    assert_null(text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_bad_durations),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_bad_sizes),
        cmocka_unit_test(test_numbers_within_bounds),
        cmocka_unit_test(test_bounds_are_named_in_their_unit),
        cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_bools),
        cmocka_unit_test(test_lists_replace_and_split),
        cmocka_unit_test(test_a_list_for_a_single_value_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
