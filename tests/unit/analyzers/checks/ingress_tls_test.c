#include "tests/unit/analyzers/checks/cases.h"

#define INGRESS(host)                                                                              \
    "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {namespace: shop, name: web}\n"    \
    "spec: {tls: [{hosts: [" host "], secretName: web-tls}]}\n"
#define CERTIFICATE(names, time)                                                                   \
    "---\napiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {namespace: shop, name: "   \
    "web, creationTimestamp: '" time "'}\nspec: {secretName: web-tls, dnsNames: [" names "]}\n"
#define OLD "2026-01-01T10:00:00Z"

static const CheckCase cases[] = {
    {"ingress-tls-host-mismatch", "Ingress shop/web",
     INGRESS("b.example.com") CERTIFICATE("a.example.com", OLD), "not for b.example.com"},
    {"ingress-tls-host-mismatch", "Ingress shop/web",
     INGRESS("a.b.example.com") CERTIFICATE("'*.example.com'", OLD), "is for *.example.com"},
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
        INGRESS("a.example.com") CERTIFICATE("b.example.com, A.example.com", OLD),
        INGRESS("a.example.com") CERTIFICATE("'*.example.com'", OLD),
        INGRESS("b.example.com") CERTIFICATE("a.example.com", "2026-01-01T11:59:00Z"),
        INGRESS("b.example.com"),
    };
    for (size_t i = 0; i < G_N_ELEMENTS(clusters); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(clusters[i]);
        test_cluster_expect_none(cluster, "ingress-tls-host-mismatch");
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
