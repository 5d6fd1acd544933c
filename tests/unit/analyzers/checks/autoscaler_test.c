#include "tests/harness/check.h"
#include "tests/harness/cluster.h"

static void
test_it_cannot_read_its_metric(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {metadata: {labels: "
        "{app: web}}, spec: {containers: [{name: app}]}}}\n"
        "status: {availableReplicas: 2}\n"
        "---\n"
        "apiVersion: autoscaling/v2\n"
        "kind: HorizontalPodAutoscaler\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, minReplicas: "
        "2, maxReplicas: 6, metrics: [{type: Resource, resource: {name: cpu, target: {type: "
        "Utilization, averageUtilization: 70}}}]}\n"
        "status: {currentReplicas: 2, desiredReplicas: 2, conditions: [{type: ScalingActive, "
        "status: \"False\", lastTransitionTime: \"2026-01-01T11:00:00Z\", reason: "
        "\"FailedGetResourceMetric\", message: \"no metrics\"}]}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "hpa-cannot-read-metric", "HorizontalPodAutoscaler shop/web");
    assert_contains(finding->cause, "no metrics");
    assert_contains(finding->cause, "Deployment web");
}

static void
test_a_dead_metrics_service_is_the_cause(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {metadata: {labels: "
        "{app: web}}, spec: {containers: [{name: app}]}}}\n"
        "status: {availableReplicas: 2}\n"
        "---\n"
        "apiVersion: autoscaling/v2\n"
        "kind: HorizontalPodAutoscaler\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, minReplicas: "
        "2, maxReplicas: 6, metrics: [{type: Resource, resource: {name: cpu, target: {type: "
        "Utilization, averageUtilization: 70}}}]}\n"
        "status: {conditions: [{type: ScalingActive, status: \"False\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\", reason: \"FailedGetResourceMetric\", message: \"no "
        "metrics\"}]}\n"
        "---\n"
        "apiVersion: apiregistration.k8s.io/v1\n"
        "kind: APIService\n"
        "metadata: {name: v1beta1.metrics.k8s.io}\n"
        "spec: {service: {namespace: kube-system, name: metrics}}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Service\n"
        "metadata: {namespace: kube-system, name: metrics}\n"
        "spec: {selector: {app: metrics}}\n"
        "---\n"
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata: {namespace: kube-system, name: metrics}\n"
        "spec: {replicas: 2, selector: {matchLabels: {app: metrics}}, template: {metadata: "
        "{labels: {app: metrics}}, spec: {containers: [{name: app}]}}}\n"
        "status: {conditions: [{type: Available, status: \"False\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\", reason: \"\", message: \"\"}]}\n");
    test_cluster_expect(cluster, "deployment-unavailable", "Deployment kube-system/metrics");
    test_cluster_expect_folded(cluster, "hpa-cannot-read-metric",
                               "HorizontalPodAutoscaler shop/web");
}

static void
test_off_or_for_a_moment_only(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {metadata: {labels: "
        "{app: web}}, spec: {containers: [{name: app}]}}}\n"
        "status: {availableReplicas: 2}\n"
        "---\n"
        "apiVersion: autoscaling/v2\n"
        "kind: HorizontalPodAutoscaler\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, minReplicas: "
        "2, maxReplicas: 6, metrics: [{type: Resource, resource: {name: cpu, target: {type: "
        "Utilization, averageUtilization: 70}}}]}\n"
        "status: {conditions: [{type: ScalingActive, status: \"False\", lastTransitionTime: "
        "\"2026-01-01T11:55:00Z\", reason: \"FailedGetResourceMetric\", message: \"\"}]}\n");
    test_cluster_expect_quiet(cluster, SEVERITY_INFO);
}

static void
test_switched_off_by_zero(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {replicas: 0, selector: {matchLabels: {app: web}}, template: {metadata: {labels: "
        "{app: web}}, spec: {containers: [{name: app}]}}}\n"
        "status: {}\n"
        "---\n"
        "apiVersion: autoscaling/v2\n"
        "kind: HorizontalPodAutoscaler\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, minReplicas: "
        "2, maxReplicas: 6, metrics: [{type: Resource, resource: {name: cpu, target: {type: "
        "Utilization, averageUtilization: 70}}}]}\n"
        "status: {conditions: [{type: ScalingActive, status: \"False\", lastTransitionTime: "
        "\"2025-12-31T12:00:00Z\", reason: \"ScalingDisabled\", message: \"\"}]}\n");
    test_cluster_expect(cluster, "hpa-disabled", "HorizontalPodAutoscaler shop/web");
    test_cluster_expect_quiet(cluster, SEVERITY_LOW);
}

static void
test_it_cannot_scale(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {metadata: {labels: "
        "{app: web}}, spec: {containers: [{name: app}]}}}\n"
        "status: {availableReplicas: 2}\n"
        "---\n"
        "apiVersion: autoscaling/v2\n"
        "kind: HorizontalPodAutoscaler\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, minReplicas: "
        "2, maxReplicas: 6, metrics: [{type: Resource, resource: {name: cpu, target: {type: "
        "Utilization, averageUtilization: 70}}}]}\n"
        "status: {conditions: [{type: AbleToScale, status: \"False\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\", reason: \"FailedUpdateScale\", message: \"forbidden\"}]}\n");
    test_cluster_expect(cluster, "hpa-cannot-scale", "HorizontalPodAutoscaler shop/web");
}

static void
test_its_target_is_missing(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: autoscaling/v2\n"
        "kind: HorizontalPodAutoscaler\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, minReplicas: "
        "2, maxReplicas: 6, metrics: [{type: Resource, resource: {name: cpu, target: {type: "
        "Utilization, averageUtilization: 70}}}]}\n"
        "status: {conditions: [{type: AbleToScale, status: \"False\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\", reason: \"FailedGetScale\", message: \"not found\"}]}\n");
    test_cluster_expect(cluster, "hpa-target-missing", "HorizontalPodAutoscaler shop/web");
    test_cluster_expect_folded(cluster, "hpa-cannot-scale", "HorizontalPodAutoscaler shop/web");
}

static void
test_unknown_is_not_missing(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: autoscaling/v2\n"
        "kind: HorizontalPodAutoscaler\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, minReplicas: "
        "2, maxReplicas: 6, metrics: [{type: Resource, resource: {name: cpu, target: {type: "
        "Utilization, averageUtilization: 70}}}]}\n"
        "status: {}\n");
    test_cluster_fail(cluster, KIND_DEPLOYMENT, "deployments could not be listed: 403");
    test_cluster_expect_none(cluster, "hpa-target-missing");
    test_cluster_expect_unverified(cluster, "hpa-target-missing");
}

static void
test_at_its_maximum(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {metadata: {labels: "
        "{app: web}}, spec: {containers: [{name: app}]}}}\n"
        "status: {availableReplicas: 2}\n"
        "---\n"
        "apiVersion: autoscaling/v2\n"
        "kind: HorizontalPodAutoscaler\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, minReplicas: "
        "2, maxReplicas: 6, metrics: [{type: Resource, resource: {name: cpu, target: {type: "
        "Utilization, averageUtilization: 70}}}]}\n"
        "status: {currentReplicas: 6, desiredReplicas: 6, currentMetrics: [{type: Resource, "
        "resource: {name: cpu, current: {averageUtilization: 195}}}], conditions: [{type: "
        "ScalingLimited, status: \"True\", lastTransitionTime: \"2026-01-01T11:00:00Z\", reason: "
        "\"TooManyReplicas\", message: \"\"}]}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "hpa-maxed-out", "HorizontalPodAutoscaler shop/web");
    assert_contains(finding->title, "maximum of 6");
    assert_contains(finding->cause, "cpu is at 195 %");
}

static void
test_a_fixed_number_is_no_maximum(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {metadata: {labels: "
        "{app: web}}, spec: {containers: [{name: app}]}}}\n"
        "status: {availableReplicas: 2}\n"
        "---\n"
        "apiVersion: autoscaling/v2\n"
        "kind: HorizontalPodAutoscaler\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, minReplicas: "
        "6, maxReplicas: 6, metrics: [{type: Resource, resource: {name: cpu, target: {type: "
        "Utilization, averageUtilization: 70}}}]}\n"
        "status: {currentReplicas: 6, desiredReplicas: 6, conditions: [{type: ScalingLimited, "
        "status: \"True\", lastTransitionTime: \"2026-01-01T11:00:00Z\", reason: "
        "\"TooManyReplicas\", message: \"\"}]}\n");
    test_cluster_expect_quiet(cluster, SEVERITY_INFO);
}

static void
test_it_gets_less_than_it_wants(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {metadata: {labels: "
        "{app: web}}, spec: {containers: [{name: app}]}}}\n"
        "status: {availableReplicas: 2}\n"
        "---\n"
        "apiVersion: autoscaling/v2\n"
        "kind: HorizontalPodAutoscaler\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, minReplicas: "
        "2, maxReplicas: 6, metrics: [{type: Resource, resource: {name: cpu, target: {type: "
        "Utilization, averageUtilization: 70}}}]}\n"
        "status: {currentReplicas: 3, desiredReplicas: 5, lastScaleTime: "
        "\"2026-01-01T11:00:00Z\"}\n");
    test_cluster_expect(cluster, "hpa-not-reaching", "HorizontalPodAutoscaler shop/web");
}

/* An autoscaler in percent over a container without a request. */
#define WITHOUT_REQUEST(condition)                                                                 \
    "apiVersion: apps/v1\n"                                                                        \
    "kind: Deployment\n"                                                                           \
    "metadata: {namespace: shop, name: web}\n"                                                     \
    "spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {metadata: {labels: "      \
    "{app: web}}, spec: {containers: [{name: app}]}}}\n"                                           \
    "status: {availableReplicas: 2}\n"                                                             \
    "---\n"                                                                                        \
    "apiVersion: apps/v1\n"                                                                        \
    "kind: ReplicaSet\n"                                                                           \
    "metadata: {namespace: shop, name: web-1, ownerReferences: [{kind: Deployment, name: web, "    \
    "uid: Deployment/shop/web, controller: true}]}\n"                                              \
    "spec: {replicas: 2}\n"                                                                        \
    "status: {}\n"                                                                                 \
    "---\n"                                                                                        \
    "apiVersion: v1\n"                                                                             \
    "kind: Pod\n"                                                                                  \
    "metadata: {namespace: shop, name: web-1-a, labels: {app: web}, ownerReferences: [{kind: "     \
    "ReplicaSet, name: web-1, uid: ReplicaSet/shop/web-1, controller: true}]}\n"                   \
    "spec: {nodeName: n1, containers: [{name: app}]}\n"                                            \
    "status: {phase: Running, conditions: [{type: Ready, status: \"True\", lastTransitionTime: "   \
    "\"2026-01-01T11:00:00Z\"}]}\n"                                                                \
    "---\n"                                                                                        \
    "apiVersion: autoscaling/v2\n"                                                                 \
    "kind: HorizontalPodAutoscaler\n"                                                              \
    "metadata: {namespace: shop, name: web}\n"                                                     \
    "spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, minReplicas: "     \
    "2, maxReplicas: 6, metrics: [{type: Resource, resource: {name: cpu, target: {type: "          \
    "Utilization, averageUtilization: 70}}}]}\n"                                                   \
    "status: {conditions: [" condition "]}\n"

static void
test_a_container_states_no_request(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(WITHOUT_REQUEST(""));
    const Finding *finding =
        test_cluster_expect(cluster, "hpa-missing-requests", "HorizontalPodAutoscaler shop/web");
    assert_contains(finding->title, "container app");
}

#define BLIND(message)                                                                             \
    "{type: ScalingActive, status: 'False', reason: FailedGetResourceMetric, "                     \
    "lastTransitionTime: '2026-01-01T11:00:00Z', message: '" message "'}"

/* Without the metrics a request would not help. */
static void
test_the_reason_of_the_controller_counts(void **state)
{
    (void)state;
    g_autoptr(TestCluster) unserved = test_cluster_new(WITHOUT_REQUEST(
        BLIND("failed to get cpu utilization: unable to get metrics for resource cpu: unable to "
              "fetch metrics from resource metrics API: the server could not find the requested "
              "resource (get pods.metrics.k8s.io)")));
    const Finding *finding =
        test_cluster_expect(unserved, "hpa-cannot-read-metric", "HorizontalPodAutoscaler shop/web");
    assert_contains(finding->cause, "pods.metrics.k8s.io");
    g_autoptr(TestCluster) missing = test_cluster_new(WITHOUT_REQUEST(BLIND(
        "failed to get cpu utilization: missing request for cpu in container app of Pod web-1-a")));
    finding =
        test_cluster_expect(missing, "hpa-missing-requests", "HorizontalPodAutoscaler shop/web");
    assert_int_equal(finding->explains->len, 1);
}

static void
test_requests_are_there(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {metadata: {labels: "
        "{app: web}}, spec: {containers: [{name: app}]}}}\n"
        "status: {availableReplicas: 2}\n"
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
        "spec: {nodeName: n1, containers: [{name: app, resources: {requests: {cpu: 1}}}]}\n"
        "status: {phase: Running, conditions: [{type: Ready, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\"}]}\n"
        "---\n"
        "apiVersion: autoscaling/v2\n"
        "kind: HorizontalPodAutoscaler\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, minReplicas: "
        "2, maxReplicas: 6, metrics: [{type: Resource, resource: {name: cpu, target: {type: "
        "Utilization, averageUtilization: 70}}}]}\n"
        "status: {}\n");
    test_cluster_expect_quiet(cluster, SEVERITY_INFO);
}

static void
test_two_of_them(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {metadata: {labels: "
        "{app: web}}, spec: {containers: [{name: app}]}}}\n"
        "status: {availableReplicas: 2}\n"
        "---\n"
        "apiVersion: autoscaling/v2\n"
        "kind: HorizontalPodAutoscaler\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, minReplicas: "
        "2, maxReplicas: 6, metrics: [{type: Resource, resource: {name: cpu, target: {type: "
        "Utilization, averageUtilization: 70}}}]}\n"
        "status: {}\n"
        "---\n"
        "apiVersion: autoscaling/v2\n"
        "kind: HorizontalPodAutoscaler\n"
        "metadata: {namespace: shop, name: other}\n"
        "spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, minReplicas: "
        "2, maxReplicas: 6, metrics: [{type: Resource, resource: {name: cpu, target: {type: "
        "Utilization, averageUtilization: 70}}}]}\n"
        "status: {}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "hpa-selector-ambiguous", "HorizontalPodAutoscaler shop/web");
    assert_contains(finding->cause, "web and other");
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
    test_cluster_fail(cluster, KIND_HPA, "horizontalpodautoscalers could not be listed: 403");
    test_cluster_expect_unverified(cluster, "hpa-cannot-read-metric");
    test_cluster_expect_unverified(cluster, "hpa-cannot-scale");
    test_cluster_expect_unverified(cluster, "hpa-maxed-out");
    test_cluster_expect_unverified(cluster, "hpa-not-reaching");
    test_cluster_expect_unverified(cluster, "hpa-missing-requests");
    test_cluster_expect_unverified(cluster, "hpa-selector-ambiguous");
    test_cluster_expect_unverified(cluster, "hpa-disabled");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_cannot_read_its_metric),
        cmocka_unit_test(test_a_dead_metrics_service_is_the_cause),
        cmocka_unit_test(test_off_or_for_a_moment_only),
        cmocka_unit_test(test_switched_off_by_zero),
        cmocka_unit_test(test_it_cannot_scale),
        cmocka_unit_test(test_its_target_is_missing),
        cmocka_unit_test(test_unknown_is_not_missing),
        cmocka_unit_test(test_at_its_maximum),
        cmocka_unit_test(test_a_fixed_number_is_no_maximum),
        cmocka_unit_test(test_it_gets_less_than_it_wants),
        cmocka_unit_test(test_a_container_states_no_request),
        cmocka_unit_test(test_the_reason_of_the_controller_counts),
        cmocka_unit_test(test_requests_are_there),
        cmocka_unit_test(test_two_of_them),
        cmocka_unit_test(test_unknown_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
