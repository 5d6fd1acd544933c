/* Claims that grow, that come from others, that nobody uses. */
#include "tests/unit/analyzers/checks/cases.h"

static const CheckCase cases[] = {
    {"pvc-resize-stuck", "PersistentVolumeClaim shop/data",
     "apiVersion: v1\n"
     "kind: PersistentVolumeClaim\n"
     "metadata: {namespace: shop, name: data, uid: data}\n"
     "spec: {resources: {requests: {storage: 20Gi}}, storageClassName: fast, volumeName: "
     "v1}\n"
     "status: {phase: Bound, capacity: {storage: 10Gi}, conditions: [{type: "
     "ControllerResizeError, status: 'True', lastTransitionTime: '2026-01-01T10:00:00Z', "
     "message: 'class forbids it'}]}\n"
     "---\n"
     "apiVersion: storage.k8s.io/v1\n"
     "kind: StorageClass\n"
     "metadata: {name: fast, annotations: {storageclass.kubernetes.io/is-default-class: "
     "'true'}}\n"
     "provisioner: csi.example.com\n"
     "volumeBindingMode: WaitForFirstConsumer\n"
     "---\n"
     "apiVersion: storage.k8s.io/v1\n"
     "kind: CSIDriver\n"
     "metadata: {name: csi.example.com}\n",
     "asks for 20Gi and has 10Gi"},
    {"pvc-resize-stuck", "PersistentVolumeClaim shop/data",
     "apiVersion: v1\n"
     "kind: PersistentVolumeClaim\n"
     "metadata: {namespace: shop, name: data, uid: data}\n"
     "spec: {resources: {requests: {storage: 20Gi}}, storageClassName: fast, volumeName: "
     "v1}\n"
     "status: {phase: Bound, capacity: {storage: 10Gi}, allocatedResourceStatuses: "
     "{storage: ControllerResizeInfeasible}}\n"
     "---\n"
     "apiVersion: storage.k8s.io/v1\n"
     "kind: StorageClass\n"
     "metadata: {name: fast, annotations: {storageclass.kubernetes.io/is-default-class: "
     "'true'}}\n"
     "provisioner: csi.example.com\n"
     "volumeBindingMode: WaitForFirstConsumer\n"
     "---\n"
     "apiVersion: storage.k8s.io/v1\n"
     "kind: CSIDriver\n"
     "metadata: {name: csi.example.com}\n",
     "ControllerResizeInfeasible"},
    {"pvc-pending-datasource", "PersistentVolumeClaim shop/data",
     "apiVersion: v1\n"
     "kind: PersistentVolumeClaim\n"
     "metadata: {namespace: shop, name: data, uid: data}\n"
     "spec: {resources: {requests: {storage: 20Gi}}, storageClassName: fast, dataSource: "
     "{kind: VolumeSnapshot, name: s1}}\n"
     "status: {phase: Pending}\n"
     "---\n"
     "apiVersion: storage.k8s.io/v1\n"
     "kind: StorageClass\n"
     "metadata: {name: fast, annotations: {storageclass.kubernetes.io/is-default-class: "
     "'true'}}\n"
     "provisioner: csi.example.com\n"
     "volumeBindingMode: WaitForFirstConsumer\n"
     "---\n"
     "apiVersion: storage.k8s.io/v1\n"
     "kind: CSIDriver\n"
     "metadata: {name: csi.example.com}\n",
     "VolumeSnapshot s1, which does not exist"},
    {"pvc-volume-abnormal", "PersistentVolumeClaim shop/data",
     "apiVersion: v1\n"
     "kind: PersistentVolumeClaim\n"
     "metadata: {namespace: shop, name: data, uid: data}\n"
     "spec: {resources: {requests: {storage: 20Gi}}, storageClassName: fast, volumeName: "
     "v1}\n"
     "status: {phase: Bound}\n"
     "---\n"
     "apiVersion: storage.k8s.io/v1\n"
     "kind: StorageClass\n"
     "metadata: {name: fast, annotations: {storageclass.kubernetes.io/is-default-class: "
     "'true'}}\n"
     "provisioner: csi.example.com\n"
     "volumeBindingMode: WaitForFirstConsumer\n"
     "---\n"
     "apiVersion: storage.k8s.io/v1\n"
     "kind: CSIDriver\n"
     "metadata: {name: csi.example.com}\n"
     "---\n"
     "apiVersion: v1\n"
     "kind: Event\n"
     "metadata: {namespace: shop, name: e}\n"
     "involvedObject: {uid: data}\n"
     "reason: VolumeConditionAbnormal\n"
     "message: the disk has bad blocks\n"
     "firstTimestamp: '2026-01-01T11:00:00Z'\n"
     "lastTimestamp: '2026-01-01T11:59:00Z'\n",
     "bad blocks"},
    {"pvc-pending-waiting-consumer", "PersistentVolumeClaim shop/data",
     "apiVersion: v1\n"
     "kind: PersistentVolumeClaim\n"
     "metadata: {namespace: shop, name: data, uid: data}\n"
     "spec: {resources: {requests: {storage: 20Gi}}, storageClassName: fast, volumeMode: "
     "Filesystem}\n"
     "status: {phase: Pending}\n"
     "---\n"
     "apiVersion: storage.k8s.io/v1\n"
     "kind: StorageClass\n"
     "metadata: {name: fast, annotations: {storageclass.kubernetes.io/is-default-class: "
     "'true'}}\n"
     "provisioner: csi.example.com\n"
     "volumeBindingMode: WaitForFirstConsumer\n"
     "---\n"
     "apiVersion: storage.k8s.io/v1\n"
     "kind: CSIDriver\n"
     "metadata: {name: csi.example.com}\n",
     "none does"},
    {"pvc-unused", "PersistentVolumeClaim shop/data",
     "apiVersion: v1\n"
     "kind: PersistentVolumeClaim\n"
     "metadata: {namespace: shop, name: data, uid: data, creationTimestamp: "
     "'2025-12-01T00:00:00Z'}\n"
     "spec: {resources: {requests: {storage: 20Gi}}, storageClassName: fast, volumeName: "
     "v1}\n"
     "status: {phase: Bound}\n"
     "---\n"
     "apiVersion: storage.k8s.io/v1\n"
     "kind: StorageClass\n"
     "metadata: {name: fast, annotations: {storageclass.kubernetes.io/is-default-class: "
     "'true'}}\n"
     "provisioner: csi.example.com\n"
     "volumeBindingMode: WaitForFirstConsumer\n"
     "---\n"
     "apiVersion: storage.k8s.io/v1\n"
     "kind: CSIDriver\n"
     "metadata: {name: csi.example.com}\n",
     "disk of 20Gi"},
};

static const char *const quiet[] = {
    "apiVersion: v1\n"
    "kind: PersistentVolumeClaim\n"
    "metadata: {namespace: shop, name: data, uid: data}\n"
    "spec: {resources: {requests: {storage: 20Gi}}, storageClassName: fast, volumeName: "
    "v1}\n"
    "status: {phase: Bound}\n"
    "---\n"
    "apiVersion: storage.k8s.io/v1\n"
    "kind: StorageClass\n"
    "metadata: {name: fast, annotations: {storageclass.kubernetes.io/is-default-class: "
    "'true'}}\n"
    "provisioner: csi.example.com\n"
    "volumeBindingMode: WaitForFirstConsumer\n"
    "---\n"
    "apiVersion: storage.k8s.io/v1\n"
    "kind: CSIDriver\n"
    "metadata: {name: csi.example.com}\n"
    "---\n"
    "apiVersion: v1\n"
    "kind: Pod\n"
    "metadata: {namespace: shop, name: db}\n"
    "spec: {schedulerName: other, containers: [{name: app}], volumes: [{name: d, "
    "persistentVolumeClaim: {claimName: data}}]}\n"
    "status: {phase: Succeeded}\n",
    "apiVersion: v1\n"
    "kind: PersistentVolumeClaim\n"
    "metadata: {namespace: shop, name: data, uid: data}\n"
    "spec: {resources: {requests: {storage: 20Gi}}, storageClassName: fast, volumeName: "
    "v1}\n"
    "status: {phase: Bound, conditions: [{type: Resizing, status: 'True', "
    "lastTransitionTime: '2026-01-01T11:58:00Z'}]}\n"
    "---\n"
    "apiVersion: storage.k8s.io/v1\n"
    "kind: StorageClass\n"
    "metadata: {name: fast, annotations: {storageclass.kubernetes.io/is-default-class: "
    "'true'}}\n"
    "provisioner: csi.example.com\n"
    "volumeBindingMode: WaitForFirstConsumer\n"
    "---\n"
    "apiVersion: storage.k8s.io/v1\n"
    "kind: CSIDriver\n"
    "metadata: {name: csi.example.com}\n",
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
test_the_words_of_the_driver_are_told_apart(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: v1\n"
        "kind: PersistentVolumeClaim\n"
        "metadata: {namespace: shop, name: data, uid: data}\n"
        "spec: {resources: {requests: {storage: 20Gi}}, storageClassName: fast, accessModes: "
        "[ReadWriteMany]}\n"
        "status: {phase: Pending}\n"
        "---\n"
        "apiVersion: storage.k8s.io/v1\n"
        "kind: StorageClass\n"
        "metadata: {name: fast, annotations: {storageclass.kubernetes.io/is-default-class: "
        "'true'}}\n"
        "provisioner: csi.example.com\n"
        "volumeBindingMode: WaitForFirstConsumer\n"
        "---\n"
        "apiVersion: storage.k8s.io/v1\n"
        "kind: CSIDriver\n"
        "metadata: {name: csi.example.com}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Event\n"
        "metadata: {namespace: shop, name: e}\n"
        "involvedObject: {uid: data}\n"
        "reason: ProvisioningFailed\n"
        "message: 'specified access mode is not supported'\n"
        "firstTimestamp: '2026-01-01T11:00:00Z'\n"
        "lastTimestamp: '2026-01-01T11:59:00Z'\n");
    test_cluster_expect(cluster, "pvc-pending-access-mode", "PersistentVolumeClaim shop/data");
    test_cluster_expect_none(cluster, "pvc-pending-provision-failed");
}

/* A source of another namespace, whose own fault it is; a snapshot of the same name is not it. */
static void
test_the_source_is_the_cause(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {namespace: shop, name: data}, "
        "spec: {resources: {requests: {storage: 20Gi}}, storageClassName: fast, dataSourceRef: "
        "{kind: PersistentVolumeClaim, namespace: base, name: src}}, status: {phase: Pending}}\n"
        "---\n"
        "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {namespace: base, name: src}, "
        "spec: {resources: {requests: {storage: 20Gi}}, storageClassName: gone}, "
        "status: {phase: Pending}}\n"
        "---\n"
        "{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: fast}, "
        "provisioner: csi.example.com, volumeBindingMode: WaitForFirstConsumer}\n"
        "---\n"
        "{apiVersion: storage.k8s.io/v1, kind: CSIDriver, metadata: {name: csi.example.com}}\n");
    test_cluster_expect(cluster, "pvc-pending-class-missing", "PersistentVolumeClaim base/src");
    test_cluster_expect_folded(cluster, "pvc-pending-datasource",
                               "PersistentVolumeClaim shop/data");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_fires),
        cmocka_unit_test(test_what_is_well_is_quiet),
        cmocka_unit_test(test_each_says_when_it_cannot_look),
        cmocka_unit_test(test_the_source_is_the_cause),
        cmocka_unit_test(test_the_words_of_the_driver_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
