#include "tests/harness/check.h"
#include "tests/harness/cluster.h"

static void
test_it_never_allows_anything(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: policy/v1\n"
        "kind: PodDisruptionBudget\n"
        "metadata: {namespace: shop, name: guard}\n"
        "spec: {minAvailable: 2, selector: {matchLabels: {app: web}}}\n"
        "status: {expectedPods: 2, currentHealthy: 2, desiredHealthy: 2, disruptionsAllowed: 0, "
        "conditions: [{type: DisruptionAllowed, status: \"False\", lastTransitionTime: "
        "\"2025-12-31T12:00:00Z\", reason: InsufficientPods}]}\n"
        "---\n"
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {metadata: {labels: "
        "{app: web}}, spec: {containers: [{name: app}]}}}\n"
        "status: {availableReplicas: 2}\n"
        "---\n"
        "apiVersion: apps/v1\n"
        "kind: ReplicaSet\n"
        "metadata: {namespace: shop, name: web-1, ownerReferences: [{kind: Deployment, name: web, "
        "uid: Deployment/shop/web, controller: true}]}\n"
        "spec: {replicas: 2}\n"
        "status: {}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: shop, name: web-1-a, labels: {app: web}, ownerReferences: [{kind: "
        "ReplicaSet, name: web-1, uid: ReplicaSet/shop/web-1, controller: true}]}\n"
        "spec: {nodeName: n1, containers: [{name: app}]}\n"
        "status: {phase: Running, conditions: [{type: Ready, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\"}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Node\n"
        "metadata: {name: n1, labels: {os: linux}}\n"
        "spec: {}\n"
        "status: {conditions: [{type: Ready, status: \"True\", lastTransitionTime: "
        "\"2025-12-31T12:00:00Z\"}]}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "pdb-blocks-always", "PodDisruptionBudget shop/guard");
    assert_int_equal(finding->severity, SEVERITY_LOW);
    assert_contains(finding->cause, "minAvailable 2");
}

static void
test_a_drain_makes_it_urgent(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: policy/v1\n"
        "kind: PodDisruptionBudget\n"
        "metadata: {namespace: shop, name: guard}\n"
        "spec: {minAvailable: 2, selector: {matchLabels: {app: web}}}\n"
        "status: {expectedPods: 2, currentHealthy: 2, desiredHealthy: 2, disruptionsAllowed: 0, "
        "conditions: [{type: DisruptionAllowed, status: \"False\", lastTransitionTime: "
        "\"2025-12-31T12:00:00Z\", reason: InsufficientPods}]}\n"
        "---\n"
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {metadata: {labels: "
        "{app: web}}, spec: {containers: [{name: app}]}}}\n"
        "status: {availableReplicas: 2}\n"
        "---\n"
        "apiVersion: apps/v1\n"
        "kind: ReplicaSet\n"
        "metadata: {namespace: shop, name: web-1, ownerReferences: [{kind: Deployment, name: web, "
        "uid: Deployment/shop/web, controller: true}]}\n"
        "spec: {replicas: 2}\n"
        "status: {}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: shop, name: web-1-a, labels: {app: web}, ownerReferences: [{kind: "
        "ReplicaSet, name: web-1, uid: ReplicaSet/shop/web-1, controller: true}]}\n"
        "spec: {nodeName: n1, containers: [{name: app}]}\n"
        "status: {phase: Running, conditions: [{type: Ready, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\"}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Node\n"
        "metadata: {name: n1, labels: {os: linux}}\n"
        "spec: {unschedulable: true}\n"
        "status: {conditions: [{type: Ready, status: \"True\", lastTransitionTime: "
        "\"2025-12-31T12:00:00Z\"}]}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "pdb-blocks-always", "PodDisruptionBudget shop/guard");
    assert_int_equal(finding->severity, SEVERITY_MEDIUM);
    assert_contains(finding->cause, "node n1");
}

static void
test_too_few_are_healthy(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: policy/v1\n"
        "kind: PodDisruptionBudget\n"
        "metadata: {namespace: shop, name: guard}\n"
        "spec: {minAvailable: 2, selector: {matchLabels: {app: web}}}\n"
        "status: {expectedPods: 3, currentHealthy: 1, desiredHealthy: 2, disruptionsAllowed: 0, "
        "conditions: [{type: DisruptionAllowed, status: \"False\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\", reason: InsufficientPods}]}\n"
        "---\n"
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {metadata: {labels: "
        "{app: web}}, spec: {containers: [{name: app}]}}}\n"
        "status: {availableReplicas: 2}\n");
    test_cluster_expect(cluster, "pdb-no-healthy", "PodDisruptionBudget shop/guard");
}

static void
test_over_no_pods_of_a_resting_controller(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: policy/v1\n"
        "kind: PodDisruptionBudget\n"
        "metadata: {namespace: shop, name: guard}\n"
        "spec: {minAvailable: 2, selector: {matchLabels: {app: web}}}\n"
        "status: {expectedPods: 0, currentHealthy: 0, desiredHealthy: 2, disruptionsAllowed: 0, "
        "conditions: [{type: DisruptionAllowed, status: \"False\", lastTransitionTime: "
        "\"2025-12-31T12:00:00Z\", reason: InsufficientPods}]}\n"
        "---\n"
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {replicas: 0, selector: {matchLabels: {app: web}}, template: {metadata: {labels: "
        "{app: web}}, spec: {containers: [{name: app}]}}}\n"
        "status: {}\n");
    test_cluster_expect_quiet(cluster, SEVERITY_INFO);
}

static void
test_it_selects_nothing(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: policy/v1\n"
        "kind: PodDisruptionBudget\n"
        "metadata: {namespace: shop, name: guard}\n"
        "spec: {minAvailable: 2, selector: {matchLabels: {app: web}}}\n"
        "status: {expectedPods: 0, currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 0, "
        "conditions: [{type: DisruptionAllowed, status: \"False\", lastTransitionTime: "
        "\"2025-12-31T12:00:00Z\", reason: InsufficientPods}]}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "pdb-selects-nothing", "PodDisruptionBudget shop/guard");
    assert_contains(finding->cause, "app=web");
}

static void
test_unknown_is_not_nothing(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: policy/v1\n"
        "kind: PodDisruptionBudget\n"
        "metadata: {namespace: shop, name: guard}\n"
        "spec: {minAvailable: 2, selector: {matchLabels: {app: web}}}\n"
        "status: {expectedPods: 0, currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 0, "
        "conditions: [{type: DisruptionAllowed, status: \"False\", lastTransitionTime: "
        "\"2025-12-31T12:00:00Z\", reason: InsufficientPods}]}\n");
    test_cluster_fail(cluster, KIND_DEPLOYMENT, "deployments could not be listed: 403");
    test_cluster_fail(cluster, KIND_PDB, "poddisruptionbudgets could not be listed: 403");
    test_cluster_expect_none(cluster, "pdb-selects-nothing");
    test_cluster_expect_unverified(cluster, "pdb-selects-nothing");
    test_cluster_expect_unverified(cluster, "pdb-blocks-always");
    test_cluster_expect_unverified(cluster, "pdb-no-healthy");
    test_cluster_expect_unverified(cluster, "pdb-sync-failed");
    test_cluster_expect_unverified(cluster, "pdb-overlap");
}

static void
test_it_cannot_be_computed(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: policy/v1\n"
        "kind: PodDisruptionBudget\n"
        "metadata: {namespace: shop, name: guard}\n"
        "spec: {minAvailable: 2, selector: {matchLabels: {app: web}}}\n"
        "status: {expectedPods: 2, currentHealthy: 2, desiredHealthy: 2, disruptionsAllowed: 0, "
        "conditions: [{type: DisruptionAllowed, status: \"False\", lastTransitionTime: "
        "\"2025-12-31T12:00:00Z\", reason: SyncFailed}]}\n"
        "---\n"
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {metadata: {labels: "
        "{app: web}}, spec: {containers: [{name: app}]}}}\n"
        "status: {availableReplicas: 2}\n");
    test_cluster_expect(cluster, "pdb-sync-failed", "PodDisruptionBudget shop/guard");
    test_cluster_expect_none(cluster, "pdb-blocks-always");
}

static void
test_two_cover_a_pod(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new("apiVersion: policy/v1\n"
                         "kind: PodDisruptionBudget\n"
                         "metadata: {namespace: shop, name: guard}\n"
                         "spec: {minAvailable: 2, selector: {matchLabels: {app: web}}}\n"
                         "status: {expectedPods: 2, disruptionsAllowed: 1, conditions: [{type: "
                         "DisruptionAllowed, status: \"False\", lastTransitionTime: "
                         "\"2025-12-31T12:00:00Z\", reason: InsufficientPods}]}\n"
                         "---\n"
                         "apiVersion: policy/v1\n"
                         "kind: PodDisruptionBudget\n"
                         "metadata: {namespace: shop, name: other}\n"
                         "spec: {minAvailable: 2, selector: {}}\n"
                         "status: {expectedPods: 2, disruptionsAllowed: 1, conditions: [{type: "
                         "DisruptionAllowed, status: \"False\", lastTransitionTime: "
                         "\"2025-12-31T12:00:00Z\", reason: InsufficientPods}]}\n"
                         "---\n"
                         "apiVersion: v1\n"
                         "kind: Pod\n"
                         "metadata: {namespace: shop, name: web-1-a, labels: {app: web}}\n"
                         "spec: {nodeName: n1, containers: [{name: app}]}\n"
                         "status: {phase: Running, conditions: [{type: Ready, status: \"True\", "
                         "lastTransitionTime: \"2026-01-01T11:00:00Z\"}]}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "pdb-overlap", "PodDisruptionBudget shop/other");
    assert_contains(finding->title, "guard and other");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_never_allows_anything),
        cmocka_unit_test(test_a_drain_makes_it_urgent),
        cmocka_unit_test(test_too_few_are_healthy),
        cmocka_unit_test(test_over_no_pods_of_a_resting_controller),
        cmocka_unit_test(test_it_selects_nothing),
        cmocka_unit_test(test_unknown_is_not_nothing),
        cmocka_unit_test(test_it_cannot_be_computed),
        cmocka_unit_test(test_two_cover_a_pod),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
