#include "tests/harness/check.h"
#include "tests/harness/cluster.h"

static void
test_nearly_used_up(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new("apiVersion: v1\n"
                         "kind: ResourceQuota\n"
                         "metadata: {namespace: shop, name: q}\n"
                         "status: {hard: {requests.cpu: \"4\", pods: \"20\"}, used: {requests.cpu: "
                         "3700m, pods: \"3\"}}\n");
    const Finding *finding = test_cluster_expect(cluster, "quota-near", "ResourceQuota shop/q");
    assert_contains(finding->title, "3700m of 4 requests.cpu");
    assert_int_equal(finding->severity, SEVERITY_LOW);
}

static void
test_more_than_all(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new("apiVersion: v1\n"
                         "kind: ResourceQuota\n"
                         "metadata: {namespace: shop, name: q}\n"
                         "status: {hard: {requests.cpu: \"4\"}, used: {requests.cpu: \"5\"}}\n");
    test_cluster_expect(cluster, "quota-over", "ResourceQuota shop/q");
}

static void
test_full_of_finished_jobs(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: v1\n"
        "kind: ResourceQuota\n"
        "metadata: {namespace: shop, name: q}\n"
        "status: {hard: {count/jobs.batch: \"2\"}, used: {count/jobs.batch: \"2\"}}\n"
        "---\n"
        "apiVersion: batch/v1\n"
        "kind: Job\n"
        "metadata: {namespace: shop, name: a}\n"
        "spec: {}\n"
        "status: {startTime: \"2026-01-01T01:00:00Z\", completionTime: \"2026-01-01T02:00:00Z\", "
        "conditions: [{type: SuccessCriteriaMet, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T02:00:00Z\", reason: \"\", message: \"\"}, {type: Complete, status: "
        "\"True\", lastTransitionTime: \"2026-01-01T02:00:00Z\", reason: \"\", message: \"\"}]}\n"
        "---\n"
        "apiVersion: batch/v1\n"
        "kind: Job\n"
        "metadata: {namespace: shop, name: b}\n"
        "spec: {}\n"
        "status: {startTime: \"2026-01-01T01:00:00Z\", completionTime: \"2026-01-01T02:00:00Z\", "
        "conditions: [{type: SuccessCriteriaMet, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T02:00:00Z\", reason: \"\", message: \"\"}, {type: Complete, status: "
        "\"True\", lastTransitionTime: \"2026-01-01T02:00:00Z\", reason: \"\", message: \"\"}]}\n");
    test_cluster_expect(cluster, "quota-count-full", "ResourceQuota shop/q");
}

static void
test_room_left_or_just_changed(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: v1\n"
        "kind: ResourceQuota\n"
        "metadata: {namespace: shop, name: q}\n"
        "status: {hard: {requests.cpu: \"4\", pods: \"1\"}, used: {requests.cpu: \"1\", pods: "
        "\"1\"}}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: ResourceQuota\n"
        "metadata: {namespace: shop, name: new, creationTimestamp: \"2026-01-01T11:55:00Z\"}\n"
        "status: {hard: {pods: \"4\"}, used: {pods: \"9\"}}\n");
    test_cluster_expect_quiet(cluster, SEVERITY_INFO);
}

static void
test_unknown_is_said(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new("apiVersion: v1\n"
                         "kind: ResourceQuota\n"
                         "metadata: {namespace: shop, name: q}\n"
                         "status: {hard: {pods: \"4\"}, used: {pods: \"9\"}}\n");
    test_cluster_fail(cluster, KIND_RESOURCE_QUOTA, "resourcequotas could not be listed: 403");
    test_cluster_expect_unverified(cluster, "quota-near");
    test_cluster_expect_unverified(cluster, "quota-over");
    test_cluster_expect_unverified(cluster, "quota-count-full");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nearly_used_up),
        cmocka_unit_test(test_more_than_all),
        cmocka_unit_test(test_full_of_finished_jobs),
        cmocka_unit_test(test_room_left_or_just_changed),
        cmocka_unit_test(test_unknown_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
