#include "tests/unit/analyzers/checks/collectors.h"

static void
test_targets_that_are_down(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(THREE);
    collectors_answer_gates(cluster);
    test_cluster_answer(cluster, "targets-down",
                        "[{\"metric\":{\"job\":\"shop\"},\"value\":[1,\"0.25\"]}]");
    const Finding *finding = test_cluster_expect(cluster, "target-down", "Backend metrics");
    assert_string_equal(finding->title, "Targets of job shop cannot be scraped");
    assert_string_equal(finding->evidence->pdata[0], "25 % of the targets of job shop are down");
}

static void
test_a_watchdog_and_kube_state_metrics(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(THREE);
    collectors_answer_gates(cluster);
    test_cluster_answer(cluster, "watchdog-absent", "[{\"metric\":{},\"value\":[1,\"1\"]}]");
    test_cluster_answer(cluster, "ksm-unhealthy",
                        "[{\"metric\":{\"resource\":\"*v1.Secret\"},\"value\":[1,\"0.1\"]}]");
    test_cluster_expect(cluster, "watchdog-absent", "Backend metrics");
    assert_contains(
        test_cluster_expect(cluster, "ksm-unhealthy", "Backend metrics")->evidence->pdata[0],
        "*v1.Secret");
}

static void
test_all_is_well(void **state)
{
    (void)state;
    static const char *const queries[] = {"targets-down", "watchdog-absent", "ksm-unhealthy"};
    g_autoptr(TestCluster) cluster = test_cluster_new(THREE);
    ANSWER(cluster, "node", {"n1", 1}, {"n2", 1}, {"n3", 1});
    for (size_t i = 0; i < G_N_ELEMENTS(queries); i++)
        test_cluster_answer(cluster, queries[i], "[]");
    test_cluster_expect_quiet(cluster, SEVERITY_INFO);
}

/* Collectors that nobody has ever heard of are no silence, but a source that is missing. */
static void
test_collectors_without_metrics(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(THREE);
    ANSWER(cluster, "node", {"n1", NEVER});
    const Finding *finding =
        test_cluster_expect(cluster, "metric-source-missing", "Backend metrics");
    assert_string_equal(finding->title, "There are no metrics of Alloy");
    assert_string_equal(finding->what, "Alloy");
    test_cluster_expect_none(cluster, "alloy-silent-on-node");
    test_cluster_expect_unverified(cluster, "alloy-silent-on-node");
}

/* An exporter is missing when nothing of it is there, not when a metric is filtered. */
static void
test_exporters_without_metrics(void **state)
{
    (void)state;
    for (int is_filtered = 0; is_filtered < 2; is_filtered++) {
        const CheckOptions options = {.tier = 3};
        g_autoptr(GPtrArray) queries = check_queries(&options);
        g_autoptr(TestCluster) cluster = test_cluster_new(THREE);
        ANSWER(cluster, "node", {"n1", 1}, {"n2", 1}, {"n3", 1});
        for (guint i = 0; i < queries->len; i++) {
            const TelemetryQuery *query = queries->pdata[i];
            if (query->families != NULL && g_str_has_prefix(query->families, "node_"))
                test_cluster_answer_absent(cluster, query->name);
        }
        if (is_filtered)
            test_cluster_answer(cluster, "node-conntrack-full", "[]");
        if (is_filtered)
            test_cluster_expect_none(cluster, "metric-source-missing");
        else
            assert_string_equal(
                test_cluster_expect(cluster, "metric-source-missing", "Backend metrics")->title,
                "There are no metrics of node-exporter");
    }
}

static void
test_what_cannot_be_verified(void **state)
{
    (void)state;
    static const char *const checks[] = {"metric-source-missing", "target-down", "watchdog-absent",
                                         "ksm-unhealthy"};
    g_autoptr(TestCluster) cluster = test_cluster_new(THREE);
    collectors_answer_gates(cluster);
    test_cluster_answer(cluster, "metrics-newest", "[]");
    test_cluster_answer(cluster, "targets-down",
                        "[{\"metric\":{\"job\":\"shop\"},\"value\":[1,\"0.25\"]}]");
    for (size_t i = 0; i < G_N_ELEMENTS(checks); i++) {
        test_cluster_expect_none(cluster, checks[i]);
        test_cluster_expect_unverified(cluster, checks[i]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_targets_that_are_down),
        cmocka_unit_test(test_a_watchdog_and_kube_state_metrics),
        cmocka_unit_test(test_all_is_well),
        cmocka_unit_test(test_collectors_without_metrics),
        cmocka_unit_test(test_exporters_without_metrics),
        cmocka_unit_test(test_what_cannot_be_verified),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
