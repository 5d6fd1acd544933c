#include "tests/harness/check.h"
#include "tests/harness/cluster.h"

static void
test_nodes_without_it_are_named(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: DaemonSet\n"
        "metadata: {namespace: shop, name: agent}\n"
        "spec: {template: {spec: {containers: [{name: app, image: \"example.com/agent:1\"}]}}}\n"
        "status: {desiredNumberScheduled: 2, numberReady: 1}\n"
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
        "kind: Pod\n"
        "metadata: {namespace: shop, name: a, labels: {app: web}, ownerReferences: [{kind: "
        "DaemonSet, name: agent, uid: DaemonSet/shop/agent, controller: true}]}\n"
        "spec: {nodeName: n1, containers: [{name: app}]}\n"
        "status: {phase: Running, conditions: [{type: Ready, status: \"False\", "
        "lastTransitionTime: \"2026-01-01T11:00:00Z\"}], containerStatuses: [{name: app, ready: "
        "false, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: "
        "3, reason: Error}}}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: shop, name: b, labels: {app: web}, ownerReferences: [{kind: "
        "DaemonSet, name: agent, uid: DaemonSet/shop/agent, controller: true}]}\n"
        "spec: {nodeName: n2, containers: [{name: app}]}\n"
        "status: {phase: Running, conditions: [{type: Ready, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\"}]}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "daemonset-unavailable", "DaemonSet shop/agent");
    assert_contains(finding->title, "n1");
    assert_lacks(finding->title, "n2");
    assert_contains(finding->cause, "exited with 3");
}

static void
test_broken_and_new_nodes_are_not_its_fault(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: DaemonSet\n"
        "metadata: {namespace: shop, name: agent}\n"
        "spec: {template: {spec: {containers: [{name: app, image: \"example.com/agent:1\"}]}}}\n"
        "status: {desiredNumberScheduled: 2, numberReady: 0}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Node\n"
        "metadata: {name: n1, labels: {os: linux}}\n"
        "spec: {}\n"
        "status: {conditions: [{type: Ready, status: \"Unknown\", lastTransitionTime: "
        "\"2025-12-31T12:00:00Z\"}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Node\n"
        "metadata: {name: n2, labels: {os: linux}}\n"
        "spec: {}\n"
        "status: {conditions: [{type: Ready, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T11:55:00Z\"}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: shop, name: a, labels: {app: web}, ownerReferences: [{kind: "
        "DaemonSet, name: agent, uid: DaemonSet/shop/agent, controller: true}]}\n"
        "spec: {nodeName: n1, containers: [{name: app}]}\n"
        "status: {phase: Running, conditions: [{type: Ready, status: \"False\", "
        "lastTransitionTime: \"2026-01-01T11:00:00Z\"}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: shop, name: b, labels: {app: web}, ownerReferences: [{kind: "
        "DaemonSet, name: agent, uid: DaemonSet/shop/agent, controller: true}]}\n"
        "spec: {nodeName: n2, containers: [{name: app}]}\n"
        "status: {phase: Running, conditions: [{type: Ready, status: \"False\", "
        "lastTransitionTime: \"2026-01-01T11:00:00Z\"}]}\n");
    test_cluster_expect_none(cluster, "daemonset-unavailable");
    test_cluster_expect_none(cluster, "daemonset-not-scheduled");
}

static void
test_no_place_on_a_node(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: DaemonSet\n"
        "metadata: {namespace: shop, name: agent}\n"
        "spec: {template: {spec: {containers: [{name: app, image: \"example.com/agent:1\"}]}}}\n"
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
        "DaemonSet, name: agent, uid: DaemonSet/shop/agent, controller: true}]}\n"
        "spec: {affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "
        "{nodeSelectorTerms: [{matchFields: [{key: metadata.name, operator: In, values: "
        "[n1]}]}]}}}}\n"
        "status: {phase: Pending, conditions: [{type: Ready, status: \"False\", "
        "lastTransitionTime: \"2026-01-01T11:00:00Z\"}]}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "daemonset-not-scheduled", "DaemonSet shop/agent");
    assert_contains(finding->title, "n1");
}

static void
test_an_update_stops(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: DaemonSet\n"
        "metadata: {namespace: shop, name: agent, annotations: "
        "{deprecated.daemonset.template.generation: \"2\"}}\n"
        "spec: {template: {spec: {containers: [{name: app, image: \"example.com/agent:1\"}]}}}\n"
        "status: {desiredNumberScheduled: 2, numberReady: 1, updatedNumberScheduled: 1}\n"
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
        "metadata: {namespace: shop, name: a, labels: {pod-template-generation: \"2\"}, "
        "ownerReferences: [{kind: DaemonSet, name: agent, uid: DaemonSet/shop/agent, controller: "
        "true}]}\n"
        "spec: {nodeName: n1, containers: [{name: app}]}\n"
        "status: {phase: Running, conditions: [{type: Ready, status: \"False\", "
        "lastTransitionTime: \"2026-01-01T11:00:00Z\"}], containerStatuses: [{name: app, ready: "
        "false, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: "
        "3, reason: Error}}}]}\n");
    test_cluster_expect(cluster, "daemonset-rollout-stuck", "DaemonSet shop/agent");
    test_cluster_expect_none(cluster, "daemonset-unavailable");
}

static void
test_pods_where_they_do_not_belong(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: DaemonSet\n"
        "metadata: {namespace: shop, name: agent}\n"
        "spec: {template: {spec: {containers: [{name: app, image: \"example.com/agent:1\"}]}}}\n"
        "status: {numberMisscheduled: 2}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "daemonset-misscheduled", "DaemonSet shop/agent");
    assert_int_equal(finding->severity, SEVERITY_LOW);
}

static void
test_unknown_is_said(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: DaemonSet\n"
        "metadata: {namespace: shop, name: agent}\n"
        "spec: {template: {spec: {containers: [{name: app, image: \"example.com/agent:1\"}]}}}\n"
        "status: {desiredNumberScheduled: 1, numberReady: 1}\n");
    test_cluster_fail(cluster, KIND_POD, "pods could not be listed: 403");
    test_cluster_fail(cluster, KIND_DAEMON_SET, "daemonsets could not be listed: 403");
    test_cluster_expect_unverified(cluster, "daemonset-unavailable");
    test_cluster_expect_unverified(cluster, "daemonset-not-scheduled");
    test_cluster_expect_unverified(cluster, "daemonset-rollout-stuck");
    test_cluster_expect_unverified(cluster, "daemonset-misscheduled");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nodes_without_it_are_named),
        cmocka_unit_test(test_broken_and_new_nodes_are_not_its_fault),
        cmocka_unit_test(test_no_place_on_a_node),
        cmocka_unit_test(test_an_update_stops),
        cmocka_unit_test(test_pods_where_they_do_not_belong),
        cmocka_unit_test(test_unknown_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
