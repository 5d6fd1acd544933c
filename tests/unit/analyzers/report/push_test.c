#include "analyzers/report/push.h"

#include <string.h>

#include "tests/harness/check.h"
#include "tests/harness/cluster.h"
#include "tests/harness/scripted_server.h"
#include "tests/harness/temp_dir.h"

#define POD                                                                                        \
    "---\n"                                                                                        \
    "apiVersion: v1\n"                                                                             \
    "kind: Pod\n"                                                                                  \
    "metadata: {namespace: shop, name: web}\n"                                                     \
    "spec: {nodeName: n1, containers: [{name: app, envFrom: [{configMapRef: {name: gone}}]}]}\n"   \
    "status: {phase: Pending}\n"
#define REPLY(status, headers, body)                                                               \
    {                                                                                              \
        .reply = "HTTP/1.1 " status "\r\nContent-Type: application/json\r\n" headers               \
                 "Connection: close\r\n\r\n" body                                                  \
    }

/* Reports to the server and returns how many requests it took. */
static size_t
push(ScriptedServer *server, const char *token_file)
{
    g_autofree char *url = scripted_server_url(server, "/base/");
    const TelemetryConfig config = {
        .name = "findings", .url = url, .tenant = "team", .token_file = token_file};
    g_autoptr(TelemetryApi) api = telemetry_api_new(&config, NULL);
    g_autoptr(TestCluster) cluster = test_cluster_new(POD);
    const CheckOptions options = {.cluster = "prod", .now_s = 1769860800};
    report_push(api, test_cluster_findings(cluster), &options);
    return scripted_server_requests(server);
}

static void
test_sends_the_report(void **state)
{
    (void)state;
    static const ScriptStep step = REPLY("200 OK", "", "{}");
    g_autoptr(ScriptedServer) server = scripted_server_new(&step, 1);
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autofree char *token = temp_dir_file(dir, "token");
    assert_true(g_file_set_contents(token, "hidden\n", -1, NULL));
    assert_int_equal(push(server, token), 1);
    g_autofree char *request = scripted_server_request(server, 0);
    assert_true(g_str_has_prefix(request, "POST /base/api/v1/findings HTTP/1.1\r\n"));
    assert_contains(request, "\r\nAuthorization: Bearer hidden\r\n");
    assert_contains(request, "\r\nX-Scope-OrgID: team\r\n");
    assert_contains(request, "\r\nContent-Type: application/json\r\n");
    assert_contains(request, "\"cluster\":\"prod\",\"clock\":\"2026-01-31T12:00:00Z\"");
    assert_contains(request, "\"title\":\"Pod web needs ConfigMap gone");
}

static void
test_tries_again_when_the_server_is_busy(void **state)
{
    (void)state;
    static const ScriptStep steps[] = {REPLY("429 Too Many Requests", "Retry-After: 1\r\n", "{}"),
                                       REPLY("503 Service Unavailable", "", "busy"),
                                       REPLY("200 OK", "", "{}")};
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, G_N_ELEMENTS(steps));
    assert_int_equal(push(server, NULL), 3);
}

static void
test_does_not_repeat_what_is_refused(void **state)
{
    (void)state;
    static const ScriptStep step = REPLY("409 Conflict", "", "{\"message\":\"older\"}");
    g_autoptr(ScriptedServer) server = scripted_server_new(&step, 1);
    assert_int_equal(push(server, NULL), 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sends_the_report),
        cmocka_unit_test(test_tries_again_when_the_server_is_busy),
        cmocka_unit_test(test_does_not_repeat_what_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
