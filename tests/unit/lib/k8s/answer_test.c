#include "lib/k8s/answer.h"

#include <string.h>

#include "lib/base/error.h"
#include "tests/harness/check.h"

static bool
read_head(const char *json, ListHead *ret_head, GError **error)
{
    g_autoptr(GBytes) body = g_bytes_new_static(json, strlen(json));
    return list_head_read(body, ret_head, error);
}

static void
expect_head(const char *json, const char *kind, const char *token)
{
    g_auto(ListHead) head = {0};
    g_autoptr(GError) error = NULL;
    assert_true(read_head(json, &head, &error));
    assert_no_error(error);
    assert_string_equal(head.kind, kind);
    assert_int_equal(g_strcmp0(head.continue_token, token), 0);
}

static void
test_the_head_of_a_page(void **state)
{
    (void)state;
    expect_head(
        "{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"7\","
        "\"continue\":\"abc\",\"remainingItemCount\":17},\"items\":[{\"metadata\":"
        "{\"continue\":\"no\"}}]}",
        "PodList", "abc");
    expect_head("{\"kind\":\"PodList\",\"metadata\":{\"continue\":\"\"},\"items\":[]}", "PodList",
                NULL);
}

/* What the server writes of custom resources has its keys sorted. */
static void
test_the_head_behind_the_items(void **state)
{
    (void)state;
    expect_head(
        "{\"apiVersion\":\"a/v1\",\"items\":[{\"kind\":\"Knot\",\"metadata\":{\"name\":\"x\"}}],"
        "\"kind\":\"KnotList\",\"metadata\":{\"continue\":\"t\",\"remainingItemCount\":1}}",
        "KnotList", "t");
    expect_head("{\"metadata\":{\"continue\":\"t\"},\"kind\":\"KnotList\"}", "KnotList", "t");
}

static void
test_what_is_no_list(void **state)
{
    (void)state;
    static const char *const texts[] = {"{\"kind\":\"Pod\",\"metadata\":{}}", "{}", "[]",
                                        "{\"kind\":{\"a\":\"List\"}}"};
    ListHead head;
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        assert_false(read_head(texts[i], &head, &error));
        assert_error_says(error, "the field kind of the answer does not name a list");
    }
    g_autoptr(GError) error = NULL;
    assert_false(read_head("<html>log in first</html>", &head, &error));
    assert_error_says(error, "not JSON");
}

static void
expect_error_answer(const char *text, size_t size, const char *reason, const char *message)
{
    g_autoptr(GBytes) body = g_bytes_new_static(text, size);
    g_auto(ErrorAnswer) answer = {0};
    error_answer_read(body, &answer);
    assert_int_equal(g_strcmp0(answer.reason, reason), 0);
    assert_string_equal(answer.message, message);
}

static void
test_errors_of_the_server(void **state)
{
    (void)state;
    static const char forbidden[] =
        "{\"kind\":\"Status\",\"status\":\"Failure\",\"message\":\"pods is forbidden: User "
        "\\\"x\\\" "
        "cannot list\\n\",\"reason\":\"Forbidden\",\"details\":{\"message\":\"no\"},\"code\":403}";
    expect_error_answer(forbidden, strlen(forbidden), "Forbidden",
                        "pods is forbidden: User \"x\" cannot list");
    static const char plain[] = "Too many requests, please try again later.\n";
    expect_error_answer(plain, strlen(plain), NULL, "Too many requests, please try again later.");
    static const char other[] = "{\"kind\":\"Pod\",\"message\":\"x\"}";
    expect_error_answer(other, strlen(other), NULL, other);
    expect_error_answer("", 0, NULL, "");
    static const char bare[] = "{\"kind\":\"Status\"}";
    expect_error_answer(bare, strlen(bare), NULL, "");
    g_auto(ErrorAnswer) nothing = {0};
    error_answer_read(NULL, &nothing);
    assert_string_equal(nothing.message, "");
}

static void
test_messages_cannot_move_a_terminal(void **state)
{
    (void)state;
    static const char status[] = "{\"kind\":\"Status\",\"message\":\"\\u001b[31mred\\u0007 "
                                 "\\u202eright\\u0000 a\\tb\\r\\n\\n"
                                 "c\",\"reason\":\"\\u001bX\"}";
    expect_error_answer(status, strlen(status), "\uFFFDX", "\uFFFD[31mred\uFFFD \uFFFDright");
    static const char raw[] = "\x1b]0;title\x07\xff\xc3(\x9b";
    expect_error_answer(raw, strlen(raw), NULL, "\uFFFD]0;title\uFFFD\uFFFD\uFFFD(\uFFFD");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_head_of_a_page),
        cmocka_unit_test(test_the_head_behind_the_items),
        cmocka_unit_test(test_what_is_no_list),
        cmocka_unit_test(test_errors_of_the_server),
        cmocka_unit_test(test_messages_cannot_move_a_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
