#include "tests/harness/check.h"
#include "tests/harness/cluster.h"

static void
test_a_taint_keeps_it_away(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: DaemonSet\n"
        "metadata: {namespace: shop, name: alloy}\n"
        "spec: {template: {spec: {containers: [{name: app, image: "
        "\"registry.example.com/grafana/alloy:v1.10.0\"}]}}}\n"
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
        "spec: {taints: [{key: gpu, value: big, effect: NoSchedule}]}\n"
        "status: {conditions: [{type: Ready, status: \"True\", lastTransitionTime: "
        "\"2025-12-31T12:00:00Z\"}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: shop, name: a, labels: {app: web}, ownerReferences: [{kind: "
        "DaemonSet, name: alloy, uid: DaemonSet/shop/alloy, controller: true}]}\n"
        "spec: {nodeName: n1, containers: [{name: app}]}\n"
        "status: {phase: Running, conditions: [{type: Ready, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\"}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: shop, name: work, labels: {}}\n"
        "spec: {nodeName: n2, containers: [{name: app}]}\n"
        "status: {phase: Running, conditions: [{type: Ready, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\"}]}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "alloy-pod-missing-on-node", "DaemonSet shop/alloy");
    assert_contains(finding->title, "Node n2");
    assert_contains(finding->cause, "gpu=big:NoSchedule");
}

static void
test_tolerated_or_not_chosen_nodes_are_no_gap(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: DaemonSet\n"
        "metadata: {namespace: shop, name: alloy}\n"
        "spec: {template: {spec: {containers: [{name: app, image: "
        "\"registry.example.com/grafana/alloy:v1.10.0\"}], tolerations: [{key: gpu, operator: "
        "Exists}], nodeSelector: {os: linux}}}}\n"
        "status: {}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Node\n"
        "metadata: {name: n1, labels: {os: windows}}\n"
        "spec: {}\n"
        "status: {conditions: [{type: Ready, status: \"True\", lastTransitionTime: "
        "\"2025-12-31T12:00:00Z\"}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Node\n"
        "metadata: {name: n2, labels: {os: linux}}\n"
        "spec: {taints: [{key: gpu, value: big, effect: NoSchedule}]}\n"
        "status: {conditions: [{type: Ready, status: \"True\", lastTransitionTime: "
        "\"2025-12-31T12:00:00Z\"}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: shop, name: a, labels: {app: web}, ownerReferences: [{kind: "
        "DaemonSet, name: alloy, uid: DaemonSet/shop/alloy, controller: true}]}\n"
        "spec: {nodeName: n2, containers: [{name: app}]}\n"
        "status: {phase: Running, conditions: [{type: Ready, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\"}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: shop, name: work, labels: {}}\n"
        "spec: {nodeName: n2, containers: [{name: app}]}\n"
        "status: {phase: Running, conditions: [{type: Ready, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\"}]}\n");
    test_cluster_expect_quiet(cluster, SEVERITY_INFO);
}

static void
test_affinity_chooses_nodes(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: DaemonSet\n"
        "metadata: {namespace: shop, name: alloy}\n"
        "spec: {template: {spec: {containers: [{name: app, image: "
        "\"registry.example.com/grafana/alloy:v1.10.0\"}], affinity: {nodeAffinity: "
        "{requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: "
        "[{key: os, operator: In, values: [bsd]}]}, {matchFields: [{key: metadata.name, operator: "
        "In, values: [n1]}]}]}}}}}}\n"
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
        "\"2025-12-31T12:00:00Z\"}]}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "alloy-pod-missing-on-node", "DaemonSet shop/alloy");
    assert_contains(finding->title, "Node n1");
    assert_int_equal(finding->evidence->len, 1);
}

static void
test_the_control_plane_is_a_gap_only(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: DaemonSet\n"
        "metadata: {namespace: shop, name: alloy}\n"
        "spec: {template: {spec: {containers: [{name: app, image: "
        "\"registry.example.com/grafana/alloy:v1.10.0\"}]}}}\n"
        "status: {}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Node\n"
        "metadata: {name: n2, labels: {os: linux}}\n"
        "spec: {taints: [{key: node-role.kubernetes.io/control-plane, effect: NoSchedule}]}\n"
        "status: {conditions: [{type: Ready, status: \"True\", lastTransitionTime: "
        "\"2025-12-31T12:00:00Z\"}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: shop, name: work, labels: {}}\n"
        "spec: {nodeName: n2, containers: [{name: app}]}\n"
        "status: {phase: Running, conditions: [{type: Ready, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\"}]}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "daemonset-coverage-gap", "DaemonSet shop/alloy");
    assert_int_equal(finding->severity, SEVERITY_LOW);
    test_cluster_expect_none(cluster, "alloy-pod-missing-on-node");
}

static void
test_virtual_leaving_young_and_cordoned_nodes(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: DaemonSet\n"
        "metadata: {namespace: shop, name: alloy}\n"
        "spec: {template: {spec: {containers: [{name: app, image: "
        "\"registry.example.com/grafana/alloy:v1.10.0\"}]}}}\n"
        "status: {}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Node\n"
        "metadata: {name: v, labels: {type: virtual-kubelet}}\n"
        "spec: {}\n"
        "status: {conditions: [{type: Ready, status: \"True\", lastTransitionTime: "
        "\"2025-12-31T12:00:00Z\"}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Node\n"
        "metadata: {name: l, labels: {os: linux}}\n"
        "spec: {taints: [{key: ToBeDeletedByClusterAutoscaler, effect: NoSchedule}]}\n"
        "status: {conditions: [{type: Ready, status: \"True\", lastTransitionTime: "
        "\"2025-12-31T12:00:00Z\"}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Node\n"
        "metadata: {name: y, labels: {os: linux}}\n"
        "spec: {}\n"
        "status: {conditions: [{type: Ready, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T11:55:00Z\"}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Node\n"
        "metadata: {name: c, labels: {os: linux}}\n"
        "spec: {unschedulable: true, taints: [{key: node.kubernetes.io/unschedulable, effect: "
        "NoSchedule}]}\n"
        "status: {conditions: [{type: Ready, status: \"True\", lastTransitionTime: "
        "\"2025-12-31T12:00:00Z\"}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: shop, name: a, labels: {app: web}, ownerReferences: [{kind: "
        "DaemonSet, name: alloy, uid: DaemonSet/shop/alloy, controller: true}]}\n"
        "spec: {nodeName: c, containers: [{name: app}]}\n"
        "status: {phase: Running, conditions: [{type: Ready, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\"}]}\n");
    test_cluster_expect_quiet(cluster, SEVERITY_INFO);
}

static void
test_another_set_of_it_covers_the_node(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: DaemonSet\n"
        "metadata: {namespace: shop, name: alloy}\n"
        "spec: {template: {spec: {containers: [{name: app, image: "
        "\"registry.example.com/grafana/alloy:v1.10.0\"}]}}}\n"
        "status: {}\n"
        "---\n"
        "apiVersion: apps/v1\n"
        "kind: DaemonSet\n"
        "metadata: {namespace: shop, name: alloy-gpu}\n"
        "spec: {template: {spec: {containers: [{name: app, image: \"grafana/alloy:1\"}], "
        "tolerations: [{operator: Exists}], nodeSelector: {gpu: \"yes\"}}}}\n"
        "status: {}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Node\n"
        "metadata: {name: n2, labels: {gpu: \"yes\"}}\n"
        "spec: {taints: [{key: gpu, value: big, effect: NoSchedule}]}\n"
        "status: {conditions: [{type: Ready, status: \"True\", lastTransitionTime: "
        "\"2025-12-31T12:00:00Z\"}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: shop, name: a, labels: {app: web}, ownerReferences: [{kind: "
        "DaemonSet, name: alloy-gpu, uid: DaemonSet/shop/alloy-gpu, controller: true}]}\n"
        "spec: {nodeName: n2, containers: [{name: app}]}\n"
        "status: {phase: Running, conditions: [{type: Ready, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\"}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: shop, name: work, labels: {}}\n"
        "spec: {nodeName: n2, containers: [{name: app}]}\n"
        "status: {phase: Running, conditions: [{type: Ready, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\"}]}\n");
    test_cluster_expect_quiet(cluster, SEVERITY_INFO);
}

static void
test_a_broken_pod_blinds_its_node(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: DaemonSet\n"
        "metadata: {namespace: shop, name: alloy}\n"
        "spec: {template: {spec: {containers: [{name: app, image: "
        "\"registry.example.com/grafana/alloy:v1.10.0\"}]}}}\n"
        "status: {desiredNumberScheduled: 1, numberReady: 0}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Node\n"
        "metadata: {name: n1, labels: {os: linux}}\n"
        "spec: {}\n"
        "status: {conditions: [{type: Ready, status: \"True\", lastTransitionTime: "
        "\"2025-12-31T12:00:00Z\"}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: shop, name: a, labels: {app: web}, ownerReferences: [{kind: "
        "DaemonSet, name: alloy, uid: DaemonSet/shop/alloy, controller: true}]}\n"
        "spec: {nodeName: n1, containers: [{name: app}]}\n"
        "status: {phase: Running, conditions: [{type: Ready, status: \"False\", "
        "lastTransitionTime: \"2026-01-01T11:00:00Z\"}], containerStatuses: [{name: app, ready: "
        "false, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: "
        "3, reason: Error}}}]}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "alloy-pod-unhealthy-on-node", "DaemonSet shop/alloy");
    assert_contains(finding->title, "n1");
    assert_contains(finding->cause, "n1 is blind");
    test_cluster_expect_folded(cluster, "daemonset-unavailable", "DaemonSet shop/alloy");
}

static void
test_unknown_is_not_missing(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new("apiVersion: apps/v1\n"
                         "kind: DaemonSet\n"
                         "metadata: {namespace: shop, name: alloy}\n"
                         "spec: {template: {spec: {containers: [{name: app, image: "
                         "\"registry.example.com/grafana/alloy:v1.10.0\"}]}}}\n"
                         "status: {}\n"
                         "---\n"
                         "apiVersion: v1\n"
                         "kind: Node\n"
                         "metadata: {name: n1, labels: {os: linux}}\n"
                         "spec: {}\n"
                         "status: {conditions: [{type: Ready, status: \"True\", "
                         "lastTransitionTime: \"2025-12-31T12:00:00Z\"}]}\n");
    test_cluster_fail(cluster, KIND_POD, "pods could not be listed: 403");
    test_cluster_expect_none(cluster, "alloy-pod-missing-on-node");
    test_cluster_expect_unverified(cluster, "alloy-pod-missing-on-node");
    test_cluster_expect_unverified(cluster, "alloy-pod-unhealthy-on-node");
    test_cluster_expect_unverified(cluster, "daemonset-coverage-gap");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_taint_keeps_it_away),
        cmocka_unit_test(test_tolerated_or_not_chosen_nodes_are_no_gap),
        cmocka_unit_test(test_affinity_chooses_nodes),
        cmocka_unit_test(test_the_control_plane_is_a_gap_only),
        cmocka_unit_test(test_virtual_leaving_young_and_cordoned_nodes),
        cmocka_unit_test(test_another_set_of_it_covers_the_node),
        cmocka_unit_test(test_a_broken_pod_blinds_its_node),
        cmocka_unit_test(test_unknown_is_not_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
