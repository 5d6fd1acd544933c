#include "tests/unit/analyzers/checks/cases.h"

#define NODE(name, version)                                                                        \
    "---\napiVersion: v1\nkind: Node\nmetadata: {name: " name                                      \
    "}\nstatus: {nodeInfo: {kubeletVersion: " version "}, conditions: [{type: Ready, status: "     \
    "'True', " CASE_SINCE "}]}\n"

#define MEMBER(name, created, version)                                                             \
    "---\n{apiVersion: v1, kind: Node, metadata: {name: " name ", creationTimestamp: '" created    \
    "', labels: {eks.amazonaws.com/nodegroup: big}}, status: {nodeInfo: {kubeletVersion: " version \
    ", architecture: amd64}, conditions: [{type: Ready, status: 'True', " CASE_SINCE "}]}}\n"
#define OLD "2025-12-01T00:00:00Z"

static const CheckCase cases[] = {
    {"node-runtime-mixed", "Node a", MEMBER("a", OLD, "v1.33.1") MEMBER("b", OLD, "v1.32.4"),
     "differ in their kubelet"},
    {"node-version-skew", "Node old", NODE("new", "v1.33.1") NODE("old", "v1.29.9+k3s1"),
     "4 minor versions"},
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
        NODE("new", "v1.33.1") NODE("old", "v1.30.9"),
        NODE("new", "v1.33.1") NODE("old", "unknown"),
        NODE("new", "v1.33.1") NODE("old", "v1.32.4"),
        MEMBER("a", OLD, "v1.33.1") MEMBER("b", OLD, "v1.33.1"),
        MEMBER("a", OLD, "v1.32.4") MEMBER("b", "2026-01-01T09:00:00Z", "v1.33.1"),
    };
    for (size_t i = 0; i < G_N_ELEMENTS(clusters); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(clusters[i]);
        test_cluster_expect_none(cluster, "node-version-skew");
        test_cluster_expect_none(cluster, "node-runtime-mixed");
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
