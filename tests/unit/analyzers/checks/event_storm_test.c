#include "tests/unit/analyzers/checks/cases.h"

#define SHOP                            "---\n{apiVersion: v1, kind: Namespace, metadata: {name: shop}}\n"
#define EVENT(type, count, first, last) EVENT_AS("FailedCreate", type, count, first, last)
#define EVENT_AS(reason, type, count, first, last)                                                 \
    "---\n{apiVersion: v1, kind: Event, metadata: {namespace: shop, name: e}, involvedObject: "    \
    "{kind: Job, name: import, uid: gone}, type: " type ", reason: '" reason "', count: " count    \
    ", firstTimestamp: '2026-01-01T" first ":00Z', lastTimestamp: '2026-01-01T" last               \
    ":00Z', message: 'no room'}\n"

#define ANOTHER_EVENT(count, first, last)                                                          \
    "---\n{apiVersion: v1, kind: Event, metadata: {namespace: shop, name: f}, involvedObject: "    \
    "{kind: Job, name: other, uid: other}, type: Warning, reason: Failed, count: " count           \
    ", firstTimestamp: '2026-01-01T" first ":00Z', lastTimestamp: '2026-01-01T" last               \
    ":00Z', message: 'no room'}\n"

static const CheckCase cases[] = {
    {"orphan-events-storm", "Namespace shop", SHOP EVENT("Warning", "600", "11:55", "11:59"),
     "600 of them are FailedCreate"},
    /* A twelfth of two hours. */
    {"orphan-events-storm", "Namespace shop", SHOP EVENT("Warning", "12000", "10:00", "12:00"),
     "1000 warning events"},
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
        SHOP EVENT("Normal", "600", "11:55", "11:59"),
        SHOP EVENT("Warning", "400", "11:55", "11:59"),
        SHOP EVENT("Warning", "5000", "10:00", "12:00"),
        SHOP EVENT("Warning", "6000", "11:00", "11:20"),
    };
    for (size_t i = 0; i < G_N_ELEMENTS(clusters); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(clusters[i]);
        test_cluster_expect_none(cluster, "orphan-events-storm");
    }
}

/* Whoever may write events chooses their reason; commands are copied into shells. */
static void
test_a_reason_that_is_no_word(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new(SHOP EVENT_AS("a; reboot", "Warning", "600", "11:55", "11:59"));
    const Finding *finding = test_cluster_expect(cluster, "orphan-events-storm", "Namespace shop");
    assert_contains(finding->cause, "a; reboot");
    for (guint i = 0; i < finding->fix->len; i++)
        assert_lacks(finding->fix->pdata[i], "reboot");
}

/* The claim asks for a class that is not there, and half of the events or more say so. */
#define CLAIM                                                                                      \
    "---\n{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {namespace: shop, name: data, "  \
    "uid: gone, creationTimestamp: '2026-01-01T06:00:00Z'}, spec: {storageClassName: fast, "       \
    "accessModes: [ReadWriteOnce]}, status: {phase: Pending}}\n"

static void
test_what_is_told_explains_its_events(void **state)
{
    (void)state;
    g_autoptr(TestCluster) one =
        test_cluster_new(SHOP CLAIM EVENT("Warning", "600", "11:55", "11:59"));
    test_cluster_expect_folded(one, "orphan-events-storm", "Namespace shop");
    g_autoptr(TestCluster) many = test_cluster_new(SHOP CLAIM EVENT(
        "Warning", "300", "11:55", "11:59") ANOTHER_EVENT("400", "11:55", "11:59"));
    test_cluster_expect(many, "orphan-events-storm", "Namespace shop");
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
        cmocka_unit_test(test_a_reason_that_is_no_word),
        cmocka_unit_test(test_what_is_told_explains_its_events),
        cmocka_unit_test(test_unknown_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
