#include "tests/harness/check.h"
#include "tests/harness/cluster.h"

#define DEPLOYMENT(replicas, labels)                                                               \
    "apiVersion: apps/v1\n"                                                                        \
    "kind: Deployment\n"                                                                           \
    "metadata: {namespace: shop, name: web}\n"                                                     \
    "spec: {replicas: " replicas ", template: {metadata: {labels: " labels                         \
    "}, spec: {containers: [{name: app}]}}}\n"                                                     \
    "---\n"
#define POD(name, labels, ready, containers)                                                       \
    "apiVersion: v1\n"                                                                             \
    "kind: Pod\n"                                                                                  \
    "metadata: {namespace: shop, name: " name ", labels: " labels "}\n"                            \
    "spec: {containers: " containers "}\n"                                                         \
    "status: {phase: Running, conditions: [{type: Ready, status: '" ready                          \
    "', lastTransitionTime: '2026-01-01T11:00:00Z'}]}\n"                                           \
    "---\n"
#define SLICE(endpoints)                                                                           \
    "apiVersion: discovery.k8s.io/v1\n"                                                            \
    "kind: EndpointSlice\n"                                                                        \
    "metadata: {namespace: shop, name: web-1, labels: {kubernetes.io/service-name: web}}\n"        \
    "endpoints: " endpoints "\n"                                                                   \
    "---\n"
#define SERVICE(spec)                                                                              \
    "apiVersion: v1\n"                                                                             \
    "kind: Service\n"                                                                              \
    "metadata: {namespace: shop, name: web}\n"                                                     \
    "spec: " spec "\n"
#define INGRESS                                                                                    \
    "---\n"                                                                                        \
    "apiVersion: networking.k8s.io/v1\n"                                                           \
    "kind: Ingress\n"                                                                              \
    "metadata: {namespace: shop, name: web}\n"                                                     \
    "spec: {rules: [{host: a.example, http: {paths: [{path: /, backend: {service: {name: web, "    \
    "port: {number: 80}}}}]}}]}\n"                                                                 \
    "status: {loadBalancer: {ingress: [{ip: 192.0.2.1}]}}\n"
#define WEB  "{selector: {app: web}, ports: [{port: 80, targetPort: http}]}"
#define HTTP "[{name: app, ports: [{name: http, containerPort: 8080}]}]"

static void
test_a_selector_that_matches_nothing_is_found_and_the_near_label_named(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new(DEPLOYMENT("2", "{app: web-app}") SERVICE(WEB) INGRESS);
    const Finding *finding =
        test_cluster_expect(cluster, "service-selector-mismatch", "Service shop/web");
    assert_contains(finding->cause, "looks for app=web");
    assert_contains(finding->cause, "Deployment web are labelled app=web-app");
    assert_contains(finding->evidence->pdata[0], "http://a.example/");
}

static void
test_a_fresh_or_unknown_selector_is_left_alone(void **state)
{
    (void)state;
    g_autoptr(TestCluster) young = test_cluster_new(
        "apiVersion: v1\n"
        "kind: Service\n"
        "metadata: {namespace: shop, name: web, creationTimestamp: '2026-01-01T11:58:00Z'}\n"
        "spec: {selector: {app: web}}\n");
    test_cluster_expect_none(young, "service-selector-mismatch");
    g_autoptr(TestCluster) unknown = test_cluster_new(SERVICE(WEB));
    test_cluster_fail(unknown, KIND_DEPLOYMENT, "deployments could not be listed: 403");
    test_cluster_expect_none(unknown, "service-selector-mismatch");
    test_cluster_expect_unverified(unknown, "service-selector-mismatch");
}

static void
test_scaled_to_zero_is_no_mismatch(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(DEPLOYMENT("0", "{app: web}") SERVICE(WEB));
    const Finding *finding =
        test_cluster_expect(cluster, "service-scaled-to-zero", "Service shop/web");
    assert_int_equal(finding->severity, SEVERITY_INFO);
    test_cluster_expect_none(cluster, "service-selector-mismatch");
    test_cluster_expect_quiet(cluster, SEVERITY_LOW);
    g_autoptr(TestCluster) used =
        test_cluster_new(DEPLOYMENT("0", "{app: web}") SERVICE(WEB) INGRESS);
    finding = test_cluster_expect(used, "service-scaled-to-zero", "Service shop/web");
    assert_int_equal(finding->severity, SEVERITY_MEDIUM);
    assert_contains(finding->cause, "http://a.example/");
}

static void
test_no_ready_endpoint(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        POD("a", "{app: web}", "False", HTTP) POD("b", "{app: web}", "False", HTTP)
            SLICE("[{addresses: [10.0.0.1], conditions: {ready: false}}]") SERVICE(WEB));
    const Finding *finding =
        test_cluster_expect(cluster, "service-no-ready-endpoints", "Service shop/web");
    assert_int_equal(finding->since_s, TEST_NOW_S - 3600);
    g_autoptr(TestCluster) unknown =
        test_cluster_new(POD("a", "{app: web}", "False", HTTP) SERVICE(WEB));
    test_cluster_fail(unknown, KIND_ENDPOINT_SLICE, "endpointslices could not be listed: 403");
    test_cluster_expect_none(unknown, "service-no-ready-endpoints");
    test_cluster_expect_unverified(unknown, "service-no-ready-endpoints");
}

static void
test_ready_ones_are_counted(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        POD("a", "{app: web}", "True", HTTP) POD("b", "{app: web}", "False",
                                                 HTTP) POD("c", "{app: web}", "False", HTTP)
            SLICE("[{addresses: [10.0.0.1]}, {addresses: [10.0.0.2], conditions: {ready: "
                  "false}}, {addresses: [10.0.0.3], conditions: {ready: false}}]") SERVICE(WEB));
    const Finding *finding =
        test_cluster_expect(cluster, "service-partial-ready", "Service shop/web");
    assert_contains(finding->title, "1 of 3");
    test_cluster_expect_none(cluster, "service-no-ready-endpoints");
    g_autoptr(TestCluster) well = test_cluster_new(POD("a", "{app: web}", "True", HTTP) SLICE(
        "[{addresses: [10.0.0.1], conditions: {ready: true}}]") SERVICE(WEB));
    test_cluster_expect_quiet(well, SEVERITY_INFO);
}

static void
test_a_service_without_selector_needs_addresses(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(SERVICE("{ports: [{port: 80}]}"));
    test_cluster_expect(cluster, "service-manual-no-endpoints", "Service shop/web");
    g_autoptr(TestCluster) external =
        test_cluster_new(SERVICE("{type: ExternalName, externalName: db.example.com}"));
    test_cluster_expect_quiet(external, SEVERITY_INFO);
    g_autoptr(TestCluster) written =
        test_cluster_new(SLICE("[{addresses: [192.0.2.7]}]") SERVICE("{ports: [{port: 80}]}"));
    test_cluster_expect_none(written, "service-manual-no-endpoints");
}

static void
test_a_target_port_that_nobody_has(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        POD("a", "{app: web}", "True", "[{name: app, ports: [{name: web, containerPort: 8080}]}]")
            SLICE("[]") SERVICE(WEB));
    const Finding *finding =
        test_cluster_expect(cluster, "service-targetport-name-missing", "Service shop/web");
    assert_contains(finding->title, "\"http\"");
    assert_contains(finding->cause, "8080 (web)");
    test_cluster_expect_none(cluster, "service-no-ready-endpoints");
}

#define NUMBERED(port) "{selector: {app: web}, ports: [{port: 80, " port "}]}"

static void
test_a_target_number_that_nobody_declares(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(POD("a", "{app: web}", "True", HTTP)
                                                          SERVICE(NUMBERED("targetPort: 9090")));
    const Finding *finding =
        test_cluster_expect(cluster, "service-targetport-unexposed", "Service shop/web");
    assert_contains(finding->cause, "probably");
    g_autoptr(TestCluster) told = test_cluster_new(
        POD("a", "{app: web}", "True",
            "[{name: app, args: ['--listen=:9090'], ports: [{containerPort: 8080}]}]")
            SERVICE(NUMBERED("targetPort: 9090")));
    test_cluster_expect_none(told, "service-targetport-unexposed");
    g_autoptr(TestCluster) silent = test_cluster_new(POD("a", "{app: web}", "True", "[{name: app}]")
                                                         SERVICE(NUMBERED("targetPort: 9090")));
    test_cluster_expect_none(silent, "service-targetport-unexposed");
}

static void
test_another_protocol(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        POD("a", "{app: web}", "True", HTTP) SERVICE(NUMBERED("targetPort: 8080, protocol: UDP")));
    test_cluster_expect(cluster, "service-protocol-mismatch", "Service shop/web");
    g_autoptr(TestCluster) both = test_cluster_new(POD("a", "{app: web}", "True", HTTP) SERVICE(
        "{selector: {app: web}, ports: [{port: 443, targetPort: 8080, protocol: UDP}, "
        "{port: 80, targetPort: 8080}]}"));
    test_cluster_expect_none(both, "service-protocol-mismatch");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_selector_that_matches_nothing_is_found_and_the_near_label_named),
        cmocka_unit_test(test_a_fresh_or_unknown_selector_is_left_alone),
        cmocka_unit_test(test_scaled_to_zero_is_no_mismatch),
        cmocka_unit_test(test_no_ready_endpoint),
        cmocka_unit_test(test_ready_ones_are_counted),
        cmocka_unit_test(test_a_service_without_selector_needs_addresses),
        cmocka_unit_test(test_a_target_port_that_nobody_has),
        cmocka_unit_test(test_a_target_number_that_nobody_declares),
        cmocka_unit_test(test_another_protocol),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
