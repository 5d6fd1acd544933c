#include "analyzers/telemetry/api.h"

#include <string.h>

#include "tests/harness/check.h"
#include "tests/harness/scripted_server.h"
#include "tests/harness/temp_dir.h"

#define REPLY(status, type, body)                                                                  \
    {                                                                                              \
        .reply = "HTTP/1.1 " status "\r\nContent-Type: " type "\r\nConnection: close\r\n\r\n" body \
    }
#define JSON "application/json; charset=utf-8"

typedef struct {
    ScriptedServer *server;
    TelemetryApi *api;
    TelemetryOutcome outcome;
} Peer;

static void
peer_open(Peer *peer, const ScriptStep *steps, size_t n, TelemetryConfig config)
{
    g_autoptr(GError) error = NULL;
    peer->server = scripted_server_new(steps, n);
    g_autofree char *url = scripted_server_url(peer->server, "/prefix/");
    config.name = "metrics";
    config.url = url;
    peer->api = telemetry_api_new(&config, &error);
    assert_no_error(error);
    peer->outcome = (TelemetryOutcome){0};
}

static void
peer_close(Peer *peer)
{
    telemetry_outcome_clear(&peer->outcome);
    telemetry_api_free(peer->api);
    scripted_server_free(peer->server);
}

/* One call; what it was answered with, to be freed, or NULL. */
static char *
peer_call(Peer *peer)
{
    g_autoptr(GBytes) body = NULL;
    const TelemetryCall call = {.path = "/api/v1/query", .form = "query=up"};
    telemetry_outcome_clear(&peer->outcome);
    if (!telemetry_api_call(peer->api, &call, NULL, &body, &peer->outcome))
        return NULL;
    return g_strndup(g_bytes_get_data(body, NULL), g_bytes_get_size(body));
}

static void
test_call_says_who_we_are(void **state)
{
    (void)state;
    static const ScriptStep steps[] = {REPLY("200 OK", JSON, "{}")};
    static const char *const headers[] = {"X-Env: test", NULL};
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autofree char *token = temp_dir_file(dir, "token");
    assert_true(g_file_set_contents(token, "secret\n", -1, NULL));
    Peer peer;
    peer_open(&peer, steps, 1,
              (TelemetryConfig){.tenant = "prod", .headers = headers, .token_file = token});
    g_autofree char *answer = peer_call(&peer);
    assert_string_equal(answer, "{}");
    g_autofree char *request = scripted_server_request(peer.server, 0);
    assert_contains(request, "POST /prefix/api/v1/query HTTP/1.1\r\n");
    assert_contains(request, "X-Scope-OrgID: prod\r\n");
    assert_contains(request, "X-Env: test\r\n");
    assert_contains(request, "Authorization: Bearer secret\r\n");
    assert_contains(request, "Content-Type: application/x-www-form-urlencoded\r\n");
    assert_contains(request, "query=up");
    peer_close(&peer);
}

/* What ends all calls to a back end is asked once; a refused query is only its own. */
static void
test_results(void **state)
{
    (void)state;
    static const struct {
        ScriptStep step;
        TelemetryResult result;
        size_t requests; /* of two calls */
        const char *says;
    } cases[] = {
        {REPLY("401 Unauthorized", "text/plain", "no org id"), TELEMETRY_DENIED, 1, "no org id"},
        {REPLY("403 Forbidden", JSON, "{\"error\":\"x\"}"), TELEMETRY_DENIED, 1, "403"},
        {REPLY("404 Not Found", "text/plain", "404 page not found"), TELEMETRY_MISPLACED, 1,
         "prefix"},
        {REPLY("302 Found", "text/html", "<html>"), TELEMETRY_MISPLACED, 1, "302"},
        {REPLY("200 OK", "text/html", "<html>Grafana</html>"), TELEMETRY_MISPLACED, 1, "HTML"},
        {REPLY("400 Bad Request", JSON, "{\"error\":\"parse error\"}"), TELEMETRY_REFUSED, 2,
         "parse error"},
        {REPLY("422 Unprocessable", JSON, "{\"error\":\"err-mimir-max-chunks-per-query\"}"),
         TELEMETRY_REFUSED, 2, "err-mimir-max-chunks-per-query"},
        {REPLY("404 Not Found", JSON, "{\"code\":\"not_found\",\"message\":\"no such profile\"}"),
         TELEMETRY_REFUSED, 2, "no such profile"},
        {REPLY("404 Not Found", JSON, "{\"code\":\"unimplemented\",\"message\":\"no route\"}"),
         TELEMETRY_MISPLACED, 1, "prefix"},
        {REPLY("404 Not Found", JSON, "{\"message\":\"no route\"}"), TELEMETRY_MISPLACED, 1,
         "prefix"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        Peer peer;
        peer_open(&peer, &cases[i].step, 1, (TelemetryConfig){0});
        assert_null(peer_call(&peer));
        assert_int_equal(peer.outcome.result, cases[i].result);
        assert_contains(peer.outcome.why, cases[i].says);
        assert_null(peer_call(&peer));
        assert_int_equal(peer.outcome.result, cases[i].result);
        assert_contains(peer.outcome.why, cases[i].says);
        assert_int_equal(scripted_server_requests(peer.server), cases[i].requests);
        bool is_ended = telemetry_api_state(peer.api, NULL) != TELEMETRY_OK;
        assert_int_equal(is_ended, cases[i].requests == 1);
        peer_close(&peer);
    }
}

static void
test_a_failing_back_end_is_tried_three_times(void **state)
{
    (void)state;
    static const ScriptStep steps[] = {REPLY("502 Bad Gateway", "text/html", "<html>")};
    Peer peer;
    const char *why;
    peer_open(&peer, steps, 1, (TelemetryConfig){0});
    assert_null(peer_call(&peer));
    assert_null(peer_call(&peer));
    assert_int_equal(scripted_server_requests(peer.server), TELEMETRY_TRIES);
    assert_int_equal(telemetry_api_state(peer.api, &why), TELEMETRY_UNREACHABLE);
    assert_contains(why, "502");
    peer_close(&peer);
}

/* In JSON a 503 may be about the query; not so when Connect says that it is not. */
static void
test_a_connect_server_that_is_unavailable_is_left_alone(void **state)
{
    (void)state;
    static const ScriptStep steps[] = {
        REPLY("503 Service Unavailable", "application/json",
              "{\"code\":\"unavailable\",\"message\":\"no store\"}")};
    Peer peer;
    peer_open(&peer, steps, 1, (TelemetryConfig){0});
    assert_null(peer_call(&peer));
    assert_null(peer_call(&peer));
    assert_int_equal(peer.outcome.result, TELEMETRY_UNREACHABLE);
    assert_contains(peer.outcome.why, "no store");
    assert_int_equal(scripted_server_requests(peer.server), TELEMETRY_TRIES);
    peer_close(&peer);
}

static void
test_a_failure_that_passes(void **state)
{
    (void)state;
    static const ScriptStep steps[] = {
        REPLY("429 Too Many Requests", "text/plain", "too many outstanding requests"),
        REPLY("200 OK", JSON, "{}")};
    Peer peer;
    peer_open(&peer, steps, 2, (TelemetryConfig){0});
    g_autofree char *answer = peer_call(&peer);
    assert_string_equal(answer, "{}");
    assert_int_equal(telemetry_api_state(peer.api, NULL), TELEMETRY_OK);
    peer_close(&peer);
}

static void
test_nobody_listens(void **state)
{
    (void)state;
    static const ScriptStep steps[] = {REPLY("200 OK", JSON, "{}")};
    ScriptedServer *server = scripted_server_new(steps, 1);
    g_autofree char *url = scripted_server_url(server, "");
    scripted_server_free(server);
    const TelemetryConfig config = {.name = "metrics", .url = url};
    g_autoptr(TelemetryApi) api = telemetry_api_new(&config, NULL);
    g_autoptr(GBytes) body = NULL;
    g_auto(TelemetryOutcome) outcome = {0};
    const TelemetryCall call = {.path = "/api/v1/query"};
    assert_false(telemetry_api_call(api, &call, NULL, &body, &outcome));
    assert_int_equal(outcome.result, TELEMETRY_UNREACHABLE);
    assert_contains(outcome.why, "127.0.0.1");
}

static void
test_clock_skew(void **state)
{
    (void)state;
    static const ScriptStep steps[] = {
        {.reply = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
                  "Date: Wed, 01 Jan 2020 00:00:00 GMT\r\n\r\n{}"}};
    Peer peer;
    peer_open(&peer, steps, 1, (TelemetryConfig){0});
    assert_int_equal(telemetry_api_clock_skew(peer.api), 0);
    g_free(peer_call(&peer));
    assert_true(telemetry_api_clock_skew(peer.api) < -5 * 365 * 24 * 3600LL);
    peer_close(&peer);
}

static void
test_urls(void **state)
{
    (void)state;
    static const char *const bad[] = {"",          "mimir:9009",       "ftp://host/",
                                      "http:///x", "http://host/?a=b", "http://host/#top"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        const TelemetryConfig config = {.name = "logs", .url = bad[i]};
        assert_null(telemetry_api_new(&config, &error));
        assert_error_says(error, "logs");
    }
    const TelemetryConfig config = {.name = "logs", .url = "http://user:hidden@host/loki"};
    g_autoptr(TelemetryApi) api = telemetry_api_new(&config, NULL);
    assert_lacks(telemetry_api_url(api), "hidden");
}

static void
test_quotes(void **state)
{
    (void)state;
    static const char *const texts[] = {"a.b", "c|\"d", NULL};
    g_autofree char *quoted = telemetry_quote("a\"b\\c\nd"), *any = telemetry_quote_any(texts);
    assert_string_equal(quoted, "\"a\\\"b\\\\c\\x0ad\"");
    assert_string_equal(any, "\"a\\\\.b|c\\\\|\\\"d\"");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_call_says_who_we_are),
        cmocka_unit_test(test_results),
        cmocka_unit_test(test_a_failing_back_end_is_tried_three_times),
        cmocka_unit_test(test_a_connect_server_that_is_unavailable_is_left_alone),
        cmocka_unit_test(test_a_failure_that_passes),
        cmocka_unit_test(test_nobody_listens),
        cmocka_unit_test(test_clock_skew),
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_quotes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
