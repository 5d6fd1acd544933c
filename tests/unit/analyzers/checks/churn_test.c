#include "tests/unit/analyzers/checks/cases.h"

#define SET_AT(created)                                                                            \
    "---\n{apiVersion: apps/v1, kind: ReplicaSet, metadata: {namespace: shop, name: web" created   \
    "}, spec: "                                                                                    \
    "{replicas: 1, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: "      \
    "web}}, spec: {containers: [{name: app, image: 'registry.example/app:1'}]}}}, status: "        \
    "{replicas: 1, readyReplicas: 1}}\n"
#define SET SET_AT("")
#define MADE(count, first)                                                                         \
    "---\n{apiVersion: v1, kind: Event, metadata: {namespace: shop, name: e}, involvedObject: "    \
    "{kind: ReplicaSet, namespace: shop, name: web, uid: ReplicaSet/shop/web}, type: Normal, "     \
    "reason: SuccessfulCreate, count: " count ", firstTimestamp: '" first                          \
    "', lastTimestamp: '2026-01-01T11:59:00Z', message: 'Created pod: web-x'}\n"
#define POD                                                                                        \
    "---\n{apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: web-x, "                   \
    "creationTimestamp: "                                                                          \
    "'2026-01-01T11:58:00Z', labels: {app: web}, ownerReferences: [{apiVersion: apps/v1, kind: "   \
    "ReplicaSet, name: web, uid: ReplicaSet/shop/web, controller: true}]}, spec: {nodeName: n1, "  \
    "containers: [{name: app, image: 'registry.example/app:1'}]}, status: {phase: Running, "       \
    "conditions: [{type: Ready, status: 'True', lastTransitionTime: '2026-01-01T11:58:30Z'}]}}\n"

#define SCALER                                                                                     \
    "---\n{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {namespace: "      \
    "shop, "                                                                                       \
    "name: web}, spec: {scaleTargetRef: {kind: ReplicaSet, name: web}, maxReplicas: 20}}\n"
#define AGENT                                                                                      \
    "---\n{apiVersion: apps/v1, kind: DaemonSet, metadata: {namespace: shop, name: web, uid: "     \
    "ReplicaSet/shop/web}}\n"
#define NODE(name)                                                                                 \
    "---\n{apiVersion: v1, kind: Node, metadata: {name: " name "}, status: {conditions: [{type: "  \
    "Ready, status: 'True', " CASE_SINCE "}]}}\n"

static const CheckCase cases[] = {
    {"pod-restart-policy-burst", "ReplicaSet shop/web", SET MADE("11", "2026-01-01T11:40:00Z") POD,
     "made 11 pods in 20 min, and 1 of them are left"},
    {"pod-restart-policy-burst", "DaemonSet shop/web",
     AGENT MADE("12", "2026-01-01T11:40:00Z") NODE("a") NODE("b"), "0 of them are left"},
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
        SET MADE("10", "2026-01-01T11:40:00Z") POD,
        SET MADE("11", "2026-01-01T09:00:00Z") POD,
        SET POD,
        SET MADE("20", "2026-01-01T11:40:00Z") POD SCALER,
        /* It was given fewer replicas, or another template, a moment ago. */
        SET_AT(", managedFields: [{manager: kubectl, operation: Update, subresource: scale, time: "
               "'2026-01-01T11:57:00Z'}]") MADE("20", "2026-01-01T11:40:00Z") POD,
        AGENT MADE("11", "2026-01-01T11:40:00Z") NODE("a") NODE("b") NODE("c") NODE("d"),
    };
    for (size_t i = 0; i < G_N_ELEMENTS(clusters); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(clusters[i]);
        test_cluster_expect_none(cluster, "pod-restart-policy-burst");
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
