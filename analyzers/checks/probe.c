/* Containers that run and are not ready. */
#include <string.h>

#include "analyzers/checks/log_line.h"
#include "analyzers/checks/table.h"
#include "analyzers/checks/unreachable.h"

static void run_probes(CheckRun *run);

enum {
    ROW_READINESS,
    ROW_PORT,
    ROW_PATH,
    ROW_SCHEME,
    ROW_TIMEOUT,
    ROW_EXEC,
    ROW_GRPC,
    ROW_STARTUP,
    ROW_LIVENESS,
    ROW_GATE,
    ROW_COUNT
};

#define PROBE_ROW(name, level, hold, seen, told_by, step)                                          \
    {                                                                                              \
        .id = name, .kind = "Pod", .severity = level, .stage = STAGE_READINESS, .tier = 1,         \
        .hold_s = hold, .symptom = seen, .meaning = told_by, .fix = step, .run = run_probes,       \
        .needs = {                                                                                 \
            KIND_POD                                                                               \
        }                                                                                          \
    }

static const CheckRow rows[ROW_COUNT] = {
    [ROW_READINESS] = PROBE_ROW(
        "readiness-failing", SEVERITY_MEDIUM, 300,
        "A pod runs, but its readiness probe fails, so Services send it no traffic.",
        "A container runs and has not been ready for longer than its probe needs to know.",
        "Ask what the probe asks, and read the log of the program."),
    [ROW_PORT] = PROBE_ROW(
        "readiness-port-mismatch", SEVERITY_HIGH, 300,
        "A pod is not ready because its probe asks a port that the container does not have.",
        "The readiness probe is refused, and its port is not among the ports that the container "
        "declares.",
        "Set the probe's port to the one that the program listens on."),
    [ROW_PATH] = PROBE_ROW("readiness-wrong-path", SEVERITY_HIGH, 300,
                           "A pod is not ready because its probe asks a wrong path.",
                           "The readiness probe is answered with 301, 401, 403 or 404.",
                           "Correct the probe's path, or let it in without a login."),
    [ROW_SCHEME] = PROBE_ROW(
        "readiness-wrong-scheme", SEVERITY_HIGH, 300,
        "A pod is not ready because its probe speaks HTTP where HTTPS is spoken, or the reverse.",
        "The readiness probe fails at the protocol.",
        "Set the probe's scheme to what the program speaks."),
    [ROW_TIMEOUT] = PROBE_ROW("readiness-timeout", SEVERITY_MEDIUM, 300,
                              "A pod is not ready because it answers its probe too late.",
                              "The readiness probe fails by time.",
                              "Raise timeoutSeconds, or find what makes the program slow: its CPU "
                              "limit, or what it waits for."),
    [ROW_EXEC] = PROBE_ROW("readiness-exec-failing", SEVERITY_MEDIUM, 300,
                           "A pod is not ready because its probe's command fails.",
                           "The readiness probe runs a command, which fails.",
                           "Run the command in the container and read what it says."),
    [ROW_GRPC] = PROBE_ROW("readiness-grpc", SEVERITY_MEDIUM, 300,
                           "A pod is not ready because its gRPC health service says so.",
                           "The readiness probe by gRPC fails.",
                           "Register the health service, or read why it reports not serving."),
    [ROW_STARTUP] = PROBE_ROW(
        "startup-failing", SEVERITY_MEDIUM, 600, "A container has not finished starting.",
        "The startup probe has failed for ten minutes.",
        "Read the log of the start; when the attempts run out the container is restarted."),
    [ROW_LIVENESS] = PROBE_ROW(
        "liveness-failing", SEVERITY_MEDIUM, 600,
        "A container is about to be restarted by its liveness probe.",
        "The kubelet has reported a failed liveness probe three times within the last 15 minutes.",
        "Ask what the probe asks, and read the log of the program."),
    [ROW_GATE] = PROBE_ROW("readiness-gate-unsatisfied", SEVERITY_MEDIUM, 600,
                           "A pod is not ready because a controller outside it has not said so.",
                           "A condition of spec.readinessGates is not True.",
                           "Look at the controller that sets this condition."),
};

const CheckTopic check_topic_probe = {rows, G_N_ELEMENTS(rows)};

/* What the kubelet says of a failed probe, in lower case. */
static const struct {
    const char *part;
    int row;
} by_words[] = {
    {"http response to https client", ROW_SCHEME},
    {"malformed http", ROW_SCHEME},
    {"tls: first record does not look like", ROW_SCHEME},
    {"statuscode: 301", ROW_PATH},
    {"statuscode: 401", ROW_PATH},
    {"statuscode: 403", ROW_PATH},
    {"statuscode: 404", ROW_PATH},
    {"statuscode: 400", ROW_SCHEME},
    {"deadline exceeded", ROW_TIMEOUT},
    {"timeout", ROW_TIMEOUT},
    {"timed out", ROW_TIMEOUT},
};

/* The port that a probe asks, as a number; 0 when a name stands for none. */
static int64_t
probe_port(const Container *container, const Value *probe)
{
    const char *const handlers[] = {"httpGet", "tcpSocket", "grpc"};
    for (size_t i = 0; i < G_N_ELEMENTS(handlers); i++) {
        const Value *handler = value_get(probe, handlers[i]);
        const char *port = value_text(handler, "port");
        if (port[0] == '\0')
            continue;
        int64_t number = value_int(handler, "port", 0);
        const Value *named = value_find(container->spec, "ports", "name", port);
        return number != 0 ? number : value_int(named, "containerPort", 0);
    }
    return -1;
}

/* Whether the container says which ports it has, and this is none of them. */
static bool
is_undeclared(const Container *container, int64_t port)
{
    if (port < 0 || value_count(container->spec, "ports") == 0)
        return false;
    for (const Value *p = value_first(container->spec, "ports"); p != NULL; p = p->next) {
        if (value_int(p, "containerPort", 0) == port)
            return false;
    }
    return true;
}

/* The port that the program says it listens on, when that is another one; 0: it does not say. */
static int64_t
listen_port(const CheckRun *run, const Container *container)
{
    int64_t port = probe_port(container, value_get(container->spec, "readinessProbe"));
    g_autofree char *log = snapshot_log(run->snapshot, container->pod, container->name, false);
    return log != NULL && port > 0 ? log_other_port(log, port) : 0;
}

static int
classify(const CheckRun *run, const Container *container, const char *message)
{
    const Value *probe = value_get(container->spec, "readinessProbe");
    g_autofree char *words = g_ascii_strdown(message, -1);
    if (probe_port(container, probe) == 0 ||
        (strstr(words, "refused") != NULL &&
         (is_undeclared(container, probe_port(container, probe)) ||
          listen_port(run, container) != 0)))
        return ROW_PORT;
    if (value_get(probe, "exec") != NULL)
        return ROW_EXEC;
    if (value_get(probe, "grpc") != NULL)
        return ROW_GRPC;
    for (size_t i = 0; i < G_N_ELEMENTS(by_words); i++) {
        if (strstr(words, by_words[i].part) != NULL)
            return by_words[i].row;
    }
    return ROW_READINESS;
}

/* The newest event of the kubelet about a probe of a container. */
static const Event *
probe_event(const CheckRun *run, const Container *container, const char *probe)
{
    enum { RECENT_S = 60 * 60 };
    const GPtrArray *events = snapshot_events(run->snapshot, container->pod);
    for (guint i = 0; i < events->len; i++) {
        const Event *event = events->pdata[i];
        bool is_about = container_has_event(container, event) &&
                        g_ascii_strncasecmp(event->message, probe, strlen(probe)) == 0;
        if (is_about && event->last_s >= run->now_s - RECENT_S &&
            (strcmp(event->reason, "Unhealthy") == 0 || strcmp(event->reason, "ProbeError") == 0))
            return event;
    }
    return NULL;
}

/* What a probe asks: "GET :8080/healthz". */
static char *
probe_text(const Container *container, const Value *probe)
{
    int64_t port = probe_port(container, probe);
    const Value *get = value_get(probe, "httpGet");
    if (get != NULL)
        return g_strdup_printf("GET %s on port %" G_GINT64_FORMAT, value_text(get, "path"), port);
    if (port > 0)
        return g_strdup_printf("port %" G_GINT64_FORMAT, port);
    return g_strdup("its command");
}

static char *
declared_ports(const Container *container)
{
    GString *text = g_string_new(NULL);
    for (const Value *p = value_first(container->spec, "ports"); p != NULL; p = p->next)
        g_string_append_printf(text, "%s%s", text->len > 0 ? ", " : "",
                               value_text(p, "containerPort"));
    return g_string_free(text, FALSE);
}

/* Which ports there are instead of the one that the probe asks. */
static char *
port_text(const CheckRun *run, const Container *container)
{
    int64_t other = listen_port(run, container);
    g_autofree char *ports = declared_ports(container);
    if (other != 0)
        return g_strdup_printf("; its log says that it listens on port %" G_GINT64_FORMAT, other);
    return g_strdup_printf("; the probe asks a port that the container does not declare (%s)",
                           ports[0] != '\0' ? ports : "it declares none");
}

/* What its log says that it cannot reach: when that is not well, it is the cause. */
static void
add_dependency(const CheckRun *run, Finding *finding, const Object *pod, const char *line)
{
    if (line == NULL || log_signature(line) != LOG_DEPENDENCY)
        return;
    g_autoptr(Unreachable) dependency = unreachable_of(run->snapshot, pod, line);
    g_autofree char *fault =
        dependency != NULL ? unreachable_fault(run->relations, run->snapshot, dependency) : NULL;
    if (fault == NULL)
        return;
    finding_evidence(finding, "It cannot reach what it needs: %s", fault);
    unreachable_blame(run->relations, dependency, finding);
}

static void
write_text(CheckRun *run, Finding *finding, const Container *container, int row, const Event *event)
{
    const Object *pod = container->pod, *controller = finding->object;
    const Value *probe = value_get(container->spec, "readinessProbe");
    g_autofree char *asked = probe_text(container, probe);
    g_autofree char *services = pod_service_names(run, pod),
                    *line = log_line(run, container, false);
    const char *words = probe_words(event);
    finding_title(finding, "%s %s: container %s is not ready%s%s", kind_row(controller->kind)->kind,
                  controller->name, container->name, words[0] != '\0' ? ": " : "", words);
    g_autofree char *why = row == ROW_PORT ? port_text(run, container) : g_strdup("");
    finding_cause(finding, "The container runs, but its readiness probe (%s) fails%s%s%s%s%s.",
                  asked, words[0] != '\0' ? ": " : "", words, why,
                  services != NULL ? "; it gets no traffic from Service " : "",
                  services != NULL ? services : "");
    if (event != NULL)
        finding_evidence(finding, "%s (%" G_GINT64_FORMAT " times)", event->message, event->count);
    if (line != NULL)
        finding_evidence(finding, "Its log: %s", line);
    finding_fix(finding, "%s", rows[row].fix);
    finding_fix(finding, "kubectl -n %s logs -c %s %s", pod->ns, container->name, pod->name);
    add_dependency(run, finding, pod, line);
}

/* A Service all of whose pods are not ready. */
static bool
leaves_a_service_empty(const CheckRun *run, const Object *pod)
{
    g_autoptr(GPtrArray) services = relations_pod_services(run->relations, pod);
    for (guint i = 0; i < services->len; i++) {
        const GPtrArray *pods = relations_service_pods(run->relations, services->pdata[i]);
        guint n_ready = 0;
        for (guint k = 0; k < pods->len; k++)
            n_ready += value_is(condition_of(pods->pdata[k], "Ready"), "status", "True");
        if (n_ready == 0)
            return true;
    }
    return false;
}

/* How long a probe takes to know: before that nothing is wrong. */
static int64_t
patience_s(const Value *probe)
{
    enum { MARGIN_S = 60 };
    return value_int(probe, "initialDelaySeconds", 0) +
           CLAMP(value_int(probe, "periodSeconds", 10) * value_int(probe, "failureThreshold", 3), 0,
                 86400) +
           MARGIN_S;
}

static void
report_readiness(CheckRun *run, const Container *container)
{
    const Value *probe = value_get(container->spec, "readinessProbe");
    const Event *event = probe_event(run, container, "Readiness");
    int row = classify(run, container, probe_words(event));
    int64_t since_s =
        value_time(condition_of(container->pod, "ContainersReady"), "lastTransitionTime");
    bool is_new;
    if (!check_held(run, &rows[row], since_s) || run->now_s - since_s < patience_s(probe))
        return;
    Finding *finding =
        check_report_pod(run, &rows[row], container->pod, container->name, since_s, &is_new);
    if (!is_new)
        return;
    write_text(run, finding, container, row, event);
    if (leaves_a_service_empty(run, container->pod))
        finding->severity = MAX(finding->severity, SEVERITY_HIGH);
}

static void
report_probe(CheckRun *run, const Container *container, int row, const Event *event,
             int64_t since_s)
{
    bool is_new;
    Finding *finding =
        check_report_pod(run, &rows[row], container->pod, container->name, since_s, &is_new);
    if (!is_new)
        return;
    const Object *controller = finding->object;
    finding_title(finding, "%s %s: %s probe of container %s fails",
                  kind_row(controller->kind)->kind, controller->name,
                  row == ROW_STARTUP ? "startup" : "liveness", container->name);
    finding_cause(finding, "%s; the container will be restarted when the attempts run out.",
                  event != NULL ? event->message : "The probe has not succeeded");
    finding_fix(finding, "%s", rows[row].fix);
    finding_fix(finding, "kubectl -n %s logs -c %s %s", container->pod->ns, container->name,
                container->pod->name);
}

static void
look_at(CheckRun *run, const Container *container)
{
    enum { LIVENESS_TIMES = 3, LIVENESS_RECENT_S = 15 * 60, RESTARTS_MAX = 2 };
    const Value *running = value_at(container->status, "state.running");
    if (container->is_init || running == NULL)
        return;
    int64_t started_s = value_time(running, "startedAt");
    bool has_startup = value_get(container->spec, "startupProbe") != NULL;
    const Event *liveness = probe_event(run, container, "Liveness");
    if (has_startup && value_is(container->status, "started", "false")) {
        if (check_held(run, &rows[ROW_STARTUP], started_s))
            report_probe(run, container, ROW_STARTUP, probe_event(run, container, "Startup"),
                         started_s);
    } else if (!value_is_true(container->status, "ready") &&
               value_get(container->spec, "readinessProbe") != NULL &&
               value_is(condition_of(container->pod, "Ready"), "reason", "ContainersNotReady")) {
        report_readiness(run, container);
    }
    if (liveness != NULL && liveness->count >= LIVENESS_TIMES &&
        liveness->last_s >= run->now_s - LIVENESS_RECENT_S &&
        value_int(container->status, "restartCount", 0) < RESTARTS_MAX &&
        check_held(run, &rows[ROW_LIVENESS], liveness->first_s))
        report_probe(run, container, ROW_LIVENESS, liveness, liveness->first_s);
}

/* ---- Readiness gates. ---- */

static void
look_at_gates(CheckRun *run, const Object *pod)
{
    const Value *ready = condition_of(pod, "Ready");
    int64_t since_s = value_time(ready, "lastTransitionTime");
    if (!value_is(ready, "reason", "ReadinessGatesNotReady") ||
        !check_held(run, &rows[ROW_GATE], since_s))
        return;
    for (const Value *gate = value_first(pod->value, "spec.readinessGates"); gate != NULL;
         gate = gate->next) {
        const char *type = value_text(gate, "conditionType");
        const Value *condition = condition_of(pod, type);
        bool is_new;
        if (value_is(condition, "status", "True"))
            continue;
        Finding *finding = check_report_pod(run, &rows[ROW_GATE], pod, type, since_s, &is_new);
        if (!is_new)
            continue;
        const Object *controller = finding->object;
        finding_title(finding, "%s %s waits for readiness gate %s",
                      kind_row(controller->kind)->kind, controller->name, type);
        finding_cause(finding,
                      "The containers are ready, but condition %s, which a controller outside the "
                      "pod sets, is not True. %s",
                      type, value_text(condition, "message"));
        check_advise(finding, pod);
    }
}

static void
run_probes(CheckRun *run)
{
    containers_visit(run, look_at);
    const GPtrArray *pods = snapshot_objects(run->snapshot, KIND_POD);
    for (guint i = 0; i < pods->len; i++) {
        if (pod_is_wanted(pods->pdata[i]))
            look_at_gates(run, pods->pdata[i]);
    }
}
