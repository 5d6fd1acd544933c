#include "lib/k8s/selector.h"

#include <string.h>

#include "tests/harness/check.h"

static Arena *arena;
static ValueReader *reader;

static const Value *
json(const char *text)
{
    value_reader_begin(reader, VALUE_JSON);
    assert_true(value_reader_feed(reader, text, strlen(text), NULL));
    return value_reader_end(reader, NULL);
}

static void
test_selectors_match(void **state)
{
    (void)state;
    static const struct {
        const char *selector;
        Match match;
    } rows[] = {
        {"{}", MATCH_YES},
        {"{\"matchLabels\":{\"app\":\"web\"}}", MATCH_YES},
        {"{\"matchLabels\":{\"app\":\"web\",\"tier\":\"front\"}}", MATCH_NO},
        {"{\"matchLabels\":{\"app\":\"other\"}}", MATCH_NO},
        {"{\"matchExpressions\":[{\"key\":\"app\",\"operator\":\"In\",\"values\":[\"a\",\"web\"]}]"
         "}",
         MATCH_YES},
        {"{\"matchExpressions\":[{\"key\":\"none\",\"operator\":\"In\",\"values\":[\"a\"]}]}",
         MATCH_NO},
        {"{\"matchExpressions\":[{\"key\":\"app\",\"operator\":\"NotIn\",\"values\":[\"web\"]}]}",
         MATCH_NO},
        {"{\"matchExpressions\":[{\"key\":\"none\",\"operator\":\"NotIn\",\"values\":[\"web\"]}]}",
         MATCH_YES},
        {"{\"matchExpressions\":[{\"key\":\"app\",\"operator\":\"Exists\"}]}", MATCH_YES},
        {"{\"matchExpressions\":[{\"key\":\"app\",\"operator\":\"DoesNotExist\"}]}", MATCH_NO},
        {"{\"matchExpressions\":[{\"key\":\"app\",\"operator\":\"Almost\"}]}", MATCH_UNKNOWN},
        {"{\"matchExpressions\":[{\"operator\":\"Exists\"}]}", MATCH_UNKNOWN},
        {"{\"matchLabels\":{\"app\":\"x\"},\"matchExpressions\":[{\"key\":\"app\",\"operator\":\"?"
         "\"}]}",
         MATCH_NO},
        {"\"text\"", MATCH_UNKNOWN},
        {"{\"matchLabels\":\"app\"}", MATCH_UNKNOWN},
        {"{\"matchLabels\":[]}", MATCH_UNKNOWN},
        {"{\"matchLabels\":null}", MATCH_YES},
        {"{\"matchExpressions\":\"app\"}", MATCH_UNKNOWN},
        {"{\"matchExpressions\":{}}", MATCH_UNKNOWN},
        {"{\"matchExpressions\":null}", MATCH_YES},
        {"{\"matchLabels\":[],\"matchExpressions\":[{\"key\":\"app\",\"operator\":"
         "\"DoesNotExist\"}]}",
         MATCH_NO},
    };
    const Value *labels = json("{\"app\":\"web\",\"empty\":\"\"}");
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (selector_match(json(rows[i].selector), labels) != rows[i].match)
            fail_msg("%s", rows[i].selector);
    }
    assert_int_equal(selector_match(NULL, labels), MATCH_NO);
    assert_int_equal(selector_match(json("{\"matchLabels\":{\"a\":\"b\"}}"), NULL), MATCH_NO);
}

static void
test_maps_match(void **state)
{
    (void)state;
    const Value *labels = json("{\"app\":\"web\",\"empty\":\"\"}");
    assert_true(selector_match_map(json("{\"app\":\"web\"}"), labels));
    assert_true(selector_match_map(json("{\"empty\":\"\"}"), labels));
    assert_false(selector_match_map(json("{\"absent\":\"\"}"), labels));
    assert_true(selector_match_map(json("{}"), NULL));
    assert_false(selector_match_map(NULL, labels));
    assert_false(selector_match_map(json("[\"app\"]"), labels)); /* no map at all */
    assert_false(selector_match_map(json("[]"), labels));
    assert_false(selector_match_map(json("\"app\""), labels));
    assert_true(selector_match_map(json("null"), labels));
}

static void
test_selectors_are_said(void **state)
{
    (void)state;
    g_autofree char *text = selector_text(
        json("{\"matchLabels\":{\"app\":\"web\",\"x\":\"y\"},\"matchExpressions\":[{\"key\":"
             "\"tier\",\"operator\":"
             "\"In\",\"values\":[\"a\",\"b\"]},{\"key\":\"z\",\"operator\":\"Exists\"},"
             "{\"key\":\"env\",\"operator\":\"NotIn\",\"values\":[\"test\"]},"
             "{\"key\":\"old\",\"operator\":\"DoesNotExist\"},{\"key\":\"n\",\"operator\":\"Gt\","
             "\"values\":[\"5\"]}]}"));
    assert_string_equal(text, "app=web,x=y,tier in (a, b),z,env notin (test),!old,n Gt (5)");
    assert_true(selector_is_empty(json("{}")));
    assert_false(selector_is_empty(json("{\"matchLabels\":{\"a\":\"b\"}}")));
}

static int
setup(void **state)
{
    (void)state;
    arena = arena_new(1024 * 1024);
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
        cmocka_unit_test(test_selectors_match),
        cmocka_unit_test(test_maps_match),
        cmocka_unit_test(test_selectors_are_said),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
