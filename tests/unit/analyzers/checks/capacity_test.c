#include "tests/unit/analyzers/checks/cases.h"

#define NODE(name, pods, more)                                                                     \
    "---\n{apiVersion: v1, kind: Node, metadata: {name: " name "}, spec: {" more "}, status: "     \
    "{allocatable: {cpu: '4', memory: 8Gi, pods: '" pods "'}, conditions: [{type: Ready, status: " \
    "'True', " CASE_SINCE "}]}}\n"
#define POD_AT(name, node, cpu, created, owner)                                                    \
    "---\n{apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: " name                     \
    ", creationTimestamp: '" created "'" owner "}, spec: {nodeName: " node                         \
    ", containers: [{name: "                                                                       \
    "app, image: 'registry.example/app:1', resources: {requests: {cpu: '" cpu                      \
    "', memory: 1Gi}}}]}, "                                                                        \
    "status: {phase: Running, conditions: [{type: Ready, status: 'True', " CASE_SINCE "}]}}\n"
#define OLD                  "2026-01-01T09:00:00Z"
#define POD(name, node, cpu) POD_AT(name, node, cpu, OLD, "")
#define SCALER                                                                                     \
    "---\n{apiVersion: apps/v1, kind: Deployment, metadata: {namespace: kube-system, name: "       \
    "cluster-autoscaler}, spec: {replicas: 0, selector: {matchLabels: {app: x}}, template: "       \
    "{metadata: {labels: {app: x}}, spec: {containers: [{name: app}]}}}}\n"
/* Of clouds that keep the program to themselves. */
#define SCALER_STATUS                                                                              \
    "---\n{apiVersion: v1, kind: ConfigMap, metadata: {namespace: kube-system, name: "             \
    "cluster-autoscaler-status}}\n"

static const CheckCase cases[] = {
    {"node-too-many-pods", "Node n1", NODE("n1", "2", "") POD("a", "n1", "1") POD("b", "n1", "1"),
     "2 of the 2 pods"},
    {"cluster-resource-overcommit", "Node n1",
     NODE("n1", "110", "") NODE("n2", "110", "") POD("a", "n1", "3") POD("b", "n2", "2"),
     "request 5.0 of cpu"},
};

static void
test_what_is_wrong(void **state)
{
    (void)state;
    cases_expect(cases, G_N_ELEMENTS(cases));
}

static void
test_what_is_well(void **state)
{
    (void)state;
    static const char *const clusters[] = {
        NODE("n1", "3", "") POD("a", "n1", "1") POD("b", "n1", "1"),
        NODE("n1", "2", "") POD("a", "n1", "1") POD_AT("b", "n1", "1", "2026-01-01T11:55:00Z", ""),
        NODE("n1", "110", "") NODE("n2", "110", "") POD("a", "n1", "2") POD("b", "n2", "2"),
        NODE("n1", "110", "") NODE("n2", "110", "") POD("a", "n1", "3") POD("b", "n2", "2") SCALER,
        NODE("n1", "110", "") NODE("n2", "110", "") POD("a", "n1", "3") POD("b", "n2", "2")
            SCALER_STATUS,
        /* The pod of a DaemonSet ends with its node. */
        NODE("n1", "110", "") NODE("n2", "110", "")
            POD_AT("a", "n1", "3", OLD,
                   ", ownerReferences: [{kind: DaemonSet, name: d, uid: DaemonSet/shop/d, "
                   "controller: true}]")
                POD("b", "n2", "2") "---\n{apiVersion: apps/v1, kind: DaemonSet, metadata: "
                                    "{namespace: shop, name: d}}\n",
        /* What stands on a node of its own needs a node of its own. */
        NODE("n1", "110", "") NODE("n2", "110", "taints: [{key: gpu, effect: NoSchedule}]")
            POD("a", "n1", "3") POD("b", "n2", "3"),
    };
    for (size_t i = 0; i < G_N_ELEMENTS(clusters); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(clusters[i]);
        test_cluster_expect_none(cluster, "node-too-many-pods");
        test_cluster_expect_none(cluster, "cluster-resource-overcommit");
    }
}

static void
test_unknown_is_said(void **state)
{
    (void)state;
    cases_expect_unverified(cases, G_N_ELEMENTS(cases));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_wrong),
        cmocka_unit_test(test_what_is_well),
        cmocka_unit_test(test_unknown_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
