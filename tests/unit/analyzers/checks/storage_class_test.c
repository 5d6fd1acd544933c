/* StorageClasses and their drivers. */
#include "tests/unit/analyzers/checks/cases.h"

static const CheckCase cases[] = {
    {"storageclass-multi-default", "StorageClass slow",
     "apiVersion: storage.k8s.io/v1\n"
     "kind: StorageClass\n"
     "metadata: {name: fast, creationTimestamp: '2025-12-01T00:00:00Z', annotations: "
     "{storageclass.kubernetes.io/is-default-class: 'true'}}\n"
     "provisioner: csi.example.com\n"
     "volumeBindingMode: Immediate\n"
     "---\n"
     "apiVersion: storage.k8s.io/v1\n"
     "kind: StorageClass\n"
     "metadata: {name: slow, annotations: {storageclass.kubernetes.io/is-default-class: "
     "'true'}}\n"
     "provisioner: csi.example.com\n"
     "volumeBindingMode: Immediate\n"
     "---\n"
     "apiVersion: storage.k8s.io/v1\n"
     "kind: CSIDriver\n"
     "metadata: {name: csi.example.com}\n",
     "fast, slow"},
    {"storageclass-no-default", "StatefulSet shop/db",
     "apiVersion: storage.k8s.io/v1\n"
     "kind: StorageClass\n"
     "metadata: {name: fast}\n"
     "provisioner: csi.example.com\n"
     "volumeBindingMode: Immediate\n"
     "---\n"
     "apiVersion: storage.k8s.io/v1\n"
     "kind: CSIDriver\n"
     "metadata: {name: csi.example.com}\n"
     "---\n"
     "apiVersion: apps/v1\n"
     "kind: StatefulSet\n"
     "metadata: {namespace: shop, name: db}\n"
     "spec: {replicas: 1, template: {spec: {containers: [{name: app}]}}, "
     "volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: "
     "[ReadWriteOnce]}}]}\n"
     "status: {replicas: 1, readyReplicas: 1, availableReplicas: 1, updatedReplicas: 1}\n",
     "there is no default"},
    {"storageclass-driver-missing", "StorageClass fast",
     "apiVersion: storage.k8s.io/v1\n"
     "kind: StorageClass\n"
     "metadata: {name: fast, annotations: {storageclass.kubernetes.io/is-default-class: "
     "'true'}}\n"
     "provisioner: csi.example.com\n"
     "volumeBindingMode: Immediate\n",
     "not installed"},
    {"csi-controller-down", "Deployment csi/ctrl",
     "apiVersion: storage.k8s.io/v1\n"
     "kind: CSIDriver\n"
     "metadata: {name: csi.example.com}\n"
     "---\n"
     "apiVersion: apps/v1\n"
     "kind: Deployment\n"
     "metadata: {namespace: csi, name: ctrl, uid: ctrl}\n"
     "spec: {replicas: 1, template: {spec: {containers: [{name: csi-provisioner}]}}}\n"
     "---\n"
     "apiVersion: apps/v1\n"
     "kind: ReplicaSet\n"
     "metadata: {namespace: csi, name: ctrl-1, uid: ctrl-1, ownerReferences: "
     "[{controller: true, uid: ctrl}]}\n"
     "---\n"
     "apiVersion: v1\n"
     "kind: Pod\n"
     "metadata: {namespace: csi, name: ctrl-1-a, ownerReferences: [{controller: true, "
     "uid: ctrl-1}]}\n"
     "spec: {nodeName: n1, containers: [{name: csi-provisioner, args: "
     "[--driver=csi.example.com]}]}\n"
     "status: {phase: Running, conditions: [{type: Ready, status: 'False', "
     "lastTransitionTime: '2026-01-01T10:00:00Z'}]}\n",
     "csi.example.com"},
    {"csinode-driver-missing", "Node n2",
     "apiVersion: apps/v1\n"
     "kind: DaemonSet\n"
     "metadata: {namespace: csi, name: agent, uid: agent}\n"
     "spec: {template: {spec: {containers: [{name: driver}], volumes: [{name: p, "
     "hostPath: {path: /var/lib/kubelet/plugins/csi.example.com}}]}}}\n"
     "status: {desiredNumberScheduled: 1, currentNumberScheduled: 1, numberReady: 1, "
     "numberAvailable: 1, updatedNumberScheduled: 1}\n"
     "---\n"
     "apiVersion: v1\n"
     "kind: Pod\n"
     "metadata: {namespace: csi, name: agent-a, ownerReferences: [{controller: true, uid: "
     "agent}]}\n"
     "spec: {nodeName: n1, containers: [{name: driver}], volumes: [{name: p, hostPath: "
     "{path: /var/lib/kubelet/plugins/csi.example.com}}]}\n"
     "status: {phase: Running, conditions: [{type: Ready, status: 'True'}]}\n"
     "---\n"
     "apiVersion: v1\n"
     "kind: Node\n"
     "metadata: {name: n1, labels: {kubernetes.io/hostname: n1}}\n"
     "spec: {}\n"
     "status: {conditions: [{type: Ready, status: 'True', lastTransitionTime: "
     "'2026-01-01T10:00:00Z'}]}\n"
     "---\n"
     "apiVersion: v1\n"
     "kind: Node\n"
     "metadata: {name: n2, labels: {kubernetes.io/hostname: n2}}\n"
     "spec: {}\n"
     "status: {conditions: [{type: Ready, status: 'True', lastTransitionTime: "
     "'2026-01-01T10:00:00Z'}]}\n"
     "---\n"
     "apiVersion: storage.k8s.io/v1\n"
     "kind: CSINode\n"
     "metadata: {name: n1}\n"
     "spec: {drivers: [{name: csi.example.com}]}\n"
     "---\n"
     "apiVersion: storage.k8s.io/v1\n"
     "kind: CSINode\n"
     "metadata: {name: n2}\n"
     "spec: {drivers: []}\n",
     "csi/agent should run on the node"},
};

static const char *const quiet[] = {
    "apiVersion: storage.k8s.io/v1\n"
    "kind: StorageClass\n"
    "metadata: {name: fast, annotations: {storageclass.kubernetes.io/is-default-class: "
    "'true'}}\n"
    "provisioner: csi.example.com\n"
    "volumeBindingMode: Immediate\n"
    "---\n"
    "apiVersion: storage.k8s.io/v1\n"
    "kind: CSIDriver\n"
    "metadata: {name: csi.example.com}\n",
    "apiVersion: storage.k8s.io/v1\n"
    "kind: StorageClass\n"
    "metadata: {name: fast, annotations: {storageclass.kubernetes.io/is-default-class: "
    "'true'}}\n"
    "provisioner: csi.example.com\n"
    "volumeBindingMode: Immediate\n"
    "---\n"
    "apiVersion: v1\n"
    "kind: PersistentVolumeClaim\n"
    "metadata: {namespace: shop, name: data}\n"
    "spec: {volumeName: v1, storageClassName: fast}\n"
    "status: {phase: Bound}\n",
    "apiVersion: storage.k8s.io/v1\n"
    "kind: StorageClass\n"
    "metadata: {name: local, annotations: {storageclass.kubernetes.io/is-default-class: "
    "'true'}}\n"
    "provisioner: rancher.io/local-path\n"
    "volumeBindingMode: Immediate\n"
    "---\n"
    "apiVersion: v1\n"
    "kind: Pod\n"
    "metadata: {namespace: kube-system, name: local-path-provisioner-1}\n"
    "spec: {nodeName: n1, containers: [{name: local-path-provisioner}]}\n"
    "status: {phase: Running, conditions: [{type: Ready, status: 'True'}]}\n",
    "apiVersion: storage.k8s.io/v1\n"
    "kind: CSIDriver\n"
    "metadata: {name: csi.example.com}\n"
    "---\n"
    "apiVersion: apps/v1\n"
    "kind: Deployment\n"
    "metadata: {namespace: csi, name: ctrl, uid: ctrl}\n"
    "spec: {replicas: 1, template: {spec: {containers: [{name: csi-provisioner}]}}}\n"
    "---\n"
    "apiVersion: apps/v1\n"
    "kind: ReplicaSet\n"
    "metadata: {namespace: csi, name: ctrl-1, uid: ctrl-1, ownerReferences: "
    "[{controller: true, uid: ctrl}]}\n"
    "---\n"
    "apiVersion: v1\n"
    "kind: Pod\n"
    "metadata: {namespace: csi, name: ctrl-1-a, ownerReferences: [{controller: true, "
    "uid: ctrl-1}]}\n"
    "spec: {nodeName: n1, containers: [{name: csi-provisioner, args: "
    "[--driver=csi.example.com]}]}\n"
    "status: {phase: Running, conditions: [{type: Ready, status: 'True', "
    "lastTransitionTime: '2026-01-01T10:00:00Z'}]}\n",
    "apiVersion: apps/v1\n"
    "kind: DaemonSet\n"
    "metadata: {namespace: csi, name: agent, uid: agent}\n"
    "spec: {template: {spec: {containers: [{name: driver}], volumes: [{name: p, "
    "hostPath: {path: /var/lib/kubelet/plugins/csi.example.com}}]}}}\n"
    "status: {desiredNumberScheduled: 1, currentNumberScheduled: 1, numberReady: 1, "
    "numberAvailable: 1, updatedNumberScheduled: 1}\n"
    "---\n"
    "apiVersion: v1\n"
    "kind: Pod\n"
    "metadata: {namespace: csi, name: agent-a, ownerReferences: [{controller: true, uid: "
    "agent}]}\n"
    "spec: {nodeName: n1, containers: [{name: driver}], volumes: [{name: p, hostPath: "
    "{path: /var/lib/kubelet/plugins/csi.example.com}}]}\n"
    "status: {phase: Running, conditions: [{type: Ready, status: 'True'}]}\n"
    "---\n"
    "apiVersion: v1\n"
    "kind: Node\n"
    "metadata: {name: n1, labels: {kubernetes.io/hostname: n1}}\n"
    "spec: {}\n"
    "status: {conditions: [{type: Ready, status: 'True', lastTransitionTime: "
    "'2026-01-01T10:00:00Z'}]}\n"
    "---\n"
    "apiVersion: storage.k8s.io/v1\n"
    "kind: CSINode\n"
    "metadata: {name: n1}\n"
    "spec: {drivers: [{name: csi.example.com}]}\n",
    "apiVersion: apps/v1\n"
    "kind: DaemonSet\n"
    "metadata: {namespace: csi, name: agent, uid: agent}\n"
    "spec: {template: {spec: {nodeSelector: {disk: yes}, containers: [{name: driver}], "
    "volumes: [{name: p, hostPath: {path: /var/lib/kubelet/plugins/csi.example.com}}]}}}\n"
    "status: {desiredNumberScheduled: 1, currentNumberScheduled: 1, numberReady: 1, "
    "numberAvailable: 1, updatedNumberScheduled: 1}\n"
    "---\n"
    "apiVersion: v1\n"
    "kind: Pod\n"
    "metadata: {namespace: csi, name: agent-a, ownerReferences: [{controller: true, uid: "
    "agent}]}\n"
    "spec: {nodeName: n1, containers: [{name: driver}], volumes: [{name: p, hostPath: "
    "{path: /var/lib/kubelet/plugins/csi.example.com}}]}\n"
    "status: {phase: Running, conditions: [{type: Ready, status: 'True'}]}\n"
    "---\n"
    "apiVersion: v1\n"
    "kind: Node\n"
    "metadata: {name: n1, labels: {kubernetes.io/hostname: n1, disk: yes}}\n"
    "spec: {}\n"
    "status: {conditions: [{type: Ready, status: 'True', lastTransitionTime: "
    "'2026-01-01T10:00:00Z'}]}\n"
    "---\n"
    "apiVersion: v1\n"
    "kind: Node\n"
    "metadata: {name: n2, labels: {kubernetes.io/hostname: n2}}\n"
    "spec: {}\n"
    "status: {conditions: [{type: Ready, status: 'True', lastTransitionTime: "
    "'2026-01-01T10:00:00Z'}]}\n"
    "---\n"
    "apiVersion: storage.k8s.io/v1\n"
    "kind: CSINode\n"
    "metadata: {name: n1}\n"
    "spec: {drivers: [{name: csi.example.com}]}\n"
    "---\n"
    "apiVersion: storage.k8s.io/v1\n"
    "kind: CSINode\n"
    "metadata: {name: n2}\n"
    "spec: {drivers: []}\n",
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

/* The controller of the driver explains the claim that waits. */
static void
test_a_claim_waits_for_the_controller(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: storage.k8s.io/v1\n"
        "kind: CSIDriver\n"
        "metadata: {name: csi.example.com}\n"
        "---\n"
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata: {namespace: csi, name: ctrl, uid: ctrl}\n"
        "spec: {replicas: 1, template: {spec: {containers: [{name: csi-provisioner}]}}}\n"
        "---\n"
        "apiVersion: apps/v1\n"
        "kind: ReplicaSet\n"
        "metadata: {namespace: csi, name: ctrl-1, uid: ctrl-1, ownerReferences: "
        "[{controller: true, uid: ctrl}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: csi, name: ctrl-1-a, ownerReferences: [{controller: true, "
        "uid: ctrl-1}]}\n"
        "spec: {nodeName: n1, containers: [{name: csi-provisioner, args: "
        "[--driver=csi.example.com]}]}\n"
        "status: {phase: Running, conditions: [{type: Ready, status: 'False', "
        "lastTransitionTime: '2026-01-01T10:00:00Z'}]}\n"
        "---\n"
        "apiVersion: storage.k8s.io/v1\n"
        "kind: StorageClass\n"
        "metadata: {name: fast}\n"
        "provisioner: csi.example.com\n"
        "volumeBindingMode: Immediate\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: PersistentVolumeClaim\n"
        "metadata: {namespace: shop, name: data}\n"
        "spec: {storageClassName: fast}\n"
        "status: {phase: Pending}\n");
    test_cluster_expect(cluster, "csi-controller-down", "Deployment csi/ctrl");
    const Finding *finding =
        test_cluster_expect_folded(cluster, "pvc-pending", "PersistentVolumeClaim shop/data");
    assert_contains(finding->cause, "csi/ctrl-1-a");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_fires),
        cmocka_unit_test(test_what_is_well_is_quiet),
        cmocka_unit_test(test_each_says_when_it_cannot_look),
        cmocka_unit_test(test_a_claim_waits_for_the_controller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
