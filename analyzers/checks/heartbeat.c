#include "analyzers/checks/heartbeat.h"

#include <string.h>

#include "analyzers/checks/collector.h"
#include "analyzers/checks/placement.h"
#include "analyzers/checks/status.h"
#include "analyzers/checks/telemetry_gate.h"

/* No question names its families: one that is silent has none any more. */
#define NEWEST(metric) "max by (" NODE_LABELS ") (max_over_time(timestamp(" metric ")[3h:1m]))"
#define SEEN(metric)                                                                               \
    "group by (" NODE_LABELS ") (last_over_time(" metric "[24h])) or "                             \
    "group by (" NODE_LABELS ") (" metric " offset 3d) or "                                        \
    "group by (" NODE_LABELS ") (" metric " offset 7d)"
#define RATE(metric) "max(count_over_time(" metric "[1h]))"

#define ALLOY "alloy_build_info{$S}"
#define AGENT "cresset_build_info{program=\"cresset-agent\",$S}"

const TelemetryQuery alloy_newest_query = {"alloy-newest", SOURCE_METRICS, NULL, NEWEST(ALLOY)};
const TelemetryQuery alloy_seen_query = {"alloy-seen", SOURCE_METRICS, NULL, SEEN(ALLOY)};
const TelemetryQuery alloy_rate_query = {"alloy-rate", SOURCE_METRICS, NULL, RATE(ALLOY)};
const TelemetryQuery alloy_pods_query = {"alloy-pods", SOURCE_METRICS, NULL,
                                         NODE_INDEX_PODS(ALLOY)};
const TelemetryQuery agent_newest_query = {"cresset-agent-newest", SOURCE_METRICS, NULL,
                                           NEWEST(AGENT)};
const TelemetryQuery agent_seen_query = {"cresset-agent-seen", SOURCE_METRICS, NULL, SEEN(AGENT)};
const TelemetryQuery agent_rate_query = {"cresset-agent-rate", SOURCE_METRICS, NULL, RATE(AGENT)};
const TelemetryQuery agent_pods_query = {"cresset-agent-pods", SOURCE_METRICS, NULL,
                                         NODE_INDEX_PODS(AGENT)};

const Collector collector_alloy = {"Alloy",
                                   "alloy",
                                   "alloy_build_info",
                                   ALLOY,
                                   collector_is_alloy,
                                   &alloy_newest_query,
                                   &alloy_seen_query,
                                   &alloy_rate_query,
                                   &alloy_pods_query};
const Collector collector_cresset_agent = {"cresset-agent",
                                           "cresset-agent",
                                           "cresset_build_info",
                                           AGENT,
                                           collector_is_cresset_agent,
                                           &agent_newest_query,
                                           &agent_seen_query,
                                           &agent_rate_query,
                                           &agent_pods_query};

const TelemetryQuery heartbeat_others_query = {
    "node-series", SOURCE_METRICS, NULL,
    "group by (" NODE_LABELS ") "
    "({__name__=~\"kubelet_node_name|node_uname_info|machine_memory_bytes\",$S})"};

const char *
verdict_name(Verdict verdict)
{
    static const char *const names[VERDICT_COUNT] = {[VERDICT_UNKNOWN] = "unknown",
                                                     [VERDICT_REPORTS] = "reports",
                                                     [VERDICT_LATE] = "late",
                                                     [VERDICT_NODE_DOWN] = "node down",
                                                     [VERDICT_NO_POD] = "no pod",
                                                     [VERDICT_POD_UNREADY] = "pod not ready",
                                                     [VERDICT_NOT_SHIPPING] = "not shipping",
                                                     [VERDICT_SILENT] = "silent"};
    return names[verdict];
}

bool
verdict_is_silent(Verdict verdict)
{
    return verdict >= VERDICT_NODE_DOWN;
}

/* ---- Who belongs where. ---- */

static void
add_beats(Heartbeat *heartbeat, const CheckRun *run, const Object *set)
{
    const GPtrArray *nodes = snapshot_objects(run->snapshot, KIND_NODE);
    g_autoptr(GPtrArray) pods = relations_pods(run->relations, set);
    g_autoptr(GHashTable) by_node = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < pods->len; i++) {
        if (!pod_is_finished(pods->pdata[i]))
            g_hash_table_insert(by_node, (gpointer)(uintptr_t)pod_node(pods->pdata[i]),
                                pods->pdata[i]);
    }
    for (guint i = 0; i < nodes->len; i++) {
        const Object *node = nodes->pdata[i];
        const Beat beat = {
            .set = set, .node = node, .pod = g_hash_table_lookup(by_node, node->name)};
        if (collector_belongs_on(set, node))
            g_array_append_val(heartbeat->beats, beat);
    }
}

static bool
knows_all(const Snapshot *snapshot)
{
    return snapshot_knows(snapshot, KIND_POD) && snapshot_knows(snapshot, KIND_NODE) &&
           snapshot_knows(snapshot, KIND_DAEMON_SET);
}

/* ---- What has arrived. ---- */

/* One that names the node alone may be of any of its collectors. */
static bool
is_of(const NodePlace *place, const Beat *beat)
{
    if (place->node != beat->node)
        return false;
    return place->set == beat->set || (place->set == NULL && place->pod == NULL);
}

typedef struct {
    const NodeIndex *index;
    GHashTable *by_node; /* node -> GPtrArray of Beat */
    const char *label;
    bool is_given; /* by hand: nothing else tells */
} Arrivals;

static void
unref_array(gpointer array)
{
    g_ptr_array_unref(array);
}

static GHashTable *
index_beats(const Heartbeat *heartbeat)
{
    GHashTable *by_node = g_hash_table_new_full(NULL, NULL, NULL, unref_array);
    for (guint i = 0; i < heartbeat->beats->len; i++) {
        Beat *beat = &g_array_index(heartbeat->beats, Beat, i);
        GPtrArray *beats = g_hash_table_lookup(by_node, beat->node);
        if (beats == NULL) {
            beats = g_ptr_array_new();
            g_hash_table_insert(by_node, (gpointer)(uintptr_t)beat->node, beats);
        }
        g_ptr_array_add(beats, beat);
    }
    return by_node;
}

static void
visit_arrivals(const Arrivals *arrivals, const Answer *answer, BeatFunc func, void *data)
{
    for (uint32_t i = 0; i < answer->n; i++) {
        const MetricSeries *series = &answer->series[i];
        const NodePlace *place =
            arrivals->is_given
                ? node_index_find(arrivals->index, series_label(series, arrivals->label))
                : node_index_place(arrivals->index, series, arrivals->label);
        const GPtrArray *beats =
            place != NULL ? g_hash_table_lookup(arrivals->by_node, place->node) : NULL;
        for (guint k = 0; beats != NULL && k < beats->len; k++) {
            if (is_of(place, beats->pdata[k]))
                func(beats->pdata[k], series, data);
        }
    }
}

static void
take_newest(Beat *beat, const MetricSeries *series, void *data)
{
    (void)data;
    beat->newest_s = MAX(beat->newest_s, series_last_seconds(series));
    beat->was_seen = true;
}

static void
take_seen(Beat *beat, const MetricSeries *series, void *data)
{
    (void)series;
    (void)data;
    beat->was_seen = true;
}

/* The label of an answer about nodes need not be that of the collectors, so any that names one
 * will do. */
static void
take_others(const Arrivals *arrivals, const Answer *answer)
{
    static const char *const labels[] = {"node", "nodename", "instance"};
    for (uint32_t i = 0; i < answer->n; i++) {
        const NodePlace *place = NULL;
        for (size_t k = 0; k < G_N_ELEMENTS(labels) && place == NULL; k++)
            place = node_index_find(arrivals->index, series_label(&answer->series[i], labels[k]));
        const GPtrArray *beats =
            place != NULL ? g_hash_table_lookup(arrivals->by_node, place->node) : NULL;
        for (guint k = 0; beats != NULL && k < beats->len; k++)
            ((Beat *)beats->pdata[k])->has_others = true;
    }
}

/* ---- Verdicts. ---- */

static int64_t
hold_of(const CheckRun *run, const Collector *collector)
{
    enum { HOUR_S = 3600 };
    const Answer *rate = telemetry_answer(run->telemetry, collector->rate);
    double n = rate->n > 0 ? series_last(rate->series).value : 0;
    return n >= 1 ? MAX(HEARTBEAT_HOLD_S, (int64_t)(HEARTBEAT_INTERVALS * HOUR_S / n))
                  : HEARTBEAT_HOLD_S;
}

static Verdict
judge(const CheckRun *run, const Beat *beat, int64_t hold_s)
{
    int64_t age_s = run->now_s - beat->newest_s;
    if (beat->newest_s > 0 && age_s < GATE_FRESH_S)
        return VERDICT_REPORTS;
    if (beat->newest_s > 0 && age_s < hold_s)
        return VERDICT_LATE;
    if (!status_is(beat->node, "Ready", "True"))
        return VERDICT_NODE_DOWN;
    if (!placement_is_expected(run, beat->node))
        return VERDICT_LATE; /* the node has just come, or come back */
    if (beat->pod == NULL)
        return VERDICT_NO_POD;
    if (!status_is(beat->pod, "Ready", "True"))
        return VERDICT_POD_UNREADY;
    if (run->now_s - status_since(beat->pod, "Ready") < hold_s)
        return VERDICT_LATE;
    return beat->has_others ? VERDICT_NOT_SHIPPING : VERDICT_SILENT;
}

/* Why no node of this collector can be judged, to be freed; NULL when they can. */
static char *
find_obstacle(const CheckRun *run, Heartbeat *heartbeat)
{
    const Collector *collector = heartbeat->collector;
    const TelemetryQuery *const asked[] = {collector->newest, collector->seen};
    for (size_t i = 0; i < G_N_ELEMENTS(asked); i++) {
        const char *problem = telemetry_problem(run->telemetry, asked[i]);
        if (problem != NULL)
            return g_strdup(problem);
    }
    if (telemetry_state(run->telemetry, collector->newest) != ANSWER_GIVEN)
        return g_strdup("metrics were not asked");
    const Answer *seen = telemetry_answer(run->telemetry, collector->seen);
    const Answer *newest = telemetry_answer(run->telemetry, collector->newest);
    heartbeat->is_unheard = seen->n == 0 && newest->n == 0;
    if (heartbeat->is_unheard)
        return g_strdup_printf("there is no metric %s", collector->family);
    if (heartbeat->label.label == NULL)
        return g_strdup_printf("no label of %s names nodes or pods of this cluster: the best one "
                               "does for %u of %u series",
                               collector->family, heartbeat->label.n_known, heartbeat->label.n_all);
    return NULL;
}

static bool
is_label_given(const CheckRun *run)
{
    return run->node_label != NULL && run->node_label[0] != '\0';
}

static NodeLabel
judge_label(const CheckRun *run, const NodeIndex *index, const TelemetryQuery *query, double from)
{
    const Answer *answer = telemetry_answer(run->telemetry, query);
    return is_label_given(run) ? node_label_of(index, answer, run->node_label, from)
                               : node_label_find(index, answer, from);
}

/* Where all of them are silent, their old series have to tell the label. */
static NodeLabel
find_label(const CheckRun *run, const Collector *collector, const NodeIndex *index)
{
    double from = (double)(run->now_s - HEARTBEAT_HOLD_S);
    NodeLabel label = judge_label(run, index, collector->newest, from);
    if (label.n_all == 0)
        label = judge_label(run, index, collector->newest, 0);
    return label.n_all > 0 ? label : judge_label(run, index, collector->seen, 0);
}

/* A DaemonSet of which no pod was ever seen does not report at all, which is no silence. */
static void
judge_sets(const CheckRun *run, Heartbeat *heartbeat)
{
    g_autoptr(GHashTable) heard = g_hash_table_new(NULL, NULL);
    for (guint i = 0; i < heartbeat->beats->len; i++) {
        const Beat *beat = &g_array_index(heartbeat->beats, Beat, i);
        if (beat->was_seen)
            g_hash_table_add(heard, (gpointer)(uintptr_t)beat->set);
    }
    for (guint i = 0; i < heartbeat->beats->len; i++) {
        Beat *beat = &g_array_index(heartbeat->beats, Beat, i);
        if (g_hash_table_contains(heard, beat->set))
            beat->verdict = judge(run, beat, heartbeat->hold_s);
    }
    heartbeat->is_unheard = g_hash_table_size(heard) == 0;
    if (heartbeat->is_unheard)
        heartbeat->why = g_strdup_printf("no series of %s was of a node where it belongs",
                                         heartbeat->collector->family);
}

static void
judge_all(const CheckRun *run, Heartbeat *heartbeat)
{
    const Collector *collector = heartbeat->collector;
    const Telemetry *telemetry = run->telemetry;
    g_autoptr(NodeIndex) index = node_index_new(run);
    node_index_add_pods(index, telemetry_answer(telemetry, collector->pods));
    heartbeat->label = find_label(run, collector, index);
    if ((heartbeat->why = find_obstacle(run, heartbeat)) != NULL)
        return;
    g_autoptr(GHashTable) by_node = index_beats(heartbeat);
    const Arrivals arrivals = {index, by_node, heartbeat->label.label, is_label_given(run)};
    visit_arrivals(&arrivals, telemetry_answer(telemetry, collector->newest), take_newest, NULL);
    visit_arrivals(&arrivals, telemetry_answer(telemetry, collector->seen), take_seen, NULL);
    take_others(&arrivals, telemetry_answer(telemetry, &heartbeat_others_query));
    judge_sets(run, heartbeat);
}

GPtrArray *
heartbeat_queries(void)
{
    static const TelemetryQuery *const queries[] = {
        &gate_canary_query, &gate_newest_query, &heartbeat_others_query, &alloy_newest_query,
        &alloy_seen_query,  &alloy_rate_query,  &alloy_pods_query,       &agent_newest_query,
        &agent_seen_query,  &agent_rate_query,  &agent_pods_query};
    GPtrArray *array = g_ptr_array_new();
    for (size_t i = 0; i < G_N_ELEMENTS(queries); i++)
        g_ptr_array_add(array, (gpointer)(uintptr_t)queries[i]);
    return array;
}

Heartbeat *
heartbeat_new(const CheckRun *run, const Collector *collector)
{
    const GPtrArray *sets = snapshot_objects(run->snapshot, KIND_DAEMON_SET);
    g_autofree char *why = NULL;
    Gate gate = gate_metrics(run, &why);
    if (gate == GATE_NOT_ASKED || !knows_all(run->snapshot))
        return NULL;
    g_autoptr(Heartbeat) heartbeat = g_new0(Heartbeat, 1);
    heartbeat->collector = collector;
    heartbeat->hold_s = hold_of(run, collector);
    heartbeat->beats = g_array_new(FALSE, TRUE, sizeof(Beat));
    for (guint i = 0; i < sets->len; i++) {
        if (!status_is_deleted(sets->pdata[i]) && collector->is_set(sets->pdata[i]))
            add_beats(heartbeat, run, sets->pdata[i]);
    }
    if (heartbeat->beats->len == 0)
        return NULL;
    if (gate == GATE_CLOSED)
        heartbeat->why = g_steal_pointer(&why);
    else
        judge_all(run, heartbeat);
    return g_steal_pointer(&heartbeat);
}

void
heartbeat_visit(const Heartbeat *heartbeat, const CheckRun *run, const Answer *answer,
                BeatFunc func, void *data)
{
    g_autoptr(NodeIndex) index = node_index_new(run);
    g_autoptr(GHashTable) by_node = index_beats(heartbeat);
    node_index_add_pods(index, telemetry_answer(run->telemetry, heartbeat->collector->pods));
    const Arrivals arrivals = {index, by_node, heartbeat->label.label, is_label_given(run)};
    visit_arrivals(&arrivals, answer, func, data);
}

void
heartbeat_free(Heartbeat *heartbeat)
{
    if (heartbeat == NULL)
        return;
    g_array_unref(heartbeat->beats);
    g_free(heartbeat->why);
    g_free(heartbeat);
}
