#include "analyzers/telemetry/function_shares.h"

#include <string.h>

#include "tests/harness/check.h"

static FunctionShares *
read_text(const char *text, GError **error)
{
    g_autoptr(GBytes) body = g_bytes_new_static(text, strlen(text));
    return function_shares_read(body, error);
}

static void
test_self_values_are_added_up_by_function(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    guint n;
    g_autoptr(FunctionShares) shares =
        read_text("{\"flamegraph\":{\"names\":[\"total\",\"main\",\"parse\",\"idle\"],\"levels\":["
                  "{\"values\":[\"0\",\"100\",\"0\",\"0\"]},"
                  "{\"values\":[\"0\",\"100\",\"10\",\"1\"]},"
                  "{\"values\":[\"10\",\"60\",\"40\",\"2\",\"0\",\"30\",\"30\",\"3\"]},"
                  "{\"values\":[10,20,20,2]}],\"total\":\"100\"}}",
                  &error);
    assert_null(error);
    assert_float_equal(function_shares_total(shares), 100, 0);
    const FunctionShare *all = function_shares_all(shares, &n);
    assert_int_equal(n, 3);
    assert_string_equal(all[0].name, "parse");
    assert_float_equal(all[0].share, 0.6, 1e-9);
    assert_float_equal(function_shares_of(shares, "idle"), 0.3, 1e-9);
    assert_float_equal(function_shares_of(shares, "other"), 0, 0);
    assert_float_equal(function_shares_of(NULL, "idle"), 0, 0);
}

static void
test_no_samples(void **state)
{
    (void)state;
    static const char *const texts[] = {"{}", "{\"flamegraph\":{}}",
                                        "{\"flamegraph\":{\"names\":[\"total\"],\"levels\":[]}}"};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(FunctionShares) shares = read_text(texts[i], NULL);
        assert_non_null(shares);
        assert_float_equal(function_shares_total(shares), 0, 0);
    }
}

static void
test_what_is_no_flame_graph_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "[]",
        "{\"flamegraph\":{",
        "<html>",
        "{\"flamegraph\":{\"names\":[\"a\"],\"levels\":[{\"values\":[\"0\",\"1\",\"1\"]}]}}",
        "{\"flamegraph\":{\"names\":[\"a\"],\"levels\":[{\"values\":[\"0\",\"1\",\"1\",\"1\"]}]}}",
        "{\"flamegraph\":{\"names\":[\"a\"],\"levels\":[{\"values\":[\"0\",\"1\",\"-1\",\"0\"]}]}}",
        "{\"flamegraph\":{\"names\":[\"a\"],\"levels\":[{\"values\":[{},[],null,\"0\"]}]}}"};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        assert_null(read_text(texts[i], &error));
        assert_non_null(error);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_self_values_are_added_up_by_function),
        cmocka_unit_test(test_no_samples),
        cmocka_unit_test(test_what_is_no_flame_graph_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
