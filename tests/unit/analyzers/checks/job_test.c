#include "tests/harness/check.h"
#include "tests/harness/cluster.h"

static void
test_one_that_gave_up(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: batch/v1\n"
        "kind: Job\n"
        "metadata: {namespace: shop, name: once}\n"
        "spec: {}\n"
        "status: {conditions: [{type: FailureTarget, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\", reason: \"BackoffLimitExceeded\", message: \"\"}, {type: "
        "Failed, status: \"True\", lastTransitionTime: \"2026-01-01T11:00:00Z\", reason: "
        "\"BackoffLimitExceeded\", message: \"Job has reached the specified backoff limit\"}], "
        "failed: 1}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: shop, name: once-a, labels: {app: web}, ownerReferences: [{kind: "
        "Job, name: once, uid: Job/shop/once, controller: true}]}\n"
        "spec: {nodeName: n1, containers: [{name: app}]}\n"
        "status: {phase: Failed, conditions: [{type: Ready, status: \"False\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\"}], containerStatuses: [{name: app, state: {terminated: "
        "{exitCode: 2, reason: Error}}}]}\n");
    const Finding *finding = test_cluster_expect(cluster, "job-failed", "Job shop/once");
    assert_contains(finding->cause, "exited with 2");
    assert_int_equal(finding->since_s, TEST_NOW_S - 3600);
}

static void
test_one_that_succeeded_at_last_or_failed_long_ago(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: batch/v1\n"
        "kind: Job\n"
        "metadata: {namespace: shop, name: ok}\n"
        "spec: {}\n"
        "status: {startTime: \"2026-01-01T09:00:00Z\", completionTime: \"2026-01-01T10:00:00Z\", "
        "conditions: [{type: SuccessCriteriaMet, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T10:00:00Z\", reason: \"\", message: \"\"}, {type: Complete, status: "
        "\"True\", lastTransitionTime: \"2026-01-01T10:00:00Z\", reason: \"\", message: \"\"}], "
        "failed: 1}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: shop, name: ok-a, labels: {app: web}, ownerReferences: [{kind: Job, "
        "name: ok, uid: Job/shop/ok, controller: true}]}\n"
        "spec: {nodeName: n1, containers: [{name: app}]}\n"
        "status: {phase: Failed, conditions: [{type: Ready, status: \"False\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\"}], containerStatuses: [{name: app, state: {terminated: "
        "{exitCode: 2, reason: Error}}}]}\n"
        "---\n"
        "apiVersion: batch/v1\n"
        "kind: Job\n"
        "metadata: {namespace: shop, name: old}\n"
        "spec: {}\n"
        "status: {conditions: [{type: FailureTarget, status: \"True\", lastTransitionTime: "
        "\"2025-12-30T00:00:00Z\", reason: \"BackoffLimitExceeded\", message: \"\"}, {type: "
        "Failed, status: \"True\", lastTransitionTime: \"2025-12-30T00:00:00Z\", reason: "
        "\"BackoffLimitExceeded\", message: \"Job has reached the specified backoff limit\"}]}\n");
    test_cluster_expect_quiet(cluster, SEVERITY_INFO);
}

static void
test_a_later_run_has_succeeded(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: batch/v1\n"
        "kind: CronJob\n"
        "metadata: {namespace: shop, name: nightly}\n"
        "spec: {schedule: \"0 0 1 1 *\"}\n"
        "status: {lastScheduleTime: \"2026-01-01T11:00:00Z\"}\n"
        "---\n"
        "apiVersion: batch/v1\n"
        "kind: Job\n"
        "metadata: {namespace: shop, name: n-1, ownerReferences: [{kind: CronJob, name: nightly, "
        "uid: CronJob/shop/nightly, controller: true}]}\n"
        "spec: {}\n"
        "status: {conditions: [{type: FailureTarget, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T10:00:00Z\", reason: \"BackoffLimitExceeded\", message: \"\"}, {type: "
        "Failed, status: \"True\", lastTransitionTime: \"2026-01-01T10:00:00Z\", reason: "
        "\"BackoffLimitExceeded\", message: \"Job has reached the specified backoff limit\"}]}\n"
        "---\n"
        "apiVersion: batch/v1\n"
        "kind: Job\n"
        "metadata: {namespace: shop, name: n-2, ownerReferences: [{kind: CronJob, name: nightly, "
        "uid: CronJob/shop/nightly, controller: true}]}\n"
        "spec: {}\n"
        "status: {startTime: \"2026-01-01T11:00:00Z\", completionTime: \"2026-01-01T11:05:00Z\", "
        "conditions: [{type: SuccessCriteriaMet, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T11:05:00Z\", reason: \"\", message: \"\"}, {type: Complete, status: "
        "\"True\", lastTransitionTime: \"2026-01-01T11:05:00Z\", reason: \"\", message: \"\"}]}\n");
    test_cluster_expect_none(cluster, "job-failed");
}

static void
test_one_that_keeps_trying(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: batch/v1\n"
        "kind: Job\n"
        "metadata: {namespace: shop, name: once}\n"
        "spec: {backoffLimit: 6}\n"
        "status: {startTime: \"2026-01-01T11:00:00Z\", failed: 3, active: 1, ready: 1}\n");
    const Finding *finding = test_cluster_expect(cluster, "job-retrying", "Job shop/once");
    assert_contains(finding->cause, "3 of 7");
}

static void
test_a_run_that_hangs(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: batch/v1\n"
        "kind: CronJob\n"
        "metadata: {namespace: shop, name: nightly}\n"
        "spec: {schedule: \"@yearly\"}\n"
        "status: {}\n"
        "---\n"
        "apiVersion: batch/v1\n"
        "kind: Job\n"
        "metadata: {namespace: shop, name: n-1, ownerReferences: [{kind: CronJob, name: nightly, "
        "uid: CronJob/shop/nightly, controller: true}]}\n"
        "spec: {}\n"
        "status: {startTime: \"2026-01-01T09:00:00Z\", completionTime: \"2026-01-01T09:04:00Z\", "
        "conditions: [{type: SuccessCriteriaMet, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T09:04:00Z\", reason: \"\", message: \"\"}, {type: Complete, status: "
        "\"True\", lastTransitionTime: \"2026-01-01T09:04:00Z\", reason: \"\", message: \"\"}]}\n"
        "---\n"
        "apiVersion: batch/v1\n"
        "kind: Job\n"
        "metadata: {namespace: shop, name: n-2, ownerReferences: [{kind: CronJob, name: nightly, "
        "uid: CronJob/shop/nightly, controller: true}]}\n"
        "spec: {}\n"
        "status: {startTime: \"2025-12-31T20:00:00Z\", active: 1, ready: 1}\n"
        "---\n"
        "apiVersion: batch/v1\n"
        "kind: Job\n"
        "metadata: {namespace: shop, name: long}\n"
        "spec: {}\n"
        "status: {startTime: \"2025-12-01T20:00:00Z\", active: 1, ready: 1}\n");
    const Finding *finding = test_cluster_expect(cluster, "job-stuck-active", "Job shop/n-2");
    assert_contains(finding->cause, "4 min");
    assert_int_equal(test_cluster_findings(cluster)->n_roots, 1);
}

/* It keeps its CronJob from running: one thing is wrong. */
static void
test_a_run_that_hangs_and_blocks_the_next(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: batch/v1\n"
        "kind: CronJob\n"
        "metadata: {namespace: shop, name: hourly}\n"
        "spec: {schedule: \"0 * * * *\", concurrencyPolicy: Forbid}\n"
        "status: {lastScheduleTime: \"2025-12-31T20:00:00Z\", active: [{name: h-2}]}\n"
        "---\n"
        "apiVersion: batch/v1\n"
        "kind: Job\n"
        "metadata: {namespace: shop, name: h-1, ownerReferences: [{kind: CronJob, name: hourly, "
        "uid: CronJob/shop/hourly, controller: true}]}\n"
        "spec: {}\n"
        "status: {startTime: \"2025-12-31T19:00:00Z\", completionTime: \"2025-12-31T19:04:00Z\", "
        "conditions: [{type: Complete, status: \"True\", lastTransitionTime: "
        "\"2025-12-31T19:04:00Z\", reason: \"\", message: \"\"}]}\n"
        "---\n"
        "apiVersion: batch/v1\n"
        "kind: Job\n"
        "metadata: {namespace: shop, name: h-2, creationTimestamp: \"2025-12-31T20:00:00Z\", "
        "ownerReferences: [{kind: CronJob, name: hourly, uid: CronJob/shop/hourly, controller: "
        "true}]}\n"
        "spec: {}\n"
        "status: {startTime: \"2025-12-31T20:00:00Z\", active: 1, ready: 1}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "cronjob-overlap-blocked", "CronJob shop/hourly");
    test_cluster_expect_folded(cluster, "job-stuck-active", "Job shop/h-2");
    assert_contains(finding->cause, "Job h-2 has been active for 16 h");
    assert_int_equal(test_cluster_findings(cluster)->n_roots, 1);
}

static void
test_a_pod_that_does_not_start(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: batch/v1\n"
        "kind: Job\n"
        "metadata: {namespace: shop, name: once}\n"
        "spec: {}\n"
        "status: {startTime: \"2026-01-01T11:00:00Z\", active: 1, ready: 0}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: shop, name: once-a, labels: {app: web}, ownerReferences: [{kind: "
        "Job, name: once, uid: Job/shop/once, controller: true}]}\n"
        "spec: {nodeName: n1, containers: [{name: app}]}\n"
        "status: {phase: Pending, conditions: [{type: Ready, status: \"False\", "
        "lastTransitionTime: \"2026-01-01T11:00:00Z\"}]}\n");
    test_cluster_expect(cluster, "job-pods-pending", "Job shop/once");
}

static void
test_suspended(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: batch/v1\n"
        "kind: Job\n"
        "metadata: {namespace: shop, name: off}\n"
        "spec: {suspend: true}\n"
        "status: {conditions: [{type: Suspended, status: \"True\", lastTransitionTime: "
        "\"2025-12-31T12:00:00Z\", reason: \"\", message: \"\"}]}\n"
        "---\n"
        "apiVersion: batch/v1\n"
        "kind: Job\n"
        "metadata: {namespace: shop, name: queued, labels: {kueue.x-k8s.io/queue-name: q}}\n"
        "spec: {suspend: true}\n"
        "status: {conditions: [{type: Suspended, status: \"True\", lastTransitionTime: "
        "\"2025-12-31T12:00:00Z\", reason: \"\", message: \"\"}]}\n");
    const Finding *finding = test_cluster_expect(cluster, "job-suspended", "Job shop/off");
    assert_int_equal(finding->severity, SEVERITY_INFO);
    assert_int_equal(test_cluster_findings(cluster)->n_roots, 1);
}

static void
test_unknown_is_said(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new("apiVersion: batch/v1\n"
                                                      "kind: Job\n"
                                                      "metadata: {namespace: shop, name: once}\n"
                                                      "spec: {}\n"
                                                      "status: {}\n");
    test_cluster_fail(cluster, KIND_JOB, "jobs could not be listed: 403");
    test_cluster_expect_unverified(cluster, "job-failed");
    test_cluster_expect_unverified(cluster, "job-retrying");
    test_cluster_expect_unverified(cluster, "job-stuck-active");
    test_cluster_expect_unverified(cluster, "job-pods-pending");
    test_cluster_expect_unverified(cluster, "job-suspended");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_that_gave_up),
        cmocka_unit_test(test_one_that_succeeded_at_last_or_failed_long_ago),
        cmocka_unit_test(test_a_later_run_has_succeeded),
        cmocka_unit_test(test_one_that_keeps_trying),
        cmocka_unit_test(test_a_run_that_hangs),
        cmocka_unit_test(test_a_run_that_hangs_and_blocks_the_next),
        cmocka_unit_test(test_a_pod_that_does_not_start),
        cmocka_unit_test(test_suspended),
        cmocka_unit_test(test_unknown_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
