#include "tests/harness/check.h"
#include "tests/harness/cluster.h"

#define INGRESS_OF(name, meta, spec, status)                                                       \
    "---\napiVersion: networking.k8s.io/v1\n"                                                      \
    "kind: Ingress\n"                                                                              \
    "metadata: {namespace: site, name: " name meta "}\n"                                           \
    "spec: " spec "\n"                                                                             \
    "status: {loadBalancer: " status "}\n"
#define INGRESS(spec) INGRESS_OF("web", "", spec, "{}")
#define SERVED        "{ingress: [{ip: 192.0.2.1}]}"
#define RULE(backend)                                                                              \
    "rules: [{host: a.example, http: {paths: [{path: /x, backend: " backend "}]}}]"
#define TO(name, port) RULE("{service: {name: " name ", port: {" port "}}}")
#define CLASS_OF(name, meta, spec)                                                                 \
    "---\napiVersion: networking.k8s.io/v1\n"                                                      \
    "kind: IngressClass\n"                                                                         \
    "metadata: {name: " name meta "}\n"                                                            \
    "spec: " spec "\n"
#define CLASS CLASS_OF("nginx", "", "{controller: k8s.io/ingress-nginx}")
#define SERVICE(ns, name)                                                                          \
    "---\napiVersion: v1\n"                                                                        \
    "kind: Service\n"                                                                              \
    "metadata: {namespace: " ns ", name: " name "}\n"                                              \
    "spec: {selector: {app: web}, ports: [{name: http, port: 80}]}\n"
#define POD(ns, name, labels, ready)                                                               \
    "---\napiVersion: v1\n"                                                                        \
    "kind: Pod\n"                                                                                  \
    "metadata: {namespace: " ns ", name: " name ", labels: " labels "}\n"                          \
    "status: {phase: Running, conditions: [{type: Ready, status: '" ready                          \
    "', lastTransitionTime: '2026-01-01T11:00:00Z'}]}\n"
#define SECRET(name, type)                                                                         \
    "---\napiVersion: v1\n"                                                                        \
    "kind: Secret\n"                                                                               \
    "metadata: {namespace: site, name: " name "}\n"                                                \
    "type: " type "\n"                                                                             \
    "data: {other: eA==}\n"
#define TLS "tls: [{hosts: [a.example], secretName: web-tls}], "

static void
test_a_class_that_does_not_exist(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(CLASS INGRESS("{ingressClassName: ngnix}"));
    const Finding *finding =
        test_cluster_expect(cluster, "ingress-class-missing", "Ingress site/web");
    assert_contains(finding->cause, "there is nginx");
    g_autoptr(TestCluster) provided = test_cluster_new(CLASS INGRESS("{ingressClassName: gce}"));
    test_cluster_expect_quiet(provided, SEVERITY_INFO);
    g_autoptr(TestCluster) unknown = test_cluster_new(INGRESS("{ingressClassName: ngnix}"));
    test_cluster_fail(unknown, KIND_INGRESS_CLASS, "ingressclasses could not be listed: 403");
    test_cluster_expect_none(unknown, "ingress-class-missing");
    test_cluster_expect_unverified(unknown, "ingress-class-missing");
}

#define DEFAULT ", annotations: {ingressclass.kubernetes.io/is-default-class: 'true'}"

static void
test_no_class_needs_a_default(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(CLASS INGRESS("{}"));
    test_cluster_expect(cluster, "ingress-class-none", "Ingress site/web");
    g_autoptr(TestCluster) defaulted =
        test_cluster_new(CLASS_OF("nginx", DEFAULT, "{controller: example.com/x}") INGRESS("{}"));
    test_cluster_expect_quiet(defaulted, SEVERITY_INFO);
    g_autoptr(TestCluster) annotated = test_cluster_new(
        CLASS INGRESS_OF("web", ", annotations: {kubernetes.io/ingress.class: nginx}", "{}", "{}"));
    test_cluster_expect_none(annotated, "ingress-class-none");
    g_autoptr(TestCluster) two =
        test_cluster_new(CLASS_OF("a", DEFAULT, "{controller: example.com/a}")
                             CLASS_OF("b", DEFAULT, "{controller: example.com/b}"));
    test_cluster_expect(two, "ingressclass-multi-default", "IngressClass b");
}

#define NGINX "{app.kubernetes.io/name: ingress-nginx}"

static void
test_a_controller_without_ready_pods(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        CLASS POD("ingress", "nginx-1", NGINX, "False") INGRESS("{ingressClassName: nginx}"));
    test_cluster_expect(cluster, "ingressclass-controller-absent", "IngressClass nginx");
    g_autoptr(TestCluster) ready = test_cluster_new(CLASS POD("ingress", "nginx-1", NGINX, "False")
                                                        POD("ingress", "nginx-2", NGINX, "True")
                                                            INGRESS("{ingressClassName: nginx}"));
    test_cluster_expect_none(ready, "ingressclass-controller-absent");
    g_autoptr(TestCluster) unused =
        test_cluster_new(CLASS POD("ingress", "nginx-1", NGINX, "False"));
    test_cluster_expect_none(unused, "ingressclass-controller-absent");
}

static void
test_an_address_that_others_have(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(CLASS INGRESS_OF(
        "other", "", "{ingressClassName: nginx}", SERVED) INGRESS("{ingressClassName: nginx}"));
    test_cluster_expect(cluster, "ingress-no-address", "Ingress site/web");
    g_autoptr(TestCluster) none = test_cluster_new(CLASS INGRESS("{ingressClassName: nginx}"));
    test_cluster_expect_none(none, "ingress-no-address");
}

static void
test_what_the_controller_says(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new(CLASS INGRESS_OF("web", "", "{ingressClassName: nginx}",
                                          SERVED) "---\napiVersion: v1\n"
                                                  "kind: Event\n"
                                                  "metadata: {namespace: site, name: web.1}\n"
                                                  "type: Warning\n"
                                                  "reason: Rejected\n"
                                                  "message: 'annotations[nginx.org/x]: unknown'\n"
                                                  "firstTimestamp: '2026-01-01T11:00:00Z'\n"
                                                  "lastTimestamp: '2026-01-01T11:50:00Z'\n"
                                                  "involvedObject: {kind: Ingress, namespace: "
                                                  "site, name: web, uid: Ingress/site/web}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "ingress-controller-rejected", "Ingress site/web");
    assert_contains(finding->cause, "nginx.org/x");
    test_cluster_expect_none(cluster, "ingress-annotation-snippet-blocked");
}

static void
test_a_forbidden_annotation(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        CLASS INGRESS_OF("web", "", "{ingressClassName: nginx}",
                         SERVED) "---\napiVersion: v1\n"
                                 "kind: Event\n"
                                 "metadata: {namespace: site, name: web.1}\n"
                                 "type: Warning\n"
                                 "reason: Rejected\n"
                                 "message: 'annotation x/server-snippet is not allowed'\n"
                                 "firstTimestamp: '2026-01-01T11:00:00Z'\n"
                                 "lastTimestamp: '2026-01-01T11:50:00Z'\n"
                                 "involvedObject: {kind: Ingress, namespace: "
                                 "site, name: web, uid: Ingress/site/web}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "ingress-annotation-snippet-blocked", "Ingress site/web");
    assert_contains(finding->cause, "server-snippet");
    test_cluster_expect_none(cluster, "ingress-controller-rejected");
    g_autoptr(TestCluster) blind = test_cluster_new(CLASS);
    test_cluster_fail(blind, KIND_EVENT, "403");
    test_cluster_expect_unverified(blind, "ingress-annotation-snippet-blocked");
}

static void
test_two_claims_to_one_address(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        CLASS SERVICE("site", "one") SERVICE("site", "two") INGRESS_OF(
            "a", ", creationTimestamp: '2025-01-01T00:00:00Z'",
            "{ingressClassName: nginx, " TO("one", "number: 80") "}", SERVED)
            INGRESS_OF("b", "", "{ingressClassName: nginx, " TO("two", "number: 80") "}", SERVED));
    const Finding *finding =
        test_cluster_expect(cluster, "ingress-host-conflict", "Ingress site/b");
    assert_contains(finding->title, "site/a");
    g_autoptr(TestCluster) same = test_cluster_new(
        CLASS SERVICE("site", "one") INGRESS_OF(
            "a", "", "{ingressClassName: nginx, " TO("one", "number: 80") "}", SERVED)
            INGRESS_OF("b", "", "{ingressClassName: nginx, " TO("one", "number: 80") "}", SERVED));
    test_cluster_expect_none(same, "ingress-host-conflict");
}

#define WITH(rest) CLASS INGRESS_OF("web", "", "{ingressClassName: nginx, " rest "}", SERVED)

static void
test_a_service_that_does_not_exist(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new(SERVICE("site", "catalog") WITH(TO("catalogue", "number: 80")));
    const Finding *finding =
        test_cluster_expect(cluster, "ingress-backend-service-missing", "Ingress site/web");
    assert_contains(finding->title, "http://a.example/x to Service catalogue");
    assert_contains(finding->cause, "there is catalog");
    g_autoptr(TestCluster) far =
        test_cluster_new(SERVICE("other", "web") WITH(TO("web", "number: 80")));
    finding = test_cluster_expect(far, "ingress-backend-service-missing", "Ingress site/web");
    assert_contains(finding->cause, "one in namespace other");
    g_autoptr(TestCluster) unknown = test_cluster_new(WITH(TO("web", "number: 80")));
    test_cluster_fail(unknown, KIND_SERVICE, "services could not be listed: 403");
    test_cluster_expect_none(unknown, "ingress-backend-service-missing");
    test_cluster_expect_unverified(unknown, "ingress-backend-service-missing");
}

static void
test_a_port_that_the_service_lacks(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new(SERVICE("site", "web") WITH(TO("web", "name: https")));
    const Finding *finding =
        test_cluster_expect(cluster, "ingress-backend-port-missing", "Ingress site/web");
    assert_contains(finding->cause, "offers 80 (http)");
    g_autoptr(TestCluster) right =
        test_cluster_new(SERVICE("site", "web") WITH(TO("web", "name: http")));
    test_cluster_expect_none(right, "ingress-backend-port-missing");
}

static void
test_a_service_without_ready_pods_folds_under_it(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(POD(
        "site", "one", "{app: web}", "False") SERVICE("site", "web") WITH(TO("web", "number: 80")));
    test_cluster_expect(cluster, "service-no-ready-endpoints", "Service site/web");
    const Finding *finding =
        test_cluster_expect_folded(cluster, "ingress-backend-no-endpoints", "Ingress site/web");
    assert_contains(finding->title, "http://a.example/x is down");
}

static void
test_a_resource_that_does_not_exist(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new(WITH(RULE("{resource: {apiGroup: '', kind: ConfigMap, name: page}}")));
    test_cluster_expect(cluster, "ingress-resource-backend-missing", "Ingress site/web");
    g_autoptr(TestCluster) foreign =
        test_cluster_new(WITH(RULE("{resource: {apiGroup: x.example, kind: Bucket, name: b}}")));
    test_cluster_expect_quiet(foreign, SEVERITY_INFO);
}

static void
test_tls_secrets(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(WITH(TLS "rules: []"));
    const Finding *finding =
        test_cluster_expect(cluster, "ingress-tls-secret-missing", "Ingress site/web");
    assert_contains(finding->title, "web-tls");
    assert_contains(finding->cause, "a.example");
    g_autoptr(TestCluster) managed = test_cluster_new(
        CLASS INGRESS_OF("web", ", annotations: {cert-manager.io/cluster-issuer: le}",
                         "{ingressClassName: nginx, " TLS "rules: []}", SERVED));
    test_cluster_expect_none(managed, "ingress-tls-secret-missing");
    g_autoptr(TestCluster) unknown = test_cluster_new(WITH(TLS "rules: []"));
    test_cluster_fail(unknown, KIND_SECRET, "secrets could not be listed: 403");
    test_cluster_expect_none(unknown, "ingress-tls-secret-missing");
    test_cluster_expect_unverified(unknown, "ingress-tls-secret-missing");
    g_autoptr(TestCluster) wrong =
        test_cluster_new(SECRET("web-tls", "Opaque") WITH(TLS "rules: []"));
    test_cluster_expect(wrong, "ingress-tls-secret-invalid", "Ingress site/web");
    g_autoptr(TestCluster) right =
        test_cluster_new(SECRET("web-tls", "kubernetes.io/tls") WITH(TLS "rules: []"));
    test_cluster_expect_quiet(right, SEVERITY_INFO);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_class_that_does_not_exist),
        cmocka_unit_test(test_no_class_needs_a_default),
        cmocka_unit_test(test_a_controller_without_ready_pods),
        cmocka_unit_test(test_an_address_that_others_have),
        cmocka_unit_test(test_what_the_controller_says),
        cmocka_unit_test(test_a_forbidden_annotation),
        cmocka_unit_test(test_two_claims_to_one_address),
        cmocka_unit_test(test_a_service_that_does_not_exist),
        cmocka_unit_test(test_a_port_that_the_service_lacks),
        cmocka_unit_test(test_a_service_without_ready_pods_folds_under_it),
        cmocka_unit_test(test_a_resource_that_does_not_exist),
        cmocka_unit_test(test_tls_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
