/* Webhooks: dead-locks, authorities, several at one Service. */
#include "tests/unit/analyzers/checks/cases.h"

static const CheckCase cases[] = {
    {"webhook-blocks-system", "ValidatingWebhookConfiguration guard",
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
     "apiVersion: v1\n"
     "kind: Namespace\n"
     "metadata: {name: ops, labels: {team: ops}}\n"
     "---\n"
     "apiVersion: apps/v1\n"
     "kind: Deployment\n"
     "metadata: {namespace: ops, name: hook, generation: 1, uid: hook}\n"
     "spec: {replicas: 1, template: {metadata: {labels: {app: hook}}, spec: {containers: "
     "[{name: app, ports: [{containerPort: 443}]}]}}}\n"
     "status: {observedGeneration: 1}\n",
     "would have to be judged by it"},
    {"webhook-ca-invalid", "ValidatingWebhookConfiguration guard",
     "apiVersion: admissionregistration.k8s.io/v1\n"
     "kind: ValidatingWebhookConfiguration\n"
     "metadata: {name: guard}\n"
     "webhooks: [{name: guard.example.com, failurePolicy: Fail, rules: [{operations: "
     "[CREATE], apiGroups: [''], resources: [pods]}], clientConfig: {caBundle: "
     "'LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSEFNSFFDQVFFd0JRWURLMlZ3TUEweEN6QUpCZ05WQkFNTUFtTmhN"
     "QjRYRFRJMU1ERXdNVEF3TURBd01Gb1gKRFRJMk1ERXdNVEF3TURBd01Gb3dEVEVMTUFrR0ExVUVBd3dDWTJFd0tqQUZCZ"
     "01yWlhBRElRRHd5NXZPNnhoeQpLZzkySk5HaG1KS0tMYUpZem1mNmlwdWdLZnRRN3NIb2NUQUZCZ01yWlhBRFFRQUNPK2"
     "NHTmdqeG1WSVlaTmhSCjJsSW9ScXhCK2dJNjVsQmJ4Vll1a0sxYk9rTm5QVEV4QXRWRnVCaDd2K0Z0blc1OVhOVXd1M3A"
     "3cktjOE1QdGcKKzJZQQotLS0tLUVORCBDRVJUSUZJQ0FURS0tLS0tCg==', service: {namespace: ops, name: "
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
     "ended 12 h ago"},
    {"webhook-ca-invalid", "ValidatingWebhookConfiguration guard",
     "apiVersion: admissionregistration.k8s.io/v1\n"
     "kind: ValidatingWebhookConfiguration\n"
     "metadata: {name: guard}\n"
     "webhooks: [{name: guard.example.com, failurePolicy: Fail, rules: [{operations: "
     "[CREATE], apiGroups: [''], resources: [pods]}], clientConfig: {caBundle: '', "
     "service: {namespace: ops, name: hook}}}]\n"
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
     "has not been put in"},
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
    "apiVersion: admissionregistration.k8s.io/v1\n"
    "kind: ValidatingWebhookConfiguration\n"
    "metadata: {name: guard, creationTimestamp: '2026-01-01T11:58:00Z'}\n"
    "webhooks: [{name: guard.example.com, failurePolicy: Fail, rules: [{operations: "
    "[CREATE], apiGroups: [''], resources: [pods]}], clientConfig: {caBundle: '', "
    "service: {namespace: ops, name: hook}}}]\n"
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
test_two_webhooks_at_one_service_are_one_fault(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: admissionregistration.k8s.io/v1\n"
        "kind: ValidatingWebhookConfiguration\n"
        "metadata: {name: guard}\n"
        "webhooks: [{name: guard.example.com, failurePolicy: Ignore, rules: [{operations: "
        "[CREATE], apiGroups: [''], resources: [pods]}], clientConfig: {caBundle: "
        "'" CASE_CA "', service: "
        "{namespace: ops, name: hook}}}]\n"
        "---\n"
        "apiVersion: admissionregistration.k8s.io/v1\n"
        "kind: MutatingWebhookConfiguration\n"
        "metadata: {name: change}\n"
        "webhooks: [{name: change.example.com, failurePolicy: Fail, rules: [{operations: "
        "[CREATE], apiGroups: [''], resources: [pods]}], clientConfig: {caBundle: "
        "'" CASE_CA "', service: "
        "{namespace: ops, name: hook}}}]\n");
    const Finding *finding = test_cluster_expect(cluster, "webhook-service-missing",
                                                 "MutatingWebhookConfiguration change");
    assert_int_equal(test_cluster_findings(cluster)->n_roots, 1);
    assert_int_equal(finding->severity, SEVERITY_CRITICAL);
    assert_contains(finding->evidence->pdata[0], "ValidatingWebhookConfiguration guard");
}

static void
test_one_that_leaves_its_namespace_alone_is_no_dead_lock(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: admissionregistration.k8s.io/v1\n"
        "kind: ValidatingWebhookConfiguration\n"
        "metadata: {name: guard}\n"
        "webhooks: [{name: guard.example.com, failurePolicy: Fail, rules: [{operations: "
        "[CREATE], apiGroups: [''], resources: [pods]}], clientConfig: {caBundle: "
        "'" CASE_CA "', service: "
        "{namespace: ops, name: hook}}, namespaceSelector: {matchExpressions: [{key: team, "
        "operator: DoesNotExist}]}}]\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Service\n"
        "metadata: {namespace: ops, name: hook}\n"
        "spec: {selector: {app: hook}, ports: [{port: 443}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Namespace\n"
        "metadata: {name: ops, labels: {team: ops}}\n"
        "---\n"
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata: {namespace: ops, name: hook, generation: 1, uid: hook}\n"
        "spec: {replicas: 1, template: {metadata: {labels: {app: hook}}, spec: {containers: "
        "[{name: app, ports: [{containerPort: 443}]}]}}}\n"
        "status: {observedGeneration: 1}\n");
    test_cluster_expect_none(cluster, "webhook-blocks-system");
    test_cluster_expect(cluster, "webhook-no-ready-endpoints",
                        "ValidatingWebhookConfiguration guard");
}

static void
test_a_pod_that_has_just_gone_is_given_time(void **state)
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
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: ops, name: web, creationTimestamp: '2026-01-01T11:55:00Z', "
        "labels: {app: hook}}\n"
        "spec: {nodeName: n1, containers: [{name: app, ports: [{containerPort: 443}]}]}\n"
        "status: {phase: Running, conditions: [{type: PodScheduled, status: 'True', "
        "lastTransitionTime: '2026-01-01T11:55:00Z'}, {type: Ready, status: 'False', "
        "lastTransitionTime: '2026-01-01T11:59:00Z'}]}\n");
    test_cluster_expect_none(cluster, "webhook-no-ready-endpoints");
}

/* A pod that is ready has nothing to do with a port that its Service lacks. */
static void
test_a_missing_port_is_not_the_fault_of_pods(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingWebhookConfiguration, "
        "metadata: {name: guard}, webhooks: [{name: guard.example.com, failurePolicy: Fail, rules: "
        "[{operations: [CREATE], apiGroups: [''], resources: [pods]}], clientConfig: {caBundle: "
        "'" CASE_CA "', service: {namespace: ops, name: hook}}}]}\n"
        "---\n"
        "{apiVersion: v1, kind: Service, metadata: {namespace: ops, name: hook}, spec: {selector: "
        "{app: hook}, ports: [{port: 8443}]}}\n"
        "---\n"
        "{apiVersion: v1, kind: Pod, metadata: {namespace: ops, name: hook, labels: {app: hook}}, "
        "spec: {nodeName: n1, containers: [{name: app, ports: [{containerPort: 8443}]}]}, status: "
        "{phase: Running, conditions: [{type: Ready, status: 'True', lastTransitionTime: "
        "'2026-01-01T11:30:00Z'}], containerStatuses: [{name: app, ready: true, restartCount: 2, "
        "lastState: {terminated: {reason: OOMKilled, exitCode: 137, finishedAt: "
        "'2026-01-01T11:29:00Z'}}, state: {running: {startedAt: '2026-01-01T11:29:30Z'}}}]}}\n");
    const Finding *finding = test_cluster_expect(cluster, "webhook-port-missing",
                                                 "ValidatingWebhookConfiguration guard");
    assert_int_equal(finding->since_s, 0);
    assert_int_equal(finding->explains->len, 0);
}

/* Who would put the authority in runs behind that Service. */
static void
test_an_authority_of_a_webhook_that_is_gone(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: admissionregistration.k8s.io/v1\n"
        "kind: ValidatingWebhookConfiguration\n"
        "metadata: {name: guard, creationTimestamp: '2026-01-01T09:00:00Z'}\n"
        "webhooks: [{name: guard.example.com, failurePolicy: Fail, rules: [{operations: "
        "[CREATE], apiGroups: [''], resources: [pods]}], clientConfig: {caBundle: '', service: "
        "{namespace: ops, name: hook}}}]\n");
    test_cluster_expect(cluster, "webhook-service-missing", "ValidatingWebhookConfiguration guard");
    assert_int_equal(test_cluster_findings(cluster)->all->len, 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_authority_of_a_webhook_that_is_gone),
        cmocka_unit_test(test_each_fires),
        cmocka_unit_test(test_what_is_well_is_quiet),
        cmocka_unit_test(test_each_says_when_it_cannot_look),
        cmocka_unit_test(test_two_webhooks_at_one_service_are_one_fault),
        cmocka_unit_test(test_one_that_leaves_its_namespace_alone_is_no_dead_lock),
        cmocka_unit_test(test_a_missing_port_is_not_the_fault_of_pods),
        cmocka_unit_test(test_a_pod_that_has_just_gone_is_given_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
