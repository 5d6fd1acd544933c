/* Pods that ended, hang, or never start: a row for each check. */
#include "tests/harness/check.h"
#include "tests/harness/cluster.h"

#define META(more) "metadata: {namespace: shop, name: web, uid: web" more "}\n"
#define POD(more, spec, status)                                                                    \
    "apiVersion: v1\n"                                                                             \
    "kind: Pod\n" META(more) "spec: {nodeName: n1, " spec "}\n"                                    \
                             "status: {" status "}\n"
#define NODE(ready)                                                                                \
    "---\n"                                                                                        \
    "apiVersion: v1\n"                                                                             \
    "kind: Node\n"                                                                                 \
    "metadata: {name: n1}\n"                                                                       \
    "status: {conditions: [{type: Ready, status: '" ready                                          \
    "', lastTransitionTime: '2026-01-01T11:00:00Z'}]}\n"
#define EVENT(event_reason, text, at)                                                              \
    "---\n"                                                                                        \
    "apiVersion: v1\n"                                                                             \
    "kind: Event\n"                                                                                \
    "metadata: {namespace: shop, name: e1}\n"                                                      \
    "involvedObject: {uid: web}\n"                                                                 \
    "reason: " event_reason "\n"                                                                   \
    "message: '" text "'\n"                                                                        \
    "firstTimestamp: '" at "'\n"                                                                   \
    "lastTimestamp: '" at "'\n"
#define APP "containers: [{name: app}]"
#define SCHEDULED                                                                                  \
    "conditions: [{type: PodScheduled, status: 'True', lastTransitionTime: " AGO "}], "
#define AGO "'2026-01-01T11:00:00Z'"
#define FAILED(reason, more)                                                                       \
    POD("", APP,                                                                                   \
        "phase: Failed, reason: " reason ", message: out of memory, conditions: [{type: "          \
        "DisruptionTarget, status: 'True', lastTransitionTime: " AGO "}]" more)
#define CREATING                                                                                   \
    POD("", APP,                                                                                   \
        "phase: Pending, " SCHEDULED                                                               \
        "containerStatuses: [{name: app, state: {waiting: {reason: ContainerCreating}}}]")
#define INIT(spec, state)                                                                          \
    POD("", "initContainers: [{name: wait" spec "}], " APP,                                        \
        "phase: Pending, " SCHEDULED "initContainerStatuses: [{name: wait, " state "}], "          \
        "containerStatuses: [{name: app, state: {waiting: {reason: PodInitializing}}}]")
#define RUNNING "state: {running: {startedAt: " AGO "}}"

static const struct {
    const char *check, *yaml;
    const char *says; /* in the title or the cause; NULL: it must not fire */
} rows[] = {
    {"pod-evicted", FAILED("Evicted", ""), "Node n1 has removed the pod: out of memory"},
    {"pod-rejected-by-kubelet", FAILED("OutOfcpu", ""), "(OutOfcpu)"},
    {"pod-rejected-by-kubelet", FAILED("Other", ""), NULL},
    {"pod-node-shutdown", FAILED("Terminated", ""), "shut down"},
    {"pod-deadline-exceeded", FAILED("DeadlineExceeded", ""), "activeDeadlineSeconds"},
    {"pod-failed",
     POD("", APP,
         "phase: Failed, containerStatuses: [{name: app, state: {terminated: {exitCode: 3, "
         "finishedAt: " AGO "}}}]"),
     "exit code 3"},
    {"pod-failed", POD("", APP, "phase: Succeeded"), NULL},
    {"pod-failed",
     POD("", APP,
         "phase: Failed, containerStatuses: [{name: app, state: {terminated: {exitCode: 3, "
         "finishedAt: '2025-12-30T12:00:00Z'}}}]"),
     NULL},
    {"container-status-unknown",
     POD("", APP,
         "phase: Running, containerStatuses: [{name: app, state: {terminated: {exitCode: 137, "
         "reason: ContainerStatusUnknown}}}]"),
     "lost track"},
    {"pod-stuck-terminating",
     POD(", deletionTimestamp: " AGO ", deletionGracePeriodSeconds: 30, finalizers: [x.io/wait]",
         APP, "phase: Running"),
     "finalizer x.io/wait has not"},
    {"pod-stuck-terminating",
     POD(", deletionTimestamp: " AGO ", deletionGracePeriodSeconds: 30, finalizers: [x.io/wait, "
         "y.io/drain]",
         APP, "phase: Running"),
     "finalizers x.io/wait, y.io/drain have not"},
    {"pod-stuck-terminating",
     POD(", deletionTimestamp: " AGO ", deletionGracePeriodSeconds: 30", APP, "phase: Running")
         NODE("True") EVENT("FailedKillPod", "device busy", "2026-01-01T11:50:00Z"),
     "device busy"},
    {"pod-stuck-terminating",
     POD(", deletionTimestamp: " AGO ", deletionGracePeriodSeconds: 3600", APP, "phase: Running"),
     NULL},
    {"pod-scheduling-gated",
     "apiVersion: v1\nkind: Pod\n" META("") "spec: {schedulingGates: [{name: q/x}]}\n"
                                            "status: {phase: Pending}\n",
     "q/x"},
    {"pod-node-lost", POD("", APP, "phase: Unknown"), "lost with node n1"},
    {"pod-node-lost", POD("", APP, "phase: Running") NODE("True"), NULL},
    {"pod-mirror-unhealthy",
     "apiVersion: v1\nkind: Pod\nmetadata: {namespace: kube-system, name: web, annotations: "
     "{kubernetes.io/config.mirror: x}}\nspec: {nodeName: n1, containers: [{name: etcd}]}\n"
     "status: {phase: Running, conditions: [{type: Ready, status: 'False', lastTransitionTime: " AGO
     "}]}\n",
     "etcd on node n1"},
    {"pod-resize-stuck",
     POD("", APP,
         "phase: Running, conditions: [{type: PodResizePending, status: 'True', reason: Deferred, "
         "message: not enough cpu, lastTransitionTime: " AGO "}]"),
     "not enough cpu"},
    {"init-stuck", INIT("", RUNNING), "init container wait does not end"},
    {"init-stuck", INIT(", command: [sh, -c, until nc -z db 5432]", RUNNING), "has no Service db"},
    {"init-stuck", INIT(", restartPolicy: Always", "started: true, " RUNNING), NULL},
    {"sidecar-not-ready", INIT(", restartPolicy: Always", "started: false, " RUNNING),
     "sidecar wait has not started"},
    {"sidecar-not-ready", INIT(", restartPolicy: Always", "started: true, " RUNNING), NULL},
    {"pod-stuck-containercreating", CREATING, "node n1 does not get pod web ready"},
    {"pod-stuck-containercreating", CREATING EVENT("Other", "something", "2026-01-01T11:50:00Z"),
     NULL},
    {"pod-stuck-containercreating", INIT("", RUNNING), NULL},
    {"image-pull-slow", CREATING EVENT("Pulling", "Pulling image r/app", "2026-01-01T11:40:00Z"),
     "Pulling image r/app"},
    {"image-pull-slow", CREATING EVENT("Pulling", "Pulling image r/app", "2026-01-01T11:59:00Z"),
     NULL},
    {"container-waiting-long",
     POD("", APP,
         "phase: Pending, " SCHEDULED "containerStatuses: [{name: app, state: {waiting: {reason: "
         "PostStartHookError, message: no}}}]"),
     "PostStartHookError"},
    {"container-terminated-error",
     POD("", "restartPolicy: Never, containers: [{name: app}, {name: side}]",
         "phase: Running, containerStatuses: [{name: app, state: {terminated: {exitCode: 4, "
         "finishedAt: " AGO "}}}, {name: side, state: {running: {}}}]"),
     "exit code 4"},
    {"lifecycle-hook-failed",
     POD("", APP, "phase: Running") EVENT("FailedPostStartHook", "exit 2", "2026-01-01T11:50:00Z"),
     "exit 2"},
    {"not-ready-generic",
     POD("", APP,
         "phase: Running, conditions: [{type: Ready, status: 'False', reason: Odd, "
         "lastTransitionTime: " AGO "}], containerStatuses: [{name: app, " RUNNING "}]"),
     "(Odd)"},
    {"not-ready-generic",
     POD("", APP,
         "phase: Running, conditions: [{type: Ready, status: 'False', reason: Odd, "
         "lastTransitionTime: " AGO "}], containerStatuses: [{name: app, " RUNNING "}]")
         NODE("False"),
     NULL},
};

static const char *
object_of(const char *check)
{
    return strcmp(check, "pod-mirror-unhealthy") == 0 ? "Pod kube-system/web" : "Pod shop/web";
}

static void
test_each_check_fires_when_it_should(void **state)
{
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(rows[i].yaml);
        if (rows[i].says == NULL) {
            test_cluster_expect_none(cluster, rows[i].check);
            continue;
        }
        const Finding *finding =
            test_cluster_expect(cluster, rows[i].check, object_of(rows[i].check));
        g_autofree char *text = g_strdup_printf("%s %s", finding->title, finding->cause);
        if (strstr(text, rows[i].says) == NULL)
            fail_msg("%s does not say '%s': %s", rows[i].check, rows[i].says, text);
        if (finding->fix->len < 2)
            fail_msg("%s says no step and no command", rows[i].check);
    }
}

static void
test_each_says_when_it_cannot_look(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(POD("", APP, "phase: Running"));
    test_cluster_fail(cluster, KIND_POD, "pods could not be listed: 403");
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        test_cluster_expect_unverified(cluster, rows[i].check);
}

/* A pod of a Deployment that has all of its pods again matters little. */
static void
test_what_was_replaced_is_of_low_severity(void **state)
{
    (void)state;
#define SET(ready)                                                                                 \
    "---\n"                                                                                        \
    "apiVersion: apps/v1\n"                                                                        \
    "kind: ReplicaSet\n"                                                                           \
    "metadata: {namespace: shop, name: set, uid: set}\n"                                           \
    "spec: {replicas: 2}\n"                                                                        \
    "status: {readyReplicas: " ready "}\n"
#define EVICTED                                                                                    \
    POD(", ownerReferences: [{controller: true, uid: set}]", APP,                                  \
        "phase: Failed, reason: Evicted, conditions: [{type: DisruptionTarget, status: 'True', "   \
        "lastTransitionTime: " AGO "}]")
    g_autoptr(TestCluster) replaced = test_cluster_new(EVICTED SET("2"));
    assert_int_equal(test_cluster_expect(replaced, "pod-evicted", "ReplicaSet shop/set")->severity,
                     SEVERITY_LOW);
    g_autoptr(TestCluster) lacking = test_cluster_new(EVICTED SET("1"));
    assert_int_equal(test_cluster_expect(lacking, "pod-evicted", "ReplicaSet shop/set")->severity,
                     SEVERITY_HIGH);
    g_autoptr(GString) two = g_string_new(EVICTED);
    g_string_replace(two, "name: web, uid: web", "name: web-2, uid: web-2", 0);
    g_autofree char *both = g_strconcat(EVICTED "---\n", two->str, SET("2"), NULL);
    g_autoptr(TestCluster) several = test_cluster_new(both);
    const Finding *finding = test_cluster_expect(several, "pod-evicted", "ReplicaSet shop/set");
    assert_contains(finding->title, "2 of its pods were evicted");
    assert_int_equal(finding->severity, SEVERITY_MEDIUM);
}

/* The node lacks nothing when a pod has exceeded a limit of its own. */
static void
test_a_pod_that_exceeded_its_own_limit(void **state)
{
    (void)state;
    static const char *const messages[] = {
        "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. ",
        "Container app exceeded its local ephemeral storage limit \"1Gi\". ",
        "Usage of EmptyDir volume \"scratch\" exceeds the limit \"1Gi\". ",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(messages); i++) {
        g_autoptr(GString) yaml = g_string_new(FAILED("Evicted", ""));
        g_autofree char *quoted = g_strdup_printf("'%s'", messages[i]);
        g_string_replace(yaml, "out of memory", quoted, 1);
        g_autoptr(TestCluster) cluster = test_cluster_new(yaml->str);
        const Finding *finding = test_cluster_expect(cluster, "pod-evicted", "Pod shop/web");
        assert_contains(finding->fix->pdata[0], "raise the limit that the message names");
    }
    g_autoptr(TestCluster) cluster = test_cluster_new(FAILED("Evicted", ""));
    const Finding *finding = test_cluster_expect(cluster, "pod-evicted", "Pod shop/web");
    assert_contains(finding->fix->pdata[0], "give the node more of what it ran out of");
}

/* Twenty-one failed pods, and three that were preempted. */
static void
test_many_pods_of_one_controller(void **state)
{
    (void)state;
    g_autoptr(GString) yaml = g_string_new("apiVersion: apps/v1\n"
                                           "kind: ReplicaSet\n"
                                           "metadata: {namespace: shop, name: set, uid: set}\n");
    for (int i = 0; i < 21; i++)
        g_string_append_printf(
            yaml,
            "---\napiVersion: v1\nkind: Pod\nmetadata: {namespace: shop, name: p%d, "
            "ownerReferences: [{controller: true, uid: set}]}\nstatus: {phase: Failed%s}\n",
            i,
            i < 3 ? ", conditions: [{type: DisruptionTarget, status: 'True', reason: "
                    "PreemptionByScheduler, lastTransitionTime: '2026-01-01T11:30:00Z'}]"
                  : "");
    for (int i = 21; i < 24; i++)
        g_string_append_printf(yaml,
                               "---\napiVersion: v1\nkind: Pod\nmetadata: {namespace: shop, name: "
                               "p%d, ownerReferences: [{controller: true, uid: set}]}\nstatus: "
                               "{phase: Failed}\n",
                               i);
    g_autoptr(TestCluster) cluster = test_cluster_new(yaml->str);
    test_cluster_expect(cluster, "pod-preempted", "ReplicaSet shop/set");
    const Finding *finding =
        test_cluster_expect_folded(cluster, "pod-evicted-leftovers", "ReplicaSet shop/set");
    assert_contains(finding->title, "21 failed pods");
}

static void
test_a_lost_pod_belongs_to_its_node(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new(POD("", APP, "phase: Running") NODE("Unknown"));
    test_cluster_expect(cluster, "node-unreachable", "Node n1");
    test_cluster_expect_folded(cluster, "pod-node-lost", "Pod shop/web");
}

/* A static pod is not its node's. */
static void
test_a_static_pod_is_no_node(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: v1\nkind: Pod\nmetadata: {namespace: kube-system, name: etcd-n1, annotations: "
        "{kubernetes.io/config.mirror: x}, ownerReferences: [{controller: true, kind: Node, name: "
        "n1, uid: Node//n1}]}\nspec: {nodeName: n1, containers: [{name: etcd}]}\n"
        "status: {phase: Running, conditions: [{type: Ready, status: 'False', lastTransitionTime: "
        "'2026-01-01T11:00:00Z'}], containerStatuses: [{name: etcd, restartCount: 5, state: "
        "{waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 1, reason: "
        "Error}}}]}\n" NODE("True"));
    const Finding *finding =
        test_cluster_expect(cluster, "pod-mirror-unhealthy", "Pod kube-system/etcd-n1");
    assert_contains(finding->title, "exited with 1");
    test_cluster_expect_folded(cluster, "container-crashloop", "Pod kube-system/etcd-n1");
}

#define DEPLOYMENT(spec)                                                                           \
    "apiVersion: apps/v1\n"                                                                        \
    "kind: Deployment\n"                                                                           \
    "metadata: {namespace: shop, name: web, uid: d}\n"                                             \
    "spec: {replicas: 1, template: {spec: {" spec "}}}\n"

static void
test_classes_and_pull_secrets(void **state)
{
    (void)state;
    static const struct {
        const char *check, *spec, *there;
        Kind kind;
        Severity severity;
    } settings[] = {
        {"pod-priority-missing", "priorityClassName: fast",
         "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: fast}\n",
         KIND_PRIORITY_CLASS, SEVERITY_HIGH},
        {"pod-runtimeclass-missing", "runtimeClassName: gvisor",
         "apiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata: {name: gvisor}\n",
         KIND_RUNTIME_CLASS, SEVERITY_HIGH},
        {"pull-secret-missing", "imagePullSecrets: [{name: reg}]",
         "apiVersion: v1\nkind: Secret\nmetadata: {namespace: shop, name: reg}\n", KIND_SECRET,
         SEVERITY_LOW},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(settings); i++) {
        g_autofree char *yaml = g_strdup_printf(DEPLOYMENT("%s"), settings[i].spec);
        g_autofree char *both = g_strdup_printf("%s---\n%s", yaml, settings[i].there);
        g_autoptr(TestCluster) missing = test_cluster_new(yaml);
        const Finding *finding =
            test_cluster_expect(missing, settings[i].check, "Deployment shop/web");
        assert_int_equal(finding->severity, settings[i].severity);
        g_autoptr(TestCluster) there = test_cluster_new(both);
        test_cluster_expect_none(there, settings[i].check);
        g_autoptr(TestCluster) unknown = test_cluster_new(yaml);
        test_cluster_fail(unknown, settings[i].kind, "403");
        test_cluster_expect_none(unknown, settings[i].check);
        test_cluster_expect_unverified(unknown, settings[i].check);
    }
}

/* Where the registry refuses, a pull secret that is missing is a part of that finding. */
static void
test_a_missing_pull_secret_hurts_when_the_pull_fails(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(DEPLOYMENT(
        "imagePullSecrets: [{name: reg}]") "---\n"
                                           "apiVersion: v1\n"
                                           "kind: Pod\n"
                                           "metadata: {namespace: shop, name: web-1, "
                                           "ownerReferences: [{controller: true, uid: d}]}\n"
                                           "spec: {containers: [{name: app, image: r/app}], "
                                           "imagePullSecrets: [{name: reg}]}\n"
                                           "status: {phase: Pending, " SCHEDULED
                                           "containerStatuses: [{name: app, state: {waiting: "
                                           "{reason: ImagePullBackOff, message: 401 "
                                           "Unauthorized}}}]}\n");
    test_cluster_expect(cluster, "image-auth-denied", "Deployment shop/web");
    assert_int_equal(
        test_cluster_expect_folded(cluster, "pull-secret-missing", "Deployment shop/web")->severity,
        SEVERITY_HIGH);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_check_fires_when_it_should),
        cmocka_unit_test(test_each_says_when_it_cannot_look),
        cmocka_unit_test(test_what_was_replaced_is_of_low_severity),
        cmocka_unit_test(test_a_pod_that_exceeded_its_own_limit),
        cmocka_unit_test(test_many_pods_of_one_controller),
        cmocka_unit_test(test_a_lost_pod_belongs_to_its_node),
        cmocka_unit_test(test_a_static_pod_is_no_node),
        cmocka_unit_test(test_classes_and_pull_secrets),
        cmocka_unit_test(test_a_missing_pull_secret_hurts_when_the_pull_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
