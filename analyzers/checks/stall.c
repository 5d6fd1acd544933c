/* Containers and pods that have neither started nor failed for too long. */
#include <string.h>

#include "analyzers/checks/exit_code.h"
#include "analyzers/checks/log_line.h"
#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"
#include "analyzers/checks/unreachable.h"

static void run_stalls(CheckRun *run);

enum { ROW_INIT, ROW_SIDECAR, ROW_WAITING, ROW_ENDED, ROW_HOOK };

#define STALL_ROW(name, on, level, order, hold, seen, told_by, step)                               \
    {                                                                                              \
        .id = name, .kind = on, .severity = level, .stage = order, .tier = 1, .hold_s = hold,      \
        .symptom = seen, .meaning = told_by, .fix = step, .run = run_stalls, .needs = {            \
            KIND_POD                                                                               \
        }                                                                                          \
    }

static const CheckRow rows[] = {
    [ROW_INIT] = STALL_ROW(
        "init-stuck", "Pod", SEVERITY_HIGH, STAGE_CONTAINER, 15 * 60,
        "A pod does not start because an init container does not end.",
        "An init container that is no sidecar has run for a quarter of an hour. The severity is "
        "medium when its log shows no trouble: it may have much to do.",
        "Repair what the init container waits for."),
    [ROW_SIDECAR] = STALL_ROW(
        "sidecar-not-ready", "Pod", SEVERITY_HIGH, STAGE_CONTAINER, 10 * 60,
        "A pod does not start because a sidecar has not finished starting.",
        "An init container with restartPolicy Always runs and has not been started for ten "
        "minutes, and the containers of the pod wait for it.",
        "Read the sidecar's log, and check its startup probe."),
    [ROW_WAITING] = STALL_ROW(
        "container-waiting-long", "Container", SEVERITY_MEDIUM, STAGE_CONTAINER, 10 * 60,
        "A container waits, for a reason that is not a usual one.",
        "The container has waited for ten minutes with a reason that none of the other checks "
        "knows.",
        "Read the reason and the events of the pod."),
    [ROW_ENDED] = STALL_ROW(
        "container-terminated-error", "Container", SEVERITY_MEDIUM, STAGE_CONTAINER, 5 * 60,
        "One container of a pod has failed for good while the others go on.",
        "A container ended with an error five minutes ago, the pod's restartPolicy is Never, and "
        "another container runs.",
        "Read the log of the container that failed."),
    [ROW_HOOK] = STALL_ROW(
        "lifecycle-hook-failed", "Container", SEVERITY_MEDIUM, STAGE_REFERENCE, 0,
        "A container is killed because the hook that runs at its start fails.",
        "The kubelet reported FailedPostStartHook or FailedPreStopHook within the last hour. A "
        "hook that fails at the end has the severity low.",
        "Run the hook's command by hand and read what it says."),
};

const CheckTopic check_topic_stall = {rows, G_N_ELEMENTS(rows)};

static void
add_steps(Finding *finding, const Container *container)
{
    const Object *pod = container->pod;
    finding_fix(finding, "%s", finding->check->fix);
    finding_fix(finding, "kubectl -n %s logs -c %s %s", pod->ns, container->name, pod->name);
}

/* ---- Init containers. ---- */

/* The dependency that a line names, else one that the command names and that is not well. */
static Unreachable *
find_dependency(const CheckRun *run, const Container *container, const char *line)
{
    static const char *const fields[] = {"command", "args"};
    Unreachable *found = line != NULL ? unreachable_of(run->snapshot, container->pod, line) : NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(fields) && found == NULL; i++) {
        for (const Value *word = value_first(container->spec, fields[i]);
             word != NULL && found == NULL; word = word->next) {
            found = unreachable_of(run->snapshot, container->pod, value_text(word, ""));
            g_autofree char *fault =
                found != NULL ? unreachable_fault(run->relations, run->snapshot, found) : NULL;
            if (fault == NULL)
                g_clear_pointer(&found, unreachable_free);
        }
    }
    return found;
}

static void
report_init(CheckRun *run, const Container *container, int64_t since_s)
{
    const Object *pod = container->pod;
    bool is_new;
    Finding *finding =
        check_report_pod(run, &rows[ROW_INIT], pod, container->name, since_s, &is_new);
    if (!is_new)
        return;
    g_autofree char *line = log_line(run, container, false);
    g_autoptr(Unreachable) dependency = find_dependency(run, container, line);
    g_autofree char *fault =
        dependency != NULL ? unreachable_fault(run->relations, run->snapshot, dependency) : NULL;
    g_autofree char *span = span_text(run->now_s - since_s);
    if (line != NULL && log_signature(line) == LOG_NOTHING && fault == NULL)
        finding->severity = SEVERITY_MEDIUM;
    finding_title(finding, "%s %s: init container %s does not end%s%s",
                  kind_row(finding->object->kind)->kind, finding->object->name, container->name,
                  fault != NULL || line != NULL ? ": " : "",
                  fault != NULL ? fault : (line != NULL ? line : ""));
    finding_cause(finding,
                  "Init container %s has run for %s, and the pod does not start before it ends%s%s"
                  "%s%s%s.",
                  container->name, span, line != NULL ? "; its log says \"" : "",
                  line != NULL ? line : "", line != NULL ? "\"" : "", fault != NULL ? "; " : "",
                  fault != NULL ? fault : "");
    if (dependency != NULL)
        unreachable_blame(run->relations, dependency, finding);
    add_steps(finding, container);
}

static void
report_sidecar(CheckRun *run, const Container *container, int64_t since_s)
{
    bool is_new;
    Finding *finding = check_report_pod(run, &rows[ROW_SIDECAR], container->pod, container->name,
                                        since_s, &is_new);
    if (!is_new)
        return;
    g_autofree char *line = log_line(run, container, false);
    finding_title(finding, "%s %s: sidecar %s has not started",
                  kind_row(finding->object->kind)->kind, finding->object->name, container->name);
    finding_cause(finding,
                  "Sidecar %s runs, but its startup probe has not succeeded, and the containers of "
                  "the pod wait for it%s%s%s.",
                  container->name, line != NULL ? "; its log says \"" : "",
                  line != NULL ? line : "", line != NULL ? "\"" : "");
    add_steps(finding, container);
}

static void
look_at_init(CheckRun *run, const Container *container)
{
    int64_t since_s = value_time(container->status, "state.running.startedAt");
    if (container_is_sidecar(container)) {
        if (value_is(container->status, "started", "false") &&
            check_held(run, &rows[ROW_SIDECAR], since_s))
            report_sidecar(run, container, since_s);
    } else if (check_held(run, &rows[ROW_INIT], since_s)) {
        report_init(run, container, since_s);
    }
}

/* ---- Containers. ---- */

/* Reasons to wait that other checks know, or that are usual. */
static bool
is_known_reason(const char *reason)
{
    static const char *const reasons[] = {
        "",
        "ContainerCreating",
        "PodInitializing",
        "CrashLoopBackOff",
        "ErrImagePull",
        "ImagePullBackOff",
        "ErrImageNeverPull",
        "ImageInspectError",
        "InvalidImageName",
        "RegistryUnavailable",
        "SignatureValidationFailed",
        "CreateContainerConfigError",
        "CreateContainerError",
        "PreCreateHookError",
        "RunContainerError",
        "StartError",
        "ContainerCannotRun",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(reasons); i++) {
        if (strcmp(reason, reasons[i]) == 0)
            return true;
    }
    return false;
}

static void
look_at_waiting(CheckRun *run, const Container *container)
{
    const Value *waiting = value_at(container->status, "state.waiting");
    const char *reason = value_text(waiting, "reason");
    int64_t since_s = status_since(container->pod, "PodScheduled");
    bool is_new;
    if (is_known_reason(reason) || !check_held(run, &rows[ROW_WAITING], since_s))
        return;
    Finding *finding = check_report_pod(run, &rows[ROW_WAITING], container->pod, container->name,
                                        since_s, &is_new);
    if (!is_new)
        return;
    finding_title(finding, "%s %s: container %s waits: %s", kind_row(finding->object->kind)->kind,
                  finding->object->name, container->name, reason);
    finding_cause(finding, "Container %s has not started; it waits with the reason %s: %s",
                  container->name, reason, value_text(waiting, "message"));
    check_advise(finding, container->pod);
}

static void
look_at_ended(CheckRun *run, const Container *container)
{
    const Value *ended = value_at(container->status, "state.terminated");
    int64_t code = value_int(ended, "exitCode", 0), since_s = value_time(ended, "finishedAt");
    bool is_new;
    if (code == 0 || !value_is(container->pod->value, "spec.restartPolicy", "Never") ||
        !pod_has_running(container->pod) || !check_held(run, &rows[ROW_ENDED], since_s))
        return;
    Finding *finding =
        check_report_pod(run, &rows[ROW_ENDED], container->pod, container->name, since_s, &is_new);
    if (!is_new)
        return;
    g_autofree char *line = log_line(run, container, false);
    finding_title(finding, "%s %s: container %s has failed while the others go on",
                  kind_row(finding->object->kind)->kind, finding->object->name, container->name);
    finding_cause(finding,
                  "Container %s ended with exit code %" G_GINT64_FORMAT
                  " (%s) and is not started again%s%s%s.",
                  container->name, code, exit_code_text(code),
                  line != NULL ? "; its log says \"" : "", line != NULL ? line : "",
                  line != NULL ? "\"" : "");
    add_steps(finding, container);
}

static void
look_at_container(CheckRun *run, const Container *container)
{
    if (container->is_init) {
        look_at_init(run, container);
        return;
    }
    look_at_waiting(run, container);
    look_at_ended(run, container);
}

/* ---- Hooks. ---- */

static void
look_at_hooks(CheckRun *run, const Object *pod)
{
    enum { RECENT_S = 60 * 60 };
    const Event *event = snapshot_event(run->snapshot, pod, "FailedPostStartHook|FailedPreStopHook",
                                        run->now_s - RECENT_S);
    bool is_new;
    if (event == NULL)
        return;
    bool is_start = strcmp(event->reason, "FailedPostStartHook") == 0;
    Finding *finding = check_report_pod(run, &rows[ROW_HOOK], pod, "", event->first_s, &is_new);
    if (!is_new)
        return;
    if (!is_start)
        finding->severity = SEVERITY_LOW;
    finding_title(finding, "%s %s: the hook at the %s of a container fails",
                  kind_row(finding->object->kind)->kind, finding->object->name,
                  is_start ? "start" : "end");
    finding_cause(finding, "%s: %s",
                  is_start ? "The postStart hook fails, so the kubelet kills the container"
                           : "The preStop hook fails, so the container ends without it",
                  event->message);
    check_advise(finding, pod);
}

static void
run_stalls(CheckRun *run)
{
    const GPtrArray *pods = snapshot_objects(run->snapshot, KIND_POD);
    containers_visit(run, look_at_container);
    for (guint i = 0; i < pods->len; i++) {
        if (pod_is_wanted(pods->pdata[i]))
            look_at_hooks(run, pods->pdata[i]);
    }
}
