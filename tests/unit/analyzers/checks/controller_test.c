#include "tests/harness/check.h"
#include "tests/harness/cluster.h"

static void
test_a_copy_is_down(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new("apiVersion: v1\n"
                         "kind: ReplicationController\n"
                         "metadata: {namespace: shop, name: old}\n"
                         "spec: {replicas: 2}\n"
                         "status: {readyReplicas: 1}\n"
                         "---\n"
                         "apiVersion: v1\n"
                         "kind: Pod\n"
                         "metadata: {namespace: shop, name: old-a, labels: {app: web}, "
                         "ownerReferences: [{kind: ReplicationController, name: old, uid: "
                         "ReplicationController/shop/old, controller: true}]}\n"
                         "spec: {nodeName: n1, containers: [{name: app}]}\n"
                         "status: {phase: Running, conditions: [{type: Ready, status: \"False\", "
                         "lastTransitionTime: \"2026-01-01T11:00:00Z\"}], containerStatuses: "
                         "[{name: app, ready: false, state: {waiting: {reason: CrashLoopBackOff}}, "
                         "lastState: {terminated: {exitCode: 3, reason: Error}}}]}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "rc-failed", "ReplicationController shop/old");
    assert_contains(finding->title, "1 of 2");
    assert_contains(finding->cause, "exited with 3");
}

static void
test_a_copy_just_starts(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new("apiVersion: v1\n"
                         "kind: ReplicationController\n"
                         "metadata: {namespace: shop, name: old}\n"
                         "spec: {replicas: 2}\n"
                         "status: {readyReplicas: 1}\n"
                         "---\n"
                         "apiVersion: v1\n"
                         "kind: Pod\n"
                         "metadata: {namespace: shop, name: old-a, labels: {app: web}, "
                         "ownerReferences: [{kind: ReplicationController, name: old, uid: "
                         "ReplicationController/shop/old, controller: true}]}\n"
                         "spec: {nodeName: n1, containers: [{name: app}]}\n"
                         "status: {phase: Running, conditions: [{type: Ready, status: \"False\", "
                         "lastTransitionTime: \"2026-01-01T11:59:00Z\"}]}\n");
    test_cluster_expect_quiet(cluster, SEVERITY_INFO);
}

static void
test_unknown_is_said(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new("apiVersion: v1\n"
                                                      "kind: ReplicationController\n"
                                                      "metadata: {namespace: shop, name: old}\n"
                                                      "spec: {replicas: 2}\n"
                                                      "status: {readyReplicas: 1}\n");
    test_cluster_fail(cluster, KIND_POD, "pods could not be listed: 403");
    test_cluster_expect_unverified(cluster, "rc-failed");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_copy_is_down),
        cmocka_unit_test(test_a_copy_just_starts),
        cmocka_unit_test(test_unknown_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
