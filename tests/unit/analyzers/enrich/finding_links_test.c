#include "analyzers/enrich/finding_links.h"

#include "tests/harness/check.h"
#include "tests/harness/cluster.h"

static const char pod[] =
    "apiVersion: v1\n"
    "kind: Pod\n"
    "metadata: {namespace: shop, name: web}\n"
    "spec: {nodeName: n1, containers: [{name: app, envFrom: [{configMapRef: {name: settings}}]}]}\n"
    "status: {phase: Pending}\n";

static void
test_words_are_filled_in(void **state)
{
    (void)state;
    static const char *const templates[] = {
        "Runbook: https://wiki/run/{check}?c={cluster}#top",
        "Logs: "
        "https://grafana/explore?left=%7B{namespace}%7D&o={kind}/{name}&from={from}&to={until}",
        NULL};
    g_autoptr(TestCluster) cluster = test_cluster_new(pod);
    const CheckOptions check = {.cluster = "eu & us", .now_s = TEST_NOW_S};
    finding_links_add((Findings *)(uintptr_t)test_cluster_findings(cluster), templates, &check);
    const Finding *finding = test_cluster_expect(cluster, "missing-configmap-ref", "Pod shop/web");
    const FindingLink *runbook = finding->links->pdata[0], *logs = finding->links->pdata[1];
    assert_string_equal(runbook->label, "Runbook");
    assert_string_equal(runbook->url, "https://wiki/run/missing-configmap-ref?c=eu%20%26%20us#top");
    assert_string_equal(logs->url, "https://grafana/explore?left=%7Bshop%7D&o=Pod/web&"
                                   "from=1767181500000&to=1767268800000");
}

static void
test_a_link_that_lacks_a_value_is_left_out(void **state)
{
    (void)state;
    static const char *const templates[] = {"Cluster: http://a/{cluster}", "All: http://a/", NULL};
    g_autoptr(TestCluster) cluster = test_cluster_new(pod);
    const CheckOptions check = {.now_s = TEST_NOW_S};
    finding_links_add((Findings *)(uintptr_t)test_cluster_findings(cluster), templates, &check);
    const Finding *finding = test_cluster_expect(cluster, "missing-configmap-ref", "Pod shop/web");
    assert_int_equal(finding->links->len, 1);
    assert_string_equal(((const FindingLink *)finding->links->pdata[0])->label, "All");
}

static void
test_what_is_no_template_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *template, *part;
    } rows[] = {
        {"https://wiki/", "is not \"LABEL: URL\""},
        {"Runbook: ftp://wiki/", "with http or https"},
        {": https://wiki/", "is not \"LABEL: URL\""},
        {"Runbook: https://wiki/a b", "is not \"LABEL: URL\""},
        {"Runbook: https://wiki/{pod}", "'{pod}' is none of {cluster}, "},
        {"Runbook: https://wiki/{check", "'{check' is none of {cluster}, "},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        const char *const templates[] = {"All: http://a/", rows[i].template, NULL};
        assert_false(finding_links_check(templates, &error));
        assert_error_says(error, rows[i].part);
    }
    assert_true(finding_links_check(NULL, NULL));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_are_filled_in),
        cmocka_unit_test(test_a_link_that_lacks_a_value_is_left_out),
        cmocka_unit_test(test_what_is_no_template_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
