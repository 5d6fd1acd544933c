#include "tests/harness/check.h"
#include "tests/harness/cluster.h"

static void
test_the_first_blocked_pod_is_named(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new("apiVersion: apps/v1\n"
                         "kind: StatefulSet\n"
                         "metadata: {namespace: shop, name: db}\n"
                         "spec: {replicas: 3}\n"
                         "status: {readyReplicas: 1}\n"
                         "---\n"
                         "apiVersion: v1\n"
                         "kind: Pod\n"
                         "metadata: {namespace: shop, name: db-0, labels: "
                         "{controller-revision-hash: r1}, ownerReferences: [{kind: StatefulSet, "
                         "name: db, uid: StatefulSet/shop/db, controller: true}]}\n"
                         "spec: {nodeName: n1, containers: [{name: app}]}\n"
                         "status: {phase: Running, conditions: [{type: Ready, status: \"True\", "
                         "lastTransitionTime: \"2026-01-01T11:00:00Z\"}]}\n"
                         "---\n"
                         "apiVersion: v1\n"
                         "kind: Pod\n"
                         "metadata: {namespace: shop, name: db-2, labels: "
                         "{controller-revision-hash: r1}, ownerReferences: [{kind: StatefulSet, "
                         "name: db, uid: StatefulSet/shop/db, controller: true}]}\n"
                         "spec: {nodeName: n1, containers: [{name: app}]}\n"
                         "status: {phase: Running, conditions: [{type: Ready, status: \"False\", "
                         "lastTransitionTime: \"2026-01-01T11:00:00Z\"}], containerStatuses: "
                         "[{name: app, ready: false, state: {waiting: {reason: CrashLoopBackOff}}, "
                         "lastState: {terminated: {exitCode: 3, reason: Error}}}]}\n"
                         "---\n"
                         "apiVersion: v1\n"
                         "kind: Pod\n"
                         "metadata: {namespace: shop, name: db-1, labels: "
                         "{controller-revision-hash: r1}, ownerReferences: [{kind: StatefulSet, "
                         "name: db, uid: StatefulSet/shop/db, controller: true}]}\n"
                         "spec: {nodeName: n1, containers: [{name: app}]}\n"
                         "status: {phase: Running, conditions: [{type: Ready, status: \"False\", "
                         "lastTransitionTime: \"2026-01-01T11:00:00Z\"}], containerStatuses: "
                         "[{name: app, ready: false, state: {waiting: {reason: CrashLoopBackOff}}, "
                         "lastState: {terminated: {exitCode: 3, reason: Error}}}]}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "statefulset-not-ready", "StatefulSet shop/db");
    assert_contains(finding->title, "1 of 3 copies ready: db-1");
    assert_contains(finding->cause, "exited with 3");
    assert_contains(finding->cause, "wait for it");
}

static void
test_a_pod_that_just_starts_is_given_time(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new("apiVersion: apps/v1\n"
                         "kind: StatefulSet\n"
                         "metadata: {namespace: shop, name: db}\n"
                         "spec: {replicas: 3}\n"
                         "status: {readyReplicas: 2}\n"
                         "---\n"
                         "apiVersion: v1\n"
                         "kind: Pod\n"
                         "metadata: {namespace: shop, name: db-2, labels: "
                         "{controller-revision-hash: r1}, ownerReferences: [{kind: StatefulSet, "
                         "name: db, uid: StatefulSet/shop/db, controller: true}]}\n"
                         "spec: {nodeName: n1, containers: [{name: app}]}\n"
                         "status: {phase: Running, conditions: [{type: Ready, status: \"False\", "
                         "lastTransitionTime: \"2026-01-01T11:55:00Z\"}]}\n");
    test_cluster_expect_quiet(cluster, SEVERITY_INFO);
}

static void
test_an_update_stops(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: StatefulSet\n"
        "metadata: {namespace: shop, name: db}\n"
        "spec: {replicas: 3}\n"
        "status: {readyReplicas: 2, currentRevision: r1, updateRevision: r2, updatedReplicas: 1}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: shop, name: db-2, labels: {controller-revision-hash: r2}, "
        "ownerReferences: [{kind: StatefulSet, name: db, uid: StatefulSet/shop/db, controller: "
        "true}]}\n"
        "spec: {nodeName: n1, containers: [{name: app}]}\n"
        "status: {phase: Running, conditions: [{type: Ready, status: \"False\", "
        "lastTransitionTime: \"2026-01-01T11:00:00Z\"}], containerStatuses: [{name: app, ready: "
        "false, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: "
        "3, reason: Error}}}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: shop, name: db-0, labels: {controller-revision-hash: r1}, "
        "ownerReferences: [{kind: StatefulSet, name: db, uid: StatefulSet/shop/db, controller: "
        "true}]}\n"
        "spec: {nodeName: n1, containers: [{name: app}]}\n"
        "status: {phase: Running, conditions: [{type: Ready, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\"}]}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "statefulset-update-stuck", "StatefulSet shop/db");
    assert_contains(finding->title, "db-2");
    test_cluster_expect_folded(cluster, "statefulset-not-ready", "StatefulSet shop/db");
}

static void
test_an_update_by_hand_or_in_parts_is_wanted(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: StatefulSet\n"
        "metadata: {namespace: shop, name: db}\n"
        "spec: {replicas: 3, updateStrategy: {type: RollingUpdate, rollingUpdate: {partition: "
        "2}}}\n"
        "status: {readyReplicas: 3, currentRevision: r1, updateRevision: r2, updatedReplicas: 1}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: shop, name: db-2, labels: {controller-revision-hash: r2}, "
        "ownerReferences: [{kind: StatefulSet, name: db, uid: StatefulSet/shop/db, controller: "
        "true}]}\n"
        "spec: {nodeName: n1, containers: [{name: app}]}\n"
        "status: {phase: Running, conditions: [{type: Ready, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\"}]}\n");
    test_cluster_expect_quiet(cluster, SEVERITY_INFO);
}

static void
test_its_service_is_missing(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new("apiVersion: apps/v1\n"
                                                      "kind: StatefulSet\n"
                                                      "metadata: {namespace: shop, name: db}\n"
                                                      "spec: {replicas: 1, serviceName: peers}\n"
                                                      "status: {}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "statefulset-service-missing", "StatefulSet shop/db");
    assert_contains(finding->title, "peers");
}

static void
test_its_class_is_missing(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new("apiVersion: apps/v1\n"
                         "kind: StatefulSet\n"
                         "metadata: {namespace: shop, name: db}\n"
                         "spec: {replicas: 1, volumeClaimTemplates: [{metadata: {name: data}, "
                         "spec: {storageClassName: quick}}]}\n"
                         "status: {}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "statefulset-storageclass-missing", "StatefulSet shop/db");
    assert_contains(finding->title, "quick");
}

static void
test_a_bound_claim_needs_no_class(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new("apiVersion: apps/v1\n"
                         "kind: StatefulSet\n"
                         "metadata: {namespace: shop, name: db}\n"
                         "spec: {replicas: 1, volumeClaimTemplates: [{metadata: {name: data}, "
                         "spec: {storageClassName: manual}}]}\n"
                         "status: {}\n"
                         "---\n"
                         "apiVersion: v1\n"
                         "kind: PersistentVolumeClaim\n"
                         "metadata: {namespace: shop, name: data-db-0}\n"
                         "status: {phase: Bound}\n");
    test_cluster_expect_quiet(cluster, SEVERITY_INFO);
}

static void
test_unknown_is_not_missing(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new("apiVersion: apps/v1\n"
                         "kind: StatefulSet\n"
                         "metadata: {namespace: shop, name: db}\n"
                         "spec: {replicas: 1, serviceName: peers, volumeClaimTemplates: "
                         "[{metadata: {name: data}, spec: {storageClassName: quick}}]}\n"
                         "status: {}\n");
    test_cluster_fail(cluster, KIND_SERVICE, "services could not be listed: 403");
    test_cluster_fail(cluster, KIND_STORAGE_CLASS, "storageclasses could not be listed: 403");
    test_cluster_expect_none(cluster, "statefulset-service-missing");
    test_cluster_expect_none(cluster, "statefulset-storageclass-missing");
    test_cluster_expect_unverified(cluster, "statefulset-service-missing");
    test_cluster_expect_unverified(cluster, "statefulset-storageclass-missing");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_blocked_pod_is_named),
        cmocka_unit_test(test_a_pod_that_just_starts_is_given_time),
        cmocka_unit_test(test_an_update_stops),
        cmocka_unit_test(test_an_update_by_hand_or_in_parts_is_wanted),
        cmocka_unit_test(test_its_service_is_missing),
        cmocka_unit_test(test_its_class_is_missing),
        cmocka_unit_test(test_a_bound_claim_needs_no_class),
        cmocka_unit_test(test_unknown_is_not_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
