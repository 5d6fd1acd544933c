#include "server/rules/remote_write.h"

#include <snappy-c.h>
#include <string.h>

#include "lib/base/error.h"
#include "tests/harness/check.h"
#include "tests/harness/scripted_server.h"

static const Label labels[] = {{"__name__", "profile_cpu"}, {"service_name", "api"}};
static const RemoteSample samples[] = {{labels, 2, 1.5, 1700000000123}, {labels, 1, 0, 1}};

static void
test_the_message_is_what_prometheus_expects(void **state)
{
    (void)state;
    static const uint8_t expected[] =
        {
            0x0a, 0x40, /* first series */
            0x0a, 0x17, 0x0a, 8,    '_',  '_',  'n', 'a', 'm', 'e',  '_',  '_',
            0x12, 11,   'p',  'r',  'o',  'f',  'i', 'l', 'e', '_',  'c',  'p',
            'u',  0x0a, 0x13, 0x0a, 12,   's',  'e', 'r', 'v', 'i',  'c',  'e',
            '_',  'n',  'a',  'm',  'e',  0x12, 3,   'a', 'p', 'i',              /* its labels */
            0x12, 0x10, 0x09, 0,    0,    0,    0,   0,   0,   0xf8, 0x3f, 0x10, /* 1.5 */
            0xfb, 0xd0, 0x95, 0xff, 0xbc, 0x31,                                  /* its time */
        };
    g_autoptr(GBytes) body = remote_write_encode(samples, 1);
    gsize size;
    const char *data = g_bytes_get_data(body, &size);
    char plain[256];
    size_t n = sizeof plain;
    assert_int_equal(snappy_uncompress(data, size, plain, &n), SNAPPY_OK);
    assert_int_equal(n, sizeof expected);
    assert_memory_equal(plain, expected, n);
}

static bool
send_to(ScriptedServer *server, GError **error)
{
    g_autofree char *url = scripted_server_url(server, "/api/v1/push");
    g_autoptr(HttpClient) client = http_client_new(NULL);
    static const char *const headers[] = {"Authorization: Bearer abc", NULL};
    const RemoteTarget target = {
        .client = client, .url = url, .headers = headers, .tenant = "team-a"};
    return remote_write_send(&target, samples, 2, error);
}

static void
test_headers_name_format_and_tenant(void **state)
{
    (void)state;
    const ScriptStep steps[] = {{"HTTP/1.1 204 No Content\r\n\r\n", SCRIPT_CLOSE, 0, NULL}};
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, 1);
    assert_true(send_to(server, NULL));
    g_autofree char *request = scripted_server_request(server, 0);
    assert_contains(request, "POST /api/v1/push ");
    assert_contains(request, "Content-Encoding: snappy\r\n");
    assert_contains(request, "X-Prometheus-Remote-Write-Version: 0.1.0\r\n");
    assert_contains(request, "X-Scope-OrgID: team-a\r\n");
    assert_contains(request, "Authorization: Bearer abc\r\n");
}

static void
test_what_may_pass_is_tried_again(void **state)
{
    (void)state;
    const ScriptStep steps[] = {
        {"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", SCRIPT_CLOSE, 0, NULL},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", SCRIPT_CLOSE, 0, NULL}};
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, 2);
    assert_true(send_to(server, NULL));
    assert_int_equal(scripted_server_requests(server), 2);
}

static void
test_a_refusal_is_final_and_says_why(void **state)
{
    (void)state;
    const ScriptStep steps[] = {
        {"HTTP/1.1 400 Bad\r\nContent-Length: 12\r\n\r\nout of order", SCRIPT_CLOSE, 0, NULL}};
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, 1);
    g_autoptr(GError) error = NULL;
    assert_false(send_to(server, &error));
    assert_int_equal(error->code, CRESSET_ERROR_FAILED_PRECONDITION);
    assert_error_says(error, "remote write was answered with 400: out of order");
    assert_int_equal(scripted_server_requests(server), 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_message_is_what_prometheus_expects),
        cmocka_unit_test(test_headers_name_format_and_tenant),
        cmocka_unit_test(test_what_may_pass_is_tried_again),
        cmocka_unit_test(test_a_refusal_is_final_and_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
