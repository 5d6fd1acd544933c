/* Logs with many errors. */
#include "tests/harness/check.h"
#include "tests/harness/cluster.h"

#define DEPLOYMENT_SINCE(created)                                                                  \
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {namespace: shop, name: web, "               \
    "creationTimestamp: '" created "'}\nspec: {replicas: 1, selector: {matchLabels: {app: web}}, " \
    "template: {metadata: {labels: {app: web}}, spec: {containers: [{name: app}]}}}\nstatus: "     \
    "{replicas: 1, readyReplicas: 1, availableReplicas: 1, updatedReplicas: 1}\n---\napiVersion: " \
    "apps/v1\nkind: ReplicaSet\nmetadata: {namespace: shop, name: web-1, ownerReferences: "        \
    "[{kind: "                                                                                     \
    "Deployment, name: web, uid: Deployment/shop/web, controller: true}]}\nspec: {replicas: 1}\n"  \
    "status: {replicas: 1, readyReplicas: 1}\n---\napiVersion: v1\nkind: Pod\nmetadata: "          \
    "{namespace: shop, name: web-1-a, labels: {app: web}, ownerReferences: [{kind: ReplicaSet, "   \
    "name: web-1, uid: ReplicaSet/shop/web-1, controller: true}]}\nspec: {nodeName: n1, "          \
    "containers: [{name: app}]}\nstatus: {phase: Running, conditions: [{type: Ready, status: "     \
    "'True'}]}\n"
#define DEPLOYMENT DEPLOYMENT_SINCE("2025-12-01T12:00:00Z")
#define LINES(label, value, n)                                                                     \
    "[{\"metric\":{\"namespace\":\"shop\",\"" label "\":\"" value "\"},\"value\":[1,\"" n "\"]}]"
#define OF_POD(n) LINES("pod", "web-1-a", n)

static TestCluster *
cluster_of(const char *yaml, const char *now, const char *before)
{
    static const char *const queries[] = {"log-errors-1h-ago", "log-errors-3h-ago",
                                          "log-errors-6h-ago"};
    TestCluster *cluster = test_cluster_new(yaml);
    test_cluster_answer(cluster, "log-errors", now);
    for (size_t i = 0; i < G_N_ELEMENTS(queries); i++)
        test_cluster_answer(cluster, queries[i], before);
    return cluster;
}

static void
test_many_more_errors(void **state)
{
    (void)state;
    static const char *const answers[] = {
        OF_POD("180"), LINES("k8s_deployment_name", "web", "180"),
        LINES("service_name", "web", "180"),
        "[{\"metric\":{\"namespace\":\"shop\",\"pod\":\"web-1-a\"},\"value\":[1,\"90\"]},"
        "{\"metric\":{\"namespace\":\"shop\",\"pod\":\"web-1-a\",\"service_name\":\"web\"},"
        "\"value\":[1,\"90\"]}]"};
    for (size_t i = 0; i < G_N_ELEMENTS(answers); i++) {
        g_autoptr(TestCluster) cluster = cluster_of(DEPLOYMENT, answers[i], OF_POD("2"));
        const Finding *finding =
            test_cluster_expect(cluster, "log-error-spike", "Deployment shop/web");
        assert_contains(finding->cause, "180 lines with errors in the last 10 min, and about 2");
        assert_int_equal(finding->severity, SEVERITY_LOW);
        assert_string_equal(finding->fix->pdata[1],
                            "kubectl -n shop logs deployment/web --since=10m");
    }
}

static void
test_what_is_usual(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *now, *before;
    } rows[] = {
        {DEPLOYMENT, OF_POD("180"), OF_POD("40")},                       /* it always does so */
        {DEPLOYMENT, OF_POD("50"), "[]"},                                /* too few */
        {DEPLOYMENT_SINCE("2026-01-01T08:00:00Z"), OF_POD("180"), "[]"}, /* new */
        {DEPLOYMENT, LINES("service_name", "other", "180"), "[]"},       /* of nobody known */
        {DEPLOYMENT, "[]", "[]"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(TestCluster) cluster = cluster_of(rows[i].yaml, rows[i].now, rows[i].before);
        test_cluster_expect_none(cluster, "log-error-spike");
    }
}

static void
test_unknown_is_said(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = cluster_of(DEPLOYMENT, OF_POD("180"), "[]");
    test_cluster_answer_fails(cluster, "log-errors-3h-ago", "503");
    test_cluster_expect_unverified(cluster, "log-error-spike");
    test_cluster_expect_none(cluster, "log-error-spike");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_more_errors),
        cmocka_unit_test(test_what_is_usual),
        cmocka_unit_test(test_unknown_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
