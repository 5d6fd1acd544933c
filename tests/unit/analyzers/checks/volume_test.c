/* PersistentVolumes. */
#include "tests/unit/analyzers/checks/cases.h"

static const CheckCase cases[] = {
    {"pv-failed", "PersistentVolume v1",
     "apiVersion: v1\n"
     "kind: PersistentVolume\n"
     "metadata: {name: v1}\n"
     "spec: {capacity: {storage: 5Gi}, persistentVolumeReclaimPolicy: Delete}\n"
     "status: {phase: Failed, lastPhaseTransitionTime: '2025-12-20T10:00:00Z', message: "
     "'disk is in use'}\n",
     "disk is in use"},
    {"pv-released-retained", "PersistentVolume v1",
     "apiVersion: v1\n"
     "kind: PersistentVolume\n"
     "metadata: {name: v1}\n"
     "spec: {capacity: {storage: 5Gi}, persistentVolumeReclaimPolicy: Retain}\n"
     "status: {phase: Released, lastPhaseTransitionTime: '2025-12-20T10:00:00Z'}\n",
     "12 d 2 h ago"},
    {"pv-stuck-terminating", "PersistentVolume v1",
     "apiVersion: v1\n"
     "kind: PersistentVolume\n"
     "metadata: {name: v1, deletionTimestamp: '2026-01-01T11:00:00Z', finalizers: "
     "[external-attacher/x]}\n"
     "spec: {capacity: {storage: 5Gi}, persistentVolumeReclaimPolicy: Delete}\n"
     "status: {phase: Released}\n",
     "external-attacher/x"},
    {"pv-node-gone", "PersistentVolume v1",
     "apiVersion: v1\n"
     "kind: PersistentVolume\n"
     "metadata: {name: v1}\n"
     "spec: {capacity: {storage: 5Gi}, claimRef: {namespace: shop, name: data}, "
     "nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: "
     "kubernetes.io/hostname, operator: In, values: [n9]}]}]}}}\n"
     "status: {phase: Bound}\n"
     "---\n"
     "apiVersion: v1\n"
     "kind: Node\n"
     "metadata: {name: n1, labels: {kubernetes.io/hostname: n1}}\n"
     "spec: {}\n"
     "status: {conditions: [{type: Ready, status: 'True', lastTransitionTime: "
     "'2026-01-01T10:00:00Z'}]}\n"
     "---\n"
     "apiVersion: v1\n"
     "kind: Pod\n"
     "metadata: {namespace: shop, name: db}\n"
     "spec: {schedulerName: other, containers: [{name: app}], volumes: [{name: d, "
     "persistentVolumeClaim: {claimName: data}}]}\n"
     "status: {phase: Pending, conditions: [{type: PodScheduled, status: 'False', reason: "
     "Unschedulable, lastTransitionTime: '2026-01-01T10:00:00Z', message: '0/1 nodes are "
     "available: 1 node(s) had volume node affinity conflict.'}]}\n"
     "---\n"
     "apiVersion: v1\n"
     "kind: PersistentVolumeClaim\n"
     "metadata: {namespace: shop, name: data}\n"
     "spec: {volumeName: v1, storageClassName: fast}\n"
     "status: {phase: Bound}\n",
     "pod db waits for it"},
    {"pv-zone-mismatch", "PersistentVolume v1",
     "apiVersion: v1\n"
     "kind: PersistentVolume\n"
     "metadata: {name: v1}\n"
     "spec: {capacity: {storage: 5Gi}, claimRef: {namespace: shop, name: data}, "
     "nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: "
     "topology.kubernetes.io/zone, operator: In, values: [b]}]}]}}}\n"
     "status: {phase: Bound}\n"
     "---\n"
     "apiVersion: v1\n"
     "kind: Node\n"
     "metadata: {name: n1, labels: {kubernetes.io/hostname: n1, "
     "topology.kubernetes.io/zone: b}}\n"
     "spec: {unschedulable: true}\n"
     "status: {conditions: [{type: Ready, status: 'True', lastTransitionTime: "
     "'2026-01-01T10:00:00Z'}]}\n"
     "---\n"
     "apiVersion: v1\n"
     "kind: Pod\n"
     "metadata: {namespace: shop, name: db}\n"
     "spec: {schedulerName: other, containers: [{name: app}], volumes: [{name: d, "
     "persistentVolumeClaim: {claimName: data}}]}\n"
     "status: {phase: Pending, conditions: [{type: PodScheduled, status: 'False', reason: "
     "Unschedulable, lastTransitionTime: '2026-01-01T10:00:00Z', message: '0/1 nodes are "
     "available: 1 node(s) had volume node affinity conflict.'}]}\n"
     "---\n"
     "apiVersion: v1\n"
     "kind: PersistentVolumeClaim\n"
     "metadata: {namespace: shop, name: data}\n"
     "spec: {volumeName: v1, storageClassName: fast}\n"
     "status: {phase: Bound}\n",
     "zone b has 1 nodes"},
};

static const char *const quiet[] = {
    "apiVersion: v1\n"
    "kind: PersistentVolume\n"
    "metadata: {name: v1}\n"
    "spec: {capacity: {storage: 5Gi}, claimRef: {namespace: shop, name: data}, "
    "nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: "
    "kubernetes.io/hostname, operator: In, values: [n1]}]}]}}}\n"
    "status: {phase: Bound}\n"
    "---\n"
    "apiVersion: v1\n"
    "kind: Node\n"
    "metadata: {name: n1, labels: {kubernetes.io/hostname: n1}}\n"
    "spec: {}\n"
    "status: {conditions: [{type: Ready, status: 'True', lastTransitionTime: "
    "'2026-01-01T10:00:00Z'}]}\n",
    "apiVersion: v1\n"
    "kind: PersistentVolume\n"
    "metadata: {name: v1}\n"
    "spec: {capacity: {storage: 5Gi}, claimRef: {namespace: shop, name: data}, "
    "nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: "
    "topology.kubernetes.io/zone, operator: In, values: [b]}]}]}}}\n"
    "status: {phase: Bound}\n"
    "---\n"
    "apiVersion: v1\n"
    "kind: Node\n"
    "metadata: {name: n1, labels: {kubernetes.io/hostname: n1, "
    "topology.kubernetes.io/zone: b}}\n"
    "spec: {}\n"
    "status: {conditions: [{type: Ready, status: 'True', lastTransitionTime: "
    "'2026-01-01T10:00:00Z'}]}\n",
    "apiVersion: v1\n"
    "kind: PersistentVolume\n"
    "metadata: {name: v1}\n"
    "spec: {capacity: {storage: 5Gi}, persistentVolumeReclaimPolicy: Retain}\n"
    "status: {phase: Released, lastPhaseTransitionTime: '2026-01-01T10:00:00Z'}\n",
    "apiVersion: v1\n"
    "kind: PersistentVolume\n"
    "metadata: {name: v1, deletionTimestamp: '2026-01-01T11:00:00Z'}\n"
    "spec: {capacity: {storage: 5Gi}, persistentVolumeReclaimPolicy: Delete}\n"
    "status: {phase: Bound}\n",
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
test_a_node_that_could_not_be_listed_is_not_gone(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: v1\n"
        "kind: PersistentVolume\n"
        "metadata: {name: v1}\n"
        "spec: {capacity: {storage: 5Gi}, claimRef: {namespace: shop, name: data}, "
        "nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: "
        "kubernetes.io/hostname, operator: In, values: [n9]}]}]}}}\n"
        "status: {phase: Bound}\n");
    test_cluster_fail(cluster, KIND_NODE, "403");
    test_cluster_expect_none(cluster, "pv-node-gone");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_fires),
        cmocka_unit_test(test_what_is_well_is_quiet),
        cmocka_unit_test(test_each_says_when_it_cannot_look),
        cmocka_unit_test(test_a_node_that_could_not_be_listed_is_not_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
