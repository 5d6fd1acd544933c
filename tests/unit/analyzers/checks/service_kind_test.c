#include "tests/harness/check.h"
#include "tests/harness/cluster.h"

#define SERVICE_IN(ns, name, meta, spec)                                                           \
    "---\n{apiVersion: v1, kind: Service, metadata: {namespace: " ns ", name: " name meta          \
    "}, spec: " spec "}\n"
#define SERVICE(spec) SERVICE_IN("shop", "web", "", spec)
#define POD_IN(ns, name, image, ready)                                                             \
    "---\n{apiVersion: v1, kind: Pod, metadata: {namespace: " ns ", name: " name                   \
    ", labels: {app: web, k8s-app: kube-dns}}, spec: {containers: [{name: c, image: '" image       \
    "'}]}, status: {phase: Running, conditions: [{type: Ready, status: '" ready                    \
    "', lastTransitionTime: '2026-01-01T11:00:00Z'}]}}\n"
#define SLICE_OF(ns, service, endpoints)                                                           \
    "---\n{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {namespace: " ns        \
    ", name: s, labels: {kubernetes.io/service-name: " service "}}, endpoints: " endpoints "}\n"
#define NODE(ready)                                                                                \
    "---\n{apiVersion: v1, kind: Node, metadata: {name: n1}, status: {conditions: [{type: Ready, " \
    "status: '" ready "', lastTransitionTime: '2026-01-01T11:00:00Z'}]}}\n"
#define EVENT(reason, message)                                                                     \
    "---\n{apiVersion: v1, kind: Event, metadata: {namespace: shop, name: e}, type: Warning, "     \
    "reason: " reason ", message: '" message                                                       \
    "', firstTimestamp: '2026-01-01T11:40:00Z', lastTimestamp: '2026-01-01T11:50:00Z', "           \
    "involvedObject: {kind: Service, namespace: shop, name: web, uid: Service/shop/web}}\n"
#define TARGET(name, uid)                                                                          \
    "[{addresses: [10.0.0.1], conditions: {ready: true}, nodeName: n1, targetRef: {kind: Pod, "    \
    "namespace: shop, name: " name ", uid: " uid "}}]"

static void
test_a_load_balancer_without_address(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new(POD_IN("shop", "a", "x/a:1", "True") SLICE_OF("shop", "web", "[]")
                             SERVICE("{type: LoadBalancer, selector: {app: web}}")
                                 EVENT("SyncLoadBalancerFailed", "quota of addresses exceeded"));
    const Finding *finding = test_cluster_expect(cluster, "service-lb-pending", "Service shop/web");
    assert_contains(finding->cause, "quota of addresses exceeded");
    g_autoptr(TestCluster) well = test_cluster_new(POD_IN(
        "shop", "a", "x/a:1",
        "True") "---\n{apiVersion: v1, kind: Service, metadata: {namespace: shop, name: web}, "
                "spec: {type: "
                "LoadBalancer, selector: {app: web}}, status: {loadBalancer: {ingress: [{ip: "
                "192.0.2.1}]}}}\n");
    test_cluster_expect_quiet(well, SEVERITY_INFO);
}

#define LOCAL "{type: NodePort, externalTrafficPolicy: Local, selector: {app: web}}"

static void
test_local_traffic_needs_a_ready_node(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new(NODE("False") POD_IN("shop", "a", "x/a:1", "True")
                             SLICE_OF("shop", "web", TARGET("a", "Pod/shop/a")) SERVICE(LOCAL));
    test_cluster_expect(cluster, "service-lb-local-no-node", "Service shop/web");
    g_autoptr(TestCluster) well =
        test_cluster_new(NODE("True") POD_IN("shop", "a", "x/a:1", "True")
                             SLICE_OF("shop", "web", TARGET("a", "Pod/shop/a")) SERVICE(LOCAL));
    test_cluster_expect_quiet(well, SEVERITY_INFO);
    g_autoptr(TestCluster) unknown = test_cluster_new(POD_IN("shop", "a", "x/a:1", "True") SLICE_OF(
        "shop", "web", TARGET("a", "Pod/shop/a")) SERVICE(LOCAL));
    test_cluster_fail(unknown, KIND_NODE, "nodes could not be listed: 403");
    test_cluster_expect_none(unknown, "service-lb-local-no-node");
    test_cluster_expect_unverified(unknown, "service-lb-local-no-node");
}

static void
test_external_names(void **state)
{
    (void)state;
    g_autoptr(TestCluster) address =
        test_cluster_new(SERVICE("{type: ExternalName, externalName: 192.0.2.1}"));
    test_cluster_expect(address, "service-externalname-invalid", "Service shop/web");
    g_autoptr(TestCluster) gone =
        test_cluster_new(SERVICE("{type: ExternalName, externalName: db.data.svc.cluster.local}"));
    test_cluster_expect(gone, "service-externalname-invalid", "Service shop/web");
    g_autoptr(TestCluster) well =
        test_cluster_new(SERVICE("{type: ExternalName, externalName: db.example.com}"));
    test_cluster_expect_quiet(well, SEVERITY_INFO);
}

static void
test_ports_that_are_taken(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new(SERVICE("{type: ExternalName, externalName: a.example}")
                             EVENT("PortAlreadyAllocated", "port 30080 is taken"));
    const Finding *finding =
        test_cluster_expect(cluster, "service-nodeport-conflict", "Service shop/web");
    assert_contains(finding->cause, "30080");
    g_autoptr(TestCluster) repaired =
        test_cluster_new(SERVICE("{type: ExternalName, externalName: a.example}")
                             EVENT("PortNotAllocated", "not allocated; repairing"));
    test_cluster_expect_none(repaired, "service-nodeport-conflict");
}

static void
test_governing_services(void **state)
{
    (void)state;
#define SET                                                                                        \
    "---\n{apiVersion: apps/v1, kind: StatefulSet, metadata: {namespace: shop, name: web}, spec: " \
    "{serviceName: web, template: {metadata: {labels: {app: web}}}}}\n"
    g_autoptr(TestCluster) cluster = test_cluster_new(SET POD_IN(
        "shop", "a", "x/a:1", "True") SERVICE("{clusterIP: 10.96.0.1, selector: {app: web}}"));
    test_cluster_expect(cluster, "service-headless-sts", "Service shop/web");
    g_autoptr(TestCluster) headless = test_cluster_new(SET POD_IN(
        "shop", "a", "x/a:1", "True") SERVICE("{clusterIP: None, selector: {app: web}}"));
    test_cluster_expect_none(headless, "service-headless-sts");
}

static void
test_two_programs_behind_one_service(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        POD_IN("shop", "a", "reg:5000/x/a:1", "True") POD_IN("shop", "b", "reg:5000/x/b:1", "True")
            SERVICE("{selector: {app: web}}"));
    test_cluster_expect(cluster, "service-multi-workload", "Service shop/web");
    g_autoptr(TestCluster) tags = test_cluster_new(POD_IN("shop", "a", "reg:5000/x/a:1", "True")
                                                       POD_IN("shop", "b", "reg:5000/x/a:2", "True")
                                                           SERVICE("{selector: {app: web}}"));
    test_cluster_expect_none(tags, "service-multi-workload");
}

#define DNS(ready)                                                                                 \
    POD_IN("kube-system", "coredns", "x/coredns:1", ready)                                         \
    SERVICE_IN("kube-system", "kube-dns", "", "{selector: {k8s-app: kube-dns}}")

static void
test_dns_without_a_server(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new(DNS("False") SLICE_OF("kube-system", "kube-dns", "[]"));
    const Finding *finding =
        test_cluster_expect(cluster, "dns-down", "Service kube-system/kube-dns");
    assert_int_equal(finding->severity, SEVERITY_CRITICAL);
    g_autoptr(TestCluster) well = test_cluster_new(
        DNS("True") SLICE_OF("kube-system", "kube-dns", "[{addresses: [10.0.0.1]}]"));
    test_cluster_expect_quiet(well, SEVERITY_INFO);
    g_autoptr(TestCluster) unknown = test_cluster_new(DNS("False"));
    test_cluster_fail(unknown, KIND_ENDPOINT_SLICE, "endpointslices could not be listed: 403");
    test_cluster_expect_none(unknown, "dns-down");
    test_cluster_expect_unverified(unknown, "dns-down");
}

#define COREFILE(rule)                                                                             \
    "---\n"                                                                                        \
    "apiVersion: v1\n"                                                                             \
    "kind: ConfigMap\n"                                                                            \
    "metadata: {namespace: kube-system, name: coredns}\n"                                          \
    "data:\n"                                                                                      \
    "  Corefile: |\n"                                                                              \
    "    .:53 {\n" rule "        kubernetes cluster.local in-addr.arpa ip6.arpa {\n"               \
    "           ttl 30\n"                                                                          \
    "        }\n"                                                                                  \
    "    }\n"

static void
test_rules_of_coredns(void **state)
{
    (void)state;
    g_autoptr(TestCluster) rewritten = test_cluster_new(
        COREFILE("        rewrite name web.shop.svc.cluster.local old.shop.svc.cluster.local\n"));
    const Finding *finding =
        test_cluster_expect(rewritten, "coredns-override", "ConfigMap kube-system/coredns");
    assert_contains(finding->cause, "rewrite name web.shop");
    g_autoptr(TestCluster) template =
        test_cluster_new(COREFILE("        template IN A {\n"
                                  "          match \"db[.]shop[.]svc\\.cluster\\.local\"\n"
                                  "          rcode NXDOMAIN\n"
                                  "        }\n"));
    test_cluster_expect(template, "coredns-override", "ConfigMap kube-system/coredns");
    g_autoptr(TestCluster) other =
        test_cluster_new(COREFILE("        template IN AAAA example.com {\n"
                                  "          match \"example\\.com\"\n"
                                  "          rcode NXDOMAIN\n"
                                  "        }\n"));
    test_cluster_expect_none(other, "coredns-override");
}

static void
test_endpoints_that_are_gone(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        NODE("True") POD_IN("shop", "a", "x/a:1", "True") SLICE_OF("shop", "web", TARGET("b", "x"))
            SERVICE("{selector: {app: web}}"));
    test_cluster_expect(cluster, "endpoints-stale", "EndpointSlice shop/s");
    g_autoptr(TestCluster) well = test_cluster_new(
        NODE("True") POD_IN("shop", "a", "x/a:1", "True")
            SLICE_OF("shop", "web", TARGET("a", "Pod/shop/a")) SERVICE("{selector: {app: web}}"));
    test_cluster_expect_quiet(well, SEVERITY_INFO);
    g_autoptr(TestCluster) unknown = test_cluster_new(SLICE_OF("shop", "web", TARGET("b", "x"))
                                                          SERVICE("{selector: {app: web}}"));
    test_cluster_fail(unknown, KIND_POD, "pods could not be listed: 403");
    test_cluster_expect_none(unknown, "endpoints-stale");
    test_cluster_expect_unverified(unknown, "endpoints-stale");
}

static void
test_endpoints_on_a_node_that_is_down(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        NODE("Unknown") POD_IN("shop", "a", "x/a:1", "True")
            SLICE_OF("shop", "web", TARGET("a", "Pod/shop/a")) SERVICE("{selector: {app: web}}"));
    test_cluster_expect_folded(cluster, "endpoints-node-notready", "Service shop/web");
}

static void
test_the_api_needs_an_address(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new(SERVICE_IN("default", "kubernetes", "", "{ports: [{port: 443}]}")
                             SLICE_OF("default", "kubernetes", "[]"));
    test_cluster_expect(cluster, "apiserver-service-endpoints", "Service default/kubernetes");
    g_autoptr(TestCluster) well =
        test_cluster_new(SERVICE_IN("default", "kubernetes", "", "{ports: [{port: 443}]}")
                             SLICE_OF("default", "kubernetes", "[{addresses: [192.0.2.1]}]"));
    test_cluster_expect_quiet(well, SEVERITY_INFO);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_load_balancer_without_address),
        cmocka_unit_test(test_local_traffic_needs_a_ready_node),
        cmocka_unit_test(test_external_names),
        cmocka_unit_test(test_ports_that_are_taken),
        cmocka_unit_test(test_governing_services),
        cmocka_unit_test(test_two_programs_behind_one_service),
        cmocka_unit_test(test_dns_without_a_server),
        cmocka_unit_test(test_rules_of_coredns),
        cmocka_unit_test(test_endpoints_that_are_gone),
        cmocka_unit_test(test_endpoints_on_a_node_that_is_down),
        cmocka_unit_test(test_the_api_needs_an_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
