/* Velero: newest backups, and where they go. */
#include "tests/unit/analyzers/checks/cases.h"

static const CheckCase cases[] = {
    {"velero-location-unavailable", "BackupStorageLocation velero/s3",
     "apiVersion: velero.io/v1\n"
     "kind: BackupStorageLocation\n"
     "metadata: {namespace: velero, name: s3}\n"
     "spec: {objectStorage: {bucket: backups}}\n"
     "status: {phase: Unavailable, message: 'access denied'}\n",
     "backups: access denied"},
    {"velero-backup-failed", "Backup velero/b2",
     "apiVersion: velero.io/v1\n"
     "kind: Backup\n"
     "metadata: {namespace: velero, name: b1, labels: {velero.io/schedule-name: nightly}}\n"
     "spec: {storageLocation: s3}\n"
     "status: {phase: Completed, completionTimestamp: '2025-12-31T01:00:00Z', errors: 3}\n"
     "---\n"
     "apiVersion: velero.io/v1\n"
     "kind: Backup\n"
     "metadata: {namespace: velero, name: b2, labels: {velero.io/schedule-name: nightly}}\n"
     "spec: {storageLocation: s3}\n"
     "status: {phase: Failed, completionTimestamp: '2026-01-01T01:00:00Z', errors: 3}\n",
     "last good backup of the schedule is 1 d 11 h old"},
};

static const char *const quiet[] = {
    "apiVersion: velero.io/v1\n"
    "kind: Backup\n"
    "metadata: {namespace: velero, name: b1, labels: {velero.io/schedule-name: nightly}}\n"
    "spec: {storageLocation: s3}\n"
    "status: {phase: Failed, completionTimestamp: '2025-12-31T01:00:00Z', errors: 3}\n"
    "---\n"
    "apiVersion: velero.io/v1\n"
    "kind: Backup\n"
    "metadata: {namespace: velero, name: b2, labels: {velero.io/schedule-name: nightly}}\n"
    "spec: {storageLocation: s3}\n"
    "status: {phase: Completed, completionTimestamp: '2026-01-01T01:00:00Z', errors: 3}\n",
    "apiVersion: velero.io/v1\n"
    "kind: Backup\n"
    "metadata: {namespace: velero, name: b1, labels: {velero.io/schedule-name: nightly}}\n"
    "spec: {storageLocation: s3}\n"
    "status: {phase: InProgress, completionTimestamp: '', errors: 3}\n",
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
test_the_location_explains_the_backup(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: velero.io/v1\n"
        "kind: BackupStorageLocation\n"
        "metadata: {namespace: velero, name: s3}\n"
        "spec: {objectStorage: {bucket: backups}}\n"
        "status: {phase: Unavailable, message: 'access denied'}\n"
        "---\n"
        "apiVersion: velero.io/v1\n"
        "kind: Backup\n"
        "metadata: {namespace: velero, name: b1, labels: {velero.io/schedule-name: nightly}}\n"
        "spec: {storageLocation: s3}\n"
        "status: {phase: Failed, completionTimestamp: '2026-01-01T01:00:00Z', errors: 3}\n");
    test_cluster_expect_folded(cluster, "velero-backup-failed", "Backup velero/b1");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_fires),
        cmocka_unit_test(test_what_is_well_is_quiet),
        cmocka_unit_test(test_each_says_when_it_cannot_look),
        cmocka_unit_test(test_the_location_explains_the_backup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
