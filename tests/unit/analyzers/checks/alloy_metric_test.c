#include "tests/harness/temp_dir.h"
#include "tests/unit/analyzers/checks/collectors.h"

#define LIMITED                                                                                    \
    "---\napiVersion: v1\nkind: Pod\nmetadata: {namespace: mon, name: p4, ownerReferences: "       \
    "[{kind: DaemonSet, name: alloy, uid: DaemonSet/mon/alloy, controller: true}]}\n"              \
    "spec: {nodeName: n4, containers: [{name: app, image: 'grafana/alloy:v1', resources: "         \
    "{limits: "                                                                                    \
    "{memory: 1Gi}}}]}\n"                                                                          \
    "status: {phase: Running, podIP: ip-p4, conditions: [{type: Ready, status: " READY "}]}\n"
#define FOUR THREE NODE("n4", READY) LIMITED

/* One series of a pod, with one more label. */
#define SERIES(pod, label, value)                                                                  \
    "{\"metric\":{\"pod\":\"" pod "\"," label "},\"value\":[1,\"" value "\"]}"
#define NONE "\"job\":\"any\""

static const struct {
    const char *query, *check, *title, *evidence; /* of a pod of DaemonSet alloy */
    const char *result;
} cases[] = {
    {"alloy-unhealthy-components", "alloy-unhealthy-components",
     "Alloy (DaemonSet alloy) has components that are not healthy",
     "Pod p3 on n3: 2 components, exited", "[" SERIES("p3", "\"health_type\":\"exited\"", "2") "]"},
    {"alloy-config-load-failed", "alloy-config-load-failed",
     "Alloy (DaemonSet alloy) refuses its new configuration",
     "Pod p3 on n3: runs an older configuration", "[" SERIES("p3", NONE, "0") "]"},
    {"alloy-config-hash", "alloy-config-drift",
     "Alloy (DaemonSet alloy) runs different configurations on its nodes",
     "Pod p2 on n2 has bbbbbbbb, others have aaaaaaaa",
     "[" SERIES("p1", "\"sha256\":\"aaaaaaaaaaaa\"",
                "1") "," SERIES("p2", "\"sha256\":\"bbbbbbbbbbbb\"", "1") "]"},
    {"alloy-remote-write-failing", "alloy-remote-write-failing",
     "Alloy (DaemonSet alloy) loses metrics",
     "Pod p1 on n1: 3.5 a second samples lost, http://mimir/push",
     "[" SERIES("p1", "\"url\":\"http://mimir/push\"", "3.5") "]"},
    {"alloy-remote-write-lagging", "alloy-remote-write-lagging",
     "Alloy (DaemonSet alloy) sends metrics late", "Pod p1 on n1: 6 min behind",
     "[" SERIES("p1", NONE, "360") "]"},
    {"alloy-logs-dropping", "alloy-logs-dropping", "Alloy (DaemonSet alloy) loses log lines",
     "Pod p1 on n1: 2 a second lines lost, rate_limited",
     "[" SERIES("p1", "\"reason\":\"rate_limited\"", "2") "]"},
    {"alloy-profiles-dropping", "alloy-profiles-dropping", "Alloy (DaemonSet alloy) loses profiles",
     "Pod p1 on n1: 2 a second profiles lost", "[" SERIES("p1", NONE, "2") "]"},
    {"alloy-otlp-failing", "alloy-otlp-failing", "Alloy (DaemonSet alloy) loses OpenTelemetry data",
     "Pod p1 on n1: 12 % lost, spans sent",
     "[" SERIES("p1", "\"signal\":\"spans sent\"", "0.12") "]"},
    {"alloy-restarting", "alloy-restarting", "Alloy (DaemonSet alloy) restarts again and again",
     "Pod p1 on n1: 4 starts within an hour", "[" SERIES("p1", NONE, "4") "]"},
    {"alloy-memory", "alloy-memory-near-limit", "Alloy (DaemonSet alloy) is near its memory limit",
     "Pod p4 on n4: 1000 MiB of 1024 MiB", "[" SERIES("p4", NONE, "1048576000") "]"},
    {"alloy-cluster-split", "alloy-cluster-split",
     "Alloy (DaemonSet alloy) sees different members of its cluster",
     "Pod p1 on n1: 2 members seen, main", "[" SERIES("p1", "\"cluster_name\":\"main\"", "2") "]"},
};

static void
test_what_alloy_says_of_itself(void **state)
{
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(FOUR);
        test_cluster_answer(cluster, cases[i].query, cases[i].result);
        const Finding *finding =
            test_cluster_expect(cluster, cases[i].check, "DaemonSet mon/alloy");
        assert_string_equal(finding->title, cases[i].title);
        assert_string_equal(finding->evidence->pdata[0], cases[i].evidence);
        assert_int_equal(finding->fix->len, 2);
        assert_int_equal(test_cluster_findings(cluster)->all->len, 1);
    }
}

static void
test_nothing_is_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(FOUR);
        test_cluster_answer(cluster, cases[i].query, "[]");
        test_cluster_expect_quiet(cluster, SEVERITY_INFO);
    }
}

static void
test_what_is_no_trouble(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(FOUR);
    test_cluster_answer(cluster, "alloy-memory",
                        "[" SERIES("p4", NONE, "900000000") "," SERIES("p3", NONE, "9e12") "]");
    test_cluster_answer(
        cluster, "alloy-config-hash",
        "[" SERIES("p1", "\"sha256\":\"a\"", "1") "," SERIES("p2", "\"sha256\":\"a\"", "1") "]");
    /* A Prometheus that is no Alloy fails, and something that nobody knows. */
    test_cluster_answer(cluster, "alloy-remote-write-failing",
                        "[" SERIES("prometheus-0", NONE, "5") "]");
    test_cluster_expect_quiet(cluster, SEVERITY_INFO);
}

static void
test_what_cannot_be_verified(void **state)
{
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(FOUR);
        test_cluster_answer_fails(cluster, cases[i].query, "too much");
        test_cluster_expect_none(cluster, cases[i].check);
        test_cluster_expect_unverified(cluster, cases[i].check);
    }
}

/* Pods of one controller are one finding, which quotes the log of the first. */
static void
test_pods_and_their_log(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autofree char *path = temp_dir_file(dir, "mon_p1_app.log");
    assert_true(g_file_set_contents(
        path, "level=error msg=\"failed to evaluate\" component_id=loki.source.x token=hunter2\n",
        -1, NULL));
    g_autoptr(TestCluster) cluster = test_cluster_new(FOUR);
    test_cluster_logs(cluster, temp_dir_path(dir));
    test_cluster_answer(cluster, "alloy-unhealthy-components",
                        "[" SERIES("p1", "\"health_type\":\"exited\"",
                                   "1") "," SERIES("p2", "\"health_type\":\"exited\"", "1") "]");
    const Finding *finding =
        test_cluster_expect(cluster, "alloy-unhealthy-components", "DaemonSet mon/alloy");
    assert_int_equal(finding->about->len, 2);
    assert_contains(finding->cause, "Its log says: level=error msg=\"failed to evaluate\"");
    assert_null(strstr(finding->cause, "hunter2"));
    assert_true(g_hash_table_contains(test_cluster_findings(cluster)->log_lines,
                                      strstr(finding->cause, "level=error")));
}

static void
test_what_its_log_says_of_sending(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autofree char *path = temp_dir_file(dir, "mon_p1_app.log");
    assert_true(g_file_set_contents(
        path, "level=error component=prometheus.remote_write err=\"no such host\"\n", -1, NULL));
    g_autoptr(TestCluster) cluster = test_cluster_new(FOUR);
    test_cluster_logs(cluster, temp_dir_path(dir));
    test_cluster_answer(cluster, "alloy-unhealthy-components",
                        "[" SERIES("p1", "\"health_type\":\"exited\"", "1") "]");
    const Finding *finding =
        test_cluster_expect(cluster, "alloy-unhealthy-components", "DaemonSet mon/alloy");
    assert_contains(finding->cause, "its log says that the name of the back end is not resolved");
    assert_true(g_hash_table_contains(test_cluster_findings(cluster)->log_lines,
                                      strstr(finding->cause, "level=error")));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_alloy_says_of_itself),
        cmocka_unit_test(test_nothing_is_said),
        cmocka_unit_test(test_what_is_no_trouble),
        cmocka_unit_test(test_what_cannot_be_verified),
        cmocka_unit_test(test_pods_and_their_log),
        cmocka_unit_test(test_what_its_log_says_of_sending),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
