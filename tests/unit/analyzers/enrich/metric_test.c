#include "analyzers/enrich/metric.h"

#include "tests/unit/analyzers/enrich/enriched.h"

#define OF_APP                                                                                     \
    "{\"metric\":{\"namespace\":\"shop\",\"pod\":\"web-new-abcde\",\"container\":\"app\"},"        \
    "\"value\":[1767268770,\"266338304\"]}"
#define OF_OTHERS                                                                                  \
    "{\"metric\":{\"namespace\":\"shop\",\"pod\":\"web-new-abcde\",\"container\":\"side\"},"       \
    "\"value\":[1767268770,\"1\"]},{\"metric\":{\"namespace\":\"pay\",\"pod\":\"web-new-abcde\","  \
    "\"container\":\"app\"},\"value\":[1767268770,\"2\"]},{\"metric\":{\"namespace\":\"shop\","    \
    "\"pod\":\"web-new-abcde\",\"container\":\"app\",\"x\":\"y\"},\"value\":[1767268770,\"NaN\"]}"

static void
test_memory_against_the_limit(void **state)
{
    (void)state;
    static const ScriptStep steps[] = {VECTOR(OF_OTHERS "," OF_APP), VECTOR("")};
    g_autoptr(TestCluster) cluster = test_cluster_new(OOM_CLUSTER);
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, G_N_ELEMENTS(steps));
    EnrichOptions options = {
        .matchers = "cluster=\"prod\"", .queries_max = 60, .log_reads_max = 30, .time_ms = 60000};
    enriched_run(cluster, server, SOURCE_METRICS, &options);
    g_autofree char *request = enriched_request(server, 0),
                    *evidence = enriched_evidence(enriched_oom(cluster));
    assert_contains(request, "POST /api/v1/query ");
    assert_contains(request, "namespace=~\"shop\",pod=~\"web-new-abcde\",cluster=\"prod\"}");
    assert_contains(request, "time=1767268770");
    assert_contains(evidence, "Memory of container app of pod web-new-abcde: at most 254.0 MiB in "
                              "the last 2 h, 99 % of its limit of 256Mi\n");
    assert_int_equal(enriched_count(evidence, "Memory of container"), 1);
    assert_lacks(evidence, "side");
}

/* Evidence of who knows which cluster would be no evidence. */
static void
test_an_unknown_cluster_is_not_asked_about(void **state)
{
    (void)state;
    static const ScriptStep steps[] = {VECTOR("")};
    g_autoptr(TestCluster) cluster = test_cluster_new(OOM_CLUSTER);
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, G_N_ELEMENTS(steps));
    EnrichOptions options = {.matchers_problem = "it answers 422",
                             .queries_max = 60,
                             .log_reads_max = 30,
                             .time_ms = 60000};
    enriched_run(cluster, server, SOURCE_METRICS, &options);
    g_autofree char *evidence = enriched_evidence(enriched_oom(cluster));
    assert_contains(evidence, "(metrics not available: it answers 422)");
    assert_int_equal(scripted_server_requests(server), 0);
}

#define NODE                                                                                       \
    "apiVersion: v1\n"                                                                             \
    "kind: Node\n"                                                                                 \
    "metadata: {name: n1}\n"                                                                       \
    "status: {addresses: [{type: InternalIP, address: 10.0.0.1}], conditions: [{type: Ready, "     \
    "status: 'True'}, {type: MemoryPressure, status: 'True', lastTransitionTime: "                 \
    "'2026-01-01T10:00:00Z'}]}\n"                                                                  \
    "---\n"                                                                                        \
    "apiVersion: v1\n"                                                                             \
    "kind: Pod\n"                                                                                  \
    "metadata: {namespace: shop, name: hog}\n"                                                     \
    "spec: {nodeName: n1, containers: [{name: a, resources: {requests: {memory: 128Mi}}}]}\n"      \
    "status: {phase: Running}\n"                                                                   \
    "---\n"                                                                                        \
    "apiVersion: v1\n"                                                                             \
    "kind: Pod\n"                                                                                  \
    "metadata: {namespace: shop, name: mouse}\n"                                                   \
    "spec: {nodeName: n1, containers: [{name: a}]}\n"                                              \
    "status: {phase: Running}\n"

static void
test_nodes_and_their_largest_pods(void **state)
{
    (void)state;
    static const ScriptStep steps[] = {
        VECTOR("{\"metric\":{\"instance\":\"10.0.0.1:9100\"},\"value\":[1,\"0.03\"]},"
               "{\"metric\":{\"instance\":\"10.0.0.11:9100\"},\"value\":[1,\"0.5\"]}"),
        VECTOR(
            "{\"metric\":{\"namespace\":\"shop\",\"pod\":\"mouse\"},\"value\":[1,\"1048576\"]},"
            "{\"metric\":{\"namespace\":\"shop\",\"pod\":\"hog\"},\"value\":[1,\"3221225472\"]}")};
    g_autoptr(TestCluster) cluster = test_cluster_new(NODE);
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, G_N_ELEMENTS(steps));
    enriched_by(cluster, server, SOURCE_METRICS);
    const Finding *finding = test_cluster_expect(cluster, "node-memory-pressure", "Node n1");
    g_autofree char *request = enriched_request(server, 0), *evidence = enriched_evidence(finding);
    assert_contains(request, "{instance=~\"n1(:.*)?|10\\\\.0\\\\.0\\\\.1(:.*)?\",}");
    assert_contains(request, ") or (");
    assert_contains(request, "{node=~\"n1\",}");
    assert_contains(evidence, "Of the memory of the node 3 % are available\n");
    assert_contains(evidence, "Most memory of the node is held by shop/hog 3.0 GiB (asks for 128.0 "
                              "MiB), shop/mouse 1.0 MiB (asks for nothing)\n");
}

/* Whatever a back end does, the finding is there as it was, and says so once. */
static void
test_failures_are_told_once(void **state)
{
    (void)state;
    static const struct {
        ScriptStep step;
        const char *says;
    } cases[] = {
        {{.reply = "HTTP/1.1 503 No\r\nConnection: close\r\n\r\ngone"}, "503: gone"},
        {{.reply = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html>"},
         "not in JSON"},
        {OK_JSON("{\"status\":\"success\",\"data\":{\"resultType\":\"vec"), ""},
        {OK_JSON("{\"status\":\"error\"}"), "status"},
        {{.reply = NULL, .end = SCRIPT_STALL}, ""},
        {{.reply = "HTTP/1.1 401 No\r\nConnection: close\r\n\r\nno org id"}, "401: no org id"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(OOM_CLUSTER);
        const Finding *finding = enriched_oom(cluster);
        g_autofree char *title = g_strdup(finding->title),
                        *fingerprint = g_strdup(finding->fingerprint);
        Severity severity = finding->severity;
        g_autoptr(ScriptedServer) server = scripted_server_new(&cases[i].step, 1);
        EnrichOptions options = {.queries_max = 60, .log_reads_max = 30, .time_ms = 1000};
        enriched_run(cluster, server, SOURCE_METRICS, &options);
        g_autofree char *evidence = enriched_evidence(finding);
        assert_int_equal(enriched_count(evidence, "(metrics not available: "), 1);
        assert_contains(evidence, cases[i].says);
        assert_string_equal(finding->title, title);
        assert_string_equal(finding->fingerprint, fingerprint);
        assert_int_equal(finding->severity, severity);
    }
}

static void
test_a_run_keeps_to_its_budget(void **state)
{
    (void)state;
    static const ScriptStep steps[] = {VECTOR(OF_APP)};
    g_autoptr(TestCluster) cluster = test_cluster_new(OOM_CLUSTER);
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, G_N_ELEMENTS(steps));
    EnrichOptions options = {.queries_max = 1, .log_reads_max = 0, .time_ms = 60000};
    enriched_run(cluster, server, SOURCE_METRICS, &options);
    g_autofree char *evidence = enriched_evidence(enriched_oom(cluster));
    assert_int_equal(scripted_server_requests(server), 1);
    assert_contains(evidence, "Memory of container app");
    assert_contains(evidence, "(metrics not available: the 1 of --evidence-queries are used up)");
}

static void
test_nothing_is_asked_of_a_cluster_without_findings(void **state)
{
    (void)state;
    static const ScriptStep steps[] = {VECTOR("")};
    g_autoptr(TestCluster) cluster =
        test_cluster_new("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n");
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, G_N_ELEMENTS(steps));
    enriched_by(cluster, server, SOURCE_METRICS);
    assert_int_equal(scripted_server_requests(server), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_unknown_cluster_is_not_asked_about),
        cmocka_unit_test(test_memory_against_the_limit),
        cmocka_unit_test(test_nodes_and_their_largest_pods),
        cmocka_unit_test(test_failures_are_told_once),
        cmocka_unit_test(test_a_run_keeps_to_its_budget),
        cmocka_unit_test(test_nothing_is_asked_of_a_cluster_without_findings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
