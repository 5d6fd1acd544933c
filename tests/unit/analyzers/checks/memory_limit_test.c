#include "tests/unit/analyzers/checks/cases.h"

#define LIMIT(memory) "resources: {limits: {memory: " memory "}}"
#define OWNERS(kind, name)                                                                         \
    "ownerReferences: [{apiVersion: apps/v1, kind: " kind ", name: " name ", uid: " kind           \
    "/shop/" name ", controller: true}]"
#define SPEC(limit)                                                                                \
    "{replicas: 1, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: "      \
    "web}}, spec: {containers: [{name: app, image: 'registry.example/web:1', " limit "}]}}}"
#define CLUSTER(of_template, of_pod, in_effect, reason, time)                                      \
    "---\n{apiVersion: apps/v1, kind: Deployment, metadata: {namespace: shop, name: web}, "        \
    "spec: " SPEC(                                                                                 \
        of_template) "}\n"                                                                         \
                     "---\n{apiVersion: apps/v1, kind: ReplicaSet, metadata: {namespace: shop, "   \
                     "name: web-1, " OWNERS("Deployment", "web") "}, spec: " SPEC(                 \
                         of_template) "}\n"                                                        \
                                      "---\n{apiVersion: v1, kind: Pod, metadata: {namespace: "    \
                                      "shop, name: web-1-x, labels: {app: "                        \
                                      "web}, " OWNERS(                                             \
                                          "ReplicaSet",                                            \
                                          "web-1") "}, spec: {containers: [{name: app, image: "    \
                                                   "'registry.example/web:1', " of_pod             \
                                                   "}]}, status: {phase: Running, "                \
                                                   "containerStatuses: [{name: "                   \
                                                   "app, restartCount: 3, " in_effect              \
                                                   " state: {running: {}}, lastState: "            \
                                                   "{terminated: {reason: " reason                 \
                                                   ", exitCode: 137, finishedAt: '" time           \
                                                   "'}}}]}}\n"
#define VPA                                                                                        \
    "---\n{apiVersion: autoscaling.k8s.io/v1, kind: VerticalPodAutoscaler, metadata: {namespace: " \
    "shop, name: web}, spec: {targetRef: {kind: Deployment, name: web}}}\n"
#define BIG   LIMIT("512Mi")
#define SMALL LIMIT("128Mi")
#define TODAY "2026-01-01T11:50:00Z"

static const CheckCase cases[] = {
    {"oom-limit-discrepancy", "Deployment shop/web", CLUSTER(BIG, SMALL, "", "OOMKilled", TODAY),
     "The template says 512Mi"},
    {"oom-limit-discrepancy", "Deployment shop/web",
     CLUSTER(BIG, SMALL, "", "OOMKilled", TODAY) VPA, "a VerticalPodAutoscaler changed it"},
    {"oom-limit-discrepancy", "Deployment shop/web",
     CLUSTER(BIG, BIG, SMALL ",", "OOMKilled", TODAY),
     "the limit in effect of pod web-1-x is 128Mi"},
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
        CLUSTER(SMALL, SMALL, SMALL ",", "OOMKilled", TODAY),
        CLUSTER(SMALL, BIG, BIG ",", "OOMKilled", TODAY),
        CLUSTER(BIG, SMALL, "", "Error", TODAY),
        CLUSTER(BIG, SMALL, "", "OOMKilled", "2025-12-24T00:00:00Z"),
    };
    for (size_t i = 0; i < G_N_ELEMENTS(clusters); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(clusters[i]);
        test_cluster_expect_none(cluster, "oom-limit-discrepancy");
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
