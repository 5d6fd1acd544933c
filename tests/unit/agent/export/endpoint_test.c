/* The file of endpoints, and what is wrong with it. */
#include "agent/export/endpoint_file.h"

#include <string.h>

#include "tests/harness/check.h"
#include "tests/harness/temp_dir.h"

static GPtrArray *
load(const char *text, GError **error)
{
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autofree char *path = temp_dir_file(dir, "endpoints.yaml");
    assert_true(g_file_set_contents(path, text, -1, NULL));
    GPtrArray *endpoints = endpoint_file_load(path, "shop", error);
    if (endpoints == NULL && error != NULL)
        assert_contains((*error)->message, path);
    return endpoints;
}

/* An endpoint with these keys in a flow mapping, and a URL unless there is one. */
static GPtrArray *
load_one(const char *keys)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = g_strdup_printf("endpoints:\n- {%s%s}\n", keys,
                                            strstr(keys, "url: ") == NULL ? ", url: http://h" : "");
    GPtrArray *endpoints = load(text, &error);
    assert_no_error(error);
    return endpoints;
}

static void
test_defaults(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) endpoints = load("endpoints:\n"
                                          "- url: http://hub.example:4040/base/\n"
                                          "- url: https://u:s3cret@[::1]/\n",
                                          &error);
    assert_no_error(error);
    const Endpoint *first = endpoints->pdata[0], *second = endpoints->pdata[1];
    assert_string_equal(first->name, "hub.example-4040");
    assert_string_equal(first->tenant, "shop");
    assert_int_equal(first->timeout_ms, 10000);
    assert_int_equal(first->backoff_min_ms, 500);
    assert_int_equal(first->backoff_max_ms, 300000);
    assert_int_equal(first->tries_max, 0);
    assert_int_equal(first->coding, SERIES_GZIP);
    assert_true(first->retries_on_429 && !first->is_tls_unchecked);
    assert_string_equal(second->shown_url, "https://[::1]/");
    assert_string_equal(second->name, "--1");
}

static void
test_every_key(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) endpoints =
        load("endpoints:\n"
             "- url: https://hub.example\n"
             "  name: hub\n"
             "  tenant: team-a\n"
             "  headers: {X-Region: eu}\n"
             "  header_files: {X-Api-Key: /etc/key}\n"
             "  basic_auth: {username: agent, password_file: /etc/password}\n"
             "  tls_config: {ca_file: /ca, cert_file: /cert, key_file: /key, server_name: name,\n"
             "               insecure_skip_verify: true}\n"
             "  remote_timeout: 1500ms\n"
             "  min_backoff_period: 1s\n"
             "  max_backoff_period: 1m\n"
             "  max_backoff_retries: 10\n"
             "  retry_on_http_429: false\n"
             "  compression: zstd\n"
             "  external_labels: {cluster: eu}\n"
             "- {url: http://other, bearer_token_file: /token, compression: none}\n",
             &error);
    assert_no_error(error);
    const Endpoint *hub = endpoints->pdata[0], *other = endpoints->pdata[1];
    assert_string_equal(hub->name, "hub");
    assert_string_equal(hub->tenant, "team-a");
    assert_string_equal(g_hash_table_lookup(hub->headers, "X-Region"), "eu");
    assert_string_equal(g_hash_table_lookup(hub->header_files, "X-Api-Key"), "/etc/key");
    assert_string_equal(g_hash_table_lookup(hub->external_labels, "cluster"), "eu");
    assert_string_equal(hub->user, "agent");
    assert_string_equal(hub->password_file, "/etc/password");
    assert_string_equal(hub->ca_file, "/ca");
    assert_string_equal(hub->cert_file, "/cert");
    assert_string_equal(hub->key_file, "/key");
    assert_string_equal(hub->tls_server_name, "name");
    assert_true(hub->is_tls_unchecked && !hub->retries_on_429);
    assert_int_equal(hub->timeout_ms, 1500);
    assert_int_equal(hub->backoff_min_ms, 1000);
    assert_int_equal(hub->backoff_max_ms, 60000);
    assert_int_equal(hub->tries_max, 10);
    assert_int_equal(hub->coding, SERIES_ZSTD);
    assert_string_equal(other->token_file, "/token");
    assert_int_equal(other->coding, SERIES_PLAIN);
}

static void
test_the_same_says_the_same_in_every_field(void **state)
{
    (void)state;
    static const char *const others[] = {
        "url: http://h/x, name: h",
        "url: http://u:p@h, name: h",
        "url: http://u:q@h, name: h",
        "name: hub",
        "tenant: team-a",
        "headers: {X-Region: eu}",
        "headers: {X-Region: us}",
        "header_files: {X-Region: eu}",
        "external_labels: {a: b}",
        "external_labels: {a: b, c: d}",
        "bearer_token_file: /a",
        "bearer_token_file: /b",
        "basic_auth: {username: u}",
        "basic_auth: {username: u, password_file: /a}",
        "tls_config: {ca_file: /a}",
        "tls_config: {cert_file: /a, key_file: /b}",
        "tls_config: {cert_file: /a, key_file: /c}",
        "tls_config: {cert_file: /c, key_file: /b}",
        "tls_config: {server_name: a}",
        "tls_config: {insecure_skip_verify: true}",
        "remote_timeout: 1s",
        "min_backoff_period: 1s",
        "max_backoff_period: 1m",
        "max_backoff_retries: 1",
        "retry_on_http_429: false",
        "compression: zstd",
        "compression: none",
        "name: h", /* the default */
    };
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
        for (size_t j = 0; j < G_N_ELEMENTS(others); j++) {
            g_autoptr(GPtrArray) a = load_one(others[i]), b = load_one(others[j]);
            assert_int_equal(endpoint_is_same(a->pdata[0], b->pdata[0]), i == j);
        }
    }
}

static void
test_what_is_wrong_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *endpoint, *expected;
    } cases[] = {
        {"{name: a}", ":2: url: it is not an address like"},
        {"{url: 'htp://u:s3cret@h'}", "url: it is not an address like"},
        {"{url: 'http://h?a=b'}", "url: it is not an address like"},
        {"{url: http://h, nam: x}", "there is no key 'nam', did you mean name?"},
        {"{url: http://h, name: ../x}", "name: '../x' is not up to 63 letters"},
        {"{url: http://h, name: .x}", "name: '.x'"},
        {"{url: http://h, tenant: a/b}", "tenant: 'a/b' is not up to 150"},
        {"{url: http://h, headers: {'a b': c}}", "headers: 'a b' is no name"},
        {"{url: http://h, headers: {A: \"c\\r\\nB: d\"}}", "the value of A is not one line"},
        {"{url: http://h, headers: {X-Scope-OrgID: c}}", "X-Scope-OrgID is set by the agent"},
        {"{url: http://h, header_files: {host: c}}", "host is set by the agent itself"},
        {"{url: http://h, basic_auth: {password_file: /x}}", "password_file is given without"},
        {"{url: http://h, basic_auth: {password: x}}", "there is no key 'password'"},
        {"{url: http://h, basic_auth: {username: u}, bearer_token_file: /x}", "cannot both"},
        {"{url: 'http://u:s3cret@h', bearer_token_file: /x}", "url: it names a user although"},
        {"{url: http://h, tls_config: {key_file: /x}}", "cert_file and key_file need each other"},
        {"{url: http://h, tls_config: {verify: false}}", "there is no key 'verify'"},
        {"{url: http://h, remote_timeout: soon}", "remote_timeout: "},
        {"{url: http://h, remote_timeout: 0}", "at least 1ms"},
        {"{url: http://h, max_backoff_period: 1ms}", "less than min_backoff_period"},
        {"{url: http://h, max_backoff_retries: -1}", "max_backoff_retries: '-1' is no number"},
        {"{url: http://h, retry_on_http_429: maybe}", "'maybe' is neither true nor false"},
        {"{url: http://h, compression: lz4}", "'lz4' is none of gzip, zstd and none"},
        {"{url: http://h, external_labels: {1a: b}}", "external_labels: label '1a'"},
        {"{url: http://h}\n- {url: 'http://h'}", ":3: endpoints: there are two of the name h"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *text = g_strdup_printf("endpoints:\n- %s\n", cases[i].endpoint);
        assert_null(load(text, &error));
        assert_error_says(error, cases[i].expected);
        assert_lacks(error->message, "s3cret");
    }
    g_autoptr(GError) none = NULL, other = NULL;
    assert_null(load("endpoints: []\n", &none));
    assert_error_says(none, "endpoints: there is none");
    assert_null(load("endpoint: []\n", &other));
    assert_error_says(other, "did you mean endpoints?");
    g_autoptr(GString) many = g_string_new("endpoints:\n");
    for (int i = 0; i <= ENDPOINTS_MAX; i++)
        g_string_append_printf(many, "- url: http://h%d\n", i);
    g_autoptr(GError) error = NULL;
    assert_null(load(many->str, &error));
    assert_error_says(error, "there are more than 16");
}

static void
test_tenants(void **state)
{
    (void)state;
    g_autofree char *longest = g_strnfill(150, 'a'), *longer = g_strnfill(151, 'a');
    assert_true(endpoint_is_tenant("a") && endpoint_is_tenant("A-b_c.9!*'()"));
    assert_true(endpoint_is_tenant(longest) && !endpoint_is_tenant(longer));
    static const char *const wrong[] = {"", ".", "..", "a b", "a/b", "a|b", "\xc3\xa9", "a\r\nb"};
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++)
        assert_false(endpoint_is_tenant(wrong[i]));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_every_key),
        cmocka_unit_test(test_the_same_says_the_same_in_every_field),
        cmocka_unit_test(test_what_is_wrong_is_named),
        cmocka_unit_test(test_tenants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
