/* Nodes that are nearly full of pods, and clusters that have no room for the loss of a node. */
#include <string.h>

#include "analyzers/checks/fit.h"
#include "analyzers/checks/placement.h"
#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"
#include "lib/k8s/quantity.h"

static void run_capacity(CheckRun *run);

enum { ROW_PODS, ROW_OVERCOMMIT };

static const CheckRow rows[] = {
    [ROW_PODS] =
        {
            .id = "node-too-many-pods",
            .kind = "Node",
            .severity = SEVERITY_LOW,
            .stage = STAGE_ADVICE,
            .tier = 2,
            .hold_s = 15 * 60,
            .symptom = "A node soon takes no more pods, however small they are.",
            .meaning = "More than 95 % of the pods that the node may have are there for a quarter "
                       "of an hour.",
            .fix = "Raise the limit of pods per node (maxPods), or add nodes.",
            .run = run_capacity,
            .needs = {KIND_NODE, KIND_POD},
        },
    [ROW_OVERCOMMIT] =
        {
            .id = "cluster-resource-overcommit",
            .kind = "Node",
            .severity = SEVERITY_LOW,
            .stage = STAGE_ADVICE,
            .tier = 3,
            .hold_s = 3600,
            .symptom = "When a node is lost, some of its pods find no other.",
            .meaning = "All pods together request more CPU or memory than the nodes have without "
                       "the largest of them; pods of DaemonSets there, and those of the last hour, "
                       "are not counted. Nothing is said where nodes are added by themselves.",
            .fix = "Add a node, or lower requests that are not used.",
            .run = run_capacity,
            .needs = {KIND_NODE, KIND_POD, KIND_DEPLOYMENT, KIND_CONFIG_MAP},
        },
};

const CheckTopic check_topic_capacity = {rows, G_N_ELEMENTS(rows)};

/* ---- Pods of one node. ---- */

static void
look_at_node(CheckRun *run, const Object *node, GHashTable *counts)
{
    static const double full = 0.95;
    guint n = GPOINTER_TO_UINT(g_hash_table_lookup(counts, node->name));
    int64_t max = value_int(node->value, "status.allocatable.pods", 0);
    if (max <= 0 || n <= full * (double)max)
        return;
    Finding *finding = check_report(run, &rows[ROW_PODS], node);
    finding_title(finding, "Node %s has %u of the %" G_GINT64_FORMAT " pods that it may have",
                  node->name, n, max);
    finding_cause(finding, "New pods will not be placed there, whatever CPU and memory is free.");
    check_advise(finding, node);
}

/* Name of a node -> number of its pods that are there for so long. */
static GHashTable *
count_pods(const CheckRun *run)
{
    GHashTable *counts = g_hash_table_new(g_str_hash, g_str_equal);
    const GPtrArray *pods = snapshot_objects(run->snapshot, KIND_POD);
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        const char *node = value_text(pod->value, "spec.nodeName");
        if (node[0] == '\0' || pod_is_finished(pod) ||
            !check_held(run, &rows[ROW_PODS], pod->created_s))
            continue;
        guint n = GPOINTER_TO_UINT(g_hash_table_lookup(counts, node));
        g_hash_table_insert(counts, (gpointer)(uintptr_t)node, GUINT_TO_POINTER(n + 1));
    }
    return counts;
}

/* ---- The loss of a node. ---- */

static bool
has_named(const CheckRun *run, Kind kind, const char *word)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, kind);
    for (guint i = 0; i < all->len; i++) {
        if (strstr(((const Object *)all->pdata[i])->name, word) != NULL)
            return true;
    }
    return false;
}

/* Whether nodes come by themselves when pods need them. Where the cloud runs cluster-autoscaler
 * out of sight, the ConfigMap of its status is there. */
static bool
has_autoscaler(const CheckRun *run)
{
    return has_named(run, KIND_DEPLOYMENT, "cluster-autoscaler") ||
           has_named(run, KIND_DEPLOYMENT, "karpenter") ||
           has_named(run, KIND_CONFIG_MAP, "cluster-autoscaler-status") ||
           snapshot_objects(run->snapshot, KIND_KARPENTER_NODE_POOL)->len > 0;
}

static double
allocatable_of(const Object *node, const char *resource)
{
    double units = 0;
    const Value *all = value_at(node->value, "status.allocatable");
    (void)quantity_parse(value_text(value_get(all, resource), ""), &units);
    return units;
}

/* A node for anybody's pods: it stays, and has neither taints nor a cordon. */
static bool
takes_anybody(const Object *node)
{
    return placement_is_kept(node) && value_count(node->value, "spec.taints") == 0 &&
           !value_is_true(node->value, "spec.unschedulable");
}

/* Number of such nodes. *ret_largest: the one with the most;
 * *ret_sum: of all. */
static guint
sum_nodes(const CheckRun *run, const char *resource, const Object **ret_largest, double *ret_sum)
{
    const GPtrArray *nodes = snapshot_objects(run->snapshot, KIND_NODE);
    guint n = 0;
    *ret_largest = NULL;
    *ret_sum = 0;
    for (guint i = 0; i < nodes->len; i++) {
        const Object *node = nodes->pdata[i];
        if (!takes_anybody(node))
            continue;
        double units = allocatable_of(node, resource);
        if (*ret_largest == NULL || units > allocatable_of(*ret_largest, resource))
            *ret_largest = node;
        *ret_sum += units;
        n++;
    }
    return n;
}

/* What the pods of those nodes request that would have to go on without the largest one. */
static double
sum_requests(const CheckRun *run, const char *resource, const Object *largest)
{
    const GPtrArray *pods = snapshot_objects(run->snapshot, KIND_POD);
    double sum = 0;
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        const Object *owner = relations_owner(run->relations, pod);
        const Object *node =
            snapshot_get(run->snapshot, KIND_NODE, "", value_text(pod->value, "spec.nodeName"));
        bool goes_with_node =
            node == largest &&
            (pod_is_static(pod) || (owner != NULL && owner->kind == KIND_DAEMON_SET));
        if (node == NULL || pod_is_finished(pod) || goes_with_node || !takes_anybody(node) ||
            !check_held(run, &rows[ROW_OVERCOMMIT], pod->created_s))
            continue;
        sum += fit_request(pod->value, resource);
    }
    return sum;
}

static void
look_at_loss(CheckRun *run, const char *resource, const char *unit, double per_unit)
{
    const Object *largest;
    double sum;
    guint n = sum_nodes(run, resource, &largest, &sum);
    if (n < 2)
        return;
    double left = sum - allocatable_of(largest, resource);
    double wanted = sum_requests(run, resource, largest);
    if (wanted <= left)
        return;
    bool is_new;
    Finding *finding = check_report_part(run, &rows[ROW_OVERCOMMIT], largest, "", &is_new);
    finding_evidence(finding, "%s: %.1f%s requested, %.1f%s without node %s", resource,
                     wanted / per_unit, unit, left / per_unit, unit, largest->name);
    if (!is_new)
        return;
    finding_title(finding, "Without node %s the cluster has no room for all of its pods",
                  largest->name);
    finding_cause(finding,
                  "The pods request %.1f%s of %s, and the %u other nodes have %.1f%s, so pods "
                  "would wait if this node were lost.",
                  wanted / per_unit, unit, resource, n - 1, left / per_unit, unit);
    check_advise(finding, largest);
}

static void
run_capacity(CheckRun *run)
{
    static const double gibibyte = 1024.0 * 1024 * 1024;
    const GPtrArray *nodes = snapshot_objects(run->snapshot, KIND_NODE);
    if (!check_knows(run, &rows[ROW_PODS]))
        return;
    g_autoptr(GHashTable) counts = count_pods(run);
    for (guint i = 0; i < nodes->len; i++)
        look_at_node(run, nodes->pdata[i], counts);
    if (!check_knows(run, &rows[ROW_OVERCOMMIT]) || has_autoscaler(run))
        return;
    look_at_loss(run, "cpu", "", 1);
    look_at_loss(run, "memory", " GiB", gibibyte);
}
