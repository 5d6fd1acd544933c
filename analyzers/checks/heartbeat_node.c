/* Collectors that have gone silent: on a node, or on many at once. */
#include <string.h>

#include "analyzers/checks/heartbeat_cause.h"
#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"
#include "analyzers/checks/telemetry_gate.h"

static void run_alloy(CheckRun *run);
static void run_agent(CheckRun *run);

enum {
    ROW_ALLOY_SILENT,
    ROW_ALLOY_NOT_SHIPPING,
    ROW_ALLOY_FLEET,
    ROW_AGENT_SILENT,
    ROW_AGENT_FLEET,
    ROW_COUNT
};

/* So many silent nodes that have something in common are one matter. */
enum { FLEET_MIN = 2, FACTOR_MIN = 5, NODES_TOLD = 8 };

#define HEARTBEAT_ROW(name, about, level, of_stage, seen, told_by, step, function, ...)            \
    {                                                                                              \
        .id = name, .kind = about, .severity = level, .stage = of_stage, .tier = 1,                \
        .hold_s = HEARTBEAT_HOLD_S, .is_own_cause = true, .symptom = seen, .meaning = told_by,     \
        .fix = step, .run = function, .needs = {KIND_DAEMON_SET, KIND_NODE, KIND_POD}, .asks = {   \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define SILENT_MEANING                                                                             \
    "The node should run it, and its newest sample is older than ten minutes, or five intervals "  \
    "between samples, while other metrics are fresh. Medium at first, high after half an hour, "   \
    "critical when it is every node. When metrics cannot be judged nothing is said of nodes."
#define SILENT_FIX                                                                                 \
    "Look at the log of its pod on the node, and at the way from there to the back end."
#define FLEET_MEANING                                                                              \
    "More than half of the nodes where it belongs are silent, or five that have a zone, a "        \
    "revision of the DaemonSet, a type of machine or a kernel in common which no node that "       \
    "reports has: one matter, not one per node."
#define FLEET_FIX                                                                                  \
    "Look for what these nodes have in common: what was rolled out last, a zone, a limit of the "  \
    "tenant."

/* Nothing needs silent nodes, so they explain nothing; the two others explain them. */
static const CheckRow rows[ROW_COUNT] = {
    [ROW_ALLOY_SILENT] = HEARTBEAT_ROW("alloy-silent-on-node", "Node", SEVERITY_HIGH, STAGE_ADVICE,
                                       "Nothing arrives any more from Grafana Alloy on a node.",
                                       SILENT_MEANING, SILENT_FIX, run_alloy, &gate_canary_query,
                                       &gate_newest_query, &alloy_newest_query, &alloy_seen_query),
    [ROW_ALLOY_NOT_SHIPPING] = HEARTBEAT_ROW(
        "alloy-running-not-shipping", "Pod", SEVERITY_HIGH, STAGE_SCALING,
        "A pod of Grafana Alloy runs and is Ready, but nothing of it arrives.",
        "Its node is silent as alloy-silent-on-node tells, the pod is Ready, and metrics of the "
        "kubelet or of node-exporter, which others collect, say that the node lives. The cause is "
        "read from the log of the pod: refused credentials, limits, DNS, the network, or a "
        "NetworkPolicy.",
        "Look at what the log of the pod says of sending.", run_alloy, &alloy_newest_query,
        &heartbeat_others_query, &alloy_pods_query, &alloy_rate_query),
    [ROW_ALLOY_FLEET] = HEARTBEAT_ROW(
        "alloy-silent-on-fleet", "DaemonSet", SEVERITY_HIGH, STAGE_SCALING,
        "Nothing arrives any more from Grafana Alloy on many nodes.", FLEET_MEANING, FLEET_FIX,
        run_alloy, &gate_canary_query, &gate_newest_query, &alloy_newest_query, &alloy_seen_query),
    [ROW_AGENT_SILENT] = HEARTBEAT_ROW(
        "cresset-agent-silent-on-node", "Node", SEVERITY_HIGH, STAGE_ADVICE,
        "No metrics arrive any more of cresset-agent on a node.", SILENT_MEANING, SILENT_FIX,
        run_agent, &gate_newest_query, &agent_newest_query, &agent_seen_query, &agent_rate_query),
    [ROW_AGENT_FLEET] = HEARTBEAT_ROW(
        "cresset-agent-silent-on-fleet", "DaemonSet", SEVERITY_HIGH, STAGE_SCALING,
        "No metrics arrive any more of cresset-agent on many nodes.", FLEET_MEANING, FLEET_FIX,
        run_agent, &gate_newest_query, &agent_newest_query, &agent_seen_query, &agent_pods_query),
};

const CheckTopic check_topic_heartbeat = {rows, G_N_ELEMENTS(rows)};

typedef struct {
    CheckRun *run;
    const Heartbeat *heartbeat;
    Policies *policies;
    const CheckRow *silent, *fleet;
    const CheckRow *not_shipping; /* NULL: silent says it */
} HeartbeatRun;

/* The nodes of one DaemonSet. */
typedef struct {
    const Object *set;
    GPtrArray *beats;  /* Beat: those that can be judged */
    GPtrArray *silent; /* Beat: without visible reason */
    guint n_reporting;
    const char *factor; /* what the silent ones alone have in common: "zone"; or NULL */
    const char *common; /* "eu-1a" */
} Fleet;

/* ---- Words. ---- */

static char *
since_text(const HeartbeatRun *heart, const Beat *beat)
{
    int64_t now_s = heart->run->now_s;
    if (beat->newest_s == 0)
        return g_strdup(beat->was_seen ? "has sent nothing for more than 3 h"
                                       : "has never reported");
    g_autofree char *at = clock_text(beat->newest_s, now_s);
    g_autofree char *span = span_text(now_s - beat->newest_s);
    return g_strdup_printf("has sent nothing since %s (%s)", at, span);
}

/* " The 19 other nodes report." */
static char *
rest_text(const Fleet *fleet)
{
    if (fleet->n_reporting == 0)
        return g_strdup("");
    return g_strdup_printf(" %u other node%s normally.", fleet->n_reporting,
                           fleet->n_reporting == 1 ? " reports" : "s report");
}

/* Since when one that has never reported should have. */
static int64_t
silent_since(const Beat *beat)
{
    if (beat->newest_s > 0 || beat->was_seen || beat->pod == NULL)
        return beat->newest_s;
    return status_since(beat->pod, "Ready");
}

static Severity
severity_of(const HeartbeatRun *heart, const Beat *beat, const Fleet *fleet)
{
    int64_t since_s = silent_since(beat);
    if (fleet->silent->len == fleet->beats->len)
        return SEVERITY_CRITICAL;
    return heart->run->now_s - since_s >= HEARTBEAT_ESCALATE_S ? SEVERITY_HIGH : SEVERITY_MEDIUM;
}

static void
tell_commands(Finding *finding, const Beat *beat)
{
    finding_fix(finding, "%s", finding->check->fix);
    if (beat->pod != NULL)
        finding_fix(finding, "kubectl -n %s logs %s --tail=50 | grep -iE 'error|warn'",
                    beat->pod->ns, beat->pod->name);
    else
        finding_fix(finding, "kubectl -n %s get pods -o wide | grep %s", beat->set->ns,
                    beat->node->name);
}

/* ---- One node. ---- */

/* What is visible in Kubernetes says why; the rest is told by the log and by policies, of a root
 * alone. */
static void
tell_node_cause(const HeartbeatRun *heart, Finding *finding, const Beat *beat, const Fleet *fleet,
                bool is_root)
{
    g_autofree char *rest = rest_text(fleet);
    if (beat->verdict == VERDICT_NODE_DOWN) {
        finding_cause(finding, "Node %s is not Ready, and telemetry from it has stopped.",
                      beat->node->name);
        return;
    }
    if (beat->pod == NULL) {
        finding_cause(finding, "DaemonSet %s has no pod on node %s, so the node is blind.",
                      beat->set->name, beat->node->name);
        finding_blame(finding, beat->set);
        return;
    }
    if (beat->verdict == VERDICT_POD_UNREADY) {
        g_autofree char *trouble = pod_trouble(beat->pod);
        finding_cause(finding, "Pod %s is not Ready%s%s, and the node is blind since then.",
                      beat->pod->name, trouble[0] != '\0' ? ": " : "", trouble);
        finding_blame(finding, beat->pod);
        return;
    }
    const char *others =
        beat->has_others ? "others say that the node lives"
                         : "nothing else from the node does either: look at its network and DNS";
    g_autofree char *why = is_root
                               ? heartbeat_cause(heart->run, finding, heart->heartbeat->collector,
                                                 beat->pod, heart->policies)
                               : NULL;
    finding_cause(finding, "Pod %s is Running and Ready, but nothing of it arrives: %s.%s",
                  beat->pod->name, why != NULL ? why : others, rest);
}

static void
tell_node(const HeartbeatRun *heart, Finding *finding, const Beat *beat, const Fleet *fleet,
          bool is_root)
{
    const Collector *collector = heart->heartbeat->collector;
    g_autofree char *since = since_text(heart, beat);
    finding_title(finding, "%s on node %s %s", collector->name, beat->node->name, since);
    finding_since(finding, silent_since(beat));
    finding->severity = severity_of(heart, beat, fleet);
    tell_node_cause(heart, finding, beat, fleet, is_root);
    tell_commands(finding, beat);
}

static void
report_node(const HeartbeatRun *heart, const Beat *beat, const Fleet *fleet, bool is_fleet)
{
    Findings *findings = heart->run->findings;
    g_autofree char *what = g_strdup_printf("%s/%s", beat->set->ns, beat->set->name);
    Finding *finding = findings_add(findings, heart->silent, beat->node, what);
    if (beat->pod != NULL)
        finding_about(finding, beat->pod);
    bool is_unexplained = beat->verdict == VERDICT_NOT_SHIPPING || beat->verdict == VERDICT_SILENT;
    bool is_pod = !is_fleet && beat->verdict == VERDICT_NOT_SHIPPING && heart->not_shipping != NULL;
    tell_node(heart, finding, beat, fleet, !is_fleet && !is_pod);
    if (is_unexplained && is_fleet)
        finding_blame(finding, beat->set);
    if (!is_pod)
        return;
    Finding *cause = check_report(heart->run, heart->not_shipping, beat->pod);
    tell_node(heart, cause, beat, fleet, true);
    finding_blame(finding, beat->pod);
}

/* ---- Many nodes. ---- */

static const struct {
    const char *name, *label; /* of the pod for the first, of the node for others */
} factors[] = {
    {"revision of the DaemonSet", "controller-revision-hash"},
    {"zone", "topology.kubernetes.io/zone"},
    {"type of machine", "node.kubernetes.io/instance-type"},
    {"kernel", NULL},
};

static const char *
factor_of(const Beat *beat, size_t factor)
{
    const Object *object = factor == 0 ? beat->pod : beat->node;
    if (object == NULL)
        return "";
    if (factors[factor].label == NULL)
        return value_text(object->value, "status.nodeInfo.kernelVersion");
    return value_text(value_get(value_at(object->value, "metadata.labels"), factors[factor].label),
                      "");
}

/* What all silent nodes have, and none that reports. */
static void
find_factor(Fleet *fleet)
{
    for (size_t i = 0; i < G_N_ELEMENTS(factors) && fleet->silent->len > 0; i++) {
        const char *common = factor_of(fleet->silent->pdata[0], i);
        bool is_common = common[0] != '\0', is_told_apart = false;
        for (guint k = 0; k < fleet->beats->len && is_common; k++) {
            const Beat *beat = fleet->beats->pdata[k];
            bool has = strcmp(factor_of(beat, i), common) == 0;
            bool is_silent = g_ptr_array_find(fleet->silent, beat, NULL);
            is_common = !is_silent || has;
            if (beat->verdict == VERDICT_REPORTS) {
                is_common = is_common && !has;
                is_told_apart = true;
            }
        }
        if (is_common && is_told_apart) {
            fleet->factor = factors[i].name;
            fleet->common = common;
            return;
        }
    }
}

static bool
is_one_matter(const Fleet *fleet)
{
    guint n = fleet->silent->len;
    return (n >= FLEET_MIN && 2 * n > fleet->beats->len) ||
           (n >= FACTOR_MIN && fleet->factor != NULL);
}

static int64_t
fleet_since(const Fleet *fleet)
{
    int64_t since_s = 0;
    for (guint i = 0; i < fleet->silent->len; i++) {
        int64_t one_s = ((const Beat *)fleet->silent->pdata[i])->newest_s;
        since_s = one_s > 0 && (since_s == 0 || one_s < since_s) ? one_s : since_s;
    }
    return since_s;
}

static void
report_fleet(const HeartbeatRun *heart, const Fleet *fleet)
{
    const Collector *collector = heart->heartbeat->collector;
    const Beat *first = fleet->silent->pdata[0];
    Finding *finding = check_report(heart->run, heart->fleet, fleet->set);
    int64_t since_s = fleet_since(fleet);
    g_autofree char *at = since_s > 0 ? clock_text(since_s, heart->run->now_s) : NULL;
    g_autofree char *why =
        heartbeat_cause(heart->run, finding, collector, first->pod, heart->policies);
    g_autofree char *in_common =
        fleet->factor != NULL
            ? g_strdup_printf(" They alone have the %s %s.", fleet->factor, fleet->common)
            : g_strdup("");
    g_autofree char *rest = rest_text(fleet);
    finding_since(finding, since_s);
    finding->severity = severity_of(heart, first, fleet);
    finding_title(finding, "%s is silent on %u of %u nodes%s%s", collector->name,
                  fleet->silent->len, fleet->beats->len, at != NULL ? " since " : "",
                  at != NULL ? at : "");
    finding_cause(finding,
                  "Its pods there are Running and Ready, but nothing of them arrives%s%s.%s%s",
                  why != NULL ? ": " : "", why != NULL ? why : "", in_common, rest);
    for (guint i = 0; i < fleet->silent->len && i < NODES_TOLD; i++) {
        const Beat *beat = fleet->silent->pdata[i];
        g_autofree char *since = since_text(heart, beat);
        finding_evidence(finding, "Node %s %s", beat->node->name, since);
    }
    tell_commands(finding, first);
}

/* ---- All of them. ---- */

static void
look_at_fleet(const HeartbeatRun *heart, Fleet *fleet)
{
    find_factor(fleet);
    bool is_fleet = is_one_matter(fleet);
    if (is_fleet)
        report_fleet(heart, fleet);
    for (guint i = 0; i < fleet->beats->len; i++) {
        const Beat *beat = fleet->beats->pdata[i];
        if (verdict_is_silent(beat->verdict))
            report_node(heart, beat, fleet, is_fleet);
    }
}

static void
look_at_set(const HeartbeatRun *heart, guint from, guint until)
{
    const Beat *beats = &g_array_index(heart->heartbeat->beats, Beat, 0);
    g_autoptr(GPtrArray) judged = g_ptr_array_new();
    g_autoptr(GPtrArray) silent = g_ptr_array_new();
    Fleet fleet = {.set = beats[from].set, .beats = judged, .silent = silent};
    for (guint i = from; i < until; i++) {
        Verdict verdict = beats[i].verdict;
        if (verdict != VERDICT_UNKNOWN)
            g_ptr_array_add(judged, (gpointer)(uintptr_t)&beats[i]);
        if (verdict == VERDICT_NOT_SHIPPING || verdict == VERDICT_SILENT)
            g_ptr_array_add(silent, (gpointer)(uintptr_t)&beats[i]);
        fleet.n_reporting += verdict == VERDICT_REPORTS;
    }
    look_at_fleet(heart, &fleet);
}

static void
run_collector(CheckRun *run, const Collector *collector, const CheckRow *silent,
              const CheckRow *not_shipping, const CheckRow *fleet)
{
    g_autoptr(Heartbeat) heartbeat = heartbeat_new(run, collector);
    const CheckRow *const told[] = {silent, not_shipping, fleet};
    if (heartbeat == NULL)
        return;
    for (size_t i = 0; heartbeat->why != NULL && i < G_N_ELEMENTS(told); i++) {
        if (told[i] != NULL)
            findings_unverified(run->findings, told[i], KIND_NONE, "",
                                telemetry_source_name(SOURCE_METRICS), heartbeat->why);
    }
    if (heartbeat->why != NULL)
        return;
    g_autoptr(Policies) policies = policies_new(run->snapshot);
    const HeartbeatRun heart = {run, heartbeat, policies, silent, fleet, not_shipping};
    const GArray *beats = heartbeat->beats;
    for (guint from = 0, until; from < beats->len; from = until) {
        for (until = from + 1; until < beats->len && g_array_index(beats, Beat, until).set ==
                                                         g_array_index(beats, Beat, from).set;)
            until++;
        look_at_set(&heart, from, until);
    }
}

static void
run_alloy(CheckRun *run)
{
    run_collector(run, &collector_alloy, &rows[ROW_ALLOY_SILENT], &rows[ROW_ALLOY_NOT_SHIPPING],
                  &rows[ROW_ALLOY_FLEET]);
}

static void
run_agent(CheckRun *run)
{
    run_collector(run, &collector_cresset_agent, &rows[ROW_AGENT_SILENT], NULL,
                  &rows[ROW_AGENT_FLEET]);
}
