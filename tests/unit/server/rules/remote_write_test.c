#include "server/rules/remote_write.h"

#include <string.h>

#include "lib/base/error.h"
#include "tests/harness/check.h"
#include "tests/harness/scripted_server.h"

static const Label labels[] = {{"__name__", "profile_cpu"}, {"service_name", "api"}};
static const RemoteSample samples[] = {{labels, 2, 1.5, 1700000000123}, {labels, 1, 0, 1}};

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
        cmocka_unit_test(test_headers_name_format_and_tenant),
        cmocka_unit_test(test_what_may_pass_is_tried_again),
        cmocka_unit_test(test_a_refusal_is_final_and_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
