/* Pods that no node takes. */
#include <string.h>

#include "analyzers/checks/container.h"
#include "analyzers/checks/fit.h"
#include "analyzers/checks/fit_text.h"
#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_scheduling(CheckRun *run);

enum {
    ROW_NEVER_FITS,
    ROW_RESOURCES,
    ROW_SELECTOR,
    ROW_TAINT,
    ROW_AFFINITY,
    ROW_TOPOLOGY,
    ROW_VOLUME,
    ROW_HOST_PORT,
    ROW_TOO_MANY,
    ROW_CORDONED,
    ROW_CLAIM,
    ROW_OTHER,
    ROW_NO_SCHEDULER,
    ROW_NO_SCALE_UP,
    ROW_COUNT
};

#define PENDING_ROW(name, level, hold, order, cause, seen, told_by, step)                          \
    {                                                                                              \
        .id = name, .kind = "Pod", .severity = level, .stage = order, .tier = 1, .hold_s = hold,   \
        .is_own_cause = cause, .symptom = seen, .meaning = told_by, .fix = step,                   \
        .run = run_scheduling, .needs = {                                                          \
            KIND_POD,                                                                              \
            KIND_NODE                                                                              \
        }                                                                                          \
    }

static const CheckRow rows[ROW_COUNT] = {
    [ROW_NEVER_FITS] = PENDING_ROW(
        "pod-unschedulable-never-fits", SEVERITY_HIGH, 0, STAGE_QUOTA, true,
        "A pod asks for more than any node has.",
        "The pod is unschedulable, and its requests are larger than what the largest node can give "
        "when it is empty.",
        "Lower the request, or add a larger kind of node."),
    [ROW_RESOURCES] =
        PENDING_ROW("pod-unschedulable-resources", SEVERITY_HIGH, 300, STAGE_QUOTA, true,
                    "A pod waits because no node has room for it.",
                    "The pod is unschedulable for lack of CPU, memory or another resource.",
                    "Lower requests, add nodes, or find who asks for more than they use."),
    [ROW_SELECTOR] =
        PENDING_ROW("pod-unschedulable-nodeselector", SEVERITY_HIGH, 0, STAGE_QUOTA, true,
                    "A pod waits because no node has the labels that it asks for.",
                    "The pod is unschedulable, and nodeSelector or node affinity match no node.",
                    "Correct the label in the pod, or label a node."),
    [ROW_TAINT] = PENDING_ROW("pod-unschedulable-taint", SEVERITY_HIGH, 300, STAGE_QUOTA, true,
                              "A pod waits because every node keeps it off by a taint.",
                              "The pod is unschedulable, and it does not tolerate the taints of "
                              "the nodes that it could use.",
                              "Add a toleration, or remove the taint."),
    [ROW_AFFINITY] =
        PENDING_ROW("pod-unschedulable-affinity", SEVERITY_MEDIUM, 300, STAGE_QUOTA, true,
                    "A pod waits because it must, or must not, be near others.",
                    "The pod is unschedulable by its affinity or anti-affinity to pods.",
                    "Make the rule a preference, or add nodes."),
    [ROW_TOPOLOGY] = PENDING_ROW("pod-unschedulable-topology", SEVERITY_MEDIUM, 300, STAGE_QUOTA,
                                 true, "A pod waits because it would spread unevenly.",
                                 "The pod is unschedulable by its topology spread constraints.",
                                 "Raise maxSkew, or use whenUnsatisfiable: ScheduleAnyway."),
    [ROW_VOLUME] = PENDING_ROW("pod-unschedulable-volume", SEVERITY_HIGH, 300, STAGE_READINESS,
                               false, "A pod waits for its volume.",
                               "The pod is unschedulable because a claim is not bound, or its disk "
                               "is where no node has room.",
                               "Look at the claim."),
    [ROW_HOST_PORT] =
        PENDING_ROW("pod-unschedulable-hostport", SEVERITY_MEDIUM, 300, STAGE_QUOTA, true,
                    "A pod waits because its host port is in use on every node.",
                    "The pod is unschedulable for lack of free ports.",
                    "Do without hostPort, or have fewer copies."),
    [ROW_TOO_MANY] =
        PENDING_ROW("pod-unschedulable-too-many-pods", SEVERITY_HIGH, 300, STAGE_QUOTA, true,
                    "A pod waits because the nodes have as many pods as they may.",
                    "The pod is unschedulable, and the scheduler counts too many pods.",
                    "Raise the limit of pods per node, or add nodes."),
    [ROW_CORDONED] =
        PENDING_ROW("pod-unschedulable-cordoned", SEVERITY_HIGH, 300, STAGE_QUOTA, true,
                    "A pod waits because the nodes that it could use are cordoned.",
                    "The pod is unschedulable, and its nodes take no new pods.",
                    "Uncordon the nodes when their maintenance is over."),
    [ROW_CLAIM] = PENDING_ROW("pod-unschedulable-dra", SEVERITY_MEDIUM, 600, STAGE_QUOTA, true,
                              "A pod waits for a device.",
                              "The pod is unschedulable because a resource claim is not allocated.",
                              "Look at the device's driver and its ResourceSlices."),
    [ROW_OTHER] = PENDING_ROW(
        "pod-unschedulable", SEVERITY_HIGH, 300, STAGE_QUOTA, true, "No node takes a pod.",
        "The pod is unschedulable for a reason that none of the other checks knows.",
        "Read what the scheduler says of each node."),
    [ROW_NO_SCHEDULER] =
        PENDING_ROW("pod-no-scheduler", SEVERITY_HIGH, 300, STAGE_BACKEND, true,
                    "Nobody places a pod: no scheduler has looked at it.",
                    "The pod has been pending without a PodScheduled condition, gates or a node.",
                    "Correct schedulerName, or look at the scheduler."),
    [ROW_NO_SCALE_UP] =
        {
            .id = "pod-unschedulable-no-scaleup",
            .kind = "Pod",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_QUOTA,
            .tier = 1,
            .hold_s = 600,
            .is_umbrella = true,
            .is_own_cause = true,
            .symptom = "A pod waits for a node, and the autoscaler will not add one.",
            .meaning = "The pod is unschedulable, and the cluster autoscaler reports "
                       "NotTriggerScaleUp, or Karpenter that it cannot schedule the pod.",
            .fix =
                "Read why: the most of a node group, a zone, a taint, or a request that no kind of "
                "node meets.",
            .run = run_scheduling,
            .needs = {KIND_POD, KIND_EVENT},
        },
};

const CheckTopic check_topic_scheduling = {rows, G_N_ELEMENTS(rows)};

/* Fragments of the scheduler's message (pkg/scheduler/framework/plugins), in lower case. */
static const struct {
    const char *part;
    int row;
} fragments[] = {
    {"persistentvolumeclaim", ROW_VOLUME},
    {"volume node affinity conflict", ROW_VOLUME},
    {"available persistent volumes to bind", ROW_VOLUME},
    {"max volume count", ROW_VOLUME},
    {"free ports", ROW_HOST_PORT},
    {"too many pods", ROW_TOO_MANY},
    {"insufficient ", ROW_RESOURCES},
    {"topology spread constraints", ROW_TOPOLOGY},
    {"pod affinity", ROW_AFFINITY},
    {"anti-affinity", ROW_AFFINITY},
    {"node affinity/selector", ROW_SELECTOR},
    {"untolerated taint", ROW_TAINT},
    {"were unschedulable", ROW_CORDONED},
    {"resource claim", ROW_CLAIM},
    {"allocate all claims", ROW_CLAIM},
};

/* Of "0/5 nodes are available: 2 Insufficient cpu, 3 node(s) had untolerated taint {x}. preemption:
 * …" the row with the most nodes. A reason that is about no node in particular has all of them. */
static int
dominant_row(const char *message)
{
    g_autofree char *words = g_ascii_strdown(message, -1);
    char *tail = strstr(words, "preemption:");
    if (tail != NULL)
        *tail = '\0';
    int64_t counts[ROW_COUNT] = {0};
    for (size_t i = 0; i < G_N_ELEMENTS(fragments); i++) {
        const char *at = strstr(words, fragments[i].part);
        if (at == NULL)
            continue;
        while (at > words && at[-1] != ',' && at[-1] != ':' && at[-1] != '.')
            at--;
        gint64 n = g_ascii_strtoll(at, NULL, 10);
        counts[fragments[i].row] += n > 0 ? n : G_MAXINT32;
    }
    int best = ROW_OTHER;
    for (int row = 0; row < ROW_COUNT; row++) {
        if (counts[row] > counts[best])
            best = row;
    }
    return best;
}

/* ---- Why. ---- */

/* What is worked out once for all pods of a run. */
typedef struct {
    CheckRun *run;
    Fit *fit;         /* NULL: not made yet */
    GHashTable *done; /* controllers whose pods have been looked at for lack of a node -> row */
} Scheduling;

/* What the nodes say, where the scheduler's words and they do not contradict. */
static int
choose_row(const FitResult *fit, int told)
{
    guint n_open = fit->n_selected - fit->n_cordoned - fit->n_tainted;
    if (fit->n_nodes == 0 || told == ROW_VOLUME || told == ROW_CLAIM)
        return told;
    if (fit->n_selected == 0)
        return ROW_SELECTOR;
    if (fit_is_impossible(fit))
        return ROW_NEVER_FITS;
    if (fit->n_fits > 0)
        return told;
    if (n_open == 0)
        return fit->n_tainted > 0 ? ROW_TAINT : ROW_CORDONED;
    if (fit->n_short >= fit->n_full && fit->n_short >= fit->n_port)
        return ROW_RESOURCES;
    return fit->n_full >= fit->n_port ? ROW_TOO_MANY : ROW_HOST_PORT;
}

/* Why, in words for a sentence that begins "no node takes its pods". */
static char *
explain(const CheckRun *run, const Object *pod, const FitResult *fit, int row, const char *message)
{
    bool is_seen = fit->n_nodes > 0 && fit->n_fits == 0;
    switch (row) {
    case ROW_NEVER_FITS:
    case ROW_RESOURCES:
        return is_seen && fit->resource != NULL ? fit_resource_text(fit) : scheduler_words(message);
    case ROW_SELECTOR:
        return fit->n_nodes > 0 && fit->n_selected == 0 ? fit_selector_text(run->snapshot, pod)
                                                        : scheduler_words(message);
    case ROW_TAINT:
        return is_seen && fit->barriers->len > 0 ? fit_taints_text(fit) : scheduler_words(message);
    case ROW_CORDONED:
        return is_seen && fit->cordoned->len > 0 ? fit_cordoned_text(fit)
                                                 : scheduler_words(message);
    case ROW_TOO_MANY:
        return is_seen ? g_strdup("the nodes that it may use have as many pods as they may")
                       : scheduler_words(message);
    case ROW_HOST_PORT:
        return is_seen && fit->port != 0
                   ? g_strdup_printf("host port %" G_GINT64_FORMAT
                                     " is in use on every node that it may use",
                                     fit->port)
                   : scheduler_words(message);
    default:
        return scheduler_words(message);
    }
}

/* ---- Reports. ---- */

/* The claims of a pod that are not bound are what it waits for. */
static void
blame_claims(const CheckRun *run, Finding *finding, const Object *pod)
{
    for (const Value *v = value_first(pod->value, "spec.volumes"); v != NULL; v = v->next) {
        const char *name = value_text(v, "persistentVolumeClaim.claimName");
        const Object *claim =
            name[0] != '\0' ? snapshot_get(run->snapshot, KIND_PVC, pod->ns, name) : NULL;
        if (claim != NULL && !value_is(claim->value, "status.phase", "Bound"))
            finding_blame(finding, claim);
    }
}

/* The event by which an autoscaler says that it will not help, or that it will. */
static const Event *
autoscaler_event(const CheckRun *run, const Object *pod, bool will_help)
{
    enum { RECENT_S = 60 * 60, PATIENCE_S = 10 * 60 };
    const GPtrArray *events = snapshot_events(run->snapshot, pod);
    for (guint i = 0; i < events->len; i++) {
        const Event *event = events->pdata[i];
        int64_t age_s = run->now_s - event->last_s;
        bool is_help = strcmp(event->reason, "TriggeredScaleUp") == 0 ||
                       strcmp(event->reason, "Nominated") == 0;
        bool is_refusal = strcmp(event->reason, "NotTriggerScaleUp") == 0 ||
                          g_str_has_prefix(event->message, "Failed to schedule pod, ");
        if (will_help ? is_help && age_s <= PATIENCE_S : is_refusal && age_s <= RECENT_S)
            return event;
    }
    return NULL;
}

static void
report_no_scale_up(CheckRun *run, const Object *pod, int64_t since_s)
{
    const CheckRow *row = &rows[ROW_NO_SCALE_UP];
    const Event *event = autoscaler_event(run, pod, false);
    bool is_new;
    if (event == NULL || !check_held(run, row, since_s))
        return;
    Finding *finding = check_report_pod(run, row, pod, "", since_s, &is_new);
    if (!is_new)
        return;
    finding_title(finding, "%s %s: the autoscaler adds no node for its pods",
                  kind_row(finding->object->kind)->kind, finding->object->name);
    finding_cause(finding, "It says: %s", event->message);
    check_advise(finding, pod);
}

static void
write_text(CheckRun *run, Finding *finding, const Object *pod, const FitResult *fit,
           const char *why)
{
    const Object *controller = finding->object;
    const char *kind = kind_row(controller->kind)->kind;
    g_autofree char *counts = fit_counts_text(fit);
    const Event *refusal = autoscaler_event(run, pod, false);
    const char *message = value_text(condition_of(pod, "PodScheduled"), "message");
    guint n;
    g_autofree char *served = served_text(run, controller, &n);
    finding_title(finding, "%s %s: no node takes pod %s: %s", kind, controller->name, pod->name,
                  why);
    finding_cause(finding, "Pod %s is not placed on any node: %s.%s%s", pod->name, why,
                  counts != NULL ? " " : "", counts != NULL ? counts : "");
    finding_evidence(finding, "The scheduler says: %s", message);
    if (refusal != NULL)
        finding_evidence(finding, "The autoscaler says: %s", refusal->message);
    if (n > 0)
        finding_evidence(finding, "%s %s traffic to these pods", served, n > 1 ? "send" : "sends");
    check_advise(finding, pod);
}

static void
report_unschedulable(Scheduling *s, const Object *pod, const Value *scheduled)
{
    CheckRun *run = s->run;
    const char *message = value_text(scheduled, "message");
    gpointer controller = (gpointer)(uintptr_t)relations_controller(run->relations, pod);
    int64_t since_s = value_time(scheduled, "lastTransitionTime");
    int told = dominant_row(message);
    bool is_new, is_known = g_hash_table_contains(s->done, controller);
    if (autoscaler_event(run, pod, true) != NULL)
        return;
    since_s = since_s != 0 ? since_s : pod->created_s;
    if (s->fit == NULL)
        s->fit = fit_new(run->snapshot);
    g_auto(FitResult) fit = {0};
    int row = told;
    if (is_known) { /* one look at all nodes for each controller */
        row = GPOINTER_TO_INT(g_hash_table_lookup(s->done, controller));
    } else if (snapshot_knows(run->snapshot, KIND_NODE)) {
        fit = fit_evaluate(s->fit, pod);
        row = choose_row(&fit, told);
    }
    if (!check_held(run, &rows[row], since_s))
        return;
    g_hash_table_insert(s->done, controller, GINT_TO_POINTER(row));
    Finding *finding = check_report_pod(run, &rows[row], pod, "", since_s, &is_new);
    if (row == ROW_VOLUME)
        blame_claims(run, finding, pod);
    for (guint i = 0; fit.sick != NULL && i < fit.sick->len && row == ROW_TAINT; i++)
        finding_blame(finding, fit.sick->pdata[i]);
    if (is_new) {
        g_autofree char *why = explain(run, pod, &fit, row, message);
        write_text(run, finding, pod, &fit, why);
    }
    report_no_scale_up(run, pod, since_s);
}

static void
report_no_scheduler(CheckRun *run, const Object *pod)
{
    const CheckRow *row = &rows[ROW_NO_SCHEDULER];
    const char *scheduler = value_text(pod->value, "spec.schedulerName");
    bool is_new;
    uint32_t n_begun = value_count(pod->value, "status.initContainerStatuses") +
                       value_count(pod->value, "status.containerStatuses");
    if (!check_held(run, row, pod->created_s) || n_begun > 0 || scheduler[0] == '\0' ||
        value_count(pod->value, "spec.schedulingGates") > 0)
        return;
    Finding *finding = check_report_pod(run, row, pod, "", pod->created_s, &is_new);
    if (!is_new)
        return;
    const Object *controller = finding->object;
    finding_title(finding, "%s %s: no scheduler has looked at pod %s",
                  kind_row(controller->kind)->kind, controller->name, pod->name);
    finding_cause(finding,
                  "The pod names scheduler %s, and has got neither a node nor a word from it.",
                  scheduler);
    finding_fix(finding, "%s", row->fix);
    finding_fix(finding, "kubectl -n %s get pod %s -o jsonpath='{.spec.schedulerName}'", pod->ns,
                pod->name);
}

static void
run_scheduling(CheckRun *run)
{
    Scheduling s = {.run = run, .done = g_hash_table_new(NULL, NULL)};
    const GPtrArray *pods = snapshot_objects(run->snapshot, KIND_POD);
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        if (!pod_is_wanted(pod) || !value_is(pod->value, "status.phase", "Pending"))
            continue;
        const Value *scheduled = condition_of(pod, "PodScheduled");
        if (value_is(scheduled, "status", "False") &&
            value_is(scheduled, "reason", "Unschedulable"))
            report_unschedulable(&s, pod, scheduled);
        else if (scheduled == NULL && value_text(pod->value, "spec.nodeName")[0] == '\0')
            report_no_scheduler(run, pod);
    }
    g_hash_table_unref(s.done);
    fit_free(s.fit);
}
