#include "tests/harness/check.h"
#include "tests/harness/cluster.h"

/* The lines of a finding, one behind the other; free with g_free. */
static char *
changes_of(const Finding *finding)
{
    g_ptr_array_add(finding->changes, NULL);
    char *text = g_strjoinv("\n", (char **)finding->changes->pdata);
    g_ptr_array_set_size(finding->changes, (int)finding->changes->len - 1);
    return text;
}

/* A pod of a StatefulSet that is not ready since 11:40, reads `reads` and is on node n1. */
#define DATABASE(reads)                                                                            \
    "apiVersion: apps/v1\n"                                                                        \
    "kind: StatefulSet\n"                                                                          \
    "metadata: {namespace: shop, name: db, uid: s}\n"                                              \
    "spec: {replicas: 1, template: {spec: {containers: [{name: app, image: 'db:2'}], " reads       \
    "}}}\n"                                                                                        \
    "status: {replicas: 1, readyReplicas: 0}\n"                                                    \
    "---\n"                                                                                        \
    "apiVersion: v1\n"                                                                             \
    "kind: Pod\n"                                                                                  \
    "metadata: {namespace: shop, name: db-0, ownerReferences: [{controller: true, uid: s}]}\n"     \
    "spec: {nodeName: n1, containers: [{name: app, readinessProbe: {tcpSocket: {port: 1}}}]}\n"    \
    "status: {phase: Running, conditions: [{type: Ready, status: 'False', lastTransitionTime: "    \
    "'2026-01-01T11:40:00Z'}, {type: ContainersReady, status: 'False', lastTransitionTime: "       \
    "'2026-01-01T11:40:00Z'}], containerStatuses: [{name: app, ready: false, started: true, "      \
    "state: {running: {startedAt: '2026-01-01T11:00:00Z'}}}]}\n"

static const Finding *
finding_of(TestCluster *cluster)
{
    const Findings *findings = test_cluster_findings(cluster);
    for (guint i = 0; i < findings->n_roots; i++) {
        const Finding *finding = findings->all->pdata[i];
        if (finding->object->kind == KIND_STATEFUL_SET)
            return finding;
    }
    fail_msg("nothing is said about the StatefulSet");
    return NULL;
}

#define REVISION(number, at, image)                                                                \
    "---\n"                                                                                        \
    "apiVersion: apps/v1\n"                                                                        \
    "kind: ControllerRevision\n"                                                                   \
    "metadata: {namespace: shop, name: db-" number ", creationTimestamp: '" at                     \
    "', ownerReferences: [{controller: true, uid: s}]}\n"                                          \
    "revision: " number "\n"                                                                       \
    "data: {spec: {template: {spec: {containers: [{name: app, image: '" image "'}]}}}}\n"

static void
test_a_roll_out_of_a_set(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(DATABASE("volumes: []") REVISION(
        "1", "2025-12-01T11:00:00Z", "db:1") REVISION("2", "2026-01-01T11:37:00Z", "db:2"));
    const Finding *finding = finding_of(cluster);
    g_autofree char *changes = changes_of(finding);
    assert_string_equal(changes, "3 min before: roll-out of revision 2, which changed image of "
                                 "container app from db:1 to db:2");
    const char *step = finding->fix->pdata[finding->fix->len - 1];
    assert_contains(step, "kubectl -n shop rollout undo statefulset/db");
}

static void
test_a_roll_out_long_before_is_no_reason(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(DATABASE("volumes: []") REVISION(
        "1", "2025-12-01T11:00:00Z", "db:1") REVISION("2", "2026-01-01T11:09:00Z", "db:2"));
    assert_int_equal(finding_of(cluster)->changes->len, 0);
}

/* Of the contents nothing is said; who has changed them is. */
static void
test_what_the_pods_read(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new(DATABASE("volumes: [{name: a, configMap: {name: settings}}, {name: b, "
                                  "projected: "
                                  "{sources: [{secret: {name: keys}}]}}, {name: c, configMap: "
                                  "{name: old}}]") "---\n"
                                                   "apiVersion: v1\n"
                                                   "kind: ConfigMap\n"
                                                   "metadata: {namespace: shop, name: settings, "
                                                   "managedFields: [{manager: helm, time: "
                                                   "'2025-12-31T13:00:00Z'}, {manager: "
                                                   "kubectl-edit, time: '2026-01-01T11:35:00Z'}]}\n"
                                                   "data: {level: hush41}\n"
                                                   "---\n"
                                                   "apiVersion: v1\n"
                                                   "kind: Secret\n"
                                                   "metadata: {namespace: shop, name: keys, "
                                                   "creationTimestamp: '2026-01-01T11:39:00Z'}\n"
                                                   "---\n"
                                                   "apiVersion: v1\n"
                                                   "kind: ConfigMap\n"
                                                   "metadata: {namespace: shop, name: old, "
                                                   "managedFields: [{manager: kubectl-edit, time: "
                                                   "'2026-01-01T11:41:00Z'}]}\n");
    g_autofree char *changes = changes_of(finding_of(cluster));
    assert_string_equal(changes, "5 min before: ConfigMap settings was changed by kubectl-edit\n"
                                 "1 min before: Secret keys was made");
}

static void
test_the_node_of_the_pods(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        DATABASE("volumes: []") "---\n"
                                "apiVersion: v1\n"
                                "kind: Node\n"
                                "metadata: {name: n1}\n"
                                "spec: {taints: [{key: node.kubernetes.io/unschedulable, effect: "
                                "NoSchedule, timeAdded: '2026-01-01T11:30:00Z'}]}\n"
                                "status: {conditions: [{type: Ready, status: 'True', "
                                "lastTransitionTime: '2026-01-01T11:38:00Z', lastHeartbeatTime: "
                                "'2026-01-01T11:59:00Z'}]}\n");
    g_autofree char *changes = changes_of(finding_of(cluster));
    assert_contains(changes, "2 min before: node n1 became ready");
    assert_contains(changes,
                    "10 min before: node n1 was given the taint node.kubernetes.io/unschedulable");
}

static void
test_the_object_itself(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: autoscaling/v2\n"
        "kind: HorizontalPodAutoscaler\n"
        "metadata: {namespace: shop, name: web, managedFields: [{manager: argocd, time: "
        "'2026-01-01T09:58:00Z'}]}\n"
        "spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}\n"
        "status: {conditions: [{type: AbleToScale, status: 'False', lastTransitionTime: "
        "2026-01-01T10:00:00Z}]}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "hpa-target-missing", "HorizontalPodAutoscaler shop/web");
    g_autofree char *changes = changes_of(finding);
    assert_string_equal(changes, "2 min before: HorizontalPodAutoscaler web was changed by argocd");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_roll_out_of_a_set),
        cmocka_unit_test(test_a_roll_out_long_before_is_no_reason),
        cmocka_unit_test(test_what_the_pods_read),
        cmocka_unit_test(test_the_node_of_the_pods),
        cmocka_unit_test(test_the_object_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
