#include "tests/unit/analyzers/checks/cases.h"

#define POD(container, ready)                                                                      \
    "apiVersion: v1\nkind: Pod\nmetadata: {namespace: shop, name: web}\nspec: {nodeName: n1, "     \
    "containers: [{name: app, " container "}]}\nstatus: {phase: Running, conditions: [{type: "     \
    "Ready, status: '" ready "', " CASE_SINCE "}], containerStatuses: [{name: app, ready: false, " \
    "started: true, state: {running: {startedAt: '2026-01-01T09:00:00Z'}}}]}\n"
#define GET(path)   "{httpGet: {path: " path ", port: 80}}"
#define ENV(second) "env: [{name: URL, value: a}, {name: " second ", value: b}]"
#define FROM        "envFrom: [{configMapRef: {name: web}}]"
#define MAP(time)                                                                                  \
    "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {namespace: shop, name: web, managedFields: " \
    "[{manager: kubectl, time: '" time "'}]}\n"

static const CheckCase cases[] = {
    {"probes-identical", "Pod shop/web",
     POD("livenessProbe: " GET("/a") ", readinessProbe: " GET("/a"), "False"), "asks the same"},
    {"duplicate-env-var", "Pod shop/web", POD(ENV("URL"), "False"), "URL twice"},
    {"config-stale", "Pod shop/web", POD(FROM, "False") MAP("2026-01-01T10:00:00Z"),
     "ConfigMap web"},
};

static void
test_what_is_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(cases[i].yaml);
        const Finding *finding =
            test_cluster_expect_folded(cluster, cases[i].check, cases[i].object);
        assert_contains(finding->title, cases[i].says);
        assert_int_equal(finding->fix->len, 2);
    }
}

static void
test_what_is_well(void **state)
{
    (void)state;
    static const char *const clusters[] = {
        POD("livenessProbe: " GET("/a") ", readinessProbe: " GET("/b"), "False"),
        POD("livenessProbe: " GET("/a") ", readinessProbe: " GET("/a"), "True"),
        POD(ENV("OTHER"), "False"),
        POD(ENV("URL"), "True"),
        POD(FROM, "False") MAP("2026-01-01T08:00:00Z"),
        POD(FROM, "True") MAP("2026-01-01T10:00:00Z"),
    };
    for (size_t i = 0; i < G_N_ELEMENTS(clusters); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(clusters[i]);
        test_cluster_expect_none(cluster, "probes-identical");
        test_cluster_expect_none(cluster, "duplicate-env-var");
        test_cluster_expect_none(cluster, "config-stale");
    }
}

static void
test_unknown_is_said(void **state)
{
    (void)state;
    cases_expect_unverified(cases, G_N_ELEMENTS(cases));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_wrong),
        cmocka_unit_test(test_what_is_well),
        cmocka_unit_test(test_unknown_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
