/* Pods that hang in a state: being deleted, gated, lost, static ones that are not well. */
#include <string.h>

#include "analyzers/checks/container.h"
#include "analyzers/checks/log_line.h"
#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_states(CheckRun *run);

enum { ROW_TERMINATING, ROW_GATED, ROW_LOST, ROW_STATIC, ROW_RESIZE, ROW_PREEMPTED };

#define STATE_ROW(name, level, order, rank, hold, seen, told_by, step)                             \
    {                                                                                              \
        .id = name, .kind = "Pod", .severity = level, .stage = order, .tier = rank,                \
        .hold_s = hold, .symptom = seen, .meaning = told_by, .fix = step, .run = run_states,       \
        .needs = {                                                                                 \
            KIND_POD                                                                               \
        }                                                                                          \
    }

static const CheckRow rows[] = {
    [ROW_TERMINATING] = STATE_ROW(
        "pod-stuck-terminating", SEVERITY_HIGH, STAGE_CONTAINER, 1, 5 * 60,
        "A pod was deleted and does not go away.",
        "The pod should have ended, with its grace period, more than five minutes ago. It waits "
        "for a finalizer, for its node, or for a process or volume that does not let go.",
        "Repair what it waits for. Removing a finalizer or deleting by force can lose data, above "
        "all of a StatefulSet: the old process may still write."),
    [ROW_GATED] = STATE_ROW("pod-scheduling-gated", SEVERITY_LOW, STAGE_QUOTA, 1, 60 * 60,
                            "A pod waits because nobody has opened its scheduling gate.",
                            "The pod has had entries in spec.schedulingGates for an hour.",
                            "Look at the controller that opens this gate, such as a queue."),
    [ROW_LOST] = STATE_ROW(
        "pod-node-lost", SEVERITY_MEDIUM, STAGE_CONTAINER, 1, 5 * 60,
        "Nobody knows whether a pod still runs, because its node does not report.",
        "The pod's phase is Unknown, or its node's Ready condition has been Unknown for five "
        "minutes and nothing replaces the pod by itself: it has no controller or is one of a "
        "StatefulSet.",
        "Bring the node back. When it is surely off, delete the node or taint it with "
        "node.kubernetes.io/out-of-service, so that the pod may start elsewhere."),
    [ROW_STATIC] = STATE_ROW(
        "pod-mirror-unhealthy", SEVERITY_CRITICAL, STAGE_PLUGIN, 1, 5 * 60,
        "A component that a node runs by itself, such as the API server or etcd, is not well.",
        "A static pod in kube-system has not been ready for five minutes.",
        "Look at its manifest and at the kubelet's log on that node."),
    [ROW_RESIZE] = STATE_ROW(
        "pod-resize-stuck", SEVERITY_MEDIUM, STAGE_SCALING, 2, 15 * 60,
        "A pod does not get the CPU or memory that it was resized to.",
        "The condition PodResizePending has been True for 15 minutes as Deferred or Infeasible, "
        "or PodResizeInProgress reports an error.",
        "Make room on the node, or let the pod be made anew elsewhere."),
    [ROW_PREEMPTED] = STATE_ROW(
        "pod-preempted", SEVERITY_MEDIUM, STAGE_QUOTA, 2, 0,
        "Pods are pushed off their nodes by others of a higher priority, again and again.",
        "At least three pods of one controller were preempted within the last hour.",
        "Add capacity, or look at the priority classes of both."),
};

const CheckTopic check_topic_pod_state = {rows, G_N_ELEMENTS(rows)};

static void
add_steps(Finding *finding, const Object *pod)
{
    check_advise(finding, pod);
}

/* ---- Being deleted. ---- */

static bool
is_node_silent(const CheckRun *run, const Object *pod, int64_t *ret_since_s)
{
    const Object *node =
        snapshot_get(run->snapshot, KIND_NODE, "", value_text(pod->value, "spec.nodeName"));
    *ret_since_s = node != NULL ? status_since(node, "Ready") : 0;
    return node != NULL && status_is(node, "Ready", "Unknown");
}

/* "its finalizer a has not been removed"; NULL when it has none. */
static char *
finalizers_text(const Object *pod)
{
    g_autoptr(GString) names = g_string_new(NULL);
    guint n = 0;
    for (const Value *f = value_first(pod->value, "metadata.finalizers"); f != NULL; f = f->next)
        g_string_append_printf(names, "%s%s", n++ > 0 ? ", " : "", value_text(f, ""));
    if (n == 0)
        return NULL;
    return g_strdup_printf("its finalizer%s %s ha%s not been removed", n > 1 ? "s" : "", names->str,
                           n > 1 ? "ve" : "s");
}

/* What a pod that does not go away waits for. */
static char *
obstacle_text(const CheckRun *run, const Object *pod)
{
    enum { RECENT_S = 60 * 60 };
    g_autofree char *finalizers = finalizers_text(pod);
    const char *node = value_text(pod->value, "spec.nodeName");
    const Event *event =
        snapshot_event(run->snapshot, pod, "FailedKillPod|ExceededGracePeriod|FailedUnmount",
                       run->now_s - RECENT_S);
    int64_t since_s;
    if (finalizers != NULL)
        return g_steal_pointer(&finalizers);
    if (is_node_silent(run, pod, &since_s))
        return g_strdup_printf("its node %s does not report, so nobody can end it", node);
    if (node[0] != '\0' &&
        snapshot_presence(run->snapshot, KIND_NODE, "", node) == PRESENCE_MISSING)
        return g_strdup_printf("its node %s does not exist any more", node);
    if (event != NULL)
        return g_strdup_printf("the kubelet on %s says: %s", node, event->message);
    return g_strdup_printf("the kubelet on %s has not said that its containers have ended", node);
}

static void
look_at_deleted(CheckRun *run, const Object *pod)
{
    const CheckRow *row = &rows[ROW_TERMINATING];
    int64_t due_s =
        value_time(pod->value, "metadata.deletionTimestamp") +
        CLAMP(value_int(pod->value, "metadata.deletionGracePeriodSeconds", 30), 0, G_MAXINT32);
    bool is_new;
    if (!check_held(run, row, due_s))
        return;
    Finding *finding = check_report_pod(run, row, pod, "", due_s, &is_new);
    g_autofree char *obstacle = obstacle_text(run, pod);
    finding_evidence(finding, "Pod %s: %s", pod->name, obstacle);
    if (!is_new)
        return;
    finding_title(finding, "Pod %s was deleted and does not go away: %s", pod->name, obstacle);
    finding_cause(finding, "The pod should have gone %s%s; it is still there because %s.",
                  value_text(pod->value, "metadata.deletionTimestamp"),
                  finding->object->kind == KIND_STATEFUL_SET
                      ? ", and its StatefulSet makes no new one before that"
                      : "",
                  obstacle);
    add_steps(finding, pod);
}

/* ---- Waiting and lost. ---- */

static void
look_at_gates(CheckRun *run, const Object *pod)
{
    const CheckRow *row = &rows[ROW_GATED];
    const char *gate = value_text(value_first(pod->value, "spec.schedulingGates"), "name");
    bool is_new;
    if (gate[0] == '\0' || !check_held(run, row, pod->created_s))
        return;
    Finding *finding = check_report_pod(run, row, pod, "", pod->created_s, &is_new);
    if (!is_new)
        return;
    finding_title(finding, "%s %s: pods wait for scheduling gate %s",
                  kind_row(finding->object->kind)->kind, finding->object->name, gate);
    finding_cause(finding,
                  "Pod %s is not scheduled before a controller removes its gate %s, which has not "
                  "happened.",
                  pod->name, gate);
    add_steps(finding, pod);
}

static void
look_at_lost(CheckRun *run, const Object *pod)
{
    const CheckRow *row = &rows[ROW_LOST];
    const Object *controller = relations_controller(run->relations, pod);
    const char *node = value_text(pod->value, "spec.nodeName");
    int64_t since_s;
    bool is_silent = is_node_silent(run, pod, &since_s), is_new;
    bool is_unknown = value_is(pod->value, "status.phase", "Unknown") ||
                      value_is(pod->value, "status.reason", "NodeLost");
    bool hangs = (controller->kind == KIND_POD && !pod_is_static(pod)) ||
                 controller->kind == KIND_STATEFUL_SET;
    if (is_unknown && since_s == 0)
        since_s = MAX(status_since(pod, "Ready"), pod->created_s);
    if (!(is_unknown || (is_silent && hangs)) || !check_held(run, row, since_s))
        return;
    Finding *finding = check_report_pod(run, row, pod, "", since_s, &is_new);
    if (!is_new)
        return;
    finding_title(finding, "%s %s: pod %s is lost with node %s", kind_row(controller->kind)->kind,
                  controller->name, pod->name, node);
    finding_cause(finding,
                  "Node %s does not report, so nobody knows whether the pod runs, and nothing "
                  "starts it elsewhere.",
                  node);
    add_steps(finding, pod);
}

/* ---- Static pods. ---- */

static void
look_at_static(CheckRun *run, const Object *pod)
{
    const CheckRow *row = &rows[ROW_STATIC];
    int64_t since_s;
    bool is_new;
    if (!pod_is_static(pod) || strcmp(pod->ns, "kube-system") != 0 ||
        !pod_is_unready(pod, &since_s) || !check_held(run, row, since_s))
        return;
    g_autofree char *trouble = pod_trouble(pod);
    const Value *c = value_first(pod->value, "spec.containers");
    const char *node = value_text(pod->value, "spec.nodeName"), *name = value_text(c, "name");
    const Container container = {
        pod, name, c, value_find(pod->value, "status.containerStatuses", "name", name), false};
    g_autofree char *line = log_line(run, &container, true);
    Finding *finding = check_report_pod(run, row, pod, "", since_s, &is_new);
    finding_title(finding, "%s on node %s is not well%s%s", name, node,
                  trouble[0] != '\0' ? ": " : "", trouble);
    finding_cause(finding, "Static pod %s, which node %s runs by itself, is not ready%s%s%s%s.",
                  pod->name, node, trouble[0] != '\0' ? ": " : "", trouble,
                  line != NULL ? "; its log says " : "", line != NULL ? line : "");
    add_steps(finding, pod);
}

/* ---- Resizes. ---- */

static void
look_at_resize(CheckRun *run, const Object *pod)
{
    const CheckRow *row = &rows[ROW_RESIZE];
    const Value *pending = condition_of(pod, "PodResizePending");
    const Value *going = condition_of(pod, "PodResizeInProgress");
    const Value *stuck = value_is(pending, "status", "True")  ? pending
                         : value_is(going, "reason", "Error") ? going
                                                              : NULL;
    int64_t since_s = value_time(stuck, "lastTransitionTime");
    bool is_new;
    if (stuck == NULL || !check_held(run, row, since_s))
        return;
    Finding *finding = check_report_pod(run, row, pod, "", since_s, &is_new);
    if (!is_new)
        return;
    finding_title(finding, "%s %s: pod %s cannot be resized (%s)",
                  kind_row(finding->object->kind)->kind, finding->object->name, pod->name,
                  value_text(stuck, "reason"));
    finding_cause(finding, "Node %s does not give the pod the resources that it now asks for: %s",
                  value_text(pod->value, "spec.nodeName"), value_text(stuck, "message"));
    add_steps(finding, pod);
}

/* ---- Preemption. ---- */

static void
look_at_preempted(CheckRun *run, const Object *pod)
{
    enum { RECENT_S = 60 * 60, PODS_MIN = 3 };
    const Value *target = condition_of(pod, "DisruptionTarget");
    int64_t since_s = value_time(target, "lastTransitionTime");
    if (!value_is(target, "status", "True") || run->now_s - since_s > RECENT_S ||
        (!value_is(target, "reason", "PreemptionByScheduler") &&
         !value_is(target, "reason", "PreemptionByKubeScheduler")))
        return;
    const Object *controller = relations_controller(run->relations, pod);
    g_autoptr(GPtrArray) pods = relations_pods(run->relations, controller);
    guint n = 0;
    for (guint i = 0; i < pods->len; i++) {
        const Value *other = condition_of(pods->pdata[i], "DisruptionTarget");
        n += g_str_has_prefix(value_text(other, "reason"), "PreemptionBy") &&
             run->now_s - value_time(other, "lastTransitionTime") <= RECENT_S;
    }
    bool is_new;
    if (n < PODS_MIN)
        return;
    Finding *finding = check_report_pod(run, &rows[ROW_PREEMPTED], pod, "", since_s, &is_new);
    if (!is_new)
        return;
    finding_title(finding, "%s %s: %u pods were pushed off their nodes within an hour",
                  kind_row(controller->kind)->kind, controller->name, n);
    finding_cause(finding, "Pods of a higher priority took their place: %s",
                  value_text(target, "message"));
    add_steps(finding, pod);
}

static void
run_states(CheckRun *run)
{
    const GPtrArray *pods = snapshot_objects(run->snapshot, KIND_POD);
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        look_at_preempted(run, pod);
        if (status_is_deleted(pod)) {
            look_at_deleted(run, pod);
            continue;
        }
        if (!pod_is_wanted(pod))
            continue;
        look_at_gates(run, pod);
        look_at_lost(run, pod);
        look_at_static(run, pod);
        look_at_resize(run, pod);
    }
}
