/* Pods that no node takes: what the nodes say, and what the scheduler says. */
#include "analyzers/checks/fit_text.h"
#include "tests/harness/check.h"
#include "tests/harness/cluster.h"

#define NODE(name, spec, more)                                                                     \
    "---\n"                                                                                        \
    "apiVersion: v1\n"                                                                             \
    "kind: Node\n"                                                                                 \
    "metadata: {name: " name ", labels: {kubernetes.io/hostname: " name ", disk: hdd}}\n"          \
    "spec: {" spec "}\n"                                                                           \
    "status: {allocatable: {cpu: '4', memory: 8Gi, pods: '2'}" more "}\n"
#define POD(name, spec, status)                                                                    \
    "---\n"                                                                                        \
    "apiVersion: v1\n"                                                                             \
    "kind: Pod\n"                                                                                  \
    "metadata: {namespace: shop, name: " name ", uid: " name "}\n"                                 \
    "spec: {" spec "}\n"                                                                           \
    "status: {" status "}\n"
#define WAITS(message)                                                                             \
    "phase: Pending, conditions: [{type: PodScheduled, status: 'False', reason: Unschedulable, "   \
    "lastTransitionTime: '2026-01-01T11:00:00Z', message: '" message "'}]"
#define CPU(n)  "containers: [{name: app, resources: {requests: {cpu: '" n "'}}}]"
#define RUNS(n) "nodeName: " n ", "
#define RUNNING "phase: Running"
#define EVENT(event_reason, text)                                                                  \
    "---\n"                                                                                        \
    "apiVersion: v1\n"                                                                             \
    "kind: Event\n"                                                                                \
    "metadata: {namespace: shop, name: e1}\n"                                                      \
    "involvedObject: {uid: web}\n"                                                                 \
    "reason: " event_reason "\n"                                                                   \
    "message: '" text "'\n"                                                                        \
    "firstTimestamp: '2026-01-01T11:55:00Z'\n"                                                     \
    "lastTimestamp: '2026-01-01T11:55:00Z'\n"
#define GPU "taints: [{key: gpu, value: 'yes', effect: NoSchedule}]"
#define CORDON                                                                                     \
    "unschedulable: true, taints: [{key: node.kubernetes.io/unschedulable, effect: NoSchedule}]"

/* Whatever the scheduler's words are, the nodes decide. */
static const struct {
    const char *check, *yaml, *says;
} rows[] = {
    {"pod-unschedulable-resources",
     NODE("n1", "", "") NODE("n2", GPU, "") POD("a", RUNS("n1") CPU("3"), RUNNING)
         POD("done", RUNS("n1") CPU("4"), "phase: Succeeded") POD("web", CPU("2"), WAITS("new")),
     "it asks for 2 cpu, and no node that it may use has more than 1 cpu free (n1)"},
    {"pod-unschedulable-never-fits",
     NODE("n1", "", "") NODE("n2", CORDON, "") POD("web", CPU("5"), WAITS("new")),
     "it asks for 5 cpu, and the largest node that it may use has 4 cpu"},
    {"pod-unschedulable-never-fits",
     NODE("n1", "", "")
         POD("web",
             "initContainers: [{name: i, resources: {requests: {cpu: 3}}}, {name: s, "
             "restartPolicy: Always, resources: {requests: {cpu: 2}}}], " CPU("3"),
             WAITS("new")),
     "asks for 5 cpu"},
    {"pod-unschedulable-never-fits",
     NODE("n1", "", "")
         POD("web", "containers: [{name: app, resources: {requests: {nvidia.com/gpu: 1}}}]",
             WAITS("new")),
     "it asks for 1 nvidia.com/gpu"},
    {"pod-unschedulable-taint", NODE("n1", GPU, "") POD("web", CPU("1"), WAITS("new")),
     "gpu=yes:NoSchedule"},
    {"pod-unschedulable-taint",
     NODE("n1", GPU, "")
         POD("web", "tolerations: [{key: gpu, value: 'no', effect: NoSchedule}], " CPU("1"),
             WAITS("new")),
     "gpu=yes:NoSchedule"},
    {"pod-unschedulable-cordoned",
     NODE("n1", CORDON, "") NODE("n2", "unschedulable: true", "")
         POD("web", CPU("1"), WAITS("new")),
     "cordoned: n1, n2"},
    {"pod-unschedulable-too-many-pods",
     NODE("n1", "", "") POD("a", RUNS("n1") CPU("1"), RUNNING)
         POD("b", RUNS("n1") CPU("1"), RUNNING) POD("web", CPU("1"), WAITS("new")),
     "as many pods as they may"},
    {"pod-unschedulable-hostport",
     NODE("n1", "", "")
         POD("a", RUNS("n1") "containers: [{name: a, ports: [{hostPort: 80}]}]", RUNNING)
             POD("web", "containers: [{name: a, ports: [{hostPort: 80, protocol: TCP}]}]",
                 WAITS("new")),
     "host port 80"},
    {"pod-unschedulable-nodeselector",
     NODE("n1", "", "") POD("web", "nodeSelector: {disk: ssd}, " CPU("1"), WAITS("new")),
     "no node has the label disk=ssd that its nodeSelector asks for (nodes have disk=hdd)"},
    {"pod-unschedulable-nodeselector",
     NODE("n1", "", "") POD("web", "nodeSelector: {disks: hdd}, " CPU("1"), WAITS("new")),
     "nodes have a label disk"},
    {"pod-unschedulable-nodeselector",
     NODE("n1", "", "")
         POD("web",
             "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "
             "{nodeSelectorTerms: [{matchExpressions: [{key: disk, operator: In, values: "
             "[ssd]}]}]}}}, " CPU("1"),
             WAITS("new")),
     "its node affinity matches no node"},
    {"pod-unschedulable-affinity",
     NODE("n1", "", "")
         POD("web", CPU("1"),
             WAITS("0/1 nodes are available: 1 node(s) did not match pod affinity rules. "
                   "preemption: 0/1 nodes are available: x")),
     "any node: 1 node(s) did not match pod affinity rules."},
};

static void
test_the_nodes_decide(void **state)
{
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(rows[i].yaml + strlen("---\n"));
        const Finding *finding = test_cluster_expect(cluster, rows[i].check, "Pod shop/web");
        if (strstr(finding->cause, rows[i].says) == NULL)
            fail_msg("%s does not say '%s': %s", rows[i].check, rows[i].says, finding->cause);
    }
}

static void
test_without_nodes_the_scheduler_is_believed(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        POD("web", CPU("9"), WAITS("0/2 nodes are available: 2 Insufficient cpu.")) + 4);
    test_cluster_fail(cluster, KIND_NODE, "nodes could not be listed: 403");
    const Finding *finding =
        test_cluster_expect(cluster, "pod-unschedulable-resources", "Pod shop/web");
    assert_contains(finding->title, "2 Insufficient cpu");
    test_cluster_expect_unverified(cluster, "pod-unschedulable-never-fits");
}

/* A node that is short of disk closes itself: its trouble is the cause. */
static void
test_a_sick_node_is_the_cause(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        NODE("n1", "taints: [{key: node.kubernetes.io/disk-pressure, effect: NoSchedule}]",
             ", conditions: [{type: DiskPressure, status: 'True', lastTransitionTime: "
             "'2026-01-01T11:00:00Z'}, {type: Ready, status: 'True', lastTransitionTime: "
             "'2026-01-01T10:00:00Z'}]") POD("web", CPU("1"), WAITS("new")) +
        4);
    const Finding *node = test_cluster_expect(cluster, "node-disk-pressure", "Node n1");
    assert_ptr_equal(
        test_cluster_expect_folded(cluster, "pod-unschedulable-taint", "Pod shop/web")->root, node);
}

static void
test_the_autoscaler_is_heard(void **state)
{
    (void)state;
#define SHORT NODE("n1", "", "") POD("web", CPU("5"), WAITS("new"))
    g_autoptr(TestCluster) refuses =
        test_cluster_new(SHORT EVENT("NotTriggerScaleUp", "1 max node group size reached") + 4);
    test_cluster_expect(refuses, "pod-unschedulable-never-fits", "Pod shop/web");
    const Finding *finding =
        test_cluster_expect_folded(refuses, "pod-unschedulable-no-scaleup", "Pod shop/web");
    assert_contains(finding->cause, "max node group size");
    g_autoptr(TestCluster) silent = test_cluster_new(SHORT + 4);
    test_cluster_expect_none(silent, "pod-unschedulable-no-scaleup");
    g_autoptr(TestCluster) helps = test_cluster_new(SHORT EVENT("TriggeredScaleUp", "2 to 3") + 4);
    test_cluster_expect_none(helps, "pod-unschedulable-never-fits");
    g_autoptr(TestCluster) unknown = test_cluster_new(SHORT + 4);
    test_cluster_fail(unknown, KIND_EVENT, "403");
    test_cluster_expect_unverified(unknown, "pod-unschedulable-no-scaleup");
}

static void
test_words_of_the_scheduler(void **state)
{
    (void)state;
    g_autofree char *words = scheduler_words(
        "0/3 nodes are available: 1 Too many pods, 2 new. no new claims to deallocate, preemption: "
        "0/3 nodes are available: 3 No victims.");
    assert_string_equal(words, "1 Too many pods, 2 new");
    g_autofree char *empty = scheduler_words("");
    assert_string_equal(empty, "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_nodes_decide),
        cmocka_unit_test(test_without_nodes_the_scheduler_is_believed),
        cmocka_unit_test(test_a_sick_node_is_the_cause),
        cmocka_unit_test(test_the_autoscaler_is_heard),
        cmocka_unit_test(test_words_of_the_scheduler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
