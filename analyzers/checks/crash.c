/* Containers that end again and again. */
#include <string.h>

#include "analyzers/checks/container.h"
#include "analyzers/checks/exit_code.h"
#include "analyzers/checks/log_line.h"
#include "analyzers/checks/table.h"

static void run_crashes(CheckRun *run);

enum {
    ROW_CRASH,
    ROW_OOM,
    ROW_LIVENESS,
    ROW_STARTUP,
    ROW_EXIT0,
    ROW_COMMAND,
    ROW_SEGFAULT,
    ROW_INIT,
    ROW_OOM_ONCE,
    ROW_COUNT
};

#define CRASH_ROW(name, level, seen, told_by, step)                                                \
    {                                                                                              \
        .id = name, .kind = "Container", .severity = level, .stage = STAGE_CONTAINER, .tier = 1,   \
        .is_own_cause = true, .symptom = seen, .meaning = told_by, .fix = step,                    \
        .run = run_crashes, .needs = {                                                             \
            KIND_POD                                                                               \
        }                                                                                          \
    }

static const CheckRow rows[ROW_COUNT] = {
    [ROW_CRASH] = CRASH_ROW(
        "container-crashloop", SEVERITY_HIGH, "A container starts and ends, again and again.",
        "The container waits in CrashLoopBackOff after at least two restarts.",
        "Read the log of the run before, and what changed before the first failure."),
    [ROW_OOM] =
        CRASH_ROW("crashloop-oom", SEVERITY_HIGH,
                  "A container is killed again and again because it takes more memory than it may.",
                  "The container is in CrashLoopBackOff and its last run ended as OOMKilled.",
                  "Raise the memory limit above what it needs, or find what takes the memory."),
    [ROW_LIVENESS] = CRASH_ROW(
        "crashloop-liveness", SEVERITY_HIGH, "A container is restarted by its liveness probe.",
        "The container is in CrashLoopBackOff, its last run was killed, and the kubelet reports "
        "that "
        "the liveness probe failed.",
        "Give the program time with a startupProbe, or mend what the probe asks."),
    [ROW_STARTUP] =
        CRASH_ROW("crashloop-startup", SEVERITY_HIGH,
                  "A container is restarted because it does not start in time.",
                  "The container is in CrashLoopBackOff, its last run was killed, and the kubelet "
                  "reports that "
                  "the startup probe failed.",
                  "Raise failureThreshold of the startup probe, or make the start faster."),
    [ROW_EXIT0] =
        CRASH_ROW("crashloop-exit0", SEVERITY_MEDIUM,
                  "A program finishes as it should, and is started again and again.",
                  "The container is in CrashLoopBackOff and its last run ended with status 0.",
                  "Make it a Job, or keep the program in the foreground."),
    [ROW_COMMAND] = CRASH_ROW(
        "crashloop-command-not-found", SEVERITY_HIGH, "The command of a container cannot be run.",
        "The container is in CrashLoopBackOff and its last run ended with status 126 or 127.",
        "Correct command and args: the program is not in the image or is not executable."),
    [ROW_SEGFAULT] = CRASH_ROW(
        "crashloop-segfault", SEVERITY_HIGH, "A program crashes natively, again and again.",
        "The container is in CrashLoopBackOff and its last run ended by SIGSEGV, SIGABRT, SIGILL, "
        "SIGBUS or SIGFPE.",
        "Go back to the last good image; with SIGILL look at the instruction set of the node's "
        "CPU."),
    [ROW_INIT] =
        CRASH_ROW("init-crashloop", SEVERITY_HIGH,
                  "An init container ends again and again, so the pod never starts.",
                  "An init container waits in CrashLoopBackOff after at least two restarts.",
                  "Read the log of the init container."),
    [ROW_OOM_ONCE] =
        CRASH_ROW("container-oomkilled", SEVERITY_MEDIUM,
                  "A container was killed because it took more memory than it may.",
                  "The last run of a container that runs now ended as OOMKilled within two hours.",
                  "Look at its memory over time; raise the limit before it happens again."),
};

const CheckTopic check_topic_crash = {rows, G_N_ELEMENTS(rows)};

static bool
was_killed_by_probe(const CheckRun *run, const Container *container, const char *probe)
{
    enum { RECENT_S = 60 * 60 };
    const GPtrArray *events = snapshot_events(run->snapshot, container->pod);
    for (guint i = 0; i < events->len; i++) {
        const Event *event = events->pdata[i];
        if (event->last_s < run->now_s - RECENT_S)
            break;
        if (strcmp(event->reason, "Unhealthy") == 0 &&
            g_ascii_strncasecmp(event->message, probe, strlen(probe)) == 0)
            return true;
    }
    return false;
}

static int
classify(const CheckRun *run, const Container *container, const Value *ended)
{
    int64_t code = value_int(ended, "exitCode", -1);
    bool was_killed = code == 137 || code == 143;
    if (value_is(ended, "reason", "OOMKilled"))
        return ROW_OOM;
    if (container->is_init)
        return ROW_INIT;
    if (was_killed && was_killed_by_probe(run, container, "Liveness"))
        return ROW_LIVENESS;
    if (was_killed && was_killed_by_probe(run, container, "Startup"))
        return ROW_STARTUP;
    if (code == 0)
        return ROW_EXIT0;
    if (code == 126 || code == 127)
        return ROW_COMMAND;
    return code == 139 || code == 134 || code == 132 || code == 135 || code == 136 ? ROW_SEGFAULT
                                                                                   : ROW_CRASH;
}

/* A run of seconds, or nothing when it is not known. */
static char *
run_length(const Value *ended)
{
    int64_t from_s = value_time(ended, "startedAt"), to_s = value_time(ended, "finishedAt");
    if (from_s == 0 || to_s < from_s)
        return g_strdup("");
    g_autofree char *span = span_text(to_s - from_s);
    return g_strdup_printf(" %s after its start", span);
}

/* Of a DaemonSet it matters where. */
static char *
place_text(const Finding *finding, const Container *container)
{
    Kind kind = finding->object->kind;
    return kind == KIND_DAEMON_SET || kind == KIND_POD
               ? g_strdup_printf(" on node %s", value_text(container->pod->value, "spec.nodeName"))
               : g_strdup("");
}

static void
write_cause(Finding *finding, const Container *container, const Value *ended, int row,
            const char *line)
{
    int64_t code = value_int(ended, "exitCode", -1);
    const char *limit = value_text(container->spec, "resources.limits.memory");
    g_autofree char *length = run_length(ended), *place = place_text(finding, container);
    if (row == ROW_OOM || row == ROW_OOM_ONCE)
        finding_cause(finding,
                      "Container %s%s is killed%s because it takes more memory than its limit%s%s "
                      "allows (OOMKilled).",
                      container->name, place, length, limit[0] != '\0' ? " of " : "", limit);
    else if (line != NULL)
        finding_cause(finding,
                      "Container %s%s ends%s with exit code %" G_GINT64_FORMAT
                      ", %s; its log says \"%s\".",
                      container->name, place, length, code, exit_code_text(code), line);
    else
        finding_cause(finding, "Container %s%s ends%s with exit code %" G_GINT64_FORMAT ": %s.",
                      container->name, place, length, code, exit_code_text(code));
}

static void
write_title(Finding *finding, const Container *container, const Value *ended, int row,
            const char *line)
{
    const char *kind = kind_row(finding->object->kind)->kind, *name = finding->object->name;
    int64_t code = value_int(ended, "exitCode", -1);
    if (row == ROW_OOM)
        finding_title(finding, "%s %s: container %s runs out of memory again and again", kind, name,
                      container->name);
    else if (row == ROW_OOM_ONCE)
        finding_title(finding, "%s %s: container %s was killed for its memory", kind, name,
                      container->name);
    else if (row == ROW_LIVENESS || row == ROW_STARTUP)
        finding_title(finding, "%s %s: container %s is restarted by its %s probe", kind, name,
                      container->name, row == ROW_LIVENESS ? "liveness" : "startup");
    else
        finding_title(
            finding,
            "%s %s: container %s crashes again and again (exit code %" G_GINT64_FORMAT ")%s%s",
            kind, name, container->name, code, line != NULL ? ": " : "", line != NULL ? line : "");
}

static void
write_text(CheckRun *run, Finding *finding, const Container *container, const Value *ended, int row)
{
    const Object *pod = container->pod;
    g_autofree char *line = log_line(run, container, true);
    g_autofree char *services = pod_service_names(run, pod);
    const char *node = value_text(pod->value, "spec.nodeName");
    write_title(finding, container, ended, row, line);
    write_cause(finding, container, ended, row, line);
    if (line != NULL)
        finding_evidence(finding, "%s", line);
    finding_evidence(finding,
                     "%" G_GINT64_FORMAT
                     " restarts; the last run ended with exit code %" G_GINT64_FORMAT
                     " (%s) on node %s",
                     value_int(container->status, "restartCount", 0),
                     value_int(ended, "exitCode", -1), value_text(ended, "reason"), node);
    if (services != NULL)
        finding_evidence(finding, "Service %s sends traffic to these pods", services);
    finding_fix(finding, "%s", rows[row].fix);
    finding_fix(finding, "kubectl -n %s logs --previous -c %s %s", pod->ns, container->name,
                pod->name);
}

/* When the present trouble began: the pod has been not ready since, as far as that is known. */
static int64_t
trouble_since(const Container *container)
{
    const Value *ready =
        condition_of(container->pod, container->is_init ? "Initialized" : "ContainersReady");
    return value_is(ready, "status", "False") ? value_time(ready, "lastTransitionTime") : 0;
}

static void
look_at(CheckRun *run, const Container *container)
{
    enum { RESTARTS_MIN = 2, RECENT_S = 2 * 60 * 60 };
    const Value *ended = value_at(container->status, "lastState.terminated");
    bool is_looping = value_is(container->status, "state.waiting.reason", "CrashLoopBackOff") &&
                      value_int(container->status, "restartCount", 0) >= RESTARTS_MIN;
    bool is_new;
    int row = -1;
    if (is_looping)
        row = classify(run, container, ended);
    else if (value_is(ended, "reason", "OOMKilled") &&
             value_at(container->status, "state.running") != NULL &&
             run->now_s - value_time(ended, "finishedAt") <= RECENT_S)
        row = ROW_OOM_ONCE;
    if (row < 0)
        return;
    Finding *finding = check_report_pod(
        run, &rows[row], container->pod, container->name,
        is_looping ? trouble_since(container) : value_time(ended, "finishedAt"), &is_new);
    if (is_new)
        write_text(run, finding, container, ended, row);
}

static void
run_crashes(CheckRun *run)
{
    containers_visit(run, look_at);
}
