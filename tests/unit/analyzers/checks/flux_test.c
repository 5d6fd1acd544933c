/* Flux: sources and what is applied from them. */
#include "tests/unit/analyzers/checks/cases.h"

static const CheckCase cases[] = {
    {"flux-not-ready", "Kustomization flux-system/apps",
     "apiVersion: kustomize.toolkit.fluxcd.io/v1\n"
     "kind: Kustomization\n"
     "metadata: {namespace: flux-system, name: apps, generation: 2}\n"
     "spec: {}\n"
     "status: {observedGeneration: 2, conditions: [{type: Ready, status: 'False', "
     "lastTransitionTime: '2026-01-01T10:00:00Z', reason: NotSo, message: 'it says so'}]}\n",
     "it says so"},
    {"flux-not-ready", "HelmRelease flux-system/apps",
     "apiVersion: helm.toolkit.fluxcd.io/v1\n"
     "kind: HelmRelease\n"
     "metadata: {namespace: flux-system, name: apps, generation: 2}\n"
     "spec: {}\n"
     "status: {observedGeneration: 2, conditions: [{type: Stalled, status: 'True', "
     "lastTransitionTime: '2026-01-01T10:00:00Z', reason: RetriesExceeded, message: 'gave "
     "up'}]}\n",
     "gave up"},
    {"flux-not-ready", "Kustomization flux-system/apps",
     "apiVersion: kustomize.toolkit.fluxcd.io/v1\n"
     "kind: Kustomization\n"
     "metadata: {namespace: flux-system, name: apps, generation: 2}\n"
     "spec: {}\n"
     "status: {observedGeneration: 2, conditions: [{type: Ready, status: 'False', "
     "lastTransitionTime: '2026-01-01T10:00:00Z', reason: NotSo, message: 'it says so'}, "
     "{type: Reconciling, status: 'True', reason: ProgressingWithRetry}]}\n",
     "NotSo"},
};

static const char *const quiet[] = {
    "apiVersion: kustomize.toolkit.fluxcd.io/v1\n"
    "kind: Kustomization\n"
    "metadata: {namespace: flux-system, name: apps, generation: 2}\n"
    "spec: {}\n"
    "status: {observedGeneration: 2, conditions: [{type: Ready, status: 'False', "
    "lastTransitionTime: '2026-01-01T10:00:00Z', reason: NotSo, message: 'it says so'}, "
    "{type: Reconciling, status: 'True', reason: Progressing}]}\n",
    "apiVersion: kustomize.toolkit.fluxcd.io/v1\n"
    "kind: Kustomization\n"
    "metadata: {namespace: flux-system, name: apps, generation: 2}\n"
    "spec: {suspend: true}\n"
    "status: {observedGeneration: 2, conditions: [{type: Ready, status: 'False', "
    "lastTransitionTime: '2026-01-01T10:00:00Z', reason: NotSo, message: 'it says so'}]}\n",
    "apiVersion: kustomize.toolkit.fluxcd.io/v1\n"
    "kind: Kustomization\n"
    "metadata: {namespace: flux-system, name: apps, generation: 2}\n"
    "spec: {}\n"
    "status: {observedGeneration: 2, conditions: [{type: Ready, status: 'False', "
    "lastTransitionTime: '2026-01-01T11:58:00Z'}]}\n",
    "apiVersion: kustomize.toolkit.fluxcd.io/v1\n"
    "kind: Kustomization\n"
    "metadata: {namespace: flux-system, name: apps, generation: 2}\n"
    "spec: {}\n"
    "status: {observedGeneration: 1, conditions: [{type: Ready, status: 'False', "
    "lastTransitionTime: '2026-01-01T10:00:00Z', reason: NotSo, message: 'it says so'}]}\n",
};

static void
test_each_fires(void **state)
{
    (void)state;
    cases_expect(cases, G_N_ELEMENTS(cases));
}

static void
test_what_is_well_is_quiet(void **state)
{
    (void)state;
    cases_expect_quiet(quiet, G_N_ELEMENTS(quiet));
}

static void
test_each_says_when_it_cannot_look(void **state)
{
    (void)state;
    cases_expect_unverified(cases, G_N_ELEMENTS(cases));
}

static void
test_the_source_is_the_root(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: source.toolkit.fluxcd.io/v1\n"
        "kind: GitRepository\n"
        "metadata: {namespace: flux-system, name: git, generation: 2}\n"
        "spec: {url: \"ssh://git\"}\n"
        "status: {observedGeneration: 2, conditions: [{type: Ready, status: 'False', "
        "lastTransitionTime: '2026-01-01T10:00:00Z', reason: NotSo, message: 'it says so'}]}\n"
        "---\n"
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\n"
        "kind: Kustomization\n"
        "metadata: {namespace: flux-system, name: apps, generation: 2}\n"
        "spec: {sourceRef: {kind: GitRepository, name: git}}\n"
        "status: {observedGeneration: 2, conditions: [{type: Ready, status: 'False', "
        "lastTransitionTime: '2026-01-01T10:00:00Z', reason: NotSo, message: 'it says so'}]}\n"
        "---\n"
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\n"
        "kind: Kustomization\n"
        "metadata: {namespace: flux-system, name: late, generation: 2}\n"
        "spec: {dependsOn: [{name: apps}]}\n"
        "status: {observedGeneration: 2, conditions: [{type: Ready, status: 'False', "
        "lastTransitionTime: '2026-01-01T10:00:00Z', reason: NotSo, message: 'it says so'}]}\n");
    test_cluster_expect(cluster, "flux-not-ready", "GitRepository flux-system/git");
    test_cluster_expect_folded(cluster, "flux-not-ready", "Kustomization flux-system/apps");
    test_cluster_expect_folded(cluster, "flux-not-ready", "Kustomization flux-system/late");
}

static void
test_one_that_is_suspended_for_long_is_told(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\n"
        "kind: Kustomization\n"
        "metadata: {namespace: flux-system, name: apps, generation: 2, creationTimestamp: "
        "'2025-12-01T00:00:00Z'}\n"
        "spec: {suspend: true}\n"
        "status: {observedGeneration: 2, conditions: [{type: Ready, status: 'False', "
        "lastTransitionTime: '2026-01-01T10:00:00Z', reason: NotSo, message: 'it says so'}]}\n");
    test_cluster_expect(cluster, "flux-suspended", "Kustomization flux-system/apps");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_fires),
        cmocka_unit_test(test_what_is_well_is_quiet),
        cmocka_unit_test(test_each_says_when_it_cannot_look),
        cmocka_unit_test(test_the_source_is_the_root),
        cmocka_unit_test(test_one_that_is_suspended_for_long_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
