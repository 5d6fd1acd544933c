#include "analyzers/notify/message_slack.h"

#include <string.h>

#include "tests/harness/check.h"
#include "tests/harness/cluster.h"
#include "tests/harness/temp_dir.h"

static const char yaml[] =
    "apiVersion: v1\n"
    "kind: Pod\n"
    "metadata: {namespace: shop, name: web}\n"
    "spec: {nodeName: n1, containers: [{name: app, envFrom: [{configMapRef: {name: settings}}]}]}\n"
    "status: {phase: Pending}\n";

static void
find_receiver(const void *data, const Incident *incident, GPtrArray *receivers)
{
    (void)data;
    (void)incident;
    g_ptr_array_add(receivers, (gpointer) "ops");
}

static int64_t
find_due(const void *data, const Incident *incident, const char *receiver, int64_t at_s)
{
    (void)data;
    (void)incident;
    (void)receiver;
    return at_s;
}

static const Routing routing = {.find = find_receiver, .due = find_due};

/* The message about the finding of the cluster, to be freed. */
static char *
message_with_page(TestCluster *cluster, const char *findings_url)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autofree char *path = temp_dir_file(dir, "state.sqlite");
    g_autofree char *notice = NULL;
    g_autoptr(State) state = state_open(path, &notice, &error);
    assert_no_error(error);
    assert_true(state_update(state, test_cluster_findings(cluster), test_cluster_snapshot(cluster),
                             &routing, TEST_NOW_S, &error));
    g_autoptr(GPtrArray) changes = state_outbox(state, "ops", TEST_NOW_S, &error);
    assert_int_equal(changes->len, 1);
    const MessageContext context = {.cluster = "eu test",
                                    .now_s = TEST_NOW_S,
                                    .n_open = 1,
                                    .findings_url = findings_url,
                                    .findings_tenant = "a|b"};
    g_autoptr(GBytes) message = message_slack(changes, &context);
    return g_strndup(g_bytes_get_data(message, NULL), g_bytes_get_size(message));
}

static char *
message_about(TestCluster *cluster)
{
    return message_with_page(cluster, NULL);
}

static void
test_links_can_be_followed(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(yaml);
    Finding *finding = test_cluster_findings(cluster)->all->pdata[0];
    finding_evidence(finding, "\tno link\thttps://evil.example.com");
    finding_link(finding, "Flame graph", "http://cresset/?service=a&type=b");
    finding_link(finding, "Flame graph", "http://cresset/?service=a&type=b");
    finding_link(finding, "Broken", "http://cresset/<!channel>|x");
    g_autofree char *message = message_about(cluster);
    assert_contains(message, "<http://cresset/?service=a&amp;type=b|Flame graph>");
    assert_contains(message, "no link https://evil.example.com");
    assert_lacks(message, "<https://evil");
    assert_lacks(message, "Broken");
    assert_lacks(message, "channel");
    assert_lacks(message, "\\t");
    assert_int_equal(finding->links->len, 2);
}

static void
test_the_page_of_the_finding_is_the_first_link(void **state)
{
    (void)state;
    static const char *const bases[] = {"https://cresset.example.com",
                                        "https://cresset.example.com/"};
    for (size_t i = 0; i < G_N_ELEMENTS(bases); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(yaml);
        Finding *finding = test_cluster_findings(cluster)->all->pdata[0];
        finding_link(finding, "Runbook", "https://wiki/run");
        g_autofree char *message = message_with_page(cluster, bases[i]);
        g_autofree char *links =
            g_strdup_printf("<https://cresset.example.com/"
                            "findings?cluster=eu%%20test&amp;finding=%s&amp;tenant=a%%7Cb"
                            "|Finding>\\n<https://wiki/run|Runbook>",
                            finding->fingerprint);
        assert_contains(message, links);
    }
}

static void
test_what_changed_stands_before_the_first_step(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(yaml);
    Finding *finding = test_cluster_findings(cluster)->all->pdata[0];
    finding_changed(finding, finding->since_s - 180, "ConfigMap <a> was changed by kubectl-edit");
    finding_changed(finding, finding->since_s - 60, "node n1 joined the cluster");
    finding_changed(finding, finding->since_s, "the third is not told");
    g_autofree char *message = message_about(cluster);
    assert_contains(message, "*What changed:* 3 min before: ConfigMap &lt;a&gt; was changed by "
                             "kubectl-edit\\n1 min before: node n1 joined the cluster\\n*First:*");
    assert_lacks(message, "the third");
}

/* What leads somewhere is kept as far as there is room, and nothing is cut in two. */
static void
test_links_are_kept_as_far_as_they_fit(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(yaml);
    Finding *finding = test_cluster_findings(cluster)->all->pdata[0];
    static const struct {
        const char *label;
        gsize size;
        bool is_kept;
    } links[] = {{"First", 400, true},
                 {"Huge", 3000, false},
                 {"Second", 400, true},
                 {"Third", 1200, true},
                 {"Fourth", 1200, false}};
    for (size_t i = 0; i < G_N_ELEMENTS(links); i++) {
        g_autofree char *path = g_strnfill(links[i].size, 'x');
        g_autofree char *url = g_strconcat("https://g.example/", links[i].label, path, NULL);
        finding_link(finding, links[i].label, url);
    }
    g_autofree char *message = message_about(cluster);
    for (size_t i = 0; i < G_N_ELEMENTS(links); i++) {
        g_autofree char *end = g_strdup_printf("x|%s>", links[i].label);
        assert_int_equal(strstr(message, end) != NULL, links[i].is_kept);
    }
}

static void
test_without_links_there_is_no_line(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(yaml);
    g_autofree char *message = message_about(cluster);
    assert_lacks(message, "<http");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_links_can_be_followed),
        cmocka_unit_test(test_the_page_of_the_finding_is_the_first_link),
        cmocka_unit_test(test_what_changed_stands_before_the_first_step),
        cmocka_unit_test(test_links_are_kept_as_far_as_they_fit),
        cmocka_unit_test(test_without_links_there_is_no_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
