#include "tests/unit/analyzers/checks/cases.h"

#define RELEASE(version, status, time)                                                             \
    "---\napiVersion: v1\nkind: Secret\nmetadata: {namespace: shop, name: "                        \
    "sh.helm.release.v1.web.v" version ", creationTimestamp: '" time                               \
    "', labels: {owner: helm, name: web, version: '" version "', status: " status "}}\n"
#define OLD "2026-01-01T11:00:00Z"
#define NEW "2026-01-01T11:50:00Z"

static const CheckCase cases[] = {
    {"helm-release-failed", "Secret shop/sh.helm.release.v1.web.v9", RELEASE("9", "failed", OLD),
     "web is failed"},
    {"helm-release-failed", "Secret shop/sh.helm.release.v1.web.v10",
     RELEASE("9", "deployed", OLD) RELEASE("10", "pending-upgrade", OLD), "interrupted"},
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
        RELEASE("9", "failed", NEW),
        RELEASE("9", "failed", OLD) RELEASE("10", "deployed", OLD),
        RELEASE("9", "superseded", OLD),
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
