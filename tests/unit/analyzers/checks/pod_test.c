/* Pods that do not start, end, or are not ready: a row for each check. */
#include "analyzers/checks/status.h"
#include "tests/harness/check.h"
#include "tests/harness/cluster.h"

#define NODE                                                                                       \
    "apiVersion: v1\n"                                                                             \
    "kind: Node\n"                                                                                 \
    "metadata: {name: n1, labels: {disk: hdd}}\n"                                                  \
    "spec: {taints: [{key: gpu, value: 'yes', effect: NoSchedule}]}\n"                             \
    "status: {allocatable: {cpu: '4', memory: 8Gi}}\n"                                             \
    "---\n"
/* A pod an hour old, whose status and spec a row gives. */
#define POD(spec, status)                                                                          \
    NODE "apiVersion: v1\n"                                                                        \
         "kind: Pod\n"                                                                             \
         "metadata: {namespace: shop, name: web, uid: web}\n"                                      \
         "spec: {nodeName: n1, containers: [{name: app, image: 'r/app:1.429'" spec "}]}\n"         \
         "status: {phase: Pending, " status "}\n"
#define SCHEDULED                                                                                  \
    "conditions: [{type: PodScheduled, status: 'True', lastTransitionTime: "                       \
    "'2026-01-01T11:00:00Z'}]"
#define WAITING(reason, message)                                                                   \
    POD("", SCHEDULED                                                                              \
        ", containerStatuses: [{name: app, restartCount: 0, state: {waiting: {reason: " reason     \
        ", message: '" message "'}}}]")
#define PULL(message) WAITING("ImagePullBackOff", message)
#define CRASHED(spec, code, reason)                                                                \
    POD(spec, "conditions: [{type: ContainersReady, status: 'False', lastTransitionTime: "         \
              "'2026-01-01T11:00:00Z'}], "                                                         \
              "containerStatuses: [{name: app, restartCount: 5, state: {waiting: {reason: "        \
              "CrashLoopBackOff}}, "                                                               \
              "lastState: {terminated: {exitCode: " code ", reason: " reason                       \
              ", startedAt: '2026-01-01T11:58:00Z', finishedAt: '2026-01-01T11:58:03Z'}}}]")
#define CRASH(code, reason)       CRASHED("", code, reason)
#define PROBED(code)              CRASHED(", livenessProbe: {periodSeconds: 5}, startupProbe: {}", code, "Error")
#define EVENT(event_reason, text) EVENT_OF("", event_reason, text)
/* The kubelet tells of a probe of this container. */
#define EVENT_ABOUT(container, text)                                                               \
    EVENT_OF(", fieldPath: 'spec.containers{" container "}'", "Unhealthy", text)
#define EVENT_OF(field, event_reason, text)                                                        \
    "---\n"                                                                                        \
    "apiVersion: v1\n"                                                                             \
    "kind: Event\n"                                                                                \
    "metadata: {namespace: shop, name: e1}\n"                                                      \
    "involvedObject: {uid: web" field "}\n"                                                        \
    "reason: " event_reason "\n"                                                                   \
    "type: Warning\n"                                                                              \
    "message: '" text "'\n"                                                                        \
    "count: 9\n"                                                                                   \
    "firstTimestamp: '2026-01-01T11:00:00Z'\n"                                                     \
    "lastTimestamp: '2026-01-01T11:59:00Z'\n"
#define CREATING                                                                                   \
    POD("", SCHEDULED                                                                              \
        ", containerStatuses: [{name: app, state: {waiting: {reason: ContainerCreating}}}]")
#define UNREADY(probe)                                                                             \
    NODE "apiVersion: v1\n"                                                                        \
         "kind: Pod\n"                                                                             \
         "metadata: {namespace: shop, name: web, uid: web}\n"                                      \
         "spec: {containers: [{name: app, ports: [{name: http, containerPort: 80}], " probe        \
         "}]}\n"                                                                                   \
         "status: {phase: Running, conditions: [{type: Ready, status: 'False', reason: "           \
         "ContainersNotReady}, "                                                                   \
         "{type: ContainersReady, status: 'False', lastTransitionTime: '2026-01-01T11:00:00Z'}], " \
         "containerStatuses: [{name: app, ready: false, started: true, state: {running: "          \
         "{startedAt: "                                                                            \
         "'2026-01-01T10:00:00Z'}}}]}\n"
#define GET      "readinessProbe: {httpGet: {path: /ok, port: http}}"
#define ANYWHERE "tolerations: [{operator: Exists}]"
#define UNSCHEDULED(spec, message)                                                                 \
    NODE "apiVersion: v1\n"                                                                        \
         "kind: Pod\n"                                                                             \
         "metadata: {namespace: shop, name: web, uid: web}\n"                                      \
         "spec: {" spec "}\n"                                                                      \
         "status: {phase: Pending, conditions: [{type: PodScheduled, status: 'False', reason: "    \
         "Unschedulable, "                                                                         \
         "lastTransitionTime: '2026-01-01T11:00:00Z', message: '0/3 nodes are available: " message \
         "'}]}\n"

static const struct {
    const char *check, *yaml;
    const char *says; /* in the title or the cause */
} rows[] = {
    {"image-not-found", PULL("failed to resolve reference r/app:1.429: r/app:1.429: not found"),
     "r/app:1.429"},
    {"image-auth-denied", PULL("failed to authorize: unexpected status: 401 Unauthorized"),
     "no pull secret"},
    {"image-rate-limited", PULL("429 Too Many Requests - toomanyrequests: limit reached"),
     "limits"},
    {"image-registry-tls", PULL("tls: failed to verify certificate: x509: unknown authority"),
     "certificate"},
    {"image-arch-mismatch", PULL("no match for platform in manifest: not found"), "this machine"},
    {"image-registry-unreachable", PULL("dial tcp: lookup r: no such host"), "cannot be reached"},
    {"image-registry-unreachable", WAITING("ImagePullBackOff", "Back-off pulling image"),
     "why the pull fails is not told any more"},
    {"image-registry-unreachable",
     PULL("read tcp 10.0.0.3:44042->10.9.9.9:443: read: connection reset by peer"),
     "cannot be reached"},
    {"image-name-invalid", WAITING("InvalidImageName", "x"), "malformed"},
    {"image-never-pull", WAITING("ErrImageNeverPull", "x"), "must not be pulled"},
    {"image-inspect-error", WAITING("ImageInspectError", "x"), "cannot read"},
    {"image-signature-failed", WAITING("SignatureValidationFailed", "x"), "signature"},
    {"container-config-error", WAITING("CreateContainerConfigError", "secret \"s\" not found"),
     "secret \"s\""},
    {"container-create-error", WAITING("CreateContainerError", "name in use"), "name in use"},
    {"container-run-error", WAITING("RunContainerError", "no such file"), "no such file"},
    {"container-run-error",
     WAITING("RunContainerError", "failed to create shim task: OCI runtime create failed: runc "
                                  "create failed: unable to start container process: exec: /a: no "
                                  "such file: unknown"),
     "cannot be started: exec: /a: no such file"},
    {"pod-mount-failed", CREATING EVENT("FailedMount", "secret \"tls\" not found"),
     "secret \"tls\""},
    {"pod-attach-failed", CREATING EVENT("FailedAttachVolume", "rpc error: no disk"), "no disk"},
    {"pod-attach-multi", CREATING EVENT("FailedAttachVolume", "Multi-Attach error"),
     "still attached to another node"},
    {"projected-token-failed", CREATING EVENT("FailedMount", "x: failed to fetch token: y"),
     "no token"},
    {"pod-ip-exhaustion",
     CREATING EVENT("FailedCreatePodSandBox", "no IP addresses available in range set"),
     "no address left"},
    {"pod-sandbox-failed", CREATING EVENT("FailedCreatePodSandBox", "cni: no route"),
     "cni: no route"},
    {"container-crashloop", CRASH("1", "Error"), "3 s after its start"},
    {"crashloop-oom", CRASH("137", "OOMKilled"), "memory"},
    {"crashloop-liveness", PROBED("137") EVENT("Unhealthy", "Liveness probe failed: x"),
     "liveness"},
    {"crashloop-startup", PROBED("137") EVENT("Unhealthy", "Startup probe failed: x"), "startup"},
    {"crashloop-exit0", CRASH("0", "Completed"), "it finished"},
    {"crashloop-command-not-found", CRASH("127", "Error"), "not found"},
    {"crashloop-segfault", CRASH("139", "Error"), "SIGSEGV"},
    {"readiness-failing",
     UNREADY(GET)
         EVENT("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503"),
     "503"},
    {"readiness-wrong-path",
     UNREADY(GET)
         EVENT("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 404"),
     "GET /ok on port 80"},
    {"readiness-wrong-scheme",
     UNREADY(GET)
         EVENT("Unhealthy",
               "Readiness probe failed: Get x: http: server gave HTTP response to HTTPS client"),
     "HTTPS"},
    {"readiness-timeout",
     UNREADY(GET) EVENT("Unhealthy", "Readiness probe failed: Get x: context deadline exceeded"),
     "deadline"},
    {"readiness-port-mismatch",
     UNREADY("readinessProbe: {httpGet: {path: /ok, port: 8080}}")
         EVENT("Unhealthy", "Readiness probe failed: Get x: dial tcp: connect: connection refused"),
     "does not declare (80)"},
    {"readiness-exec-failing",
     UNREADY("readinessProbe: {exec: {command: [x]}}")
         EVENT("Unhealthy", "Readiness probe failed: x"),
     "its command"},
    {"readiness-grpc",
     UNREADY("readinessProbe: {grpc: {port: 80}}") EVENT("Unhealthy", "Readiness probe failed: x"),
     "port 80"},
    {"liveness-failing", UNREADY(GET) EVENT("Unhealthy", "Liveness probe failed: x"),
     "liveness probe"},
    {"pod-unschedulable-never-fits",
     UNSCHEDULED(ANYWHERE ", containers: [{name: app, resources: {requests: {cpu: '8'}}}]",
                 "3 Insufficient cpu."),
     "it asks for 8 cpu, and the largest node that it may use has 4 cpu"},
    {"pod-unschedulable-resources",
     UNSCHEDULED(ANYWHERE ", containers: [{name: app, resources: {requests: {memory: 4Gi}}}]",
                 "1 node(s) had untolerated taint {a: b}, 2 Insufficient memory. preemption: 0/3 "
                 "nodes are available."),
     "Insufficient memory"},
    {"pod-unschedulable-nodeselector",
     UNSCHEDULED(ANYWHERE ", nodeSelector: {disk: ssd}",
                 "3 node(s) did not match node affinity/selector."),
     "disk=ssd that its nodeSelector asks for (nodes have disk=hdd)"},
    {"pod-unschedulable-taint",
     UNSCHEDULED("tolerations: []", "3 node(s) had untolerated taint(s)."), "gpu=yes:NoSchedule"},
    {"pod-unschedulable-affinity",
     UNSCHEDULED(ANYWHERE, "3 node(s) didn''t match pod anti-affinity rules."), "anti-affinity"},
    {"pod-unschedulable-topology",
     UNSCHEDULED(ANYWHERE, "3 node(s) didn''t match pod topology spread constraints."), "topology"},
    {"pod-unschedulable-volume",
     UNSCHEDULED(ANYWHERE, "pod has unbound immediate PersistentVolumeClaims."),
     "PersistentVolumeClaims"},
    {"pod-unschedulable-hostport",
     UNSCHEDULED(ANYWHERE, "3 node(s) didn''t have free ports for the requested pod ports."),
     "free ports"},
    {"pod-unschedulable-too-many-pods", UNSCHEDULED(ANYWHERE, "3 Too many pods."), "Too many pods"},
    {"pod-unschedulable-cordoned", UNSCHEDULED(ANYWHERE, "3 node(s) were unschedulable."),
     "unschedulable"},
    {"pod-unschedulable-dra", UNSCHEDULED(ANYWHERE, "3 cannot allocate all claims."), "claims"},
    {"pod-unschedulable", UNSCHEDULED(ANYWHERE, "3 something new."), "something new"},
    {"pod-no-scheduler",
     "apiVersion: v1\nkind: Pod\nmetadata: {namespace: shop, name: web}\nspec: {schedulerName: "
     "mine}\nstatus: {phase: Pending}\n",
     "scheduler mine"},
    {"container-oomkilled",
     POD("", "containerStatuses: [{name: app, restartCount: 1, ready: true, state: {running: "
             "{startedAt: '2026-01-01T11:30:00Z'}}, "
             "lastState: {terminated: {exitCode: 137, reason: OOMKilled, finishedAt: "
             "'2026-01-01T11:30:00Z'}}}]"),
     "killed"},
    {"init-crashloop",
     "apiVersion: v1\nkind: Pod\nmetadata: {namespace: shop, name: web}\nspec: {initContainers: "
     "[{name: wait}]}\nstatus: {phase: "
     "Pending, initContainerStatuses: [{name: wait, restartCount: 4, state: {waiting: {reason: "
     "CrashLoopBackOff}}, lastState: "
     "{terminated: {exitCode: 2}}}]}\n",
     "wait"},
    {"startup-failing",
     "apiVersion: v1\nkind: Pod\nmetadata: {namespace: shop, name: web}\nspec: {containers: "
     "[{name: app, startupProbe: {}}]}\nstatus: "
     "{phase: Running, containerStatuses: [{name: app, started: false, ready: false, state: "
     "{running: {startedAt: "
     "'2026-01-01T11:00:00Z'}}}]}\n",
     "startup probe"},
    {"readiness-gate-unsatisfied",
     "apiVersion: v1\nkind: Pod\nmetadata: {namespace: shop, name: web}\nspec: {readinessGates: "
     "[{conditionType: lb/ok}]}\nstatus: "
     "{phase: Running, conditions: [{type: Ready, status: 'False', reason: ReadinessGatesNotReady, "
     "lastTransitionTime: "
     "'2026-01-01T11:00:00Z'}]}\n",
     "lb/ok"},
};

static void
test_each_check_fires(void **state)
{
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(rows[i].yaml);
        const Finding *finding = test_cluster_expect(cluster, rows[i].check, "Pod shop/web");
        g_autofree char *text = g_strdup_printf("%s %s", finding->title, finding->cause);
        if (strstr(text, rows[i].says) == NULL)
            fail_msg("%s does not say '%s': %s", rows[i].check, rows[i].says, text);
        if (finding->fix->len < 2)
            fail_msg("%s says no step and no command", rows[i].check);
    }
}

/* The same pods while they are being deleted, or a moment after they began. */
static void
test_none_fires_about_pods_that_go_or_are_well(void **state)
{
    (void)state;
    g_autoptr(TestCluster) well =
        test_cluster_new(NODE "apiVersion: v1\nkind: Pod\nmetadata: {namespace: shop, name: "
                              "web}\nspec: {nodeName: n1, containers: [{name: app}]}\n"
                              "status: {phase: Running, conditions: [{type: Ready, status: "
                              "'True'}], containerStatuses: [{name: app, ready: true, "
                              "restartCount: 1, started: true, state: {running: {startedAt: "
                              "'2026-01-01T10:00:00Z'}}}]}\n");
    test_cluster_expect_quiet(well, SEVERITY_INFO);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_auto(GStrv) parts = g_strsplit(rows[i].yaml, "name: web", 2);
        g_autofree char *going = g_strjoinv(
            "deletionTimestamp: '2026-01-01T11:59:00Z', deletionGracePeriodSeconds: 30, name: web",
            parts);
        g_autoptr(TestCluster) cluster = test_cluster_new(going);
        test_cluster_expect_none(cluster, rows[i].check);
    }
}

static void
test_each_says_when_it_cannot_look(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new(NODE "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n");
    test_cluster_fail(cluster, KIND_POD, "pods could not be listed: 403");
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        test_cluster_expect_unverified(cluster, rows[i].check);
}

/* What is young may still come right. */
static void
test_the_hold_is_kept(void **state)
{
    (void)state;
    g_auto(GStrv) parts = g_strsplit(PULL("not found"), "2026-01-01T11:00:00Z", -1);
    g_autofree char *young = g_strjoinv("2026-01-01T11:59:00Z", parts);
    g_autoptr(TestCluster) cluster = test_cluster_new(young);
    test_cluster_expect_none(cluster, "image-not-found");
}

/* What the kubelet says about another container of the pod says nothing about this one. */
static void
test_probes_of_other_containers_are_not_meant(void **state)
{
    (void)state;
    g_autoptr(TestCluster) other =
        test_cluster_new(PROBED("137") EVENT_ABOUT("side", "Liveness probe failed: x"));
    test_cluster_expect_none(other, "crashloop-liveness");
    test_cluster_expect(other, "container-crashloop", "Pod shop/web");
    g_autoptr(TestCluster) unready = test_cluster_new(UNREADY(GET) EVENT_ABOUT(
        "side", "Readiness probe failed: HTTP probe failed with statuscode: 404"));
    test_cluster_expect_none(unready, "readiness-wrong-path");
    g_autoptr(TestCluster) own = test_cluster_new(UNREADY(GET) EVENT_ABOUT(
        "app", "Readiness probe failed: HTTP probe failed with statuscode: 404"));
    test_cluster_expect(own, "readiness-wrong-path", "Pod shop/web");
}

#define ON_NODE(kind, name, volumes, ready, status)                                                \
    "---\napiVersion: v1\nkind: Pod\nmetadata: {namespace: shop, name: " name                      \
    "}\nspec: {nodeName: n1, containers: [{name: app}], volumes: [" volumes                        \
    "]}\nstatus: {phase: " kind ", conditions: [{type: PodScheduled, status: 'True', "             \
    "lastTransitionTime: '2026-01-01T11:00:00Z'}, {type: Ready, status: '" ready                   \
    "', lastTransitionTime: '2026-01-01T11:00:00Z'}], containerStatuses: [{name: app, " status     \
    "}]}\n"
#define NO_SANDBOX                                                                                 \
    ON_NODE("Pending", "web", "", "False",                                                         \
            "ready: false, state: {waiting: {reason: ContainerCreating}}")                         \
    "---\napiVersion: v1\nkind: Event\nmetadata: {namespace: shop, name: web.1}\ntype: Warning\n"  \
    "reason: FailedCreatePodSandBox\nmessage: 'cni: no such socket'\nlastTimestamp: "              \
    "'2026-01-01T11:58:00Z'\ninvolvedObject: {kind: Pod, namespace: shop, name: web, uid: "        \
    "Pod/shop/web}\n"
#define PLUGIN(volumes)                                                                            \
    ON_NODE("Running", "cni", volumes, "False",                                                    \
            "ready: false, restartCount: 9, state: {waiting: {reason: CrashLoopBackOff}}, "        \
            "lastState: {terminated: {exitCode: 3, reason: Error, finishedAt: "                    \
            "'2026-01-01T11:57:00Z'}}")

static void
test_a_broken_network_plugin_is_the_cause(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new(NO_SANDBOX PLUGIN("{name: cni, hostPath: {path: /etc/cni/net.d}}"));
    const Finding *finding =
        test_cluster_expect_folded(cluster, "pod-sandbox-failed", "Pod shop/web");
    assert_string_equal(finding->root->object->name, "cni");
    g_autoptr(TestCluster) other =
        test_cluster_new(NO_SANDBOX PLUGIN("{name: logs, hostPath: {path: /var/log}}"));
    test_cluster_expect(other, "pod-sandbox-failed", "Pod shop/web");
}

/* The kubelet says which plug-in it is. */
static void
test_a_network_plugin_is_known_by_its_name(void **state)
{
    (void)state;
    g_autofree char *yaml = g_strdup(NO_SANDBOX PLUGIN("{name: logs, hostPath: {path: /var/log}}"));
    g_autoptr(GString) named = g_string_new(yaml);
    g_string_replace(named, "cni: no such socket", "plugin type=\"x-cni\" name=\"x\" failed", 1);
    g_string_replace(named, "name: cni}", "name: cni, labels: {k8s-app: x}}", 1);
    g_string_replace(named, "name: cni\n", "name: cni, labels: {k8s-app: x}\n", 1);
    g_autoptr(TestCluster) cluster = test_cluster_new(named->str);
    const Finding *finding =
        test_cluster_expect_folded(cluster, "pod-sandbox-failed", "Pod shop/web");
    assert_string_equal(finding->root->object->name, "cni");
}

static void
test_titles_name_what_is_wrong(void **state)
{
    (void)state;
    g_autoptr(TestCluster) root = test_cluster_new(
        WAITING("CreateContainerConfigError",
                "container has runAsNonRoot and image will run as root (pod: \"web_shop(1-2)\", "
                "container: app)"));
    const Finding *finding = test_cluster_expect(root, "container-config-error", "Pod shop/web");
    assert_string_equal(finding->title, "Pod web: container app cannot be created: container has "
                                        "runAsNonRoot and image will run as root");
    assert_contains(finding->fix->pdata[0], "runAsUser");
    g_autoptr(TestCluster) mount = test_cluster_new(CREATING EVENT(
        "FailedMount", "MountVolume.SetUp failed for volume \"c\" : secret \"tls\" not found"));
    finding = test_cluster_expect(mount, "pod-mount-failed", "Pod shop/web");
    assert_string_equal(finding->title, "Pod web does not start: volume c cannot be mounted: "
                                        "secret \"tls\" not found");
}

static void
test_an_init_container_is_not_called_unready(void **state)
{
    static const struct {
        const char *policy, *says;
    } policies[] = {{"OnFailure", "init container wait has not ended"},
                    {"Always", "container wait runs but is not ready"}};
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(policies); i++) {
        g_autofree char *pod = g_strdup_printf(
            "apiVersion: v1\n"
            "kind: Pod\n"
            "metadata: {namespace: shop, name: web}\n"
            "spec: {initContainers: [{name: wait, restartPolicy: %s}]}\n"
            "status: {initContainerStatuses: [{name: wait, ready: false, state: {running: {}}}]}\n",
            policies[i].policy);
        g_autoptr(TestCluster) cluster = test_cluster_new(pod);
        const GPtrArray *pods = snapshot_objects(test_cluster_snapshot(cluster), KIND_POD);
        g_autofree char *trouble = pod_trouble(pods->pdata[0]);
        assert_contains(trouble, policies[i].says);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_broken_network_plugin_is_the_cause),
        cmocka_unit_test(test_a_network_plugin_is_known_by_its_name),
        cmocka_unit_test(test_titles_name_what_is_wrong),
        cmocka_unit_test(test_an_init_container_is_not_called_unready),
        cmocka_unit_test(test_each_check_fires),
        cmocka_unit_test(test_none_fires_about_pods_that_go_or_are_well),
        cmocka_unit_test(test_each_says_when_it_cannot_look),
        cmocka_unit_test(test_the_hold_is_kept),
        cmocka_unit_test(test_probes_of_other_containers_are_not_meant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
