/* Containers that end again and again: what their logs and pasts say. */
#include "analyzers/checks/log_line.h"
#include "tests/unit/analyzers/checks/crashes.h"

static void
test_logs_tell_which_kind_it_is(void **state)
{
    (void)state;
    static const struct {
        const char *log, *check, *says;
    } logs[] = {
        {"up\nlevel=error msg=\"variable DB_URL is not set\"\nlevel=fatal msg=\"cannot start\"\n",
         "crashloop-config", "DB_URL"},
        {"FATAL: password authentication failed for user \"app\"\n", "crashloop-config",
         "password"},
        {"Traceback (most recent call last):\n  File x\nPermissionError: [Errno 13] Permission "
         "denied: '/data'\n",
         "crashloop-permission", "/data"},
        {"listen tcp :80: bind: permission denied\n", "crashloop-bind", ":80"},
        {"Error: listen EADDRINUSE: address already in use :::3000\n", "crashloop-bind", "3000"},
        {"Waiting for changelog lock....\n", "crashloop-migration-lock", "lock"},
        {"exec /app: exec format error\n", "image-arch-mismatch", "exec format"},
        {"dial tcp: lookup cache: no such host\n", "crashloop-dependency", "has no Service cache"},
        {"java.net.UnknownHostException: cache.shop.svc\n", "crashloop-dependency",
         "has no Service cache.shop.svc"},
        {"nginx: [emerg] host not found in upstream \"cache.shop.svc:80\" in "
         "/etc/nginx/nginx.conf:80\n",
         "crashloop-dependency", "has no Service cache.shop.svc"},
        {"[ALERT] parsing [haproxy.cfg:9]: 'server a': could not resolve address "
         "'cache.shop.svc'.\n",
         "crashloop-dependency", "has no Service cache.shop.svc"},
        {"Error: /etc/alloy/config.alloy:14:3: unrecognized attribute name \"endpont\"\n\n13 | "
         "x {\n   |   ^^^\nError: could not perform the initial load successfully\n",
         "crashloop-config", "endpont"},
        {"panic: runtime error\n\ngoroutine 1 [running]:\nmain.main()\n", "container-crashloop",
         "panic: runtime error"},
        {"WARN variable LOG is not set, using default\npanic: nil\n", "container-crashloop",
         "panic: nil"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(logs); i++) {
        g_autoptr(TempDir) dir = temp_dir_new();
        g_autoptr(TestCluster) cluster =
            cluster_with_log(dir, POD("web", "ports: []", LOOP("1")), logs[i].log);
        const Finding *finding = test_cluster_expect(cluster, logs[i].check, "Pod shop/web");
        if (strstr(finding->cause, logs[i].says) == NULL)
            fail_msg("%s does not say '%s'", finding->cause, logs[i].says);
    }
}

/* The node was out of memory, not the container. */
static void
test_a_container_that_was_killed_for_its_node(void **state)
{
    (void)state;
#define KILLED                                                                                     \
    POD("web", "ports: []",                                                                        \
        "restartCount: 1, state: {running: {startedAt: '2026-01-01T11:50:05Z'}}, lastState: "      \
        "{terminated: {exitCode: 137, reason: OOMKilled, startedAt: '2026-01-01T09:00:00Z', "      \
        "finishedAt: '2026-01-01T11:50:00Z'}}")                                                    \
    "---\n"                                                                                        \
    "apiVersion: v1\n"                                                                             \
    "kind: Node\n"                                                                                 \
    "metadata: {name: n1, uid: n1}\n"                                                              \
    "status: {conditions: [{type: Ready, status: 'True'}]}\n"
#define OUT_OF_MEMORY(at)                                                                          \
    "---\n"                                                                                        \
    "apiVersion: v1\n"                                                                             \
    "kind: Event\n"                                                                                \
    "metadata: {namespace: default, name: oom}\n"                                                  \
    "involvedObject: {kind: Node, name: n1, uid: n1}\n"                                            \
    "reason: SystemOOM\n"                                                                          \
    "message: System OOM encountered\n"                                                            \
    "type: Warning\n"                                                                              \
    "firstTimestamp: '2026-01-01T" at "Z'\n"                                                       \
    "lastTimestamp: '2026-01-01T" at "Z'\n"
    g_autoptr(TestCluster) then = test_cluster_new(KILLED OUT_OF_MEMORY("11:50:20"));
    const Finding *finding =
        test_cluster_expect_folded(then, "container-oomkilled", "Pod shop/web");
    assert_string_equal(finding->root->check->id, "node-systemoom");
    g_autoptr(TestCluster) later = test_cluster_new(KILLED OUT_OF_MEMORY("11:55:00"));
    test_cluster_expect(later, "container-oomkilled", "Pod shop/web");
}

/* Where a DaemonSet crashes, it is told of one node, and named on which others. */
static void
test_a_daemon_set_that_crashes_everywhere(void **state)
{
    (void)state;
#define AGENT(name, node)                                                                          \
    "---\n"                                                                                        \
    "apiVersion: v1\n"                                                                             \
    "kind: Pod\n"                                                                                  \
    "metadata: {namespace: shop, name: " name ", uid: " name ", ownerReferences: [{controller: "   \
    "true, uid: agent}]}\n"                                                                        \
    "spec: {nodeName: " node ", containers: [{name: app}]}\n"                                      \
    "status: {phase: Running, conditions: [{type: Ready, status: 'False'}], containerStatuses: "   \
    "[{name: app, " LOOP("1") "}]}\n"
#define AGENT_SET                                                                                  \
    "---\n"                                                                                        \
    "apiVersion: apps/v1\n"                                                                        \
    "kind: DaemonSet\n"                                                                            \
    "metadata: {namespace: shop, name: agent, uid: agent}\n"                                       \
    "status: {desiredNumberScheduled: 2}\n"
    g_autoptr(TestCluster) one = test_cluster_new(AGENT("a", "n1") AGENT_SET);
    const Finding *finding =
        test_cluster_expect(one, "container-crashloop", "DaemonSet shop/agent");
    for (guint i = 0; i < finding->evidence->len; i++)
        assert_lacks(finding->evidence->pdata[i], "other node");
    g_autoptr(TestCluster) all =
        test_cluster_new(AGENT("a", "n1") AGENT("b", "n2") AGENT("c", "n3") AGENT_SET);
    finding = test_cluster_expect(all, "container-crashloop", "DaemonSet shop/agent");
    assert_string_equal(finding->evidence->pdata[finding->evidence->len - 1],
                        "The same on 2 other nodes: n2, n3");
}

/* Between two waits a container runs for a moment, or has just ended. */
static void
test_a_loop_is_seen_at_any_moment(void **state)
{
    (void)state;
    g_autoptr(TestCluster) ended = test_cluster_new(
        POD("web", "ports: []",
            "restartCount: 4, state: {terminated: {exitCode: 3, reason: Error, startedAt: "
            "'2026-01-01T11:59:50Z', finishedAt: '2026-01-01T11:59:59Z'}}"));
    test_cluster_expect(ended, "container-crashloop", "Pod shop/web");
    g_autoptr(TestCluster) running = test_cluster_new(
        POD("web", "ports: []",
            "restartCount: 4, state: {running: {startedAt: '2026-01-01T11:59:50Z'}}, lastState: "
            "{terminated: {exitCode: 3, startedAt: '2026-01-01T11:55:00Z', finishedAt: "
            "'2026-01-01T11:55:30Z'}}"));
    test_cluster_expect(running, "container-crashloop", "Pod shop/web");
    g_autoptr(TestCluster) recovered = test_cluster_new(
        POD("web", "ports: []",
            "restartCount: 4, state: {running: {startedAt: '2026-01-01T11:40:00Z'}}, lastState: "
            "{terminated: {exitCode: 3, startedAt: '2026-01-01T11:38:00Z', finishedAt: "
            "'2026-01-01T11:38:30Z'}}"));
    test_cluster_expect_none(recovered, "container-crashloop");
}

static void
test_seldom_restarts_are_told_when_they_go_on(void **state)
{
    (void)state;
#define SELDOM(count, at)                                                                          \
    POD("web", "ports: []",                                                                        \
        "restartCount: " count ", ready: true, state: {running: {startedAt: '" at "'}}, "          \
        "lastState: {terminated: {exitCode: 1, reason: Error, startedAt: '2026-01-01T01:00:00Z', " \
        "finishedAt: '" at "'}}")
    g_autoptr(TestCluster) often = test_cluster_new(SELDOM("7", "2026-01-01T09:00:00Z"));
    test_cluster_expect(often, "container-restarting", "Pod shop/web");
    g_autoptr(TestCluster) rare = test_cluster_new(SELDOM("4", "2026-01-01T09:00:00Z"));
    test_cluster_expect_none(rare, "container-restarting");
    g_autoptr(TestCluster) starting = test_cluster_new(SELDOM("7", "2025-12-30T12:20:00Z"));
    test_cluster_expect_none(starting, "container-restarting");
}

static char *
evidence_of(const Finding *finding)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < finding->evidence->len; i++)
        g_string_append_printf(text, "%s\n", (const char *)finding->evidence->pdata[i]);
    return g_string_free(text, FALSE);
}

/* The kubelet's word that it killed the container counts more than its exit code. */
static void
test_a_kill_is_the_probes(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        POD("web", "livenessProbe: {initialDelaySeconds: 7}",
            LOOP("0")) "---\n"
                       "apiVersion: v1\n"
                       "kind: Event\n"
                       "metadata: {namespace: shop, name: e}\n"
                       "involvedObject: {uid: web}\n"
                       "reason: Killing\n"
                       "message: Container app failed liveness probe, will be restarted\n"
                       "lastTimestamp: '2026-01-01T11:58:00Z'\n");
    const Finding *finding = test_cluster_expect(cluster, "crashloop-liveness", "Pod shop/web");
    assert_contains(finding->cause, "from 7 s after the start");
    g_autofree char *evidence = evidence_of(finding);
    assert_null(strstr(evidence, "No event"));
    g_autoptr(TestCluster) failing = test_cluster_new(
        POD("web", "livenessProbe: {initialDelaySeconds: 7}",
            LOOP("143")) "---\n"
                         "apiVersion: v1\n"
                         "kind: Event\n"
                         "metadata: {namespace: shop, name: e}\n"
                         "involvedObject: {uid: web}\n"
                         "reason: Unhealthy\n"
                         "message: 'Liveness probe failed: HTTP probe failed with statuscode: "
                         "404'\n"
                         "lastTimestamp: '2026-01-01T11:58:00Z'\n");
    finding = test_cluster_expect(failing, "crashloop-liveness", "Pod shop/web");
    assert_contains(finding->title, "liveness probe: HTTP probe failed with statuscode: 404");
}

static void
test_the_roll_out_before_is_named(void **state)
{
    (void)state;
#define SET(name, revision, image, at)                                                             \
    "---\n"                                                                                        \
    "apiVersion: apps/v1\n"                                                                        \
    "kind: ReplicaSet\n"                                                                           \
    "metadata: {namespace: shop, name: " name ", uid: " name ", creationTimestamp: '" at           \
    "', annotations: {deployment.kubernetes.io/revision: '" revision                               \
    "'}, ownerReferences: [{controller: true, kind: Deployment, name: web, uid: d}]}\n"            \
    "spec: {template: {spec: {containers: [{name: app, image: " image "}]}}}\n"
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata: {namespace: shop, name: web, uid: d}\n"
        "spec: {replicas: 1, template: {spec: {containers: [{name: app, image: r/app:2, resources: "
        "{limits: {memory: 1Gi}}}]}}}\n" SET("old", "3", "r/app:1", "2025-12-01T11:00:00Z")
            SET("new", "4", "r/app:2",
                "2026-01-01T10:55:00Z") "---\n"
                                        "apiVersion: v1\n"
                                        "kind: Pod\n"
                                        "metadata: {namespace: shop, name: web-1, ownerReferences: "
                                        "[{controller: true, uid: "
                                        "new}]}\n"
                                        "spec: {containers: [{name: app, image: r/app:2, "
                                        "resources: {limits: {memory: "
                                        "512Mi}}}]}\n"
                                        "status: {phase: Running, conditions: [{type: "
                                        "ContainersReady, status: 'False', "
                                        "lastTransitionTime: '2026-01-01T11:00:00Z'}], "
                                        "containerStatuses: [{name: app, "
                                        "restartCount: 5, state: {waiting: {reason: "
                                        "CrashLoopBackOff}}, lastState: {terminated: "
                                        "{exitCode: 137, reason: OOMKilled}}}]}\n");
    const Finding *finding = test_cluster_expect(cluster, "crashloop-oom", "Deployment shop/web");
    g_autofree char *evidence = evidence_of(finding);
    assert_contains(finding->title, "limit 512Mi");
    assert_contains(finding->changes->pdata[0], "5 min before: roll-out of revision 4");
    assert_contains(finding->changes->pdata[0], "from r/app:1 to r/app:2");
    assert_contains(evidence, "sets a limit of 1Gi");
}

/* Of variables the names alone. */
static void
test_what_a_roll_out_changed(void **state)
{
    (void)state;
#define SET_OF(name, revision, at, container)                                                      \
    "---\n"                                                                                        \
    "apiVersion: apps/v1\n"                                                                        \
    "kind: ReplicaSet\n"                                                                           \
    "metadata: {namespace: shop, name: " name ", uid: " name ", creationTimestamp: '" at           \
    "', annotations: {deployment.kubernetes.io/revision: '" revision                               \
    "'}, ownerReferences: [{controller: true, uid: d}]}\n"                                         \
    "spec: {template: {spec: {containers: [{name: app, " container "}]}}}\n"
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata: {namespace: shop, name: web, uid: d}\n"
        "spec: {replicas: 1}\n" SET_OF(
            "old", "3", "2025-12-01T11:00:00Z",
            "image: a, env: [{name: SAME, value: x}, {name: KEY, value: hush41}, {name: OLD, "
            "value: "
            "x}], resources: {limits: {memory: 512Mi}}, livenessProbe: {periodSeconds: 5}")
            SET_OF(
                "new", "4", "2026-01-01T11:57:00Z",
                "image: a, env: [{name: SAME, value: x}, {name: KEY, value: hush42}, {name: NEW, "
                "value: x}], resources: {limits: {memory: 256Mi}, requests: {cpu: 100m}}, "
                "livenessProbe: {periodSeconds: 1}") "---\n"
                                                     "apiVersion: v1\n"
                                                     "kind: Pod\n"
                                                     "metadata: {namespace: shop, name: web-1, "
                                                     "ownerReferences: [{controller: true, uid: "
                                                     "new}]}\n"
                                                     "spec: {containers: [{name: app}]}\n"
                                                     "status: {phase: Running, conditions: "
                                                     "[{type: ContainersReady, status: 'False', "
                                                     "lastTransitionTime: "
                                                     "'2026-01-01T11:58:00Z'}], "
                                                     "containerStatuses: [{name: app, " LOOP(
                                                         "1") "}]}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "container-crashloop", "Deployment shop/web");
    const char *change = finding->changes->pdata[0];
    assert_contains(change, "roll-out of revision 4, which changed livenessProbe of container app; "
                            "variable KEY of container app; variable NEW of container app, which "
                            "is new; variable OLD of container app, which is gone; CPU request of "
                            "container app from none to 100m; memory limit of container app from "
                            "512Mi to 256Mi");
    assert_lacks(change, "hush");
    assert_lacks(change, "SAME");
}

static void
test_secrets_are_taken_out(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "error: DB_PASSWORD=hush42 is wrong",
        "error: cannot reach https://me:hush42@host/x",
        "error: Authorization: Bearer hush42hush42hush42",
        "error: {\"api_key\": \"hush42\"}",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_autofree char *line = log_line_of(lines[i]);
        assert_null(strstr(line, "hush42"));
        assert_contains(line, "[redacted]");
    }
}

static void
test_the_port_that_a_program_listens_on(void **state)
{
    (void)state;
    assert_int_equal(log_other_port("info: Listening on 0.0.0.0:9090\n", 8080), 9090);
    assert_int_equal(log_other_port("Tomcat started on port(s): 8081 (http)\n", 8080), 8081);
    assert_int_equal(log_other_port("Uvicorn running on http://[::]:8000 (Press)\n", 8080), 8000);
    assert_int_equal(log_other_port("listening on :9090\nlistening on :8080\n", 8080), 0);
    assert_int_equal(log_other_port("started at 12:30:45\nhello\n", 8080), 0);
}

/* The kubelet sends few events of a pod that crashes for long. */
static void
test_a_probe_is_known_by_the_time_of_the_end(void **state)
{
    static const struct {
        const char *probe, *ended, *check;
    } ends[] = {
        {"livenessProbe: {periodSeconds: 2, failureThreshold: 2}", "137, reason: Error",
         "crashloop-liveness"},
        {"livenessProbe: {periodSeconds: 2, failureThreshold: 2}", "1, reason: Error",
         "container-crashloop"},
        {"livenessProbe: {periodSeconds: 10}", "137, reason: Error", "container-crashloop"},
        {"livenessProbe: {periodSeconds: 2, failureThreshold: 2}, startupProbe: {}",
         "137, reason: Error", "container-crashloop"},
        {"ports: []", "137, reason: Error", "container-crashloop"},
    };
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(ends); i++) {
        g_autofree char *pod = g_strdup_printf(
            "apiVersion: v1\n"
            "kind: Pod\n"
            "metadata: {namespace: shop, name: web}\n"
            "spec: {nodeName: n1, containers: [{name: app, %s}]}\n"
            "status: {phase: Running, containerStatuses: [{name: app, restartCount: 9, state: "
            "{waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: %s, "
            "startedAt: '2026-01-01T11:50:00Z', finishedAt: '2026-01-01T11:50:05Z'}}}]}\n",
            ends[i].probe, ends[i].ended);
        g_autoptr(TestCluster) cluster = test_cluster_new(pod);
        const Finding *finding = test_cluster_expect(cluster, ends[i].check, "Pod shop/web");
        g_autofree char *evidence = evidence_of(finding);
        assert_int_equal(strstr(evidence, "No event tells of the probe") != NULL,
                         strcmp(ends[i].check, "crashloop-liveness") == 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_probe_is_known_by_the_time_of_the_end),
        cmocka_unit_test(test_logs_tell_which_kind_it_is),
        cmocka_unit_test(test_a_container_that_was_killed_for_its_node),
        cmocka_unit_test(test_a_daemon_set_that_crashes_everywhere),
        cmocka_unit_test(test_a_loop_is_seen_at_any_moment),
        cmocka_unit_test(test_seldom_restarts_are_told_when_they_go_on),
        cmocka_unit_test(test_a_kill_is_the_probes),
        cmocka_unit_test(test_the_roll_out_before_is_named),
        cmocka_unit_test(test_the_port_that_a_program_listens_on),
        cmocka_unit_test(test_what_a_roll_out_changed),
        cmocka_unit_test(test_secrets_are_taken_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
