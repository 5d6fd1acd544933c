/* Nodes that are cordoned, tainted, mixed or troubled in ways beside their own conditions. */
#include <string.h>

#include "analyzers/checks/placement.h"
#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"
#include "analyzers/collect/backend.h"

static void run_nodes(CheckRun *run);
static void run_zones(CheckRun *run);

enum {
    ROW_CUSTOM,
    ROW_CORDONED,
    ROW_DRAIN,
    ROW_TAINT,
    ROW_UNINITIALIZED,
    ROW_REBOOTED,
    ROW_KUBELET,
    ROW_OOM,
    ROW_ZONE
};

#define NODE_ROW(name, level, order, rank, hold, seen, told_by, step, function, ...)               \
    {                                                                                              \
        .id = name, .kind = "Node", .severity = level, .stage = order, .tier = rank,               \
        .hold_s = hold, .is_umbrella = true, .symptom = seen, .meaning = told_by, .fix = step,     \
        .run = function, .needs = {                                                                \
            KIND_NODE,                                                                             \
            ##__VA_ARGS__                                                                          \
        }                                                                                          \
    }

/* Most of these do not explain what goes wrong on the node: they come last, and hide nothing. */
static const CheckRow rows[] = {
    [ROW_CUSTOM] = NODE_ROW(
        "node-custom-condition", SEVERITY_MEDIUM, STAGE_SCALING, 1, 5 * 60,
        "An agent on a node reports a fault of the machine.",
        "A condition that the node's agents have set is bad by its name: Ready, Healthy and the "
        "like are to be True, Problem, Deadlock, Readonly, Frequent and the like are not.",
        "Drain the node, then repair or replace it.", run_nodes),
    [ROW_CORDONED] =
        NODE_ROW("node-cordoned-long", SEVERITY_LOW, STAGE_ADVICE, 2, 86400,
                 "A node is paid for and takes no pods.",
                 "spec.unschedulable is true for a day, and pods still run on the node.",
                 "Uncordon the node, or finish its maintenance.", run_nodes, KIND_POD),
    [ROW_DRAIN] = NODE_ROW("node-drain-stuck", SEVERITY_MEDIUM, STAGE_SCALING, 2, 30 * 60,
                           "A node cannot be drained.",
                           "The node is cordoned for half an hour, and pods on it belong to a "
                           "PodDisruptionBudget that allows no disruption.",
                           "Add copies, or relax the budget.", run_nodes, KIND_PDB, KIND_POD),
    [ROW_TAINT] = NODE_ROW("node-taint-noexecute", SEVERITY_MEDIUM, STAGE_SCALING, 2, 5 * 60,
                           "A taint pushes pods off a node.",
                           "The node has a NoExecute taint, and its condition Ready is True.",
                           "Take the taint away when its reason is gone.", run_nodes),
    [ROW_UNINITIALIZED] = NODE_ROW(
        "node-uninitialized", SEVERITY_HIGH, STAGE_NODE, 2, 15 * 60, "A new node takes no pods.",
        "The taint node.cloudprovider.kubernetes.io/uninitialized stays for 15 minutes.",
        "Look at the cloud controller manager, and at the node's identity.", run_nodes),
    [ROW_REBOOTED] = NODE_ROW("node-rebooted", SEVERITY_LOW, STAGE_ADVICE, 2, 0,
                              "A machine was started anew, and its pods with it.",
                              "An event Rebooted of the last hour is about the node.",
                              "See why the machine was started anew.", run_nodes, KIND_EVENT),
    [ROW_KUBELET] =
        NODE_ROW("node-kubelet-problem", SEVERITY_MEDIUM, STAGE_SCALING, 2, 15 * 60,
                 "The kubelet cannot clean up or set up its node; evictions may follow.",
                 "Events ContainerGCFailed, ImageGCFailed, FreeDiskSpaceFailed, "
                 "InvalidDiskCapacity, KubeletSetupFailed or the like repeat for 15 minutes.",
                 "Look at the disk and the container runtime of the node.", run_nodes, KIND_EVENT),
    [ROW_OOM] = NODE_ROW("node-systemoom", SEVERITY_MEDIUM, STAGE_SCALING, 2, 0,
                         "The kernel killed a process because the whole node was out of memory.",
                         "An event SystemOOM or OOMKilling of the last hour is about the node.",
                         "Raise the memory requests of the pods on the node to what they use.",
                         run_nodes, KIND_EVENT),
    [ROW_ZONE] =
        NODE_ROW("node-group-imbalance", SEVERITY_CRITICAL, STAGE_BACKEND, 2, 2 * 60,
                 "A whole zone is gone.",
                 "None of the nodes of a zone is ready, and there were at least two; "
                 "other zones have ready nodes.",
                 "Look at the state of the cloud, and at the capacity of other zones.", run_zones),
};

const CheckTopic check_topic_node_state = {rows, G_N_ELEMENTS(rows)};

static Finding *
report(CheckRun *run, size_t which, const Object *node, const char *what, int64_t since_s)
{
    const CheckRow *row = &rows[which];
    Finding *finding = check_report_once(run, row, node, what);
    if (finding == NULL)
        return NULL;
    finding_since(finding, since_s);
    check_advise(finding, node);
    return finding;
}

/* ---- Conditions of agents. ---- */

static bool
has_any(const char *const *words, const char *type, bool is_prefix)
{
    for (; *words != NULL; words++) {
        if (is_prefix ? g_str_has_prefix(type, *words) : g_str_has_suffix(type, *words))
            return true;
    }
    return false;
}

/* "False" or "True", whichever is bad; NULL: its name does not tell, or another check has it. */
static const char *
bad_status(const char *type)
{
    static const char *const own[] = {"Ready",       "MemoryPressure",     "DiskPressure",
                                      "PIDPressure", "NetworkUnavailable", NULL};
    static const char *const good[] = {"Ready", "Healthy", "IsVoter", "Available", NULL};
    static const char *const bad_ends[] = {"Problem",  "Pressure",    "Unhealthy",
                                           "Deadlock", "Unavailable", "Fatal",
                                           "Shutdown", "BadBlock",    NULL};
    static const char *const bad_starts[] = {"Readonly", "Frequent", "Corrupt", NULL};
    if (g_strv_contains(own, type))
        return NULL;
    if (has_any(bad_ends, type, false) || has_any(bad_starts, type, true))
        return "True";
    return has_any(good, type, false) ? "False" : NULL;
}

static void
look_at_conditions(CheckRun *run, const Object *node)
{
    for (const Value *c = value_first(node->value, "status.conditions"); c != NULL; c = c->next) {
        const char *type = value_text(c, "type"), *bad = bad_status(type);
        int64_t since_s = value_time(c, "lastTransitionTime");
        if (bad == NULL || !value_is(c, "status", bad) ||
            !check_held(run, &rows[ROW_CUSTOM], since_s))
            continue;
        Finding *finding = report(run, ROW_CUSTOM, node, type, since_s);
        if (finding == NULL)
            continue;
        finding_title(finding, "Node %s: %s is %s", node->name, type, bad);
        finding_cause(finding, "An agent on the node reports %s: %s", type,
                      value_text(c, "message"));
        finding_evidence(finding, "%s", value_text(c, "reason"));
    }
}

/* ---- Cordons and taints. ---- */

static guint
count_pods(const CheckRun *run, const Object *node)
{
    const GPtrArray *pods = snapshot_objects(run->snapshot, KIND_POD);
    guint n = 0;
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        n += value_is(pod->value, "spec.nodeName", node->name) && !pod_is_finished(pod) &&
             relations_controller(run->relations, pod)->kind != KIND_DAEMON_SET;
    }
    return n;
}

/* What keeps a budget from allowing a disruption: pods of it that should run and are not ready. */
static void
blame_unready(const CheckRun *run, const Object *budget, const GPtrArray *pods, Finding *finding)
{
    int64_t expected = value_int(budget->value, "status.expectedPods", 0),
            desired = value_int(budget->value, "status.desiredHealthy", 0);
    for (guint i = 0; expected > desired && i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        if (pod_is_wanted(pod) && !backend_is_ready(pod))
            finding_blame(finding, relations_controller(run->relations, pod));
    }
}

/* Budgets that allow no disruption and have a pod on the node. */
static void
look_at_drain(CheckRun *run, const Object *node, int64_t since_s)
{
    const GPtrArray *budgets = snapshot_objects(run->snapshot, KIND_PDB);
    for (guint i = 0; i < budgets->len; i++) {
        const Object *budget = budgets->pdata[i];
        if (value_int(budget->value, "status.disruptionsAllowed", 1) > 0)
            continue;
        g_autoptr(GPtrArray) pods =
            relations_select(run->relations, budget->ns, value_at(budget->value, "spec.selector"));
        for (guint k = 0; k < pods->len; k++) {
            const Object *pod = pods->pdata[k];
            if (!value_is(pod->value, "spec.nodeName", node->name) || pod_is_finished(pod))
                continue;
            Finding *finding = report(run, ROW_DRAIN, node, "", since_s);
            if (finding == NULL)
                return;
            finding_blame(finding, budget);
            blame_unready(run, budget, pods, finding);
            finding_about(finding, pod);
            finding_title(finding, "Node %s cannot be drained", node->name);
            finding_cause(finding,
                          "The node is cordoned, and PodDisruptionBudget %s/%s allows no "
                          "disruption, so pod %s stays.",
                          budget->ns, budget->name, pod->name);
            return;
        }
    }
}

static void
look_at_cordon(CheckRun *run, const Object *node)
{
    const Value *taint =
        value_find(node->value, "spec.taints", "key", "node.kubernetes.io/unschedulable");
    const char *by;
    int64_t since_s = value_time(taint, "timeAdded"), changed_s = object_changed_s(node, &by);
    if (!value_is_true(node->value, "spec.unschedulable"))
        return;
    if (since_s == 0) /* only who is told by the API server says since when */
        since_s = changed_s;
    if (check_held(run, &rows[ROW_DRAIN], since_s))
        look_at_drain(run, node, since_s);
    guint n = check_held(run, &rows[ROW_CORDONED], since_s) ? count_pods(run, node) : 0;
    if (n == 0)
        return;
    g_autofree char *span = span_text(run->now_s - since_s);
    Finding *finding = report(run, ROW_CORDONED, node, "", since_s);
    if (finding == NULL)
        return;
    finding_title(finding, "Node %s is cordoned for %s", node->name, span);
    finding_cause(finding, "The node takes no new pods. Pods that still run on it: %u%s%s.", n,
                  by[0] != '\0' ? "; it was last changed by " : "", by);
}

static void
look_at_taints(CheckRun *run, const Object *node)
{
    for (const Value *t = value_first(node->value, "spec.taints"); t != NULL; t = t->next) {
        const char *key = value_text(t, "key");
        int64_t since_s = value_time(t, "timeAdded");
        if (strcmp(key, "node.cloudprovider.kubernetes.io/uninitialized") == 0 &&
            check_held(run, &rows[ROW_UNINITIALIZED], node->created_s)) {
            Finding *finding = report(run, ROW_UNINITIALIZED, node, "", node->created_s);
            if (finding != NULL) {
                finding_title(finding, "Node %s never finished its registration", node->name);
                finding_cause(finding,
                              "The cloud controller has not taken its taint %s away, so "
                              "no pod may run there.",
                              key);
            }
        }
        /* Taints for ever are how nodes are kept for some pods; those of the control plane name
         * themselves, or come with their condition. */
        if (!value_is(t, "effect", "NoExecute") || !status_is(node, "Ready", "True") ||
            since_s == 0 || !check_held(run, &rows[ROW_TAINT], since_s) ||
            !g_str_has_prefix(key, "node.kubernetes.io/"))
            continue;
        Finding *finding = report(run, ROW_TAINT, node, key, since_s);
        if (finding != NULL) {
            finding_title(finding, "Taint %s pushes pods off node %s", key, node->name);
            finding_cause(finding,
                          "The node is ready, and its taint %s (NoExecute) still makes "
                          "pods leave it.",
                          key);
        }
    }
}

/* ---- Events. ---- */

static void
look_at_events(CheckRun *run, const Object *node)
{
    static const struct {
        const char *reasons;
        size_t row;
        const char *title;
    } events[] = {
        {"Rebooted", ROW_REBOOTED, "was started anew"},
        {"SystemOOM|OOMKilling", ROW_OOM, "ran out of memory"},
        {"ContainerGCFailed|ImageGCFailed|FreeDiskSpaceFailed|InvalidDiskCapacity|"
         "KubeletSetupFailed|FailedNodeAllocatableEnforcement|CgroupConfigError",
         ROW_KUBELET, "has trouble with its kubelet"},
    };
    enum { RECENT_S = 3600 };
    for (size_t i = 0; i < G_N_ELEMENTS(events); i++) {
        const CheckRow *row = &rows[events[i].row];
        const Event *event =
            snapshot_event(run->snapshot, node, events[i].reasons, run->now_s - RECENT_S);
        if (event == NULL || !check_held(run, row, event->first_s) ||
            (row->hold_s > 0 && event->last_s - event->first_s < row->hold_s))
            continue;
        Finding *finding = report(run, events[i].row, node, "", event->first_s);
        if (finding == NULL)
            continue;
        finding_title(finding, "Node %s %s", node->name, events[i].title);
        finding_cause(finding, "The node reports %s: %s", event->reason, event->message);
        finding_evidence(finding, "%" G_GINT64_FORMAT " times", event->count);
    }
}

static void
run_nodes(CheckRun *run)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_NODE);
    for (guint i = 0; i < all->len; i++) {
        const Object *node = all->pdata[i];
        if (placement_is_leaving(node))
            continue;
        look_at_conditions(run, node);
        look_at_cordon(run, node);
        look_at_taints(run, node);
        look_at_events(run, node);
    }
}

/* ---- Zones. ---- */

typedef struct {
    GPtrArray *down; /* Object */
    guint n_ready;
    int64_t since_s; /* the last that went */
} Zone;

static void
zone_free(gpointer data)
{
    Zone *zone = data;
    g_ptr_array_unref(zone->down);
    g_free(zone);
}

static GHashTable *
collect_zones(const CheckRun *run, guint *ret_n_ready)
{
    GHashTable *zones = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, zone_free);
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_NODE);
    *ret_n_ready = 0;
    for (guint i = 0; i < all->len; i++) {
        const Object *node = all->pdata[i];
        const Value *labels = value_at(node->value, "metadata.labels");
        const char *name = value_text(value_get(labels, "topology.kubernetes.io/zone"), "");
        Zone *zone = g_hash_table_lookup(zones, name);
        if (name[0] == '\0' || placement_is_leaving(node))
            continue;
        if (zone == NULL) {
            zone = g_new0(Zone, 1);
            zone->down = g_ptr_array_new();
            g_hash_table_insert(zones, (gpointer)(uintptr_t)name, zone);
        }
        if (status_is(node, "Ready", "True")) {
            zone->n_ready++;
            ++*ret_n_ready;
        } else {
            g_ptr_array_add(zone->down, all->pdata[i]);
            zone->since_s = MAX(zone->since_s, status_since(node, "Ready"));
        }
    }
    return zones;
}

static void
run_zones(CheckRun *run)
{
    enum { NODES_MIN = 2 };
    guint n_ready;
    g_autoptr(GHashTable) zones = collect_zones(run, &n_ready);
    GHashTableIter iter;
    gpointer name, value;
    g_hash_table_iter_init(&iter, zones);
    while (g_hash_table_iter_next(&iter, &name, &value)) {
        const Zone *zone = value;
        if (zone->n_ready > 0 || n_ready == 0 || zone->down->len < NODES_MIN ||
            !check_held(run, &rows[ROW_ZONE], zone->since_s))
            continue;
        Finding *finding = report(run, ROW_ZONE, zone->down->pdata[0], name, zone->since_s);
        for (guint i = 0; finding != NULL && i < zone->down->len; i++) {
            const Object *node = zone->down->pdata[i];
            finding_about(finding, node);
            finding_evidence(finding, "Node %s is not ready", node->name);
        }
        if (finding == NULL)
            continue;
        finding_title(finding, "Zone %s has lost all of its %u nodes", (const char *)name,
                      zone->down->len);
        finding_cause(finding,
                      "None of the %u nodes of zone %s is ready, while %u nodes of other "
                      "zones are: the zone, or the way to it, is down.",
                      zone->down->len, (const char *)name, n_ready);
    }
}
