#include "lib/base/text.h"

#include <string.h>

#include "tests/harness/check.h"

enum { LONG_BYTES = 1024 };

static void
expect_line(const char *text, size_t bytes_max, const char *line)
{
    g_autofree char *made = printable_line(text, strlen(text), bytes_max);
    assert_string_equal(made, line);
    assert_true(strlen(made) <= bytes_max);
}

static void
test_lines_have_a_length(void **state)
{
    (void)state;
    expect_line("  a \t b\n", 100, "a b");
    expect_line("abcdefgh", 8, "abcdefgh");
    expect_line("abcdefghi", 8, "abcde…");
    expect_line("ääääääää", 8, "ää…");
    expect_line("", 8, "");
    g_autofree char *long_text = g_strnfill(1000 * 1000, 'm');
    g_autofree char *line = printable_line(long_text, 1000 * 1000, LONG_BYTES);
    assert_int_equal(strlen(line), LONG_BYTES);
    assert_true(g_str_has_suffix(line, "m…"));
}

static void
test_lines_of_strangers(void **state)
{
    (void)state;
    expect_line("\x1b[31mred \u202eright\xff", 100, "\uFFFD[31mred \uFFFDright\uFFFD");
    g_autofree char *none = printable_line(NULL, 0, 8);
    assert_string_equal(none, "");
}

static void
test_times(void **state)
{
    (void)state;
    g_autofree char *time = rfc3339_text(1767268800), *never = rfc3339_text(INT64_MAX);
    assert_string_equal(time, "2026-01-01T12:00:00Z");
    assert_string_equal(never, "");
}

static void
test_urls(void **state)
{
    (void)state;
    static const char *const good[] = {"http://host:4040", "HTTPS://u:p@h/a%2Fb?q", "http://[::1]"};
    static const char *const bad[] = {"",        "host:4040",    "ftp://host",
                                      "http://", "http:///path", "http://host:x"};
    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        g_autoptr(GUri) uri = http_url_parse(good[i]);
        assert_non_null(uri);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GUri) uri = http_url_parse(bad[i]);
        assert_null(uri);
    }
}

static void
test_urls_are_shown_without_secrets(void **state)
{
    (void)state;
    static const char *const urls[][2] = {
        {"http://host:4040/base", "http://host:4040/base"},
        {"https://user:s3cret@host/base?token=s3cret#s3cret", "https://host/base"},
        {"https://s3cret@[::1]:1/", "https://[::1]:1/"},
        {"htp://user:s3cret@host", "(not a URL)"},
        {"http://user:pass@s3cret@host/", "(not a URL)"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(urls); i++) {
        g_autofree char *shown = http_url_shown(urls[i][0]);
        assert_string_equal(shown, urls[i][1]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_have_a_length),
        cmocka_unit_test(test_lines_of_strangers),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_urls_are_shown_without_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
