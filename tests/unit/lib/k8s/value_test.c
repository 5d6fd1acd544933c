#include "lib/k8s/value.h"

#include <string.h>

#include "lib/base/error.h"
#include "tests/harness/check.h"

static Arena *arena;
static ValueReader *reader;

/* Feeds pieces of `step` bytes. */
static const Value *
read_in_steps(ValueFormat format, const char *text, size_t step, GError **error)
{
    value_reader_begin(reader, format);
    for (size_t at = 0, size = strlen(text); at < size; at += step) {
        if (!value_reader_feed(reader, text + at, MIN(step, size - at), error))
            return NULL;
    }
    return value_reader_end(reader, error);
}

static const Value *
read_json(const char *text)
{
    return read_in_steps(VALUE_JSON, text, 7, NULL);
}

static void
test_paths_find_values(void **state)
{
    (void)state;
    const Value *pod =
        read_json("{\"metadata\":{\"name\":\"a\",\"labels\":{\"app.kubernetes.io/name\":\"x\"}},"
                  "\"spec\":{\"hostNetwork\":true,\"priority\":-5,\"ratio\":0.5,\"nothing\":null,"
                  "\"containers\":[{\"name\":\"one\"},{\"name\":\"two\",\"ports\":[{},{}]}]}}");
    assert_non_null(pod);
    assert_string_equal(value_text(pod, "metadata.name"), "a");
    assert_string_equal(value_text(pod, "metadata.none.deeper"), "");
    assert_string_equal(value_text(pod, "metadata"), "");
    assert_string_equal(
        value_text(value_get(value_at(pod, "metadata.labels"), "app.kubernetes.io/name"), ""), "x");
    assert_true(value_is_true(pod, "spec.hostNetwork"));
    assert_false(value_is_true(pod, "spec.priority"));
    assert_int_equal(value_int(pod, "spec.priority", 3), -5);
    assert_int_equal(value_int(pod, "spec.ratio", 3), 3);
    assert_int_equal(value_int(pod, "spec.absent", 3), 3);
    assert_int_equal(value_at(pod, "spec.nothing")->type, VALUE_NULL);
    assert_int_equal(value_count(pod, "spec.containers"), 2);
    assert_int_equal(value_count(pod, "metadata.name"), 0);
    const Value *two = value_find(pod, "spec.containers", "name", "two");
    assert_int_equal(value_count(two, "ports"), 2);
    assert_null(two->next);
    assert_null(value_find(pod, "spec.containers", "name", "three"));
    assert_null(value_first(NULL, "x"));
    assert_null(value_get(NULL, "x"));
}

static void
test_what_is_long_is_left_out(void **state)
{
    (void)state;
    const Value *object = read_json(
        "{\"managedFields\":[{\"manager\":\"helm\",\"fieldsV1\":{\"f:a\":{\"f:b\":[1,{}]}},"
        "\"time\":"
        "\"t\"}],\"annotations\":{\"kubectl.kubernetes.io/last-applied-configuration\":\"{}\","
        "\"other\":\"1\"}}");
    const Value *entry = value_first(object, "managedFields");
    assert_int_equal(entry->n, 2);
    assert_string_equal(value_text(entry, "manager"), "helm");
    assert_string_equal(value_text(entry, "time"), "t");
    assert_int_equal(value_count(object, "annotations"), 1);
    g_autofree char *large = g_strnfill(VALUE_TEXT_BYTES_MAX + 10, 'x');
    memcpy(large + VALUE_TEXT_BYTES_MAX - 1, "\xc3\xa4", 2); /* the cut is within this letter */
    g_autofree char *text = g_strdup_printf("[\"%s\"]", large);
    const Value *list = read_in_steps(VALUE_JSON, text, 4096, NULL);
    assert_int_equal(list->first->n, VALUE_TEXT_BYTES_MAX - 1);
    assert_int_equal(list->first->uncut, strlen(large));
    assert_true(g_utf8_validate(list->first->text, -1, NULL));
}

static void
test_depth_is_bounded(void **state)
{
    (void)state;
    enum { DEPTH = 100000 };
    g_autoptr(GString) text = g_string_new("{\"a\":1,\"deep\":");
    for (int i = 0; i < DEPTH; i++)
        g_string_append_c(text, '[');
    for (int i = 0; i < DEPTH; i++)
        g_string_append_c(text, ']');
    g_string_append(text, ",\"b\":2}");
    const Value *object = read_in_steps(VALUE_JSON, text->str, 1000, NULL);
    assert_int_equal(value_int(object, "b", 0), 2);
    unsigned depth = 0;
    for (const Value *v = value_at(object, "deep"); v != NULL; v = v->first)
        depth++;
    assert_int_equal(depth, VALUE_DEPTH_MAX - 1);
}

static void
test_yaml_is_read_like_json(void **state)
{
    (void)state;
    const Value *both =
        read_in_steps(VALUE_YAML,
                      "---\nkind: Pod\nspec: &s\n  n: 3\n  port: \"3\"\n  on: true\n"
                      "  text: yes\n  none: ~\n  upper: TRUE\n  title: False\n  said: \"TRUE\"\n  "
                      "list: [a, b]\n---\n---\nkind: Other\n"
                      "copy: |\n  two\n  lines\n",
                      5, NULL);
    assert_non_null(both);
    const Value *pod = both->first;
    assert_string_equal(value_text(pod, "kind"), "Pod");
    assert_int_equal(value_at(pod, "spec.n")->type, VALUE_NUMBER);
    assert_int_equal(value_at(pod, "spec.port")->type, VALUE_TEXT);
    assert_int_equal(value_at(pod, "spec.text")->type, VALUE_TEXT);
    assert_int_equal(value_at(pod, "spec.none")->type, VALUE_NULL);
    assert_int_equal(value_at(pod, "spec.on")->type, VALUE_BOOL);
    assert_int_equal(value_at(pod, "spec.upper")->type, VALUE_BOOL);
    assert_true(value_is_true(pod, "spec.upper"));
    assert_int_equal(value_at(pod, "spec.title")->type, VALUE_BOOL);
    assert_string_equal(value_text(pod, "spec.title"), "false");
    assert_int_equal(value_at(pod, "spec.said")->type, VALUE_TEXT);
    assert_string_equal(value_text(pod, "spec.said"), "TRUE");
    assert_int_equal(value_count(pod, "spec.list"), 2);
    const Value *single = read_in_steps(VALUE_YAML, "kind: Pod\n", 100, NULL);
    assert_string_equal(value_text(single, "kind"), "Pod");
}

static void
test_aliases_are_bounded(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    GString *text = g_string_new("a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
    for (int i = 1; i < 9; i++)
        g_string_append_printf(text, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n",
                               i, i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    g_autofree char *bomb = g_string_free(text, FALSE);
    assert_null(read_in_steps(VALUE_YAML, bomb, 1000, &error));
    assert_error_says(error, "too many aliases");
}

static void
test_what_is_not_valid_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"{\"a\":", "", "{\"a\" 1}", "[1,]", "nonsense", "\xff\xfe"};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        assert_null(read_in_steps(VALUE_JSON, texts[i], 3, &error));
        assert_int_equal(error->code, CRESSET_ERROR_INVALID_ARGUMENT);
    }
    static const char *const yaml[] = {"a: [", "a: b: c", "*none", ""};
    for (size_t i = 0; i < G_N_ELEMENTS(yaml); i++) {
        g_autoptr(GError) error = NULL;
        const Value *value = read_in_steps(VALUE_YAML, yaml[i], 3, &error);
        assert_true(error != NULL || value->n == 0);
    }
    assert_non_null(read_json("{\"a\":1}")); /* the reader is as good as new */
}

static void
test_memory_is_bounded(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    g_autoptr(Arena) small = arena_new(4096);
    g_autoptr(ValueReader) of_small = value_reader_new(small);
    value_reader_begin(of_small, VALUE_JSON);
    bool ok = value_reader_feed(of_small, "[", 1, &error);
    for (int i = 0; ok && i < 10000; i++)
        ok = value_reader_feed(of_small, "{},", 3, &error);
    assert_false(ok);
    assert_int_equal(error->code, CRESSET_ERROR_RESOURCE_EXHAUSTED);
}

static int
setup(void **state)
{
    (void)state;
    arena = arena_new(64 * 1024 * 1024);
    reader = value_reader_new(arena);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    value_reader_free(reader);
    arena_free(arena);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths_find_values),
        cmocka_unit_test(test_what_is_long_is_left_out),
        cmocka_unit_test(test_depth_is_bounded),
        cmocka_unit_test(test_yaml_is_read_like_json),
        cmocka_unit_test(test_aliases_are_bounded),
        cmocka_unit_test(test_what_is_not_valid_is_refused),
        cmocka_unit_test(test_memory_is_bounded),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
