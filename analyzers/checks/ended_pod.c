/* Pods that have ended before their time: evicted, refused by their node, out of time, failed. */
#include <string.h>

#include "analyzers/checks/container.h"
#include "analyzers/checks/exit_code.h"
#include "analyzers/checks/log_line.h"
#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_ended(CheckRun *run);

enum {
    ROW_EVICTED,
    ROW_REJECTED,
    ROW_SHUTDOWN,
    ROW_DEADLINE,
    ROW_FAILED,
    ROW_UNKNOWN,
    ROW_LEFTOVERS,
};

#define ENDED_ROW(name, level, order, rank, seen, told_by, step)                                   \
    {                                                                                              \
        .id = name, .kind = "Pod", .severity = level, .stage = order, .tier = rank,                \
        .symptom = seen, .meaning = told_by, .fix = step, .run = run_ended, .needs = {             \
            KIND_POD                                                                               \
        }                                                                                          \
    }

static const CheckRow rows[] = {
    [ROW_EVICTED] = ENDED_ROW(
        "pod-evicted", SEVERITY_HIGH, STAGE_CONTAINER, 1,
        "A node has removed a pod because it ran short of memory, disk or processes.",
        "The pod ended as Evicted within the last two hours. The severity is low when it was one "
        "pod only and its controller has all of its pods again.",
        "Set requests to what the pods really use, or give the node more of what it ran out of; "
        "of a pod that exceeded a limit of its own, raise that or let it write less."),
    [ROW_REJECTED] = ENDED_ROW(
        "pod-rejected-by-kubelet", SEVERITY_HIGH, STAGE_CONTAINER, 1,
        "A node has refused a pod that was assigned to it.",
        "The pod failed within the last two hours with a reason of the kubelet's admission, such "
        "as OutOfcpu, NodeAffinity or UnexpectedAdmissionError. The severity is low when its "
        "controller has all of its pods again.",
        "Read the message: the node lacks what the pod needs, though the scheduler thought it had "
        "it."),
    [ROW_SHUTDOWN] =
        ENDED_ROW("pod-node-shutdown", SEVERITY_LOW, STAGE_CONTAINER, 1,
                  "A pod was ended because its node shut down, and nothing has replaced it.",
                  "The pod failed within the last two hours with the reason Terminated or "
                  "NodeShutdown, and its controller lacks pods.",
                  "Look whether its controller has made a new pod and why that does not run."),
    [ROW_DEADLINE] = ENDED_ROW(
        "pod-deadline-exceeded", SEVERITY_MEDIUM, STAGE_CONTAINER, 1,
        "A pod was ended because it took longer than it may.",
        "The pod failed within the last day with the reason DeadlineExceeded: it ran longer than "
        "its activeDeadlineSeconds.",
        "Raise activeDeadlineSeconds, or find out why it took so long."),
    [ROW_FAILED] = ENDED_ROW(
        "pod-failed", SEVERITY_MEDIUM, STAGE_CONTAINER, 1,
        "A pod has failed, and nothing will run it again.",
        "The pod failed within the last day, has no controller that would replace it, and is not "
        "restarted.",
        "Read its log; let a controller such as a Job or a Deployment run it."),
    [ROW_UNKNOWN] = ENDED_ROW(
        "container-status-unknown", SEVERITY_LOW, STAGE_READINESS, 2,
        "The node has lost track of a container.",
        "A container of a pod that is to run ended with the reason ContainerStatusUnknown.",
        "Delete the pod, so that its controller makes a new one."),
    [ROW_LEFTOVERS] =
        ENDED_ROW("pod-evicted-leftovers", SEVERITY_LOW, STAGE_SCALING, 2,
                  "Many failed pods of one controller are still listed.",
                  "More than twenty failed pods of one controller are older than an hour.",
                  "Delete the failed pods, and find out what makes them fail."),
};

const CheckTopic check_topic_ended_pod = {rows, G_N_ELEMENTS(rows)};

enum { SOON_S = 2 * 60 * 60, DAY_S = 24 * 60 * 60, HOUR_S = 60 * 60, LEFTOVERS_MIN = 21 };

/* ---- Facts. ---- */

/* When a pod ended: the latest that its status says; 0: not known. */
static int64_t
ended_at(const Object *pod)
{
    const char *const lists[] = {"status.initContainerStatuses", "status.containerStatuses"};
    int64_t latest_s = status_since(pod, "DisruptionTarget");
    for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
        for (const Value *c = value_first(pod->value, lists[i]); c != NULL; c = c->next)
            latest_s = MAX(latest_s, value_time(c, "state.terminated.finishedAt"));
    }
    return latest_s > 0 ? latest_s : MAX(status_since(pod, "Ready"), pod->created_s);
}

/* Whether a controller has all the pods that it wants; of a pod without one: no. */
static bool
is_complete(const Object *controller)
{
    const Value *value = controller->value;
    switch (controller->kind) {
    case KIND_POD:
        return false;
    case KIND_DAEMON_SET:
        return value_int(value, "status.numberReady", 0) >=
               value_int(value, "status.desiredNumberScheduled", 0);
    case KIND_JOB:
    case KIND_CRON_JOB:
        return true; /* they count failures themselves */
    default:
        return value_int(value, "status.readyReplicas", 0) >= value_int(value, "spec.replicas", 1);
    }
}

/* What the kubelet says when it refuses a pod (pkg/kubelet/lifecycle, cm/admission). */
static bool
is_rejection(const char *reason)
{
    static const char *const reasons[] = {
        "NodeAffinity",          "NodePorts",         "UnexpectedAdmissionError",
        "TopologyAffinityError", "PodOSNotSupported", "PodOSSelectorNodeLabelDoesNotMatch",
        "SysctlForbidden",       "AppArmor",          "InvalidNodeInfo",
        "PodFeatureUnsupported"};
    for (size_t i = 0; i < G_N_ELEMENTS(reasons); i++) {
        if (strcmp(reason, reasons[i]) == 0)
            return true;
    }
    return g_str_has_prefix(reason, "OutOf");
}

static bool
is_shutdown(const char *reason)
{
    return strcmp(reason, "Terminated") == 0 || strcmp(reason, "Shutdown") == 0 ||
           strcmp(reason, "NodeShutdown") == 0;
}

/* ---- Reports. ---- */

static void
add_steps(Finding *finding, const Object *pod)
{
    check_advise(finding, pod);
}

/* Whether a pod was evicted for a limit of its own, by what the kubelet says of its containers, of
 * all of them and of its volumes (pkg/kubelet/eviction/helpers.go); its node lacks nothing. */
static bool
has_own_limit(const char *message)
{
    return strstr(message, "exceeds the total limit of containers") != NULL ||
           strstr(message, "exceeded its local ephemeral storage limit") != NULL ||
           (strstr(message, "Usage of EmptyDir volume") != NULL &&
            strstr(message, "exceeds the limit") != NULL);
}

static guint
count_pods(const Finding *finding)
{
    guint n = 0;
    for (guint i = 0; i < finding->about->len; i++)
        n += ((const Object *)finding->about->pdata[i])->kind == KIND_POD;
    return n;
}

static void
report_evicted(CheckRun *run, const Object *pod, const Object *controller, int64_t since_s)
{
    const char *message = value_text(pod->value, "status.message");
    const char *node = value_text(pod->value, "spec.nodeName");
    bool is_new;
    Finding *finding = check_report_pod(run, &rows[ROW_EVICTED], pod, "", since_s, &is_new);
    if (!is_new) {
        finding->severity = MAX(finding->severity, SEVERITY_MEDIUM);
        finding_title(finding, "%s %s: %u of its pods were evicted",
                      kind_row(controller->kind)->kind, controller->name, count_pods(finding));
        return;
    }
    if (is_complete(controller))
        finding->severity = SEVERITY_LOW;
    finding_title(finding, "%s %s: node %s has evicted pod %s", kind_row(controller->kind)->kind,
                  controller->name, node, pod->name);
    finding_cause(finding, "Node %s has removed the pod: %s%s", node,
                  message[0] != '\0' ? message : "it ran short of a resource.",
                  is_complete(controller) ? " Its controller has all of its pods again." : "");
    if (!has_own_limit(message)) {
        add_steps(finding, pod);
        return;
    }
    finding_fix(finding, "Write less to its local disk (logs, temporary files), or raise the limit "
                         "that the message names.");
    finding_describe(finding, pod);
}

static void
report_rejected(CheckRun *run, const Object *pod, const Object *controller, int64_t since_s)
{
    const char *reason = value_text(pod->value, "status.reason");
    const char *node = value_text(pod->value, "spec.nodeName");
    bool is_new;
    Finding *finding = check_report_pod(run, &rows[ROW_REJECTED], pod, "", since_s, &is_new);
    if (!is_new)
        return;
    if (is_complete(controller))
        finding->severity = SEVERITY_LOW;
    finding_title(finding, "%s %s: node %s refuses pod %s (%s)", kind_row(controller->kind)->kind,
                  controller->name, node, pod->name, reason);
    finding_cause(finding, "The pod was assigned to node %s, which did not take it (%s): %s", node,
                  reason, value_text(pod->value, "status.message"));
    add_steps(finding, pod);
}

static void
report_shutdown(CheckRun *run, const Object *pod, const Object *controller, int64_t since_s)
{
    const char *node = value_text(pod->value, "spec.nodeName");
    bool is_new;
    if (is_complete(controller))
        return;
    Finding *finding = check_report_pod(run, &rows[ROW_SHUTDOWN], pod, "", since_s, &is_new);
    if (!is_new)
        return;
    finding_title(finding, "%s %s: pod %s ended with its node", kind_row(controller->kind)->kind,
                  controller->name, pod->name);
    finding_cause(finding, "Node %s was shut down and ended the pod; its controller lacks pods.",
                  node);
    add_steps(finding, pod);
}

static void
report_deadline(CheckRun *run, const Object *pod, const Object *controller, int64_t since_s)
{
    bool is_new;
    if (controller->kind == KIND_JOB || controller->kind == KIND_CRON_JOB)
        return; /* their own checks say it */
    Finding *finding = check_report_pod(run, &rows[ROW_DEADLINE], pod, "", since_s, &is_new);
    if (!is_new)
        return;
    finding_title(finding, "%s %s: pod %s took too long and was ended",
                  kind_row(controller->kind)->kind, controller->name, pod->name);
    finding_cause(finding, "The pod ran longer than its activeDeadlineSeconds of %s s.",
                  value_text(pod->value, "spec.activeDeadlineSeconds"));
    add_steps(finding, pod);
}

/* The first container that ended with an error. */
static Container
failed_container(const Object *pod)
{
    const char *const lists[][2] = {{"status.initContainerStatuses", "spec.initContainers"},
                                    {"status.containerStatuses", "spec.containers"}};
    for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
        for (const Value *c = value_first(pod->value, lists[i][0]); c != NULL; c = c->next) {
            const char *name = value_text(c, "name");
            if (value_int(c, "state.terminated.exitCode", 0) != 0)
                return (Container){pod, name, value_find(pod->value, lists[i][1], "name", name), c,
                                   i == 0};
        }
    }
    return (Container){.pod = pod, .name = ""};
}

static void
report_failed(CheckRun *run, const Object *pod, int64_t since_s)
{
    const Container container = failed_container(pod);
    int64_t code = value_int(container.status, "state.terminated.exitCode", 0);
    bool is_new;
    if (code == 0)
        return;
    Finding *finding =
        check_report_pod(run, &rows[ROW_FAILED], pod, container.name, since_s, &is_new);
    if (!is_new)
        return;
    g_autofree char *line = log_line(run, &container, false);
    finding_title(finding, "Pod %s has failed: container %s ended with exit code %" G_GINT64_FORMAT,
                  pod->name, container.name, code);
    finding_cause(finding,
                  "Container %s ended with exit code %" G_GINT64_FORMAT
                  " (%s), and nothing runs the pod again%s%s%s.",
                  container.name, code, exit_code_text(code),
                  line != NULL ? "; its log says \"" : "", line != NULL ? line : "",
                  line != NULL ? "\"" : "");
    finding_fix(finding, "%s", rows[ROW_FAILED].fix);
    finding_fix(finding, "kubectl -n %s logs -c %s %s", pod->ns, container.name, pod->name);
}

static void
look_at_failed(CheckRun *run, const Object *pod)
{
    const char *reason = value_text(pod->value, "status.reason");
    const Object *controller = relations_controller(run->relations, pod);
    int64_t since_s = ended_at(pod), age_s = run->now_s - since_s;
    bool has_owner = value_count(pod->value, "metadata.ownerReferences") > 0;
    if (since_s == 0 || status_is_deleted(pod))
        return;
    if (strcmp(reason, "Evicted") == 0 && age_s <= SOON_S)
        report_evicted(run, pod, controller, since_s);
    else if (is_rejection(reason) && age_s <= SOON_S)
        report_rejected(run, pod, controller, since_s);
    else if (is_shutdown(reason) && age_s <= SOON_S)
        report_shutdown(run, pod, controller, since_s);
    else if (strcmp(reason, "DeadlineExceeded") == 0 && age_s <= DAY_S)
        report_deadline(run, pod, controller, since_s);
    else if (reason[0] == '\0' && !has_owner && age_s <= DAY_S)
        report_failed(run, pod, since_s);
}

static void
look_at_container(CheckRun *run, const Container *container)
{
    const Value *ended = value_at(container->status, "state.terminated");
    bool is_new;
    if (!value_is(ended, "reason", "ContainerStatusUnknown"))
        return;
    Finding *finding = check_report_pod(run, &rows[ROW_UNKNOWN], container->pod, container->name,
                                        value_time(ended, "finishedAt"), &is_new);
    if (!is_new)
        return;
    finding_title(finding, "%s %s: the node has lost track of container %s",
                  kind_row(finding->object->kind)->kind, finding->object->name, container->name);
    finding_cause(finding, "The container could not be found when its pod ended or its node came "
                           "back, so how it ended is not known.");
    add_steps(finding, container->pod);
}

/* ---- Leftovers. ---- */

static void
count_leftover(const CheckRun *run, GHashTable *counts, const Object *pod)
{
    int64_t since_s = ended_at(pod);
    if (since_s == 0 || run->now_s - since_s < HOUR_S || status_is_deleted(pod))
        return;
    gpointer controller = (gpointer)(uintptr_t)relations_controller(run->relations, pod);
    guint n = GPOINTER_TO_UINT(g_hash_table_lookup(counts, controller));
    g_hash_table_insert(counts, controller, GUINT_TO_POINTER(n + 1));
}

static void
report_leftovers(CheckRun *run, GHashTable *counts)
{
    GHashTableIter iter;
    gpointer key, value;
    g_hash_table_iter_init(&iter, counts);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        const Object *controller = key;
        guint n = GPOINTER_TO_UINT(value);
        if (n < LEFTOVERS_MIN || controller->kind == KIND_POD)
            continue;
        Finding *finding = check_report(run, &rows[ROW_LEFTOVERS], controller);
        finding_title(finding, "%s %s has left %u failed pods", kind_row(controller->kind)->kind,
                      controller->name, n);
        finding_cause(finding, "%u failed pods of it are older than an hour and still listed.", n);
        finding_fix(finding, "%s", rows[ROW_LEFTOVERS].fix);
        finding_fix(finding, "kubectl -n %s get pods --field-selector=status.phase=Failed",
                    controller->ns);
    }
}

static void
run_ended(CheckRun *run)
{
    g_autoptr(GHashTable) counts = g_hash_table_new(NULL, NULL);
    const GPtrArray *pods = snapshot_objects(run->snapshot, KIND_POD);
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        if (!value_is(pod->value, "status.phase", "Failed"))
            continue;
        look_at_failed(run, pod);
        count_leftover(run, counts, pod);
    }
    report_leftovers(run, counts);
    containers_visit(run, look_at_container);
}
