#include "analyzers/report/text.h"

#include <string.h>

#include "tests/harness/check.h"
#include "tests/harness/cluster.h"

static const char config_map[] = "apiVersion: v1\n"
                                 "kind: ConfigMap\n"
                                 "metadata: {namespace: shop, name: small}\n";

static char *
report_of(TestCluster *cluster)
{
    const CheckOptions options = {.tier = 3, .now_s = TEST_NOW_S, .cluster = "test"};
    return g_string_free(report_text(test_cluster_findings(cluster), &options, false), FALSE);
}

/* What the kinds of one reason are, and how many checks want any of them, each counted once. */
static void
test_checks_that_could_not_look_are_told_by_reason(void **state)
{
    (void)state;
    static const Kind failed[] = {KIND_CSI_NODE, KIND_NODE};
    g_autoptr(TestCluster) cluster = test_cluster_new(config_map);
    g_autoptr(GHashTable) checks = g_hash_table_new(NULL, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(failed); i++)
        test_cluster_fail(cluster, failed[i], "not allowed");
    const Findings *findings = test_cluster_findings(cluster);
    for (guint i = 0; i < findings->unverified->len; i++) {
        const Unverified *unverified = findings->unverified->pdata[i];
        g_hash_table_add(checks, (gpointer)(uintptr_t)unverified->check);
    }
    assert_true(g_hash_table_size(checks) > 1);
    assert_true(g_hash_table_size(checks) < findings->unverified->len);
    g_autofree char *text = report_of(cluster);
    g_autofree char *line =
        g_strdup_printf("Could not verify %u checks, for want of nodes and csinodes: "
                        "not allowed\n",
                        g_hash_table_size(checks));
    assert_contains(text, line);
}

static void
test_one_check_of_one_kind(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(config_map);
    test_cluster_fail(cluster, KIND_CSR, "not allowed");
    g_autofree char *text = report_of(cluster);
    assert_contains(text, "Could not verify 1 check, for want of certificatesigningrequests: "
                          "not allowed\n");
}

static void
test_metrics_that_are_absent_are_told_together(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(config_map);
    test_cluster_answer_absent(cluster, "etcd-leader");
    test_cluster_answer_absent(cluster, "etcd-fsync");
    g_autofree char *text = report_of(cluster);
    assert_contains(text, "Could not verify 2 checks, for want of the metrics ");
    assert_contains(text, "etcd_server_has_leader");
    assert_contains(text, " and ");
}

static void
test_many_kinds_are_cut(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(config_map);
    for (int kind = KIND_NONE + 1; kind < KIND_COUNT; kind++)
        test_cluster_fail(cluster, (Kind)kind, "not reachable");
    g_autofree char *text = report_of(cluster);
    assert_contains(text, " more kinds: not reachable\n");
    assert_null(strstr(strstr(text, "Could not verify") + 1, "Could not verify"));
}

static void
test_a_log_has_a_line_for_each(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new("apiVersion: v1\n"
                         "kind: Pod\n"
                         "metadata: {namespace: shop, name: one}\n"
                         "spec: {nodeName: n1, containers: [{name: app, envFrom: [{configMapRef: "
                         "{name: settings}}]}]}\n"
                         "status: {phase: Pending}\n");
    g_autofree char *text = g_string_free(report_lines(test_cluster_findings(cluster)), FALSE);
    assert_contains(text, "HIGH      Pod one needs ConfigMap settings, which does not exist (Pod "
                          "shop/one, missing-configmap-ref, since 2025-12-31T12:00:00Z)\n");
    assert_contains(text, " finding");
    g_autoptr(TestCluster) healthy = test_cluster_new(config_map);
    g_autofree char *none = g_string_free(report_lines(test_cluster_findings(healthy)), FALSE);
    assert_contains(none, "Nothing is wrong as far as these checks see.\n");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_log_has_a_line_for_each),
        cmocka_unit_test(test_checks_that_could_not_look_are_told_by_reason),
        cmocka_unit_test(test_one_check_of_one_kind),
        cmocka_unit_test(test_metrics_that_are_absent_are_told_together),
        cmocka_unit_test(test_many_kinds_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
