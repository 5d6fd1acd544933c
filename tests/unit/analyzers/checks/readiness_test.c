#include "tests/unit/analyzers/checks/cases.h"

#define SPEC(probe)                                                                                \
    "{containers: [{name: app, image: 'registry.example/app:1', ports: [{containerPort: "          \
    "80}]" probe "}]}"
#define CLUSTER(probe, ended)                                                                      \
    "{apiVersion: apps/v1, kind: StatefulSet, metadata: {namespace: shop, name: db}, spec: "       \
    "{replicas: 1, serviceName: db, selector: {matchLabels: {app: db}}, template: {metadata: "     \
    "{labels: {app: db}}, spec: " SPEC(                                                            \
        probe) "}}, status: {replicas: 1, readyReplicas: 1, "                                      \
               "availableReplicas: 1, updatedReplicas: 1}}\n"                                      \
               "---\n{apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: db-0, labels: " \
               "{app: db}, "                                                                       \
               "ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: db, uid: "        \
               "StatefulSet/shop/db, controller: true}]}, spec: " SPEC(                            \
                   probe) ", status: {phase: Running, "                                            \
                          "conditions: [{type: Ready, status: 'True', " CASE_SINCE                 \
                          "}], containerStatuses: [{name: "                                        \
                          "app, ready: true, restartCount: 1, state: {running: {startedAt: "       \
                          "'" ended "'}}, lastState: {terminated: {exitCode: 0, reason: "          \
                          "Completed, finishedAt: '" ended "'}}}]}}\n"
#define SERVICE                                                                                    \
    "---\n{apiVersion: v1, kind: Service, metadata: {namespace: shop, name: db}, spec: "           \
    "{clusterIP: None, selector: {app: db}, ports: [{port: 80}]}}\n"
#define PROBE ", readinessProbe: {tcpSocket: {port: 80}}"
#define TODAY "2026-01-01T08:00:00Z"

static const CheckCase cases[] = {
    {"readiness-missing", "StatefulSet shop/db", CLUSTER("", TODAY) SERVICE,
     "Service db sends requests to a pod as soon as"},
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
        CLUSTER(PROBE, TODAY) SERVICE,
        CLUSTER("", TODAY),
        CLUSTER("", "2025-12-24T00:00:00Z") SERVICE,
    };
    for (size_t i = 0; i < G_N_ELEMENTS(clusters); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(clusters[i]);
        test_cluster_expect_none(cluster, "readiness-missing");
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
