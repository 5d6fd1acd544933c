#include "tests/unit/analyzers/checks/cases.h"

#define ALLOY_POD(name, ready)                                                                     \
    "---\napiVersion: v1\nkind: Pod\nmetadata: {namespace: mon, name: " name ", ownerReferences: " \
    "[{kind: DaemonSet, name: alloy, uid: DaemonSet/mon/alloy, controller: true}]}\n"              \
    "spec: {nodeName: n1, containers: [{name: app}]}\n"                                            \
    "status: {phase: Running, conditions: [{type: Ready, status: '" ready "', "                    \
    "lastTransitionTime: '2026-01-01T11:59:00Z'}]}\n"
#define CLUSTER                                                                                    \
    "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {namespace: mon, name: alloy}\n"              \
    "spec: {template: {spec: {containers: [{name: app, image: grafana/alloy}], nodeSelector: "     \
    "{os: bsd}}}}\nstatus: {}\n" ALLOY_POD("p1", "True") ALLOY_POD("p2", "False")

static void
test_a_back_end_that_does_not_answer(void **state)
{
    (void)state;
    static const struct {
        TelemetrySource source;
        TelemetryResult result;
        const char *check, *object, *title;
        Severity severity;
    } cases[] = {
        {SOURCE_METRICS, TELEMETRY_UNREACHABLE, "metrics-backend-unreachable", "Backend metrics",
         "The back end of metrics cannot be asked", SEVERITY_CRITICAL},
        {SOURCE_METRICS, TELEMETRY_MISPLACED, "metrics-backend-unreachable", "Backend metrics",
         "The back end of metrics cannot be asked", SEVERITY_CRITICAL},
        {SOURCE_METRICS, TELEMETRY_DENIED, "metrics-backend-auth", "Backend metrics",
         "The back end of metrics refuses the analyzer", SEVERITY_CRITICAL},
        {SOURCE_LOGS, TELEMETRY_UNREACHABLE, "logs-backend-unreachable", "Backend logs",
         "The back end of logs cannot be asked", SEVERITY_HIGH},
        {SOURCE_LOGS, TELEMETRY_DENIED, "logs-tenant-empty", "Backend logs",
         "The back end of logs refuses the analyzer", SEVERITY_HIGH},
        {SOURCE_PROFILES, TELEMETRY_UNREACHABLE, "profile-backend-unreachable", "Backend profiles",
         "The back end of profiles cannot be asked", SEVERITY_MEDIUM},
        {SOURCE_PROFILES, TELEMETRY_DENIED, "profile-backend-unreachable", "Backend profiles",
         "The back end of profiles refuses the analyzer", SEVERITY_MEDIUM},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(CLUSTER);
        test_cluster_backend_fails(cluster, cases[i].source, cases[i].result,
                                   "http://there answers 503");
        const Finding *finding = test_cluster_expect(cluster, cases[i].check, cases[i].object);
        assert_string_equal(finding->title, cases[i].title);
        assert_contains(finding->cause, "http://there answers 503");
        assert_int_equal(finding->severity, cases[i].severity);
        assert_int_equal(finding->fix->len, 2);
        assert_int_equal(test_cluster_findings(cluster)->n_roots, 1);
    }
}

static void
test_what_kubernetes_says_meanwhile(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(CLUSTER);
    test_cluster_backend_fails(cluster, SOURCE_METRICS, TELEMETRY_UNREACHABLE, "503");
    assert_string_equal(
        test_cluster_expect(cluster, "metrics-backend-unreachable", "Backend metrics")->cause,
        "503: whether telemetry arrives is unknown. 1 of 2 pods of Alloy and cresset-agent are "
        "Ready in Kubernetes.");
}

static void
test_nothing_is_there(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(CLUSTER);
    test_cluster_answer(cluster, "metrics-canary", "[]");
    test_cluster_answer(cluster, "metrics-newest", "[]");
    test_cluster_answer(cluster, "logs-canary", "[]");
    assert_contains(test_cluster_expect(cluster, "metrics-tenant-empty", "Backend metrics")->title,
                    "has nothing for this cluster");
    test_cluster_expect(cluster, "logs-tenant-empty", "Backend logs");
    test_cluster_expect_none(cluster, "metrics-ingest-stalled");
}

static void
test_nothing_new_is_there(void **state)
{
    (void)state;
    static const struct {
        const char *newest, *title; /* NULL: no finding */
    } cases[] = {{"[{\"metric\":{},\"value\":[1,\"1767267720\"]}]",
                  "No metrics have arrived since 11:42 UTC (18 min)"},
                 {"[]", "No metrics have arrived for more than an hour"},
                 {"[{\"metric\":{},\"value\":[1,\"1767268260\"]}]", NULL}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(CLUSTER);
        test_cluster_answer(cluster, "metrics-canary", "[{\"metric\":{},\"value\":[1,\"4\"]}]");
        test_cluster_answer(cluster, "metrics-newest", cases[i].newest);
        if (cases[i].title == NULL)
            test_cluster_expect_none(cluster, "metrics-ingest-stalled");
        else
            assert_string_equal(
                test_cluster_expect(cluster, "metrics-ingest-stalled", "Backend metrics")->title,
                cases[i].title);
    }
}

static void
test_all_is_well(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(CLUSTER);
    test_cluster_answer(cluster, "metrics-canary", "[{\"metric\":{},\"value\":[1,\"4\"]}]");
    test_cluster_answer(cluster, "metrics-newest",
                        "[{\"metric\":{},\"value\":[1,\"1767268790\"]}]");
    test_cluster_answer(cluster, "logs-canary", "[{\"metric\":{},\"value\":[1,\"4\"]}]");
    test_cluster_expect_quiet(cluster, SEVERITY_INFO);
}

static void
test_what_was_not_answered_is_no_finding(void **state)
{
    (void)state;
    static const char *const checks[] = {"metrics-tenant-empty", "metrics-ingest-stalled",
                                         "logs-tenant-empty"};
    g_autoptr(TestCluster) cluster = test_cluster_new(CLUSTER);
    test_cluster_answer_fails(cluster, "metrics-canary", "too much");
    test_cluster_answer_fails(cluster, "metrics-newest", "too much");
    test_cluster_answer_fails(cluster, "logs-canary", "too much");
    for (size_t i = 0; i < G_N_ELEMENTS(checks); i++) {
        test_cluster_expect_none(cluster, checks[i]);
        test_cluster_expect_unverified(cluster, checks[i]);
    }
}

/* The clock comes with real answers alone. */
static void
test_a_clock_that_differs(void **state)
{
    (void)state;
    static const struct {
        int64_t skew_s;
        const char *title; /* NULL: no finding */
    } cases[] = {{61, "The clock of the back end of logs is 1 min ahead of ours"},
                 {-3600, "The clock of the back end of logs is 1 h behind ours"},
                 {60, NULL},
                 {-60, NULL}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(CLUSTER);
        test_cluster_clock_differs(cluster, SOURCE_LOGS, cases[i].skew_s);
        if (cases[i].title == NULL)
            test_cluster_expect_none(cluster, "backend-clock-skew");
        else
            assert_string_equal(
                test_cluster_expect(cluster, "backend-clock-skew", "Backend logs")->title,
                cases[i].title);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_back_end_that_does_not_answer),
        cmocka_unit_test(test_what_kubernetes_says_meanwhile),
        cmocka_unit_test(test_nothing_is_there),
        cmocka_unit_test(test_nothing_new_is_there),
        cmocka_unit_test(test_all_is_well),
        cmocka_unit_test(test_what_was_not_answered_is_no_finding),
        cmocka_unit_test(test_a_clock_that_differs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
