/* Custom resources that say that they are not well. */
#include "tests/unit/analyzers/checks/cases.h"

#define BUCKET(annotations, condition)                                                             \
    "apiVersion: s3.aws.upbound.io/v1beta1\n"                                                      \
    "kind: Bucket\n"                                                                               \
    "metadata: {name: logs, annotations: {" annotations "}}\n"                                     \
    "spec: {forProvider: {region: x}, providerConfigRef: {name: default}}\n"                       \
    "status: {conditions: [{" condition "}]}\n"

static const CheckCase cases[] = {
    {"crossplane-managed", "ManagedResource bucket.s3.aws.upbound.io/logs",
     BUCKET("a: b", "type: Synced, status: 'False', reason: ReconcileError, message: 'denied', "
                    "lastTransitionTime: '2026-01-01T11:40:00Z'"),
     "Synced is False (ReconcileError): denied"},
    {"crossplane-managed", "ManagedResource bucket.s3.aws.upbound.io/logs",
     BUCKET("a: b", "type: Ready, status: 'False', reason: Creating, lastTransitionTime: "
                    "'2026-01-01T10:40:00Z'"),
     "Ready is False (Creating)"},
    {"cr-condition-bad", "Prometheus shop/main",
     "apiVersion: monitoring.coreos.com/v1\n"
     "kind: Prometheus\n"
     "metadata: {namespace: shop, name: main, generation: 1}\n"
     "spec: {}\n"
     "status: {conditions: [{type: Available, status: 'False', lastTransitionTime: "
     "'2026-01-01T10:00:00Z', reason: NotSo, message: 'it says so'}]}\n",
     "Available is False (NotSo): it says so"},
    {"cr-condition-bad", "ApplicationSet shop/main",
     "apiVersion: argoproj.io/v1alpha1\n"
     "kind: ApplicationSet\n"
     "metadata: {namespace: shop, name: main, generation: 1}\n"
     "spec: {}\n"
     "status: {conditions: [{type: ErrorOccurred, status: 'True', lastTransitionTime: "
     "'2026-01-01T10:00:00Z', message: 'bad generator'}]}\n",
     "bad generator"},
    {"db-operator-unhealthy", "Cluster shop/db",
     "apiVersion: postgresql.cnpg.io/v1\n"
     "kind: Cluster\n"
     "metadata: {namespace: shop, name: db, generation: 1}\n"
     "spec: {}\n"
     "status: {conditions: [{type: Ready, status: 'False', lastTransitionTime: "
     "'2026-01-01T10:00:00Z', reason: NotSo, message: 'it says so'}]}\n",
     "it says so"},
    {"db-operator-unhealthy", "Kafka shop/events",
     "apiVersion: kafka.strimzi.io/v1beta2\n"
     "kind: Kafka\n"
     "metadata: {namespace: shop, name: events, generation: 1}\n"
     "spec: {}\n"
     "status: {conditions: [{type: NotReady, status: 'True', lastTransitionTime: "
     "'2026-01-01T10:00:00Z', reason: FatalProblem, message: 'it says so'}]}\n",
     "NotReady is True (FatalProblem): it says so"},
    {"db-operator-unhealthy", "postgresql shop/db",
     "apiVersion: acid.zalan.do/v1\n"
     "kind: postgresql\n"
     "metadata: {namespace: shop, name: db, generation: 1}\n"
     "spec: {}\n"
     "status: {PostgresClusterStatus: CreateFailed}\n",
     "CreateFailed"},
    {"knative-service", "Service shop/fn",
     "apiVersion: serving.knative.dev/v1\n"
     "kind: Service\n"
     "metadata: {namespace: shop, name: fn, generation: 1}\n"
     "spec: {}\n"
     "status: {conditions: [{type: Ready, status: 'False', lastTransitionTime: "
     "'2026-01-01T10:00:00Z', reason: NotSo, message: 'it says so'}]}\n",
     "it says so"},
    {"cluster-api", "Machine shop/m1",
     "apiVersion: cluster.x-k8s.io/v1beta1\n"
     "kind: Machine\n"
     "metadata: {namespace: shop, name: m1, generation: 1}\n"
     "spec: {}\n"
     "status: {conditions: [{type: Ready, status: 'False', lastTransitionTime: "
     "'2026-01-01T10:00:00Z', reason: NotSo, message: 'it says so'}]}\n",
     "it says so"},
    {"autoscaler-unhealthy", "NodePool general",
     "apiVersion: karpenter.sh/v1\n"
     "kind: NodePool\n"
     "metadata: {name: general, generation: 1}\n"
     "spec: {}\n"
     "status: {conditions: [{type: Ready, status: 'False', lastTransitionTime: "
     "'2026-01-01T10:00:00Z', reason: NotSo, message: 'it says so'}]}\n",
     "it says so"},
    {"netpol-cilium-invalid", "CiliumNetworkPolicy shop/open",
     "apiVersion: cilium.io/v2\n"
     "kind: CiliumNetworkPolicy\n"
     "metadata: {namespace: shop, name: open}\n"
     "spec: {}\n"
     "status: {conditions: [{type: Valid, status: 'False', lastTransitionTime: "
     "'2026-01-01T10:00:00Z', message: 'unknown field toPort'}]}\n",
     "unknown field toPort"},
    {"kyverno-policy-not-ready", "ClusterPolicy rules",
     "apiVersion: kyverno.io/v1\n"
     "kind: ClusterPolicy\n"
     "metadata: {name: rules, generation: 1}\n"
     "spec: {}\n"
     "status: {conditions: [{type: Ready, status: 'False', lastTransitionTime: "
     "'2026-01-01T10:00:00Z', reason: NotSo, message: 'it says so'}]}\n",
     "it says so"},
};

static const char *const quiet[] = {
    BUCKET("a: b", "type: Ready, status: 'False', reason: Creating, lastTransitionTime: "
                   "'2026-01-01T11:20:00Z'"),
    BUCKET("crossplane.io/paused: 'true'", "type: Synced, status: 'False', reason: "
                                           "ReconcilePaused, lastTransitionTime: "
                                           "'2026-01-01T10:00:00Z'"),
    BUCKET("a: b", "type: Synced, status: 'True'"),
    "apiVersion: postgresql.cnpg.io/v1\n"
    "kind: Cluster\n"
    "metadata: {namespace: shop, name: db, generation: 1}\n"
    "spec: {}\n"
    "status: {conditions: [{type: Ready, status: 'True'}]}\n",
    "apiVersion: postgresql.cnpg.io/v1\n"
    "kind: Cluster\n"
    "metadata: {namespace: shop, name: db, generation: 1}\n"
    "spec: {}\n"
    "status: {conditions: [{type: Ready, status: 'False', lastTransitionTime: "
    "'2026-01-01T11:58:00Z'}]}\n",
    "apiVersion: postgresql.cnpg.io/v1\n"
    "kind: Cluster\n"
    "metadata: {namespace: shop, name: db, generation: 2}\n"
    "spec: {}\n"
    "status: {observedGeneration: 1, conditions: [{type: Ready, status: 'False', "
    "lastTransitionTime: '2026-01-01T10:00:00Z', reason: NotSo, message: 'it says so'}]}\n",
    "apiVersion: cluster.x-k8s.io/v1beta1\n"
    "kind: Cluster\n"
    "metadata: {namespace: shop, name: c1, generation: 1}\n"
    "spec: {paused: true}\n"
    "status: {conditions: [{type: Ready, status: 'False', lastTransitionTime: "
    "'2026-01-01T10:00:00Z', reason: NotSo, message: 'it says so'}]}\n",
    "apiVersion: keda.sh/v1alpha1\n"
    "kind: ScaledJob\n"
    "metadata: {namespace: shop, name: j, generation: 1}\n"
    "spec: {}\n"
    "status: {conditions: [{type: Active, status: 'False', lastTransitionTime: "
    "'2026-01-01T10:00:00Z', reason: NotSo, message: 'it says so'}]}\n",
};

static void
test_each_fires(void **state)
{
    (void)state;
    cases_expect(cases, G_N_ELEMENTS(cases));
    g_autoptr(TestCluster) cluster = test_cluster_new(cases[0].yaml);
    const Finding *finding = test_cluster_expect(cluster, cases[0].check, cases[0].object);
    assert_string_equal(finding->fix->pdata[1], "kubectl describe bucket.s3.aws.upbound.io/logs");
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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_fires),
        cmocka_unit_test(test_what_is_well_is_quiet),
        cmocka_unit_test(test_each_says_when_it_cannot_look),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
