#include "tests/unit/analyzers/checks/cases.h"

#define OBJECT(kind, meta, status)                                                                 \
    "apiVersion: operators.coreos.com/v1alpha1\nkind: " kind                                       \
    "\nmetadata: {namespace: shop, name: op" meta "}\nstatus: {" status "}\n"
#define CSV(meta, phase, time)                                                                     \
    OBJECT("ClusterServiceVersion", meta,                                                          \
           "phase: " phase ", message: 'no such api', lastTransitionTime: '" time "'")
#define OLD "2026-01-01T11:00:00Z"

static const CheckCase cases[] = {
    {"olm-install-stuck", "ClusterServiceVersion shop/op", CSV("", "Failed", OLD), "no such api"},
    {"olm-install-stuck", "ClusterServiceVersion shop/op", CSV("", "Pending", OLD), "Pending"},
    {"olm-install-stuck", "Subscription shop/op",
     OBJECT("Subscription", "",
            "conditions: [{type: ResolutionFailed, status: 'True', message: clash, " CASE_SINCE
            "}]"),
     "clash"},
    {"olm-install-stuck", "InstallPlan shop/op",
     OBJECT("InstallPlan", "",
            "phase: Failed, conditions: [{type: Installed, status: 'False', message: "
            "denied, " CASE_SINCE "}]"),
     "denied"},
    {"olm-install-stuck", "CatalogSource shop/op",
     OBJECT("CatalogSource", "",
            "connectionState: {lastObservedState: TRANSIENT_FAILURE, lastConnect: '" OLD "'}"),
     "not reached"},
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
        CSV("", "Succeeded", OLD),
        CSV("", "Installing", "2026-01-01T11:50:00Z"),
        CSV(", labels: {olm.copiedFrom: other}", "Failed", OLD),
        OBJECT("InstallPlan", "", "phase: RequiresApproval"),
        /* A later plan has taken its place. */
        OBJECT("InstallPlan", "",
               "phase: Failed, conditions: [{type: Installed, status: 'False', message: "
               "denied, " CASE_SINCE
               "}]") "---\n" OBJECT("Subscription", "", "installPlanRef: {name: later}"),
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
        cmocka_unit_test(test_what_is_wrong),
        cmocka_unit_test(test_what_is_well),
        cmocka_unit_test(test_unknown_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
