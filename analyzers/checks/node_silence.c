/* Nodes and namespaces of which logs or profiles used to come, and come no more. */
#include <string.h>

#include "analyzers/checks/collector.h"
#include "analyzers/checks/heartbeat.h"
#include "analyzers/checks/placement.h"
#include "analyzers/checks/shipping_log.h"
#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"
#include "analyzers/checks/telemetry_gate.h"

static void run_silence(CheckRun *run);

enum { ROW_LOGS_NODE, ROW_LOGS_ALL, ROW_LOGS_NS, ROW_PROFILES_NODE, ROW_PROFILES_ALL, ROW_COUNT };
enum { SILENT_S = 30 * 60, NAMESPACES_MAX = 8 };

/* What came before is sampled: a count over a day would have Loki read all of it. */
#define LINES(window) "count_over_time({$N=~\".+\",$S}" window ")"
#define NS_LINES(window)                                                                           \
    "sum by (namespace) (label_replace(" LINES(window) ", \"namespace\", \"$1\", \"$N\", "         \
                                                       "\"(.+)\"))"
#define BY_LABELS         "sum by (node, k8s_node_name, nodename, node_name, host, hostname, instance) "
#define LOG_LINES(window) BY_LABELS "(" LINES(window) ")"

static const TelemetryQuery logs_recent = {"logs-by-node", SOURCE_LOGS, NULL, LOG_LINES("[30m]")};
static const TelemetryQuery logs_before = {
    "logs-by-node-before", SOURCE_LOGS, NULL,
    LOG_LINES("[5m] offset 2h") " > 20 and " LOG_LINES("[5m] offset 6h") " > 20 and " LOG_LINES(
        "[5m] offset 24h") " > 20"};
static const TelemetryQuery ns_recent = {"logs-by-namespace", SOURCE_LOGS, NULL, NS_LINES("[1h]")};
static const TelemetryQuery ns_before = {
    "logs-by-namespace-before", SOURCE_LOGS, NULL,
    NS_LINES("[5m] offset 2h") " and " NS_LINES("[5m] offset 6h") " and " NS_LINES(
        "[5m] offset 12h") " and " NS_LINES("[5m] offset 24h")};
static const TelemetryQuery profiles_recent = {"profiles-by-node", SOURCE_PROFILES, NULL,
                                               "node 30m"};
static const TelemetryQuery profiles_before = {"profiles-by-node-before", SOURCE_PROFILES, NULL,
                                               "node 24h 30m"};

#define SILENCE_ROW(name, about, level, of_stage, hold, seen, told_by, step, ...)                  \
    {                                                                                              \
        .id = name, .kind = about, .severity = level, .stage = of_stage, .tier = 2,                \
        .hold_s = hold, .is_own_cause = true, .symptom = seen, .meaning = told_by, .fix = step,    \
        .run = run_silence, .needs = {KIND_NODE, KIND_POD, KIND_DAEMON_SET}, .asks = {             \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

static const CheckRow rows[ROW_COUNT] = {
    [ROW_LOGS_NODE] = SILENCE_ROW(
        "logs-silent-on-node", "Node", SEVERITY_MEDIUM, STAGE_ADVICE, SILENT_S,
        "Metrics come from a node, but no logs.",
        "No line of the node has come for 30 minutes, though more than 20 came in each of five "
        "minutes two hours, six hours and a day ago, and the collector there is not silent.",
        "Look at the component for logs of the collector on the node, and at what it may read.",
        &logs_recent, &logs_before),
    [ROW_LOGS_ALL] = SILENCE_ROW(
        "logs-ingest-stalled", "Backend", SEVERITY_HIGH, STAGE_BACKEND, SILENT_S,
        "No logs arrive any more.",
        "More than half of the nodes that usually log are silent: one matter, not one per node.",
        "Look at the way into the store of logs: gateway, distributors, limits of the tenant.",
        &logs_recent, &logs_before),
    [ROW_LOGS_NS] = SILENCE_ROW(
        "logs-silent-for-namespace", "Namespace", SEVERITY_LOW, STAGE_ADVICE, 3600,
        "A namespace that always logs has stopped.",
        "No line of the namespace has come for an hour, though some came two, six, twelve and 24 "
        "hours ago, pods run there, and other namespaces log.",
        "Look at filters of the pipeline, at network policies, and at whether the programs work.",
        &ns_recent, &ns_before),
    [ROW_PROFILES_NODE] = SILENCE_ROW(
        "profile-store-silent-on-node", "Node", SEVERITY_MEDIUM, STAGE_ADVICE, SILENT_S,
        "No profiles come from a node any more.",
        "cresset-agent or Alloy belongs on the node, and the label node has had no profiles of it "
        "for 30 minutes, though it had within a day, or the pod of cresset-agent has been Ready "
        "for so long.",
        "Look at the log of the agent on the node.", &profiles_recent, &profiles_before),
    [ROW_PROFILES_ALL] = SILENCE_ROW(
        "profile-ingest-stalled", "Backend", SEVERITY_MEDIUM, STAGE_BACKEND, SILENT_S,
        "No profiles arrive any more.",
        "More than half of the nodes that profiles should come from are silent: one matter, not "
        "one per node.",
        "Look at the way into the store of profiles, and at the limits of the tenant.",
        &profiles_recent, &profiles_before),
};

const CheckTopic check_topic_node_silence = {rows, G_N_ELEMENTS(rows)};

static const struct {
    TelemetrySource source;
    const TelemetryQuery *recent, *before;
    int node_row, all_row;
    const char *what;
} signals[] = {
    {SOURCE_LOGS, &logs_recent, &logs_before, ROW_LOGS_NODE, ROW_LOGS_ALL, "logs"},
    {SOURCE_PROFILES, &profiles_recent, &profiles_before, ROW_PROFILES_NODE, ROW_PROFILES_ALL,
     "profiles"},
};

/* ---- Nodes. ---- */

typedef struct {
    CheckRun *run;
    NodeIndex *index;
    size_t signal;
    GHashTable *recent, *before; /* Node */
    GPtrArray *expected;         /* Node */
    GPtrArray *silent;           /* Node */
} Silence;

/* Nodes that an answer is about, by that label. */
static GHashTable *
nodes_of(const NodeIndex *index, const Answer *answer, const char *label)
{
    GHashTable *nodes = g_hash_table_new(NULL, NULL);
    for (uint32_t i = 0; i < answer->n; i++) {
        const NodePlace *place = node_index_find(index, series_label(&answer->series[i], label));
        if (place != NULL && place->node != NULL)
            g_hash_table_add(nodes, (gpointer)(uintptr_t)place->node);
    }
    return nodes;
}

/* The label that names nodes; NULL: none does. Profiles are asked for one. */
static const char *
label_of(const CheckRun *run, const NodeIndex *index, size_t signal)
{
    const Answer *recent = telemetry_answer(run->telemetry, signals[signal].recent);
    const Answer *before = telemetry_answer(run->telemetry, signals[signal].before);
    if (signals[signal].source == SOURCE_PROFILES)
        return "node";
    return node_label_find(index, recent->n > 0 ? recent : before, 0).label;
}

/* The pod of a collector on a node; NULL: none. */
static const Object *
agent_pod(const CheckRun *run, const Object *node)
{
    const GPtrArray *pods = snapshot_objects(run->snapshot, KIND_POD);
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        const Object *owner = relations_owner(run->relations, pod);
        if (strcmp(pod_node(pod), node->name) == 0 && owner != NULL &&
            owner->kind == KIND_DAEMON_SET && collector_is_cresset_agent(owner))
            return pod;
    }
    return NULL;
}

/* One that has never sent profiles should have, when an agent of ours has run for so long. */
static bool
has_idle_agent(const Silence *silence, const Object *node)
{
    const Object *pod =
        signals[silence->signal].source == SOURCE_PROFILES ? agent_pod(silence->run, node) : NULL;
    return pod != NULL && status_is(pod, "Ready", "True") &&
           silence->run->now_s - status_since(pod, "Ready") >= SILENT_S;
}

static bool
belongs_on(const CheckRun *run, const Object *node)
{
    const GPtrArray *sets = snapshot_objects(run->snapshot, KIND_DAEMON_SET);
    for (guint i = 0; i < sets->len; i++) {
        const Object *set = sets->pdata[i];
        if ((collector_is_alloy(set) || collector_is_cresset_agent(set)) &&
            collector_belongs_on(set, node))
            return true;
    }
    return false;
}

/* Nodes of which Alloy is not heard at all: it says so itself. */
static GHashTable *
silent_collectors(const CheckRun *run)
{
    GHashTable *nodes = g_hash_table_new(NULL, NULL);
    g_autoptr(Heartbeat) heartbeat = heartbeat_new(run, &collector_alloy);
    for (guint i = 0; heartbeat != NULL && i < heartbeat->beats->len; i++) {
        const Beat *beat = &g_array_index(heartbeat->beats, Beat, i);
        if (verdict_is_silent(beat->verdict))
            g_hash_table_add(nodes, (gpointer)(uintptr_t)beat->node);
    }
    return nodes;
}

static void
find_silent(Silence *silence)
{
    const GPtrArray *nodes = snapshot_objects(silence->run->snapshot, KIND_NODE);
    bool are_logs = signals[silence->signal].source == SOURCE_LOGS;
    g_autoptr(GHashTable) known =
        are_logs ? silent_collectors(silence->run) : g_hash_table_new(NULL, NULL);
    for (guint i = 0; i < nodes->len; i++) {
        Object *node = nodes->pdata[i];
        bool was_there = g_hash_table_contains(silence->before, node);
        if (!placement_is_expected(silence->run, node) || !belongs_on(silence->run, node) ||
            g_hash_table_contains(known, node) || (!was_there && !has_idle_agent(silence, node)))
            continue;
        g_ptr_array_add(silence->expected, node);
        if (!g_hash_table_contains(silence->recent, node))
            g_ptr_array_add(silence->silent, node);
    }
}

static void
tell_node(const Silence *silence, Finding *finding, const Object *node, bool is_root)
{
    const char *what = signals[silence->signal].what;
    bool was_there = g_hash_table_contains(silence->before, node);
    const Object *pod = agent_pod(silence->run, node);
    g_auto(ShippingTrouble) trouble = {0};
    const char *container = pod != NULL ? collector_container(pod, "cresset-agent") : NULL;
    if (was_there)
        finding_title(finding, "No %s have come from node %s for 30 minutes", what, node->name);
    else
        finding_title(finding, "No %s have ever come from node %s", what, node->name);
    if (pod != NULL)
        finding_about(finding, pod);
    if (is_root && pod != NULL && shipping_trouble_read(silence->run, pod, container, &trouble)) {
        finding_cause(finding, "The log of pod %s says that %s: %s", pod->name, trouble.why,
                      trouble.line);
        finding_fix(finding, "%s", trouble.step);
    } else {
        finding_cause(finding, "%u of %u nodes still send %s; what collects them on %s does not.",
                      silence->expected->len - silence->silent->len, silence->expected->len, what,
                      node->name);
    }
    finding_fix(finding, "%s", finding->check->fix);
    finding_fix(finding, "kubectl get pods -A -o wide --field-selector spec.nodeName=%s",
                node->name);
}

static void
report_all(const Silence *silence)
{
    const char *what = signals[silence->signal].what;
    const Object *backend = backend_object(signals[silence->signal].source);
    Finding *finding = check_report(silence->run, &rows[signals[silence->signal].all_row], backend);
    g_autofree char *ready = collectors_ready_text(silence->run);
    finding_title(finding, "No %s have come from %u of %u nodes for 30 minutes", what,
                  silence->silent->len, silence->expected->len);
    finding_cause(finding, "The way into the store of %s is the same for all of them. %s", what,
                  ready);
    finding_fix(finding, "%s", finding->check->fix);
    finding_fix(finding, "cresset-analyzer explain %s", finding->check->id);
}

static void
report_silence(const Silence *silence)
{
    const CheckRow *row = &rows[signals[silence->signal].node_row];
    guint n = silence->silent->len;
    bool is_all = n > 1 && 2 * n > silence->expected->len;
    if (is_all)
        report_all(silence);
    for (guint i = 0; i < n; i++) {
        Finding *finding = check_report(silence->run, row, silence->silent->pdata[i]);
        tell_node(silence, finding, silence->silent->pdata[i], !is_all);
        if (is_all)
            finding_blame(finding, backend_object(signals[silence->signal].source));
    }
}

static bool
is_given(const CheckRun *run, const TelemetryQuery *recent, const TelemetryQuery *before)
{
    return telemetry_state(run->telemetry, recent) == ANSWER_GIVEN &&
           telemetry_state(run->telemetry, before) == ANSWER_GIVEN;
}

static void
look_at_nodes(CheckRun *run, NodeIndex *index, size_t signal)
{
    if (!is_given(run, signals[signal].recent, signals[signal].before))
        return;
    g_autoptr(GPtrArray) expected = g_ptr_array_new();
    g_autoptr(GPtrArray) silent = g_ptr_array_new();
    const char *label = label_of(run, index, signal);
    const char *read = label != NULL ? label : "";
    g_autoptr(GHashTable) recent =
        nodes_of(index, telemetry_answer(run->telemetry, signals[signal].recent), read);
    g_autoptr(GHashTable) before =
        nodes_of(index, telemetry_answer(run->telemetry, signals[signal].before), read);
    Silence silence = {run, index, signal, recent, before, expected, silent};
    if (label != NULL && g_hash_table_size(recent) + g_hash_table_size(before) > 0) {
        find_silent(&silence);
        report_silence(&silence);
        return;
    }
    g_autofree char *why =
        g_strdup_printf("no label of %s names the nodes of this cluster", signals[signal].what);
    findings_unverified(run->findings, &rows[signals[signal].node_row], KIND_NONE, "",
                        signals[signal].what, why);
    findings_unverified(run->findings, &rows[signals[signal].all_row], KIND_NONE, "",
                        signals[signal].what, why);
}

/* ---- Namespaces. ---- */

static bool
has_running(const CheckRun *run, const char *ns)
{
    const GPtrArray *pods = snapshot_in_namespace(run->snapshot, KIND_POD, ns);
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        if (value_is(pod->value, "status.phase", "Running") &&
            run->now_s - pod->created_s >= rows[ROW_LOGS_NS].hold_s)
            return true;
    }
    return false;
}

static bool
has_series(const Answer *answer, const char *label, const char *text)
{
    for (uint32_t i = 0; i < answer->n; i++) {
        if (strcmp(series_label(&answer->series[i], label), text) == 0)
            return true;
    }
    return false;
}

static void
look_at_namespaces(CheckRun *run)
{
    const Answer *recent = telemetry_answer(run->telemetry, &ns_recent);
    const Answer *before = telemetry_answer(run->telemetry, &ns_before);
    if (!is_given(run, &ns_recent, &ns_before) || recent->n == 0)
        return;
    for (uint32_t i = 0, n = 0; i < before->n && n < NAMESPACES_MAX; i++) {
        const char *name = series_label(&before->series[i], "namespace");
        const Object *ns = snapshot_get(run->snapshot, KIND_NAMESPACE, "", name);
        if (ns == NULL || has_series(recent, "namespace", name) || !has_running(run, name))
            continue;
        Finding *finding = check_report(run, &rows[ROW_LOGS_NS], ns);
        finding_title(finding, "Namespace %s usually logs, and has not for an hour", name);
        finding_cause(finding,
                      "Its pods run, and %u other namespaces log: a filter of the pipeline, a "
                      "policy, or programs that have stopped working.",
                      recent->n);
        finding_fix(finding, "%s", rows[ROW_LOGS_NS].fix);
        finding_fix(finding, "kubectl -n %s get pods", name);
        n++;
    }
}

static void
run_silence(CheckRun *run)
{
    const Snapshot *snapshot = run->snapshot;
    if (!snapshot_knows(snapshot, KIND_POD) || !snapshot_knows(snapshot, KIND_NODE) ||
        !snapshot_knows(snapshot, KIND_DAEMON_SET))
        return;
    g_autoptr(NodeIndex) index = node_index_new(run);
    for (size_t i = 0; i < G_N_ELEMENTS(signals); i++)
        look_at_nodes(run, index, i);
    look_at_namespaces(run);
}
