#include "tests/unit/analyzers/checks/cases.h"

#define MONITOR(more, port, time)                                                                  \
    "apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {namespace: shop, "     \
    "name: web, creationTimestamp: '" time "'}\nspec: {selector: {matchLabels: {app: web}}, "      \
    "endpoints: [{port: " port "}]" more "}\n"
#define SERVICE(ns, label)                                                                         \
    "---\napiVersion: v1\nkind: Service\nmetadata: {namespace: " ns                                \
    ", name: web, labels: {app: " label                                                            \
    "}}\nspec: {clusterIP: None, ports: [{name: metrics, port: 80}]}\n"
#define OLD "2026-01-01T10:00:00Z"

static const CheckCase cases[] = {
    {"servicemonitor-selects-nothing", "ServiceMonitor shop/web",
     MONITOR("", "metrics", OLD) SERVICE("shop", "api"), "matches no Service"},
    {"servicemonitor-selects-nothing", "ServiceMonitor shop/web",
     MONITOR("", "metrics", OLD) SERVICE("other", "web"), "matches no Service"},
    {"servicemonitor-selects-nothing", "ServiceMonitor shop/web",
     MONITOR("", "http", OLD) SERVICE("shop", "web"), "port http"},
};

static void
test_what_is_wrong(void **state)
{
    (void)state;
    cases_expect(cases, G_N_ELEMENTS(cases));
}

static void
test_what_is_well(void **state)
{
    (void)state;
    static const char *const clusters[] = {
        MONITOR("", "metrics", OLD) SERVICE("shop", "web"),
        MONITOR(", namespaceSelector: {any: true}", "metrics", OLD) SERVICE("other", "web"),
        MONITOR(", namespaceSelector: {matchNames: [other]}", "metrics", OLD)
            SERVICE("other", "web"),
        MONITOR("", "metrics", "2026-01-01T11:50:00Z"),
    };
    for (size_t i = 0; i < G_N_ELEMENTS(clusters); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(clusters[i]);
        test_cluster_expect_none(cluster, "servicemonitor-selects-nothing");
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
