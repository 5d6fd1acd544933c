/* Claims that wait for a pod that no node takes. */
#include "tests/unit/analyzers/checks/cases.h"

#define NODE                                                                                       \
    "{apiVersion: v1, kind: Node, metadata: {name: n1, labels: {disk: hdd}}, status: "             \
    "{allocatable: {cpu: '4', memory: 8Gi, pods: '110'}, conditions: [{type: Ready, status: "      \
    "'True', " CASE_SINCE "}]}}\n"
#define CLASS(mode)                                                                                \
    "---\n{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: fast}, "            \
    "provisioner: csi.example.com, volumeBindingMode: " mode "}\n"                                 \
    "---\n{apiVersion: storage.k8s.io/v1, kind: CSIDriver, metadata: {name: csi.example.com}}\n"
#define CLAIM(more)                                                                                \
    "---\n{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {namespace: shop, name: "        \
    "data" more                                                                                    \
    "}, spec: {storageClassName: fast, resources: {requests: {storage: 1Gi}}}, status: "           \
    "{phase: Pending}}\n"
#define POD(since, message)                                                                        \
    "---\n{apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: db}, spec: "               \
    "{nodeSelector: {disk: ssd}, containers: [{name: app, image: 'registry.example/db:1'}], "      \
    "volumes: [{name: d, persistentVolumeClaim: {claimName: data}}]}, status: {phase: Pending, "   \
    "conditions: [{type: PodScheduled, status: 'False', reason: Unschedulable, "                   \
    "lastTransitionTime: '" since "', message: '" message "'}]}}\n"
#define SELECTOR "0/1 nodes are available: 1 node(s) didn''t match Pod''s node affinity/selector."
#define LONG_AGO "2026-01-01T11:00:00Z"
#define NOW      "2026-01-01T11:59:00Z"
#define LATE     "WaitForFirstConsumer"
#define ID       "pvc-pending-waiting-scheduling"

static void
test_the_claim_is_a_consequence_of_the_pod(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new(NODE CLASS(LATE) CLAIM("") POD(LONG_AGO, SELECTOR));
    const Finding *finding =
        test_cluster_expect_folded(cluster, ID, "PersistentVolumeClaim shop/data");
    assert_string_equal(finding->root->check->id, "pod-unschedulable-nodeselector");
    assert_contains(finding->title, "waits for Pod db");
    assert_int_equal(test_cluster_findings(cluster)->n_roots, 1);
}

static void
test_other_reasons_are_not_it(void **state)
{
    (void)state;
    static const char *const clusters[] = {
        NODE CLASS(LATE) CLAIM("") POD(NOW, SELECTOR),
        NODE CLASS("Immediate") CLAIM("") POD(LONG_AGO, SELECTOR),
        NODE CLASS(LATE) CLAIM("") POD(LONG_AGO, "0/1 nodes are available: 1 node(s) had volume "
                                                 "node affinity conflict."),
        NODE CLASS(LATE) CLAIM(", annotations: {volume.kubernetes.io/selected-node: n1}")
            POD(LONG_AGO, SELECTOR),
    };
    for (size_t i = 0; i < G_N_ELEMENTS(clusters); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(clusters[i]);
        test_cluster_expect_none(cluster, ID);
    }
}

static void
test_unknown_is_said(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(NODE POD(LONG_AGO, SELECTOR));
    test_cluster_fail(cluster, KIND_PVC, "403");
    test_cluster_expect_none(cluster, ID);
    test_cluster_expect_unverified(cluster, ID);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_claim_is_a_consequence_of_the_pod),
        cmocka_unit_test(test_other_reasons_are_not_it),
        cmocka_unit_test(test_unknown_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
