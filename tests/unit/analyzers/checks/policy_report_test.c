/* Reports of policies. */
#include "tests/unit/analyzers/checks/cases.h"

/* 1767160800 is 30 hours before the clock of the tests, 1767265200 one hour. */
#define REPORT(head, result, source, seconds)                                                      \
    "apiVersion: wgpolicyk8s.io/v1alpha2\n" head                                                   \
    "scope: {kind: Deployment, name: web, namespace: shop}\n"                                      \
    "results: [{policy: no-latest, rule: tag, result: " result ", source: " source                 \
    ", timestamp: {nanos: 0, seconds: " seconds "}}, {policy: other, result: pass, source: "       \
    "kyverno, timestamp: {seconds: 1767160800}}]\n"
#define OF_SHOP "kind: PolicyReport\nmetadata: {namespace: shop, name: r1}\n"
#define OF_ALL  "kind: ClusterPolicyReport\nmetadata: {name: r1}\n"
#define POLICY                                                                                     \
    "---\napiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: no-latest}\nspec: {}\n" \
    "status: {conditions: [{type: Ready, status: 'True'}]}\n"

static const CheckCase cases[] = {
    {"kyverno-policyreport", "ClusterPolicy no-latest",
     REPORT(OF_SHOP, "fail", "kyverno", "1767160800") POLICY, "1 object violates policy no-latest"},
    {"kyverno-policyreport", "PolicyReport shop/r1",
     REPORT(OF_SHOP, "fail", "KyvernoValidatingPolicy", "1767160800"), "1 results \"fail\""},
    {"kyverno-policyreport", "ClusterPolicyReport r1",
     REPORT(OF_ALL, "error", "kyverno", "1767160800"), "and 1 \"error\""},
};

static void
test_results_that_fail(void **state)
{
    (void)state;
    cases_expect(cases, G_N_ELEMENTS(cases));
    g_autoptr(TestCluster) cluster = test_cluster_new(cases[0].yaml);
    const Finding *finding = test_cluster_expect(cluster, cases[0].check, cases[0].object);
    assert_string_equal(finding->evidence->pdata[0], "Deployment shop/web");
    assert_int_equal(finding->since_s, 1767160800);
}

static void
test_results_of_others_and_new_ones(void **state)
{
    (void)state;
    static const char *const clusters[] = {
        REPORT(OF_SHOP, "pass", "kyverno", "1767160800"),
        REPORT(OF_SHOP, "fail", "kyverno", "1767265200"),
        REPORT(OF_SHOP, "fail", "Trivy Vulnerability", "1767160800"),
        REPORT(OF_SHOP, "skip", "kyverno", "1767160800"),
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
        cmocka_unit_test(test_results_that_fail),
        cmocka_unit_test(test_results_of_others_and_new_ones),
        cmocka_unit_test(test_unknown_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
