/* Nodes that are cordoned, tainted, rebooted, or troubled. */
#include "tests/unit/analyzers/checks/cases.h"

static const CheckCase cases[] = {
    {"node-custom-condition", "Node n1",
     "apiVersion: v1\n"
     "kind: Node\n"
     "metadata: {name: n1, uid: n1, labels: {topology.kubernetes.io/zone: a}}\n"
     "spec: {}\n"
     "status: {conditions: [{type: Ready, status: 'True', lastTransitionTime: "
     "'2026-01-01T10:00:00Z'}, {type: KernelDeadlock, status: 'True', lastTransitionTime: "
     "'2026-01-01T10:00:00Z', message: 'task hung'}]}\n",
     "task hung"},
    {"node-custom-condition", "Node n1",
     "apiVersion: v1\n"
     "kind: Node\n"
     "metadata: {name: n1, uid: n1, labels: {topology.kubernetes.io/zone: a}}\n"
     "spec: {}\n"
     "status: {conditions: [{type: Ready, status: 'True', lastTransitionTime: "
     "'2026-01-01T10:00:00Z'}, {type: StorageReady, status: 'False', lastTransitionTime: "
     "'2026-01-01T10:00:00Z', message: 'nvme lost'}]}\n",
     "nvme lost"},
    {"node-cordoned-long", "Node n1",
     "apiVersion: v1\n"
     "kind: Node\n"
     "metadata: {name: n1, uid: n1, labels: {topology.kubernetes.io/zone: a}}\n"
     "spec: {unschedulable: true, taints: [{key: node.kubernetes.io/unschedulable, "
     "effect: NoSchedule, timeAdded: '2025-12-30T10:00:00Z'}]}\n"
     "status: {conditions: [{type: Ready, status: 'True', lastTransitionTime: "
     "'2026-01-01T10:00:00Z'}]}\n"
     "---\n"
     "apiVersion: v1\n"
     "kind: Pod\n"
     "metadata: {namespace: shop, name: web, creationTimestamp: '2026-01-01T11:55:00Z', "
     "labels: {app: web}}\n"
     "spec: {nodeName: n1, containers: [{name: app}]}\n"
     "status: {phase: Running, conditions: [{type: PodScheduled, status: 'True', "
     "lastTransitionTime: '2026-01-01T11:55:00Z'}, {type: Ready, status: 'True', "
     "lastTransitionTime: '2026-01-01T11:55:00Z'}]}\n",
     "Pods that still run on it: 1"},
    {"node-taint-noexecute", "Node n1",
     "apiVersion: v1\n"
     "kind: Node\n"
     "metadata: {name: n1, uid: n1, labels: {topology.kubernetes.io/zone: a}}\n"
     "spec: {taints: [{key: node.kubernetes.io/out-of-service, effect: NoExecute, "
     "timeAdded: '2026-01-01T10:00:00Z'}]}\n"
     "status: {conditions: [{type: Ready, status: 'True', lastTransitionTime: "
     "'2026-01-01T10:00:00Z'}]}\n",
     "out-of-service"},
    {"node-uninitialized", "Node n1",
     "apiVersion: v1\n"
     "kind: Node\n"
     "metadata: {name: n1, uid: n1, labels: {topology.kubernetes.io/zone: a}}\n"
     "spec: {taints: [{key: node.cloudprovider.kubernetes.io/uninitialized, effect: "
     "NoSchedule}]}\n"
     "status: {conditions: [{type: Ready, status: 'True', lastTransitionTime: "
     "'2026-01-01T10:00:00Z'}]}\n",
     "never finished"},
    {"node-rebooted", "Node n1",
     "apiVersion: v1\n"
     "kind: Node\n"
     "metadata: {name: n1, uid: n1, labels: {topology.kubernetes.io/zone: a}}\n"
     "spec: {}\n"
     "status: {conditions: [{type: Ready, status: 'True', lastTransitionTime: "
     "'2026-01-01T10:00:00Z'}]}\n"
     "---\n"
     "apiVersion: v1\n"
     "kind: Event\n"
     "metadata: {namespace: default, name: e}\n"
     "involvedObject: {uid: n1}\n"
     "reason: Rebooted\n"
     "message: 'it happened'\n"
     "firstTimestamp: '2026-01-01T11:00:00Z'\n"
     "lastTimestamp: '2026-01-01T11:59:00Z'\n",
     "it happened"},
    {"node-kubelet-problem", "Node n1",
     "apiVersion: v1\n"
     "kind: Node\n"
     "metadata: {name: n1, uid: n1, labels: {topology.kubernetes.io/zone: a}}\n"
     "spec: {}\n"
     "status: {conditions: [{type: Ready, status: 'True', lastTransitionTime: "
     "'2026-01-01T10:00:00Z'}]}\n"
     "---\n"
     "apiVersion: v1\n"
     "kind: Event\n"
     "metadata: {namespace: default, name: e}\n"
     "involvedObject: {uid: n1}\n"
     "reason: ImageGCFailed\n"
     "message: 'it happened'\n"
     "firstTimestamp: '2026-01-01T11:00:00Z'\n"
     "lastTimestamp: '2026-01-01T11:59:00Z'\n",
     "ImageGCFailed"},
    {"node-systemoom", "Node n1",
     "apiVersion: v1\n"
     "kind: Node\n"
     "metadata: {name: n1, uid: n1, labels: {topology.kubernetes.io/zone: a}}\n"
     "spec: {}\n"
     "status: {conditions: [{type: Ready, status: 'True', lastTransitionTime: "
     "'2026-01-01T10:00:00Z'}]}\n"
     "---\n"
     "apiVersion: v1\n"
     "kind: Event\n"
     "metadata: {namespace: default, name: e}\n"
     "involvedObject: {uid: n1}\n"
     "reason: SystemOOM\n"
     "message: 'it happened'\n"
     "firstTimestamp: '2026-01-01T11:00:00Z'\n"
     "lastTimestamp: '2026-01-01T11:59:00Z'\n",
     "it happened"},
    {"node-group-imbalance", "Node n1",
     "apiVersion: v1\n"
     "kind: Node\n"
     "metadata: {name: n1, uid: n1, labels: {topology.kubernetes.io/zone: a}}\n"
     "spec: {}\n"
     "status: {conditions: [{type: Ready, status: Unknown, lastTransitionTime: "
     "'2026-01-01T10:00:00Z'}]}\n"
     "---\n"
     "apiVersion: v1\n"
     "kind: Node\n"
     "metadata: {name: n2, uid: n2, labels: {topology.kubernetes.io/zone: a}}\n"
     "spec: {}\n"
     "status: {conditions: [{type: Ready, status: Unknown, lastTransitionTime: "
     "'2026-01-01T10:00:00Z'}]}\n"
     "---\n"
     "apiVersion: v1\n"
     "kind: Node\n"
     "metadata: {name: n3, uid: n3, labels: {topology.kubernetes.io/zone: b}}\n"
     "spec: {}\n"
     "status: {conditions: [{type: Ready, status: 'True', lastTransitionTime: "
     "'2026-01-01T10:00:00Z'}]}\n",
     "all of its 2 nodes"},
};

static const char *const quiet[] = {
    "apiVersion: v1\n"
    "kind: Node\n"
    "metadata: {name: n1, uid: n1, labels: {topology.kubernetes.io/zone: a}}\n"
    "spec: {}\n"
    "status: {conditions: [{type: Ready, status: 'True', lastTransitionTime: "
    "'2026-01-01T10:00:00Z'}, {type: KernelDeadlock, status: 'False', "
    "lastTransitionTime: '2026-01-01T10:00:00Z'}, {type: EtcdIsVoter, status: 'True', "
    "lastTransitionTime: '2026-01-01T10:00:00Z'}, {type: Whatever, status: 'True', "
    "lastTransitionTime: '2026-01-01T10:00:00Z'}]}\n",
    "apiVersion: v1\n"
    "kind: Node\n"
    "metadata: {name: n1, uid: n1, labels: {topology.kubernetes.io/zone: a}}\n"
    "spec: {unschedulable: true, taints: [{key: node.kubernetes.io/unschedulable, "
    "effect: NoSchedule, timeAdded: '2025-12-30T10:00:00Z'}]}\n"
    "status: {conditions: [{type: Ready, status: 'True', lastTransitionTime: "
    "'2026-01-01T10:00:00Z'}]}\n",
    "apiVersion: v1\n"
    "kind: Node\n"
    "metadata: {name: n1, uid: n1, labels: {topology.kubernetes.io/zone: a}}\n"
    "spec: {taints: [{key: dedicated, effect: NoExecute, timeAdded: "
    "'2026-01-01T10:00:00Z'}]}\n"
    "status: {conditions: [{type: Ready, status: 'True', lastTransitionTime: "
    "'2026-01-01T10:00:00Z'}]}\n",
    "apiVersion: v1\n"
    "kind: Node\n"
    "metadata: {name: n1, uid: n1, labels: {topology.kubernetes.io/zone: a}}\n"
    "spec: {}\n"
    "status: {conditions: [{type: Ready, status: 'True', lastTransitionTime: "
    "'2026-01-01T10:00:00Z'}]}\n"
    "---\n"
    "apiVersion: v1\n"
    "kind: Event\n"
    "metadata: {namespace: default, name: e}\n"
    "involvedObject: {uid: n1}\n"
    "reason: ImageGCFailed\n"
    "message: 'it happened'\n"
    "firstTimestamp: '2026-01-01T11:58:00Z'\n"
    "lastTimestamp: '2026-01-01T11:59:00Z'\n",
    "apiVersion: v1\n"
    "kind: Node\n"
    "metadata: {name: n1, uid: n1, labels: {topology.kubernetes.io/zone: a}}\n"
    "spec: {taints: [{key: karpenter.sh/disrupted, effect: NoSchedule}]}\n"
    "status: {conditions: [{type: Ready, status: 'True', lastTransitionTime: "
    "'2026-01-01T10:00:00Z'}, {type: NTPProblem, status: 'True', lastTransitionTime: "
    "'2026-01-01T10:00:00Z'}]}\n",
};

static void
test_each_fires(void **state)
{
    (void)state;
    cases_expect(cases, G_N_ELEMENTS(cases));
}

static void
test_what_is_well_is_quiet(void **state)
{
    (void)state;
    cases_expect_quiet(quiet, G_N_ELEMENTS(quiet));
}

static void
test_each_says_when_it_cannot_look(void **state)
{
    (void)state;
    cases_expect_unverified(cases, G_N_ELEMENTS(cases));
}

static void
test_the_nodes_of_a_lost_zone_are_told_once(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new("apiVersion: v1\n"
                         "kind: Node\n"
                         "metadata: {name: n1, uid: n1, labels: {topology.kubernetes.io/zone: a}}\n"
                         "spec: {}\n"
                         "status: {conditions: [{type: Ready, status: Unknown, lastTransitionTime: "
                         "'2026-01-01T10:00:00Z'}]}\n"
                         "---\n"
                         "apiVersion: v1\n"
                         "kind: Node\n"
                         "metadata: {name: n2, uid: n2, labels: {topology.kubernetes.io/zone: a}}\n"
                         "spec: {}\n"
                         "status: {conditions: [{type: Ready, status: Unknown, lastTransitionTime: "
                         "'2026-01-01T10:00:00Z'}]}\n"
                         "---\n"
                         "apiVersion: v1\n"
                         "kind: Node\n"
                         "metadata: {name: n3, uid: n3, labels: {topology.kubernetes.io/zone: b}}\n"
                         "spec: {}\n"
                         "status: {conditions: [{type: Ready, status: 'True', lastTransitionTime: "
                         "'2026-01-01T10:00:00Z'}]}\n");
    test_cluster_expect(cluster, "node-group-imbalance", "Node n1");
    test_cluster_expect_folded(cluster, "node-unreachable", "Node n1");
    test_cluster_expect_folded(cluster, "node-unreachable", "Node n2");
}

static void
test_a_budget_holds_up_a_drain(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: v1\n"
        "kind: Node\n"
        "metadata: {name: n1, uid: n1, labels: {topology.kubernetes.io/zone: a}}\n"
        "spec: {unschedulable: true, taints: [{key: node.kubernetes.io/unschedulable, "
        "effect: NoSchedule, timeAdded: '2026-01-01T10:00:00Z'}]}\n"
        "status: {conditions: [{type: Ready, status: 'True', lastTransitionTime: "
        "'2026-01-01T10:00:00Z'}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: shop, name: web, creationTimestamp: '2026-01-01T11:55:00Z', "
        "labels: {app: web}}\n"
        "spec: {nodeName: n1, containers: [{name: app}]}\n"
        "status: {phase: Running, conditions: [{type: PodScheduled, status: 'True', "
        "lastTransitionTime: '2026-01-01T11:55:00Z'}, {type: Ready, status: 'True', "
        "lastTransitionTime: '2026-01-01T11:55:00Z'}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: shop, name: web2, creationTimestamp: '2026-01-01T11:55:00Z', "
        "labels: {app: web}}\n"
        "spec: {nodeName: n2, containers: [{name: app}]}\n"
        "status: {phase: Running, conditions: [{type: PodScheduled, status: 'True', "
        "lastTransitionTime: '2026-01-01T11:55:00Z'}, {type: Ready, status: 'False', "
        "lastTransitionTime: '2026-01-01T11:55:00Z'}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Node\n"
        "metadata: {name: n2, uid: n2, labels: {topology.kubernetes.io/zone: a}}\n"
        "spec: {}\n"
        "status: {conditions: [{type: Ready, status: 'True', lastTransitionTime: "
        "'2026-01-01T10:00:00Z'}]}\n"
        "---\n"
        "apiVersion: policy/v1\n"
        "kind: PodDisruptionBudget\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}\n"
        "status: {disruptionsAllowed: 0, expectedPods: 2, currentHealthy: 1, desiredHealthy: "
        "1}\n");
    test_cluster_expect(cluster, "node-drain-stuck", "Node n1");
}

/* The budget would allow it, were the other pod not down: that is what to mend. */
static void
test_a_pod_that_is_down_holds_up_a_drain(void **state)
{
    (void)state;
#define COPY(name, node, ready, more)                                                              \
    "---\n"                                                                                        \
    "apiVersion: v1\n"                                                                             \
    "kind: Pod\n"                                                                                  \
    "metadata: {namespace: shop, name: " name ", uid: " name ", labels: {app: web}}\n"             \
    "spec: {nodeName: " node ", containers: [{name: app}]}\n"                                      \
    "status: {phase: Running, startTime: '2025-12-30T12:00:00Z', conditions: [{type: Ready, "      \
    "status: '" ready "', lastTransitionTime: '2026-01-01T09:00:00Z'}]" more "}\n"
#define DRAINED(desired)                                                                           \
    "apiVersion: v1\n"                                                                             \
    "kind: Node\n"                                                                                 \
    "metadata: {name: n1, uid: n1}\n"                                                              \
    "spec: {unschedulable: true, taints: [{key: node.kubernetes.io/unschedulable, effect: "        \
    "NoSchedule, timeAdded: '2026-01-01T10:00:00Z'}]}\n"                                           \
    "status: {conditions: [{type: Ready, status: 'True'}]}\n"                                      \
    "---\n"                                                                                        \
    "apiVersion: policy/v1\n"                                                                      \
    "kind: PodDisruptionBudget\n"                                                                  \
    "metadata: {namespace: shop, name: web}\n"                                                     \
    "spec: {selector: {matchLabels: {app: web}}}\n"                                                \
    "status: {disruptionsAllowed: 0, expectedPods: 2, currentHealthy: 1, desiredHealthy: " desired \
    "}\n" COPY("web", "n1", "True", "")                                                            \
        COPY("web2", "n2", "False",                                                                \
             ", containerStatuses: [{name: app, restartCount: 5, state: {waiting: {reason: "       \
             "CrashLoopBackOff}}, lastState: {terminated: {exitCode: 1, reason: Error, "           \
             "startedAt: '2026-01-01T11:58:00Z', finishedAt: '2026-01-01T11:58:03Z'}}}]")
    g_autoptr(TestCluster) cluster = test_cluster_new(DRAINED("1"));
    const Finding *drain = test_cluster_expect_folded(cluster, "node-drain-stuck", "Node n1");
    assert_string_equal(drain->root->object->name, "web2");
    g_autoptr(TestCluster) strict = test_cluster_new(DRAINED("2"));
    test_cluster_expect(strict, "node-drain-stuck", "Node n1");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_fires),
        cmocka_unit_test(test_what_is_well_is_quiet),
        cmocka_unit_test(test_each_says_when_it_cannot_look),
        cmocka_unit_test(test_the_nodes_of_a_lost_zone_are_told_once),
        cmocka_unit_test(test_a_budget_holds_up_a_drain),
        cmocka_unit_test(test_a_pod_that_is_down_holds_up_a_drain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
