#include "analyzers/telemetry/series.h"

#include <math.h>
#include <string.h>

#include "lib/base/error.h"
#include "tests/harness/check.h"

#define VECTOR(items)                                                                              \
    "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[" items "]}}"

static bool
read_text(Arena *arena, const char *text, Answer *ret_answer, GError **error)
{
    g_autoptr(GBytes) body = g_bytes_new_static(text, strlen(text));
    return answer_read(body, arena, ret_answer, error);
}

static void
test_vector(void **state)
{
    (void)state;
    Answer answer;
    g_autoptr(Arena) arena = arena_new(1 << 20);
    assert_true(read_text(arena,
                          VECTOR("{\"metric\":{\"node\":\"n1\"},\"value\":[1767268800.5,\"0.75\"]},"
                                 "{\"metric\":{},\"value\":[1,\"NaN\"]},"
                                 "{\"metric\":{},\"value\":[1,\"+Inf\"]}"),
                          &answer, NULL));
    assert_int_equal(answer.n, 3);
    assert_string_equal(series_label(&answer.series[0], "node"), "n1");
    assert_string_equal(series_label(&answer.series[0], "pod"), "");
    assert_int_equal(series_last(&answer.series[0]).time_ms, 1767268800500);
    assert_float_equal(series_last(&answer.series[0]).value, 0.75, 0);
    assert_true(isnan(series_last(&answer.series[1]).value));
    assert_true(isinf(series_last(&answer.series[2]).value));
    assert_int_equal(series_last_seconds(&answer.series[1]), 0);
    assert_int_equal(series_last_seconds(&answer.series[2]), 9007199254740992);
    assert_null(answer.warning);
}

static void
test_matrix_scalar_and_warning(void **state)
{
    (void)state;
    Answer answer;
    g_autoptr(Arena) arena = arena_new(1 << 20);
    assert_true(read_text(arena,
                          "{\"status\":\"success\",\"warnings\":[\"one store is away\"],\"data\":{"
                          "\"resultType\":\"matrix\",\"result\":[{\"metric\":{\"a\":\"b\"},"
                          "\"values\":[[10,\"1\"],[20,\"2\"]]}]}}",
                          &answer, NULL));
    assert_int_equal(answer.series[0].n, 2);
    assert_int_equal(series_last(&answer.series[0]).time_ms, 20000);
    assert_string_equal(answer.warning, "one store is away");
    assert_true(read_text(
        arena, "{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[3,\"7\"]}}",
        &answer, NULL));
    assert_int_equal(answer.n, 1);
    assert_float_equal(series_last(&answer.series[0]).value, 7, 0);
}

/* Native histograms have no single value. */
static void
test_histograms_are_left_out(void **state)
{
    (void)state;
    Answer answer;
    g_autoptr(Arena) arena = arena_new(1 << 20);
    assert_true(read_text(arena,
                          VECTOR("{\"metric\":{},\"histogram\":[1,{}]},"
                                 "{\"metric\":{\"a\":\"b\"},\"value\":[1,\"2\"]}"),
                          &answer, NULL));
    assert_int_equal(answer.n, 1);
    assert_string_equal(series_label(&answer.series[0], "a"), "b");
}

static void
test_bad_answers_name_the_field(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", ""},
        {"[]", "status"},
        {"{\"status\":\"error\"}", "status"},
        {"{\"status\":\"success\"}", "resultType"},
        {"{\"status\":\"success\",\"data\":{\"resultType\":\"string\"}}", "resultType"},
        {"{\"status\":\"success\",\"data\":{\"resultType\":\"vector\"}}", "data.result"},
        {"{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":{}}}",
         "data.result"},
        {"{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\"}}", "data.result"},
        {VECTOR("{}"), "metric"},
        {VECTOR("{\"metric\":[]}"), "metric"},
        {VECTOR("{\"metric\":{},\"value\":5}"), "sample"},
        {VECTOR("{\"metric\":{},\"value\":[]}"), "sample"},
        {VECTOR("{\"metric\":{},\"value\":[1]}"), "sample"},
        {VECTOR("{\"metric\":{},\"value\":[1,2]}"), "sample"},
        {VECTOR("{\"metric\":{},\"value\":[1,\"\"]}"), "sample"},
        {VECTOR("{\"metric\":{},\"value\":[1,\"2x\"]}"), "sample"},
        {VECTOR("{\"metric\":{},\"value\":[1e300,\"2\"]}"), "sample"},
        {VECTOR("{\"metric\":{},\"value\":[1,\"2\",3]}"), "sample"},
        {"{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[", ""},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        Answer answer;
        g_autoptr(GError) error = NULL;
        g_autoptr(Arena) arena = arena_new(1 << 20);
        assert_false(read_text(arena, cases[i].text, &answer, &error));
        assert_error_says(error, cases[i].says);
    }
}

static void
test_a_full_arena_is_an_error(void **state)
{
    (void)state;
    Answer answer;
    g_autoptr(GError) error = NULL;
    g_autoptr(Arena) arena = arena_new(512);
    g_autoptr(GString) text = g_string_new(NULL);
    for (int i = 0; i < 100; i++)
        g_string_append_printf(text, "%s{\"metric\":{\"pod\":\"p%d\"},\"value\":[1,\"2\"]}",
                               i > 0 ? "," : "", i);
    g_autofree char *whole = g_strdup_printf(VECTOR("%s"), text->str);
    assert_false(read_text(arena, whole, &answer, &error));
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_RESOURCE_EXHAUSTED));
}

static void
test_texts(void **state)
{
    (void)state;
    static const char text[] = "{\"status\":\"success\",\"data\":[\"up\",\"node_load1\"]}";
    g_autoptr(GBytes) body = g_bytes_new_static(text, strlen(text));
    g_autoptr(GPtrArray) texts = answer_read_texts(body, NULL);
    assert_int_equal(texts->len, 2);
    assert_string_equal(texts->pdata[1], "node_load1");
}

static void
test_label_values_of_profiles(void **state)
{
    (void)state;
    static const char text[] = "{\"names\":[\"n1\",\"n2\"]}", none[] = "{}", list[] = "[]";
    Answer answer;
    g_autoptr(GError) error = NULL;
    g_autoptr(Arena) arena = arena_new(1 << 20);
    g_autoptr(GBytes) body = g_bytes_new_static(text, strlen(text));
    assert_true(answer_read_names(body, "node", arena, &answer, NULL));
    assert_int_equal(answer.n, 2);
    assert_string_equal(series_label(&answer.series[1], "node"), "n2");
    g_autoptr(GBytes) empty = g_bytes_new_static(none, strlen(none));
    assert_true(answer_read_names(empty, "node", arena, &answer, NULL));
    assert_int_equal(answer.n, 0);
    g_autoptr(GBytes) wrong = g_bytes_new_static(list, strlen(list));
    assert_false(answer_read_names(wrong, "node", arena, &answer, &error));
    assert_non_null(error);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vector),
        cmocka_unit_test(test_matrix_scalar_and_warning),
        cmocka_unit_test(test_histograms_are_left_out),
        cmocka_unit_test(test_bad_answers_name_the_field),
        cmocka_unit_test(test_a_full_arena_is_an_error),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_label_values_of_profiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
