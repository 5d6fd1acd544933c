#include "lib/net/oauth2.h"

#include <string.h>

#include "lib/base/error.h"
#include "tests/harness/check.h"
#include "tests/harness/temp_dir.h"

static void
check_body(const OAuth2Request *request, const char *expected)
{
    gsize size;
    const char *text = g_bytes_get_data(request->body, &size);
    g_autofree char *body = g_strndup(text, size);
    assert_string_equal(body, expected);
}

static void
test_requests(void **state)
{
    (void)state;
    static const char *const scopes[] = {"read", "a:b", NULL};
    g_autoptr(GHashTable) params = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_hash_table_insert(params, g_strdup("audience"), g_strdup("https://x/?a=b&c"));
    const OAuth2Client client = {
        .client_id = "id:1", .client_secret = "s&t +", .scopes = scopes, .endpoint_params = params};
    g_auto(OAuth2Request) header = {0}, body = {0};
    assert_true(oauth2_request_make(&client, OAUTH2_IN_HEADER, &header, NULL));
    /* Of "id%3A1:s%26t%20%2B". */
    assert_string_equal(header.authorization, "Authorization: Basic aWQlM0ExOnMlMjZ0JTIwJTJC");
    check_body(&header, "grant_type=client_credentials&scope=read%20a%3Ab&"
                        "audience=https%3A%2F%2Fx%2F%3Fa%3Db%26c");
    assert_true(oauth2_request_make(&client, OAUTH2_IN_BODY, &body, NULL));
    assert_null(body.authorization);
    check_body(&body, "grant_type=client_credentials&scope=read%20a%3Ab&"
                      "audience=https%3A%2F%2Fx%2F%3Fa%3Db%26c&client_id=id%3A1&"
                      "client_secret=s%26t%20%2B");
}

static void
test_secrets_of_files(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autofree char *path = temp_dir_file(dir, "secret");
    const OAuth2Client client = {.client_id = "a", .client_secret_file = path};
    g_auto(OAuth2Request) none = {0}, first = {0}, second = {0};
    g_autoptr(GError) error = NULL;
    assert_false(oauth2_request_make(&client, OAUTH2_IN_BODY, &none, &error));
    assert_error_says(error, path);
    assert_true(g_file_set_contents(path, "one\n", -1, NULL));
    assert_true(oauth2_request_make(&client, OAUTH2_IN_BODY, &first, NULL));
    check_body(&first, "grant_type=client_credentials&client_id=a&client_secret=one");
    assert_true(g_file_set_contents(path, "two\n", -1, NULL));
    assert_true(oauth2_request_make(&client, OAUTH2_IN_BODY, &second, NULL));
    check_body(&second, "grant_type=client_credentials&client_id=a&client_secret=two");
}

static char *
read_answer(int status, const char *text, int64_t *ret_lifetime_s, GError **error)
{
    g_autoptr(GBytes) body = g_bytes_new_static(text, strlen(text));
    const HttpClientReply reply = {.status = status, .body = body};
    return oauth2_read_token(&reply, ret_lifetime_s, error);
}

static void
test_tokens(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t lifetime_s;
    } cases[] = {
        {"{\"access_token\":\"t0\",\"token_type\":\"Bearer\",\"expires_in\":3600}", 3600},
        {"{\"access_token\":\"t0\",\"token_type\":\"bearer\",\"expires_in\":\"60\"}", 60},
        {"{\"access_token\":\"t0\"}", 0},
        {"{\"access_token\":\"t0\",\"expires_in\":-5}", 0},
        {"{\"access_token\":\"t0\",\"expires_in\":1e300}", OAUTH2_LIFETIME_MAX_S},
        {"{\"access_token\":\"t0\",\"expires_in\":\"soon\"}", 0},
        {"{\"access_token\":\"t0\",\"expires_in\":[1]}", 0},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        int64_t lifetime_s;
        g_autofree char *token = read_answer(200, cases[i].text, &lifetime_s, NULL);
        assert_string_equal(token, "t0");
        assert_int_equal(lifetime_s, cases[i].lifetime_s);
    }
}

static void
test_answers_without_a_token(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *text, *expected;
    } cases[] = {
        {200, "", "has no access_token"},
        {200, "[]", "has no access_token"},
        {200, "s3cret", "has no access_token"},
        {200, "{\"access_token\":7}", "has no access_token"},
        {200, "{\"access_token\":\"\"}", "has no access_token"},
        {200, "{\"access_token\":\"s3cret\\r\\nX: y\"}", "has no access_token"},
        {200, "{\"access_token\":\"s3cret\",\"token_type\":\"mac\"}", "another token_type"},
        {400, "{\"error\":\"invalid_scope\",\"error_description\":\"s3cret\"}",
         "answers 400 invalid_scope"},
        {401, "{\"error\":\"a s3cret\"}", "answers 401"},
        {503, "s3cret", "answers 503"},
        {302, "{\"access_token\":\"s3cret\"}", "answers 302"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        int64_t lifetime_s;
        g_autoptr(GError) error = NULL;
        assert_null(read_answer(cases[i].status, cases[i].text, &lifetime_s, &error));
        assert_error_says(error, cases[i].expected);
        assert_lacks(error->message, "s3cret");
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_secrets_of_files),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_answers_without_a_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
