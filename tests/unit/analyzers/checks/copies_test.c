#include "tests/harness/check.h"
#include "tests/harness/cluster.h"

static void
test_one_disk_for_two_nodes(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
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
        "kind: PersistentVolumeClaim\n"
        "metadata: {namespace: shop, name: disk}\n"
        "spec: {accessModes: [ReadWriteOnce]}\n"
        "status: {phase: Bound}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: shop, name: web-1-a, labels: {app: web}, ownerReferences: [{kind: "
        "ReplicaSet, name: web-1, uid: ReplicaSet/shop/web-1, controller: true}]}\n"
        "spec: {nodeName: n1, containers: [{name: app}], volumes: [{name: d, "
        "persistentVolumeClaim: {claimName: disk}}]}\n"
        "status: {phase: Running, conditions: [{type: Ready, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\"}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: shop, name: web-1-b, labels: {app: web}, ownerReferences: [{kind: "
        "ReplicaSet, name: web-1, uid: ReplicaSet/shop/web-1, controller: true}]}\n"
        "spec: {nodeName: n2, containers: [{name: app}], volumes: [{name: d, "
        "persistentVolumeClaim: {claimName: disk}}]}\n"
        "status: {phase: Pending, conditions: [{type: PodScheduled, status: \"True\", "
        "lastTransitionTime: \"2026-01-01T11:00:00Z\"}, {type: Ready, status: \"False\", "
        "lastTransitionTime: \"2026-01-01T11:00:00Z\"}]}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "deployment-rwo-shared", "Deployment shop/web");
    assert_contains(finding->cause, "pod web-1-a on n1");
}

static void
test_a_disk_for_many(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
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
        "kind: PersistentVolumeClaim\n"
        "metadata: {namespace: shop, name: disk}\n"
        "spec: {accessModes: [ReadWriteMany]}\n"
        "status: {phase: Bound}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: shop, name: web-1-a, labels: {app: web}, ownerReferences: [{kind: "
        "ReplicaSet, name: web-1, uid: ReplicaSet/shop/web-1, controller: true}]}\n"
        "spec: {nodeName: n1, containers: [{name: app}], volumes: [{name: d, "
        "persistentVolumeClaim: {claimName: disk}}]}\n"
        "status: {phase: Running, conditions: [{type: Ready, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\"}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: shop, name: web-1-b, labels: {app: web}, ownerReferences: [{kind: "
        "ReplicaSet, name: web-1, uid: ReplicaSet/shop/web-1, controller: true}]}\n"
        "spec: {nodeName: n2, containers: [{name: app}], volumes: [{name: d, "
        "persistentVolumeClaim: {claimName: disk}}]}\n"
        "status: {phase: Pending, conditions: [{type: PodScheduled, status: \"True\", "
        "lastTransitionTime: \"2026-01-01T11:00:00Z\"}, {type: Ready, status: \"False\", "
        "lastTransitionTime: \"2026-01-01T11:00:00Z\"}]}\n");
    test_cluster_expect_none(cluster, "deployment-rwo-shared");
}

static void
test_selectors_that_overlap(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new("apiVersion: apps/v1\n"
                         "kind: Deployment\n"
                         "metadata: {namespace: shop, name: web}\n"
                         "spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: "
                         "{metadata: {labels: {app: web}}, spec: {containers: [{name: app}]}}}\n"
                         "status: {availableReplicas: 2}\n"
                         "---\n"
                         "apiVersion: apps/v1\n"
                         "kind: Deployment\n"
                         "metadata: {namespace: shop, name: api}\n"
                         "spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: "
                         "{metadata: {labels: {app: web}}, spec: {containers: [{name: app}]}}}\n"
                         "status: {availableReplicas: 2}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "deployment-selector-overlap", "Deployment shop/api");
    assert_contains(finding->title, "api and web");
}

static void
test_a_canary_has_a_label_more(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {metadata: {labels: "
        "{app: web}}, spec: {containers: [{name: app}]}}}\n"
        "status: {availableReplicas: 2}\n"
        "---\n"
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata: {namespace: shop, name: canary}\n"
        "spec: {replicas: 2, selector: {matchLabels: {app: web, track: canary}}, template: "
        "{metadata: {labels: {app: web, track: canary}}, spec: {containers: [{name: app}]}}}\n"
        "status: {availableReplicas: 2}\n");
    test_cluster_expect_quiet(cluster, SEVERITY_INFO);
}

static void
test_all_on_one_node(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
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
        "kind: Node\n"
        "metadata: {name: n1, labels: {os: linux}}\n"
        "spec: {}\n"
        "status: {conditions: [{type: Ready, status: \"True\", lastTransitionTime: "
        "\"2025-12-31T12:00:00Z\"}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Node\n"
        "metadata: {name: n2, labels: {os: linux}}\n"
        "spec: {}\n"
        "status: {conditions: [{type: Ready, status: \"True\", lastTransitionTime: "
        "\"2025-12-31T12:00:00Z\"}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Node\n"
        "metadata: {name: n3, labels: {os: linux}}\n"
        "spec: {}\n"
        "status: {conditions: [{type: Ready, status: \"True\", lastTransitionTime: "
        "\"2025-12-31T12:00:00Z\"}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: shop, name: web-1-a, labels: {app: web}, ownerReferences: [{kind: "
        "ReplicaSet, name: web-1, uid: ReplicaSet/shop/web-1, controller: true}]}\n"
        "spec: {nodeName: n1, containers: [{name: app}]}\n"
        "status: {phase: Running, conditions: [{type: Ready, status: \"True\", lastTransitionTime: "
        "\"2025-12-31T12:00:00Z\"}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: shop, name: web-1-b, labels: {app: web}, ownerReferences: [{kind: "
        "ReplicaSet, name: web-1, uid: ReplicaSet/shop/web-1, controller: true}]}\n"
        "spec: {nodeName: n1, containers: [{name: app}]}\n"
        "status: {phase: Running, conditions: [{type: Ready, status: \"True\", lastTransitionTime: "
        "\"2025-12-31T12:00:00Z\"}]}\n");
    test_cluster_expect(cluster, "deployment-all-on-one-node", "Deployment shop/web");
    test_cluster_expect_quiet(cluster, SEVERITY_LOW);
}

static void
test_unknown_is_said(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new("apiVersion: apps/v1\n"
                         "kind: Deployment\n"
                         "metadata: {namespace: shop, name: web}\n"
                         "spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: "
                         "{metadata: {labels: {app: web}}, spec: {containers: [{name: app}]}}}\n"
                         "status: {availableReplicas: 2}\n");
    test_cluster_fail(cluster, KIND_DEPLOYMENT, "deployments could not be listed: 403");
    test_cluster_expect_unverified(cluster, "deployment-rwo-shared");
    test_cluster_expect_unverified(cluster, "deployment-selector-overlap");
    test_cluster_expect_unverified(cluster, "deployment-all-on-one-node");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_disk_for_two_nodes),
        cmocka_unit_test(test_a_disk_for_many),
        cmocka_unit_test(test_selectors_that_overlap),
        cmocka_unit_test(test_a_canary_has_a_label_more),
        cmocka_unit_test(test_all_on_one_node),
        cmocka_unit_test(test_unknown_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
