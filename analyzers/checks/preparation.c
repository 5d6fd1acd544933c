/* Pods that a node prepares without end. */
#include <string.h>

#include "analyzers/checks/container.h"
#include "analyzers/checks/last_resort.h"
#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_preparations(CheckRun *run);

enum { ROW_CREATING, ROW_PULL };

#define PREPARATION_ROW(name, on, level, order, hold, seen, told_by, step)                         \
    {                                                                                              \
        .id = name, .kind = on, .severity = level, .stage = order, .tier = 1, .hold_s = hold,      \
        .symptom = seen, .meaning = told_by, .fix = step, .run = run_preparations, .needs = {      \
            KIND_POD                                                                               \
        }                                                                                          \
    }

static const CheckRow rows[] = {
    [ROW_CREATING] = PREPARATION_ROW(
        "pod-stuck-containercreating", "Pod", SEVERITY_HIGH, STAGE_READINESS, 15 * 60,
        "A node prepares a pod without end and does not say why.",
        "All containers of an assigned pod have waited with ContainerCreating or PodInitializing "
        "for a quarter of an hour, and there has been no event in that time.",
        "Look at the kubelet, and at the storage and network plug-ins of that node."),
    [ROW_PULL] = PREPARATION_ROW(
        "image-pull-slow", "Pod", SEVERITY_MEDIUM, STAGE_REFERENCE, 10 * 60,
        "A node has been downloading an image for very long.",
        "The newest event about the images of a waiting pod is Pulling and ten minutes old.",
        "Check the image's size and the way to the registry; make the image smaller or pull it "
        "beforehand."),
};

const CheckTopic check_topic_preparation = {rows, G_N_ELEMENTS(rows)};

/* Since when every container of an assigned pod has waited to be created; 0: they do not. */
static int64_t
creating_since(const Object *pod)
{
    int64_t since_s = status_since(pod, "PodScheduled");
    if (value_text(pod->value, "spec.nodeName")[0] == '\0' ||
        !value_is(pod->value, "status.phase", "Pending"))
        return 0;
    for (const Value *c = value_first(pod->value, "status.initContainerStatuses"); c != NULL;
         c = c->next) {
        if (value_at(c, "state.running") != NULL && !value_is_true(c, "started"))
            return 0;
        since_s = MAX(since_s, value_time(c, "state.terminated.finishedAt"));
    }
    for (const Value *c = value_first(pod->value, "status.containerStatuses"); c != NULL;
         c = c->next) {
        const char *reason = value_text(c, "state.waiting.reason");
        if (strcmp(reason, "ContainerCreating") != 0 && strcmp(reason, "PodInitializing") != 0)
            return 0;
    }
    return since_s;
}

static bool
inits_are_well(const Object *pod)
{
    for (const Value *c = value_first(pod->value, "status.initContainerStatuses"); c != NULL;
         c = c->next) {
        if (value_int(c, "restartCount", 0) > 0)
            return false;
        const char *reason = value_text(c, "state.waiting.reason");
        if (reason[0] != '\0' && strcmp(reason, "PodInitializing") != 0 &&
            strcmp(reason, "ContainerCreating") != 0)
            return false;
    }
    return true;
}

static void
report_pull(CheckRun *run, const Object *pod, const Event *event)
{
    bool is_new;
    Finding *finding = check_report_pod(run, &rows[ROW_PULL], pod, "", event->last_s, &is_new);
    if (!is_new)
        return;
    const char *node = value_text(pod->value, "spec.nodeName");
    g_autofree char *span = span_text(run->now_s - event->last_s);
    finding_title(finding, "%s %s: node %s has been pulling an image for %s",
                  kind_row(finding->object->kind)->kind, finding->object->name, node, span);
    finding_cause(finding, "Pod %s does not start before its image is on node %s: %s", pod->name,
                  node, event->message);
    check_advise(finding, pod);
}

static void
report_creating(CheckRun *run, const Object *pod, int64_t since_s)
{
    bool is_new;
    Finding *finding = check_report_pod(run, &rows[ROW_CREATING], pod, "", since_s, &is_new);
    if (!is_new)
        return;
    const char *node = value_text(pod->value, "spec.nodeName");
    g_autofree char *span = span_text(run->now_s - since_s);
    finding_title(finding, "%s %s: node %s does not get pod %s ready",
                  kind_row(finding->object->kind)->kind, finding->object->name, node, pod->name);
    finding_cause(finding,
                  "Node %s has been preparing the pod for %s and has not said why that takes so "
                  "long.",
                  node, span);
    finding_fix(finding, "%s", rows[ROW_CREATING].fix);
    finding_fix(finding, "kubectl get pods -A -o wide --field-selector spec.nodeName=%s", node);
}

static void
look_at(CheckRun *run, GHashTable *known, const Object *pod)
{
    enum { QUIET_S = 15 * 60 };
    int64_t since_s = creating_since(pod);
    const GPtrArray *events = snapshot_events(run->snapshot, pod);
    const Event *newest = events->len > 0 ? events->pdata[0] : NULL;
    if (since_s == 0 || !inits_are_well(pod))
        return;
    bool is_pulling = newest != NULL && strcmp(newest->reason, "Pulling") == 0;
    if (is_pulling && check_held(run, &rows[ROW_PULL], newest->last_s))
        report_pull(run, pod, newest);
    else if (!is_pulling && (newest == NULL || run->now_s - newest->last_s >= QUIET_S) &&
             check_held(run, &rows[ROW_CREATING], since_s) &&
             !last_resort_is_known(run, known, pod))
        report_creating(run, pod, since_s);
}

static void
run_preparations(CheckRun *run)
{
    const GPtrArray *pods = snapshot_objects(run->snapshot, KIND_POD);
    g_autoptr(GHashTable) known = last_resort_known(run->findings, false);
    for (guint i = 0; i < pods->len; i++) {
        if (pod_is_wanted(pods->pdata[i]))
            look_at(run, known, pods->pdata[i]);
    }
}
