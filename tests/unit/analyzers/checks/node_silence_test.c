#include "tests/harness/temp_dir.h"
#include "tests/unit/analyzers/checks/collectors.h"

#define AGENTS                                                                                     \
    AGENT NODE("n1", READY) NODE("n2", READY) NODE("n3", READY)                                    \
        POD_OF("profiler", "a1", "n1", READY) POD_OF("profiler", "a2", "n2", READY)                \
            POD_OF("profiler", "a3", "n3", READY)
#define LINES(node) "{\"metric\":{\"node\":\"" node "\"},\"value\":[1,\"99\"]}"

/* ---- Profiles. ---- */

static TestCluster *
profiles(const char *yaml, const char *recent, const char *before)
{
    TestCluster *cluster = test_cluster_new(yaml);
    test_cluster_answer(cluster, "profiles-by-node", recent);
    test_cluster_answer(cluster, "profiles-by-node-before", before);
    return cluster;
}

static void
test_profiles_of_a_node(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        profiles(AGENTS, "[\"n1\",\"n2\"]", "[\"n1\",\"n2\",\"n3\",\"gone\"]");
    const Finding *finding =
        test_cluster_expect(cluster, "profile-store-silent-on-node", "Node n3");
    assert_string_equal(finding->title, "No profiles have come from node n3 for 30 minutes");
    assert_contains(finding->cause, "2 of 3 nodes still send profiles");
    assert_int_equal(test_cluster_findings(cluster)->all->len, 1);
}

static void
test_profiles_and_the_log_of_the_agent(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autofree char *path = temp_dir_file(dir, "mon_a3_app.log");
    assert_true(g_file_set_contents(
        path, "cresset-agent: warning: cannot push to http://store: connection refused\n", -1,
        NULL));
    g_autoptr(TestCluster) cluster = profiles(AGENTS, "[\"n1\",\"n2\"]", "[\"n1\",\"n2\",\"n3\"]");
    test_cluster_logs(cluster, temp_dir_path(dir));
    assert_contains(test_cluster_expect(cluster, "profile-store-silent-on-node", "Node n3")->cause,
                    "The log of pod a3 says that the back end refuses the connection");
    assert_true(g_hash_table_contains(
        test_cluster_findings(cluster)->log_lines,
        "cresset-agent: warning: cannot push to http://store: connection refused"));
}

static void
test_profiles_that_never_came(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = profiles(AGENTS, "[\"n1\",\"n2\"]", "[\"n1\",\"n2\"]");
    assert_string_equal(
        test_cluster_expect(cluster, "profile-store-silent-on-node", "Node n3")->title,
        "No profiles have ever come from node n3");
    /* Alloy may well be there for something else. */
    g_autoptr(TestCluster) alloy = profiles(THREE, "[\"n1\",\"n2\"]", "[\"n1\",\"n2\"]");
    test_cluster_expect_quiet(alloy, SEVERITY_INFO);
}

static void
test_profiles_of_all_nodes(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = profiles(AGENTS, "[]", "[\"n1\",\"n2\",\"n3\"]");
    const Finding *finding =
        test_cluster_expect(cluster, "profile-ingest-stalled", "Backend profiles");
    assert_string_equal(finding->title, "No profiles have come from 3 of 3 nodes for 30 minutes");
    assert_int_equal(finding->explains->len, 3);
}

/* Of another cluster, or without nodes. */
static void
test_profiles_of_no_node_here(void **state)
{
    (void)state;
    static const char *const answers[] = {"[]", "[\"x\",\"y\"]"};
    for (size_t i = 0; i < G_N_ELEMENTS(answers); i++) {
        g_autoptr(TestCluster) cluster = profiles(AGENTS, answers[i], answers[i]);
        test_cluster_expect_quiet(cluster, SEVERITY_INFO);
        test_cluster_expect_unverified(cluster, "profile-store-silent-on-node");
    }
}

static void
test_profiles_that_come(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = profiles(AGENTS, "[\"n1\",\"n2\",\"n3\"]", "[\"n1\"]");
    test_cluster_expect_quiet(cluster, SEVERITY_INFO);
}

/* ---- Logs. ---- */

static TestCluster *
logs(const char *recent, const char *before)
{
    TestCluster *cluster = test_cluster_new(THREE);
    test_cluster_answer(cluster, "logs-by-node", recent);
    test_cluster_answer(cluster, "logs-by-node-before", before);
    return cluster;
}

#define ALL_LINES "[" LINES("n1") "," LINES("n2") "," LINES("n3") "]"

static void
test_logs_of_a_node(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = logs("[" LINES("n1") "," LINES("n2") "]", ALL_LINES);
    assert_string_equal(test_cluster_expect(cluster, "logs-silent-on-node", "Node n3")->title,
                        "No logs have come from node n3 for 30 minutes");
    g_autoptr(TestCluster) well = logs(ALL_LINES, ALL_LINES);
    test_cluster_expect_quiet(well, SEVERITY_INFO);
    g_autoptr(TestCluster) seldom =
        logs("[" LINES("n1") "," LINES("n2") "]", "[" LINES("n1") "," LINES("n2") "]");
    test_cluster_expect_quiet(seldom, SEVERITY_INFO);
}

static void
test_logs_of_all_nodes(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = logs("[]", ALL_LINES);
    assert_int_equal(
        test_cluster_expect(cluster, "logs-ingest-stalled", "Backend logs")->explains->len, 3);
}

/* Of a node whose collector is silent that is told, and nothing of its logs. */
static void
test_a_collector_that_is_silent(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = logs("[" LINES("n1") "," LINES("n2") "]", ALL_LINES);
    ANSWER(cluster, "node", {"n1", 20}, {"n2", 20}, {"n3", HOUR});
    test_cluster_expect(cluster, "alloy-silent-on-node", "Node n3");
    test_cluster_expect_none(cluster, "logs-silent-on-node");
}

static void
test_logs_without_nodes(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = logs("[" LINES("x") "," LINES("y") "]", ALL_LINES);
    test_cluster_expect_none(cluster, "logs-silent-on-node");
    test_cluster_expect_unverified(cluster, "logs-silent-on-node");
    test_cluster_expect_unverified(cluster, "logs-ingest-stalled");
}

#define NS(name) "{\"metric\":{\"namespace\":\"" name "\"},\"value\":[1,\"9\"]}"

static void
test_logs_of_a_namespace(void **state)
{
    (void)state;
    static const char yaml[] =
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"
        "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: idle}\n"
        "---\napiVersion: v1\nkind: Pod\nmetadata: {namespace: shop, name: web}\n"
        "spec: {nodeName: n1, containers: [{name: web}]}\n"
        "status: {phase: Running, conditions: [{type: Ready, status: 'True'}]}\n";
    g_autoptr(TestCluster) cluster = test_cluster_new(yaml);
    test_cluster_answer(cluster, "logs-by-namespace", "[" NS("other") "]");
    test_cluster_answer(cluster, "logs-by-namespace-before",
                        "[" NS("shop") "," NS("idle") "," NS("gone") "," NS("other") "]");
    const Finding *finding =
        test_cluster_expect(cluster, "logs-silent-for-namespace", "Namespace shop");
    assert_string_equal(finding->title, "Namespace shop usually logs, and has not for an hour");
    assert_int_equal(test_cluster_findings(cluster)->all->len, 1);
}

static void
test_what_cannot_be_verified(void **state)
{
    (void)state;
    static const struct {
        const char *query, *checks[2];
    } cases[] = {{"logs-by-node", {"logs-silent-on-node", "logs-ingest-stalled"}},
                 {"logs-by-namespace", {"logs-silent-for-namespace", NULL}},
                 {"profiles-by-node", {"profile-store-silent-on-node", "profile-ingest-stalled"}}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(AGENTS);
        test_cluster_answer_fails(cluster, cases[i].query, "too much");
        for (size_t k = 0; k < 2 && cases[i].checks[k] != NULL; k++) {
            test_cluster_expect_none(cluster, cases[i].checks[k]);
            test_cluster_expect_unverified(cluster, cases[i].checks[k]);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_profiles_of_a_node),
        cmocka_unit_test(test_profiles_and_the_log_of_the_agent),
        cmocka_unit_test(test_profiles_that_never_came),
        cmocka_unit_test(test_profiles_of_all_nodes),
        cmocka_unit_test(test_profiles_of_no_node_here),
        cmocka_unit_test(test_profiles_that_come),
        cmocka_unit_test(test_logs_of_a_node),
        cmocka_unit_test(test_logs_of_all_nodes),
        cmocka_unit_test(test_a_collector_that_is_silent),
        cmocka_unit_test(test_logs_without_nodes),
        cmocka_unit_test(test_logs_of_a_namespace),
        cmocka_unit_test(test_what_cannot_be_verified),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
