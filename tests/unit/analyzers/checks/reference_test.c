#include "tests/harness/check.h"
#include "tests/harness/cluster.h"

#define DEPLOYMENT(spec)                                                                           \
    "apiVersion: apps/v1\n"                                                                        \
    "kind: Deployment\n"                                                                           \
    "metadata: {namespace: shop, name: web}\n"                                                     \
    "spec: {template: {spec: " spec "}}\n"                                                         \
    "status: {replicas: 1, readyReplicas: 1, availableReplicas: 1, updatedReplicas: 1}\n"

static void
test_missing_ones_are_named(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new(DEPLOYMENT("{serviceAccountName: robot, containers: [{name: app, envFrom: "
                                    "[{configMapRef: {name: settings}}], "
                                    "env: [{name: KEY, valueFrom: {secretKeyRef: {name: hidden, "
                                    "key: k}}}]}], "
                                    "volumes: [{name: data, persistentVolumeClaim: {claimName: "
                                    "disk}}]}") "---\n"
                                                "apiVersion: v1\n"
                                                "kind: ConfigMap\n"
                                                "metadata: {namespace: other, name: settings}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "missing-configmap-ref", "Deployment shop/web");
    assert_contains(finding->title, "ConfigMap settings");
    assert_contains(finding->evidence->pdata[0], "Namespace other");
    assert_int_equal(finding->severity, SEVERITY_MEDIUM); /* nothing waits for it */
    finding = test_cluster_expect(cluster, "missing-secret-ref", "Deployment shop/web");
    assert_contains(finding->cause, "KEY of container app");
    test_cluster_expect(cluster, "missing-serviceaccount", "Deployment shop/web");
    test_cluster_expect(cluster, "missing-pvc-ref", "Deployment shop/web");
}

static void
test_a_pod_that_waits_makes_it_worse(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new("apiVersion: v1\n"
                         "kind: Pod\n"
                         "metadata: {namespace: shop, name: one}\n"
                         "spec: {nodeName: n1, containers: [{name: app, envFrom: [{configMapRef: "
                         "{name: settings}}]}]}\n"
                         "status: {phase: Pending}\n");
    const Finding *finding = test_cluster_expect(cluster, "missing-configmap-ref", "Pod shop/one");
    assert_int_equal(finding->severity, SEVERITY_HIGH);
    assert_int_equal(finding->since_s, TEST_NOW_S - 86400);
}

static void
test_without_an_account_no_pod_can_be_created(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new("apiVersion: apps/v1\n"
                         "kind: Deployment\n"
                         "metadata: {namespace: shop, name: web}\n"
                         "spec: {template: {spec: {serviceAccountName: robot}}}\n"
                         "status: {conditions: [{type: ReplicaFailure, status: 'True', "
                         "lastTransitionTime: '2026-01-01T11:00:00Z'}]}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "missing-serviceaccount", "Deployment shop/web");
    assert_int_equal(finding->severity, SEVERITY_HIGH);
    assert_int_equal(finding->since_s, TEST_NOW_S - 3600);
    assert_contains(finding->cause, "no pod can be created");
}

static void
test_what_is_there_or_optional_or_unused_is_not_missing(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(DEPLOYMENT(
        "{serviceAccountName: robot, containers: [{name: app, envFrom: [{configMapRef: {name: "
        "settings}}, "
        "{configMapRef: {name: extra, optional: true}}, {secretRef: {name: more, optional: "
        "true}}]}]}") "---\n"
                      "apiVersion: v1\n"
                      "kind: ConfigMap\n"
                      "metadata: {namespace: shop, name: settings}\n"
                      "---\n"
                      "apiVersion: v1\n"
                      "kind: ServiceAccount\n"
                      "metadata: {namespace: shop, name: robot}\n"
                      "---\n"
                      "apiVersion: apps/v1\n"
                      "kind: Deployment\n"
                      "metadata: {namespace: shop, name: off}\n"
                      "spec: {replicas: 0, template: {spec: {containers: [{name: app, envFrom: "
                      "[{secretRef: {name: none}}]}]}}}\n");
    test_cluster_expect_quiet(cluster, SEVERITY_INFO);
}

static void
test_unknown_is_not_missing(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new(DEPLOYMENT("{containers: [{name: app, envFrom: [{configMapRef: {name: "
                                    "a}}, {secretRef: {name: b}}]}]}"));
    test_cluster_fail(cluster, KIND_CONFIG_MAP, "configmaps could not be listed: 403");
    test_cluster_expect_none(cluster, "missing-configmap-ref");
    test_cluster_expect_unverified(cluster, "missing-configmap-ref");
    test_cluster_expect(cluster, "missing-secret-ref", "Deployment shop/web");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_missing_ones_are_named),
        cmocka_unit_test(test_a_pod_that_waits_makes_it_worse),
        cmocka_unit_test(test_without_an_account_no_pod_can_be_created),
        cmocka_unit_test(test_what_is_there_or_optional_or_unused_is_not_missing),
        cmocka_unit_test(test_unknown_is_not_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
