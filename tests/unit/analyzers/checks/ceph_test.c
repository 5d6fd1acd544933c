/* Rook: health, phases, capacity and disks of Ceph. */
#include "tests/unit/analyzers/checks/cases.h"

static const CheckCase cases[] = {
    {"rook-ceph-health", "CephCluster rook-ceph/ceph",
     "apiVersion: ceph.rook.io/v1\n"
     "kind: CephCluster\n"
     "metadata: {namespace: rook-ceph, name: ceph}\n"
     "status: {ceph: {health: HEALTH_ERR, lastChanged: '2026-01-01T11:00:00Z', details: "
     "{PG_DAMAGED: {severity: HEALTH_ERR, message: '1 pg inconsistent'}}}}\n",
     "1 pg inconsistent"},
    {"rook-ceph-phase", "CephBlockPool rook-ceph/pool",
     "apiVersion: ceph.rook.io/v1\n"
     "kind: CephBlockPool\n"
     "metadata: {namespace: rook-ceph, name: pool}\n"
     "status: {phase: Failure, conditions: [{type: Failure, lastTransitionTime: "
     "'2026-01-01T10:00:00Z', message: 'no such device class'}]}\n",
     "no such device class"},
    {"rook-ceph-capacity", "CephCluster rook-ceph/ceph",
     "apiVersion: ceph.rook.io/v1\n"
     "kind: CephCluster\n"
     "metadata: {namespace: rook-ceph, name: ceph}\n"
     "status: {ceph: {health: HEALTH_OK, capacity: {bytesTotal: 1073741824000, bytesUsed: "
     "923417968640}}}\n",
     "860 of 1000 GiB"},
    {"rook-osd-down", "Deployment rook-ceph/rook-ceph-osd-3",
     "apiVersion: apps/v1\n"
     "kind: Deployment\n"
     "metadata: {namespace: rook-ceph, name: rook-ceph-osd-3, labels: {app: "
     "rook-ceph-osd, osd: '3', ceph-osd-id: '3'}}\n"
     "spec: {replicas: 1, selector: {matchLabels: {osd: '3'}}, template: {metadata: "
     "{labels: {osd: '3'}}}}\n"
     "status: {conditions: [{type: Available, status: 'False', lastTransitionTime: "
     "'2026-01-01T10:00:00Z'}]}\n",
     "OSD 3"},
};

static const char *const quiet[] = {
    "apiVersion: ceph.rook.io/v1\n"
    "kind: CephCluster\n"
    "metadata: {namespace: rook-ceph, name: ceph}\n"
    "status: {phase: Ready, ceph: {health: HEALTH_OK, capacity: {bytesTotal: 100, "
    "bytesUsed: 50}}}\n",
    "apiVersion: ceph.rook.io/v1\n"
    "kind: CephCluster\n"
    "metadata: {namespace: rook-ceph, name: ceph}\n"
    "status: {ceph: {health: HEALTH_WARN, lastChanged: '2026-01-01T11:50:00Z'}}\n",
    "apiVersion: ceph.rook.io/v1\n"
    "kind: CephCluster\n"
    "metadata: {namespace: rook-ceph, name: ceph}\n"
    "status: {phase: Progressing, conditions: [{type: Progressing, lastTransitionTime: "
    "'2026-01-01T11:40:00Z'}]}\n",
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
test_a_disk_that_is_away_explains_the_warning(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: ceph.rook.io/v1\n"
        "kind: CephCluster\n"
        "metadata: {namespace: rook-ceph, name: ceph}\n"
        "status: {ceph: {health: HEALTH_WARN, lastChanged: '2026-01-01T11:00:00Z', details: "
        "{OSD_DOWN: {severity: HEALTH_WARN, message: '1 osds down'}}}}\n"
        "---\n"
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata: {namespace: rook-ceph, name: rook-ceph-osd-3, labels: {app: "
        "rook-ceph-osd, osd: '3', ceph-osd-id: '3'}}\n"
        "spec: {replicas: 1, selector: {matchLabels: {osd: '3'}}, template: {metadata: "
        "{labels: {osd: '3'}}}}\n"
        "status: {conditions: [{type: Available, status: 'False', lastTransitionTime: "
        "'2026-01-01T10:00:00Z'}]}\n");
    test_cluster_expect(cluster, "rook-osd-down", "Deployment rook-ceph/rook-ceph-osd-3");
    test_cluster_expect_folded(cluster, "rook-ceph-health", "CephCluster rook-ceph/ceph");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_fires),
        cmocka_unit_test(test_what_is_well_is_quiet),
        cmocka_unit_test(test_each_says_when_it_cannot_look),
        cmocka_unit_test(test_a_disk_that_is_away_explains_the_warning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
