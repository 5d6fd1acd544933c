#include "tests/harness/check.h"
#include "tests/harness/cluster.h"

/* A ConfigMap with `n` values of 60 KiB. */
static char *
config_map(int n)
{
    GString *yaml = g_string_new("apiVersion: v1\n"
                                 "kind: ConfigMap\n"
                                 "metadata: {namespace: shop, name: big}\n"
                                 "data:\n");
    g_autofree char *value = g_strnfill(60 * (gsize)1024, 'x');
    for (int i = 0; i < n; i++)
        g_string_append_printf(yaml, "  key%d: %s\n", i, value);
    return g_string_free(yaml, FALSE);
}

/* A namespace with `n` Jobs that finished two days ago. */
static char *
old_jobs(int n, const char *spec)
{
    GString *yaml = g_string_new("apiVersion: v1\n"
                                 "kind: Namespace\n"
                                 "metadata: {name: shop}\n");
    for (int i = 0; i < n; i++)
        g_string_append_printf(yaml,
                               "---\n"
                               "apiVersion: batch/v1\n"
                               "kind: Job\n"
                               "metadata: {namespace: shop, name: job%d}\n"
                               "spec: {%s}\n"
                               "status: {conditions: [{type: Complete, status: \"True\", "
                               "lastTransitionTime: \"2025-12-30T12:00:00Z\"}]}\n",
                               i, spec);
    return g_string_free(yaml, FALSE);
}

static void
test_a_large_config_map(void **state)
{
    (void)state;
    g_autofree char *large = config_map(16), *small = config_map(14);
    g_autoptr(TestCluster) cluster = test_cluster_new(large);
    const Finding *finding =
        test_cluster_expect(cluster, "configmap-too-large", "ConfigMap shop/big");
    assert_contains(finding->cause, "960 KiB");
    g_autoptr(TestCluster) other = test_cluster_new(small);
    test_cluster_expect_none(other, "configmap-too-large");
    g_autofree char *value = g_strnfill(950 * (gsize)1024, 'x');
    g_autofree char *single = g_strconcat("apiVersion: v1\nkind: ConfigMap\nmetadata: {namespace: "
                                          "shop, name: big}\ndata: {key: ",
                                          value, "}\n", NULL);
    g_autoptr(TestCluster) long_value = test_cluster_new(single);
    finding = test_cluster_expect(long_value, "configmap-too-large", "ConfigMap shop/big");
    assert_contains(finding->cause, "950 KiB");
}

static void
test_finished_jobs_that_nothing_removes(void **state)
{
    (void)state;
    g_autofree char *many = old_jobs(201, ""), *few = old_jobs(200, "");
    g_autofree char *removed = old_jobs(201, "ttlSecondsAfterFinished: 864000");
    g_autoptr(TestCluster) cluster = test_cluster_new(many);
    const Finding *finding = test_cluster_expect(cluster, "job-no-ttl-pileup", "Namespace shop");
    assert_contains(finding->title, "201 finished Jobs");
    g_autoptr(TestCluster) other = test_cluster_new(few);
    test_cluster_expect_none(other, "job-no-ttl-pileup");
    g_autoptr(TestCluster) third = test_cluster_new(removed);
    test_cluster_expect_none(third, "job-no-ttl-pileup");
}

static void
test_unknown_is_said(void **state)
{
    (void)state;
    g_autofree char *yaml = old_jobs(0, "");
    g_autoptr(TestCluster) cluster = test_cluster_new(yaml);
    test_cluster_fail(cluster, KIND_CONFIG_MAP, "configmaps could not be listed: 403");
    test_cluster_fail(cluster, KIND_JOB, "jobs could not be listed: 403");
    test_cluster_expect_unverified(cluster, "configmap-too-large");
    test_cluster_expect_unverified(cluster, "job-no-ttl-pileup");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_large_config_map),
        cmocka_unit_test(test_finished_jobs_that_nothing_removes),
        cmocka_unit_test(test_unknown_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
