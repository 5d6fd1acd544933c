/* Pods that no node takes. */
#include <string.h>

#include "analyzers/checks/container.h"
#include "analyzers/checks/placement.h"
#include "analyzers/checks/table.h"
#include "lib/k8s/quantity.h"

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

/* ---- Resources. ---- */

/* What the containers of a pod ask for, as the scheduler counts. */
static double
pod_request(const Value *template, const char *resource)
{
    double sum = 0, largest_init = 0;
    for (const Value *c = value_first(template, "spec.containers"); c != NULL; c = c->next) {
        double units = 0;
        (void)quantity_parse(value_text(value_get(value_at(c, "resources.requests"), resource), ""),
                             &units);
        sum += units;
    }
    for (const Value *c = value_first(template, "spec.initContainers"); c != NULL; c = c->next) {
        double units = 0;
        (void)quantity_parse(value_text(value_get(value_at(c, "resources.requests"), resource), ""),
                             &units);
        largest_init = MAX(largest_init, units);
    }
    return MAX(sum, largest_init);
}

static double
largest_node(const CheckRun *run, const char *resource)
{
    double largest = 0;
    const GPtrArray *nodes = snapshot_objects(run->snapshot, KIND_NODE);
    for (guint i = 0; i < nodes->len; i++) {
        const Value *allocatable =
            value_at(((const Object *)nodes->pdata[i])->value, "status.allocatable");
        double units = 0;
        if (quantity_parse(value_text(value_get(allocatable, resource), ""), &units))
            largest = MAX(largest, units);
    }
    return largest;
}

/* "cpu" of "3 Insufficient cpu". */
static char *
short_resource(const char *message)
{
    const char *at = strstr(message, "Insufficient ");
    if (at == NULL)
        return g_strdup("");
    at += strlen("Insufficient ");
    return g_strndup(at, strcspn(at, " ,"));
}

static char *
units_text(const char *resource, double units)
{
    if (strcmp(resource, "memory") == 0 || strcmp(resource, "ephemeral-storage") == 0)
        return g_strdup_printf("%.1f GiB", units / 0x1p30);
    return g_strdup_printf("%g", units);
}

/* "It asks for 6 cpu, and the largest node has 4". Also whether it can never fit. */
static char *
resource_text(const CheckRun *run, const Object *pod, const char *message, bool *ret_never)
{
    g_autofree char *resource = short_resource(message);
    char *dot = strchr(resource, '.');
    if (dot != NULL && dot[1] == '\0')
        *dot = '\0';
    double wanted = pod_request(pod->value, resource), largest = largest_node(run, resource);
    g_autofree char *wants = units_text(resource, wanted), *has = units_text(resource, largest);
    *ret_never = snapshot_knows(run->snapshot, KIND_NODE) && wanted > largest;
    return g_strdup_printf("It asks for %s of %s; the largest node has %s in all", wants, resource,
                           has);
}

/* ---- Labels and taints. ---- */

static char *
selector_words(const Object *pod)
{
    const Value *map = value_at(pod->value, "spec.nodeSelector");
    if (value_count(map, "") > 0) {
        g_autofree char *text = selector_map_text(map);
        return g_strdup_printf("It asks for nodes with %s, and no node that could take it has that",
                               text);
    }
    return g_strdup("Its node affinity matches no node that could take it");
}

static bool
tolerates(const Object *pod, const Value *taint)
{
    for (const Value *t = value_first(pod->value, "spec.tolerations"); t != NULL; t = t->next) {
        const char *effect = value_text(t, "effect"), *key = value_text(t, "key");
        bool same_effect = effect[0] == '\0' || strcmp(effect, value_text(taint, "effect")) == 0;
        bool same_key = key[0] == '\0' || strcmp(key, value_text(taint, "key")) == 0;
        bool same_value = value_is(t, "operator", "Exists") ||
                          strcmp(value_text(t, "value"), value_text(taint, "value")) == 0;
        if (same_effect && same_key && same_value)
            return true;
    }
    return false;
}

/* The first taint of a node that keeps a pod off; NULL: none. */
static const Value *
barrier(const Object *pod, const Object *node)
{
    for (const Value *taint = value_first(node->value, "spec.taints"); taint != NULL;
         taint = taint->next) {
        if (!value_is(taint, "effect", "PreferNoSchedule") && !tolerates(pod, taint))
            return taint;
    }
    return NULL;
}

/* Taints that keep the pod off the nodes that it chooses, each once; "" when there are no such
 * nodes or one of them has none. Those nodes' troubles are its cause. */
static char *
taint_words(const CheckRun *run, const Object *pod, Finding *finding)
{
    GString *text = g_string_new(NULL);
    const GPtrArray *nodes = snapshot_objects(run->snapshot, KIND_NODE);
    for (guint i = 0; i < nodes->len && text->len < 200; i++) {
        const Object *node = nodes->pdata[i];
        const Value *taint = placement_selects(pod->value, node) ? barrier(pod, node) : NULL;
        if (taint == NULL)
            continue;
        g_autofree char *one = placement_taint_text(taint);
        if (finding != NULL)
            finding_blame(finding, node);
        if (strstr(text->str, one) == NULL)
            g_string_append_printf(
                text, "%s%s",
                text->len > 0 ? ", "
                              : "The nodes that it chooses have taints that it does not tolerate: ",
                one);
    }
    return g_string_free(text, FALSE);
}

/* Whether the pod chooses at least one node by its labels. */
static bool
selects_any(const CheckRun *run, const Object *pod)
{
    const GPtrArray *nodes = snapshot_objects(run->snapshot, KIND_NODE);
    for (guint i = 0; i < nodes->len; i++) {
        if (placement_selects(pod->value, nodes->pdata[i]))
            return true;
    }
    return false;
}

/* ---- Reports. ---- */

static char *
explain(const CheckRun *run, const Object *pod, const char *message, int *row)
{
    bool is_never = false;
    char *text = NULL;
    if (*row == ROW_RESOURCES) {
        text = resource_text(run, pod, message, &is_never);
        if (is_never)
            *row = ROW_NEVER_FITS;
    } else if (*row == ROW_SELECTOR && !selects_any(run, pod)) {
        text = selector_words(pod);
    } else if (*row == ROW_SELECTOR || *row == ROW_TAINT) {
        *row = ROW_TAINT; /* the few nodes that it chooses are closed to it */
        text = taint_words(run, pod, NULL);
    }
    return text;
}

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

static void
report_unschedulable(CheckRun *run, const Object *pod, const Value *scheduled)
{
    const char *message = value_text(scheduled, "message");
    int64_t since_s = value_time(scheduled, "lastTransitionTime");
    int row = dominant_row(message);
    bool is_new;
    g_autofree char *why = explain(run, pod, message, &row);
    if (!check_held(run, &rows[row], since_s != 0 ? since_s : pod->created_s))
        return;
    Finding *finding = check_report_pod(run, &rows[row], pod, "", since_s, &is_new);
    if (row == ROW_VOLUME)
        blame_claims(run, finding, pod);
    if (row == ROW_TAINT)
        g_free(taint_words(run, pod, finding));
    if (!is_new)
        return;
    const Object *controller = finding->object;
    finding_title(finding, "%s %s: pod %s cannot be scheduled: %s",
                  kind_row(controller->kind)->kind, controller->name, pod->name, message);
    finding_cause(finding, "No node takes the pod: %s%s%s", message,
                  why != NULL && why[0] != '\0' ? " " : "", why != NULL ? why : "");
    if (why != NULL && why[0] != '\0')
        finding_evidence(finding, "%s", why);
    finding_fix(finding, "%s", rows[row].fix);
    finding_fix(finding, "kubectl -n %s describe pod %s", pod->ns, pod->name);
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
    const GPtrArray *pods = snapshot_objects(run->snapshot, KIND_POD);
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        if (!pod_is_wanted(pod) || !value_is(pod->value, "status.phase", "Pending"))
            continue;
        const Value *scheduled = condition_of(pod, "PodScheduled");
        if (value_is(scheduled, "status", "False") &&
            value_is(scheduled, "reason", "Unschedulable"))
            report_unschedulable(run, pod, scheduled);
        else if (scheduled == NULL && value_text(pod->value, "spec.nodeName")[0] == '\0')
            report_no_scheduler(run, pod);
    }
}
