#include "tests/unit/analyzers/checks/cases.h"

#define SERVICE(more, time)                                                                        \
    "apiVersion: v1\nkind: Service\nmetadata: {namespace: shop, name: web, creationTimestamp: "    \
    "'" time "'}\nspec: {type: LoadBalancer" more "}\n"
#define INSTALLED                                                                                  \
    "---\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: "  \
    "ipaddresspools.metallb.io}\n"
#define POOL                                                                                       \
    "---\napiVersion: metallb.io/v1beta1\nkind: IPAddressPool\nmetadata: {namespace: metallb, "    \
    "name: first}\n"
#define OLD "2026-01-01T10:00:00Z"

static const CheckCase cases[] = {
    {"metallb", "Service shop/web", SERVICE("", OLD) INSTALLED, "no pool"},
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
        SERVICE("", OLD),
        SERVICE("", OLD) INSTALLED POOL,
        SERVICE("", "2026-01-01T11:59:00Z") INSTALLED,
        SERVICE(", loadBalancerClass: cloud", OLD) INSTALLED,
    };
    for (size_t i = 0; i < G_N_ELEMENTS(clusters); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(clusters[i]);
        test_cluster_expect_none(cluster, "metallb");
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
