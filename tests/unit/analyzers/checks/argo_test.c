/* Argo CD and Argo Rollouts. */
#include "tests/unit/analyzers/checks/cases.h"

static const CheckCase cases[] = {
    {"argocd-condition-error", "Application argocd/shop",
     "apiVersion: argoproj.io/v1alpha1\n"
     "kind: Application\n"
     "metadata: {namespace: argocd, name: shop}\n"
     "spec: {}\n"
     "status: {conditions: [{type: ComparisonError, lastTransitionTime: "
     "'2026-01-01T10:00:00Z', message: 'authentication required'}]}\n",
     "authentication required"},
    {"argocd-sync-failed", "Application argocd/shop",
     "apiVersion: argoproj.io/v1alpha1\n"
     "kind: Application\n"
     "metadata: {namespace: argocd, name: shop}\n"
     "spec: {}\n"
     "status: {operationState: {phase: Failed, finishedAt: '2026-01-01T10:00:00Z', "
     "message: 'one or more objects failed to apply'}}\n",
     "failed to apply"},
    {"argocd-app-degraded", "Application argocd/shop",
     "apiVersion: argoproj.io/v1alpha1\n"
     "kind: Application\n"
     "metadata: {namespace: argocd, name: shop}\n"
     "spec: {}\n"
     "status: {operationState: {phase: Succeeded, finishedAt: '2026-01-01T10:00:00Z'}, "
     "health: {status: Degraded}, resources: [{group: apps, kind: Deployment, namespace: "
     "shop, name: web, health: {status: Degraded, message: 'too slow'}}]}\n",
     "Deployment shop/web: too slow"},
    {"argocd-app-stuck-progressing", "Application argocd/shop",
     "apiVersion: argoproj.io/v1alpha1\n"
     "kind: Application\n"
     "metadata: {namespace: argocd, name: shop}\n"
     "spec: {}\n"
     "status: {operationState: {phase: Succeeded, finishedAt: '2026-01-01T10:00:00Z'}, "
     "health: {status: Progressing}}\n",
     "Progressing"},
    {"argocd-app-outofsync", "Application argocd/shop",
     "apiVersion: argoproj.io/v1alpha1\n"
     "kind: Application\n"
     "metadata: {namespace: argocd, name: shop}\n"
     "spec: {syncPolicy: {automated: {}}}\n"
     "status: {operationState: {phase: Succeeded, finishedAt: '2026-01-01T10:00:00Z'}, "
     "sync: {status: OutOfSync}, resources: [{kind: ConfigMap, namespace: shop, name: "
     "web, status: OutOfSync}]}\n",
     "1 objects"},
    {"argo-rollout-degraded", "Rollout shop/web",
     "apiVersion: argoproj.io/v1alpha1\n"
     "kind: Rollout\n"
     "metadata: {namespace: shop, name: web}\n"
     "status: {abort: true, abortedAt: '2026-01-01T10:00:00Z', message: 'metric error "
     "rate failed'}\n",
     "error rate failed"},
};

static const char *const quiet[] = {
    "apiVersion: argoproj.io/v1alpha1\n"
    "kind: Application\n"
    "metadata: {namespace: argocd, name: shop}\n"
    "spec: {}\n"
    "status: {operationState: {phase: Succeeded, finishedAt: '2026-01-01T10:00:00Z'}, "
    "health: {status: Healthy}, sync: {status: OutOfSync}}\n",
    "apiVersion: argoproj.io/v1alpha1\n"
    "kind: Application\n"
    "metadata: {namespace: argocd, name: shop}\n"
    "spec: {}\n"
    "status: {operationState: {phase: Succeeded, finishedAt: '2026-01-01T11:58:00Z'}, "
    "health: {status: Degraded}}\n",
    "apiVersion: argoproj.io/v1alpha1\n"
    "kind: Application\n"
    "metadata: {namespace: argocd, name: shop}\n"
    "spec: {}\n"
    "status: {operationState: {phase: Succeeded, finishedAt: '2026-01-01T10:00:00Z'}, "
    "health: {status: Missing}}\n",
    "apiVersion: argoproj.io/v1alpha1\n"
    "kind: Application\n"
    "metadata: {namespace: argocd, name: shop}\n"
    "spec: {syncPolicy: {automated: {}}}\n"
    "status: {operationState: {phase: Running, startedAt: '2026-01-01T10:00:00Z'}, "
    "health: {status: Degraded}, sync: {status: OutOfSync}}\n",
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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_fires),
        cmocka_unit_test(test_what_is_well_is_quiet),
        cmocka_unit_test(test_each_says_when_it_cannot_look),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
