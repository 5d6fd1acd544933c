#include "tests/harness/check.h"
#include "tests/harness/cluster.h"

/* What a cluster answers for one object, and how often it was asked for which. */
typedef struct {
    Presence presence;
    GString *asked; /* "Kind namespace/name\n" … */
} Server;

static Presence
answer(void *data, Kind kind, const char *ns, const char *name, char **ret_why)
{
    Server *server = data;
    g_string_append_printf(server->asked, "%s %s/%s\n", kind_row(kind)->kind, ns, name);
    if (server->presence == PRESENCE_UNKNOWN)
        *ret_why = g_strdup("it did not answer: 503");
    return server->presence;
}

static TestCluster *
cluster_of(const char *yaml, Server *server)
{
    TestCluster *cluster = test_cluster_new(yaml);
    test_cluster_lookup(cluster, answer, server);
    return cluster;
}

/* A pod that waits for its ConfigMap. */
#define POD                                                                                        \
    "apiVersion: v1\n"                                                                             \
    "kind: Pod\n"                                                                                  \
    "metadata: {namespace: shop, name: one}\n"                                                     \
    "spec: {nodeName: n1, containers: [{name: app, envFrom: [{configMapRef: {name: settings}}]}]}" \
    "\n"                                                                                           \
    "status: {phase: Pending}\n"

static void
test_a_finding_stays_when_the_object_is_not_there(void **state)
{
    (void)state;
    Server server = {PRESENCE_MISSING, g_string_new(NULL)};
    g_autoptr(TestCluster) cluster = cluster_of(POD, &server);
    test_cluster_expect(cluster, "missing-configmap-ref", "Pod shop/one");
    assert_string_equal(server.asked->str, "ConfigMap shop/settings\n");
    g_string_free(server.asked, TRUE);
}

static void
test_a_finding_goes_when_the_object_is_there(void **state)
{
    (void)state;
    Server server = {PRESENCE_THERE, g_string_new(NULL)};
    g_autoptr(TestCluster) cluster = cluster_of(POD, &server);
    test_cluster_expect_none(cluster, "missing-configmap-ref");
    assert_int_equal(test_cluster_findings(cluster)->unverified->len, 0);
    g_string_free(server.asked, TRUE);
}

static void
test_a_finding_is_unverified_when_nobody_answers(void **state)
{
    (void)state;
    Server server = {PRESENCE_UNKNOWN, g_string_new(NULL)};
    g_autoptr(TestCluster) cluster = cluster_of(POD, &server);
    test_cluster_expect_none(cluster, "missing-configmap-ref");
    test_cluster_expect_unverified(cluster, "missing-configmap-ref");
    const Unverified *unverified = test_cluster_findings(cluster)->unverified->pdata[0];
    assert_string_equal(unverified->name, "settings");
    assert_string_equal(unverified->reason, "it did not answer: 503");
    g_string_free(server.asked, TRUE);
}

/* Nothing is asked for what hurts nobody yet. */
static void
test_only_what_is_bad_is_looked_up(void **state)
{
    (void)state;
    Server server = {PRESENCE_THERE, g_string_new(NULL)};
    g_autoptr(TestCluster) cluster =
        cluster_of("apiVersion: apps/v1\n"
                   "kind: Deployment\n"
                   "metadata: {namespace: shop, name: web}\n"
                   "spec: {template: {spec: {serviceAccountName: robot}}}\n"
                   "status: {replicas: 1, readyReplicas: 1, availableReplicas: 1}\n",
                   &server);
    test_cluster_expect(cluster, "missing-serviceaccount", "Deployment shop/web");
    assert_string_equal(server.asked->str, "");
    g_string_free(server.asked, TRUE);
}

/* What hangs on the finding that goes is told by itself. */
static void
test_consequences_of_what_goes_stay(void **state)
{
    (void)state;
    Server server = {PRESENCE_THERE, g_string_new(NULL)};
    g_autoptr(TestCluster) cluster = cluster_of(
        POD "---\n"
            "apiVersion: v1\n"
            "kind: Event\n"
            "metadata: {namespace: shop, name: e}\n"
            "involvedObject: {kind: Pod, namespace: shop, name: one, uid: "
            "Pod/shop/one}\n"
            "reason: FailedMount\n"
            "type: Warning\n"
            "message: 'MountVolume.SetUp failed for volume \"x\" : configmap \"settings\" "
            "not found'\n"
            "lastTimestamp: 2026-01-01T11:59:00Z\n",
        &server);
    test_cluster_expect_none(cluster, "missing-configmap-ref");
    assert_true(test_cluster_findings(cluster)->n_roots > 0);
    g_string_free(server.asked, TRUE);
}

static const struct {
    const char *yaml, *check, *asked;
} rows[] = {
    {"apiVersion: v1\n"
     "kind: PersistentVolumeClaim\n"
     "metadata: {namespace: shop, name: data}\n"
     "spec: {storageClassName: fast, resources: {requests: {storage: 1Gi}}}\n"
     "status: {phase: Pending}\n",
     "pvc-pending-class-missing", "StorageClass /fast\n"},
    {"apiVersion: v1\n"
     "kind: PersistentVolumeClaim\n"
     "metadata: {namespace: shop, name: data}\n"
     "spec: {storageClassName: '', volumeName: disk, resources: {requests: {storage: 1Gi}}}\n"
     "status: {phase: Pending}\n",
     "pvc-pending-volume-taken", "PersistentVolume /disk\n"},
    {"apiVersion: v1\n"
     "kind: PersistentVolumeClaim\n"
     "metadata: {namespace: shop, name: data}\n"
     "spec: {storageClassName: fast, resources: {requests: {storage: 1Gi}}}\n"
     "status: {phase: Pending}\n"
     "---\n"
     "apiVersion: storage.k8s.io/v1\n"
     "kind: StorageClass\n"
     "metadata: {name: fast}\n"
     "provisioner: disks.example.com\n",
     "pvc-pending-no-provisioner", "CSIDriver /disks.example.com\n"},
    {"apiVersion: v1\n"
     "kind: PersistentVolumeClaim\n"
     "metadata: {namespace: shop, name: data}\n"
     "spec: {dataSource: {kind: VolumeSnapshot, name: before}, resources: {requests: {storage: "
     "1Gi}}}\n"
     "status: {phase: Pending}\n",
     "pvc-pending-datasource", "VolumeSnapshot shop/before\n"},
    {"apiVersion: networking.k8s.io/v1\n"
     "kind: Ingress\n"
     "metadata: {namespace: shop, name: web}\n"
     "spec: {ingressClassName: inner, rules: [{http: {paths: [{path: /, backend: {service: "
     "{name: web, port: {number: 80}}}}]}}]}\n",
     "ingress-backend-service-missing", "Service shop/web\n"},
    {"apiVersion: networking.k8s.io/v1\n"
     "kind: Ingress\n"
     "metadata: {namespace: shop, name: web}\n"
     "spec: {ingressClassName: inner, rules: [{host: a.example}]}\n",
     "ingress-class-missing", "IngressClass /inner\n"},
    {"apiVersion: networking.k8s.io/v1\n"
     "kind: Ingress\n"
     "metadata: {namespace: shop, name: web}\n"
     "spec: {tls: [{secretName: web-tls}], rules: [{host: a.example}]}\n",
     "ingress-tls-secret-missing", "Secret shop/web-tls\n"},
    {"apiVersion: gateway.networking.k8s.io/v1\n"
     "kind: Gateway\n"
     "metadata: {namespace: shop, name: web}\n"
     "spec: {gatewayClassName: inner}\n",
     "gatewayclass-missing", "GatewayClass /inner\n"},
    {"apiVersion: autoscaling/v2\n"
     "kind: HorizontalPodAutoscaler\n"
     "metadata: {namespace: shop, name: web}\n"
     "spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}\n"
     "status: {conditions: [{type: AbleToScale, status: 'False', lastTransitionTime: "
     "2026-01-01T10:00:00Z}]}\n",
     "hpa-target-missing", "Deployment shop/web\n"},
    {"apiVersion: apps/v1\n"
     "kind: StatefulSet\n"
     "metadata: {namespace: shop, name: db}\n"
     "spec: {volumeClaimTemplates: [{metadata: {name: data}, spec: {storageClassName: "
     "fast}}]}\n",
     "statefulset-storageclass-missing", "StorageClass /fast\n"},
    {"apiVersion: apps/v1\n"
     "kind: Deployment\n"
     "metadata: {namespace: shop, name: web}\n"
     "spec: {replicas: 2, template: {spec: {priorityClassName: first}}}\n"
     "status: {replicas: 1}\n",
     "pod-priority-missing", "PriorityClass /first\n"},
    {"apiVersion: admissionregistration.k8s.io/v1\n"
     "kind: ValidatingWebhookConfiguration\n"
     "metadata: {name: rules}\n"
     "webhooks: [{name: a.example.com, failurePolicy: Fail, clientConfig: {service: "
     "{namespace: rules, name: judge}}, rules: [{operations: [CREATE], apiGroups: [''], "
     "resources: [pods]}]}]\n",
     "webhook-service-missing", "Service rules/judge\n"},
    {"apiVersion: apiextensions.k8s.io/v1\n"
     "kind: CustomResourceDefinition\n"
     "metadata: {name: shops.example.com}\n"
     "spec: {conversion: {strategy: Webhook, webhook: {clientConfig: {service: {namespace: "
     "rules, name: judge}}}}}\n",
     "crd-conversion-webhook-down", "Service rules/judge\n"},
};

/* Every finding of a missing object names the one that is looked up. */
static void
test_each_check_names_what_is_missing(void **state)
{
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        Server server = {PRESENCE_THERE, g_string_new(NULL)};
        g_autoptr(TestCluster) known = test_cluster_new(rows[i].yaml);
        const Findings *findings = test_cluster_findings(known);
        bool is_found = false;
        for (guint k = 0; k < findings->all->len; k++)
            is_found =
                is_found ||
                g_str_equal(((const Finding *)findings->all->pdata[k])->check->id, rows[i].check);
        if (!is_found)
            fail_msg("row %zu: there is no %s without the server", i, rows[i].check);
        g_autoptr(TestCluster) cluster = cluster_of(rows[i].yaml, &server);
        test_cluster_expect_none(cluster, rows[i].check);
        assert_contains(server.asked->str, rows[i].asked);
        g_string_free(server.asked, TRUE);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_finding_stays_when_the_object_is_not_there),
        cmocka_unit_test(test_a_finding_goes_when_the_object_is_there),
        cmocka_unit_test(test_a_finding_is_unverified_when_nobody_answers),
        cmocka_unit_test(test_only_what_is_bad_is_looked_up),
        cmocka_unit_test(test_consequences_of_what_goes_stay),
        cmocka_unit_test(test_each_check_names_what_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
