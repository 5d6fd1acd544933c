/* Claims, nodes, webhooks and APIs: a row for each check. */
#include "tests/harness/check.h"
#include "tests/harness/cluster.h"

#define CLAIM(spec, status)                                                                        \
    "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {namespace: shop, name: data, uid: "   \
    "data}\nspec: {accessModes: "                                                                  \
    "[ReadWriteOnce], resources: {requests: {storage: 10Gi}}, " spec "}\nstatus: {phase: " status  \
    "}\n"
#define CLASS(name, provisioner)                                                                   \
    "---\napiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: " name               \
    "}\nprovisioner: " provisioner "\nvolumeBindingMode: Immediate\n"
#define VOLUME(spec, phase)                                                                        \
    "---\napiVersion: v1\nkind: PersistentVolume\nmetadata: {name: v1}\nspec: {" spec              \
    "}\nstatus: {phase: " phase "}\n"
#define FAILED                                                                                     \
    "---\napiVersion: v1\nkind: Event\nmetadata: {namespace: shop, name: e}\ninvolvedObject: "     \
    "{uid: data}\nreason: "                                                                        \
    "ProvisioningFailed\nmessage: quota exceeded\nlastTimestamp: '2026-01-01T11:59:00Z'\n"
#define NODE(conditions)                                                                           \
    "apiVersion: v1\nkind: Node\nmetadata: {name: n1}\nstatus: {conditions: [" conditions "]}\n"
#define SINCE "lastTransitionTime: '2026-01-01T11:00:00Z', message: 'it says so.'}"
#define HOOK(service, policy)                                                                      \
    "apiVersion: admissionregistration.k8s.io/v1\nkind: "                                          \
    "ValidatingWebhookConfiguration\nmetadata: {name: guard, annotations: "                        \
    "{cert-manager.io/inject-ca-from: a/b}}\nwebhooks: [{name: guard.example.com, "                \
    "failurePolicy: " policy ", rules: [{resources: [pods]}], clientConfig: {" service "}}]\n"
#define SERVICE                                                                                    \
    "---\napiVersion: v1\nkind: Service\nmetadata: {namespace: guard, name: guard}\nspec: "        \
    "{selector: {app: guard}, ports: [{port: "                                                     \
    "443}]}\n"

static const struct {
    const char *check, *object, *yaml, *says;
} rows[] = {
    {"pvc-pending-no-default-class", "PersistentVolumeClaim shop/data",
     CLAIM("volumeMode: Filesystem", "Pending") CLASS("slow", "x"), "no default class"},
    {"pvc-pending-class-missing", "PersistentVolumeClaim shop/data",
     CLAIM("storageClassName: fasst", "Pending") CLASS("fast", "x"), "nearest: fast"},
    {"pvc-pending-static-no-pv", "PersistentVolumeClaim shop/data",
     CLAIM("storageClassName: ''", "Pending")
         VOLUME("capacity: {storage: 5Gi}, storageClassName: '', accessModes: [ReadWriteOnce]",
                "Available"),
     "none fits"},
    {"pvc-pending-volume-taken", "PersistentVolumeClaim shop/data",
     CLAIM("volumeName: v1", "Pending")
         VOLUME("claimRef: {namespace: other, name: theirs}", "Bound"),
     "other/theirs"},
    {"pvc-pending-provision-failed", "PersistentVolumeClaim shop/data",
     CLAIM("storageClassName: fast", "Pending") CLASS("fast", "csi.example.com") FAILED,
     "quota exceeded"},
    {"pvc-pending-no-provisioner", "PersistentVolumeClaim shop/data",
     CLAIM("storageClassName: fast", "Pending") CLASS("fast", "csi.example.com"), "not installed"},
    {"pvc-pending", "PersistentVolumeClaim shop/data",
     CLAIM("storageClassName: fast", "Pending")
         CLASS("fast", "csi.example.com") "---\napiVersion: storage.k8s.io/v1\nkind: "
                                          "CSIDriver\nmetadata: {name: csi.example.com}\n",
     "waits for driver"},
    {"pvc-lost", "PersistentVolumeClaim shop/data", CLAIM("volumeName: gone", "Lost"),
     "does not exist any more"},
    {"pvc-stuck-terminating", "PersistentVolumeClaim shop/data",
     "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {namespace: shop, name: data, "
     "deletionTimestamp: "
     "'2026-01-01T11:00:00Z'}\nstatus: {phase: Bound}\n",
     "to be deleted"},
    {"node-not-ready", "Node n1", NODE("{type: Ready, status: 'False', " SINCE), "it says so"},
    {"node-unreachable", "Node n1", NODE("{type: Ready, status: Unknown, " SINCE),
     "stopped reporting"},
    {"node-memory-pressure", "Node n1", NODE("{type: MemoryPressure, status: 'True', " SINCE),
     "short of memory"},
    {"node-disk-pressure", "Node n1", NODE("{type: DiskPressure, status: 'True', " SINCE),
     "short of disk"},
    {"node-pid-pressure", "Node n1", NODE("{type: PIDPressure, status: 'True', " SINCE),
     "process ids"},
    {"node-network-unavailable", "Node n1",
     NODE("{type: NetworkUnavailable, status: 'True', " SINCE), "no pod network"},
    {"node-lease-stale", "Node n1",
     NODE("{type: Ready, status: 'True'}") "---\napiVersion: coordination.k8s.io/v1\nkind: "
                                           "Lease\nmetadata: {namespace: "
                                           "kube-node-lease, name: n1}\nspec: {renewTime: "
                                           "'2026-01-01T11:55:00.000000Z'}\n",
     "5 min"},
    {"webhook-service-missing", "ValidatingWebhookConfiguration guard",
     HOOK("caBundle: x, service: {namespace: guard, name: guard}", "Fail"), "does not exist"},
    {"webhook-no-ready-endpoints", "ValidatingWebhookConfiguration guard",
     HOOK("caBundle: x, service: {namespace: guard, name: guard}", "Fail") SERVICE, "is refused"},
    {"webhook-port-missing", "ValidatingWebhookConfiguration guard",
     HOOK("caBundle: x, service: {namespace: guard, name: guard, port: 8443}", "Fail") SERVICE,
     "no port 8443"},
    {"webhook-ca-invalid", "ValidatingWebhookConfiguration guard",
     HOOK("service: {namespace: guard, name: guard}", "Fail") SERVICE
     "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {namespace: guard, "
     "name: s, labels: "
     "{kubernetes.io/service-name: guard}}\nendpoints: [{conditions: {ready: true}}]\n",
     "certificate authority"},
    {"apiservice-unavailable", "APIService v1.x.example.com",
     "apiVersion: apiregistration.k8s.io/v1\nkind: APIService\nmetadata: {name: "
     "v1.x.example.com}\nstatus: {conditions: [{type: "
     "Available, status: 'False', reason: MissingEndpoints, " SINCE "]}\n",
     "MissingEndpoints"},
};

static void
test_each_check_fires(void **state)
{
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(rows[i].yaml);
        const Finding *finding = test_cluster_expect(cluster, rows[i].check, rows[i].object);
        g_autofree char *text = g_strdup_printf("%s %s", finding->title, finding->cause);
        if (strstr(text, rows[i].says) == NULL)
            fail_msg("%s does not say '%s': %s", rows[i].check, rows[i].says, text);
        assert_int_equal(finding->fix->len, 2);
    }
}

static void
test_none_fires_about_what_is_well(void **state)
{
    (void)state;
    static const char *const well[] = {
        CLAIM("storageClassName: fast", "Bound") CLASS("fast", "csi.example.com"),
        CLAIM("storageClassName: ''", "Pending")
            VOLUME("capacity: {storage: 10Gi}, storageClassName: '', accessModes: [ReadWriteOnce]",
                   "Available"),
        NODE("{type: Ready, status: 'True'}, {type: DiskPressure, status: 'False'}"),
        "apiVersion: v1\nkind: Node\nmetadata: {name: n1}\nspec: {taints: [{key: "
        "ToBeDeletedByClusterAutoscaler, effect: "
        "NoSchedule}]}\nstatus: {conditions: [{type: Ready, status: Unknown, " SINCE "]}\n",
        HOOK("url: 'https://elsewhere'", "Fail"),
        "apiVersion: apiregistration.k8s.io/v1\nkind: APIService\nmetadata: {name: v1.}\nstatus: "
        "{conditions: [{type: Available, "
        "status: 'True'}]}\n",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(well); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(well[i]);
        test_cluster_expect_quiet(cluster, SEVERITY_LOW);
    }
}

static void
test_each_says_when_it_cannot_look(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n");
    static const Kind kinds[] = {KIND_PVC, KIND_STORAGE_CLASS, KIND_NODE, KIND_SERVICE,
                                 KIND_API_SERVICE};
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
        test_cluster_fail(cluster, kinds[i], "403");
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (strcmp(rows[i].check, "webhook-ca-invalid") != 0) /* which needs nothing else */
            test_cluster_expect_unverified(cluster, rows[i].check);
    }
}

static void
test_unknown_classes_are_not_missing(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(CLAIM("storageClassName: fast", "Pending"));
    test_cluster_fail(cluster, KIND_STORAGE_CLASS, "403");
    test_cluster_expect_none(cluster, "pvc-pending-class-missing");
}

/* What the pods of a claim suffer is said once. */
static void
test_pods_that_wait_for_a_claim_are_folded(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new(CLAIM("storageClassName: fasst", "Pending") CLASS(
            "fast", "x") "---\napiVersion: v1\nkind: Pod\nmetadata: {namespace: shop, name: "
                         "db}\nspec: {volumes: [{name: d, "
                         "persistentVolumeClaim: {claimName: data}}]}\nstatus: {phase: Pending, "
                         "conditions: [{type: PodScheduled, "
                         "status: 'False', reason: Unschedulable, lastTransitionTime: "
                         "'2026-01-01T11:00:00Z', message: '0/1 nodes "
                         "are available: pod has unbound immediate PersistentVolumeClaims.'}]}\n");
    const Finding *finding = test_cluster_expect(cluster, "pvc-pending-class-missing",
                                                 "PersistentVolumeClaim shop/data");
    assert_int_equal(finding->explains->len, 1);
    test_cluster_expect_folded(cluster, "pod-unschedulable-volume", "Pod shop/db");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_check_fires),
        cmocka_unit_test(test_none_fires_about_what_is_well),
        cmocka_unit_test(test_each_says_when_it_cannot_look),
        cmocka_unit_test(test_unknown_classes_are_not_missing),
        cmocka_unit_test(test_pods_that_wait_for_a_claim_are_folded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
