#include "lib/k8s/json_scan.h"

#include <string.h>

#include "lib/base/error.h"
#include "tests/harness/check.h"

/* What a walk tells, as lines "path=text" and "path}". */
typedef struct {
    GString *told;
    const char *stop_after;
} Log;

static void
log_scalar(void *user, const char *path, const char *text, size_t length)
{
    Log *log = user;
    g_string_append_printf(log->told, "%s=%.*s\n", path, (int)length, text);
}

static bool
log_end(void *user, const char *path)
{
    Log *log = user;
    g_string_append_printf(log->told, "%s}\n", path);
    return g_strcmp0(log->stop_after, path) != 0;
}

static void
expect_walk(const char *json, const char *stop_after, const char *expected)
{
    static const JsonScanEvents events = {log_scalar, log_end};
    g_autoptr(GString) told = g_string_new(NULL);
    Log log = {told, stop_after};
    g_autoptr(GError) error = NULL;
    assert_true(json_scan(json, strlen(json), &events, &log, &error));
    assert_no_error(error);
    assert_string_equal(told->str, expected);
}

static void
test_paths_of_values(void **state)
{
    (void)state;
    expect_walk("7", NULL, "=7\n");
    expect_walk("{\"a\":{\"b\":\"x\",\"c\":null,\"d\":[1,true,{\"e\":-1.5e3}]},\"f\":false}", NULL,
                "a.b=x\na.d[]=1\na.d[]=true\na.d[].e=-1.5e3\na.d[]}\na}\nf=false\n}\n");
    expect_walk("[[1],[],[{}],2]", NULL, "[][]=1\n[][]}\n[]=2\n");
    expect_walk("{\"a\":{},\"b\":[],\"\":1,\"c\":\"\\u00e4\\n\"}", NULL, "a}\n=1\nc=ä\n\n}\n");
}

static void
test_a_key_is_no_path(void **state)
{
    (void)state;
    expect_walk("{\"a.b\":1,\"a\":{\"b\":2},\"x[]\":[3,{\"y\":4}],\"z\\u0000\":5,\"a.b\":{\"c\":6},"
                "\"d\":7}",
                NULL, "a.b=2\na}\nd=7\n}\n");
}

static void
test_a_walk_ends_where_it_is_told_to(void **state)
{
    (void)state;
    expect_walk("{\"a\":{\"b\":1},\"c\":2} and what is no JSON", "a", "a.b=1\na}\n");
}

static void
expect_no_json(const char *json, size_t size, const char *part)
{
    static const JsonScanEvents events = {log_scalar, log_end};
    g_autoptr(GString) told = g_string_new(NULL);
    Log log = {told, NULL};
    g_autoptr(GError) error = NULL;
    assert_false(json_scan(json, size, &events, &log, &error));
    assert_error_says(error, part);
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_INVALID_ARGUMENT));
}

static void
test_what_is_no_json(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",      " ",      "{",     "{\"a\":1",           "{\"a\"}",  "{\"a\":1}}", "[1,]",
        "nul",   "\"open", "{a:1}", "404 page not found", "\"\xff\"", "\"a\nb\"",   "<html>",
        "{} {}", "'a'"};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        expect_no_json(texts[i], strlen(texts[i]), "not JSON: ");
    expect_no_json("{\"token\":\"s3cret\" x}", 20, "not JSON: ");
}

static void
test_nesting_has_a_limit(void **state)
{
    (void)state;
    g_autofree char *deep = g_strnfill(100000, '[');
    expect_no_json(deep, 100000, "nested deeper than 256");
    g_autofree char *open = g_strnfill(JSON_SCAN_DEPTH_MAX, '[');
    g_autofree char *close = g_strnfill(JSON_SCAN_DEPTH_MAX, ']');
    g_autofree char *just = g_strconcat(open, close, NULL);
    expect_walk(just, NULL, "");
}

static void
test_fields_by_their_path(void **state)
{
    (void)state;
    static const char json[] =
        "{\"kind\":\"A\",\"m\":{\"n\":12,\"s\":\"a\\u0000b\"},\"kind\":\"B\"}";
    g_autofree char *kind = NULL, *number = NULL, *text = NULL, *absent = NULL;
    const JsonScanField fields[] = {
        {"kind", &kind}, {"m.n", &number}, {"m.s", &text}, {"m", &absent}};
    assert_true(json_scan_fields(json, strlen(json), fields, 4, NULL, NULL));
    assert_string_equal(kind, "B");
    assert_string_equal(number, "12");
    assert_string_equal(text, "a");
    assert_null(absent);
    assert_true(json_scan_fields(json, strlen(json), fields, 4, "m", NULL));
    assert_string_equal(kind, "A");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths_of_values),
        cmocka_unit_test(test_a_key_is_no_path),
        cmocka_unit_test(test_a_walk_ends_where_it_is_told_to),
        cmocka_unit_test(test_what_is_no_json),
        cmocka_unit_test(test_nesting_has_a_limit),
        cmocka_unit_test(test_fields_by_their_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
