/* Checks that a metric decides: each with an answer that makes it speak, and without one. */
#include "analyzers/checks/metric.h"

#include "tests/unit/analyzers/checks/cases.h"

/* A node with a busy pod and a volume; the pod has run for a day. */
static const char cluster_yaml[] =
    "apiVersion: v1\n"
    "kind: Node\n"
    "metadata: {name: n1, labels: {kubernetes.io/hostname: host-1}}\n"
    "status:\n"
    "  addresses: [{type: InternalIP, address: 10.0.0.1}]\n"
    "  allocatable: {memory: 1Gi, cpu: '4', pods: '110'}\n"
    "  nodeInfo: {kubeletVersion: v1.34.1}\n"
    "  conditions: [{type: Ready, status: 'True', " CASE_SINCE "}]\n"
    "---\n"
    "apiVersion: v1\n"
    "kind: Namespace\n"
    "metadata: {name: shop}\n"
    "---\n"
    "apiVersion: apps/v1\n"
    "kind: StatefulSet\n"
    "metadata: {namespace: shop, name: db}\n"
    "spec: {replicas: 1, serviceName: '', selector: {matchLabels: {app: db}}, template: {metadata: "
    "{labels: {app: db}}, spec: {containers: [{name: app}]}}}\n"
    "status: {replicas: 1, readyReplicas: 1, availableReplicas: 1, updatedReplicas: 1}\n"
    "---\n"
    "apiVersion: v1\n"
    "kind: Pod\n"
    "metadata: {namespace: shop, name: db-0, labels: {app: db}, ownerReferences: [{apiVersion: "
    "apps/v1, kind: StatefulSet, name: db, uid: StatefulSet/shop/db, controller: true}]}\n"
    "spec:\n"
    "  nodeName: n1\n"
    "  containers:\n"
    "  - name: app\n"
    "    image: registry.example.com/db:1\n"
    "    resources: {limits: {memory: 256Mi, cpu: '1', ephemeral-storage: 1Gi}, requests: {memory: "
    "256Mi, cpu: '1'}}\n"
    "  - name: cache\n"
    "    image: registry.example.com/cache:1\n"
    "    resources: {limits: {memory: 4Gi}, requests: {memory: 100Mi}}\n"
    "status:\n"
    "  phase: Running\n"
    "  podIP: 10.1.0.1\n"
    "  conditions: [{type: Ready, status: 'True', " CASE_SINCE "}]\n"
    "  containerStatuses:\n"
    "  - {name: app, ready: true, started: true, restartCount: 0, state: {running: {startedAt: "
    "'2025-12-31T12:00:00Z'}}}\n"
    "  - {name: cache, ready: true, started: true, restartCount: 0, state: {running: {startedAt: "
    "'2025-12-31T12:00:00Z'}}}\n"
    "---\n"
    "apiVersion: v1\n"
    "kind: PersistentVolumeClaim\n"
    "metadata: {namespace: shop, name: data}\n"
    "spec: {accessModes: [ReadWriteOnce], volumeName: v1, storageClassName: ''}\n"
    "status: {phase: Bound}\n"
    "---\n"
    "apiVersion: v1\n"
    "kind: PersistentVolume\n"
    "metadata: {name: v1}\n"
    "spec: {claimRef: {namespace: shop, name: data}, accessModes: [ReadWriteOnce]}\n"
    "status: {phase: Bound}\n"
    "---\n"
    "apiVersion: networking.k8s.io/v1\n"
    "kind: Ingress\n"
    "metadata: {namespace: shop, name: site}\n"
    "spec: {ingressClassName: nginx}\n"
    "---\n"
    "apiVersion: networking.k8s.io/v1\n"
    "kind: IngressClass\n"
    "metadata: {name: nginx}\n"
    "spec: {controller: k8s.io/ingress-nginx}\n"
    "---\n"
    "apiVersion: autoscaling/v2\n"
    "kind: HorizontalPodAutoscaler\n"
    "metadata: {namespace: shop, name: db}\n"
    "spec: {scaleTargetRef: {apiVersion: apps/v1, kind: StatefulSet, name: db}, minReplicas: 1, "
    "maxReplicas: 9}\n"
    "status: {currentReplicas: 1, desiredReplicas: 1}\n";

#define AT(value)         ", \"value\": [1767268770, \"" value "\"]}]"
#define NODE(more, value) "[{\"metric\": {\"instance\": \"10.0.0.1:9100\"" more "}" AT(value)
#define APP(value)                                                                                 \
    "[{\"metric\": {\"namespace\": \"shop\", \"pod\": \"db-0\", \"container\": \"app\"}" AT(value)
#define DISK ", \"mountpoint\": \"/var\", \"device\": \"sda1\""

typedef struct {
    const char *query, *answer;
    const char *check, *object, *says; /* of what the title is a part */
} MetricCase;

static const MetricCase cases[] = {
    {"node-filesystem-full", NODE(DISK, "0.04"), "node-filesystem-full", "Node n1",
     "/var of node n1 is 96 % full"},
    {"node-inodes-full", NODE(DISK, "0.01"), "node-inodes-full", "Node n1", "99 % of its inodes"},
    {"node-filesystem-readonly", NODE(DISK, "1"), "node-filesystem-readonly", "Node n1",
     "read-only"},
    {"node-memory-high", NODE("", "0.05"), "node-memory-high", "Node n1", "95 % of its memory"},
    {"node-cpu-used", NODE("", "0.98"), "node-cpu-saturated", "Node n1", "98 % of its CPUs"},
    {"node-load", NODE("", "3.5"), "node-cpu-saturated", "Node n1", "load of 3.5"},
    {"node-memory-used", NODE("", "0.9"), "node-oom-risk-overcommit", "Node n1", "90 % is in use"},
    {"node-evictions", NODE(", \"eviction_signal\": \"memory.available\"", "2"), "node-evicting",
     "Node n1", "memory.available"},
    {"node-clock-offset", NODE("", "-0.25"), "node-clock-skew", "Node n1", "250 ms off"},
    {"node-clock-unsynchronized", NODE("", "16"), "node-clock-skew", "Node n1", "not synchronized"},
    {"node-conntrack-full", NODE("", "0.95"), "node-conntrack-full", "Node n1", "95 % full"},
    {"node-network-errors", NODE(", \"device\": \"eth0\"", "0.02"), "node-network-errors",
     "Node n1", "eth0 of node n1 loses 2 %"},
    {"node-disk-queue", NODE(", \"device\": \"sda\"", "12.3"), "node-disk-io-saturated", "Node n1",
     "Disk sda of node n1 has 12.3"},
    {"node-raid-failed", NODE(", \"device\": \"md0\"", "1"), "node-disk-failure", "Node n1",
     "RAID md0"},
    {"node-disk-unhealthy", NODE(", \"device\": \"sdb\"", "0"), "node-disk-failure", "Node n1",
     "Disk sdb"},
    {"node-kubelet-certificate", NODE("", "172800"), "node-kubelet-cert-expiring", "Node n1",
     "ends in 2 d"},
    {"node-pleg", NODE("", "12"), "node-pleg-slow", "Node n1", "takes 12 s"},
    {"node-runtime-errors", NODE("", "0.1"), "node-runtime-errors", "Node n1", "10 % of the calls"},
    {"node-flapping", "[{\"metric\": {\"node\": \"n1\"}" AT("6"), "node-flapping", "Node n1",
     "6 times"},
    {"claim-space",
     "[{\"metric\": {\"namespace\": \"shop\", \"persistentvolumeclaim\": \"data\"}" AT("0.1"),
     "pvc-filling-up", "PersistentVolumeClaim shop/data", "90 % full"},
    {"claim-inodes",
     "[{\"metric\": {\"exported_namespace\": \"shop\", \"namespace\": \"monitoring\", "
     "\"persistentvolumeclaim\": \"data\"}" AT("0.02"),
     "pvc-inodes-filling", "PersistentVolumeClaim shop/data", "98 % of its inodes"},
    {"container-memory-peak", APP("262000000"), "near-memory-limit", "StatefulSet shop/db",
     "has used 249.9 MiB of memory; its limit is 256.0 MiB"},
    {"container-memory-trend", APP("300000000"), "memory-leak-trend", "StatefulSet shop/db",
     "286.1 MiB"},
    {"container-cpu-starved", APP("0.4"), "cpu-starved-noderequest", "StatefulSet shop/db",
     "40 % of the time"},
    {"pod-ephemeral-storage",
     "[{\"metric\": {\"namespace\": \"shop\", \"pod\": \"db-0\"}" AT("1070000000"),
     "ephemeral-storage-near", "StatefulSet shop/db", "ephemeral storage"},
    {"container-file-descriptors", APP("0.97"), "fd-or-thread-exhaustion", "StatefulSet shop/db",
     "97 % of the open files"},
    {"container-oom-events", APP("3"), "oom-invisible", "StatefulSet shop/db", "container app"},
    {"pod-ready-changes",
     "[{\"metric\": {\"namespace\": \"monitoring\", \"pod\": \"ksm\", \"exported_namespace\": "
     "\"shop\", \"exported_pod\": \"db-0\"}" AT("6"),
     "readiness-flapping", "StatefulSet shop/db", "keep changing"},
    {"apiserver-errors-fast", "[{\"metric\": {}" AT("0.2"), "apiserver-errors",
     "Backend API server", "20 % of its requests"},
    {"apiserver-errors-slow", "[{\"metric\": {}" AT("0.07"), "apiserver-errors",
     "Backend API server", "7 % of its requests"},
    {"apiserver-latency", "[{\"metric\": {\"resource\": \"pods\", \"verb\": \"POST\"}" AT("2.5"),
     "apiserver-latency", "Backend API server", "2500 ms for POST of pods"},
    {"apiserver-rejected", "[{\"metric\": {\"flow_schema\": \"global-default\"}" AT("4"),
     "apiserver-throttling", "Backend API server", "global-default"},
    {"webhook-failures", "[{\"metric\": {\"name\": \"policy.example.com\"}" AT("0.5"),
     "webhook-rejections", "Backend API server", "policy.example.com cannot be called"},
    {"webhook-skipped", "[{\"metric\": {\"name\": \"policy.example.com\"}" AT("0.5"),
     "webhook-rejections", "Backend API server", "skipped"},
    {"webhook-duration", "[{\"metric\": {\"name\": \"policy.example.com\"}" AT("7"), "webhook-slow",
     "Backend API server", "7000 ms"},
    {"apiserver-deprecated",
     "[{\"metric\": {\"group\": \"batch\", \"version\": \"v1beta1\", \"resource\": \"cronjobs\", "
     "\"removed_release\": \"1.35\"}" AT("1"),
     "deprecated-api-used", "Backend API server", "release 1.35"},
    {"etcd-leader", "[{\"metric\": {\"instance\": \"a\"}" AT("0"), "etcd-no-leader", "Backend etcd",
     "no leader"},
    {"etcd-peer-failures", "[{\"metric\": {\"To\": \"b\"}" AT("1"), "etcd-members-down",
     "Backend etcd", "is away"},
    {"etcd-database", "[{\"metric\": {}" AT("0.96"), "etcd-db-near-quota", "Backend etcd", "96 %"},
    {"etcd-fsync", "[{\"metric\": {\"instance\": \"a\"}" AT("0.8"), "etcd-slow-disk",
     "Backend etcd", "800 ms for a write"},
    {"etcd-commit", "[{\"metric\": {\"instance\": \"a\"}" AT("0.3"), "etcd-slow-disk",
     "Backend etcd", "300 ms for a commit"},
    {"dns-failures", "[{\"metric\": {}" AT("0.08"), "dns-errors", "Backend DNS", "8 %"},
    {"ingress-failures",
     "[{\"metric\": {\"namespace\": \"shop\", \"ingress\": \"site\"}" AT("0.12"), "ingress-5xx",
     "Ingress shop/site", "12 % of the requests"},
    {"autoscaler-flapping",
     "[{\"metric\": {\"namespace\": \"shop\", \"horizontalpodautoscaler\": \"db\"}" AT("9"),
     "hpa-flapping", "HorizontalPodAutoscaler shop/db", "9 times in an hour"},
    {"certificate-of-nginx", "[{\"metric\": {\"host\": \"shop.example.com\"}" AT("518400"),
     "serving-cert-probe-free", "Backend certificates", "shop.example.com ends in 6 d"},
    {"certificate-of-probe", "[{\"metric\": {\"instance\": \"https://a.example.com\"}" AT("3600"),
     "serving-cert-probe-free", "Backend certificates", "ends in 1 h"},
};

static void
test_each_metric_makes_its_check_speak(void **state)
{
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(cluster_yaml);
        test_cluster_answer(cluster, cases[i].query, cases[i].answer);
        const Finding *finding = test_cluster_expect(cluster, cases[i].check, cases[i].object);
        assert_contains(finding->title, cases[i].says);
        assert_non_null(finding->cause);
        assert_true(finding->fix->len >= 1);
        assert_true(finding->evidence->len >= 1);
    }
}

static void
test_answers_without_series_are_quiet(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(cluster_yaml);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        test_cluster_answer(cluster, cases[i].query, "[]");
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        test_cluster_expect_none(cluster, cases[i].check);
}

static void
test_what_is_not_answered_is_not_verified(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(cluster_yaml);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        test_cluster_answer_fails(cluster, cases[i].query, "503");
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        test_cluster_expect_none(cluster, cases[i].check);
        test_cluster_expect_unverified(cluster, cases[i].check);
    }
}

/* Series about what the cluster does not have, or that are no number, are about nothing. */
static void
test_strange_series_are_left_out(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(cluster_yaml);
    test_cluster_answer(cluster, "node-memory-high",
                        "[{\"metric\": {\"instance\": \"10.9.9.9:9100\"}" AT("0.01"));
    test_cluster_answer(cluster, "node-conntrack-full", NODE("", "NaN"));
    test_cluster_answer(cluster, "container-memory-peak",
                        "[{\"metric\": {\"namespace\": \"shop\", \"pod\": \"gone\", \"container\": "
                        "\"app\"}" AT("9e9"));
    test_cluster_expect_none(cluster, "node-memory-high");
    test_cluster_expect_none(cluster, "node-conntrack-full");
    test_cluster_expect_none(cluster, "near-memory-limit");
}

/* What would be said if the value alone decided, and is not. */
static void
test_what_the_objects_speak_against(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(cluster_yaml);
    test_cluster_answer(cluster, "container-memory-peak", APP("200000000"));
    test_cluster_answer(cluster, "container-throttled", APP("0.4"));
    test_cluster_answer(cluster, "container-cpu-of-throttled", APP("0.9"));
    test_cluster_answer(
        cluster, "apiserver-deprecated",
        "[{\"metric\": {\"group\": \"batch\", \"removed_release\": \"1.40\"}" AT("1"));
    test_cluster_expect_none(cluster, "near-memory-limit");
    test_cluster_expect_none(cluster, "cpu-throttled");
    test_cluster_expect_none(cluster, "deprecated-api-used");
}

static void
test_throttling_needs_a_container_that_uses_its_limit(void **state)
{
    (void)state;
    static const struct {
        const char *share, *cores;
        bool is_told;
    } each[] = {{APP("0.7"), APP("0.9"), true},
                {APP("0.7"), APP("0.2"), false},
                {APP("0.4"), APP("0.9"), false},
                {APP("0.7"), "[]", false}};
    for (size_t i = 0; i < G_N_ELEMENTS(each); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(cluster_yaml);
        test_cluster_answer(cluster, "container-throttled", each[i].share);
        test_cluster_answer(cluster, "container-cpu-of-throttled", each[i].cores);
        if (each[i].is_told)
            test_cluster_expect(cluster, "cpu-throttled", "StatefulSet shop/db");
        else
            test_cluster_expect_none(cluster, "cpu-throttled");
    }
}

static void
test_values_make_it_worse(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(cluster_yaml);
    test_cluster_answer(cluster, "claim-space",
                        "[{\"metric\": {\"namespace\": \"shop\", \"persistentvolumeclaim\": "
                        "\"data\"}" AT("0.02"));
    test_cluster_answer(cluster, "node-kubelet-certificate", NODE("", "3600"));
    const Finding *claim =
        test_cluster_expect(cluster, "pvc-filling-up", "PersistentVolumeClaim shop/data");
    const Finding *node = test_cluster_expect(cluster, "node-kubelet-cert-expiring", "Node n1");
    assert_int_equal(claim->severity, SEVERITY_CRITICAL);
    assert_int_equal(node->severity, SEVERITY_CRITICAL);
}

/* Of two series about one thing the worse is told, whatever their order. */
static void
test_the_worst_series_counts(void **state)
{
    (void)state;
    static const struct {
        const char *query, *one, *other, *check, *object, *says;
    } each[] = {
        {"node-filesystem-full",
         "{\"metric\": {\"instance\": \"10.0.0.1:9100\", \"mountpoint\": \"/var\"}, \"value\": [1, "
         "\"0.09\"]}",
         "{\"metric\": {\"instance\": \"10.0.0.1:9100\", \"mountpoint\": \"/var\", \"job\": "
         "\"b\"}, "
         "\"value\": [1, \"0.02\"]}",
         "node-filesystem-full", "Node n1", "98 % full"},
        {"ingress-failures",
         "{\"metric\": {\"namespace\": \"shop\", \"ingress\": \"site\"}, \"value\": [1, \"0.1\"]}",
         "{\"metric\": {\"namespace\": \"shop\", \"ingress\": \"site\", \"pod\": \"b\"}, "
         "\"value\": [1, \"0.5\"]}",
         "ingress-5xx", "Ingress shop/site", "50 %"},
        {"node-clock-offset", "{\"metric\": {\"node\": \"n1\"}, \"value\": [1, \"0.1\"]}",
         "{\"metric\": {\"node\": \"n1\", \"job\": \"b\"}, \"value\": [1, \"-0.3\"]}",
         "node-clock-skew", "Node n1", "300 ms"},
    };
    for (size_t i = 0; i < 2 * G_N_ELEMENTS(each); i++) {
        const size_t k = i / 2;
        bool is_turned = i % 2 == 1;
        g_autoptr(TestCluster) cluster = test_cluster_new(cluster_yaml);
        g_autofree char *answer =
            g_strdup_printf("[%s, %s]", is_turned ? each[k].other : each[k].one,
                            is_turned ? each[k].one : each[k].other);
        test_cluster_answer(cluster, each[k].query, answer);
        const Finding *finding = test_cluster_expect(cluster, each[k].check, each[k].object);
        assert_contains(finding->title, each[k].says);
    }
}

/* An exporter whose address is no node's, but whose host name is. */
static void
test_nodes_are_found_by_their_labels(void **state)
{
    (void)state;
    static const char *const metrics[] = {"{\"node\": \"n1\"}", "{\"instance\": \"host-1:9100\"}",
                                          "{\"instance\": \"[10.0.0.1]:9100\"}",
                                          "{\"instance\": \"192.0.2.1:9100\"}",
                                          "{\"namespace\": \"shop\", \"pod\": \"db-0\"}"};
    for (size_t i = 0; i < G_N_ELEMENTS(metrics); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(cluster_yaml);
        g_autofree char *answer = g_strdup_printf("[{\"metric\": %s" AT("0.01"), metrics[i]);
        test_cluster_answer(cluster, "node-names",
                            "[{\"metric\": {\"instance\": \"192.0.2.1:9100\", \"nodename\": "
                            "\"n1\"}" AT("1"));
        test_cluster_answer(cluster, "node-memory-high", answer);
        test_cluster_expect(cluster, "node-memory-high", "Node n1");
    }
}

static void
test_values_for_people(void **state)
{
    (void)state;
    static const struct {
        Unit unit;
        double value;
        const char *text;
    } texts[] = {
        {UNIT_SHARE, 0.256, "26 %"},
        {UNIT_LEFT, 0.001, "99 %"},
        {UNIT_BYTES, 1610612736, "1.5 GiB"},
        {UNIT_SECONDS, 90061, "1 d 1 h"},
        {UNIT_SHORT, 0.25, "250 ms"},
        {UNIT_SHORT, 61, "61 s"},
        {UNIT_NUMBER, 0.12345, "0.123"},
        {UNIT_BYTES, -1, "0 bytes"},
        {UNIT_CORES, 0.5, "0.50 cores"},
        {UNIT_COUNT, 2.5, "2.5"},
        {UNIT_COUNT, 12.5, "12"},
        {UNIT_RATE, 3.5, "3.5 a second"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autofree char *text = unit_text(texts[i].unit, texts[i].value);
        assert_string_equal(text, texts[i].text);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_metric_makes_its_check_speak),
        cmocka_unit_test(test_answers_without_series_are_quiet),
        cmocka_unit_test(test_what_is_not_answered_is_not_verified),
        cmocka_unit_test(test_strange_series_are_left_out),
        cmocka_unit_test(test_what_the_objects_speak_against),
        cmocka_unit_test(test_throttling_needs_a_container_that_uses_its_limit),
        cmocka_unit_test(test_the_worst_series_counts),
        cmocka_unit_test(test_values_make_it_worse),
        cmocka_unit_test(test_nodes_are_found_by_their_labels),
        cmocka_unit_test(test_values_for_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
