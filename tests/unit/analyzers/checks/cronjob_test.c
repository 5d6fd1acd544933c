#include "tests/harness/check.h"
#include "tests/harness/cluster.h"

static void
test_the_last_runs_failed(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: batch/v1\n"
        "kind: CronJob\n"
        "metadata: {namespace: shop, name: nightly}\n"
        "spec: {schedule: \"0 * * * *\"}\n"
        "status: {lastScheduleTime: \"2026-01-01T12:00:00Z\", lastSuccessfulTime: "
        "\"2025-12-30T10:01:00Z\"}\n"
        "---\n"
        "apiVersion: batch/v1\n"
        "kind: Job\n"
        "metadata: {namespace: shop, name: n-1, ownerReferences: [{kind: CronJob, name: nightly, "
        "uid: CronJob/shop/nightly, controller: true}]}\n"
        "spec: {}\n"
        "status: {conditions: [{type: FailureTarget, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\", reason: \"BackoffLimitExceeded\", message: \"\"}, {type: "
        "Failed, status: \"True\", lastTransitionTime: \"2026-01-01T11:00:00Z\", reason: "
        "\"BackoffLimitExceeded\", message: \"Job has reached the specified backoff limit\"}]}\n"
        "---\n"
        "apiVersion: batch/v1\n"
        "kind: Job\n"
        "metadata: {namespace: shop, name: n-2, ownerReferences: [{kind: CronJob, name: nightly, "
        "uid: CronJob/shop/nightly, controller: true}]}\n"
        "spec: {}\n"
        "status: {conditions: [{type: FailureTarget, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T10:00:00Z\", reason: \"BackoffLimitExceeded\", message: \"\"}, {type: "
        "Failed, status: \"True\", lastTransitionTime: \"2026-01-01T10:00:00Z\", reason: "
        "\"BackoffLimitExceeded\", message: \"Job has reached the specified backoff limit\"}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: shop, name: n-1-a, labels: {app: web}, ownerReferences: [{kind: "
        "Job, name: n-1, uid: Job/shop/n-1, controller: true}]}\n"
        "spec: {nodeName: n1, containers: [{name: app}]}\n"
        "status: {phase: Failed, conditions: [{type: Ready, status: \"False\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\"}], containerStatuses: [{name: app, state: {terminated: "
        "{exitCode: 2, reason: Error}}}]}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "cronjob-failing", "CronJob shop/nightly");
    assert_contains(finding->title, "last 2 runs");
    assert_contains(finding->cause, "2 d 1 h ago");
    assert_contains(finding->cause, "exited with 2");
    test_cluster_expect_folded(cluster, "job-failed", "CronJob shop/nightly");
    test_cluster_expect_none(cluster, "cronjob-stale-success");
}

/* By default one failed Job is kept. */
static void
test_that_none_has_ever_succeeded_is_one_finding(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: batch/v1\n"
        "kind: CronJob\n"
        "metadata: {namespace: shop, name: nightly, creationTimestamp: \"2026-01-01T02:00:00Z\"}\n"
        "spec: {schedule: \"0 * * * *\"}\n"
        "status: {lastScheduleTime: \"2026-01-01T11:00:00Z\"}\n"
        "---\n"
        "apiVersion: batch/v1\n"
        "kind: Job\n"
        "metadata: {namespace: shop, name: n-1, ownerReferences: [{kind: CronJob, name: nightly, "
        "uid: CronJob/shop/nightly, controller: true}]}\n"
        "spec: {}\n"
        "status: {conditions: [{type: Failed, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\", reason: \"BackoffLimitExceeded\", message: \"\"}]}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "cronjob-failing", "CronJob shop/nightly");
    assert_contains(finding->cause, "never had a good run");
    test_cluster_expect_folded(cluster, "job-failed", "CronJob shop/nightly");
    test_cluster_expect_none(cluster, "cronjob-never-succeeded");
    assert_int_equal(finding->since_s, TEST_NOW_S - 9 * 3600); /* its first time */
}

static void
test_one_failure_after_a_good_run_is_one_failure(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: batch/v1\n"
        "kind: CronJob\n"
        "metadata: {namespace: shop, name: nightly}\n"
        "spec: {schedule: \"0 * * * *\"}\n"
        "status: {lastScheduleTime: \"2026-01-01T12:00:00Z\", lastSuccessfulTime: "
        "\"2026-01-01T10:05:00Z\"}\n"
        "---\n"
        "apiVersion: batch/v1\n"
        "kind: Job\n"
        "metadata: {namespace: shop, name: n-1, ownerReferences: [{kind: CronJob, name: nightly, "
        "uid: CronJob/shop/nightly, controller: true}]}\n"
        "spec: {}\n"
        "status: {conditions: [{type: FailureTarget, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\", reason: \"BackoffLimitExceeded\", message: \"\"}, {type: "
        "Failed, status: \"True\", lastTransitionTime: \"2026-01-01T11:00:00Z\", reason: "
        "\"BackoffLimitExceeded\", message: \"Job has reached the specified backoff limit\"}]}\n"
        "---\n"
        "apiVersion: batch/v1\n"
        "kind: Job\n"
        "metadata: {namespace: shop, name: n-2, ownerReferences: [{kind: CronJob, name: nightly, "
        "uid: CronJob/shop/nightly, controller: true}]}\n"
        "spec: {}\n"
        "status: {startTime: \"2026-01-01T10:00:00Z\", completionTime: \"2026-01-01T10:05:00Z\", "
        "conditions: [{type: SuccessCriteriaMet, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T10:05:00Z\", reason: \"\", message: \"\"}, {type: Complete, status: "
        "\"True\", lastTransitionTime: \"2026-01-01T10:05:00Z\", reason: \"\", message: \"\"}]}\n");
    test_cluster_expect_none(cluster, "cronjob-failing");
    test_cluster_expect(cluster, "job-failed", "CronJob shop/nightly");
}

static void
test_only_one_failure_is_kept(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: batch/v1\n"
        "kind: CronJob\n"
        "metadata: {namespace: shop, name: nightly}\n"
        "spec: {schedule: \"0 * * * *\"}\n"
        "status: {lastScheduleTime: \"2026-01-01T12:00:00Z\", lastSuccessfulTime: "
        "\"2026-01-01T05:01:00Z\"}\n"
        "---\n"
        "apiVersion: batch/v1\n"
        "kind: Job\n"
        "metadata: {namespace: shop, name: n-1, ownerReferences: [{kind: CronJob, name: nightly, "
        "uid: CronJob/shop/nightly, controller: true}]}\n"
        "spec: {}\n"
        "status: {conditions: [{type: FailureTarget, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\", reason: \"BackoffLimitExceeded\", message: \"\"}, {type: "
        "Failed, status: \"True\", lastTransitionTime: \"2026-01-01T11:00:00Z\", reason: "
        "\"BackoffLimitExceeded\", message: \"Job has reached the specified backoff limit\"}]}\n");
    test_cluster_expect(cluster, "cronjob-failing", "CronJob shop/nightly");
}

static void
test_never_a_good_run(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new("apiVersion: batch/v1\n"
                         "kind: CronJob\n"
                         "metadata: {namespace: shop, name: nightly}\n"
                         "spec: {schedule: \"0 * * * *\"}\n"
                         "status: {lastScheduleTime: \"2026-01-01T12:00:00Z\"}\n");
    test_cluster_expect(cluster, "cronjob-never-succeeded", "CronJob shop/nightly");
}

static void
test_no_good_run_for_long(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new("apiVersion: batch/v1\n"
                         "kind: CronJob\n"
                         "metadata: {namespace: shop, name: nightly}\n"
                         "spec: {schedule: \"0 * * * *\"}\n"
                         "status: {lastScheduleTime: \"2026-01-01T12:00:00Z\", lastSuccessfulTime: "
                         "\"2026-01-01T05:01:00Z\"}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "cronjob-stale-success", "CronJob shop/nightly");
    assert_int_equal(finding->since_s, TEST_NOW_S - 6 * 3600);
}

static void
test_a_healthy_one(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: batch/v1\n"
        "kind: CronJob\n"
        "metadata: {namespace: shop, name: nightly}\n"
        "spec: {schedule: \"0 * * * *\"}\n"
        "status: {lastScheduleTime: \"2026-01-01T12:00:00Z\", lastSuccessfulTime: "
        "\"2026-01-01T11:05:00Z\"}\n"
        "---\n"
        "apiVersion: batch/v1\n"
        "kind: Job\n"
        "metadata: {namespace: shop, name: n-1, ownerReferences: [{kind: CronJob, name: nightly, "
        "uid: CronJob/shop/nightly, controller: true}]}\n"
        "spec: {}\n"
        "status: {startTime: \"2026-01-01T11:00:00Z\", completionTime: \"2026-01-01T11:05:00Z\", "
        "conditions: [{type: SuccessCriteriaMet, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T11:05:00Z\", reason: \"\", message: \"\"}, {type: Complete, status: "
        "\"True\", lastTransitionTime: \"2026-01-01T11:05:00Z\", reason: \"\", message: \"\"}]}\n");
    test_cluster_expect_quiet(cluster, SEVERITY_INFO);
}

static void
test_one_that_did_not_start(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: batch/v1\n"
        "kind: CronJob\n"
        "metadata: {namespace: shop, name: nightly, creationTimestamp: \"2025-11-01T00:00:00Z\"}\n"
        "spec: {schedule: \"0 3 * * *\", timeZone: \"Europe/Berlin\"}\n"
        "status: {lastScheduleTime: \"2025-12-31T02:00:00Z\", lastSuccessfulTime: "
        "\"2025-12-31T02:05:00Z\"}\n");
    const Finding *finding = test_cluster_expect(cluster, "cronjob-missed", "CronJob shop/nightly");
    assert_contains(finding->cause, "10 h ago");
}

static void
test_the_clocks_of_the_controller_are_not_known(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: batch/v1\n"
        "kind: CronJob\n"
        "metadata: {namespace: shop, name: nightly, creationTimestamp: \"2025-11-01T00:00:00Z\"}\n"
        "spec: {schedule: \"0 3 * * *\"}\n"
        "status: {lastScheduleTime: \"2025-12-31T22:00:00Z\", lastSuccessfulTime: "
        "\"2025-12-31T22:05:00Z\"}\n");
    test_cluster_expect_quiet(cluster, SEVERITY_INFO);
}

static void
test_suspended_on_purpose(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: batch/v1\n"
        "kind: CronJob\n"
        "metadata: {namespace: shop, name: nightly, creationTimestamp: \"2025-11-01T00:00:00Z\"}\n"
        "spec: {schedule: \"0 * * * *\", suspend: true}\n"
        "status: {lastScheduleTime: \"2025-12-01T12:00:00Z\"}\n"
        "---\n"
        "apiVersion: batch/v1\n"
        "kind: Job\n"
        "metadata: {namespace: shop, name: n-1, ownerReferences: [{kind: CronJob, name: nightly, "
        "uid: CronJob/shop/nightly, controller: true}]}\n"
        "spec: {}\n"
        "status: {conditions: [{type: FailureTarget, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\", reason: \"BackoffLimitExceeded\", message: \"\"}, {type: "
        "Failed, status: \"True\", lastTransitionTime: \"2026-01-01T11:00:00Z\", reason: "
        "\"BackoffLimitExceeded\", message: \"Job has reached the specified backoff limit\"}]}\n"
        "---\n"
        "apiVersion: batch/v1\n"
        "kind: Job\n"
        "metadata: {namespace: shop, name: n-2, ownerReferences: [{kind: CronJob, name: nightly, "
        "uid: CronJob/shop/nightly, controller: true}]}\n"
        "spec: {}\n"
        "status: {conditions: [{type: FailureTarget, status: \"True\", lastTransitionTime: "
        "\"2026-01-01T10:00:00Z\", reason: \"BackoffLimitExceeded\", message: \"\"}, {type: "
        "Failed, status: \"True\", lastTransitionTime: \"2026-01-01T10:00:00Z\", reason: "
        "\"BackoffLimitExceeded\", message: \"Job has reached the specified backoff limit\"}]}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "cronjob-suspended", "CronJob shop/nightly");
    assert_int_equal(finding->severity, SEVERITY_INFO);
    test_cluster_expect_quiet(cluster, SEVERITY_LOW);
}

static void
test_blocked_by_its_own_run(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new("apiVersion: batch/v1\n"
                         "kind: CronJob\n"
                         "metadata: {namespace: shop, name: nightly}\n"
                         "spec: {schedule: \"*/10 * * * *\", concurrencyPolicy: Forbid}\n"
                         "status: {lastScheduleTime: \"2026-01-01T09:00:00Z\", lastSuccessfulTime: "
                         "\"2026-01-01T08:59:00Z\"}\n"
                         "---\n"
                         "apiVersion: batch/v1\n"
                         "kind: Job\n"
                         "metadata: {namespace: shop, name: n-1, ownerReferences: [{kind: CronJob, "
                         "name: nightly, uid: CronJob/shop/nightly, controller: true}], "
                         "creationTimestamp: \"2026-01-01T09:00:00Z\"}\n"
                         "spec: {}\n"
                         "status: {active: 1, ready: 1}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "cronjob-overlap-blocked", "CronJob shop/nightly");
    assert_contains(finding->cause, "3 h");
    test_cluster_expect_none(cluster, "cronjob-missed");
}

static void
test_a_schedule_that_cannot_be_read(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new("apiVersion: batch/v1\n"
                         "kind: CronJob\n"
                         "metadata: {namespace: shop, name: nightly}\n"
                         "spec: {schedule: \"often\"}\n"
                         "status: {}\n"
                         "---\n"
                         "apiVersion: v1\n"
                         "kind: Event\n"
                         "metadata: {namespace: shop, name: e-nightly-unparseableschedule}\n"
                         "involvedObject: {kind: CronJob, namespace: shop, name: nightly, uid: "
                         "CronJob/shop/nightly}\n"
                         "type: Warning\n"
                         "reason: UnparseableSchedule\n"
                         "firstTimestamp: \"2026-01-01T11:00:00Z\"\n"
                         "lastTimestamp: \"2026-01-01T11:59:00Z\"\n"
                         "message: 'unparseable schedule: often'\n");
    test_cluster_expect(cluster, "cronjob-invalid", "CronJob shop/nightly");
}

static void
test_unknown_is_said(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new("apiVersion: batch/v1\n"
                         "kind: CronJob\n"
                         "metadata: {namespace: shop, name: nightly}\n"
                         "spec: {schedule: \"0 * * * *\"}\n"
                         "status: {lastScheduleTime: \"2026-01-01T12:00:00Z\", lastSuccessfulTime: "
                         "\"2026-01-01T11:05:00Z\"}\n");
    test_cluster_fail(cluster, KIND_JOB, "jobs could not be listed: 403");
    test_cluster_fail(cluster, KIND_CRON_JOB, "cronjobs could not be listed: 403");
    test_cluster_expect_unverified(cluster, "cronjob-missed");
    test_cluster_expect_unverified(cluster, "cronjob-failing");
    test_cluster_expect_unverified(cluster, "cronjob-never-succeeded");
    test_cluster_expect_unverified(cluster, "cronjob-stale-success");
    test_cluster_expect_unverified(cluster, "cronjob-suspended");
    test_cluster_expect_unverified(cluster, "cronjob-overlap-blocked");
    test_cluster_expect_unverified(cluster, "cronjob-invalid");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_last_runs_failed),
        cmocka_unit_test(test_that_none_has_ever_succeeded_is_one_finding),
        cmocka_unit_test(test_one_failure_after_a_good_run_is_one_failure),
        cmocka_unit_test(test_only_one_failure_is_kept),
        cmocka_unit_test(test_never_a_good_run),
        cmocka_unit_test(test_no_good_run_for_long),
        cmocka_unit_test(test_a_healthy_one),
        cmocka_unit_test(test_one_that_did_not_start),
        cmocka_unit_test(test_the_clocks_of_the_controller_are_not_known),
        cmocka_unit_test(test_suspended_on_purpose),
        cmocka_unit_test(test_blocked_by_its_own_run),
        cmocka_unit_test(test_a_schedule_that_cannot_be_read),
        cmocka_unit_test(test_unknown_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
