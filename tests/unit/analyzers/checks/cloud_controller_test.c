#include "tests/unit/analyzers/checks/cases.h"

#define SET(name)                                                                                  \
    "---\n{apiVersion: apps/v1, kind: DaemonSet, metadata: {namespace: kube-system, name: " name   \
    "}, spec: {selector: {matchLabels: {app: ccm}}, template: {metadata: {labels: {app: ccm}}, "   \
    "spec: {containers: [{name: app}]}}}, status: {desiredNumberScheduled: 1}}\n"
#define POD(name, of, ready, since)                                                                \
    "---\n{apiVersion: v1, kind: Pod, metadata: {namespace: kube-system, name: " name              \
    ", labels: {app: ccm}, ownerReferences: [{apiVersion: apps/v1, kind: DaemonSet, name: " of     \
    ", uid: DaemonSet/kube-system/" of ", controller: true}]}, spec: {nodeName: n1, containers: "  \
    "[{name: app}]}, status: {phase: Running, conditions: [{type: Ready, status: '" ready          \
    "', lastTransitionTime: '" since "'}], containerStatuses: [{name: app, state: {running: "      \
    "{startedAt: '2026-01-01T10:00:00Z'}}}]}}\n"
#define NAME "aws-cloud-controller-manager"
#define OLD  "2026-01-01T10:00:00Z"

static void
test_it_is_down(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(SET(NAME) POD("a", NAME, "False", OLD));
    const Finding *finding =
        test_cluster_expect(cluster, "cloud-controller-down", "DaemonSet kube-system/" NAME);
    assert_contains(finding->cause, "None of its pods is ready");
    assert_int_equal(finding->severity, SEVERITY_HIGH);
}

static void
test_one_ready_pod_suffices(void **state)
{
    (void)state;
    static const char *const clusters[] = {
        SET(NAME) POD("a", NAME, "False", OLD) POD("b", NAME, "True", OLD),
        SET(NAME) POD("a", NAME, "False", "2026-01-01T11:58:00Z"),
        SET("web") POD("a", "web", "False", OLD),
        SET(NAME),
    };
    for (size_t i = 0; i < G_N_ELEMENTS(clusters); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(clusters[i]);
        test_cluster_expect_none(cluster, "cloud-controller-down");
    }
}

static void
test_unknown_is_said(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(SET(NAME));
    test_cluster_fail(cluster, KIND_POD, "403");
    test_cluster_expect_unverified(cluster, "cloud-controller-down");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_is_down),
        cmocka_unit_test(test_one_ready_pod_suffices),
        cmocka_unit_test(test_unknown_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
