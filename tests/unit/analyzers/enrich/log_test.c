#include "analyzers/enrich/log.h"

#include "tests/harness/temp_dir.h"
#include "tests/unit/analyzers/enrich/enriched.h"

#define LABELS(names) OK_JSON("{\"status\":\"success\",\"data\":[" names "]}")
#define LINES(values)                                                                              \
    OK_JSON(                                                                                       \
        "{\"status\":\"success\",\"data\":{\"resultType\":\"streams\",\"result\":[{\"stream\":"    \
        "{\"namespace\":\"shop\"},\"values\":[" values "]}]}}")
#define COUNT(n) VECTOR("{\"metric\":{},\"value\":[1767268800,\"" n "\"]}")

static void
test_the_telling_line_of_a_log_that_is_gone(void **state)
{
    (void)state;
    static const ScriptStep steps[] = {
        LABELS("\"namespace\",\"container\""),
        LINES("[\"1767268682000000000\",\"bye\"],"
              "[\"1767268681000000000\",\"java.lang.OutOfMemoryError: Java heap space "
              "password=hush42\"],[\"1767268680000000000\",\"hello\"]"),
        COUNT("3")};
    g_autoptr(TestCluster) cluster = test_cluster_new(OOM_CLUSTER);
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, G_N_ELEMENTS(steps));
    enriched_by(cluster, server, SOURCE_LOGS);
    g_autofree char *labels = enriched_request(server, 0), *request = enriched_request(server, 1),
                    *evidence = enriched_evidence(enriched_oom(cluster));
    assert_contains(labels, "GET /loki/api/v1/labels?start=");
    assert_contains(request, "GET /loki/api/v1/query_range?");
    assert_contains(request, "start=1767268563&end=1767268688&limit=50&direction=backward");
    assert_contains(request, "{namespace=\"shop\",container=\"app\"} | "
                             "pod=~\"web-new-[a-z0-9]+|web-old-[a-z0-9]+\"");
    assert_contains(evidence,
                    "Loki has of the last 2 min before its end: "
                    "\"java.lang.OutOfMemoryError: Java heap space password=[redacted]\"");
    assert_lacks(evidence, "hush42");
    assert_true(
        g_hash_table_contains(test_cluster_findings(cluster)->log_lines,
                              "java.lang.OutOfMemoryError: Java heap space password=[redacted]"));
    assert_int_equal(scripted_server_requests(server), 3);
}

/* The log that the cluster still has was read by the checks. */
static void
test_a_log_of_the_cluster_needs_no_loki(void **state)
{
    (void)state;
    static const ScriptStep steps[] = {LABELS("\"namespace\",\"pod\""), COUNT("0")};
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autofree char *path = temp_dir_file(dir, "shop_web-new-abcde_app.previous.log");
    assert_true(g_file_set_contents(path, "error: own log\n", -1, NULL));
    g_autoptr(TestCluster) cluster = test_cluster_new(OOM_CLUSTER);
    test_cluster_logs(cluster, temp_dir_path(dir));
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, G_N_ELEMENTS(steps));
    enriched_by(cluster, server, SOURCE_LOGS);
    g_autofree char *evidence = enriched_evidence(enriched_oom(cluster));
    assert_lacks(evidence, "Loki");
    for (size_t i = 0; i < scripted_server_requests(server); i++) {
        g_autofree char *request = enriched_request(server, i);
        assert_lacks(request, "query_range");
    }
}

/* The lines of a key follow the ones before them, and none of them is shown. */
static void
test_a_key_over_several_lines_is_not_told(void **state)
{
    (void)state;
    static const ScriptStep steps[] = {
        LABELS("\"namespace\",\"container\""),
        LINES("[\"1767268684000000000\",\"-----END PRIVATE KEY-----\"],"
              "[\"1767268683000000000\",\"hush42==\"],"
              "[\"1767268682000000000\",\"-----BEGIN PRIVATE KEY-----\"],"
              "[\"1767268681000000000\",\"loaded the key\"]"),
        COUNT("3")};
    g_autoptr(TestCluster) cluster = test_cluster_new(OOM_CLUSTER);
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, G_N_ELEMENTS(steps));
    enriched_by(cluster, server, SOURCE_LOGS);
    g_autofree char *evidence = enriched_evidence(enriched_oom(cluster));
    assert_contains(evidence, "Loki has of the last 2 min before its end: \"");
    assert_lacks(evidence, "hush42");
}

/* Whose pods were deleted. */
static void
test_a_job_without_pods(void **state)
{
    (void)state;
    static const ScriptStep steps[] = {
        LABELS("\"namespace\",\"pod\""),
        LINES("[\"1767265199000000000\",\"connect: connection refused\"]")};
    g_autoptr(TestCluster) cluster =
        test_cluster_new("apiVersion: batch/v1\n"
                         "kind: Job\n"
                         "metadata: {namespace: shop, name: report}\n"
                         "spec: {backoffLimit: 1}\n"
                         "status: {failed: 2, conditions: [{type: Failed, status: 'True', reason: "
                         "BackoffLimitExceeded, lastTransitionTime: '2026-01-01T11:00:00Z'}]}\n");
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, G_N_ELEMENTS(steps));
    enriched_by(cluster, server, SOURCE_LOGS);
    const Finding *finding = test_cluster_expect(cluster, "job-failed", "Job shop/report");
    g_autofree char *request = enriched_request(server, 1), *evidence = enriched_evidence(finding);
    assert_contains(request, "{namespace=\"shop\",pod=~\"report(-[0-9]+)?-[a-z0-9]+\"}");
    assert_contains(request, "start=1767265080&end=1767265205&");
    assert_contains(evidence, "\"connect: connection refused\"");
}

static void
test_errors_that_became_frequent(void **state)
{
    (void)state;
    static const ScriptStep steps[] = {
        LABELS("\"namespace\",\"pod\",\"container\""), LINES(""), COUNT("1800"), COUNT("720"),
        LINES(
            "[\"1767268700000000000\",\"level=error msg=\\\"dial tcp: connection refused\\\"\"]")};
    g_autoptr(TestCluster) cluster = test_cluster_new(OOM_CLUSTER);
    g_autoptr(ScriptedServer) server = scripted_server_new(steps, G_N_ELEMENTS(steps));
    enriched_by(cluster, server, SOURCE_LOGS);
    g_autofree char *request = enriched_request(server, 2),
                    *evidence = enriched_evidence(enriched_oom(cluster));
    assert_contains(request, "sum(count_over_time({namespace=\"shop\",pod=~");
    assert_contains(request, "|~ \"(?i)\\\\b(error|fatal|panic)\\\\b\"[600s]))");
    assert_contains(evidence, "Lines with errors in its logs: 1800 in the last 10 min, 20 in 10 "
                              "min of the 6 h before, as \"level=error msg=\"dial tcp: connection "
                              "refused\"\"");
}

static void
test_failures_are_told_once(void **state)
{
    (void)state;
    static const struct {
        ScriptStep steps[2];
        const char *says;
    } cases[] = {
        {{{.reply = "HTTP/1.1 401 No\r\nConnection: close\r\n\r\nno org id\n"}, LABELS("")},
         "401: no org id"},
        {{LABELS("\"namespace\""),
          {.reply =
               "HTTP/1.1 400 Bad\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nparse "
               "error at line 1, col 2: syntax error\n"}},
         "400: parse error at line 1"},
        {{LABELS("\"job\""), LABELS("")}, "streams have neither"},
        {{LABELS("\"namespace\""), LINES("[\"1\"")}, ""},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(OOM_CLUSTER);
        g_autoptr(ScriptedServer) server = scripted_server_new(cases[i].steps, 2);
        enriched_by(cluster, server, SOURCE_LOGS);
        g_autofree char *evidence = enriched_evidence(enriched_oom(cluster));
        assert_int_equal(enriched_count(evidence, "(logs not available: "), 1);
        assert_contains(evidence, cases[i].says);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_telling_line_of_a_log_that_is_gone),
        cmocka_unit_test(test_a_log_of_the_cluster_needs_no_loki),
        cmocka_unit_test(test_a_key_over_several_lines_is_not_told),
        cmocka_unit_test(test_a_job_without_pods),
        cmocka_unit_test(test_errors_that_became_frequent),
        cmocka_unit_test(test_failures_are_told_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
