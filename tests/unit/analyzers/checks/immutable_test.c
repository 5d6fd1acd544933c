#include "tests/unit/analyzers/checks/cases.h"

#define RELEASE(status)                                                                            \
    "---\n{apiVersion: helm.toolkit.fluxcd.io/v2, kind: HelmRelease, metadata: {namespace: shop, " \
    "name: db}, status: " status "}\n"
#define REFUSED                                                                                    \
    "'Helm upgrade failed: cannot patch \"db\" with kind StatefulSet: updates to statefulset "     \
    "spec "                                                                                        \
    "for fields other than replicas are forbidden'"
#define SET                                                                                        \
    "---\n{apiVersion: apps/v1, kind: StatefulSet, metadata: {namespace: shop, name: db}, spec: "  \
    "{replicas: 0, selector: {matchLabels: {app: db}}, template: {metadata: {labels: {app: db}}, " \
    "spec: {containers: [{name: app}]}}}}\n"
#define EVENT(type, last)                                                                          \
    "---\n{apiVersion: v1, kind: Event, metadata: {namespace: shop, name: e}, involvedObject: "    \
    "{kind: StatefulSet, namespace: shop, name: db, uid: StatefulSet/shop/db}, type: " type        \
    ", reason: UpdateFailed, firstTimestamp: '2026-01-01T09:00:00Z', lastTimestamp: '" last        \
    "', message: 'spec.volumeClaimTemplates: Forbidden: field is immutable'}\n"
#define NOW "2026-01-01T11:59:00Z"

static const CheckCase cases[] = {
    {"config-immutable-change", "HelmRelease shop/db",
     RELEASE("{conditions: [{type: Ready, status: 'False', reason: UpgradeFailed, " CASE_SINCE
             ", message: " REFUSED "}]}"),
     "fields other than replicas"},
    {"config-immutable-change", "StatefulSet shop/db", SET EVENT("Warning", NOW),
     "volumeClaimTemplates"},
};

static void
test_what_is_wrong(void **state)
{
    (void)state;
    cases_expect(cases, G_N_ELEMENTS(cases));
}

static void
test_what_is_well(void **state)
{
    (void)state;
    static const char *const clusters[] = {
        RELEASE("{conditions: [{type: Ready, status: 'True', " CASE_SINCE ", message: " REFUSED
                "}]}"),
        SET EVENT("Warning", "2026-01-01T09:30:00Z"),
        SET EVENT("Normal", NOW),
    };
    for (size_t i = 0; i < G_N_ELEMENTS(clusters); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(clusters[i]);
        test_cluster_expect_none(cluster, "config-immutable-change");
    }
}

static void
test_unknown_is_said(void **state)
{
    (void)state;
    cases_expect_unverified(cases, G_N_ELEMENTS(cases));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_wrong),
        cmocka_unit_test(test_what_is_well),
        cmocka_unit_test(test_unknown_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
