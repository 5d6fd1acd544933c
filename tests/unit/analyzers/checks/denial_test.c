/* Policies that refuse the pods of several controllers. */
#include "tests/unit/analyzers/checks/cases.h"

static const CheckCase cases[] = {
    {"admission-denied-burst", "ValidatingWebhookConfiguration guard",
     "apiVersion: admissionregistration.k8s.io/v1\n"
     "kind: ValidatingWebhookConfiguration\n"
     "metadata: {name: guard}\n"
     "webhooks: [{name: guard.example.com, failurePolicy: Fail, rules: [{operations: "
     "[CREATE], apiGroups: [''], resources: [pods]}], clientConfig: {caBundle: "
     "'" CASE_CA "', service: {namespace: ops, name: "
     "hook}}}]\n"
     "---\n"
     "apiVersion: v1\n"
     "kind: Service\n"
     "metadata: {namespace: ops, name: hook}\n"
     "spec: {selector: {app: hook}, ports: [{port: 443}]}\n"
     "---\n"
     "apiVersion: discovery.k8s.io/v1\n"
     "kind: EndpointSlice\n"
     "metadata: {namespace: ops, name: hook-1, labels: {kubernetes.io/service-name: hook}}\n"
     "endpoints: [{addresses: [10.0.0.1], conditions: {ready: true}}]\n"
     "---\n"
     "apiVersion: v1\n"
     "kind: Pod\n"
     "metadata: {namespace: ops, name: web, labels: {app: hook}, ownerReferences: "
     "[{controller: true, uid: rs}]}\n"
     "spec: {nodeName: n1, containers: [{name: app, ports: [{containerPort: 443}]}]}\n"
     "status: {phase: Running, conditions: [{type: PodScheduled, status: 'True', "
     "lastTransitionTime: '2026-01-01T11:55:00Z'}, {type: Ready, status: 'True', "
     "lastTransitionTime: '2026-01-01T11:55:00Z'}]}\n"
     "---\n"
     "apiVersion: apps/v1\n"
     "kind: ReplicaSet\n"
     "metadata: {namespace: ops, name: rs, uid: rs}\n"
     "spec: {replicas: 1, template: {spec: {containers: [{name: app, ports: "
     "[{containerPort: 443}]}]}}}\n"
     "status: {replicas: 1, readyReplicas: 1, availableReplicas: 1}\n"
     "---\n"
     "apiVersion: apps/v1\n"
     "kind: ReplicaSet\n"
     "metadata: {namespace: shop, name: rs0, uid: rs0}\n"
     "spec: {replicas: 1, template: {spec: {containers: [{name: app}]}}}\n"
     "status: {replicas: 0}\n"
     "---\n"
     "apiVersion: v1\n"
     "kind: Event\n"
     "metadata: {namespace: shop, name: e0}\n"
     "involvedObject: {uid: rs0}\n"
     "type: Warning\n"
     "reason: FailedCreate\n"
     "message: 'Error creating: admission webhook \"guard.example.com\" denied the "
     "request: no limits'\n"
     "firstTimestamp: '2026-01-01T11:00:00Z'\n"
     "lastTimestamp: '2026-01-01T11:59:00Z'\n"
     "---\n"
     "apiVersion: apps/v1\n"
     "kind: ReplicaSet\n"
     "metadata: {namespace: shop, name: rs1, uid: rs1}\n"
     "spec: {replicas: 1, template: {spec: {containers: [{name: app}]}}}\n"
     "status: {replicas: 0}\n"
     "---\n"
     "apiVersion: v1\n"
     "kind: Event\n"
     "metadata: {namespace: shop, name: e1}\n"
     "involvedObject: {uid: rs1}\n"
     "type: Warning\n"
     "reason: FailedCreate\n"
     "message: 'Error creating: admission webhook \"guard.example.com\" denied the "
     "request: no limits'\n"
     "firstTimestamp: '2026-01-01T11:00:00Z'\n"
     "lastTimestamp: '2026-01-01T11:59:00Z'\n"
     "---\n"
     "apiVersion: apps/v1\n"
     "kind: ReplicaSet\n"
     "metadata: {namespace: shop, name: rs2, uid: rs2}\n"
     "spec: {replicas: 1, template: {spec: {containers: [{name: app}]}}}\n"
     "status: {replicas: 0}\n"
     "---\n"
     "apiVersion: v1\n"
     "kind: Event\n"
     "metadata: {namespace: shop, name: e2}\n"
     "involvedObject: {uid: rs2}\n"
     "type: Warning\n"
     "reason: FailedCreate\n"
     "message: 'Error creating: admission webhook \"guard.example.com\" denied the "
     "request: no limits'\n"
     "firstTimestamp: '2026-01-01T11:00:00Z'\n"
     "lastTimestamp: '2026-01-01T11:59:00Z'\n",
     "no limits"},
    {"vap-denied", "ValidatingAdmissionPolicy limits",
     "apiVersion: admissionregistration.k8s.io/v1\n"
     "kind: ValidatingAdmissionPolicy\n"
     "metadata: {name: limits}\n"
     "---\n"
     "apiVersion: apps/v1\n"
     "kind: ReplicaSet\n"
     "metadata: {namespace: shop, name: rs1, uid: rs1}\n"
     "spec: {replicas: 1, template: {spec: {containers: [{name: app}]}}}\n"
     "status: {replicas: 0}\n"
     "---\n"
     "apiVersion: v1\n"
     "kind: Event\n"
     "metadata: {namespace: shop, name: e1}\n"
     "involvedObject: {uid: rs1}\n"
     "type: Warning\n"
     "reason: FailedCreate\n"
     "message: 'Error creating: pods \"a\" is forbidden: ValidatingAdmissionPolicy "
     "''limits'' with binding ''all'' denied request: no limits'\n"
     "firstTimestamp: '2026-01-01T11:00:00Z'\n"
     "lastTimestamp: '2026-01-01T11:59:00Z'\n",
     "no limits"},
};

static const char *const quiet[] = {
    "apiVersion: admissionregistration.k8s.io/v1\n"
    "kind: ValidatingWebhookConfiguration\n"
    "metadata: {name: guard}\n"
    "webhooks: [{name: guard.example.com, failurePolicy: Fail, rules: [{operations: "
    "[CREATE], apiGroups: [''], resources: [pods]}], clientConfig: {caBundle: "
    "'" CASE_CA "', service: {namespace: ops, name: "
    "hook}}}]\n"
    "---\n"
    "apiVersion: v1\n"
    "kind: Service\n"
    "metadata: {namespace: ops, name: hook}\n"
    "spec: {selector: {app: hook}, ports: [{port: 443}]}\n"
    "---\n"
    "apiVersion: discovery.k8s.io/v1\n"
    "kind: EndpointSlice\n"
    "metadata: {namespace: ops, name: hook-1, labels: {kubernetes.io/service-name: hook}}\n"
    "endpoints: [{addresses: [10.0.0.1], conditions: {ready: true}}]\n"
    "---\n"
    "apiVersion: v1\n"
    "kind: Pod\n"
    "metadata: {namespace: ops, name: web, labels: {app: hook}, ownerReferences: "
    "[{controller: true, uid: rs}]}\n"
    "spec: {nodeName: n1, containers: [{name: app, ports: [{containerPort: 443}]}]}\n"
    "status: {phase: Running, conditions: [{type: PodScheduled, status: 'True', "
    "lastTransitionTime: '2026-01-01T11:55:00Z'}, {type: Ready, status: 'True', "
    "lastTransitionTime: '2026-01-01T11:55:00Z'}]}\n"
    "---\n"
    "apiVersion: apps/v1\n"
    "kind: ReplicaSet\n"
    "metadata: {namespace: ops, name: rs, uid: rs}\n"
    "spec: {replicas: 1, template: {spec: {containers: [{name: app, ports: "
    "[{containerPort: 443}]}]}}}\n"
    "status: {replicas: 1, readyReplicas: 1, availableReplicas: 1}\n",
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
test_one_that_is_refused_is_its_own_fault(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: admissionregistration.k8s.io/v1\n"
        "kind: ValidatingWebhookConfiguration\n"
        "metadata: {name: guard}\n"
        "webhooks: [{name: guard.example.com, failurePolicy: Fail, rules: [{operations: "
        "[CREATE], apiGroups: [''], resources: [pods]}], clientConfig: {caBundle: "
        "'" CASE_CA "', service: "
        "{namespace: ops, name: hook}}}]\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Service\n"
        "metadata: {namespace: ops, name: hook}\n"
        "spec: {selector: {app: hook}, ports: [{port: 443}]}\n"
        "---\n"
        "apiVersion: discovery.k8s.io/v1\n"
        "kind: EndpointSlice\n"
        "metadata: {namespace: ops, name: hook-1, labels: {kubernetes.io/service-name: hook}}\n"
        "endpoints: [{addresses: [10.0.0.1], conditions: {ready: true}}]\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: ops, name: web, labels: {app: hook}, ownerReferences: "
        "[{controller: true, uid: rs}]}\n"
        "spec: {nodeName: n1, containers: [{name: app, ports: [{containerPort: 443}]}]}\n"
        "status: {phase: Running, conditions: [{type: PodScheduled, status: 'True', "
        "lastTransitionTime: '2026-01-01T11:55:00Z'}, {type: Ready, status: 'True', "
        "lastTransitionTime: '2026-01-01T11:55:00Z'}]}\n"
        "---\n"
        "apiVersion: apps/v1\n"
        "kind: ReplicaSet\n"
        "metadata: {namespace: ops, name: rs, uid: rs}\n"
        "spec: {replicas: 1, template: {spec: {containers: [{name: app, ports: "
        "[{containerPort: 443}]}]}}}\n"
        "status: {replicas: 1, readyReplicas: 1, availableReplicas: 1}\n"
        "---\n"
        "apiVersion: apps/v1\n"
        "kind: ReplicaSet\n"
        "metadata: {namespace: shop, name: rs1, uid: rs1}\n"
        "spec: {replicas: 1, template: {spec: {containers: [{name: app}]}}}\n"
        "status: {replicas: 0}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Event\n"
        "metadata: {namespace: shop, name: e1}\n"
        "involvedObject: {uid: rs1}\n"
        "type: Warning\nreason: FailedCreate\n"
        "message: 'Error creating: admission webhook \"guard.example.com\" denied the "
        "request: no limits'\n"
        "firstTimestamp: '2026-01-01T11:00:00Z'\n"
        "lastTimestamp: '2026-01-01T11:59:00Z'\n");
    test_cluster_expect_none(cluster, "admission-denied-burst");
}

static void
test_those_that_are_refused_are_folded(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: admissionregistration.k8s.io/v1\n"
        "kind: ValidatingAdmissionPolicy\n"
        "metadata: {name: limits}\n"
        "---\n"
        "apiVersion: apps/v1\n"
        "kind: ReplicaSet\n"
        "metadata: {namespace: shop, name: rs1, uid: rs1}\n"
        "spec: {replicas: 1, template: {spec: {containers: [{name: app}]}}}\n"
        "status: {replicas: 0}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Event\n"
        "metadata: {namespace: shop, name: e1}\n"
        "involvedObject: {uid: rs1}\n"
        "type: Warning\n"
        "reason: FailedCreate\n"
        "message: 'Error creating: pods \"a\" is forbidden: ValidatingAdmissionPolicy "
        "''limits'' with binding ''all'' denied request: no limits'\n"
        "firstTimestamp: '2026-01-01T11:00:00Z'\n"
        "lastTimestamp: '2026-01-01T11:59:00Z'\n");
    const Finding *finding =
        test_cluster_expect(cluster, "vap-denied", "ValidatingAdmissionPolicy limits");
    assert_int_equal(test_cluster_findings(cluster)->n_roots, 1);
    assert_true(finding->explains->len > 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_fires),
        cmocka_unit_test(test_what_is_well_is_quiet),
        cmocka_unit_test(test_each_says_when_it_cannot_look),
        cmocka_unit_test(test_one_that_is_refused_is_its_own_fault),
        cmocka_unit_test(test_those_that_are_refused_are_folded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
