#include "analyzers/llm/answer.h"

#include <string.h>

#include "tests/harness/check.h"

static void
test_text_of_a_reply(void **state)
{
    (void)state;
    static const struct {
        const char *body, *content, *says;
    } cases[] = {
        {"{\"choices\":[{\"message\":{\"content\":\"hello\"},\"finish_reason\":\"stop\"}]}",
         "hello", NULL},
        {"{\"choices\":[{\"message\":{\"content\":\"he\"},\"finish_reason\":\"length\"}]}", NULL,
         "was cut"},
        {"{\"choices\":[{\"message\":{\"content\":\"no\",\"refusal\":\"no\"}}]}", NULL, "refused"},
        {"{\"choices\":[{\"message\":{\"content\":null}}]}", NULL, "has no text"},
        {"{\"choices\":[]}", NULL, "has no text"},
        {"[]", NULL, "has no text"},
        {"<html>", NULL, "no JSON"},
        {"", NULL, "no JSON"},
        {"{\"choices\":[{\"message\":{\"content\":\"hello\"}}]} x", NULL, "no JSON"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *content = answer_content(cases[i].body, strlen(cases[i].body), &error);
        if (cases[i].content != NULL)
            assert_string_equal(content, cases[i].content);
        else
            assert_error_says(error, cases[i].says);
    }
}

static void
test_only_what_was_asked_for_is_taken(void **state)
{
    (void)state;
    g_autofree char *long_cause = g_strnfill(ANSWER_CAUSE_MAX + 1, 'x');
    g_autofree char *too_long = g_strdup_printf(
        "{\"cause\":\"%s\",\"first_step\":\"a\",\"confidence\":\"low\"}", long_cause);
    g_autoptr(GError) none = NULL;
    g_auto(ModelAnswer) answer = {0};
    assert_true(answer_parse("{\"confidence\":\"high\",\"cause\":\"a b\",\"first_step\":\"c\"}",
                             &answer, &none));
    assert_string_equal(answer.cause, "a b");
    assert_string_equal(answer.first_step, "c");
    assert_string_equal(answer.confidence, "high");
    const char *const wrong[] = {
        too_long,
        "{\"cause\":\"a\",\"first_step\":\"b\",\"confidence\":\"certain\"}",
        "{\"cause\":\"a\",\"first_step\":\"b\"}",
        "{\"cause\":\"a\",\"first_step\":\"b\",\"confidence\":\"low\",\"severity\":\"info\"}",
        "{\"cause\":\"a\",\"cause\":\"b\",\"confidence\":\"low\"}",
        "{\"cause\":7,\"first_step\":\"b\",\"confidence\":\"low\"}",
        "{\"cause\":\"\",\"first_step\":\"b\",\"confidence\":\"low\"}",
        "{\"cause\":\"a\\u0000b\",\"first_step\":\"b\",\"confidence\":\"low\"}",
        "Sure! {\"cause\":\"a\",\"first_step\":\"b\",\"confidence\":\"low\"}",
        "[\"cause\",\"first_step\",\"confidence\"]",
        "I cannot help with that.",
        "",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GError) error = NULL;
        g_auto(ModelAnswer) other = {0};
        if (answer_parse(wrong[i], &other, &error))
            fail_msg("'%s' was taken", wrong[i]);
        assert_non_null(error);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_of_a_reply),
        cmocka_unit_test(test_only_what_was_asked_for_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
