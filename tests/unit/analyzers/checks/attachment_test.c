/* Attachments of volumes, and snapshots. */
#include "tests/unit/analyzers/checks/cases.h"

static const CheckCase cases[] = {
    {"volumeattachment-stuck", "VolumeAttachment a1",
     "apiVersion: storage.k8s.io/v1\n"
     "kind: VolumeAttachment\n"
     "metadata: {name: a1}\n"
     "spec: {attacher: csi.example.com, nodeName: n1, source: {persistentVolumeName: v1}}\n"
     "status: {attached: false, attachError: {message: 'too many disks'}}\n"
     "---\n"
     "apiVersion: v1\n"
     "kind: Node\n"
     "metadata: {name: n1, labels: {kubernetes.io/hostname: n1}}\n"
     "spec: {}\n"
     "status: {conditions: [{type: Ready, status: 'True', lastTransitionTime: "
     "'2026-01-01T10:00:00Z'}]}\n"
     "---\n"
     "apiVersion: v1\n"
     "kind: PersistentVolume\n"
     "metadata: {name: v1}\n"
     "spec: {capacity: {storage: 5Gi}, claimRef: {namespace: shop, name: data}}\n"
     "status: {phase: Bound}\n"
     "---\n"
     "apiVersion: v1\n"
     "kind: PersistentVolumeClaim\n"
     "metadata: {namespace: shop, name: data}\n"
     "spec: {volumeName: v1, storageClassName: fast}\n"
     "status: {phase: Bound}\n",
     "too many disks"},
    {"volumeattachment-stuck", "VolumeAttachment a1",
     "apiVersion: storage.k8s.io/v1\n"
     "kind: VolumeAttachment\n"
     "metadata: {name: a1}\n"
     "spec: {attacher: csi.example.com, nodeName: gone, source: {persistentVolumeName: "
     "v1}}\n"
     "status: {attached: true}\n"
     "---\n"
     "apiVersion: v1\n"
     "kind: Node\n"
     "metadata: {name: n1, labels: {kubernetes.io/hostname: n1}}\n"
     "spec: {}\n"
     "status: {conditions: [{type: Ready, status: 'True', lastTransitionTime: "
     "'2026-01-01T10:00:00Z'}]}\n"
     "---\n"
     "apiVersion: v1\n"
     "kind: PersistentVolume\n"
     "metadata: {name: v1}\n"
     "spec: {capacity: {storage: 5Gi}, claimRef: {namespace: shop, name: data}}\n"
     "status: {phase: Bound}\n"
     "---\n"
     "apiVersion: v1\n"
     "kind: PersistentVolumeClaim\n"
     "metadata: {namespace: shop, name: data}\n"
     "spec: {volumeName: v1, storageClassName: fast}\n"
     "status: {phase: Bound}\n",
     "does not exist any more"},
    {"volumesnapshot-not-ready", "VolumeSnapshot shop/s1",
     "apiVersion: snapshot.storage.k8s.io/v1\n"
     "kind: VolumeSnapshot\n"
     "metadata: {namespace: shop, name: s1}\n"
     "spec: {source: {persistentVolumeClaimName: data}}\n"
     "status: {readyToUse: false, error: {message: 'no such class'}}\n",
     "no such class"},
};

static const char *const quiet[] = {
    "apiVersion: storage.k8s.io/v1\n"
    "kind: VolumeAttachment\n"
    "metadata: {name: a1}\n"
    "spec: {attacher: csi.example.com, nodeName: n1, source: {persistentVolumeName: v1}}\n"
    "status: {attached: true}\n"
    "---\n"
    "apiVersion: v1\n"
    "kind: Node\n"
    "metadata: {name: n1, labels: {kubernetes.io/hostname: n1}}\n"
    "spec: {}\n"
    "status: {conditions: [{type: Ready, status: 'True', lastTransitionTime: "
    "'2026-01-01T10:00:00Z'}]}\n"
    "---\n"
    "apiVersion: v1\n"
    "kind: PersistentVolume\n"
    "metadata: {name: v1}\n"
    "spec: {capacity: {storage: 5Gi}, claimRef: {namespace: shop, name: data}}\n"
    "status: {phase: Bound}\n",
    "apiVersion: storage.k8s.io/v1\n"
    "kind: VolumeAttachment\n"
    "metadata: {name: a1, creationTimestamp: '2026-01-01T11:59:00Z'}\n"
    "spec: {attacher: csi.example.com, nodeName: n1, source: {persistentVolumeName: v1}}\n"
    "status: {attached: false}\n"
    "---\n"
    "apiVersion: v1\n"
    "kind: Node\n"
    "metadata: {name: n1, labels: {kubernetes.io/hostname: n1}}\n"
    "spec: {}\n"
    "status: {conditions: [{type: Ready, status: 'True', lastTransitionTime: "
    "'2026-01-01T10:00:00Z'}]}\n"
    "---\n"
    "apiVersion: v1\n"
    "kind: PersistentVolume\n"
    "metadata: {name: v1}\n"
    "spec: {capacity: {storage: 5Gi}, claimRef: {namespace: shop, name: data}}\n"
    "status: {phase: Bound}\n",
    "apiVersion: snapshot.storage.k8s.io/v1\n"
    "kind: VolumeSnapshot\n"
    "metadata: {namespace: shop, name: s1}\n"
    "spec: {source: {persistentVolumeClaimName: data}}\n"
    "status: {readyToUse: true}\n",
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
test_a_dead_node_keeps_its_disks(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: storage.k8s.io/v1\n"
        "kind: VolumeAttachment\n"
        "metadata: {name: a1}\n"
        "spec: {attacher: csi.example.com, nodeName: n1, source: {persistentVolumeName: v1}}\n"
        "status: {attached: true}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Node\n"
        "metadata: {name: n1, labels: {kubernetes.io/hostname: n1}}\n"
        "spec: {}\n"
        "status: {conditions: [{type: Ready, status: Unknown, lastTransitionTime: "
        "'2026-01-01T10:00:00Z'}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: PersistentVolume\n"
        "metadata: {name: v1}\n"
        "spec: {capacity: {storage: 5Gi}, claimRef: {namespace: shop, name: data}}\n"
        "status: {phase: Bound}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: PersistentVolumeClaim\n"
        "metadata: {namespace: shop, name: data}\n"
        "spec: {volumeName: v1, storageClassName: fast}\n"
        "status: {phase: Bound}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: shop, name: db}\n"
        "spec: {nodeName: n2, schedulerName: other, containers: [{name: app}], volumes: "
        "[{name: d, persistentVolumeClaim: {claimName: data}}]}\n"
        "status: {phase: Pending, conditions: [{type: PodScheduled, status: 'False', reason: "
        "Unschedulable, lastTransitionTime: '2026-01-01T10:00:00Z', message: '0/1 nodes are "
        "available: 1 node(s) had volume node affinity conflict.'}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Node\n"
        "metadata: {name: n2, labels: {kubernetes.io/hostname: n2}}\n"
        "spec: {}\n"
        "status: {conditions: [{type: Ready, status: 'True', lastTransitionTime: "
        "'2026-01-01T10:00:00Z'}]}\n");
    test_cluster_expect(cluster, "node-unreachable", "Node n1");
    test_cluster_expect_folded(cluster, "volume-detach-blocked", "VolumeAttachment a1");
}

static void
test_disks_of_one_node_are_told_once(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: storage.k8s.io/v1\n"
        "kind: VolumeAttachment\n"
        "metadata: {name: a1}\n"
        "spec: {attacher: csi.example.com, nodeName: n1, source: {persistentVolumeName: v1}}\n"
        "status: {attached: false}\n"
        "---\n"
        "apiVersion: storage.k8s.io/v1\n"
        "kind: VolumeAttachment\n"
        "metadata: {name: a2}\n"
        "spec: {attacher: csi.example.com, nodeName: n1, source: {persistentVolumeName: v2}}\n"
        "status: {attached: false}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Node\n"
        "metadata: {name: n1, labels: {kubernetes.io/hostname: n1}}\n"
        "spec: {}\n"
        "status: {conditions: [{type: Ready, status: 'True', lastTransitionTime: "
        "'2026-01-01T10:00:00Z'}]}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "volumeattachment-stuck", "VolumeAttachment a1");
    assert_int_equal(test_cluster_findings(cluster)->n_roots, 1);
    assert_int_equal(finding->evidence->len, 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_fires),
        cmocka_unit_test(test_what_is_well_is_quiet),
        cmocka_unit_test(test_each_says_when_it_cannot_look),
        cmocka_unit_test(test_a_dead_node_keeps_its_disks),
        cmocka_unit_test(test_disks_of_one_node_are_told_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
