/* The client against the bytes of a real API server: recordings of requests and their answers. */
#include <string.h>

#include "lib/k8s/client.h"
#include "lib/k8s/discovery.h"
#include "lib/k8s/event_stream.h"
#include "tests/harness/check.h"
#include "tests/harness/scripted_server.h"

static GBytes *
read_recording(const char *folder, const char *name)
{
    g_autofree char *path = g_build_filename(CRESSET_RECORDINGS_DIR, folder, name, NULL);
    char *text;
    gsize size;
    if (!g_file_get_contents(path, &text, &size, NULL))
        fail_msg("cannot read %s", path);
    return g_bytes_new_take(text, size);
}

static GBytes *
response_of(const char *name)
{
    g_autofree char *file = g_strconcat(name, ".response", NULL);
    return read_recording("wire", file);
}

/* "/api/v1/pods?limit=5" of the recorded request. */
static char *
target_of(const char *name)
{
    g_autofree char *file = g_strconcat(name, ".request", NULL);
    g_autoptr(GBytes) bytes = read_recording("wire", file);
    g_autofree char *text = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    g_auto(GStrv) words = g_strsplit(text, " ", 3);
    return g_strdup(words[1]);
}

static K8sClient *
client_of(ScriptedServer *server)
{
    g_autofree char *url = scripted_server_url(server, "");
    const K8sConfigOptions options = {.server = url};
    return k8s_client_new(k8s_config_load(&options, NULL), "test");
}

typedef struct {
    const char *name;
    bool is_list;
    K8sResult result;
    int status;
    const char *reason;  /* NULL: none */
    const char *message; /* a part of it; "" when all went well */
} Recorded;

static const Recorded RECORDED[] = {
    {"aggregated-api-down-503", true, K8S_FAILED, 503, NULL, "service unavailable"},
    {"anonymous-403", true, K8S_FORBIDDEN, 403, "Forbidden", "\"system:anonymous\" cannot list"},
    {"forbidden-403", true, K8S_FORBIDDEN, 403, "Forbidden", "pods is forbidden: User"},
    {"forbidden-item-403", false, K8S_FORBIDDEN, 403, "Forbidden", "cannot get resource"},
    {"list-bad-continue-400", true, K8S_FAILED, 400, "BadRequest", "invalid continue token"},
    {"list-empty", true, K8S_OK, 200, NULL, ""},
    {"list-events-not-normal", true, K8S_OK, 200, NULL, ""},
    {"list-exact-expired-410", true, K8S_FAILED, 410, "Expired", "too old"},
    {"list-expired-continue-410", true, K8S_FAILED, 410, "Expired",
     "continue parameter is too old"},
    {"list-page-last", true, K8S_OK, 200, NULL, ""},
    {"list-resource-version-too-large", true, K8S_TIMEOUT, 504, "Timeout", "Too large resource"},
    {"list-rv-with-continue-400", true, K8S_FAILED, 400, "BadRequest", "not allowed when using"},
    {"list-rv0-limit-ignored", true, K8S_OK, 200, NULL, ""},
    {"log-empty", false, K8S_OK, 200, NULL, ""},
    {"log-forbidden-403", false, K8S_FORBIDDEN, 403, "Forbidden", "cannot get resource"},
    {"log-no-previous-400", false, K8S_FAILED, 400, "BadRequest", "previous terminated container"},
    {"log-node-unreachable", false, K8S_FAILED, 500, "", "no route to host"},
    {"log-pod-gone-404", false, K8S_NOT_FOUND, 404, "NotFound", "pods \"gone\" not found"},
    {"log-previous", false, K8S_OK, 200, NULL, ""},
    {"log-waiting-400", false, K8S_FAILED, 400, "BadRequest", "CreateContainerConfigError"},
    {"log-wrong-container-400", false, K8S_FAILED, 400, "BadRequest", "container wrong is not"},
    {"method-not-allowed-405", false, K8S_FAILED, 405, "MethodNotAllowed", "does not allow"},
    {"no-such-namespace-empty-list", true, K8S_OK, 200, NULL, ""},
    {"no-such-resource-404", true, K8S_ABSENT, 404, NULL, "404 page not found"},
    {"not-acceptable-406", true, K8S_FAILED, 406, "NotAcceptable", "406: Not Acceptable Available"},
    {"not-found-404", false, K8S_NOT_FOUND, 404, "NotFound", "pods \"nothing\" not found"},
    {"pods-128k-gzip-asked-plain", true, K8S_OK, 200, NULL, ""},
    {"pods-gzip", true, K8S_OK, 200, NULL, ""},
    {"pods-protobuf", true, K8S_FAILED, 200, NULL, "not JSON"},
    {"pods-small-gzip-asked-plain", true, K8S_OK, 200, NULL, ""},
    {"readyz-verbose", false, K8S_OK, 200, NULL, ""},
    {"secrets-partial-metadata", true, K8S_OK, 200, NULL, ""},
    {"too-many-requests-429", true, K8S_FAILED, 429, NULL, "Too many requests"},
    {"unauthorized-401", true, K8S_UNAUTHENTICATED, 401, "Unauthorized", "Unauthorized"},
    {"version", false, K8S_OK, 200, NULL, ""},
    {"watch-forbidden-403", true, K8S_FORBIDDEN, 403, "Forbidden", "cannot watch"},
};

static bool
count_page(GBytes *page, void *user, GError **error)
{
    (void)error;
    *(size_t *)user += g_bytes_get_size(page);
    return true;
}

static void
expect_recorded(const Recorded *recorded)
{
    g_autoptr(GBytes) response = response_of(recorded->name);
    const ScriptStep steps[] = {{.body = response}};
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, 1);
    g_autoptr(K8sClient) client = client_of(server);
    g_autofree char *target = target_of(recorded->name);
    const K8sCall call = {.tries_max = 1};
    const K8sList list = {.path = target};
    g_auto(K8sOutcome) outcome = {0};
    g_autoptr(GBytes) body = NULL;
    size_t size = 0;
    bool done = recorded->is_list
                    ? k8s_client_list(client, &list, &call, count_page, &size, &outcome)
                    : k8s_client_get(client, target, K8S_ANY, &call, &body, &outcome);
    if (outcome.result != recorded->result || outcome.status != recorded->status)
        fail_msg("%s: result %d, status %d, %s", recorded->name, (int)outcome.result,
                 outcome.status, outcome.message);
    assert_int_equal(done, recorded->result == K8S_OK);
    assert_contains(outcome.message, recorded->message);
    if (recorded->reason == NULL)
        assert_null(outcome.reason);
    else if (*recorded->reason != '\0')
        assert_string_equal(outcome.reason, recorded->reason);
    assert_int_equal(size > 0, done && recorded->is_list);
}

static void
test_what_a_real_server_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(RECORDED); i++)
        expect_recorded(&RECORDED[i]);
}

/* What the recorder sent, but for its limit of 5; the third page was asked for with another one. */
static void
test_pages_are_asked_for_as_recorded(void **state)
{
    (void)state;
    g_autoptr(GBytes) first = response_of("list-page-1"), second = response_of("list-page-2"),
                      last = response_of("list-page-last");
    const ScriptStep steps[] = {{.body = first}, {.body = second}, {.body = last}};
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, G_N_ELEMENTS(steps));
    g_autoptr(K8sClient) client = client_of(server);
    const K8sList list = {.path = "/api/v1/pods"};
    size_t size = 0;
    g_auto(K8sOutcome) outcome = {0};
    assert_true(k8s_client_list(client, &list, NULL, count_page, &size, &outcome));
    assert_int_equal(outcome.pages, 3);
    static const char *const names[] = {"list-page-1", "list-page-2"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *target = target_of(names[i]);
        g_autoptr(GString) line = g_string_new("GET ");
        g_string_append_printf(line, "%s HTTP/1.1\r\n", target);
        assert_int_equal(g_string_replace(line, "?limit=5", "?limit=500&timeout=30s", 1), 1);
        g_autofree char *request = scripted_server_request(server, i);
        assert_true(g_str_has_prefix(request, line->str));
    }
}

static void
test_a_compressed_list_is_unpacked(void **state)
{
    (void)state;
    g_autoptr(GBytes) packed = response_of("pods-gzip");
    const ScriptStep steps[] = {{.body = packed}};
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, 1);
    g_autoptr(K8sClient) client = client_of(server);
    const K8sList list = {.path = "/api/v1/pods"};
    size_t size = 0;
    g_auto(K8sOutcome) outcome = {0};
    assert_true(k8s_client_list(client, &list, NULL, count_page, &size, &outcome));
    assert_true(size > 128 * 1024);
    assert_true(size > 2 * g_bytes_get_size(packed));
}

static Discovery *
aggregated(const char *wire_name)
{
    Discovery *discovery = discovery_new();
    g_autoptr(GBytes) core = read_recording("discovery", "api.aggregated.json");
    bool complete = false;
    assert_true(discovery_add_groups(discovery, core, &complete, NULL));
    assert_true(complete);
    g_autoptr(GBytes) response = response_of(wire_name);
    const ScriptStep steps[] = {{.body = response}};
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, 1);
    g_autoptr(K8sClient) client = client_of(server);
    g_auto(K8sOutcome) outcome = {0};
    g_autoptr(GBytes) groups = NULL;
    assert_true(k8s_client_get(client, "/apis", K8S_DISCOVERY, NULL, &groups, &outcome));
    assert_true(discovery_add_groups(discovery, groups, &complete, NULL));
    assert_true(complete);
    return discovery;
}

static void
test_a_dead_backend_is_stale(void **state)
{
    (void)state;
    g_autoptr(Discovery) live = aggregated("discovery-aggregated");
    g_autoptr(Discovery) stale = aggregated("discovery-aggregated-stale");
    assert_false(discovery_is_stale(live, "metrics.k8s.io"));
    assert_true(discovery_is_stale(stale, "metrics.k8s.io"));
    assert_false(discovery_is_stale(stale, "apps"));
    assert_non_null(discovery_find(live, "metrics.k8s.io", "nodes", NULL));
    const DiscoveredResource *found = discovery_find(stale, "apps", "deployments", NULL);
    assert_non_null(found);
    assert_string_equal(found->version, "v1");
    assert_non_null(discovery_find(stale, "", "nodes", NULL));
    found = discovery_find(stale, "autoscaling", "horizontalpodautoscalers", NULL);
    assert_string_equal(found->version, "v2");
    found = discovery_find(stale, "autoscaling", "horizontalpodautoscalers", "v1");
    assert_string_equal(found->version, "v1");
}

static void
add_plain(Discovery *discovery, const char *file)
{
    g_autoptr(GBytes) body = read_recording("discovery", file);
    bool complete = true;
    assert_true(discovery_add_groups(discovery, body, &complete, NULL));
    assert_false(complete);
}

/* Both ways of discovery say the same. */
static void
test_plain_and_aggregated_agree(void **state)
{
    (void)state;
    g_autoptr(Discovery) plain = discovery_new(), whole = aggregated("discovery-aggregated");
    add_plain(plain, "api.json");
    add_plain(plain, "apis.json");
    size_t n_versions, n_resources, n_plain;
    const DiscoveredVersion *versions = discovery_versions(plain, &n_versions);
    for (size_t i = 0; i < n_versions; i++) {
        const DiscoveredVersion *version = &versions[i];
        g_autofree char *file =
            *version->group == '\0'
                ? g_strdup_printf("api_%s.json", version->version)
                : g_strdup_printf("apis_%s_%s.json", version->group, version->version);
        g_autoptr(GBytes) body = read_recording("discovery", file);
        assert_true(discovery_add_resources(plain, version->group, version->version, body, NULL));
    }
    const DiscoveredResource *resources = discovery_resources(whole, &n_resources);
    discovery_resources(plain, &n_plain);
    assert_true(n_resources > 50);
    assert_int_equal(n_resources, n_plain);
    for (size_t i = 0; i < n_resources; i++) {
        const DiscoveredResource *one = &resources[i];
        const DiscoveredResource *other =
            discovery_find(plain, one->group, one->resource, one->version);
        assert_non_null(other);
        assert_string_equal(other->version, one->version);
    }
}

/* Notes events as "TYPE NAME VERSION;". */
static bool
note_event(const Event *event, void *user, GError **error)
{
    (void)error;
    g_string_append_printf(
        user, "%d %s %s;", (int)event->type, value_text(event->object, "metadata.name"),
        event->type == EVENT_ERROR ? value_text(event->object, "code")
                                   : value_text(event->object, "metadata.resourceVersion"));
    return true;
}

static bool
feed_events(const void *data, size_t size, void *user, GError **error)
{
    return event_stream_feed(user, data, size, error);
}

static void
expect_events(const char *name, const char *query, unsigned timeout_s, const char *events)
{
    g_autoptr(GBytes) response = response_of(name);
    const ScriptStep steps[] = {{.body = response}};
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, 1);
    g_autoptr(K8sClient) client = client_of(server);
    g_autoptr(GString) notes = g_string_new(NULL);
    g_autoptr(EventStream) stream = event_stream_new(note_event, notes);
    const K8sWatch watch = {.path = "/api/v1/namespaces/default/configmaps",
                            .query = query,
                            .resource_version = "1160",
                            .timeout_s = timeout_s};
    g_auto(K8sOutcome) outcome = {0};
    assert_true(k8s_client_watch(client, &watch, NULL, feed_events, stream, &outcome));
    assert_int_equal(outcome.status, 200);
    assert_true(event_stream_is_between(stream));
    assert_string_equal(notes->str, events);
}

static void
test_watches_of_a_real_server(void **state)
{
    (void)state;
    expect_events("watch-bookmark", NULL, 75,
                  "0 watched-0 1163;2 watched-0 1164;0 watched-1 1166;2 watched-1 1167;"
                  "0 watched-2 1169;2 watched-2 1170;3  1280;3  1295;");
    expect_events("watch-expired-version-error-event", NULL, 5, "4  410;");
}

static void
test_a_watch_that_a_real_server_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        K8sResult result;
        int status;
        int64_t retry_after_ms;
    } cases[] = {{"watch-forbidden-403", K8S_FORBIDDEN, 403, 0},
                 {"unauthorized-401", K8S_UNAUTHENTICATED, 401, 0},
                 {"list-exact-expired-410", K8S_FAILED, 410, 0},
                 {"too-many-requests-429", K8S_FAILED, 429, 1000}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GBytes) response = response_of(cases[i].name);
        const ScriptStep steps[] = {{.body = response}};
        g_autoptr(ScriptedServer) server = scripted_server_new(steps, 1);
        g_autoptr(K8sClient) client = client_of(server);
        const K8sWatch watch = {.path = "/api/v1/pods", .resource_version = "1", .timeout_s = 5};
        g_auto(K8sOutcome) outcome = {0};
        assert_false(k8s_client_watch(client, &watch, NULL, feed_events, NULL, &outcome));
        assert_int_equal(outcome.result, cases[i].result);
        assert_int_equal(outcome.status, cases[i].status);
        assert_int_equal(outcome.retry_after_ms, cases[i].retry_after_ms);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_real_server_says),
        cmocka_unit_test(test_pages_are_asked_for_as_recorded),
        cmocka_unit_test(test_a_compressed_list_is_unpacked),
        cmocka_unit_test(test_watches_of_a_real_server),
        cmocka_unit_test(test_a_watch_that_a_real_server_refuses),
        cmocka_unit_test(test_a_dead_backend_is_stale),
        cmocka_unit_test(test_plain_and_aggregated_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
