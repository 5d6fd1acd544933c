#include "tests/unit/analyzers/checks/cases.h"

#define NODE(ready)                                                                                \
    "apiVersion: v1\nkind: Node\nmetadata: {name: n1}\nstatus: {conditions: [{type: Ready, "       \
    "status: '" ready "', " CASE_SINCE "}], addresses: []}\n"
#define SET                                                                                        \
    "---\napiVersion: apps/v1\nkind: DaemonSet\nmetadata: {namespace: kube-system, name: "         \
    "kube-proxy}\nspec: {template: {metadata: {labels: {k8s-app: kube-proxy}}}}\n"
#define PROXY(ready, time, state)                                                                  \
    SET "---\napiVersion: v1\nkind: Pod\nmetadata: {namespace: kube-system, name: kube-proxy-a, "  \
        "labels: {k8s-app: kube-proxy}, ownerReferences: [{kind: DaemonSet, name: kube-proxy, "    \
        "uid: DaemonSet/kube-system/kube-proxy, controller: true}]}\nspec: {nodeName: n1, "        \
        "containers: [{name: proxy}]}\nstatus: {phase: Running, conditions: [{type: Ready, "       \
        "status: '" ready "', lastTransitionTime: '" time "'}], containerStatuses: [{name: "       \
        "proxy, restartCount: 9, ready: false, " state "}]}\n"
#define RUNS "state: {running: {startedAt: '2026-01-01T10:00:00Z'}}"
#define CRASHES                                                                                    \
    "state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 3, reason: " \
    "Error}}"

static const CheckCase cases[] = {
    {"kube-proxy-unhealthy", "DaemonSet kube-system/kube-proxy",
     NODE("True") PROXY("False", "2026-01-01T11:00:00Z", RUNS), "node n1"},
    {"kube-proxy-unhealthy", "DaemonSet kube-system/kube-proxy",
     NODE("True") PROXY("False", "2026-01-01T11:59:00Z", CRASHES), "exited with 3"},
};

static void
test_what_is_wrong(void **state)
{
    (void)state;
    cases_expect(cases, G_N_ELEMENTS(cases));
}

static void
test_other_labels(void **state)
{
    (void)state;
    g_autoptr(GString) yaml = g_string_new(cases[0].yaml);
    assert_true(g_string_replace(yaml, "k8s-app: kube-proxy", "component: kube-proxy", 0) > 0);
    g_autoptr(TestCluster) cluster = test_cluster_new(yaml->str);
    test_cluster_expect(cluster, cases[0].check, cases[0].object);
}

static void
test_what_is_well(void **state)
{
    (void)state;
    static const char *const clusters[] = {
        NODE("True") PROXY("True", "2026-01-01T11:00:00Z", RUNS),
        NODE("True") PROXY("False", "2026-01-01T11:59:00Z", RUNS),
        NODE("Unknown") PROXY("False", "2026-01-01T11:00:00Z", RUNS),
    };
    for (size_t i = 0; i < G_N_ELEMENTS(clusters); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(clusters[i]);
        test_cluster_expect_none(cluster, "kube-proxy-unhealthy");
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
        cmocka_unit_test(test_other_labels),
        cmocka_unit_test(test_what_is_well),
        cmocka_unit_test(test_unknown_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
