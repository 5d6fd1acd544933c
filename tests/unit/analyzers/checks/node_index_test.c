#include "tests/unit/analyzers/checks/collectors.h"

static void
test_labels_of_all_ways(void **state)
{
    (void)state;
    static const struct {
        const char *label, *values[3];
    } ways[] = {{"instance", {"n1", "n2", "n3"}},
                {"node", {"n1", "n2", "n3"}},
                {"k8s_node_name", {"n1", "n2", "n3"}},
                {"instance", {"ip-p1:12345", "ip-p2:12345", "ip-p3:12345"}},
                {"instance", {"ip-n1:12345", "ip-n2:12345", "ip-n3:12345"}},
                {"instance", {"p1", "p2", "p3"}},
                {"pod", {"p1", "p2", "p3"}}};
    for (size_t i = 0; i < G_N_ELEMENTS(ways); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(THREE);
        ANSWER(cluster, ways[i].label, {ways[i].values[0], 20}, {ways[i].values[1], 20},
               {ways[i].values[2], HOUR});
        test_cluster_expect(cluster, "alloy-silent-on-node", "Node n3");
    }
}

static void
test_a_label_that_names_too_few(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(THREE);
    ANSWER(cluster, "instance", {"n1", 20}, {"elsewhere", 20}, {"n3", HOUR});
    test_cluster_expect_none(cluster, "alloy-silent-on-node");
    test_cluster_expect_unverified(cluster, "alloy-silent-on-node");
}

/* A pod that is gone is known by kube_pod_info alone. */
static void
test_a_pod_that_is_gone(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(THREE);
    ANSWER(cluster, "pod", {"p1", 20}, {"p2", 20}, {"p0", 12 * MINUTE});
    test_cluster_answer(cluster, "alloy-pods",
                        "[{\"metric\":{\"namespace\":\"mon\",\"pod\":\"p0\",\"node\":\"n3\","
                        "\"created_by_name\":\"alloy\"},\"value\":[1,\"1\"]}]");
    const Finding *finding = test_cluster_expect(cluster, "alloy-silent-on-node", "Node n3");
    assert_contains(finding->title, "since 11:48 UTC (12 min)");
}

/* Two collectors on a node are told apart by their pods. */
static void
test_two_sets(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        THREE SET("alloy-logs", "grafana/alloy") POD_OF("alloy-logs", "l1", "n1", READY)
            POD_OF("alloy-logs", "l2", "n2", READY) POD_OF("alloy-logs", "l3", "n3", READY));
    ANSWER(cluster, "pod", {"p1", 20}, {"p2", 20}, {"p3", 20}, {"l1", 20}, {"l2", 20},
           {"l3", HOUR});
    const Finding *finding = test_cluster_expect(cluster, "alloy-silent-on-node", "Node n3");
    assert_string_equal(finding->what, "mon/alloy-logs");
    assert_contains(finding->cause, "Pod l3");
}

static void
test_a_set_that_never_reports(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        THREE SET("alloy-profiles", "grafana/alloy") POD_OF("alloy-profiles", "l1", "n1", READY)
            POD_OF("alloy-profiles", "l2", "n2", READY)
                POD_OF("alloy-profiles", "l3", "n3", READY));
    ANSWER(cluster, "pod", {"p1", 20}, {"p2", 20}, {"p3", 20});
    test_cluster_expect_none(cluster, "alloy-silent-on-node");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_labels_of_all_ways),
        cmocka_unit_test(test_a_label_that_names_too_few),
        cmocka_unit_test(test_a_pod_that_is_gone),
        cmocka_unit_test(test_two_sets),
        cmocka_unit_test(test_a_set_that_never_reports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
