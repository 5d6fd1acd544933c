#include "tests/harness/check.h"
#include "tests/harness/cluster.h"

static void
test_a_quota_is_to_blame(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {metadata: {labels: "
        "{app: web}}, spec: {containers: [{name: app}]}}}\n"
        "status: {conditions: [{type: ReplicaFailure, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\", reason: \"FailedCreate\", message: \"\"}]}\n"
        "---\n"
        "apiVersion: apps/v1\n"
        "kind: ReplicaSet\n"
        "metadata: {namespace: shop, name: web-1, ownerReferences: [{kind: Deployment, name: web, "
        "uid: Deployment/shop/web, controller: true}]}\n"
        "spec: {replicas: 2}\n"
        "status: {replicas: 0, conditions: [{type: ReplicaFailure, status: \"True\", "
        "lastTransitionTime: \"2026-01-01T11:00:00Z\"}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Event\n"
        "metadata: {namespace: shop, name: e-web-1-failedcreate}\n"
        "involvedObject: {kind: ReplicaSet, namespace: shop, name: web-1, uid: "
        "ReplicaSet/shop/web-1}\n"
        "type: Warning\n"
        "reason: FailedCreate\n"
        "firstTimestamp: \"2026-01-01T11:00:00Z\"\n"
        "lastTimestamp: \"2026-01-01T11:59:00Z\"\n"
        "message: 'Error creating: pods \"web-1-x\" is forbidden: exceeded quota: compute, "
        "requested: requests.cpu=1500m, used: requests.cpu=3500m, limited: requests.cpu=4'\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: ResourceQuota\n"
        "metadata: {namespace: shop, name: compute}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Service\n"
        "metadata: {namespace: shop, name: front}\n"
        "spec: {selector: {app: web}}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "quota-exceeded-blocking", "ResourceQuota shop/compute");
    assert_contains(finding->title, "Deployment web");
    assert_contains(finding->cause, "needs another requests.cpu=1500m");
    assert_contains(finding->cause, "0 of 2 pods exist");
    assert_int_equal(finding->since_s, TEST_NOW_S - 3600);
    test_cluster_expect_folded(cluster, "deployment-replica-failure", "Deployment shop/web");
    test_cluster_expect_none(cluster, "deployment-unavailable");
}

/* The claim of a StatefulSet, of which the quota counts the size. */
static void
test_a_quota_of_storage_is_to_blame(void **state)
{
    (void)state;
#define SET                                                                                        \
    "{apiVersion: apps/v1, kind: StatefulSet, metadata: {namespace: shop, name: db}, spec: "       \
    "{replicas: 2, serviceName: '', selector: {matchLabels: {app: db}}, template: {metadata: "     \
    "{labels: {app: db}}, spec: {containers: [{name: app}]}}}, status: {replicas: 0}}\n"           \
    "---\n{apiVersion: v1, kind: ResourceQuota, metadata: {namespace: shop, name: disks}}\n"
#define REFUSED(last)                                                                              \
    "---\n{apiVersion: v1, kind: Event, metadata: {namespace: shop, name: e}, involvedObject: "    \
    "{kind: StatefulSet, namespace: shop, name: db, uid: StatefulSet/shop/db}, type: Warning, "    \
    "reason: FailedCreate, firstTimestamp: '2026-01-01T11:00:00Z', lastTimestamp: '" last          \
    "', message: 'create Claim data-db-0 for Pod db-0 in StatefulSet db failed error: "            \
    "persistentvolumeclaims \"data-db-0\" is forbidden: exceeded quota: disks, requested: "        \
    "requests.storage=20Gi, used: requests.storage=90Gi, limited: requests.storage=100Gi'}\n"
    g_autoptr(TestCluster) cluster = test_cluster_new(SET REFUSED("2026-01-01T11:59:00Z"));
    const Finding *finding =
        test_cluster_expect(cluster, "pvc-pending-quota", "ResourceQuota shop/disks");
    assert_contains(finding->title, "StatefulSet db cannot create its claims");
    assert_contains(finding->cause, "needs another requests.storage=20Gi");
    test_cluster_expect_folded(cluster, "statefulset-failed-create", "StatefulSet shop/db");
    test_cluster_expect_none(cluster, "quota-exceeded-blocking");
    g_autoptr(TestCluster) over = test_cluster_new(SET REFUSED("2026-01-01T11:01:00Z"));
    test_cluster_expect_none(over, "pvc-pending-quota");
    g_autoptr(TestCluster) unknown = test_cluster_new(SET);
    test_cluster_fail(unknown, KIND_RESOURCE_QUOTA, "403");
    test_cluster_expect_unverified(unknown, "pvc-pending-quota");
}

static void
test_a_quota_demands_requests(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {metadata: {labels: "
        "{app: web}}, spec: {containers: [{name: app}]}}}\n"
        "status: {conditions: [{type: ReplicaFailure, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\", reason: \"FailedCreate\", message: \"\"}]}\n"
        "---\n"
        "apiVersion: apps/v1\n"
        "kind: ReplicaSet\n"
        "metadata: {namespace: shop, name: web-1, ownerReferences: [{kind: Deployment, name: web, "
        "uid: Deployment/shop/web, controller: true}]}\n"
        "spec: {replicas: 2}\n"
        "status: {replicas: 0, conditions: [{type: ReplicaFailure, status: \"True\", "
        "lastTransitionTime: \"2026-01-01T11:00:00Z\"}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Event\n"
        "metadata: {namespace: shop, name: e-web-1-failedcreate}\n"
        "involvedObject: {kind: ReplicaSet, namespace: shop, name: web-1, uid: "
        "ReplicaSet/shop/web-1}\n"
        "type: Warning\n"
        "reason: FailedCreate\n"
        "firstTimestamp: \"2026-01-01T11:00:00Z\"\n"
        "lastTimestamp: \"2026-01-01T11:59:00Z\"\n"
        "message: 'Error creating: pods \"web-1-x\" is forbidden: failed quota: compute: must "
        "specify limits.cpu for: app'\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: ResourceQuota\n"
        "metadata: {namespace: shop, name: compute}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "quota-requires-limits", "ResourceQuota shop/compute");
    assert_contains(finding->cause, "must specify limits.cpu");
}

static void
test_outside_a_limit_range(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {metadata: {labels: "
        "{app: web}}, spec: {containers: [{name: app}]}}}\n"
        "status: {conditions: [{type: ReplicaFailure, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\", reason: \"FailedCreate\", message: \"\"}]}\n"
        "---\n"
        "apiVersion: apps/v1\n"
        "kind: ReplicaSet\n"
        "metadata: {namespace: shop, name: web-1, ownerReferences: [{kind: Deployment, name: web, "
        "uid: Deployment/shop/web, controller: true}]}\n"
        "spec: {replicas: 2}\n"
        "status: {replicas: 0, conditions: [{type: ReplicaFailure, status: \"True\", "
        "lastTransitionTime: \"2026-01-01T11:00:00Z\"}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Event\n"
        "metadata: {namespace: shop, name: e-web-1-failedcreate}\n"
        "involvedObject: {kind: ReplicaSet, namespace: shop, name: web-1, uid: "
        "ReplicaSet/shop/web-1}\n"
        "type: Warning\n"
        "reason: FailedCreate\n"
        "firstTimestamp: \"2026-01-01T11:00:00Z\"\n"
        "lastTimestamp: \"2026-01-01T11:59:00Z\"\n"
        "message: 'Error creating: pods \"web-1-x\" is forbidden: maximum memory usage per "
        "Container is 1Gi, but limit is 2Gi'\n");
    const Finding *finding =
        test_cluster_expect(cluster, "limitrange-violation", "Deployment shop/web");
    assert_contains(finding->cause, "but limit is 2Gi");
    test_cluster_expect_folded(cluster, "deployment-replica-failure", "Deployment shop/web");
}

static void
test_against_the_level_of_the_namespace(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {metadata: {labels: "
        "{app: web}}, spec: {containers: [{name: app}]}}}\n"
        "status: {conditions: [{type: ReplicaFailure, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\", reason: \"FailedCreate\", message: \"\"}]}\n"
        "---\n"
        "apiVersion: apps/v1\n"
        "kind: ReplicaSet\n"
        "metadata: {namespace: shop, name: web-1, ownerReferences: [{kind: Deployment, name: web, "
        "uid: Deployment/shop/web, controller: true}]}\n"
        "spec: {replicas: 2}\n"
        "status: {replicas: 0, conditions: [{type: ReplicaFailure, status: \"True\", "
        "lastTransitionTime: \"2026-01-01T11:00:00Z\"}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Event\n"
        "metadata: {namespace: shop, name: e-web-1-failedcreate}\n"
        "involvedObject: {kind: ReplicaSet, namespace: shop, name: web-1, uid: "
        "ReplicaSet/shop/web-1}\n"
        "type: Warning\n"
        "reason: FailedCreate\n"
        "firstTimestamp: \"2026-01-01T11:00:00Z\"\n"
        "lastTimestamp: \"2026-01-01T11:59:00Z\"\n"
        "message: 'Error creating: pods \"web-1-x\" is forbidden: violates PodSecurity "
        "\"restricted:latest\": runAsNonRoot != true'\n");
    const Finding *finding = test_cluster_expect(cluster, "psa-violation", "Deployment shop/web");
    assert_contains(finding->title, "restricted:latest");
}

static void
test_a_webhook_denies(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {metadata: {labels: "
        "{app: web}}, spec: {containers: [{name: app}]}}}\n"
        "status: {conditions: [{type: ReplicaFailure, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\", reason: \"FailedCreate\", message: \"\"}]}\n"
        "---\n"
        "apiVersion: apps/v1\n"
        "kind: ReplicaSet\n"
        "metadata: {namespace: shop, name: web-1, ownerReferences: [{kind: Deployment, name: web, "
        "uid: Deployment/shop/web, controller: true}]}\n"
        "spec: {replicas: 2}\n"
        "status: {replicas: 0, conditions: [{type: ReplicaFailure, status: \"True\", "
        "lastTransitionTime: \"2026-01-01T11:00:00Z\"}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Event\n"
        "metadata: {namespace: shop, name: e-web-1-failedcreate}\n"
        "involvedObject: {kind: ReplicaSet, namespace: shop, name: web-1, uid: "
        "ReplicaSet/shop/web-1}\n"
        "type: Warning\n"
        "reason: FailedCreate\n"
        "firstTimestamp: \"2026-01-01T11:00:00Z\"\n"
        "lastTimestamp: \"2026-01-01T11:59:00Z\"\n"
        "message: 'Error creating: admission webhook \"rules.example.com\" denied the request: no "
        "latest tags'\n");
    const Finding *finding =
        test_cluster_expect(cluster, "controller-forbidden", "Deployment shop/web");
    assert_contains(finding->title, "rules.example.com");
    assert_contains(finding->cause, "no latest tags");
}

static void
test_a_webhook_does_not_answer(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {metadata: {labels: "
        "{app: web}}, spec: {containers: [{name: app}]}}}\n"
        "status: {conditions: [{type: ReplicaFailure, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\", reason: \"FailedCreate\", message: \"\"}]}\n"
        "---\n"
        "apiVersion: apps/v1\n"
        "kind: ReplicaSet\n"
        "metadata: {namespace: shop, name: web-1, ownerReferences: [{kind: Deployment, name: web, "
        "uid: Deployment/shop/web, controller: true}]}\n"
        "spec: {replicas: 2}\n"
        "status: {replicas: 0, conditions: [{type: ReplicaFailure, status: \"True\", "
        "lastTransitionTime: \"2026-01-01T11:00:00Z\"}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Event\n"
        "metadata: {namespace: shop, name: e-web-1-failedcreate}\n"
        "involvedObject: {kind: ReplicaSet, namespace: shop, name: web-1, uid: "
        "ReplicaSet/shop/web-1}\n"
        "type: Warning\n"
        "reason: FailedCreate\n"
        "firstTimestamp: \"2026-01-01T11:00:00Z\"\n"
        "lastTimestamp: \"2026-01-01T11:59:00Z\"\n"
        "message: 'Error creating: Internal error occurred: failed calling webhook "
        "\"rules.example.com\": connection refused'\n");
    const Finding *finding =
        test_cluster_expect(cluster, "deployment-replica-failure", "Deployment shop/web");
    assert_contains(finding->title, "rules.example.com");
    test_cluster_expect_none(cluster, "controller-forbidden");
}

static void
test_a_set_alone(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new("apiVersion: apps/v1\n"
                         "kind: ReplicaSet\n"
                         "metadata: {namespace: shop, name: web-1}\n"
                         "spec: {replicas: 2}\n"
                         "status: {replicas: 1}\n"
                         "---\n"
                         "apiVersion: v1\n"
                         "kind: Event\n"
                         "metadata: {namespace: shop, name: e-web-1-failedcreate}\n"
                         "involvedObject: {kind: ReplicaSet, namespace: shop, name: web-1, uid: "
                         "ReplicaSet/shop/web-1}\n"
                         "type: Warning\n"
                         "reason: FailedCreate\n"
                         "firstTimestamp: \"2026-01-01T11:00:00Z\"\n"
                         "lastTimestamp: \"2026-01-01T11:59:00Z\"\n"
                         "message: 'Error creating: no room'\n");
    test_cluster_expect(cluster, "replicaset-failed-create", "ReplicaSet shop/web-1");
}

static void
test_a_stateful_set(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: StatefulSet\n"
        "metadata: {namespace: shop, name: db}\n"
        "spec: {replicas: 1}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Event\n"
        "metadata: {namespace: shop, name: e-db-failedcreate}\n"
        "involvedObject: {kind: StatefulSet, namespace: shop, name: db, uid: StatefulSet/shop/db}\n"
        "type: Warning\n"
        "reason: FailedCreate\n"
        "firstTimestamp: \"2026-01-01T11:00:00Z\"\n"
        "lastTimestamp: \"2026-01-01T11:59:00Z\"\n"
        "message: 'create Pod db-0 in StatefulSet db failed error: pods \"db-0\" is invalid'\n");
    test_cluster_expect(cluster, "statefulset-failed-create", "StatefulSet shop/db");
}

static void
test_a_job_that_is_forbidden(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: batch/v1\n"
        "kind: Job\n"
        "metadata: {namespace: shop, name: once}\n"
        "status: {startTime: \"2026-01-01T11:00:00Z\"}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Event\n"
        "metadata: {namespace: shop, name: e-once-failedcreate}\n"
        "involvedObject: {kind: Job, namespace: shop, name: once, uid: Job/shop/once}\n"
        "type: Warning\n"
        "reason: FailedCreate\n"
        "firstTimestamp: \"2026-01-01T11:00:00Z\"\n"
        "lastTimestamp: \"2026-01-01T11:59:00Z\"\n"
        "message: 'Error creating: pods \"once-x\" is forbidden: no'\n");
    test_cluster_expect(cluster, "controller-forbidden", "Job shop/once");
}

static void
test_what_is_complete_or_old_is_not_refused(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: ReplicaSet\n"
        "metadata: {namespace: shop, name: web-1}\n"
        "spec: {replicas: 2}\n"
        "status: {replicas: 2}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Event\n"
        "metadata: {namespace: shop, name: e-web-1-failedcreate}\n"
        "involvedObject: {kind: ReplicaSet, namespace: shop, name: web-1, uid: "
        "ReplicaSet/shop/web-1}\n"
        "type: Warning\n"
        "reason: FailedCreate\n"
        "firstTimestamp: \"2026-01-01T11:00:00Z\"\n"
        "lastTimestamp: \"2026-01-01T11:59:00Z\"\n"
        "message: 'Error creating: no room'\n"
        "---\n"
        "apiVersion: apps/v1\n"
        "kind: ReplicaSet\n"
        "metadata: {namespace: shop, name: old}\n"
        "spec: {replicas: 2}\n"
        "status: {replicas: 0}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Event\n"
        "metadata: {namespace: shop, name: e-old-failedcreate}\n"
        "involvedObject: {kind: ReplicaSet, namespace: shop, name: old, uid: ReplicaSet/shop/old}\n"
        "type: Warning\n"
        "reason: FailedCreate\n"
        "firstTimestamp: \"2026-01-01T11:00:00Z\"\n"
        "lastTimestamp: \"2026-01-01T11:00:00Z\"\n"
        "message: 'Error creating: no room'\n");
    test_cluster_expect_quiet(cluster, SEVERITY_INFO);
}

static void
test_a_namespace_that_goes_takes_no_new_pods(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {metadata: {labels: "
        "{app: web}}, spec: {containers: [{name: app}]}}}\n"
        "status: {conditions: [{type: ReplicaFailure, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\", reason: \"FailedCreate\", message: \"\"}]}\n"
        "---\n"
        "apiVersion: apps/v1\n"
        "kind: ReplicaSet\n"
        "metadata: {namespace: shop, name: web-1, ownerReferences: [{kind: Deployment, name: web, "
        "uid: Deployment/shop/web, controller: true}]}\n"
        "spec: {replicas: 2}\n"
        "status: {replicas: 0, conditions: [{type: ReplicaFailure, status: \"True\", "
        "lastTransitionTime: \"2026-01-01T11:00:00Z\"}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Event\n"
        "metadata: {namespace: shop, name: e-web-1-failedcreate}\n"
        "involvedObject: {kind: ReplicaSet, namespace: shop, name: web-1, uid: "
        "ReplicaSet/shop/web-1}\n"
        "type: Warning\n"
        "reason: FailedCreate\n"
        "firstTimestamp: \"2026-01-01T11:00:00Z\"\n"
        "lastTimestamp: \"2026-01-01T11:59:00Z\"\n"
        "message: 'Error creating: pods \"web-1-x\" is forbidden: unable to create new content in "
        "namespace shop because it is being terminated'\n");
    test_cluster_expect_none(cluster, "deployment-replica-failure");
    test_cluster_expect_none(cluster, "controller-forbidden");
}

static void
test_unknown_is_said(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new("apiVersion: v1\n"
                         "kind: ResourceQuota\n"
                         "metadata: {namespace: shop, name: compute}\n");
    test_cluster_fail(cluster, KIND_EVENT, "events could not be listed: 403");
    test_cluster_fail(cluster, KIND_REPLICA_SET, "replicasets could not be listed: 403");
    test_cluster_expect_unverified(cluster, "quota-exceeded-blocking");
    test_cluster_expect_unverified(cluster, "psa-violation");
    test_cluster_expect_unverified(cluster, "replicaset-failed-create");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_quota_is_to_blame),
        cmocka_unit_test(test_a_quota_of_storage_is_to_blame),
        cmocka_unit_test(test_a_quota_demands_requests),
        cmocka_unit_test(test_outside_a_limit_range),
        cmocka_unit_test(test_against_the_level_of_the_namespace),
        cmocka_unit_test(test_a_webhook_denies),
        cmocka_unit_test(test_a_webhook_does_not_answer),
        cmocka_unit_test(test_a_set_alone),
        cmocka_unit_test(test_a_stateful_set),
        cmocka_unit_test(test_a_job_that_is_forbidden),
        cmocka_unit_test(test_what_is_complete_or_old_is_not_refused),
        cmocka_unit_test(test_a_namespace_that_goes_takes_no_new_pods),
        cmocka_unit_test(test_unknown_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
