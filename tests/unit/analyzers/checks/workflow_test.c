#include "tests/unit/analyzers/checks/cases.h"

#define WORKFLOW(name, created, status)                                                            \
    "---\n{apiVersion: argoproj.io/v1alpha1, kind: Workflow, metadata: {namespace: ci, "           \
    "name: " name ", creationTimestamp: '" created                                                 \
    "', labels: {workflows.argoproj.io/cron-workflow: nightly}}, "                                 \
    "status: " status "}\n"
#define FAILED(time)                                                                               \
    "{phase: Failed, finishedAt: '" time "', message: child failed, nodes: {a: {type: Steps, "     \
    "phase: Failed, displayName: all}, b: {type: Pod, phase: Failed, displayName: build, "         \
    "message: 'exit code 2'}}}"
#define MORNING "2026-01-01T08:00:00Z"

static const CheckCase cases[] = {
    {"argo-workflow-failed", "Workflow ci/one", WORKFLOW("one", MORNING, FAILED(MORNING)),
     "in step build: exit code 2"},
    {"argo-workflow-failed", "Workflow ci/one",
     WORKFLOW("one", MORNING, "{phase: Error, finishedAt: '" MORNING "', message: no such image}"),
     "phase Error: no such image"},
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
        WORKFLOW("one", MORNING, "{phase: Succeeded, finishedAt: '" MORNING "'}"),
        WORKFLOW("one", "2025-12-24T00:00:00Z", FAILED("2025-12-24T00:10:00Z")),
        WORKFLOW("one", MORNING, FAILED(MORNING))
            WORKFLOW("two", "2026-01-01T09:00:00Z", "{phase: Running}"),
    };
    for (size_t i = 0; i < G_N_ELEMENTS(clusters); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(clusters[i]);
        test_cluster_expect_none(cluster, "argo-workflow-failed");
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
