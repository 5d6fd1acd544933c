#include "server/http/header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void
test_accepted_codings(void **state)
{
    (void)state;
    static const struct {
        const char *accept;
        double gzip;
    } cases[] = {
        {NULL, 0},
        {"", 0},
        {"gzip", 1},
        {"deflate, GZIP;q=0.5", 0.5},
        {"gzip;q=7", 1},
        {"gzip;q=nonsense", 0},
        {"gzip;q=0", 0},
        {"gzip; q=0.000, br", 0},
        {"*", 1},
        {"*;q=0, gzip", 1},
        {"identity;q=1, *;q=0", 0},
        {"gzipped", 0},
        {",,gzip", 1},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        assert_true(header_coding_quality(cases[i].accept, "gzip") == cases[i].gzip);
}

static void
test_accepted_media(void **state)
{
    (void)state;
    static const struct {
        const char *accept;
        bool is_list, asks;
    } cases[] = {
        {NULL, true, false},
        {"", true, false},
        {"*/*", true, false},
        {"*/*; allow-utf8-labelnames=true", true, true},
        {"text/html;q=0.8 , */*;Allow-UTF8-LabelNames=\"true\"; charset=utf-8", true, true},
        {"*/*;allow-utf8-labelnames=false", true, false},
        {"*/*;x=\"allow-utf8-labelnames=true\"", true, false},
        {"*/*;allow-utf8-labelnames2=true", true, false},
        {"text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", true, false},
        {",, application/json ;; ,", true, false},
        {"application/json;", true, false},
        {"/", false, false},
        {"text/", false, false},
        {"/json", false, false},
        {"text/html text/plain", false, false},
        {"text/html;q", false, false},
        {"text/html;q=", false, false},
        {"text/html;=1", false, false},
        {"text/html;x=\"", false, false},
        {"text/html;x=\"a\\", false, false},
        {"text/html;x=\"a\\\"", false, false},
        {"text/html;x=\"a\"b", false, false},
        {"{}", false, false},
        {"caf\xc3\xa9/a", false, false},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        bool asks;
        if (header_read_accept(cases[i].accept, "allow-utf8-labelnames", "true", &asks) !=
                cases[i].is_list ||
            (cases[i].is_list && asks != cases[i].asks))
            fail_msg("'%s' is read wrong", cases[i].accept);
    }
}

static void
test_names(void **state)
{
    (void)state;
    assert_true(header_is_name("Content-Length"));
    assert_true(header_is_name("x_1.y~"));
    const char *const wrong[] = {"", "Content-Length ", "a b", "a\tb", "a:b", "a(b)", "\xc3\xa9"};
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++)
        assert_false(header_is_name(wrong[i]));
}

static void
test_media_types(void **state)
{
    (void)state;
    assert_true(header_is_media_type("application/json; charset=utf-8", "application/json"));
    assert_true(header_is_media_type("Application/JSON", "application/json"));
    assert_false(header_is_media_type("application/json5", "application/json"));
    assert_false(header_is_media_type(NULL, "application/json"));
}

static void
expect_parameter(const char *type, const char *expected)
{
    g_autofree char *value = header_media_parameter(type, "boundary");
    if (expected == NULL)
        assert_null(value);
    else
        assert_string_equal(value, expected);
}

static void
test_media_parameters(void **state)
{
    (void)state;
    expect_parameter("multipart/form-data; boundary=abc", "abc");
    expect_parameter("multipart/form-data; charset=\"a;b\" ; Boundary=\"x\\\"y\"", "x\"y");
    expect_parameter("multipart/form-data", NULL);
    expect_parameter("multipart/form-data; boundary=\"unterminated", "unterminated");
    expect_parameter("multipart/form-data; a=\"\\", NULL);
    expect_parameter(NULL, NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted_codings),
        cmocka_unit_test(test_accepted_media),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_media_types),
        cmocka_unit_test(test_media_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
