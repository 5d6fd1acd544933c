#include "analyzers/collect/dependency.h"
#include "analyzers/collect/relations.h"

#include "tests/harness/check.h"
#include "tests/harness/cluster.h"

#define DEPLOYMENT                                                                                 \
    "---\n"                                                                                        \
    "apiVersion: apps/v1\n"                                                                        \
    "kind: Deployment\n"                                                                           \
    "metadata: {namespace: shop, name: web}\n"                                                     \
    "spec: {template: {metadata: {labels: {app: web}}}}\n"

/* Number of what a Service with this selector needs. */
static guint
count_needs(const char *selector)
{
    g_autofree char *yaml = g_strdup_printf("apiVersion: v1\n"
                                            "kind: Service\n"
                                            "metadata: {namespace: shop, name: web}\n"
                                            "spec: {%s}\n" DEPLOYMENT,
                                            selector);
    g_autoptr(TestCluster) cluster = test_cluster_new(yaml);
    const Snapshot *snapshot = test_cluster_snapshot(cluster);
    g_autoptr(Relations) relations = relations_new(snapshot);
    const Object *service = snapshot_get(snapshot, KIND_SERVICE, "shop", "web");
    g_autoptr(GPtrArray) needs = relations_needs(relations, service);
    return needs->len;
}

static void
test_a_service_needs_what_it_selects(void **state)
{
    (void)state;
    assert_int_equal(count_needs("selector: {app: web}"), 1);
    assert_int_equal(count_needs("selector: {app: other}"), 0);
    assert_int_equal(count_needs("selector: {}"), 0);
    assert_int_equal(count_needs("selector: ~"), 0);
    assert_int_equal(count_needs("selector: web"), 0);
    assert_int_equal(count_needs("type: ExternalName"), 0);
}

/* `selector` of Service web: how many Services a pod that names it uses. */
static guint
count_uses(const char *selector)
{
    g_autofree char *yaml = g_strdup_printf(
        "apiVersion: v1\n"
        "kind: Service\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {selector: %s, ports: [{port: 80}]}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: shop, name: caller, labels: {app: caller}}\n"
        "spec: {containers: [{name: c, env: [{name: WEB_URL, value: 'http://web'}]}]}\n",
        selector);
    g_autoptr(TestCluster) cluster = test_cluster_new(yaml);
    const Snapshot *snapshot = test_cluster_snapshot(cluster);
    const Object *pod = snapshot_get(snapshot, KIND_POD, "shop", "caller");
    g_autoptr(GPtrArray) uses = dependencies_of(snapshot, "shop", pod_template(pod));
    return uses->len;
}

static void
test_an_empty_selector_is_not_the_pod_itself(void **state)
{
    (void)state;
    assert_int_equal(count_uses("{app: web}"), 1);
    assert_int_equal(count_uses("{}"), 1);
    assert_int_equal(count_uses("{app: caller}"), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_selector_is_not_the_pod_itself),
        cmocka_unit_test(test_a_service_needs_what_it_selects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
