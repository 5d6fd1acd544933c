/* Grafana Alloy on every node: where its DaemonSets have no pod, or a broken one. */
#include "analyzers/checks/collector.h"
#include "analyzers/checks/placement.h"
#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_alloy(CheckRun *run);

enum { ROW_MISSING, ROW_UNHEALTHY, ROW_GAP };

/* As many lines as a finding takes. */
enum { NODES_MAX = 5, EVIDENCE_MAX = 12, GRACE_S = 10 * 60 };

static const CheckRow rows[] = {
    [ROW_MISSING] =
        {
            .id = "alloy-pod-missing-on-node",
            .kind = "DaemonSet",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_WORKLOAD,
            .tier = 1,
            .hold_s = GRACE_S,
            .symptom = "Nothing on a node is observed because it has no Alloy pod.",
            .meaning = "The node runs pods, and a DaemonSet of Alloy chooses it by its labels, but "
                       "does not tolerate its taint, or has no pod there.",
            .fix = "Add the toleration to the DaemonSet, or make room on the node.",
            .run = run_alloy,
            .needs = {KIND_DAEMON_SET, KIND_NODE, KIND_POD},
        },
    [ROW_UNHEALTHY] =
        {
            .id = "alloy-pod-unhealthy-on-node",
            .kind = "DaemonSet",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_WORKLOAD,
            .tier = 1,
            .hold_s = 5 * 60,
            .symptom = "Nothing on a node is observed because its Alloy pod does not work.",
            .meaning = "The node is Ready, and its Alloy pod has been unready for five minutes.",
            .fix = "Look at why the Alloy pod is not ready.",
            .run = run_alloy,
            .needs = {KIND_DAEMON_SET, KIND_NODE, KIND_POD},
        },
    [ROW_GAP] =
        {
            .id = "daemonset-coverage-gap",
            .kind = "DaemonSet",
            .severity = SEVERITY_LOW,
            .stage = STAGE_ADVICE,
            .tier = 1,
            .hold_s = 3600,
            .is_own_cause = true,
            .symptom = "Some nodes are left out by an agent that should be on all of them.",
            .meaning = "The DaemonSet of an agent for networks, volumes, logs or metrics does not "
                       "tolerate a taint of these nodes.",
            .fix = "Add the toleration to the DaemonSet, if these nodes are to be covered.",
            .run = run_alloy,
            .needs = {KIND_DAEMON_SET, KIND_NODE, KIND_POD},
        },
};

const CheckTopic check_topic_alloy = {rows, G_N_ELEMENTS(rows)};

/* ---- Which sets they are. ---- */

/* Agents that belong on every node: networks, volumes, logs, metrics. */
static bool
is_agent(const Object *set)
{
    static const char *const words[] = {
        "cilium",   "calico",        "flannel",    "kube-proxy", "aws-vpc-cni", "weave",
        "csi-node", "node-exporter", "fluent-bit", "fluentd",    "promtail",    "vector",
        "filebeat", "datadog",       "telegraf",   "beyla",      "alloy",       NULL};
    return collector_is_alloy(set) || collector_runs_image(set, words);
}

/* ---- What is on a node. ---- */

/* Node name -> what runs there. */
typedef struct {
    bool has_work;  /* pods that no DaemonSet made, and that run */
    GHashTable *by; /* Object of DaemonSets that have a pod there, in any state */
} OnNode;

static void
free_on_node(gpointer data)
{
    OnNode *on = data;
    g_hash_table_unref(on->by);
    g_free(on);
}

static GHashTable *
collect_nodes(const CheckRun *run)
{
    GHashTable *nodes = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_on_node);
    const GPtrArray *pods = snapshot_objects(run->snapshot, KIND_POD);
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        const char *name = pod_node(pod);
        if (pod_is_finished(pod) || name[0] == '\0')
            continue;
        OnNode *on = g_hash_table_lookup(nodes, name);
        if (on == NULL) {
            on = g_new0(OnNode, 1);
            on->by = g_hash_table_new(NULL, NULL);
            g_hash_table_insert(nodes, (gpointer)name, on);
        }
        const Object *owner = relations_owner(run->relations, pod);
        if (owner != NULL && owner->kind == KIND_DAEMON_SET)
            g_hash_table_add(on->by, (gpointer)(uintptr_t)owner);
        else if (!pod_is_static(pod))
            on->has_work = true;
    }
    return nodes;
}

/* ---- Reports. ---- */

static void
tell_node(Finding *finding, const Object *set, const Object *node, const Value *taint)
{
    g_autofree char *text = taint != NULL ? placement_taint_text(taint) : g_strdup("");
    finding_title(finding, "Node %s has no pod of DaemonSet %s%s%s", node->name, set->name,
                  taint != NULL ? ": it does not tolerate taint " : "", text);
    if (taint != NULL)
        finding_cause(
            finding, "The DaemonSet does not tolerate the taint %s of node %s%s.", text, node->name,
            collector_is_alloy(set) ? ", so no metrics, logs or profiles come from there" : "");
    else
        finding_cause(finding, "The DaemonSet chooses node %s, but has no pod there%s.", node->name,
                      collector_is_alloy(set) ? ", so no metrics, logs or profiles come from it"
                                              : "");
    check_advise(finding, node);
}

/* One more node without the pod of a set. Nodes with the same taint are one finding. */
static void
report_node(CheckRun *run, const CheckRow *row, const Object *set, const Object *node,
            const Value *taint)
{
    const char *key = value_text(taint, "key");
    bool is_new;
    Finding *finding = check_report_part(run, row, set, key, &is_new);
    if (is_new)
        tell_node(finding, set, node, taint);
    finding_since(finding, value_time(taint, "timeAdded"));
    finding_evidence(finding, "Node %s has no pod of it", node->name);
    if (!is_new)
        finding_title(finding, "%s%u nodes have no pod of DaemonSet %s%s%s",
                      finding->evidence->len >= EVIDENCE_MAX ? "At least " : "",
                      finding->evidence->len, set->name,
                      taint != NULL ? ": it does not tolerate taint " : "", key);
}

/* Whether another set of the same agent covers the node. */
static bool
is_covered_otherwise(const OnNode *on, const Object *set)
{
    GHashTableIter iter;
    gpointer other;
    if (on == NULL || !collector_is_alloy(set))
        return false;
    g_hash_table_iter_init(&iter, on->by);
    while (g_hash_table_iter_next(&iter, &other, NULL)) {
        if (collector_is_alloy(other))
            return true;
    }
    return false;
}

static void
look_at_node(CheckRun *run, const Object *set, const Object *node, const OnNode *on)
{
    if (!placement_is_expected(run, node) || is_covered_otherwise(on, set) ||
        (on != NULL && g_hash_table_contains(on->by, set)) ||
        !placement_selects(value_at(set->value, "spec.template"), node))
        return;
    const Value *taint = placement_taint(value_at(set->value, "spec.template"), node);
    bool has_work = on != NULL && on->has_work && !placement_is_control_plane(node);
    if (collector_is_alloy(set) && (taint == NULL || has_work))
        report_node(run, &rows[ROW_MISSING], set, node, taint);
    else if (taint != NULL && status_is_settled(run, set, rows[ROW_GAP].hold_s) &&
             run->now_s - node->created_s >= rows[ROW_GAP].hold_s)
        report_node(run, &rows[ROW_GAP], set, node, taint);
}

static void
look_at_pods(CheckRun *run, const Object *set)
{
    g_autoptr(GPtrArray) pods = relations_pods(run->relations, set);
    Finding *finding = NULL;
    guint n = 0;
    g_autoptr(GString) nodes = g_string_new(NULL);
    g_autofree char *first = NULL;
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        const Object *node = snapshot_get(run->snapshot, KIND_NODE, "", pod_node(pod));
        int64_t since_s;
        if (node == NULL || !placement_is_expected(run, node) || !pod_is_unready(pod, &since_s) ||
            !check_held(run, &rows[ROW_UNHEALTHY], since_s))
            continue;
        g_autofree char *trouble = pod_trouble(pod);
        if (finding == NULL) {
            finding = check_report(run, &rows[ROW_UNHEALTHY], set);
            first = g_strdup(trouble);
        }
        finding_about(finding, pod);
        finding_since(finding, since_s);
        finding_evidence(finding, "Pod %s on %s: %s", pod->name, node->name, trouble);
        if (n < NODES_MAX)
            g_string_append_printf(nodes, "%s%s", n > 0 ? ", " : "", node->name);
        n++;
    }
    if (finding == NULL)
        return;
    if (n > NODES_MAX)
        g_string_append_printf(nodes, " and %u more", n - NODES_MAX);
    finding_title(finding, "Alloy (DaemonSet %s) does not work on %s", set->name, nodes->str);
    finding_cause(finding, "Its pods there are not ready%s%s. %s %s blind since then.",
                  first[0] != '\0' ? ": " : "", first, nodes->str, n > 1 ? "are" : "is");
    check_advise(finding, set);
}

static void
run_alloy(CheckRun *run)
{
    const GPtrArray *sets = snapshot_objects(run->snapshot, KIND_DAEMON_SET);
    const GPtrArray *nodes = snapshot_objects(run->snapshot, KIND_NODE);
    if (!snapshot_knows(run->snapshot, KIND_POD))
        return;
    g_autoptr(GHashTable) on_nodes = collect_nodes(run);
    for (guint i = 0; i < sets->len; i++) {
        const Object *set = sets->pdata[i];
        if (status_is_deleted(set) || !is_agent(set))
            continue;
        if (collector_is_alloy(set))
            look_at_pods(run, set);
        if (!status_is_settled(run, set, GRACE_S))
            continue;
        for (guint k = 0; k < nodes->len; k++) {
            const Object *node = nodes->pdata[k];
            look_at_node(run, set, node, g_hash_table_lookup(on_nodes, node->name));
        }
    }
}
