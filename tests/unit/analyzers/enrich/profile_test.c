#include "analyzers/enrich/profile.h"

#include "tests/unit/analyzers/enrich/enriched.h"

#define NAMES(names)         OK_JSON("{\"names\":[" names "]}")
#define LABEL(name, value)   "{\"name\":\"" name "\",\"value\":\"" value "\"}"
#define SERIES(type, labels) "{\"labels\":[" LABEL("__profile_type__", type) "," labels "]}"
#define INUSE                "memory:inuse_space:bytes:space:bytes"
#define CPU                  "process_cpu:cpu:nanoseconds:cpu:nanoseconds"
/* parse and the rest, of 100 units of `unit` zeroes. */
#define FLAME(parse, rest, unit)                                                                   \
    OK_JSON("{\"flamegraph\":{\"names\":[\"total\",\"parse\",\"serve\"],\"levels\":[{\"values\":"  \
            "[\"0\",\"100" unit "\",\"0\",\"0\"]},{\"values\":[\"0\",\"" parse unit                \
            "\",\"" parse unit "\",\"1\",\"0\",\"" rest unit "\",\"" rest unit                     \
            "\",\"2\"]}],\"total\":\"100" unit "\"}}")
#define POD_SERIES                                                                                 \
    NAMES("\"namespace\",\"pod\",\"service_name\",\"__profile_type__\""),                          \
        OK_JSON("{\"labelsSet\":[" SERIES(                                                         \
            INUSE, LABEL("pod", "web-new-abcde") "," LABEL("namespace", "shop") "," LABEL(         \
                       "service_name", "web")) "," SERIES(CPU, LABEL("pod", "other")) "]}")

static void
test_memory_by_function_against_a_day_before(void **state)
{
    (void)state;
    static const ScriptStep steps[] = {POD_SERIES, FLAME("62", "38", ""), FLAME("8", "92", "")};
    g_autoptr(TestCluster) cluster = test_cluster_new(OOM_CLUSTER);
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, G_N_ELEMENTS(steps));
    enriched_by(cluster, server, SOURCE_PROFILES);
    const Finding *finding = enriched_oom(cluster);
    g_autofree char *now = enriched_request(server, 2), *former = enriched_request(server, 3),
                    *evidence = enriched_evidence(finding);
    assert_contains(now, "\"profileTypeID\":\"" INUSE "\"");
    assert_contains(now,
                    "{service_name=\\\"web\\\",namespace=\\\"shop\\\",pod=\\\"web-new-abcde\\\"}");
    assert_contains(now, "\"start\":1767267783000,\"end\":1767268683000");
    assert_contains(former, "pod=~\\\"web-new-[a-z0-9]+|web-old-[a-z0-9]+\\\"");
    assert_contains(former, "\"start\":1767181383000,\"end\":1767182283000");
    assert_contains(evidence, "Functions by memory in use in the 15 min before the end of the "
                              "container: parse 62 % (8 % a day before), serve 38 %\n");
    assert_int_equal(finding->links->len, 1);
    const FindingLink *link = finding->links->pdata[0];
    assert_string_equal(link->label, "Flame graph of memory in use");
    assert_contains(link->url, "/?tenant=team&service=web&type=memory%3Ainuse_space");
    assert_contains(link->url, "&from=1767267783000&until=1767268683000");
}

static void
test_by_container_id_and_cpu_only(void **state)
{
    (void)state;
    static const ScriptStep steps[] = {
        NAMES("\"node\",\"container_id\",\"service_name\""),
        OK_JSON("{\"labelsSet\":[" SERIES(
            CPU, LABEL("container_id", "c0ffee") "," LABEL("service_name", "java")) "]}"),
        FLAME("10", "90", "00000000"), OK_JSON("{}")};
    g_autoptr(TestCluster) cluster = test_cluster_new(OOM_CLUSTER);
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, G_N_ELEMENTS(steps));
    EnrichOptions options = {.profiles_link = "https://profiles.example.com",
                             .queries_max = 60,
                             .log_reads_max = 30,
                             .time_ms = 60000};
    enriched_run(cluster, server, SOURCE_PROFILES, &options);
    const Finding *finding = enriched_oom(cluster);
    g_autofree char *request = enriched_request(server, 2), *evidence = enriched_evidence(finding);
    assert_contains(request, "{service_name=\\\"java\\\",container_id=\\\"c0ffee\\\"}");
    assert_contains(evidence,
                    "Functions by CPU time in the 15 min before the end of the container: "
                    "serve 90 %, parse 10 %\n");
    const FindingLink *link = finding->links->pdata[0];
    assert_true(g_str_has_prefix(link->url, "https://profiles.example.com/?tenant=team&service="));
}

/* Series of the same pod whose labels are called differently: "" is no value of a label to ask for,
 * since every series without the label has it. */
static void
test_series_that_are_labelled_differently(void **state)
{
    (void)state;
    static const ScriptStep steps[] = {
        NAMES("\"k8s_pod_name\",\"pod\",\"namespace\""),
        OK_JSON("{\"labelsSet\":[" SERIES(INUSE, LABEL("k8s_pod_name", "web-new-abcde")) "," SERIES(
            INUSE, LABEL("pod", "web-new-abcde") "," LABEL("namespace", "shop")) "]}"),
        FLAME("62", "38", ""), OK_JSON("{}")};
    g_autoptr(TestCluster) cluster = test_cluster_new(OOM_CLUSTER);
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, G_N_ELEMENTS(steps));
    enriched_by(cluster, server, SOURCE_PROFILES);
    g_autofree char *request = enriched_request(server, 2);
    assert_contains(request, "\"labelSelector\":\"{k8s_pod_name=\\\"web-new-abcde\\\"}\"");
}

/* A store that is new has nothing, and that is no failure. */
static void
test_an_empty_store(void **state)
{
    (void)state;
    static const ScriptStep steps[] = {OK_JSON("{}"), OK_JSON("{}")};
    g_autoptr(TestCluster) cluster = test_cluster_new(OOM_CLUSTER);
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, G_N_ELEMENTS(steps));
    enriched_by(cluster, server, SOURCE_PROFILES);
    g_autofree char *evidence = enriched_evidence(enriched_oom(cluster));
    assert_lacks(evidence, "not available");
    assert_lacks(evidence, "Functions");
}

/* Of less than a second of CPU time shares say nothing. */
static void
test_too_little_is_not_told(void **state)
{
    (void)state;
    static const ScriptStep steps[] = {
        NAMES("\"service_name\""),
        OK_JSON("{\"labelsSet\":[" SERIES(CPU, LABEL("service_name", "shop/web")) "," SERIES(
            CPU, LABEL("service_name", "shop/webcam")) "]}"),
        FLAME("10", "90", "000000")};
    g_autoptr(TestCluster) cluster = test_cluster_new(OOM_CLUSTER);
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, G_N_ELEMENTS(steps));
    enriched_by(cluster, server, SOURCE_PROFILES);
    g_autofree char *evidence = enriched_evidence(enriched_oom(cluster)),
                    *request = enriched_request(server, 2);
    assert_contains(request, "\"labelSelector\":\"{service_name=\\\"shop/web\\\"}\"");
    assert_lacks(evidence, "Functions");
    assert_lacks(evidence, "not available");
    assert_int_equal(enriched_oom(cluster)->links->len, 0);
}

/* Pods of the two newest revisions, each by its own total. */
static void
test_a_new_revision_is_compared_with_the_one_before(void **state)
{
    (void)state;
    static const ScriptStep steps[] = {POD_SERIES, FLAME("62", "38", ""), OK_JSON("{}"),
                                       FLAME("62", "38", ""), FLAME("20", "80", "0")};
    g_autoptr(TestCluster) cluster = test_cluster_new(OOM_CLUSTER_MADE("2026-01-01T10:55:00Z"));
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, G_N_ELEMENTS(steps));
    enriched_by(cluster, server, SOURCE_PROFILES);
    g_autofree char *now = enriched_request(server, 4), *former = enriched_request(server, 5),
                    *evidence = enriched_evidence(enriched_oom(cluster));
    assert_contains(now, "pod=~\\\"web-new-[a-z0-9]+\\\"");
    assert_contains(former, "pod=~\\\"web-old-[a-z0-9]+\\\"");
    assert_contains(evidence, "Of the memory in use, revision 4 takes more for parse 62 % (20 % in "
                              "revision 3)\n");
}

/* Everything that runs on it, whoever it belongs to. */
static void
test_a_node(void **state)
{
    (void)state;
    static const ScriptStep steps[] = {
        NAMES("\"node\",\"service_name\""),
        OK_JSON("{\"labelsSet\":[" SERIES(
            CPU,
            LABEL("node", "n1") "," LABEL(
                "service_name",
                "java")) "," SERIES(CPU,
                                    LABEL("node", "n1") "," LABEL(
                                        "service_name",
                                        "kubelet")) "," SERIES(CPU,
                                                               LABEL("node", "n11") "," LABEL(
                                                                   "service_name", "n1")) "]}"),
        FLAME("10", "90", "00000000"), FLAME("50", "50", "00000000")};
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: v1\n"
        "kind: Node\n"
        "metadata: {name: n1}\n"
        "status: {conditions: [{type: Ready, status: 'True'}, {type: MemoryPressure, status: "
        "'True', lastTransitionTime: '2026-01-01T10:00:00Z'}]}\n");
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, G_N_ELEMENTS(steps));
    enriched_by(cluster, server, SOURCE_PROFILES);
    const Finding *finding = test_cluster_expect(cluster, "node-memory-pressure", "Node n1");
    g_autofree char *request = enriched_request(server, 2), *evidence = enriched_evidence(finding);
    assert_contains(request, "\"labelSelector\":\"{node=\\\"n1\\\"}\"");
    assert_contains(evidence, "Functions by CPU time in the last 15 min: serve 90 % (50 % a day "
                              "before), parse 10 %\n");
}

/* Of what an autoscaler scales. */
static void
test_an_autoscaler_at_its_maximum(void **state)
{
    (void)state;
    static const ScriptStep steps[] = {
        NAMES("\"namespace\",\"pod\""),
        OK_JSON("{\"labelsSet\":[" SERIES(
            CPU, LABEL("pod", "web-new-abcde") "," LABEL("namespace", "shop")) "]}"),
        FLAME("10", "90", "00000000"), OK_JSON("{}")};
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata: {namespace: shop, name: web, uid: d}\n"
        "spec: {replicas: 6, template: {spec: {containers: [{name: app, resources: {requests: "
        "{cpu: 100m}}}]}}}\n"
        "status: {replicas: 6, updatedReplicas: 6, availableReplicas: 6, readyReplicas: 6}\n"
        "---\n"
        "apiVersion: apps/v1\n"
        "kind: ReplicaSet\n"
        "metadata: {namespace: shop, name: web-new, uid: new, ownerReferences: [{controller: true, "
        "uid: d}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: shop, name: web-new-abcde, ownerReferences: [{controller: true, "
        "uid: new}]}\n"
        "spec: {containers: [{name: app, resources: {requests: {cpu: 100m}}}]}\n"
        "status: {phase: Running, conditions: [{type: Ready, status: 'True'}]}\n"
        "---\n"
        "apiVersion: autoscaling/v2\n"
        "kind: HorizontalPodAutoscaler\n"
        "metadata: {namespace: shop, name: scaler}\n"
        "spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, minReplicas: "
        "2, maxReplicas: 6, metrics: [{type: Resource, resource: {name: cpu, target: {type: "
        "Utilization, averageUtilization: 70}}}]}\n"
        "status: {currentReplicas: 6, desiredReplicas: 6, currentMetrics: [{type: Resource, "
        "resource: {name: cpu, current: {averageUtilization: 195}}}], conditions: [{type: "
        "AbleToScale, status: 'True'}, {type: ScalingActive, status: 'True'}, {type: "
        "ScalingLimited, status: 'True', lastTransitionTime: '2026-01-01T11:00:00Z', reason: "
        "TooManyReplicas, message: ''}]}\n");
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, G_N_ELEMENTS(steps));
    enriched_by(cluster, server, SOURCE_PROFILES);
    g_autofree char *evidence = enriched_evidence(
        test_cluster_expect(cluster, "hpa-maxed-out", "HorizontalPodAutoscaler shop/scaler"));
    assert_contains(evidence, "Functions by CPU time in the last 15 min: serve 90 %, parse 10 %\n");
}

#define AWAY                                                                                       \
    {                                                                                              \
        .reply = "HTTP/1.1 503 No\r\nConnection: close\r\n\r\n"                                    \
    }

static void
test_failures_are_told_once(void **state)
{
    (void)state;
    static const struct {
        ScriptStep steps[3];
        const char *says;
    } cases[] = {
        {{AWAY, AWAY, AWAY}, "503"},
        {{NAMES("\"pod\""), OK_JSON("{\"labelsSet\":["), NAMES("")}, ""},
        {{POD_SERIES, OK_JSON("{\"flamegraph\":{\"levels\":[{\"values\":[\"1\"]}]}}")}, "level"},
        {{POD_SERIES,
          {.reply =
               "HTTP/1.1 400 Bad\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
               "{\"code\":\"invalid_argument\",\"message\":\"too long\"}"}},
         "too long"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(OOM_CLUSTER);
        g_autoptr(ScriptedServer) server = scripted_server_new(cases[i].steps, 3);
        enriched_by(cluster, server, SOURCE_PROFILES);
        g_autofree char *evidence = enriched_evidence(enriched_oom(cluster));
        assert_int_equal(enriched_count(evidence, "(profiles not available: "), 1);
        assert_contains(evidence, cases[i].says);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_by_function_against_a_day_before),
        cmocka_unit_test(test_by_container_id_and_cpu_only),
        cmocka_unit_test(test_series_that_are_labelled_differently),
        cmocka_unit_test(test_an_empty_store),
        cmocka_unit_test(test_too_little_is_not_told),
        cmocka_unit_test(test_a_new_revision_is_compared_with_the_one_before),
        cmocka_unit_test(test_a_node),
        cmocka_unit_test(test_an_autoscaler_at_its_maximum),
        cmocka_unit_test(test_failures_are_told_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
