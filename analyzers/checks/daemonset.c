/* DaemonSets: nodes that lack their pod, or have a broken one. */
#include <string.h>

#include "analyzers/checks/placement.h"
#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_daemon_sets(CheckRun *run);

enum { ROW_UNAVAILABLE, ROW_NOT_SCHEDULED, ROW_MISSCHEDULED, ROW_ROLLOUT };

static const CheckRow rows[] = {
    [ROW_UNAVAILABLE] =
        {
            .id = "daemonset-unavailable",
            .kind = "DaemonSet",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_WORKLOAD,
            .tier = 1,
            .hold_s = 10 * 60,
            .is_umbrella = true,
            .symptom = "Some nodes lack what a DaemonSet does for them.",
            .meaning = "Its pods on nodes that are Ready have been unready for ten minutes.",
            .fix = "Look at why the pods on these nodes are not ready.",
            .run = run_daemon_sets,
            .needs = {KIND_DAEMON_SET, KIND_POD, KIND_NODE},
        },
    [ROW_NOT_SCHEDULED] =
        {
            .id = "daemonset-not-scheduled",
            .kind = "DaemonSet",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_WORKLOAD,
            .tier = 1,
            .hold_s = 10 * 60,
            .is_umbrella = true,
            .symptom = "The pod of a DaemonSet finds no place on some nodes.",
            .meaning = "Its pods for these nodes have been pending for ten minutes.",
            .fix = "Make room on the nodes, or lower the requests or raise the priority of the "
                   "DaemonSet.",
            .run = run_daemon_sets,
            .needs = {KIND_DAEMON_SET, KIND_POD},
        },
    [ROW_MISSCHEDULED] =
        {
            .id = "daemonset-misscheduled",
            .kind = "DaemonSet",
            .severity = SEVERITY_LOW,
            .stage = STAGE_ADVICE,
            .tier = 1,
            .is_own_cause = true,
            .symptom = "Pods of a DaemonSet run on nodes where they do not belong.",
            .meaning = "status.numberMisscheduled is not zero: labels or taints of nodes have "
                       "changed since the pods were placed.",
            .fix = "Compare the labels and taints of these nodes with the template.",
            .run = run_daemon_sets,
            .needs = {KIND_DAEMON_SET},
        },
    [ROW_ROLLOUT] =
        {
            .id = "daemonset-rollout-stuck",
            .kind = "DaemonSet",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_WORKLOAD,
            .tier = 1,
            .hold_s = 15 * 60,
            .symptom = "An update of a DaemonSet stops in the middle.",
            .meaning = "Not all of its pods are of the newest template, and a new one has been "
                       "unready for a quarter of an hour.",
            .fix = "Look at why the new pod is not ready, or go back to the old version.",
            .run = run_daemon_sets,
            .needs = {KIND_DAEMON_SET, KIND_POD, KIND_NODE},
        },
};

const CheckTopic check_topic_daemonset = {rows, G_N_ELEMENTS(rows)};

/* What is known about the pods of one set that are in trouble. */
typedef struct {
    Finding *finding;
    GString *nodes; /* "a, b": their nodes */
    guint n;
    int64_t since_s;
    char *trouble; /* of the first */
} Troubled;

enum { NODES_MAX = 5, PODS_MAX = 100 };

static void
add_pod(CheckRun *run, const CheckRow *row, const Object *set, Troubled *t, const Object *pod,
        int64_t since_s)
{
    if (t->finding == NULL) {
        t->finding = check_report(run, row, set);
        t->nodes = g_string_new(NULL);
        t->trouble = pod_trouble(pod);
    }
    finding_since(t->finding, since_s);
    if (t->n < NODES_MAX)
        g_string_append_printf(t->nodes, "%s%s", t->n > 0 ? ", " : "", pod_node(pod));
    if (t->n++ < PODS_MAX)
        finding_about(t->finding, pod);
    g_autofree char *trouble = pod_trouble(pod);
    if (t->n <= NODES_MAX && trouble[0] != '\0')
        finding_evidence(t->finding, "Pod %s on %s: %s", pod->name, pod_node(pod), trouble);
}

static void
end_troubled(Troubled *t)
{
    if (t->finding == NULL)
        return;
    if (t->n > NODES_MAX)
        g_string_append_printf(t->nodes, " and %u more", t->n - NODES_MAX);
}

static void
clear_troubled(Troubled *t)
{
    if (t->nodes != NULL)
        g_string_free(t->nodes, TRUE);
    g_free(t->trouble);
}

static void
add_fix(Finding *finding, const Object *set)
{
    check_advise(finding, set);
}

/* Pods of nodes that are gone, broken or new are not the fault of the set. */
static bool
is_on_sound_node(CheckRun *run, const Object *pod)
{
    const char *name = pod_node(pod);
    const Object *node = snapshot_get(run->snapshot, KIND_NODE, "", name);
    return node != NULL ? placement_is_expected(run, node)
                        : !snapshot_knows(run->snapshot, KIND_NODE);
}

static void
tell_unavailable(const Object *set, const Troubled *t)
{
    if (t->finding == NULL)
        return;
    if (strcmp(set->ns, "kube-system") == 0)
        t->finding->severity = SEVERITY_HIGH;
    finding_title(t->finding, "DaemonSet %s does not work on %s", set->name, t->nodes->str);
    finding_cause(t->finding, "Its pods on %s are not ready%s%s; these nodes lack what %s does.",
                  t->nodes->str, t->trouble[0] != '\0' ? ": " : "", t->trouble, set->name);
    add_fix(t->finding, set);
}

static void
tell_not_scheduled(const Object *set, const Troubled *t)
{
    if (t->finding == NULL)
        return;
    finding_title(t->finding, "DaemonSet %s finds no place on %s", set->name, t->nodes->str);
    finding_cause(t->finding, "Its pods for %s are pending%s%s.", t->nodes->str,
                  t->trouble[0] != '\0' ? ": " : "", t->trouble);
    add_fix(t->finding, set);
}

static void
tell_rollout(const Object *set, const Troubled *t)
{
    if (t->finding == NULL)
        return;
    finding_title(t->finding, "Update of DaemonSet %s stops at %s", set->name, t->nodes->str);
    finding_cause(t->finding,
                  "The new pod on %s is not ready%s%s, so the others keep the old version: %s of "
                  "%s are updated.",
                  t->nodes->str, t->trouble[0] != '\0' ? ": " : "", t->trouble,
                  value_text(set->value, "status.updatedNumberScheduled"),
                  value_text(set->value, "status.desiredNumberScheduled"));
    add_fix(t->finding, set);
}

/* Of the newest template, by the generation that the controller labels pods with. */
static bool
is_newest(const Object *set, const Object *pod)
{
    const Value *labels = value_at(pod->value, "metadata.labels");
    const Value *of = value_get(labels, "pod-template-generation");
    const Value *annotations = value_at(set->value, "metadata.annotations");
    const Value *newest = value_get(annotations, "deprecated.daemonset.template.generation");
    return of != NULL && newest != NULL && strcmp(value_text(of, ""), value_text(newest, "")) == 0;
}

static void
look_at_pods(CheckRun *run, const Object *set)
{
    const Value *status = value_at(set->value, "status");
    Troubled unready = {0}, pending = {0}, updated = {0};
    bool is_updating = !value_is(set->value, "spec.updateStrategy.type", "OnDelete") &&
                       value_int(status, "updatedNumberScheduled", 0) <
                           value_int(status, "desiredNumberScheduled", 0);
    g_autoptr(GPtrArray) pods = relations_pods(run->relations, set);
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        int64_t since_s;
        if (!pod_is_unready(pod, &since_s) || !check_held(run, &rows[ROW_UNAVAILABLE], since_s) ||
            !is_on_sound_node(run, pod))
            continue;
        if (value_text(pod->value, "spec.nodeName")[0] == '\0')
            add_pod(run, &rows[ROW_NOT_SCHEDULED], set, &pending, pod, since_s);
        else if (is_updating && is_newest(set, pod) && check_held(run, &rows[ROW_ROLLOUT], since_s))
            add_pod(run, &rows[ROW_ROLLOUT], set, &updated, pod, since_s);
        else
            add_pod(run, &rows[ROW_UNAVAILABLE], set, &unready, pod, since_s);
    }
    end_troubled(&unready);
    end_troubled(&pending);
    end_troubled(&updated);
    tell_unavailable(set, &unready);
    tell_not_scheduled(set, &pending);
    tell_rollout(set, &updated);
    clear_troubled(&unready);
    clear_troubled(&pending);
    clear_troubled(&updated);
}

static void
look_for_misscheduled(CheckRun *run, const Object *set)
{
    int64_t n = value_int(set->value, "status.numberMisscheduled", 0);
    if (n <= 0)
        return;
    Finding *finding = check_report(run, &rows[ROW_MISSCHEDULED], set);
    finding_title(finding, "%" G_GINT64_FORMAT " pods of DaemonSet %s run where they do not belong",
                  n, set->name);
    finding_cause(finding,
                  "Labels or taints of %" G_GINT64_FORMAT
                  " nodes do not match the template any more, though its pods still run "
                  "there.",
                  n);
    add_fix(finding, set);
}

static void
run_daemon_sets(CheckRun *run)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_DAEMON_SET);
    for (guint i = 0; i < all->len; i++) {
        const Object *set = all->pdata[i];
        const Value *status = value_at(set->value, "status");
        if (status_is_deleted(set))
            continue;
        look_for_misscheduled(run, set);
        if (value_int(status, "numberReady", 0) < value_int(status, "desiredNumberScheduled", 0))
            look_at_pods(run, set);
    }
}
