#include "tests/harness/check.h"
#include "tests/harness/cluster.h"

static void
test_a_finalizer_holds_it(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: v1\n"
        "kind: Namespace\n"
        "metadata: {name: shop, deletionTimestamp: \"2026-01-01T11:00:00Z\"}\n"
        "status: {phase: Terminating, conditions: [{type: NamespaceFinalizersRemaining, status: "
        "\"True\", lastTransitionTime: \"2026-01-01T11:00:00Z\", reason: \"SomeFinalizersRemain\", "
        "message: \"example.com/clean in 1 resource instances\"}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: ConfigMap\n"
        "metadata: {namespace: shop, name: state, deletionTimestamp: \"2026-01-01T11:00:00Z\", "
        "finalizers: [example.com/clean]}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "namespace-stuck-terminating", "Namespace shop");
    assert_contains(finding->cause, "example.com/clean in 1");
    assert_contains(finding->cause, "ConfigMap state");
    assert_int_equal(finding->since_s, TEST_NOW_S - 3600);
    test_cluster_expect_none(cluster, "object-stuck-finalizer");
}

static void
test_an_api_that_does_not_answer_holds_it(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: v1\n"
        "kind: Namespace\n"
        "metadata: {name: shop, deletionTimestamp: \"2026-01-01T11:00:00Z\"}\n"
        "status: {phase: Terminating, conditions: [{type: NamespaceContentRemaining, status: "
        "\"True\", lastTransitionTime: \"2026-01-01T11:00:00Z\", reason: \"\", message: \"pods. "
        "has 1\"}, {type: NamespaceDeletionDiscoveryFailure, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\", reason: \"DiscoveryFailed\", message: \"metrics.k8s.io/v1beta1: "
        "stale\"}]}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "namespace-stuck-terminating", "Namespace shop");
    assert_contains(finding->cause, "metrics.k8s.io");
}

static void
test_a_young_deletion_is_given_time(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new("apiVersion: v1\n"
                         "kind: Namespace\n"
                         "metadata: {name: shop, deletionTimestamp: \"2026-01-01T11:55:00Z\"}\n"
                         "status: {phase: Terminating, conditions: []}\n"
                         "---\n"
                         "apiVersion: v1\n"
                         "kind: ConfigMap\n"
                         "metadata: {namespace: shop, name: state, deletionTimestamp: "
                         "\"2026-01-01T11:00:00Z\", finalizers: [example.com/clean]}\n");
    test_cluster_expect_quiet(cluster, SEVERITY_INFO);
}

static void
test_an_object_that_stays(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new("apiVersion: v1\n"
                         "kind: ConfigMap\n"
                         "metadata: {namespace: shop, name: state, deletionTimestamp: "
                         "\"2026-01-01T11:00:00Z\", finalizers: [example.com/clean]}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "object-stuck-finalizer", "ConfigMap shop/state");
    assert_int_equal(finding->severity, SEVERITY_LOW);
    assert_contains(finding->cause, "example.com/clean");
}

static void
test_unknown_is_said(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new("apiVersion: v1\n"
                         "kind: ConfigMap\n"
                         "metadata: {namespace: shop, name: state, deletionTimestamp: "
                         "\"2026-01-01T11:00:00Z\", finalizers: [example.com/clean]}\n");
    test_cluster_fail(cluster, KIND_NAMESPACE, "namespaces could not be listed: 403");
    test_cluster_expect_unverified(cluster, "namespace-stuck-terminating");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_finalizer_holds_it),
        cmocka_unit_test(test_an_api_that_does_not_answer_holds_it),
        cmocka_unit_test(test_a_young_deletion_is_given_time),
        cmocka_unit_test(test_an_object_that_stays),
        cmocka_unit_test(test_unknown_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
