/* What the client does with the answers of a server that plays a script. */
#include <string.h>

#include "cresset/version.h"
#include "tests/harness/check.h"
#include "tests/harness/temp_dir.h"
#include "tests/unit/lib/k8s/peer.h"

/* --- single objects --------------------------------------------------------------------------- */

static void
test_one_object(void **state)
{
    (void)state;
    const ScriptStep steps[] = {{.reply = JSON_HEAD "{\"kind\":\"Pod\"}"}};
    g_auto(Peer) peer = PEER(steps);
    g_autofree char *path = k8s_path("", "v1", "shop", "pods", "web/1");
    g_autoptr(GBytes) body = NULL;
    g_auto(K8sOutcome) outcome = {0};
    assert_true(k8s_client_get(peer.client, path, K8S_OBJECTS, NULL, &body, &outcome));
    assert_int_equal(outcome.result, K8S_OK);
    assert_int_equal(outcome.status, 200);
    assert_int_equal(scripted_server_requests(peer.server), 1);
    assert_string_equal(outcome.message, "");
    assert_memory_equal(g_bytes_get_data(body, NULL), "{\"kind\":\"Pod\"}", 14);
    peer_expect_request(&peer, 0, "/api/v1/namespaces/shop/pods/web%2F1");
    g_autofree char *seen = scripted_server_request(peer.server, 0);
    assert_contains(seen, "\r\nUser-Agent: cresset-test/" CRESSET_VERSION "\r\n");
    assert_contains(seen, "\r\nAccept: application/json\r\n");
    assert_contains(seen, "gzip");
    assert_lacks(seen, "Authorization");
}

static void
test_the_metadata_of_one_object(void **state)
{
    (void)state;
    const ScriptStep steps[] = {{.reply = JSON_HEAD "{}"}};
    g_auto(Peer) peer = PEER(steps);
    g_autoptr(GBytes) body = NULL;
    g_auto(K8sOutcome) outcome = {0};
    assert_true(k8s_client_get(peer.client, "/x", K8S_METADATA, NULL, &body, &outcome));
    g_autofree char *seen = scripted_server_request(peer.server, 0);
    assert_contains(seen, "\r\nAccept: application/json;as=PartialObjectMetadata;g=meta.k8s.io;"
                          "v=v1,application/json\r\n");
}

static void
test_an_object_is_created(void **state)
{
    (void)state;
    static const struct {
        const char *reply;
        K8sResult result;
        int status;
    } cases[] = {
        {"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n\r\n{}", K8S_OK, 201},
        {STATUS("409", "AlreadyExists", "it is there"), K8S_FAILED, 409},
        {STATUS("403", "Forbidden", "cannot create resource"), K8S_FORBIDDEN, 403},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const ScriptStep steps[] = {{.reply = cases[i].reply}};
        g_auto(Peer) peer = PEER(steps);
        g_autoptr(GBytes) object = g_bytes_new_static("{\"kind\":\"Event\"}", 16);
        g_auto(K8sOutcome) outcome = {0};
        bool is_done = k8s_client_create(peer.client, "/apis/a/v1/bs", object, NULL, &outcome);
        assert_int_equal(is_done, cases[i].result == K8S_OK);
        assert_int_equal(outcome.result, cases[i].result);
        assert_int_equal(outcome.status, cases[i].status);
        g_autofree char *seen = scripted_server_request(peer.server, 0);
        assert_true(g_str_has_prefix(seen, "POST /base/apis/a/v1/bs HTTP/1.1\r\n"));
        assert_contains(seen, "\r\nContent-Type: application/json\r\n");
        assert_true(g_str_has_suffix(seen, "\r\n\r\n{\"kind\":\"Event\"}"));
    }
}

static void
test_paths(void **state)
{
    (void)state;
    g_autofree char *core = k8s_path("", "v1", NULL, "pods", NULL);
    assert_string_equal(core, "/api/v1/pods");
    g_autofree char *group = k8s_path("apps", "v1", "a b", "deployments", "?x=y");
    assert_string_equal(group, "/apis/apps/v1/namespaces/a%20b/deployments/%3Fx%3Dy");
}

static K8sResult
get_once(const char *reply, bool is_list, int status, const char *message)
{
    const ScriptStep steps[] = {{.reply = reply}};
    g_auto(Peer) peer = PEER(steps);
    const K8sCall call = {.tries_max = 1};
    g_autoptr(GBytes) body = NULL;
    g_auto(K8sOutcome) outcome = {0};
    const K8sList list = {.path = "/apis/a/v1/bs"};
    bool done = is_list ? k8s_client_list(peer.client, &list, &call, NULL, NULL, &outcome)
                        : k8s_client_get(peer.client, "/apis/a/v1/bs/c", K8S_OBJECTS, &call, &body,
                                         &outcome);
    assert_false(done);
    assert_null(body);
    assert_int_equal(outcome.status, status);
    assert_string_equal(outcome.message, message);
    assert_false(outcome.is_partial);
    return outcome.result;
}

static void
test_what_errors_mean(void **state)
{
    (void)state;
    static const char *const absent = "404 page not found";
    assert_int_equal(get_once(PLAIN("404", "404 page not found"), true, 404, absent), K8S_ABSENT);
    assert_int_equal(get_once(PLAIN("404", "404 page not found"), false, 404, absent), K8S_ABSENT);
    assert_int_equal(get_once(STATUS("404", "NotFound", "no c"), false, 404, "no c"),
                     K8S_NOT_FOUND);
    assert_int_equal(get_once(STATUS("404", "NotFound", "no c"), true, 404, "no c"), K8S_ABSENT);
    assert_int_equal(get_once(STATUS("403", "Forbidden", "x\\u001b\\n"), true, 403, "x\uFFFD"),
                     K8S_FORBIDDEN);
    assert_int_equal(get_once(STATUS("401", "Unauthorized", "who"), true, 401, "who"),
                     K8S_UNAUTHENTICATED);
    assert_int_equal(get_once(STATUS("504", "Timeout", "slow"), true, 504, "slow"), K8S_TIMEOUT);
    assert_int_equal(
        get_once(PLAIN("503", "service unavailable"), true, 503, "service unavailable"),
        K8S_FAILED);
    assert_int_equal(
        get_once("HTTP/1.1 302 X\r\nLocation: /login\r\n\r\n", true, 302, "HTTP status 302"),
        K8S_FAILED);
    assert_int_equal(get_once(STATUS("400", "BadRequest", ""), true, 400, "HTTP status 400"),
                     K8S_FAILED);
}

static void
test_the_reason_is_kept(void **state)
{
    (void)state;
    const ScriptStep steps[] = {{.reply = STATUS("403", "Forbidden", "no")}};
    g_auto(Peer) peer = PEER(steps);
    g_autoptr(GBytes) body = NULL;
    g_auto(K8sOutcome) outcome = {0};
    assert_false(k8s_client_get(peer.client, "/x", K8S_OBJECTS, NULL, &body, &outcome));
    assert_string_equal(outcome.reason, "Forbidden");
    assert_int_equal(outcome.result, K8S_FORBIDDEN);
}

/* --- the server itself ---------------------------------------------------------------------- */

static void
test_readiness(void **state)
{
    (void)state;
    const ScriptStep steps[] = {{.reply = PLAIN("500", "[-]etcd failed")},
                                {.reply = PLAIN("500", "[-]etcd failed")},
                                {.reply = PLAIN("200", "[+]etcd ok")}};
    g_auto(Peer) peer = PEER(steps);
    const K8sCall twice = {.tries_max = 2};
    g_auto(K8sReadiness) bad = {0}, good = {0};
    g_auto(K8sOutcome) outcome = {0};
    assert_true(k8s_client_readiness(peer.client, &twice, &bad, &outcome));
    assert_int_equal(bad.status, 500);
    assert_memory_equal(g_bytes_get_data(bad.text, NULL), "[-]etcd failed\n", 15);
    assert_null(bad.certificate_pem);
    peer_expect_request(&peer, 1, "/readyz?verbose");
    k8s_outcome_clear(&outcome);
    assert_true(k8s_client_readiness(peer.client, &twice, &good, &outcome));
    assert_int_equal(good.status, 200);
    assert_int_equal(scripted_server_requests(peer.server), 3);
}

static void
test_readiness_that_nobody_tells(void **state)
{
    (void)state;
    const ScriptStep steps[] = {{.reply = STATUS("403", "Forbidden", "no")}};
    g_auto(Peer) peer = PEER(steps);
    g_auto(K8sReadiness) readiness = {0};
    g_auto(K8sOutcome) outcome = {0};
    assert_false(k8s_client_readiness(peer.client, NULL, &readiness, &outcome));
    assert_null(readiness.text);
    assert_int_equal(outcome.result, K8S_FORBIDDEN);
}

/* --- patience --------------------------------------------------------------------------------- */

static void
test_a_busy_server_is_asked_again(void **state)
{
    (void)state;
    const ScriptStep steps[] = {
        {.reply = "HTTP/1.1 429 X\r\nRetry-After: 1\r\nContent-Length: 4\r\n\r\nbusy"},
        {.reply = LAST_PAGE}};
    g_auto(Peer) peer = PEER(steps);
    g_auto(K8sOutcome) outcome = {0};
    const K8sList list = {.path = "/api/v1/pods"};
    int64_t start_us = g_get_monotonic_time();
    assert_true(peer_list(&peer, &list, 1, &outcome));
    assert_true(g_get_monotonic_time() - start_us >= 1000 * 1000);
    assert_int_equal(scripted_server_requests(peer.server), 2);
    assert_string_equal(outcome.message, "");
}

static void
test_tries_have_an_end(void **state)
{
    (void)state;
    const ScriptStep steps[] = {{.reply = RETRY_NOW}};
    g_auto(Peer) peer = PEER(steps);
    g_auto(K8sOutcome) outcome = {0};
    g_autoptr(GBytes) body = NULL;
    const K8sCall call = {.tries_max = 2};
    int64_t start_us = g_get_monotonic_time();
    assert_false(k8s_client_get(peer.client, "/x", K8S_OBJECTS, &call, &body, &outcome));
    assert_true(g_get_monotonic_time() - start_us >= 250 * 1000);
    assert_int_equal(scripted_server_requests(peer.server), 2);
    assert_int_equal(outcome.status, 429);
    assert_string_equal(outcome.message, "Try later");
}

static void
test_a_pause_that_is_too_long_is_not_made(void **state)
{
    (void)state;
    const ScriptStep steps[] = {
        {.reply = "HTTP/1.1 429 X\r\nRetry-After: 99999999\r\nContent-Length: 4\r\n\r\nbusy"}};
    g_auto(Peer) peer = PEER(steps);
    g_auto(K8sOutcome) outcome = {0};
    g_autoptr(GBytes) body = NULL;
    assert_false(k8s_client_get(peer.client, "/x", K8S_OBJECTS, NULL, &body, &outcome));
    assert_int_equal(outcome.status, 429);
    assert_int_equal(scripted_server_requests(peer.server), 1);
}

static void
test_a_call_has_an_end(void **state)
{
    (void)state;
    const ScriptStep steps[] = {{.reply = PAGE("\"continue\":\"a\"")}, {.end = SCRIPT_STALL}};
    g_auto(Peer) peer = PEER(steps);
    g_auto(K8sOutcome) outcome = {0}, later = {0};
    const K8sCall call = {.end_us = g_get_monotonic_time() + 300 * 1000, .timeout_ms = 3600 * 1000};
    const K8sList list = {.path = "/api/v1/pods"};
    size_t seen = 0;
    assert_false(k8s_client_list(peer.client, &list, &call, peer_count_page, &seen, &outcome));
    assert_int_equal(outcome.result, K8S_TIMEOUT);
    assert_int_equal(outcome.status, 0);
    assert_true(outcome.is_partial);
    size_t requests = scripted_server_requests(peer.server);
    assert_false(k8s_client_list(peer.client, &list, &call, peer_count_page, &seen, &later));
    assert_int_equal(later.result, K8S_TIMEOUT);
    assert_contains(later.message, "no time was left");
    assert_int_equal(scripted_server_requests(peer.server), requests);
}

static void *
cancel_when_asked(void *user)
{
    void **both = user;
    while (scripted_server_requests(both[0]) == 0)
        g_usleep(500);
    g_cancellable_cancel(both[1]);
    return NULL;
}

static void
test_cancel_ends_a_call(void **state)
{
    (void)state;
    const ScriptStep steps[] = {{.end = SCRIPT_STALL}};
    g_auto(Peer) peer = PEER(steps);
    g_autoptr(GCancellable) cancel = g_cancellable_new();
    const K8sCall call = {.cancel = cancel, .timeout_ms = 3600 * 1000};
    void *both[] = {peer.server, cancel};
    GThread *thread = g_thread_new("cancel", cancel_when_asked, both);
    g_auto(K8sOutcome) outcome = {0};
    g_autoptr(GBytes) body = NULL;
    assert_false(k8s_client_get(peer.client, "/x", K8S_OBJECTS, &call, &body, &outcome));
    (void)g_thread_join(thread);
    assert_int_equal(outcome.result, K8S_CANCELLED);
}

static void
test_an_answer_has_a_size(void **state)
{
    (void)state;
    const ScriptStep steps[] = {{.reply = JSON_HEAD, .padding = 5000}};
    g_auto(Peer) peer = PEER(steps);
    const K8sCall call = {.body_bytes_max = 4000};
    g_auto(K8sOutcome) outcome = {0};
    g_autoptr(GBytes) body = NULL;
    assert_false(k8s_client_get(peer.client, "/x", K8S_OBJECTS, &call, &body, &outcome));
    assert_int_equal(outcome.result, K8S_FAILED);
    assert_contains(outcome.message, "larger than 4000 bytes");
}

/* --- credentials ------------------------------------------------------------------------------ */

typedef struct {
    const char *path, *token;
} NewToken;

static bool
write_token(GBytes *page, void *user, GError **error)
{
    (void)page;
    const NewToken *token = user;
    return g_file_set_contents(token->path, token->token, -1, error);
}

static void
test_a_token_that_is_replaced(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autofree char *path = temp_dir_file(dir, "token");
    assert_true(g_file_set_contents(path, "one", -1, NULL));
    const ScriptStep steps[] = {{.reply = PAGE("\"continue\":\"a\"")},
                                {.reply = LAST_PAGE},
                                {.reply = STATUS("401", "Unauthorized", "Unauthorized")}};
    g_auto(Peer) peer = peer_new(steps, G_N_ELEMENTS(steps), path);
    const K8sList list = {.path = "/api/v1/pods"};
    NewToken token = {.path = path, .token = "two"};
    g_auto(K8sOutcome) outcome = {0}, refused = {0};
    assert_true(k8s_client_list(peer.client, &list, NULL, write_token, &token, &outcome));
    g_autofree char *first = scripted_server_request(peer.server, 0);
    g_autofree char *second = scripted_server_request(peer.server, 1);
    assert_contains(first, "\r\nAuthorization: Bearer one\r\n");
    assert_contains(second, "\r\nAuthorization: Bearer two\r\n");
    /* The file still holds what was refused: nothing is gained by another try. */
    assert_false(k8s_client_list(peer.client, &list, NULL, write_token, &token, &refused));
    assert_int_equal(refused.result, K8S_UNAUTHENTICATED);
    assert_int_equal(scripted_server_requests(peer.server), 3);
}

/* A plug-in whose token is "1" when it is run first, then "2", … */
static ExecPlugin *
counting_plugin(const TempDir *dir)
{
    g_autofree char *count = temp_dir_file(dir, "count");
    g_autofree char *script = g_strdup_printf(
        "echo >>%s; n=$(wc -l <%s); echo "
        "'{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\","
        "\"status\":{\"token\":\"'$((n))'\"}}'",
        count, count);
    const char *const args[] = {"-c", script, NULL};
    ExecPlugin *plugin = g_new0(ExecPlugin, 1);
    plugin->command = g_strdup("sh");
    plugin->api_version = g_strdup("client.authentication.k8s.io/v1");
    plugin->args = g_strdupv((char **)(uintptr_t)args);
    return plugin;
}

static void
test_refused_credentials_are_replaced_once(void **state)
{
    (void)state;
    const ScriptStep steps[] = {{.reply = STATUS("401", "Unauthorized", "old")},
                                {.reply = JSON_HEAD "{}"},
                                {.reply = STATUS("401", "Unauthorized", "never")}};
    g_autoptr(TempDir) dir = temp_dir_new();
    g_auto(Peer) peer = PEER(steps);
    ((K8sConfig *)(uintptr_t)k8s_client_config(peer.client))->exec = counting_plugin(dir);
    g_auto(K8sOutcome) outcome = {0}, refused = {0};
    g_autoptr(GBytes) body = NULL;
    assert_true(k8s_client_get(peer.client, "/x", K8S_OBJECTS, NULL, &body, &outcome));
    assert_int_equal(outcome.result, K8S_OK);
    assert_int_equal(scripted_server_requests(peer.server), 2);
    assert_null(outcome.reason);
    assert_false(k8s_client_get(peer.client, "/x", K8S_OBJECTS, NULL, &body, &refused));
    assert_int_equal(refused.result, K8S_UNAUTHENTICATED);
    static const char *const tokens[] = {"1", "2", "2", "3"};
    assert_int_equal(scripted_server_requests(peer.server), G_N_ELEMENTS(tokens));
    for (size_t i = 0; i < G_N_ELEMENTS(tokens); i++) {
        g_autofree char *seen = scripted_server_request(peer.server, i);
        g_autofree char *line = g_strdup_printf("\r\nAuthorization: Bearer %s\r\n", tokens[i]);
        assert_contains(seen, line);
    }
}

static void
test_no_credentials_to_be_had(void **state)
{
    (void)state;
    const ScriptStep steps[] = {{.reply = LAST_PAGE}};
    g_auto(Peer) peer = peer_new(steps, 1, "/nonexistent/token");
    g_auto(K8sOutcome) outcome = {0};
    g_autoptr(GBytes) body = NULL;
    assert_false(k8s_client_get(peer.client, "/x", K8S_OBJECTS, NULL, &body, &outcome));
    assert_int_equal(outcome.result, K8S_UNAUTHENTICATED);
    assert_contains(outcome.message, "/nonexistent/token");
    assert_int_equal(scripted_server_requests(peer.server), 0);
}

/* --- logs ------------------------------------------------------------------------------------- */

static void
test_a_log(void **state)
{
    (void)state;
    const ScriptStep steps[] = {
        {.reply = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\na\nb\n"},
        {.reply = STATUS("400", "BadRequest", "is waiting\\n")}};
    g_auto(Peer) peer = PEER(steps);
    const K8sLog log = {.namespace = "shop",
                        .pod = "web-1",
                        .container = "app",
                        .previous = true,
                        .tail_lines = 60,
                        .limit_bytes = 1000};
    g_autoptr(GBytes) text = NULL;
    g_auto(K8sOutcome) outcome = {0}, refused = {0};
    assert_true(k8s_client_log(peer.client, &log, NULL, &text, &outcome));
    assert_int_equal(g_bytes_get_size(text), 4);
    peer_expect_request(&peer, 0,
                        "/api/v1/namespaces/shop/pods/web-1/log?container=app&previous=true&"
                        "tailLines=60&limitBytes=1000");
    const K8sLog all = {.namespace = "shop", .pod = "web-1"};
    assert_false(k8s_client_log(peer.client, &all, NULL, &text, &refused));
    assert_int_equal(refused.result, K8S_FAILED);
    assert_int_equal(refused.status, 400);
    assert_string_equal(refused.message, "is waiting");
    peer_expect_request(&peer, 1, "/api/v1/namespaces/shop/pods/web-1/log?limitBytes=65536");
}

/* --- threads ---------------------------------------------------------------------------------- */

static void *
list_many(void *user)
{
    const K8sList list = {.path = "/api/v1/pods"};
    size_t good = 0;
    for (int i = 0; i < 20; i++) {
        size_t seen = 0;
        g_auto(K8sOutcome) outcome = {0};
        good += k8s_client_list(user, &list, NULL, peer_count_page, &seen, &outcome);
    }
    return GSIZE_TO_POINTER(good);
}

static void
test_threads_share_a_client(void **state)
{
    (void)state;
    const ScriptStep steps[] = {{.reply = LAST_PAGE}};
    g_auto(Peer) peer = PEER(steps);
    GThread *threads[4];
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("list", list_many, peer.client);
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        assert_int_equal(GPOINTER_TO_SIZE(g_thread_join(threads[i])), 20);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_object),
        cmocka_unit_test(test_the_metadata_of_one_object),
        cmocka_unit_test(test_an_object_is_created),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_what_errors_mean),
        cmocka_unit_test(test_the_reason_is_kept),
        cmocka_unit_test(test_readiness),
        cmocka_unit_test(test_readiness_that_nobody_tells),
        cmocka_unit_test(test_a_busy_server_is_asked_again),
        cmocka_unit_test(test_tries_have_an_end),
        cmocka_unit_test(test_a_pause_that_is_too_long_is_not_made),
        cmocka_unit_test(test_a_call_has_an_end),
        cmocka_unit_test(test_cancel_ends_a_call),
        cmocka_unit_test(test_an_answer_has_a_size),
        cmocka_unit_test(test_a_token_that_is_replaced),
        cmocka_unit_test(test_refused_credentials_are_replaced_once),
        cmocka_unit_test(test_no_credentials_to_be_had),
        cmocka_unit_test(test_a_log),
        cmocka_unit_test(test_threads_share_a_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
