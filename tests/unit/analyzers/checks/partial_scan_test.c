#include "tests/unit/analyzers/checks/cases.h"

#define CLUSTER "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"

static void
test_lists_that_are_forbidden(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(CLUSTER);
    test_cluster_fail(cluster, KIND_DAEMON_SET, "daemonsets could not be listed: 403 no");
    test_cluster_fail(cluster, KIND_DEPLOYMENT, "deployments could not be listed: 403 no");
    test_cluster_fail(cluster, KIND_NODE, "nodes could not be listed: timeout");
    const Finding *finding =
        test_cluster_expect(cluster, "analyzer-partial-scan", "Backend kubernetes");
    assert_string_equal(finding->title,
                        "The analyzer could not look at nodes, deployments, daemonsets");
    assert_int_equal(finding->severity, SEVERITY_MEDIUM);
    assert_int_equal(finding->evidence->len, 3);
    assert_int_equal(finding->fix->len, 2);
    assert_string_equal(
        finding->fix->pdata[1],
        "- {apiGroups: [\"apps\"], resources: [deployments, daemonsets], verbs: [list]}");
}

static void
test_all_is_read(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(CLUSTER);
    test_cluster_expect_none(cluster, "analyzer-partial-scan");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists_that_are_forbidden),
        cmocka_unit_test(test_all_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
