/* Pods that nothing makes anew. */
#include "tests/unit/analyzers/checks/cases.h"

#define NAKED_POD(metadata, phase)                                                                 \
    "apiVersion: v1\nkind: Pod\nmetadata: {namespace: shop, name: tool, " metadata "}\n"           \
    "spec: {nodeName: n1, containers: [{name: app}]}\nstatus: {phase: " phase "}\n"
#define OLD "creationTimestamp: '2025-12-30T12:00:00Z'"

static const CheckCase cases[] = {
    {"pod-naked", "Pod shop/tool", NAKED_POD(OLD, "Running"), "It has been there for 2 d"},
};

static void
test_a_pod_without_an_owner(void **state)
{
    (void)state;
    cases_expect(cases, G_N_ELEMENTS(cases));
}

static void
test_pods_that_are_looked_after(void **state)
{
    (void)state;
    static const char *const clusters[] = {
        NAKED_POD("creationTimestamp: '2025-12-31T12:00:00Z'", "Running"),
        NAKED_POD(OLD, "Succeeded"),
        NAKED_POD(OLD ", annotations: {kubernetes.io/config.mirror: x}", "Running"),
        NAKED_POD(OLD ", ownerReferences: [{kind: CatalogSource, name: c, uid: u}]", "Running"),
    };
    cases_expect_quiet(clusters, G_N_ELEMENTS(clusters));
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
        cmocka_unit_test(test_a_pod_without_an_owner),
        cmocka_unit_test(test_pods_that_are_looked_after),
        cmocka_unit_test(test_unknown_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
