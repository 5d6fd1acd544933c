#include "lib/k8s/discovery.h"

#include <string.h>

#include "lib/base/error.h"
#include "tests/harness/check.h"
#include "tests/harness/scripted_server.h"

#define RESOURCE(name, kind, scope, verbs)                                                         \
    "{\"resource\":\"" name "\",\"responseKind\":{\"group\":\"\",\"kind\":\"" kind                 \
    "\"},\"scope\":\"" scope "\",\"verbs\":[" verbs "],\"subresources\":[{\"subresource\":"        \
    "\"status\",\"responseKind\":{\"kind\":\"X\"},\"verbs\":[\"create\"]}]}"

static const char CORE[] =
    "{\"kind\":\"APIGroupDiscoveryList\",\"apiVersion\":\"apidiscovery.k8s.io/v2\",\"metadata\":{},"
    "\"items\":[{\"metadata\":{},\"versions\":[{\"version\":\"v1\",\"resources\":[" RESOURCE(
        "pods", "Pod", "Namespaced",
        "\"get\",\"list\",\"watch\"") "," RESOURCE("nodes", "Node", "Cluster",
                                                   "\"list\"") "],"
                                                               "\"freshness\":\"Current\"}]}]}";

static const char GROUPS[] =
    "{\"kind\":\"APIGroupDiscoveryList\",\"items\":["
    "{\"metadata\":{\"name\":\"gateway.example\"},\"versions\":["
    "{\"version\":\"v1\",\"resources\":[" RESOURCE(
        "gateways", "Gateway", "Namespaced",
        "\"list\"") "]},"
                    "{\"version\":\"v1beta1\",\"resources\":[" RESOURCE(
                        "gateways", "Gateway", "Namespaced",
                        "\"list\",\"delete\"") "," RESOURCE("grants", "Grant", "Namespaced",
                                                            "") "]}]},"
                                                                "{\"versions\":[{\"freshness\":"
                                                                "\"Stale\",\"version\":\"v1beta1\"}"
                                                                "],"
                                                                "\"metadata\":{\"name\":\"metrics."
                                                                "k8s.io\"}}]}";

static GBytes *
bytes(const char *text)
{
    return g_bytes_new_static(text, strlen(text));
}

static void
add(Discovery *discovery, const char *text, bool is_complete)
{
    g_autoptr(GBytes) body = bytes(text);
    g_autoptr(GError) error = NULL;
    bool complete = false;
    assert_true(discovery_add_groups(discovery, body, &complete, &error));
    assert_no_error(error);
    assert_int_equal(complete, is_complete);
}

static void
expect_found(const Discovery *discovery, const char *group, const char *resource, const char *asked,
             const char *version)
{
    const DiscoveredResource *found = discovery_find(discovery, group, resource, asked);
    assert_non_null(found);
    assert_string_equal(found->group, group);
    assert_string_equal(found->resource, resource);
    assert_string_equal(found->version, version);
}

static void
test_aggregated(void **state)
{
    (void)state;
    g_autoptr(Discovery) discovery = discovery_new();
    add(discovery, CORE, true);
    add(discovery, GROUPS, true);
    expect_found(discovery, "", "pods", NULL, "v1");
    expect_found(discovery, "", "nodes", NULL, "v1");
    assert_null(discovery_find(discovery, "", "status", NULL));
    assert_null(discovery_find(discovery, "apps", "pods", NULL));
    size_t n_versions, n_resources;
    discovery_versions(discovery, &n_versions);
    discovery_resources(discovery, &n_resources);
    assert_int_equal(n_versions, 4);
    assert_int_equal(n_resources, 5);
}

static void
test_what_crossplane_manages(void **state)
{
    (void)state;
    g_autoptr(Discovery) discovery = discovery_new();
    add(discovery,
        "{\"kind\":\"APIGroupDiscoveryList\",\"items\":[{\"metadata\":{\"name\":\"s3.x.io\"},"
        "\"versions\":[{\"version\":\"v1\",\"resources\":[{\"resource\":\"buckets\","
        "\"categories\":[\"crossplane\",\"managed\"]},{\"resource\":\"others\","
        "\"categories\":[\"crossplane\"]},{\"resource\":\"plain\"}]}]}]}",
        true);
    assert_true(discovery_find(discovery, "s3.x.io", "buckets", NULL)->is_managed);
    assert_false(discovery_find(discovery, "s3.x.io", "others", NULL)->is_managed);
    assert_false(discovery_find(discovery, "s3.x.io", "plain", NULL)->is_managed);
}

static void
test_the_version_that_is_asked_for(void **state)
{
    (void)state;
    g_autoptr(Discovery) discovery = discovery_new();
    add(discovery, GROUPS, true);
    expect_found(discovery, "gateway.example", "gateways", NULL, "v1");
    expect_found(discovery, "gateway.example", "gateways", "v1beta1", "v1beta1");
    expect_found(discovery, "gateway.example", "gateways", "v2", "v1");
    expect_found(discovery, "gateway.example", "grants", "v1", "v1beta1");
}

static void
test_stale_groups(void **state)
{
    (void)state;
    g_autoptr(Discovery) discovery = discovery_new();
    add(discovery, GROUPS, true);
    assert_true(discovery_is_stale(discovery, "metrics.k8s.io"));
    assert_false(discovery_is_stale(discovery, "gateway.example"));
    assert_false(discovery_is_stale(discovery, "absent"));
    assert_null(discovery_find(discovery, "metrics.k8s.io", "pods", NULL));
}

#define PLAIN_APIS                                                                                 \
    "{\"kind\":\"APIGroupList\",\"groups\":[{\"name\":\"gateway.example\",\"versions\":["          \
    "{\"groupVersion\":\"gateway.example/v1beta1\",\"version\":\"v1beta1\"},"                      \
    "{\"groupVersion\":\"gateway.example/v1\",\"version\":\"v1\"}],"                               \
    "\"preferredVersion\":{\"groupVersion\":\"gateway.example/v1\",\"version\":\"v1\"}},"          \
    "{\"name\":\"metrics.k8s.io\",\"versions\":[{\"groupVersion\":\"metrics.k8s.io/v1beta1\","     \
    "\"version\":\"v1beta1\"}]}]}"
#define PLAIN_RESOURCES(resource)                                                                  \
    "{\"kind\":\"APIResourceList\",\"groupVersion\":\"ignored\",\"resources\":[{\"name\":"         \
    "\"" resource                                                                                  \
    "\",\"singularName\":\"\",\"namespaced\":true,\"kind\":\"K\",\"verbs\":[\"get\",\"create\"]}," \
    "{\"name\":\"" resource "/status\",\"namespaced\":true,\"kind\":\"K\",\"verbs\":[\"get\"]}]}"
#define OK(text) "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" text

static Discovery *
load(const ScriptStep *steps, size_t n_steps, K8sOutcome *ret_outcome, ScriptedServer **ret_server)
{
    *ret_server = scripted_server_new(steps, n_steps);
    g_autofree char *url = scripted_server_url(*ret_server, "");
    const K8sConfigOptions options = {.server = url};
    g_autoptr(K8sClient) client = k8s_client_new(k8s_config_load(&options, NULL), "test");
    return discovery_load(client, NULL, ret_outcome);
}

static void
test_an_old_server(void **state)
{
    (void)state;
    const ScriptStep steps[] = {
        {.reply = OK("{\"kind\":\"APIVersions\",\"versions\":[\"v1\"]}")},
        {.reply = OK(PLAIN_RESOURCES("pods"))},
        {.reply = OK(PLAIN_APIS)},
        {.reply = OK(PLAIN_RESOURCES("gateways"))},
        {.reply = OK(PLAIN_RESOURCES("gateways"))},
        {.reply = "HTTP/1.1 503 X\r\nContent-Length: 20\r\n\r\nservice unavailable\n"},
    };
    g_autoptr(ScriptedServer) server = NULL;
    g_auto(K8sOutcome) outcome = {0};
    g_autoptr(Discovery) discovery = load(steps, G_N_ELEMENTS(steps), &outcome, &server);
    assert_non_null(discovery);
    static const char *const paths[] = {"/api",
                                        "/api/v1",
                                        "/apis",
                                        "/apis/gateway.example/v1",
                                        "/apis/gateway.example/v1beta1",
                                        "/apis/metrics.k8s.io/v1beta1",
                                        "/apis/metrics.k8s.io/v1beta1"};
    assert_int_equal(scripted_server_requests(server), G_N_ELEMENTS(paths));
    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_autofree char *seen = scripted_server_request(server, i);
        g_autofree char *line = g_strdup_printf("GET %s HTTP/1.1\r\n", paths[i]);
        assert_contains(seen, line);
    }
    expect_found(discovery, "", "pods", NULL, "v1");
    assert_null(discovery_find(discovery, "", "pods/status", NULL));
    expect_found(discovery, "gateway.example", "gateways", NULL, "v1");
    expect_found(discovery, "gateway.example", "gateways", "v1beta1", "v1beta1");
    assert_true(discovery_is_stale(discovery, "metrics.k8s.io"));
    assert_false(discovery_is_stale(discovery, "gateway.example"));
}

static void
test_a_new_server_is_asked_twice(void **state)
{
    (void)state;
    g_autofree char *core = g_strconcat(OK(""), CORE, NULL);
    g_autofree char *groups = g_strconcat(OK(""), GROUPS, NULL);
    const ScriptStep steps[] = {{.reply = core}, {.reply = groups}};
    g_autoptr(ScriptedServer) server = NULL;
    g_auto(K8sOutcome) outcome = {0};
    g_autoptr(Discovery) discovery = load(steps, 2, &outcome, &server);
    assert_non_null(discovery);
    assert_int_equal(scripted_server_requests(server), 2);
    g_autofree char *seen = scripted_server_request(server, 1);
    assert_contains(seen, "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
                          "application/json;g=apidiscovery.k8s.io;v=v2beta1;"
                          "as=APIGroupDiscoveryList,application/json\r\n");
    expect_found(discovery, "", "nodes", "v1", "v1");
    expect_found(discovery, "gateway.example", "grants", NULL, "v1beta1");
}

static void
test_a_server_that_does_not_say(void **state)
{
    (void)state;
    const ScriptStep forbidden[] = {
        {.reply = "HTTP/1.1 403 X\r\n\r\n{\"kind\":\"Status\",\"message\":\"no\","
                  "\"reason\":\"Forbidden\"}"}};
    const ScriptStep other[] = {{.reply = OK("{\"kind\":\"Pod\"}")}};
    g_autoptr(ScriptedServer) first = NULL, second = NULL;
    g_auto(K8sOutcome) refused = {0}, strange = {0};
    assert_null(load(forbidden, 1, &refused, &first));
    assert_int_equal(refused.result, K8S_FORBIDDEN);
    assert_string_equal(refused.message, "no");
    assert_null(load(other, 1, &strange, &second));
    assert_int_equal(strange.result, K8S_FAILED);
    assert_contains(strange.message, "does not name a list of groups");
}

static void
test_a_broken_document_adds_nothing(void **state)
{
    (void)state;
    g_autoptr(Discovery) discovery = discovery_new();
    add(discovery, CORE, true);
    g_autoptr(GBytes) cut = g_bytes_new(GROUPS, strlen(GROUPS) - 1);
    g_autoptr(GError) error = NULL;
    bool complete;
    assert_false(discovery_add_groups(discovery, cut, &complete, &error));
    assert_error_says(error, "not JSON");
    g_clear_error(&error);
    g_autoptr(GBytes) status = bytes("{\"kind\":\"Status\",\"resources\":[{\"name\":\"x\"}]}");
    assert_false(discovery_add_resources(discovery, "a", "v1", status, &error));
    assert_error_says(error, "does not name a list of resources");
    size_t n_versions, n_resources;
    discovery_versions(discovery, &n_versions);
    discovery_resources(discovery, &n_resources);
    assert_int_equal(n_versions, 1);
    assert_int_equal(n_resources, 2);
}

static void
test_discovery_has_a_size(void **state)
{
    (void)state;
    g_autoptr(GString) text = g_string_new("{\"kind\":\"APIVersions\",\"versions\":[\"v0\"");
    for (int i = 1; i <= DISCOVERY_VERSIONS_MAX; i++)
        g_string_append_printf(text, ",\"v%d\"", i);
    g_string_append(text, "],\"x\":{}}");
    g_autoptr(Discovery) discovery = discovery_new();
    g_autoptr(GBytes) body = bytes(text->str);
    g_autoptr(GError) error = NULL;
    bool complete;
    assert_false(discovery_add_groups(discovery, body, &complete, &error));
    assert_error_says(error, "more than 10000 versions");
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_RESOURCE_EXHAUSTED));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_aggregated),
        cmocka_unit_test(test_what_crossplane_manages),
        cmocka_unit_test(test_the_version_that_is_asked_for),
        cmocka_unit_test(test_stale_groups),
        cmocka_unit_test(test_an_old_server),
        cmocka_unit_test(test_a_new_server_is_asked_twice),
        cmocka_unit_test(test_a_server_that_does_not_say),
        cmocka_unit_test(test_a_broken_document_adds_nothing),
        cmocka_unit_test(test_discovery_has_a_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
