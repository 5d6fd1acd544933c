/* Nodes that are not well. */
#include <string.h>

#include "analyzers/checks/container.h"
#include "analyzers/checks/lease.h"
#include "analyzers/checks/table.h"

static void run_nodes(CheckRun *run);

enum {
    ROW_NOT_READY,
    ROW_UNREACHABLE,
    ROW_MEMORY,
    ROW_DISK,
    ROW_PID,
    ROW_NETWORK,
    ROW_LEASE,
    ROW_COUNT
};

#define NODE_ROW(name, level, hold, seen, told_by, step)                                           \
    {                                                                                              \
        .id = name, .kind = "Node", .severity = level, .stage = STAGE_NODE, .tier = 1,             \
        .hold_s = hold, .symptom = seen, .meaning = told_by, .fix = step, .run = run_nodes,        \
        .needs = {                                                                                 \
            KIND_NODE                                                                              \
        }                                                                                          \
    }

static const CheckRow rows[ROW_COUNT] = {
    [ROW_NOT_READY] =
        NODE_ROW("node-not-ready", SEVERITY_HIGH, 180, "A node says that it cannot run pods.",
                 "The node's condition Ready is False.",
                 "Read the message of the condition; look at the kubelet, the container runtime "
                 "and the network plug-in."),
    [ROW_UNREACHABLE] =
        NODE_ROW("node-unreachable", SEVERITY_HIGH, 120, "A node has stopped reporting.",
                 "The node's condition Ready is Unknown: its kubelet has not renewed its status.",
                 "See whether the machine and its network are up."),
    [ROW_MEMORY] = NODE_ROW(
        "node-memory-pressure", SEVERITY_HIGH, 120, "A node is short of memory and evicts pods.",
        "The node's condition MemoryPressure is True.",
        "Find the pods that use more memory than they request, and move or limit them."),
    [ROW_DISK] = NODE_ROW(
        "node-disk-pressure", SEVERITY_HIGH, 120, "A node is short of disk and evicts pods.",
        "The node's condition DiskPressure is True.",
        "Free disk on the node: images, logs, emptyDir volumes; limit ephemeral-storage of pods."),
    [ROW_PID] = NODE_ROW("node-pid-pressure", SEVERITY_HIGH, 120, "A node runs out of process ids.",
                         "The node's condition PIDPressure is True.",
                         "Find the pod that makes so many processes; set podPidsLimit."),
    [ROW_NETWORK] =
        NODE_ROW("node-network-unavailable", SEVERITY_HIGH, 180, "A node has no pod network.",
                 "The node's condition NetworkUnavailable is True.",
                 "Look at the network plug-in's pod on the node."),
    [ROW_LEASE] =
        NODE_ROW("node-lease-stale", SEVERITY_MEDIUM, 0,
                 "A node's heartbeats are late, though it counts as ready.",
                 "The node's lease is older than two minutes and its condition Ready is True.",
                 "Look at the load of the node and at its way to the API server."),
};

const CheckTopic check_topic_node = {rows, G_N_ELEMENTS(rows)};

static const struct {
    const char *type, *bad;
    int row;
    const char *title;
} conditions[] = {
    {"Ready", "False", ROW_NOT_READY, "is not ready"},
    {"Ready", "Unknown", ROW_UNREACHABLE, "has stopped reporting"},
    {"NetworkUnavailable", "True", ROW_NETWORK, "has no pod network"},
    {"DiskPressure", "True", ROW_DISK, "is short of disk"},
    {"MemoryPressure", "True", ROW_MEMORY, "is short of memory"},
    {"PIDPressure", "True", ROW_PID, "runs out of process ids"},
};

static bool
is_leaving(const Object *node)
{
    static const char *const taints[] = {"ToBeDeletedByClusterAutoscaler",
                                         "cloud.google.com/impending-node-termination",
                                         "karpenter.sh/disrupted", "karpenter.sh/disruption"};
    for (size_t i = 0; i < G_N_ELEMENTS(taints); i++) {
        if (value_find(node->value, "spec.taints", "key", taints[i]) != NULL)
            return true;
    }
    return value_text(node->value, "metadata.deletionTimestamp")[0] != '\0';
}

/* Controllers of the pods on a node, "builds/runner, edge/cache and 5 more"; those of which pods
 * were evicted are told. *ret_n: how many pods; free with g_free. */
static char *
names_on(const CheckRun *run, Finding *finding, const Object *node, guint *ret_n)
{
    enum { SHOWN = 4 };
    const GPtrArray *pods = snapshot_objects(run->snapshot, KIND_POD);
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
    GString *names = g_string_new(NULL);
    guint n_evicted = 0;
    *ret_n = 0;
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        if (!value_is(pod->value, "spec.nodeName", node->name))
            continue;
        bool is_evicted = value_is(pod->value, "status.reason", "Evicted");
        const Object *controller = relations_controller(run->relations, pod);
        n_evicted += is_evicted;
        *ret_n += pod_is_wanted(pod);
        if (is_evicted)
            finding_about(finding, pod);
        /* Those of DaemonSets are on every node. */
        if (controller->kind != KIND_DAEMON_SET && (is_evicted || pod_is_wanted(pod)) &&
            g_hash_table_add(seen, (gpointer)(uintptr_t)controller) &&
            g_hash_table_size(seen) <= SHOWN)
            g_string_append_printf(names, "%s%s/%s", names->len > 0 ? ", " : "", controller->ns,
                                   controller->name);
    }
    if (g_hash_table_size(seen) > SHOWN)
        g_string_append_printf(names, " and %u more", g_hash_table_size(seen) - SHOWN);
    if (n_evicted > 0)
        finding_evidence(finding, "Pods that were evicted from it: %u", n_evicted);
    return g_string_free(names, FALSE);
}

static void
report(CheckRun *run, const Object *node, const Value *condition, size_t which)
{
    const CheckRow *row = &rows[conditions[which].row];
    int64_t since_s = value_time(condition, "lastTransitionTime");
    guint n_pods;
    Finding *finding = check_report(run, row, node);
    g_autofree char *names = names_on(run, finding, node, &n_pods);
    g_autofree char *message = g_strdup(value_text(condition, "message"));
    if (g_str_has_suffix(message, "."))
        message[strlen(message) - 1] = '\0';
    finding_since(finding, since_s);
    finding_title(finding, "Node %s %s", node->name, conditions[which].title);
    finding_cause(finding, "Node %s %s%s%s. Pods on it: %u%s%s.", node->name,
                  conditions[which].title, message[0] != '\0' ? ": " : "", message, n_pods,
                  names[0] != '\0' ? ", of " : "", names);
    finding_evidence(finding, "Condition %s is %s: %s", conditions[which].type,
                     conditions[which].bad, value_text(condition, "reason"));
    check_advise(finding, node);
}

static void
look_at_lease(CheckRun *run, const Object *node, int64_t newest_s)
{
    enum { STALE_S = 120 };
    const Object *lease = snapshot_get(run->snapshot, KIND_LEASE, "kube-node-lease", node->name);
    int64_t renewed_s = lease != NULL ? value_time(lease->value, "spec.renewTime") : 0;
    if (renewed_s == 0 || newest_s - renewed_s < STALE_S)
        return;
    Finding *finding = check_report(run, &rows[ROW_LEASE], node);
    g_autofree char *span = span_text(run->now_s - renewed_s);
    finding_since(finding, renewed_s);
    finding_title(finding, "Node %s has not renewed its lease for %s", node->name, span);
    finding_cause(finding,
                  "The node counts as ready, but its heartbeat is %s late: it is overloaded, or "
                  "loses its network.",
                  span);
    finding_fix(finding, "%s", rows[ROW_LEASE].fix);
    finding_fix(finding, "kubectl -n kube-node-lease get lease %s", node->name);
}

static void
look_at(CheckRun *run, const Object *node, int64_t newest_s)
{
    bool is_down = false;
    if (is_leaving(node))
        return;
    for (size_t i = 0; i < G_N_ELEMENTS(conditions); i++) {
        const Value *condition = condition_of(node, conditions[i].type);
        const CheckRow *row = &rows[conditions[i].row];
        if (!value_is(condition, "status", conditions[i].bad))
            continue;
        /* What a node that is down says of the rest is old. */
        if (!is_down && check_held(run, row, value_time(condition, "lastTransitionTime")))
            report(run, node, condition, i);
        is_down = is_down || strcmp(conditions[i].type, "Ready") == 0;
    }
    if (!is_down)
        look_at_lease(run, node, newest_s);
}

/* A fifth of all nodes is a cluster's trouble, not a node's. */
static void
raise_severity(CheckRun *run)
{
    const GPtrArray *nodes = snapshot_objects(run->snapshot, KIND_NODE);
    guint n_down = 0;
    for (guint i = 0; i < run->findings->all->len; i++) {
        const Finding *finding = run->findings->all->pdata[i];
        n_down +=
            finding->check == &rows[ROW_NOT_READY] || finding->check == &rows[ROW_UNREACHABLE];
    }
    for (guint i = 0; 5 * n_down >= nodes->len && i < run->findings->all->len; i++) {
        Finding *finding = run->findings->all->pdata[i];
        if (finding->check == &rows[ROW_NOT_READY] || finding->check == &rows[ROW_UNREACHABLE])
            finding->severity = SEVERITY_CRITICAL;
    }
}

static void
run_nodes(CheckRun *run)
{
    const GPtrArray *nodes = snapshot_objects(run->snapshot, KIND_NODE);
    int64_t newest_s = leases_newest(run);
    for (guint i = 0; i < nodes->len; i++)
        look_at(run, nodes->pdata[i], newest_s);
    raise_severity(run);
}
