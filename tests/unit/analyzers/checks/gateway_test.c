#include "tests/harness/check.h"
#include "tests/harness/cluster.h"

#define OLD "lastTransitionTime: '2026-01-01T11:00:00Z'"
#define CLASS(status)                                                                              \
    "---\n{apiVersion: gateway.networking.k8s.io/v1, kind: GatewayClass, metadata: {name: "        \
    "envoy}, "                                                                                     \
    "spec: {controllerName: example.com/envoy}, status: {conditions: [{type: Accepted, status: "   \
    "'" status "', reason: Accepted, message: fine, " OLD "}]}}\n"
#define GATEWAY(class, status)                                                                     \
    "---\n{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {namespace: edge, "  \
    "name: public}, spec: {gatewayClassName: " class "}, status: {" status "}}\n"
#define CONDITION(type, status, reason)                                                            \
    "{type: " type ", status: '" status "', reason: " reason ", message: told why., " OLD "}"
#define FINE                                                                                       \
    "addresses: [{value: 192.0.2.1}], conditions: [" CONDITION(                                    \
        "Accepted", "True", "Accepted") ", " CONDITION("Programmed", "True", "Programmed") "]"
#define ROUTE(rules, status)                                                                       \
    "---\n{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {namespace: "      \
    "shop, "                                                                                       \
    "name: web}, spec: {parentRefs: [{name: public, namespace: edge, sectionName: https}], "       \
    "hostnames: [a.example], rules: " rules "}, status: {parents: " status "}}\n"
#define PARENT(condition) "[{parentRef: {name: public}, conditions: [" condition "]}]"
#define OK                PARENT(CONDITION("Accepted", "True", "Accepted"))
#define TO(more)          "[{backendRefs: [{name: web, port: 80" more "}]}]"
#define SERVICE(ns)                                                                                \
    "---\n{apiVersion: v1, kind: Service, metadata: {namespace: " ns                               \
    ", name: web}, spec: {selector: {app: web}, ports: [{name: http, port: 80}]}}\n"
#define POD(ready)                                                                                 \
    "---\n{apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: p, labels: {app: web}}, "  \
    "status: {phase: Running, conditions: [{type: Ready, status: '" ready "', " OLD "}]}}\n"
#define SLICE                                                                                      \
    "---\n{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {namespace: shop, "     \
    "name: s, labels: {kubernetes.io/service-name: web}}, endpoints: [{addresses: [10.0.0.1], "    \
    "conditions: {ready: true}}]}\n"
#define SERVED CLASS("True") GATEWAY("envoy", FINE)

static void
test_a_class_that_nobody_accepts(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(CLASS("False"));
    test_cluster_expect(cluster, "gatewayclass-not-accepted", "GatewayClass envoy");
    g_autoptr(TestCluster) well = test_cluster_new(SERVED);
    test_cluster_expect_quiet(well, SEVERITY_INFO);
}

static void
test_a_class_that_does_not_exist(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(CLASS("True") GATEWAY("envoi", FINE));
    const Finding *finding =
        test_cluster_expect(cluster, "gatewayclass-missing", "Gateway edge/public");
    assert_contains(finding->cause, "there is envoy");
    g_autoptr(TestCluster) unknown = test_cluster_new(GATEWAY("envoi", FINE));
    test_cluster_fail(unknown, KIND_GATEWAY_CLASS, "gatewayclasses could not be listed: 403");
    test_cluster_expect_none(unknown, "gatewayclass-missing");
    test_cluster_expect_unverified(unknown, "gatewayclass-missing");
}

static void
test_a_gateway_that_is_not_active(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        CLASS("True") GATEWAY("envoy", "addresses: [{value: 192.0.2.1}], conditions: [" CONDITION(
                                           "Programmed", "False", "Invalid") "]"));
    const Finding *finding =
        test_cluster_expect(cluster, "gateway-not-programmed", "Gateway edge/public");
    assert_contains(finding->cause, "Invalid: told why. The routes");
    g_autoptr(TestCluster) bare = test_cluster_new(CLASS("True") GATEWAY(
        "envoy", "conditions: [" CONDITION("Accepted", "True", "Accepted") "]"));
    test_cluster_expect(bare, "gateway-no-address", "Gateway edge/public");
}

static void
test_listeners(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(CLASS("True") GATEWAY(
        "envoy", FINE ", listeners: [{name: https, attachedRoutes: 1, conditions: [" CONDITION(
                     "ResolvedRefs", "False", "InvalidCertificateRef") "]}]"));
    const Finding *finding =
        test_cluster_expect(cluster, "gateway-listener-problem", "Gateway edge/public");
    assert_contains(finding->title, "InvalidCertificateRef");
    g_autoptr(TestCluster) empty = test_cluster_new(
        CLASS("True") GATEWAY("envoy", FINE ", listeners: [{name: https, "
                                            "attachedRoutes: 0}]") ROUTE("[]", OK));
    test_cluster_expect(empty, "gateway-listener-no-routes", "Gateway edge/public");
    g_autoptr(TestCluster) unused = test_cluster_new(
        CLASS("True") GATEWAY("envoy", FINE ", listeners: [{name: https, attachedRoutes: 0}]"));
    test_cluster_expect_quiet(unused, SEVERITY_INFO);
}

static void
test_a_route_that_is_not_accepted(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        SERVED ROUTE("[]", PARENT(CONDITION("Accepted", "False", "NotAllowedByListeners"))));
    const Finding *finding =
        test_cluster_expect(cluster, "route-not-accepted", "HTTPRoute shop/web");
    assert_contains(finding->title, "NotAllowedByListeners");
    g_autoptr(TestCluster) ignored = test_cluster_new(SERVED ROUTE("[]", "[]"));
    test_cluster_expect(ignored, "route-no-status", "HTTPRoute shop/web");
    g_autoptr(TestCluster) well = test_cluster_new(SERVED ROUTE("[]", OK));
    test_cluster_expect_quiet(well, SEVERITY_INFO);
}

static void
test_references_of_a_route(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        SERVED ROUTE("[]", PARENT(CONDITION("ResolvedRefs", "False", "BackendNotFound"))));
    test_cluster_expect(cluster, "route-refs-unresolved", "HTTPRoute shop/web");
#define FAR TO(", namespace: far")
    g_autoptr(TestCluster) far = test_cluster_new(SERVED SERVICE("far") ROUTE(FAR, OK));
    const Finding *finding =
        test_cluster_expect(far, "route-referencegrant-missing", "HTTPRoute shop/web");
    assert_contains(finding->cause, "namespace far");
    g_autoptr(TestCluster) granted = test_cluster_new(SERVED SERVICE("far") ROUTE(
        FAR,
        OK) "---\n{apiVersion: gateway.networking.k8s.io/v1beta1, kind: ReferenceGrant, metadata: "
            "{namespace: far, name: g}, spec: {from: [{group: gateway.networking.k8s.io, kind: "
            "HTTPRoute, namespace: shop}], to: [{group: '', kind: Service}]}}\n");
    test_cluster_expect_none(granted, "route-referencegrant-missing");
    g_autoptr(TestCluster) unknown = test_cluster_new(SERVED SERVICE("far") ROUTE(FAR, OK));
    test_cluster_fail(unknown, KIND_REFERENCE_GRANT, "referencegrants could not be listed: 403");
    test_cluster_expect_none(unknown, "route-referencegrant-missing");
    test_cluster_expect_unverified(unknown, "route-referencegrant-missing");
}

static void
test_backends_of_a_route(void **state)
{
    (void)state;
    g_autoptr(TestCluster) port = test_cluster_new(SERVED SERVICE("shop") POD("True") SLICE ROUTE(
        "[{backendRefs: [{name: web, port: 8080}]}]", OK));
    const Finding *finding = test_cluster_expect(port, "route-backend-port", "HTTPRoute shop/web");
    assert_contains(finding->cause, "offers 80 (http)");
    g_autoptr(TestCluster) down =
        test_cluster_new(SERVED SERVICE("shop") POD("False") ROUTE(TO(""), OK));
    test_cluster_expect_folded(down, "route-backend-no-endpoints", "HTTPRoute shop/web");
    g_autoptr(TestCluster) zero =
        test_cluster_new(SERVED SERVICE("shop") POD("True") SLICE ROUTE(TO(", weight: 0"), OK));
    test_cluster_expect(zero, "route-all-weights-zero", "HTTPRoute shop/web");
    g_autoptr(TestCluster) well =
        test_cluster_new(SERVED SERVICE("shop") POD("True") SLICE ROUTE(TO(""), OK));
    test_cluster_expect_quiet(well, SEVERITY_INFO);
}

static void
test_tls_to_the_backend(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "---\n{apiVersion: gateway.networking.k8s.io/v1, kind: BackendTLSPolicy, metadata: "
        "{namespace: shop, name: tls}, status: {ancestors: [{ancestorRef: {name: public}, "
        "conditions: [" CONDITION("ResolvedRefs", "False", "InvalidCACertificateRef") "]}]}}\n");
    test_cluster_expect(cluster, "backendtlspolicy-invalid", "BackendTLSPolicy shop/tls");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_class_that_nobody_accepts),
        cmocka_unit_test(test_a_class_that_does_not_exist),
        cmocka_unit_test(test_a_gateway_that_is_not_active),
        cmocka_unit_test(test_listeners),
        cmocka_unit_test(test_a_route_that_is_not_accepted),
        cmocka_unit_test(test_references_of_a_route),
        cmocka_unit_test(test_backends_of_a_route),
        cmocka_unit_test(test_tls_to_the_backend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
