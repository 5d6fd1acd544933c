/* Containers that end again and again. */
#include "analyzers/checks/crash.h"

#include <string.h>

#include "analyzers/checks/table.h"

static void run_crashes(CheckRun *run);

#define CRASH_ROW(name, level, own_cause, seen, told_by, step)                                     \
    {                                                                                              \
        .id = name, .kind = "Container", .severity = level, .stage = STAGE_CONTAINER, .tier = 1,   \
        .is_own_cause = own_cause, .symptom = seen, .meaning = told_by, .fix = step,               \
        .run = run_crashes, .needs = {                                                             \
            KIND_POD                                                                               \
        }                                                                                          \
    }
#define LOOPS "The container is in CrashLoopBackOff, or ends as often, and "

static const CheckRow rows[] = {
    [CRASH_PLAIN] = CRASH_ROW("container-crashloop", SEVERITY_HIGH, true,
                              "A container starts and ends, again and again.",
                              LOOPS "nothing tells which kind of fault it is.",
                              "Read the log of the run before, and what changed before the first "
                              "failure."),
    [CRASH_DEPENDENCY] =
        CRASH_ROW("crashloop-dependency", SEVERITY_HIGH, false,
                  "A container ends again and again because it cannot reach something it needs.",
                  LOOPS "the log of its last run says that a connection or a look-up failed.",
                  "Repair what it needs first; it starts by itself when that answers."),
    [CRASH_CONFIG] = CRASH_ROW(
        "crashloop-config", SEVERITY_HIGH, true,
        "A container ends again and again because it does not accept its configuration.",
        LOOPS "the log of its last run speaks of a setting, a login or a file that is missing or "
              "wrong.",
        "Correct the setting that the log names: an environment variable, a key or a mount."),
    [CRASH_PERMISSION] = CRASH_ROW(
        "crashloop-permission", SEVERITY_HIGH, true,
        "A container ends again and again because the system forbids what it does.",
        LOOPS "the log of its last run says that permission was denied or the file system is "
              "read-only.",
        "Let its user write there: fsGroup for a volume, or an emptyDir where the root is "
        "read-only."),
    [CRASH_PORT] =
        CRASH_ROW("crashloop-bind", SEVERITY_MEDIUM, true,
                  "A container ends again and again because it cannot open its port.",
                  LOOPS "the log of its last run says that the address is in use, or that its user "
                        "may not open a port below 1024.",
                  "Choose a free port above 1023, or stop what listens on it in the same pod."),
    [CRASH_LOCK] = CRASH_ROW(
        "crashloop-migration-lock", SEVERITY_MEDIUM, true,
        "A container ends again and again because it waits for a lock.",
        LOOPS "the log of its last run speaks of the lock of a migration or a database.",
        "Find who holds the lock; when nobody does any more, release it and let the pod restart."),
    [CRASH_MEMORY] =
        CRASH_ROW("crashloop-oom", SEVERITY_HIGH, true,
                  "A container is killed again and again because it takes more memory than it may.",
                  LOOPS "its last run ended as OOMKilled.",
                  "Raise the memory limit above what it needs, or find what takes the memory."),
    [CRASH_LIVENESS] = CRASH_ROW(
        "crashloop-liveness", SEVERITY_HIGH, true,
        "A container is restarted again and again by its liveness probe.",
        LOOPS "the kubelet reports that it killed it, or was about to, for a failed liveness "
              "probe; or no event is left that says why, and it was killed in the time after which "
              "its probe has it killed.",
        "Give the program time with a startupProbe, or mend what the probe asks."),
    [CRASH_STARTUP] = CRASH_ROW(
        "crashloop-startup", SEVERITY_HIGH, true,
        "A container is restarted again and again because it does not start in time.",
        LOOPS "the kubelet reports that it killed it, or was about to, for a failed startup probe.",
        "Raise failureThreshold of the startup probe, or make the start faster."),
    [CRASH_FINISHED] = CRASH_ROW("crashloop-exit0", SEVERITY_MEDIUM, true,
                                 "A program finishes as it should, and is started again and again.",
                                 LOOPS "its last run ended with status 0.",
                                 "Make it a Job, or keep the program in the foreground."),
    [CRASH_COMMAND] = CRASH_ROW(
        "crashloop-command-not-found", SEVERITY_HIGH, true,
        "The command of a container cannot be run.",
        LOOPS "its last run ended with status 126 or 127.",
        "Correct command and args: the program is not in the image or is not executable."),
    [CRASH_SIGNAL] = CRASH_ROW(
        "crashloop-segfault", SEVERITY_HIGH, true, "A program crashes natively, again and again.",
        LOOPS "its last run ended by SIGSEGV, SIGABRT, SIGILL, SIGBUS or SIGFPE.",
        "Go back to the last good image; with SIGILL look at the instruction set of the node's "
        "CPU."),
    [CRASH_INIT] = CRASH_ROW("init-crashloop", SEVERITY_HIGH, false,
                             "An init container ends again and again, so the pod never starts.",
                             "An init container is in CrashLoopBackOff, or ends as often.",
                             "Read the log of the init container."),
    [CRASH_MEMORY_ONCE] =
        CRASH_ROW("container-oomkilled", SEVERITY_MEDIUM, true,
                  "A container was killed because it took more memory than it may.",
                  "The last run of a container that runs now ended as OOMKilled within two hours.",
                  "Look at its memory over time; raise the limit before it happens again."),
    [CRASH_SELDOM] = CRASH_ROW(
        "container-restarting", SEVERITY_MEDIUM, true,
        "A container that runs is restarted several times a day.",
        "The container has been restarted three times a day or more on average, the last time "
        "within six hours and not while its pod was starting.",
        "Compare the times of the restarts with load, memory and scheduled work."),
};

const CheckTopic check_topic_crash = {rows, G_N_ELEMENTS(rows)};

/* ---- Which kind. ---- */

/* Whether the kubelet killed the container for a probe: it says so of the container, or was
 * reporting failures when a signal ended it. */
static bool
was_killed_by_probe(const CheckRun *run, const Container *container, const Value *ended,
                    const char *probe, const char *field)
{
    enum { RECENT_S = 60 * 60 };
    const GPtrArray *events = snapshot_events(run->snapshot, container->pod);
    int64_t code = value_int(ended, "exitCode", -1);
    if (value_get(container->spec, field) == NULL)
        return false;
    g_autofree char *killing =
        g_strdup_printf("Container %s failed %s probe", container->name, probe);
    for (guint i = 0; i < events->len; i++) {
        const Event *event = events->pdata[i];
        if (event->last_s < run->now_s - RECENT_S)
            break;
        if (strcmp(event->reason, "Killing") == 0 && g_str_has_prefix(event->message, killing))
            return true;
        if ((code == 137 || code == 143) && strcmp(event->reason, "Unhealthy") == 0 &&
            container_has_event(container, event) &&
            g_ascii_strncasecmp(event->message, probe, strlen(probe)) == 0)
            return true;
    }
    return false;
}

/* Seconds that a run took; -1 when it does not say. */
static int64_t
run_seconds(const Value *ended)
{
    int64_t from_s = value_time(ended, "startedAt"), to_s = value_time(ended, "finishedAt");
    return from_s > 0 && to_s >= from_s ? to_s - from_s : -1;
}

/* Whether it was killed in the time after which a liveness probe that never succeeds has it killed.
 * The kubelet sends 25 events of a pod at once and then one in five minutes, so a container that
 * crashes for hours may have none of its probe any more (client-go, tools/record). */
static bool
ended_as_by_probe(const Container *container, const Value *ended)
{
    enum { GRACE_S = 30, SLACK_S = 15 };
    const Value *probe = value_get(container->spec, "livenessProbe");
    int64_t code = value_int(ended, "exitCode", -1), seconds = run_seconds(ended);
    if (probe == NULL || value_get(container->spec, "startupProbe") != NULL ||
        (code != 137 && code != 143))
        return false;
    int64_t period_s = value_int(probe, "periodSeconds", 10);
    int64_t times = value_int(probe, "failureThreshold", 3);
    int64_t grace_s =
        value_int(container->pod->value, "spec.terminationGracePeriodSeconds", GRACE_S);
    int64_t first_s = value_int(probe, "initialDelaySeconds", 0) + period_s * (times - 1);
    int64_t last_s = first_s + period_s + times * value_int(probe, "timeoutSeconds", 1) +
                     value_int(probe, "terminationGracePeriodSeconds", grace_s) + SLACK_S;
    return seconds >= first_s && seconds <= last_s;
}

static CrashKind
kind_of_signature(LogSignature signature, const char *line)
{
    switch (signature) {
    case LOG_DEPENDENCY:
        return CRASH_DEPENDENCY;
    case LOG_PERMISSION:
        return strstr(line, "bind") != NULL || strstr(line, "listen") != NULL ? CRASH_PORT
                                                                              : CRASH_PERMISSION;
    case LOG_PORT:
        return CRASH_PORT;
    case LOG_LOCK:
        return CRASH_LOCK;
    case LOG_CONFIG:
    case LOG_LOGIN:
    case LOG_SCHEMA:
        return CRASH_CONFIG;
    case LOG_FORMAT:
        return CRASH_ARCHITECTURE;
    default:
        return CRASH_PLAIN;
    }
}

static CrashKind
classify(const CheckRun *run, const Crash *crash)
{
    const Container *container = crash->container;
    const Value *ended = crash->ended;
    const char *line = crash->line;
    int64_t code = value_int(ended, "exitCode", -1);
    bool is_exec_format = line != NULL && log_signature(line) == LOG_FORMAT && code != 0;
    if (value_is(ended, "reason", "OOMKilled"))
        return CRASH_MEMORY;
    if (is_exec_format)
        return CRASH_ARCHITECTURE;
    if (container->is_init && !container_is_sidecar(container))
        return CRASH_INIT;
    if (was_killed_by_probe(run, container, ended, "liveness", "livenessProbe"))
        return CRASH_LIVENESS;
    if (was_killed_by_probe(run, container, ended, "startup", "startupProbe"))
        return CRASH_STARTUP;
    if (code == 0)
        return CRASH_FINISHED;
    if (code == 126 || code == 127)
        return CRASH_COMMAND;
    if (code == 139 || code == 134 || code == 132 || code == 135 || code == 136)
        return CRASH_SIGNAL;
    return line != NULL ? kind_of_signature(log_signature(line), line) : CRASH_PLAIN;
}

/* ---- Whether it is in a loop. ---- */

/* Whether a container that has ended is started again. */
static bool
is_restarted(const Container *container, const Value *ended)
{
    const char *policy = value_text(container->pod->value, "spec.restartPolicy");
    if (container_is_sidecar(container))
        return true;
    if (value_int(ended, "exitCode", -1) != 0)
        return strcmp(policy, "Never") != 0;
    return !container->is_init && (policy[0] == '\0' || strcmp(policy, "Always") == 0);
}

/* Waits between two runs, has ended just now, or runs again after a short run, no longer than that
 * took. */
static const Value *
find_loop(const CheckRun *run, const Container *container)
{
    enum { RESTARTS_MIN = 2, RESTARTS_RUNNING_MIN = 3, SHORT_S = 10 * 60 };
    const Value *state = value_get(container->status, "state");
    const Value *last = value_at(container->status, "lastState.terminated");
    int64_t restarts = value_int(container->status, "restartCount", 0);
    if (restarts < RESTARTS_MIN)
        return NULL;
    if (value_is(state, "waiting.reason", "CrashLoopBackOff"))
        return last != NULL ? last : state;
    const Value *ended = value_get(state, "terminated");
    if (ended != NULL)
        return is_restarted(container, ended) ? ended : NULL;
    int64_t started_s = value_time(state, "running.startedAt"), took_s = run_seconds(last);
    bool is_short =
        took_s >= 0 && took_s < SHORT_S && run->now_s - value_time(last, "finishedAt") < SHORT_S;
    return started_s > 0 && restarts >= RESTARTS_RUNNING_MIN && is_short &&
                   run->now_s - started_s <= took_s
               ? last
               : NULL;
}

/* Runs now, and has been restarted often, though not while its pod was starting. */
static bool
is_seldom(const CheckRun *run, const Container *container, const Value *ended)
{
    enum { RESTARTS_MIN = 3, DAY_S = 86400, RECENT_S = 6 * 60 * 60, STARTING_S = 60 * 60 };
    int64_t restarts = value_int(container->status, "restartCount", 0);
    int64_t ended_s = value_time(ended, "finishedAt");
    int64_t begun_s = value_time(container->pod->value, "status.startTime");
    if (container->is_init || begun_s == 0 || restarts < RESTARTS_MIN)
        return false;
    return ended_s - begun_s > STARTING_S && run->now_s - ended_s <= RECENT_S &&
           restarts * DAY_S >= RESTARTS_MIN * MAX(run->now_s - begun_s, DAY_S);
}

/* ---- Reports. ---- */

/* When the present trouble began, as far as that is known: the first event of the back-off, or
 * since when the pod is not ready. */
static int64_t
trouble_since(const CheckRun *run, const Container *container)
{
    const Value *ready =
        condition_of(container->pod, container->is_init ? "Initialized" : "ContainersReady");
    int64_t since_s =
        value_is(ready, "status", "False") ? value_time(ready, "lastTransitionTime") : 0;
    const Event *back_off = snapshot_event(run->snapshot, container->pod, "BackOff", 0);
    bool is_crash = back_off != NULL && strcmp(back_off->type, "Warning") == 0;
    if (is_crash && back_off->first_s > 0 && (since_s == 0 || back_off->first_s < since_s))
        since_s = back_off->first_s;
    return since_s;
}

static const CheckRow *
row_of(CrashKind kind)
{
    return kind == CRASH_ARCHITECTURE ? check_find("image-arch-mismatch") : &rows[kind];
}

static Finding *
report(CheckRun *run, Crash *crash, int64_t since_s)
{
    const Container *container = crash->container;
    bool is_new;
    Finding *finding = check_report_pod(run, row_of(crash->kind), container->pod, container->name,
                                        since_s, &is_new);
    if (is_new)
        crash_write(run, finding, crash);
    else if (crash->dependency != NULL)
        unreachable_blame(run->relations, crash->dependency, finding);
    return finding;
}

/* Whether its node said that it was out of memory itself when the container ended. */
static const Object *
node_without_memory(const CheckRun *run, const Object *pod, int64_t ended_s)
{
    enum { NEAR_S = 60 };
    const Object *node =
        snapshot_get(run->snapshot, KIND_NODE, "", value_text(pod->value, "spec.nodeName"));
    const Event *event =
        node != NULL ? snapshot_event(run->snapshot, node, "SystemOOM|OOMKilling", 0) : NULL;
    bool is_then = event != NULL && (ABS(event->last_s - ended_s) <= NEAR_S ||
                                     ABS(event->first_s - ended_s) <= NEAR_S);
    return is_then ? node : NULL;
}

/* One that runs again. */
static void
look_at_last(CheckRun *run, Crash *crash)
{
    enum { RECENT_S = 2 * 60 * 60 };
    const Container *container = crash->container;
    int64_t ended_s = value_time(crash->ended, "finishedAt");
    bool is_memory =
        value_is(crash->ended, "reason", "OOMKilled") && run->now_s - ended_s <= RECENT_S;
    crash->kind = is_memory ? CRASH_MEMORY_ONCE : CRASH_SELDOM;
    if (!is_memory && !is_seldom(run, container, crash->ended))
        return;
    crash->line = log_line(run, container, true);
    Finding *finding = report(run, crash, is_memory ? ended_s : 0);
    const Object *node = is_memory ? node_without_memory(run, container->pod, ended_s) : NULL;
    if (node != NULL)
        finding_blame(finding, node);
}

static void
look_at(CheckRun *run, const Container *container)
{
    const Value *last = value_at(container->status, "lastState.terminated");
    const Value *loop = find_loop(run, container);
    Crash crash = {.container = container, .ended = loop != NULL ? loop : last};
    if (loop != NULL) {
        crash.line = log_line(run, container, true);
        crash.kind = classify(run, &crash);
        crash.is_inferred = crash.kind == CRASH_PLAIN && ended_as_by_probe(container, loop);
        if (crash.is_inferred)
            crash.kind = CRASH_LIVENESS;
        if (crash.line != NULL && log_signature(crash.line) == LOG_DEPENDENCY)
            crash.dependency = unreachable_of(run->snapshot, container->pod, crash.line);
        (void)report(run, &crash, trouble_since(run, container));
    } else if (value_at(container->status, "state.running") != NULL && last != NULL) {
        look_at_last(run, &crash);
    }
    g_free(crash.line);
    unreachable_free(crash.dependency);
}

/* On which other nodes the same happens: its text tells of one pod. */
static void
add_nodes(Finding *finding)
{
    enum { NODES_MAX = 8 };
    g_autoptr(GString) nodes = g_string_new(NULL);
    guint n = 0;
    for (guint i = 1; i < finding->about->len; i++) {
        const Object *pod = finding->about->pdata[i];
        if (pod->kind == KIND_POD && n++ < NODES_MAX)
            g_string_append_printf(nodes, "%s%s", n > 1 ? ", " : "",
                                   value_text(pod->value, "spec.nodeName"));
    }
    if (n > 0)
        finding_evidence(finding, "The same on %u other node%s: %s%s", n, n > 1 ? "s" : "",
                         nodes->str, n > NODES_MAX ? " and more" : "");
}

static void
run_crashes(CheckRun *run)
{
    containers_visit(run, look_at);
    for (guint i = 0; i < run->findings->all->len; i++) {
        Finding *finding = run->findings->all->pdata[i];
        if (finding->object->kind == KIND_DAEMON_SET && finding->check >= rows &&
            finding->check < rows + G_N_ELEMENTS(rows))
            add_nodes(finding);
    }
}
