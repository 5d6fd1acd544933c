#include "tests/unit/analyzers/checks/cases.h"

#define POLICY(peer, port, time)                                                                   \
    "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {namespace: shop, name: "    \
    "db, creationTimestamp: '" time "'}\nspec: {podSelector: {matchLabels: {app: db}}, ingress: "  \
    "[{from: [" peer "], ports: [{port: " port                                                     \
    "}]}]}\n---\napiVersion: v1\nkind: Pod\nmetadata: {namespace: shop, name: db, labels: {app: "  \
    "db}}\nspec: {nodeName: n1, containers: [{name: db}]}\nstatus: {phase: Running, conditions: "  \
    "[{type: Ready, status: 'True', " CASE_SINCE "}]}\n"
#define NODE                                                                                       \
    "---\napiVersion: v1\nkind: Node\nmetadata: {name: n1}\nspec: {podCIDRs: [10.244.1.0/24, "     \
    "'fd00:1::/64']}\nstatus: {conditions: [{type: Ready, status: 'True', " CASE_SINCE "}]}\n"
#define OLD "2025-12-30T12:00:00Z"
#define NEW "2026-01-01T10:00:00Z"

static const CheckCase cases[] = {
    {"netpol-peer-empty-ns-selector", "NetworkPolicy shop/db",
     POLICY("{namespaceSelector: {}}", "5432", OLD), "port 5432"},
    {"netpol-ipblock-covers-pods", "NetworkPolicy shop/db",
     POLICY("{ipBlock: {cidr: 10.244.1.7/32}}", "80", OLD) NODE, "10.244.1.7/32"},
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
        POLICY("{namespaceSelector: {}}", "8080", OLD),
        POLICY("{namespaceSelector: {}, podSelector: {}}", "5432", OLD),
        POLICY("{namespaceSelector: {}}", "5432", NEW),
        POLICY("{ipBlock: {cidr: 10.0.0.0/8}}", "80", OLD) NODE,
        POLICY("{ipBlock: {cidr: 192.0.2.0/24}}", "80", OLD) NODE,
        POLICY("{ipBlock: {cidr: 10.244.1.7/32}}", "80", NEW) NODE,
    };
    for (size_t i = 0; i < G_N_ELEMENTS(clusters); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(clusters[i]);
        test_cluster_expect_none(cluster, "netpol-peer-empty-ns-selector");
        test_cluster_expect_none(cluster, "netpol-ipblock-covers-pods");
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
