/* Leases of the control plane and of operators. */
#include "tests/unit/analyzers/checks/cases.h"

static const CheckCase cases[] = {
    {"scheduler-down", "Lease kube-system/kube-scheduler",
     "apiVersion: coordination.k8s.io/v1\n"
     "kind: Lease\n"
     "metadata: {namespace: kube-system, name: kube-scheduler}\n"
     "spec: {holderIdentity: x, renewTime: '2026-01-01T11:50:00.000000Z'}\n"
     "---\n"
     "apiVersion: coordination.k8s.io/v1\n"
     "kind: Lease\n"
     "metadata: {namespace: kube-node-lease, name: n0}\n"
     "spec: {holderIdentity: x, renewTime: '2026-01-01T11:59:55.000000Z'}\n",
     "no new pod gets a node"},
    {"controller-manager-down", "Lease kube-system/kube-controller-manager",
     "apiVersion: coordination.k8s.io/v1\n"
     "kind: Lease\n"
     "metadata: {namespace: kube-system, name: kube-controller-manager}\n"
     "spec: {holderIdentity: x, renewTime: '2026-01-01T11:50:00.000000Z'}\n"
     "---\n"
     "apiVersion: coordination.k8s.io/v1\n"
     "kind: Lease\n"
     "metadata: {namespace: kube-node-lease, name: n0}\n"
     "spec: {holderIdentity: x, renewTime: '2026-01-01T11:59:55.000000Z'}\n",
     "10 min"},
    {"leader-lease-stale", "Lease shop/op-lock",
     "apiVersion: coordination.k8s.io/v1\n"
     "kind: Lease\n"
     "metadata: {namespace: shop, name: op-lock}\n"
     "spec: {holderIdentity: op-7d9f-abcde_1234, renewTime: '2026-01-01T11:50:00.000000Z'}\n"
     "---\n"
     "apiVersion: coordination.k8s.io/v1\n"
     "kind: Lease\n"
     "metadata: {namespace: kube-node-lease, name: n0}\n"
     "spec: {holderIdentity: x, renewTime: '2026-01-01T11:59:55.000000Z'}\n"
     "---\n"
     "apiVersion: apps/v1\n"
     "kind: Deployment\n"
     "metadata: {namespace: shop, name: op, generation: 1}\n"
     "spec: {replicas: 1, template: {spec: {containers: [{name: app}]}}}\n"
     "status: {observedGeneration: 1, replicas: 1, updatedReplicas: 1, readyReplicas: 1, "
     "availableReplicas: 1, conditions: [{type: Available, status: 'True'}]}\n",
     "Deployment op has taken it"},
};

static const char *const quiet[] = {
    "apiVersion: coordination.k8s.io/v1\n"
    "kind: Lease\n"
    "metadata: {namespace: kube-system, name: kube-scheduler}\n"
    "spec: {holderIdentity: x, renewTime: '2026-01-01T11:59:50.000000Z'}\n"
    "---\n"
    "apiVersion: coordination.k8s.io/v1\n"
    "kind: Lease\n"
    "metadata: {namespace: kube-node-lease, name: n0}\n"
    "spec: {holderIdentity: x, renewTime: '2026-01-01T11:59:55.000000Z'}\n",
    "apiVersion: coordination.k8s.io/v1\n"
    "kind: Lease\n"
    "metadata: {namespace: kube-system, name: kube-scheduler}\n"
    "spec: {holderIdentity: x, renewTime: '2026-01-01T11:50:00.000000Z'}\n"
    "---\n"
    "apiVersion: coordination.k8s.io/v1\n"
    "kind: Lease\n"
    "metadata: {namespace: kube-node-lease, name: n0}\n"
    "spec: {holderIdentity: x, renewTime: '2026-01-01T11:59:55.000000Z'}\n"
    "---\n"
    "apiVersion: v1\n"
    "kind: Pod\n"
    "metadata: {namespace: shop, name: web, creationTimestamp: '2026-01-01T11:55:00Z', "
    "ownerReferences: [{controller: true, uid: rs}]}\n"
    "spec: {nodeName: n1, containers: [{name: app}]}\n"
    "status: {phase: Running, conditions: [{type: PodScheduled, status: 'True', "
    "lastTransitionTime: '2026-01-01T11:55:00Z'}, {type: Ready, status: 'True', "
    "lastTransitionTime: '2026-01-01T11:55:00Z'}]}\n"
    "---\n"
    "apiVersion: apps/v1\n"
    "kind: ReplicaSet\n"
    "metadata: {namespace: shop, name: rs, uid: rs}\n"
    "spec: {replicas: 1, template: {spec: {containers: [{name: app}]}}}\n"
    "status: {replicas: 1, readyReplicas: 1, availableReplicas: 1}\n",
    "apiVersion: coordination.k8s.io/v1\n"
    "kind: Lease\n"
    "metadata: {namespace: kube-system, name: kube-controller-manager}\n"
    "spec: {holderIdentity: x, renewTime: '2026-01-01T11:50:00.000000Z'}\n"
    "---\n"
    "apiVersion: coordination.k8s.io/v1\n"
    "kind: Lease\n"
    "metadata: {namespace: kube-node-lease, name: n0}\n"
    "spec: {holderIdentity: x, renewTime: '2026-01-01T11:59:55.000000Z'}\n"
    "---\n"
    "apiVersion: v1\n"
    "kind: Pod\n"
    "metadata: {namespace: shop, name: web, creationTimestamp: '2026-01-01T11:55:00Z', "
    "ownerReferences: [{controller: true, uid: rs}]}\n"
    "spec: {nodeName: n1, containers: [{name: app}]}\n"
    "status: {phase: Running, conditions: [{type: PodScheduled, status: 'True', "
    "lastTransitionTime: '2026-01-01T11:55:00Z'}, {type: Ready, status: 'True', "
    "lastTransitionTime: '2026-01-01T11:55:00Z'}]}\n"
    "---\n"
    "apiVersion: apps/v1\n"
    "kind: ReplicaSet\n"
    "metadata: {namespace: shop, name: rs, uid: rs}\n"
    "spec: {replicas: 1, template: {spec: {containers: [{name: app}]}}}\n"
    "status: {replicas: 1, readyReplicas: 1, availableReplicas: 1}\n",
    "apiVersion: coordination.k8s.io/v1\n"
    "kind: Lease\n"
    "metadata: {namespace: kube-system, name: kube-scheduler}\n"
    "spec: {holderIdentity: x, renewTime: '2026-01-01T11:50:00.000000Z'}\n"
    "---\n"
    "apiVersion: coordination.k8s.io/v1\n"
    "kind: Lease\n"
    "metadata: {namespace: kube-node-lease, name: n0}\n"
    "spec: {holderIdentity: x, renewTime: '2026-01-01T11:50:00.000000Z'}\n",
    "apiVersion: coordination.k8s.io/v1\n"
    "kind: Lease\n"
    "metadata: {namespace: shop, name: op-lock}\n"
    "spec: {holderIdentity: op-7d9f-abcde_1234, renewTime: '2025-12-01T00:00:00Z'}\n"
    "---\n"
    "apiVersion: coordination.k8s.io/v1\n"
    "kind: Lease\n"
    "metadata: {namespace: kube-node-lease, name: n0}\n"
    "spec: {holderIdentity: x, renewTime: '2026-01-01T11:59:55.000000Z'}\n"
    "---\n"
    "apiVersion: apps/v1\n"
    "kind: Deployment\n"
    "metadata: {namespace: shop, name: op, generation: 1}\n"
    "spec: {replicas: 1, template: {spec: {containers: [{name: app}]}}}\n"
    "status: {observedGeneration: 1, replicas: 1, updatedReplicas: 1, readyReplicas: 1, "
    "availableReplicas: 1, conditions: [{type: Available, status: 'True'}]}\n",
    "apiVersion: coordination.k8s.io/v1\n"
    "kind: Lease\n"
    "metadata: {namespace: shop, name: op-lock}\n"
    "spec: {holderIdentity: gone-7d9f-abcde_1234, renewTime: "
    "'2026-01-01T11:50:00.000000Z'}\n"
    "---\n"
    "apiVersion: coordination.k8s.io/v1\n"
    "kind: Lease\n"
    "metadata: {namespace: kube-node-lease, name: n0}\n"
    "spec: {holderIdentity: x, renewTime: '2026-01-01T11:59:55.000000Z'}\n"
    "---\n"
    "apiVersion: apps/v1\n"
    "kind: Deployment\n"
    "metadata: {namespace: shop, name: op, generation: 1}\n"
    "spec: {replicas: 1, template: {spec: {containers: [{name: app}]}}}\n"
    "status: {observedGeneration: 1, replicas: 1, updatedReplicas: 1, readyReplicas: 1, "
    "availableReplicas: 1, conditions: [{type: Available, status: 'True'}]}\n",
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
test_pods_that_wait_are_folded(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: coordination.k8s.io/v1\n"
        "kind: Lease\n"
        "metadata: {namespace: kube-system, name: kube-scheduler}\n"
        "spec: {holderIdentity: x, renewTime: '2026-01-01T11:50:00.000000Z'}\n"
        "---\n"
        "apiVersion: coordination.k8s.io/v1\n"
        "kind: Lease\n"
        "metadata: {namespace: kube-node-lease, name: n0}\n"
        "spec: {holderIdentity: x, renewTime: '2026-01-01T11:59:55.000000Z'}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: shop, name: web, creationTimestamp: '2026-01-01T11:55:00Z'}\n"
        "spec: {containers: [{name: app}]}\n"
        "status: {phase: Pending}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "scheduler-down", "Lease kube-system/kube-scheduler");
    assert_int_equal(test_cluster_findings(cluster)->n_roots, 1);
    assert_contains(finding->evidence->pdata[1], ": 1");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_fires),
        cmocka_unit_test(test_what_is_well_is_quiet),
        cmocka_unit_test(test_each_says_when_it_cannot_look),
        cmocka_unit_test(test_pods_that_wait_are_folded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
