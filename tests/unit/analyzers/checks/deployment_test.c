#include "tests/harness/check.h"
#include "tests/harness/cluster.h"

static void
test_no_copy_left_names_the_pods_and_who_suffers(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {metadata: {labels: "
        "{app: web}}, spec: {containers: [{name: app}]}}}\n"
        "status: {conditions: [{type: Available, status: \"False\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\", reason: \"\", message: \"\"}]}\n"
        "---\n"
        "apiVersion: apps/v1\n"
        "kind: ReplicaSet\n"
        "metadata: {namespace: shop, name: web-1, ownerReferences: [{kind: Deployment, name: web, "
        "uid: Deployment/shop/web, controller: true}]}\n"
        "spec: {replicas: 2}\n"
        "status: {}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: shop, name: web-1-a, labels: {app: web}, ownerReferences: [{kind: "
        "ReplicaSet, name: web-1, uid: ReplicaSet/shop/web-1, controller: true}]}\n"
        "spec: {nodeName: n1, containers: [{name: app}]}\n"
        "status: {phase: Running, conditions: [{type: Ready, status: \"False\", "
        "lastTransitionTime: \"2026-01-01T11:00:00Z\"}], containerStatuses: [{name: app, ready: "
        "false, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: "
        "3, reason: Error}}}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Service\n"
        "metadata: {namespace: shop, name: front}\n"
        "spec: {selector: {app: web}}\n"
        "---\n"
        "apiVersion: networking.k8s.io/v1\n"
        "kind: Ingress\n"
        "metadata: {namespace: shop, name: door}\n"
        "spec: {rules: [{host: shop.example.com, http: {paths: [{backend: {service: {name: "
        "front}}}]}}]}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "deployment-unavailable", "Deployment shop/web");
    assert_int_equal(finding->severity, SEVERITY_CRITICAL);
    assert_int_equal(finding->since_s, TEST_NOW_S - 3600);
    assert_contains(finding->cause, "exited with 3");
    assert_contains(finding->cause, "shop.example.com");
    test_cluster_expect_none(cluster, "deployment-degraded");
}

static void
test_a_young_one_is_given_time(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata: {namespace: shop, name: web, creationTimestamp: \"2026-01-01T11:59:00Z\"}\n"
        "spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {metadata: {labels: "
        "{app: web}}, spec: {containers: [{name: app}]}}}\n"
        "status: {conditions: [{type: Available, status: \"False\", lastTransitionTime: "
        "\"2026-01-01T11:59:00Z\", reason: \"\", message: \"\"}]}\n"
        "---\n"
        "apiVersion: apps/v1\n"
        "kind: ReplicaSet\n"
        "metadata: {namespace: shop, name: web-1, ownerReferences: [{kind: Deployment, name: web, "
        "uid: Deployment/shop/web, controller: true}]}\n"
        "spec: {replicas: 2}\n"
        "status: {}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: shop, name: web-1-a, labels: {app: web}, ownerReferences: [{kind: "
        "ReplicaSet, name: web-1, uid: ReplicaSet/shop/web-1, controller: true}]}\n"
        "spec: {nodeName: n1, containers: [{name: app}]}\n"
        "status: {phase: Running, conditions: [{type: Ready, status: \"False\", "
        "lastTransitionTime: \"2026-01-01T11:59:00Z\"}]}\n");
    test_cluster_expect_quiet(cluster, SEVERITY_INFO);
}

static void
test_some_copies_down(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {replicas: 3, selector: {matchLabels: {app: web}}, template: {metadata: {labels: "
        "{app: web}}, spec: {containers: [{name: app}]}}}\n"
        "status: {replicas: 3, updatedReplicas: 3, availableReplicas: 2, conditions: [{type: "
        "Available, status: \"True\", lastTransitionTime: \"2026-01-01T11:00:00Z\", reason: \"\", "
        "message: \"\"}]}\n"
        "---\n"
        "apiVersion: apps/v1\n"
        "kind: ReplicaSet\n"
        "metadata: {namespace: shop, name: web-1, ownerReferences: [{kind: Deployment, name: web, "
        "uid: Deployment/shop/web, controller: true}]}\n"
        "spec: {replicas: 2}\n"
        "status: {}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: shop, name: web-1-a, labels: {app: web}, ownerReferences: [{kind: "
        "ReplicaSet, name: web-1, uid: ReplicaSet/shop/web-1, controller: true}]}\n"
        "spec: {nodeName: n1, containers: [{name: app}]}\n"
        "status: {phase: Running, conditions: [{type: Ready, status: \"False\", "
        "lastTransitionTime: \"2026-01-01T11:00:00Z\"}], containerStatuses: [{name: app, ready: "
        "false, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: "
        "3, reason: Error}}}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: shop, name: web-1-b, labels: {app: web}, ownerReferences: [{kind: "
        "ReplicaSet, name: web-1, uid: ReplicaSet/shop/web-1, controller: true}]}\n"
        "spec: {nodeName: n1, containers: [{name: app}]}\n"
        "status: {phase: Running, conditions: [{type: Ready, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\"}]}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "deployment-degraded", "Deployment shop/web");
    assert_contains(finding->title, "1 of 3 copies");
    assert_int_equal(finding->about->len, 1);
    test_cluster_expect_none(cluster, "deployment-unavailable");
}

static void
test_a_roll_out_on_its_way_is_not_degraded(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {replicas: 3, selector: {matchLabels: {app: web}}, template: {metadata: {labels: "
        "{app: web}}, spec: {containers: [{name: app}]}}}\n"
        "status: {replicas: 3, updatedReplicas: 3, availableReplicas: 2, conditions: [{type: "
        "Progressing, status: \"True\", lastTransitionTime: \"2026-01-01T11:00:00Z\", reason: "
        "\"ReplicaSetUpdated\", message: \"\", lastUpdateTime: \"2026-01-01T11:55:00Z\"}]}\n"
        "---\n"
        "apiVersion: apps/v1\n"
        "kind: ReplicaSet\n"
        "metadata: {namespace: shop, name: web-1, ownerReferences: [{kind: Deployment, name: web, "
        "uid: Deployment/shop/web, controller: true}]}\n"
        "spec: {replicas: 2}\n"
        "status: {}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: shop, name: web-1-a, labels: {app: web}, ownerReferences: [{kind: "
        "ReplicaSet, name: web-1, uid: ReplicaSet/shop/web-1, controller: true}]}\n"
        "spec: {nodeName: n1, containers: [{name: app}]}\n"
        "status: {phase: Running, conditions: [{type: Ready, status: \"False\", "
        "lastTransitionTime: \"2026-01-01T11:00:00Z\"}]}\n");
    test_cluster_expect_quiet(cluster, SEVERITY_INFO);
}

static void
test_a_roll_out_past_its_deadline(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {metadata: {labels: "
        "{app: web}}, spec: {containers: [{name: app}]}}}\n"
        "status: {replicas: 3, updatedReplicas: 1, availableReplicas: 2, conditions: [{type: "
        "Available, status: \"True\", lastTransitionTime: \"2026-01-01T11:00:00Z\", reason: \"\", "
        "message: \"\"}, {type: Progressing, status: \"False\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\", reason: \"ProgressDeadlineExceeded\", message: \"\"}]}\n"
        "---\n"
        "apiVersion: apps/v1\n"
        "kind: ReplicaSet\n"
        "metadata: {namespace: shop, name: web-1, ownerReferences: [{kind: Deployment, name: web, "
        "uid: Deployment/shop/web, controller: true}]}\n"
        "spec: {replicas: 2}\n"
        "status: {}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: shop, name: web-1-a, labels: {app: web}, ownerReferences: [{kind: "
        "ReplicaSet, name: web-1, uid: ReplicaSet/shop/web-1, controller: true}]}\n"
        "spec: {nodeName: n1, containers: [{name: app}]}\n"
        "status: {phase: Running, conditions: [{type: Ready, status: \"False\", "
        "lastTransitionTime: \"2026-01-01T11:00:00Z\"}], containerStatuses: [{name: app, ready: "
        "false, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: "
        "3, reason: Error}}}]}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "deployment-rollout-stuck", "Deployment shop/web");
    assert_contains(finding->cause, "2 of 2 copies still serve");
    test_cluster_expect_none(cluster, "deployment-degraded");
}

static void
test_a_new_set_that_never_gets_ready_is_stuck_without_a_condition(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {metadata: {labels: "
        "{app: web}}, spec: {containers: [{name: app}]}}}\n"
        "status: {replicas: 3, updatedReplicas: 1, availableReplicas: 2}\n"
        "---\n"
        "apiVersion: apps/v1\n"
        "kind: ReplicaSet\n"
        "metadata: {namespace: shop, name: web-1, ownerReferences: [{kind: Deployment, name: web, "
        "uid: Deployment/shop/web, controller: true}]}\n"
        "spec: {replicas: 1}\n"
        "status: {}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: shop, name: web-1-a, labels: {app: web}, ownerReferences: [{kind: "
        "ReplicaSet, name: web-1, uid: ReplicaSet/shop/web-1, controller: true}]}\n"
        "spec: {nodeName: n1, containers: [{name: app}]}\n"
        "status: {phase: Running, conditions: [{type: Ready, status: \"False\", "
        "lastTransitionTime: \"2026-01-01T11:00:00Z\"}]}\n");
    test_cluster_expect(cluster, "deployment-rollout-stuck", "Deployment shop/web");
}

static void
test_a_paused_one_says_so_after_a_day(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {replicas: 2, paused: true, selector: {matchLabels: {app: web}}, template: "
        "{metadata: {labels: {app: web}}, spec: {containers: [{name: app}]}}}\n"
        "status: {availableReplicas: 2, updatedReplicas: 0, conditions: [{type: Progressing, "
        "status: \"Unknown\", lastTransitionTime: \"2025-12-31T12:00:00Z\", reason: "
        "\"DeploymentPaused\", message: \"\", lastUpdateTime: \"2025-12-31T12:00:00Z\"}]}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "deployment-paused", "Deployment shop/web");
    assert_int_equal(finding->severity, SEVERITY_LOW);
}

static void
test_a_paused_one_with_nothing_to_do_is_quiet(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {replicas: 2, paused: true, selector: {matchLabels: {app: web}}, template: "
        "{metadata: {labels: {app: web}}, spec: {containers: [{name: app}]}}}\n"
        "status: {availableReplicas: 2, updatedReplicas: 2}\n");
    test_cluster_expect_quiet(cluster, SEVERITY_INFO);
}

static void
test_changes_that_nobody_takes_up(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new("apiVersion: apps/v1\n"
                         "kind: Deployment\n"
                         "metadata: {namespace: shop, name: web, generation: 3}\n"
                         "spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: "
                         "{metadata: {labels: {app: web}}, spec: {containers: [{name: app}]}}}\n"
                         "status: {observedGeneration: 2, availableReplicas: 2}\n"
                         "---\n"
                         "apiVersion: apps/v1\n"
                         "kind: Deployment\n"
                         "metadata: {namespace: shop, name: api, generation: 5}\n"
                         "spec: {replicas: 2, selector: {matchLabels: {app: api}}, template: "
                         "{metadata: {labels: {app: api}}, spec: {containers: [{name: app}]}}}\n"
                         "status: {observedGeneration: 4, availableReplicas: 2}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "deployment-generation-lag", "Deployment shop/api");
    assert_contains(finding->title, "2 controllers");
}

static void
test_zero_copies_behind_a_url(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new("apiVersion: apps/v1\n"
                         "kind: Deployment\n"
                         "metadata: {namespace: shop, name: web}\n"
                         "spec: {replicas: 0, selector: {matchLabels: {app: web}}, template: "
                         "{metadata: {labels: {app: web}}, spec: {containers: [{name: app}]}}}\n"
                         "status: {}\n"
                         "---\n"
                         "apiVersion: v1\n"
                         "kind: Service\n"
                         "metadata: {namespace: shop, name: front}\n"
                         "spec: {selector: {app: web}}\n"
                         "---\n"
                         "apiVersion: networking.k8s.io/v1\n"
                         "kind: Ingress\n"
                         "metadata: {namespace: shop, name: door}\n"
                         "spec: {rules: [{host: shop.example.com, http: {paths: [{backend: "
                         "{service: {name: front}}}]}}]}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "deployment-zero-with-traffic", "Deployment shop/web");
    assert_contains(finding->cause, "shop.example.com");
}

static void
test_zero_copies_on_purpose(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new("apiVersion: apps/v1\n"
                         "kind: Deployment\n"
                         "metadata: {namespace: shop, name: web}\n"
                         "spec: {replicas: 0, selector: {matchLabels: {app: web}}, template: "
                         "{metadata: {labels: {app: web}}, spec: {containers: [{name: app}]}}}\n"
                         "status: {}\n"
                         "---\n"
                         "apiVersion: v1\n"
                         "kind: Service\n"
                         "metadata: {namespace: shop, name: front}\n"
                         "spec: {selector: {app: web}}\n");
    test_cluster_expect_none(cluster, "deployment-zero-with-traffic");
}

static void
test_zero_copies_by_an_autoscaler(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new("apiVersion: apps/v1\n"
                         "kind: Deployment\n"
                         "metadata: {namespace: shop, name: web}\n"
                         "spec: {replicas: 0, selector: {matchLabels: {app: web}}, template: "
                         "{metadata: {labels: {app: web}}, spec: {containers: [{name: app}]}}}\n"
                         "status: {}\n"
                         "---\n"
                         "apiVersion: v1\n"
                         "kind: Service\n"
                         "metadata: {namespace: shop, name: front}\n"
                         "spec: {selector: {app: web}}\n"
                         "---\n"
                         "apiVersion: networking.k8s.io/v1\n"
                         "kind: Ingress\n"
                         "metadata: {namespace: shop, name: door}\n"
                         "spec: {rules: [{host: shop.example.com, http: {paths: [{backend: "
                         "{service: {name: front}}}]}}]}\n"
                         "---\n"
                         "apiVersion: keda.sh/v1alpha1\n"
                         "kind: ScaledObject\n"
                         "metadata: {namespace: shop, name: web}\n"
                         "spec: {scaleTargetRef: {name: web}}\n");
    test_cluster_expect_none(cluster, "deployment-zero-with-traffic");
}

static void
test_one_being_deleted_is_left_alone(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata: {namespace: shop, name: web, deletionTimestamp: \"2026-01-01T11:55:00Z\"}\n"
        "spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {metadata: {labels: "
        "{app: web}}, spec: {containers: [{name: app}]}}}\n"
        "status: {conditions: [{type: Available, status: \"False\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\", reason: \"\", message: \"\"}]}\n");
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
    test_cluster_fail(cluster, KIND_DEPLOYMENT, "deployments could not be listed: 403");
    test_cluster_expect_unverified(cluster, "deployment-unavailable");
    test_cluster_expect_unverified(cluster, "deployment-paused");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_copy_left_names_the_pods_and_who_suffers),
        cmocka_unit_test(test_a_young_one_is_given_time),
        cmocka_unit_test(test_some_copies_down),
        cmocka_unit_test(test_a_roll_out_on_its_way_is_not_degraded),
        cmocka_unit_test(test_a_roll_out_past_its_deadline),
        cmocka_unit_test(test_a_new_set_that_never_gets_ready_is_stuck_without_a_condition),
        cmocka_unit_test(test_a_paused_one_says_so_after_a_day),
        cmocka_unit_test(test_a_paused_one_with_nothing_to_do_is_quiet),
        cmocka_unit_test(test_changes_that_nobody_takes_up),
        cmocka_unit_test(test_zero_copies_behind_a_url),
        cmocka_unit_test(test_zero_copies_on_purpose),
        cmocka_unit_test(test_zero_copies_by_an_autoscaler),
        cmocka_unit_test(test_one_being_deleted_is_left_alone),
        cmocka_unit_test(test_unknown_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
