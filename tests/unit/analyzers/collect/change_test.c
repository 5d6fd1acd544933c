#include "analyzers/collect/change.h"
#include "tests/harness/check.h"
#include "tests/harness/cluster.h"

#define CONFIG_MAP(fields)                                                                         \
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {namespace: shop, name: a, "                       \
    "creationTimestamp: '2026-01-01T08:00:00Z'" fields "}\n"
#define WRITTEN(manager, hour, more)                                                               \
    "{manager: " manager ", time: '2026-01-01T" hour ":00:00Z'" more "}"

enum { HOUR_S = 3600, CREATED_S = TEST_NOW_S - 4 * HOUR_S };

static void
expect(const char *yaml, int64_t changed_s, const char *manager, int64_t written_s)
{
    g_autoptr(TestCluster) cluster = test_cluster_new(yaml);
    const Object *map = snapshot_get(test_cluster_snapshot(cluster), KIND_CONFIG_MAP, "shop", "a");
    const char *by;
    assert_int_equal(object_changed_s(map, &by), changed_s);
    assert_string_equal(by, manager);
    assert_int_equal(object_written_s(map), written_s);
}

static void
test_the_newest_change_counts(void **state)
{
    (void)state;
    expect(CONFIG_MAP(", managedFields: [" WRITTEN("helm", "10", "") "," WRITTEN(
               "kubectl", "09", ", subresource: scale") "]"),
           CREATED_S + 2 * HOUR_S, "helm", CREATED_S + 2 * HOUR_S);
    expect(CONFIG_MAP(", managedFields: [" WRITTEN("helm", "09", "") "," WRITTEN(
               "kubectl", "10", ", subresource: scale") "]"),
           CREATED_S + 2 * HOUR_S, "kubectl", CREATED_S + 2 * HOUR_S);
}

static void
test_status_and_controllers_change_nothing(void **state)
{
    (void)state;
    expect(CONFIG_MAP(", managedFields: [" WRITTEN("operator", "10", ", subresource: status") "]"),
           CREATED_S, "", CREATED_S + 2 * HOUR_S);
    expect(CONFIG_MAP(", managedFields: [" WRITTEN("kube-controller-manager", "11", "") "]"),
           CREATED_S, "", CREATED_S + 3 * HOUR_S);
}

static void
test_nothing_said_means_the_creation(void **state)
{
    (void)state;
    expect(CONFIG_MAP(""), CREATED_S, "", CREATED_S);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_newest_change_counts),
        cmocka_unit_test(test_status_and_controllers_change_nothing),
        cmocka_unit_test(test_nothing_said_means_the_creation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
