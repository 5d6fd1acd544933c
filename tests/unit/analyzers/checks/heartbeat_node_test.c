#include "analyzers/checks/shipping_log.h"
#include "tests/harness/temp_dir.h"
#include "tests/unit/analyzers/checks/collectors.h"

/* ---- The matrix of verdicts. ---- */

static void
test_all_report(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(THREE);
    ANSWER(cluster, "instance", {"n1", 20}, {"n2", 40}, {"n3", 299});
    test_cluster_expect_quiet(cluster, SEVERITY_INFO);
    assert_int_equal(test_cluster_findings(cluster)->unverified->len, 0);
}

static void
test_nothing_is_asked(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(THREE);
    test_cluster_expect_quiet(cluster, SEVERITY_INFO);
}

static void
test_the_way_from_the_node(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(THREE);
    ANSWER(cluster, "instance", {"n1", 20}, {"n2", 40}, {"n3", 23 * MINUTE});
    const Finding *finding = test_cluster_expect(cluster, "alloy-silent-on-node", "Node n3");
    assert_string_equal(finding->title,
                        "Alloy on node n3 has sent nothing since 11:37 UTC (23 min)");
    assert_string_equal(finding->cause,
                        "Pod p3 is Running and Ready, but nothing of it arrives: nothing else from "
                        "the node does either: look at its network and DNS. 2 other nodes report "
                        "normally.");
    assert_int_equal(finding->severity, SEVERITY_MEDIUM);
    assert_int_equal(finding->since_s, TEST_NOW_S - 23 * MINUTE);
    assert_int_equal(finding->fix->len, 2);
    test_cluster_expect_none(cluster, "alloy-running-not-shipping");
    test_cluster_expect_none(cluster, "alloy-silent-on-fleet");
}

static void
test_it_runs_and_does_not_ship(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autofree char *path = temp_dir_file(dir, "mon_p3_app.log");
    static const char log[] =
        "ts=2026-01-01T11:35:00Z level=info msg=\"now listening\"\n"
        "ts=2026-01-01T11:36:00.5Z level=warn component_id=prometheus.remote_write.default "
        "url=https://mimir.example/api/v1/push err=\"server returned HTTP status 429 Too Many "
        "Requests\"\n"
        "ts=2026-01-01T11:59:00Z level=error component_id=prometheus.remote_write.default "
        "url=https://u:hunter2@mimir.example/api/v1/push err=\"server returned HTTP status 429 Too "
        "Many Requests: limit\"\n"
        "ts=2026-01-01T11:59:30Z level=info msg=done\n";
    assert_true(g_file_set_contents(path, log, -1, NULL));
    g_autoptr(TestCluster) cluster = test_cluster_new(THREE);
    test_cluster_logs(cluster, temp_dir_path(dir));
    ANSWER(cluster, "instance", {"n1", 20}, {"n2", 40}, {"n3", 35 * MINUTE});
    test_cluster_answer(cluster, "node-series", OTHERS("n3"));
    const Finding *finding =
        test_cluster_expect(cluster, "alloy-running-not-shipping", "Pod mon/p3");
    assert_string_equal(finding->cause,
                        "Pod p3 is Running and Ready, but nothing of it arrives: the back end "
                        "answers 429: it limits what comes (mimir.example, since 11:36 UTC). 2 "
                        "other nodes report normally.");
    assert_int_equal(finding->severity, SEVERITY_HIGH);
    assert_contains(finding->evidence->pdata[0], "429 Too Many");
    assert_null(strstr(finding->evidence->pdata[0], "hunter2"));
    assert_true(g_hash_table_contains(test_cluster_findings(cluster)->log_lines,
                                      strstr(finding->evidence->pdata[0], "ts=")));
    assert_contains(finding->fix->pdata[0], "ingestion limit");
    test_cluster_expect_folded(cluster, "alloy-silent-on-node", "Node n3");
}

/* Digits of times, ports and counts are no status. */
static void
test_what_a_line_says_of_sending(void **state)
{
    (void)state;
    static const struct {
        const char *line, *why;
    } cases[] = {
        {"ts=2026-01-01T11:36:00.401Z remote_write err=\"dial tcp: lookup m: no such host\"",
         "the name of the back end is not resolved"},
        {"remote_write err=\"dial tcp 10.0.0.7:42901: connect: connection refused\"",
         "the back end refuses the connection"},
        {"remote_write elapsed=403.7ms count=14291 err=\"context deadline exceeded\"",
         "the back end does not answer in time"},
        {"remote_write err=\"server returned HTTP status 401 Unauthorized\"", "answers 401"},
        {"pyroscope.write status=403 err=denied", "answers 403"},
        {"loki.write msg=\"final error sending batch\" status=429", "answers 429"},
        {"push: the answer is 429.", "answers 429"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(ShippingTrouble) trouble = {0};
        assert_true(shipping_trouble_of(cases[i].line, &trouble));
        assert_contains(trouble.why, cases[i].why);
    }
}

static void
test_the_node_is_down(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new(ALLOY NODE("n1", READY) NODE("n2", READY) NODE("n3", DOWN)
                             POD("p1", "n1", READY) POD("p2", "n2", READY) POD("p3", "n3", DOWN));
    ANSWER(cluster, "instance", {"n1", 20}, {"n2", 40}, {"n3", 2 * HOUR});
    test_cluster_expect(cluster, "node-not-ready", "Node n3");
    const Finding *finding = test_cluster_expect_folded(cluster, "alloy-silent-on-node", "Node n3");
    assert_contains(finding->cause, "is not Ready, and telemetry from it has stopped");
}

static void
test_there_is_no_pod(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(ALLOY NODE("n1", READY) NODE(
        "n2", READY) NODE("n3", READY) POD("p1", "n1", READY) POD("p2", "n2", READY));
    ANSWER(cluster, "instance", {"n1", 20}, {"n2", 40}, {"n3", 2 * HOUR});
    test_cluster_expect(cluster, "alloy-pod-missing-on-node", "DaemonSet mon/alloy");
    test_cluster_expect_folded(cluster, "alloy-silent-on-node", "Node n3");
}

static void
test_the_pod_is_broken(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new(ALLOY NODE("n1", READY) NODE("n2", READY) NODE("n3", READY)
                             POD("p1", "n1", READY) POD("p2", "n2", READY) POD("p3", "n3", DOWN));
    ANSWER(cluster, "instance", {"n1", 20}, {"n2", 40}, {"n3", 2 * HOUR});
    test_cluster_answer(cluster, "node-series", OTHERS("n3"));
    test_cluster_expect(cluster, "alloy-pod-unhealthy-on-node", "DaemonSet mon/alloy");
    const Finding *finding = test_cluster_expect_folded(cluster, "alloy-silent-on-node", "Node n3");
    assert_contains(finding->cause, "is blind since then");
    test_cluster_expect_none(cluster, "alloy-running-not-shipping");
}

#define YOUNG "'True', lastTransitionTime: '2026-01-01T11:55:00Z'"

static void
test_what_is_young_is_waited_for(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new(ALLOY NODE("n1", READY) NODE("n2", READY) NODE("n3", YOUNG)
                             NODE("n4", READY) POD("p1", "n1", READY) POD("p2", "n2", YOUNG)
                                 POD("p3", "n3", YOUNG) POD("p4", "n4", READY));
    ANSWER(cluster, "instance", {"n1", 20}, {"n2", 2 * HOUR}, {"n3", NEVER},
           {"n4", 9 * MINUTE + 59});
    test_cluster_expect_quiet(cluster, SEVERITY_INFO);
}

static void
test_samples_that_are_rare(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(THREE);
    ANSWER(cluster, "instance", {"n1", 20}, {"n2", 40}, {"n3", 20 * MINUTE});
    test_cluster_answer(cluster, "alloy-rate", "[{\"metric\":{},\"value\":[1,\"12\"]}]");
    test_cluster_expect_quiet(cluster, SEVERITY_INFO);
}

static void
test_a_new_node_never_reported(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(THREE);
    ANSWER(cluster, "instance", {"n1", 20}, {"n2", 40}, {"n3", NEVER});
    const Finding *finding = test_cluster_expect(cluster, "alloy-silent-on-node", "Node n3");
    assert_string_equal(finding->title, "Alloy on node n3 has never reported");
    assert_int_equal(finding->severity, SEVERITY_HIGH);
    assert_int_equal(finding->since_s, TEST_NOW_S - 2 * HOUR); /* since its pod is Ready */
}

static void
test_longer_than_is_looked_back(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(THREE);
    ANSWER(cluster, "instance", {"n1", 20}, {"n2", 40}, {"n3", NEVER});
    test_cluster_answer(cluster, "alloy-seen",
                        "[{\"metric\":{\"instance\":\"n3\"},\"value\":[1,\"1\"]}]");
    const Finding *finding = test_cluster_expect(cluster, "alloy-silent-on-node", "Node n3");
    assert_contains(finding->title, "has sent nothing for more than 3 h");
}

/* ---- Many nodes. ---- */

static void
test_most_nodes_are_one_finding(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(THREE);
    ANSWER(cluster, "instance", {"n1", 20}, {"n2", 12 * MINUTE}, {"n3", 14 * MINUTE});
    const Finding *finding =
        test_cluster_expect(cluster, "alloy-silent-on-fleet", "DaemonSet mon/alloy");
    assert_string_equal(finding->title, "Alloy is silent on 2 of 3 nodes since 11:46 UTC");
    assert_int_equal(finding->severity, SEVERITY_MEDIUM);
    assert_int_equal(finding->explains->len, 2);
    test_cluster_expect_folded(cluster, "alloy-silent-on-node", "Node n2");
}

static void
test_all_nodes_are_critical(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(THREE);
    ANSWER(cluster, "instance", {"n1", 12 * MINUTE}, {"n2", 12 * MINUTE}, {"n3", 14 * MINUTE});
    const Finding *finding =
        test_cluster_expect(cluster, "alloy-silent-on-fleet", "DaemonSet mon/alloy");
    assert_int_equal(finding->severity, SEVERITY_CRITICAL);
    assert_contains(finding->title, "3 of 3 nodes");
}

static char *
big_cluster(guint n, guint n_in_b)
{
    GString *yaml = g_string_new(ALLOY);
    for (guint i = 0; i < n; i++) {
        g_string_append_printf(yaml, NODE_IN("n%u", READY, "%s"), i, i < n_in_b ? "b" : "a", i);
        g_string_append_printf(yaml, POD("p%u", "n%u", READY), i, i, i);
    }
    return g_string_free(yaml, FALSE);
}

/* The first n_silent of n nodes are silent. */
static void
answer_big(TestCluster *cluster, guint n, guint n_silent)
{
    g_autofree Sample *samples = g_new0(Sample, n);
    for (guint i = 0; i < n; i++)
        samples[i] = (Sample){g_strdup_printf("n%u", i), i < n_silent ? 20 * MINUTE : 30};
    collectors_answer_gates(cluster);
    collectors_answer(cluster, "alloy", "instance", samples, n);
    for (guint i = 0; i < n; i++)
        g_free((char *)samples[i].value);
}

static void
test_a_zone_is_one_finding(void **state)
{
    (void)state;
    g_autofree char *yaml = big_cluster(12, 5);
    g_autoptr(TestCluster) cluster = test_cluster_new(yaml);
    answer_big(cluster, 12, 5);
    const Finding *finding =
        test_cluster_expect(cluster, "alloy-silent-on-fleet", "DaemonSet mon/alloy");
    assert_contains(finding->cause, "They alone have the zone b.");
}

static void
test_five_that_have_nothing_in_common(void **state)
{
    (void)state;
    g_autofree char *yaml = big_cluster(12, 6);
    g_autoptr(TestCluster) cluster = test_cluster_new(yaml);
    answer_big(cluster, 12, 5);
    test_cluster_expect_none(cluster, "alloy-silent-on-fleet");
    for (int i = 0; i < 5; i++) {
        g_autofree char *node = g_strdup_printf("Node n%d", i);
        test_cluster_expect(cluster, "alloy-silent-on-node", node);
    }
}

/* ---- Gates. ---- */

static void
test_closed_gates(void **state)
{
    (void)state;
    static const struct {
        const char *query, *answer; /* NULL: it fails */
        const char *check;          /* the one finding that there is; NULL: none */
    } gates[] = {{"metrics-canary", "[]", "metrics-tenant-empty"},
                 {"metrics-newest", "[{\"metric\":{},\"value\":[1,\"1767268000\"]}]",
                  "metrics-ingest-stalled"},
                 {"metrics-newest", "[{\"metric\":{},\"value\":[1,\"1767268400\"]}]", NULL},
                 {"metrics-newest", "[]", "metrics-ingest-stalled"},
                 {"metrics-newest", NULL, NULL},
                 {"alloy-newest", NULL, NULL}};
    for (size_t i = 0; i < G_N_ELEMENTS(gates); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(THREE);
        ANSWER(cluster, "instance", {"n1", 20}, {"n2", HOUR}, {"n3", HOUR});
        if (gates[i].answer != NULL)
            test_cluster_answer(cluster, gates[i].query, gates[i].answer);
        else
            test_cluster_answer_fails(cluster, gates[i].query, "too much");
        if (gates[i].check != NULL)
            test_cluster_expect(cluster, gates[i].check, "Backend metrics");
        assert_int_equal(test_cluster_findings(cluster)->all->len, gates[i].check != NULL);
        test_cluster_expect_unverified(cluster, "alloy-silent-on-node");
        test_cluster_expect_unverified(cluster, "alloy-running-not-shipping");
        test_cluster_expect_unverified(cluster, "alloy-silent-on-fleet");
    }
}

static void
test_kinds_that_are_not_known(void **state)
{
    (void)state;
    static const char *const checks[] = {"alloy-silent-on-node", "alloy-running-not-shipping",
                                         "alloy-silent-on-fleet", "cresset-agent-silent-on-node",
                                         "cresset-agent-silent-on-fleet"};
    g_autoptr(TestCluster) cluster = test_cluster_new(THREE);
    ANSWER(cluster, "instance", {"n1", 20}, {"n2", HOUR}, {"n3", HOUR});
    test_cluster_fail(cluster, KIND_POD, "403");
    for (size_t i = 0; i < G_N_ELEMENTS(checks); i++) {
        test_cluster_expect_none(cluster, checks[i]);
        test_cluster_expect_unverified(cluster, checks[i]);
    }
}

/* ---- Our own agents. ---- */

static void
test_cresset_agents(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(AGENT NODE("n1", READY) NODE(
        "n2", READY) POD_OF("profiler", "a1", "n1", READY) POD_OF("profiler", "a2", "n2", READY));
    const Sample samples[] = {{"a1", 20}, {"a2", HOUR}};
    collectors_answer_gates(cluster);
    collectors_answer(cluster, "cresset-agent", "pod", samples, 2);
    test_cluster_answer(cluster, "node-series", OTHERS("n2"));
    const Finding *finding =
        test_cluster_expect(cluster, "cresset-agent-silent-on-node", "Node n2");
    assert_contains(finding->title, "cresset-agent on node n2 has sent nothing since 11:00 UTC");
    assert_int_equal(finding->severity, SEVERITY_HIGH);
    test_cluster_expect_none(cluster, "alloy-silent-on-node");
}

static void
test_all_cresset_agents(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(AGENT NODE("n1", READY) NODE(
        "n2", READY) POD_OF("profiler", "a1", "n1", READY) POD_OF("profiler", "a2", "n2", READY));
    const Sample samples[] = {{"a1", HOUR}, {"a2", HOUR}};
    collectors_answer_gates(cluster);
    collectors_answer(cluster, "cresset-agent", "pod", samples, 2);
    const Finding *finding =
        test_cluster_expect(cluster, "cresset-agent-silent-on-fleet", "DaemonSet mon/profiler");
    assert_int_equal(finding->severity, SEVERITY_CRITICAL);
}

/* ---- NetworkPolicies. ---- */

static void
test_a_policy_explains_it(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autofree char *path = temp_dir_file(dir, "mon_p3_app.log");
    static const char log[] =
        "ts=2026-01-01T11:36:00Z level=warn component_id=prometheus.remote_write.default "
        "url=http://mimir.db:80/api/v1/push err=\"context deadline exceeded\"\n";
    assert_true(g_file_set_contents(path, log, -1, NULL));
    g_autoptr(TestCluster) cluster = test_cluster_new(
        THREE
        "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: mon}\n"
        "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: db}\n"
        "---\napiVersion: v1\nkind: Service\nmetadata: {namespace: db, name: mimir}\n"
        "spec: {selector: {app: mimir}, ports: [{port: 80, targetPort: 8080}]}\n"
        "---\napiVersion: v1\nkind: Pod\nmetadata: {namespace: db, name: m, labels: {app: mimir}}\n"
        "spec: {nodeName: n1, containers: [{name: m, ports: [{containerPort: 8080}]}]}\n"
        "status: {phase: Running, podIP: ip-m, conditions: [{type: Ready, status: 'True'}]}\n"
        "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
        "metadata: {namespace: db, name: mimir-1, labels: {kubernetes.io/service-name: mimir}}\n"
        "ports: [{port: 8080, protocol: TCP}]\n"
        "endpoints: [{addresses: [ip-m], conditions: {ready: true}, targetRef: {kind: Pod, name: "
        "m, namespace: db}}]\n"
        "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
        "metadata: {namespace: mon, name: fence, creationTimestamp: '2026-01-01T11:55:00Z'}\n"
        "spec: {podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: 53, protocol: "
        "UDP}]}]}\n");
    test_cluster_logs(cluster, temp_dir_path(dir));
    ANSWER(cluster, "instance", {"n1", 20}, {"n2", 20}, {"n3", HOUR});
    const Finding *finding = test_cluster_expect(cluster, "alloy-silent-on-node", "Node n3");
    assert_contains(finding->cause,
                    "NetworkPolicy fence does not let it reach Service db/mimir. 2 other");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_report),
        cmocka_unit_test(test_nothing_is_asked),
        cmocka_unit_test(test_the_way_from_the_node),
        cmocka_unit_test(test_it_runs_and_does_not_ship),
        cmocka_unit_test(test_what_a_line_says_of_sending),
        cmocka_unit_test(test_the_node_is_down),
        cmocka_unit_test(test_there_is_no_pod),
        cmocka_unit_test(test_the_pod_is_broken),
        cmocka_unit_test(test_what_is_young_is_waited_for),
        cmocka_unit_test(test_samples_that_are_rare),
        cmocka_unit_test(test_a_new_node_never_reported),
        cmocka_unit_test(test_longer_than_is_looked_back),
        cmocka_unit_test(test_most_nodes_are_one_finding),
        cmocka_unit_test(test_all_nodes_are_critical),
        cmocka_unit_test(test_a_zone_is_one_finding),
        cmocka_unit_test(test_five_that_have_nothing_in_common),
        cmocka_unit_test(test_closed_gates),
        cmocka_unit_test(test_kinds_that_are_not_known),
        cmocka_unit_test(test_cresset_agents),
        cmocka_unit_test(test_all_cresset_agents),
        cmocka_unit_test(test_a_policy_explains_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
