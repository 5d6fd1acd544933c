#include "tests/harness/check.h"
#include "tests/harness/cluster.h"

static void
test_a_secret_that_is_not_fetched_explains_that_it_is_missing(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: external-secrets.io/v1\n"
        "kind: ExternalSecret\n"
        "metadata: {namespace: shop, name: keys}\n"
        "spec: {secretStoreRef: {name: vault}}\n"
        "status: {conditions: [{type: Ready, status: \"False\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\", reason: \"SecretSyncedError\", message: \"could not get secret "
        "data\"}]}\n"
        "---\n"
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {metadata: {labels: "
        "{app: web}}, spec: {containers: [{name: app, envFrom: [{secretRef: {name: keys}}]}]}}}\n"
        "status: {availableReplicas: 2}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "externalsecret-not-ready", "ExternalSecret shop/keys");
    assert_contains(finding->cause, "could not get secret data");
    test_cluster_expect_folded(cluster, "missing-secret-ref", "Deployment shop/web");
}

static void
test_the_store_is_to_blame(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: external-secrets.io/v1\n"
        "kind: ExternalSecret\n"
        "metadata: {namespace: shop, name: keys}\n"
        "spec: {secretStoreRef: {name: vault}}\n"
        "status: {conditions: [{type: Ready, status: \"False\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\", reason: \"SecretSyncedError\", message: \"\"}]}\n"
        "---\n"
        "apiVersion: external-secrets.io/v1\n"
        "kind: SecretStore\n"
        "metadata: {namespace: shop, name: vault}\n"
        "spec: {}\n"
        "status: {conditions: [{type: Ready, status: \"False\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\", reason: \"InvalidProviderConfig\", message: \"\"}]}\n");
    test_cluster_expect(cluster, "externalsecret-not-ready", "SecretStore shop/vault");
    test_cluster_expect_folded(cluster, "externalsecret-not-ready", "ExternalSecret shop/keys");
}

static void
test_the_others(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: bitnami.com/v1alpha1\n"
        "kind: SealedSecret\n"
        "metadata: {namespace: shop, name: sealed}\n"
        "spec: {}\n"
        "status: {conditions: [{type: Synced, status: \"False\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\", reason: \"\", message: \"no key\"}]}\n"
        "---\n"
        "apiVersion: keda.sh/v1alpha1\n"
        "kind: ScaledObject\n"
        "metadata: {namespace: shop, name: queue}\n"
        "spec: {}\n"
        "status: {conditions: [{type: Ready, status: \"False\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\", reason: \"TriggerError\", message: \"\"}]}\n"
        "---\n"
        "apiVersion: autoscaling.k8s.io/v1\n"
        "kind: VerticalPodAutoscaler\n"
        "metadata: {namespace: shop, name: size}\n"
        "spec: {}\n"
        "status: {conditions: [{type: RecommendationProvided, status: \"False\", "
        "lastTransitionTime: \"2025-12-31T12:00:00Z\", reason: \"\", message: \"\"}]}\n");
    test_cluster_expect(cluster, "sealedsecret-failed", "SealedSecret shop/sealed");
    test_cluster_expect(cluster, "keda-scaledobject", "ScaledObject shop/queue");
    test_cluster_expect(cluster, "vpa-problem", "VerticalPodAutoscaler shop/size");
}

static void
test_what_is_well_or_young(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: bitnami.com/v1alpha1\n"
        "kind: SealedSecret\n"
        "metadata: {namespace: shop, name: sealed}\n"
        "spec: {}\n"
        "status: {conditions: [{type: Synced, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\", reason: \"\", message: \"\"}]}\n"
        "---\n"
        "apiVersion: keda.sh/v1alpha1\n"
        "kind: ScaledObject\n"
        "metadata: {namespace: shop, name: queue}\n"
        "spec: {}\n"
        "status: {conditions: [{type: Ready, status: \"False\", lastTransitionTime: "
        "\"2026-01-01T11:55:00Z\", reason: \"\", message: \"\"}, {type: Fallback, status: "
        "\"False\", lastTransitionTime: \"2026-01-01T11:00:00Z\", reason: \"\", message: \"\"}]}\n"
        "---\n"
        "apiVersion: external-secrets.io/v1\n"
        "kind: ExternalSecret\n"
        "metadata: {namespace: shop, name: keys}\n"
        "spec: {}\n"
        "status: {conditions: [{type: Ready, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\", reason: \"\", message: \"\"}]}\n"
        "---\n"
        "apiVersion: autoscaling.k8s.io/v1\n"
        "kind: VerticalPodAutoscaler\n"
        "metadata: {namespace: shop, name: size}\n"
        "spec: {}\n"
        "status: {conditions: [{type: RecommendationProvided, status: \"True\", "
        "lastTransitionTime: \"2025-12-31T12:00:00Z\", reason: \"\", message: \"\"}]}\n");
    test_cluster_expect_quiet(cluster, SEVERITY_INFO);
}

static void
test_unknown_is_said(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new("apiVersion: apps/v1\n"
                         "kind: Deployment\n"
                         "metadata: {namespace: shop, name: web}\n"
                         "spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: "
                         "{metadata: {labels: {app: web}}, spec: {containers: [{name: app}]}}}\n"
                         "status: {availableReplicas: 2}\n");
    test_cluster_fail(cluster, KIND_EXTERNAL_SECRET, "externalsecrets could not be listed: 403");
    test_cluster_fail(cluster, KIND_SEALED_SECRET, "sealedsecrets could not be listed: 403");
    test_cluster_fail(cluster, KIND_SCALED_OBJECT, "scaledobjects could not be listed: 403");
    test_cluster_fail(cluster, KIND_VPA, "verticalpodautoscalers could not be listed: 403");
    test_cluster_expect_unverified(cluster, "externalsecret-not-ready");
    test_cluster_expect_unverified(cluster, "sealedsecret-failed");
    test_cluster_expect_unverified(cluster, "keda-scaledobject");
    test_cluster_expect_unverified(cluster, "vpa-problem");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_secret_that_is_not_fetched_explains_that_it_is_missing),
        cmocka_unit_test(test_the_store_is_to_blame),
        cmocka_unit_test(test_the_others),
        cmocka_unit_test(test_what_is_well_or_young),
        cmocka_unit_test(test_unknown_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
