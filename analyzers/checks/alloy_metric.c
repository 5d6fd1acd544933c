/* What Grafana Alloy says of itself in its metrics: components, configuration, what it loses. */
#include <string.h>

#include "analyzers/checks/collector.h"
#include "analyzers/checks/log_line.h"
#include "analyzers/checks/node_index.h"
#include "analyzers/checks/shipping_log.h"
#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"
#include "analyzers/checks/unit.h"
#include "lib/k8s/quantity.h"

static void run_alloy_metrics(CheckRun *run);

/* What is so for all of the time is told by the least value of each minute: a filter inside of
 * min_over_time would leave out the minutes in which it was not so. */
#define HELD(expression, span) "min_over_time((" expression ")[" span ":1m])"
#define BY(more)               "by (" NODE_LABELS more ") "

static const TelemetryQuery unhealthy_query = {
    "alloy-unhealthy-components", SOURCE_METRICS, NULL,
    HELD("sum " BY(", health_type") "(alloy_component_controller_running_components"
                                    "{health_type!=\"healthy\",$S})",
         "15m") " > 0"};
static const TelemetryQuery load_query = {
    "alloy-config-load-failed", SOURCE_METRICS, NULL,
    "max " BY("") "(max_over_time(alloy_config_last_load_successful{$S}[5m])) == 0"};
static const TelemetryQuery hash_query = {
    "alloy-config-hash", SOURCE_METRICS, NULL,
    "group " BY(", sha256") "(count_over_time(alloy_config_hash{$S}[15m:1m]) > 14)"};
static const TelemetryQuery failing_query = {
    "alloy-remote-write-failing", SOURCE_METRICS, NULL,
    HELD("sum " BY(", url") "(rate(prometheus_remote_storage_samples_failed_total{$S}[5m]))",
         "10m") " > 0"};
static const TelemetryQuery lagging_query = {
    "alloy-remote-write-lagging", SOURCE_METRICS, NULL,
    HELD(
        "max " BY(", component_id") "(prometheus_remote_storage_highest_timestamp_in_seconds{$S}) "
                                    "- min " BY(
                                        ", component_id") "(prometheus_remote_storage_queue_"
                                                          "highest_sent_timestamp_seconds{$S} > 0)",
        "10m") " > 300"};
static const TelemetryQuery logs_query = {
    "alloy-logs-dropping", SOURCE_METRICS, NULL,
    HELD("sum " BY(", reason") "(rate(loki_write_dropped_entries_total{$S}[5m]))", "10m") " > 0"};
static const TelemetryQuery profiles_query = {
    "alloy-profiles-dropping", SOURCE_METRICS, NULL,
    HELD("sum " BY("") "(rate(pyroscope_write_dropped_profiles_total{$S}[5m]))", "10m") " > 0"};

/* The share of one signal that is lost, with the signal as a label. */
#define RATE_OF(metric) "sum " BY("") "(rate(" metric "{$S}[10m]))"
#define LOST(lost, kept, signal)                                                                   \
    "label_replace(" RATE_OF(lost) " / (" RATE_OF(lost) " + " RATE_OF(                             \
        kept) ") > 0.05, "                                                                         \
              "\"signal\", \"" signal "\", \"\", \"\")"
#define SIGNAL(unit)                                                                               \
    LOST("otelcol_exporter_send_failed_" unit "_total", "otelcol_exporter_sent_" unit "_total",    \
         unit " sent")                                                                             \
    " or " LOST("otelcol_receiver_refused_" unit "_total",                                         \
                "otelcol_receiver_accepted_" unit "_total", unit " received")
static const TelemetryQuery otlp_query = {
    "alloy-otlp-failing", SOURCE_METRICS, NULL,
    SIGNAL("spans") " or " SIGNAL("metric_points") " or " SIGNAL("log_records")};

static const TelemetryQuery restart_query = {
    "alloy-restarting", SOURCE_METRICS, NULL,
    "max " BY("") "(changes(alloy_resources_process_start_time_seconds{$S}[1h])) > 2"};
static const TelemetryQuery memory_query = {
    "alloy-memory", SOURCE_METRICS, NULL,
    HELD("max " BY("") "(alloy_resources_process_resident_memory_bytes{$S})", "15m")};
static const TelemetryQuery split_query = {
    "alloy-cluster-split", SOURCE_METRICS, NULL,
    "sum " BY(", cluster_name") "(cluster_node_peers{$S}) and on (cluster_name) "
                                "(" HELD("stddev by (cluster_name) (sum by (instance, "
                                         "cluster_name) (cluster_node_peers{$S}))",
                                         "15m") " > 0)"};

enum {
    ROW_UNHEALTHY,
    ROW_LOAD,
    ROW_DRIFT,
    ROW_FAILING,
    ROW_LAGGING,
    ROW_LOGS,
    ROW_PROFILES,
    ROW_OTLP,
    ROW_RESTARTING,
    ROW_MEMORY,
    ROW_SPLIT,
    ROW_COUNT
};

#define ALLOY_ROW(name, level, hold, seen, told_by, step, asked)                                   \
    {                                                                                              \
        .id = name, .kind = "DaemonSet", .severity = level, .stage = STAGE_SCALING, .tier = 2,     \
        .hold_s = hold, .is_own_cause = true, .symptom = seen, .meaning = told_by, .fix = step,    \
        .run = run_alloy_metrics, .needs = {KIND_POD, KIND_NODE}, .asks = {                        \
            &(asked)                                                                               \
        }                                                                                          \
    }

static const CheckRow rows[ROW_COUNT] = {
    [ROW_UNHEALTHY] = ALLOY_ROW(
        "alloy-unhealthy-components", SEVERITY_MEDIUM, 900, "Components of Grafana Alloy fail.",
        "alloy_component_controller_running_components has had components that are not healthy for "
        "15 minutes.",
        "Look for the component in the log, and correct its block.", unhealthy_query),
    [ROW_LOAD] = ALLOY_ROW("alloy-config-load-failed", SEVERITY_HIGH, 300,
                           "Grafana Alloy refuses its new configuration and runs the old one.",
                           "alloy_config_last_load_successful has been 0 for five minutes.",
                           "Correct the configuration; the log names the line.", load_query),
    [ROW_DRIFT] = ALLOY_ROW(
        "alloy-config-drift", SEVERITY_LOW, 900,
        "Pods of one Grafana Alloy run different configurations.",
        "Pods of one controller have had different values of sha256 in alloy_config_hash for 15 "
        "minutes.",
        "Look at the reloader and at the ConfigMap in the pods that are behind.", hash_query),
    [ROW_FAILING] =
        ALLOY_ROW("alloy-remote-write-failing", SEVERITY_HIGH, 600, "Grafana Alloy loses metrics.",
                  "prometheus_remote_storage_samples_failed_total has grown for ten minutes: the "
                  "back end refuses samples for good.",
                  "Look at what the back end answers: limits, credentials, or samples that are too "
                  "old.",
                  failing_query),
    [ROW_LAGGING] = ALLOY_ROW(
        "alloy-remote-write-lagging", SEVERITY_MEDIUM, 600, "Metrics of a node arrive late.",
        "What was sent last has been five minutes older than what was taken in last, for ten "
        "minutes.",
        "Let remote_write have more shards, or look at why the back end is slow.", lagging_query),
    [ROW_LOGS] =
        ALLOY_ROW("alloy-logs-dropping", SEVERITY_MEDIUM, 600, "Grafana Alloy loses log lines.",
                  "loki_write_dropped_entries_total has grown for ten minutes.",
                  "Raise the limit that the reason names, or send less.", logs_query),
    [ROW_PROFILES] =
        ALLOY_ROW("alloy-profiles-dropping", SEVERITY_LOW, 600, "Grafana Alloy loses profiles.",
                  "pyroscope_write_dropped_profiles_total has grown for ten minutes.",
                  "Look at the store of profiles and its limits.", profiles_query),
    [ROW_OTLP] = ALLOY_ROW(
        "alloy-otlp-failing", SEVERITY_MEDIUM, 600, "Grafana Alloy loses OpenTelemetry data.",
        "More than a twentieth of spans, metric points or log records was refused by a receiver or "
        "not sent by an exporter within ten minutes.",
        "Look at the memory limiter and at the exporter in the log.", otlp_query),
    [ROW_RESTARTING] =
        ALLOY_ROW("alloy-restarting", SEVERITY_MEDIUM, 0, "Grafana Alloy restarts again and again.",
                  "Its process has started more than twice within an hour.",
                  "See how its container ended: kubectl describe pod.", restart_query),
    [ROW_MEMORY] = ALLOY_ROW(
        "alloy-memory-near-limit", SEVERITY_MEDIUM, 900,
        "Grafana Alloy is about to be killed for its memory.",
        "Its resident memory has been above nine tenths of the limit of its container for 15 "
        "minutes.",
        "Raise the limit, or let it scrape less.", memory_query),
    [ROW_SPLIT] = ALLOY_ROW(
        "alloy-cluster-split", SEVERITY_MEDIUM, 900,
        "Pods of a clustered Grafana Alloy see different members.",
        "The sums of cluster_node_peers differ within a cluster_name for 15 minutes: targets are "
        "scraped twice or not at all.",
        "Look at the port for gossip, and at network policies between the pods.", split_query),
};

const CheckTopic check_topic_alloy_metric = {rows, G_N_ELEMENTS(rows)};

/* ---- Values. ---- */

static char *
value_text_of(const MetricSeries *series, Unit unit)
{
    return unit == UNIT_SECONDS ? span_text(series_last_seconds(series))
                                : unit_text(unit, series_last(series).value);
}

/* What a series alone is enough to report. */
static const struct {
    int row;
    const TelemetryQuery *query;
    const char *label; /* says more; NULL: none does */
    const char *does;  /* what Alloy does: of the title */
    Unit unit;
    const char *words; /* behind the value; NULL: it is told without one */
} told[] = {
    {ROW_UNHEALTHY, &unhealthy_query, "health_type", "has components that are not healthy",
     UNIT_COUNT, "components"},
    {ROW_LOAD, &load_query, NULL, "refuses its new configuration", UNIT_COUNT, NULL},
    {ROW_FAILING, &failing_query, "url", "loses metrics", UNIT_RATE, "samples lost"},
    {ROW_LAGGING, &lagging_query, "component_id", "sends metrics late", UNIT_SECONDS, "behind"},
    {ROW_LOGS, &logs_query, "reason", "loses log lines", UNIT_RATE, "lines lost"},
    {ROW_PROFILES, &profiles_query, NULL, "loses profiles", UNIT_RATE, "profiles lost"},
    {ROW_OTLP, &otlp_query, "signal", "loses OpenTelemetry data", UNIT_SHARE, "lost"},
    {ROW_RESTARTING, &restart_query, NULL, "restarts again and again", UNIT_COUNT,
     "starts within an hour"},
    {ROW_SPLIT, &split_query, "cluster_name", "sees different members of its cluster", UNIT_COUNT,
     "members seen"},
};

/* ---- Pods. ---- */

typedef struct {
    CheckRun *run;
    NodeIndex *index;
    GHashTable *by_node; /* Node -> Pod of Alloy; NULL as value: several */
} AlloyRun;

/* The pod of Alloy that a series is of, or NULL. */
static const Object *
pod_of(const AlloyRun *alloy, const MetricSeries *series)
{
    static const char *const labels[] = {"pod",      "instance",  "node", "k8s_node_name",
                                         "nodename", "node_name", "host", "hostname"};
    for (size_t i = 0; i < G_N_ELEMENTS(labels); i++) {
        const NodePlace *place = node_index_find(alloy->index, series_label(series, labels[i]));
        if (place == NULL)
            continue;
        const Object *pod =
            place->pod != NULL ? place->pod : g_hash_table_lookup(alloy->by_node, place->node);
        return pod != NULL && pod_is_alloy(pod) ? pod : NULL;
    }
    return NULL;
}

static void
index_pods(AlloyRun *alloy)
{
    const GPtrArray *pods = snapshot_objects(alloy->run->snapshot, KIND_POD);
    for (guint i = 0; i < pods->len; i++) {
        Object *pod = pods->pdata[i];
        const Object *node = snapshot_get(alloy->run->snapshot, KIND_NODE, "", pod_node(pod));
        if (node == NULL || pod_is_finished(pod) || !pod_is_alloy(pod))
            continue;
        bool is_second = g_hash_table_contains(alloy->by_node, node);
        g_hash_table_insert(alloy->by_node, (gpointer)(uintptr_t)node, is_second ? NULL : pod);
    }
}

/* ---- Reports. ---- */

static void
tell_new(const AlloyRun *alloy, Finding *finding, const Object *pod, const char *does)
{
    const Object *controller = finding->object;
    g_auto(ShippingTrouble) trouble = {0};
    const char *container = collector_container(pod, "alloy");
    g_autofree char *log =
        container != NULL ? snapshot_log(alloy->run->snapshot, pod, container, false) : NULL;
    g_autofree char *line = log != NULL ? log_line_of(log) : NULL;
    finding_title(finding, "Alloy (%s %s) %s", kind_row(controller->kind)->kind, controller->name,
                  does);
    if (line != NULL)
        findings_log_line(alloy->run->findings, line);
    if (log != NULL && shipping_trouble_of(log, &trouble)) {
        findings_log_line(alloy->run->findings, trouble.line);
        finding_cause(finding, "Alloy %s; its log says that %s: %s", does, trouble.why,
                      trouble.line);
    } else if (line != NULL) {
        finding_cause(finding, "Alloy %s. %s Its log says: %s", does, finding->check->symptom,
                      line);
    } else {
        finding_cause(finding, "Alloy %s. %s", does, finding->check->meaning);
    }
    finding_fix(finding, "%s", finding->check->fix);
    finding_fix(finding, "kubectl -n %s logs %s --tail=100", pod->ns, pod->name);
}

static Finding *
report(const AlloyRun *alloy, const CheckRow *row, const Object *pod, const char *does)
{
    bool is_new;
    Finding *finding = check_report_pod(alloy->run, row, pod, "", 0, &is_new);
    if (is_new)
        tell_new(alloy, finding, pod, does);
    return finding;
}

static void
look_at_series(const AlloyRun *alloy)
{
    for (size_t i = 0; i < G_N_ELEMENTS(told); i++) {
        const Answer *answer = telemetry_answer(alloy->run->telemetry, told[i].query);
        for (uint32_t k = 0; k < answer->n; k++) {
            const MetricSeries *series = &answer->series[k];
            const Object *pod = pod_of(alloy, series);
            if (pod == NULL)
                continue;
            Finding *finding = report(alloy, &rows[told[i].row], pod, told[i].does);
            const char *more = told[i].label != NULL ? series_label(series, told[i].label) : "";
            g_autofree char *value = told[i].words != NULL
                                         ? value_text_of(series, told[i].unit)
                                         : g_strdup("runs an older configuration");
            finding_evidence(finding, "Pod %s on %s: %s%s%s%s%s", pod->name, pod_node(pod), value,
                             told[i].words != NULL ? " " : "",
                             told[i].words != NULL ? told[i].words : "",
                             more[0] != '\0' ? ", " : "", more);
        }
    }
}

static void
look_at_memory(const AlloyRun *alloy)
{
    const Answer *answer = telemetry_answer(alloy->run->telemetry, &memory_query);
    for (uint32_t i = 0; i < answer->n; i++) {
        const Object *pod = pod_of(alloy, &answer->series[i]);
        const char *name = pod != NULL ? collector_container(pod, "alloy") : NULL;
        if (name == NULL)
            continue;
        const Value *container = value_find(pod->value, "spec.containers", "name", name);
        double limit, used = series_last(&answer->series[i]).value;
        if (!quantity_parse(value_text(container, "resources.limits.memory"), &limit) ||
            limit <= 0 || used <= 0.9 * limit)
            continue;
        Finding *finding = report(alloy, &rows[ROW_MEMORY], pod, "is near its memory limit");
        finding_evidence(finding, "Pod %s on %s: %.0f MiB of %.0f MiB", pod->name, pod_node(pod),
                         used / 1048576, limit / 1048576);
    }
}

/* Configurations of the pods of one controller. */
static void
look_at_drift(const AlloyRun *alloy)
{
    const Answer *answer = telemetry_answer(alloy->run->telemetry, &hash_query);
    g_autoptr(GHashTable) first = g_hash_table_new(NULL, NULL); /* controller -> series */
    for (uint32_t i = 0; i < answer->n; i++) {
        const MetricSeries *series = &answer->series[i];
        const Object *pod = pod_of(alloy, series);
        if (pod == NULL)
            continue;
        const Object *controller = relations_controller(alloy->run->relations, pod);
        const MetricSeries *other = g_hash_table_lookup(first, controller);
        if (other == NULL)
            g_hash_table_insert(first, (gpointer)(uintptr_t)controller,
                                (gpointer)(uintptr_t)series);
        if (other == NULL ||
            strcmp(series_label(series, "sha256"), series_label(other, "sha256")) == 0)
            continue;
        Finding *finding =
            report(alloy, &rows[ROW_DRIFT], pod, "runs different configurations on its nodes");
        finding_evidence(finding, "Pod %s on %s has %.8s, others have %.8s", pod->name,
                         pod_node(pod), series_label(series, "sha256"),
                         series_label(other, "sha256"));
    }
}

static void
run_alloy_metrics(CheckRun *run)
{
    if (!telemetry_backend(run->telemetry, SOURCE_METRICS).is_configured)
        return;
    g_autoptr(NodeIndex) index = node_index_new(run);
    g_autoptr(GHashTable) by_node = g_hash_table_new(NULL, NULL);
    AlloyRun alloy = {run, index, by_node};
    index_pods(&alloy);
    look_at_series(&alloy);
    look_at_memory(&alloy);
    look_at_drift(&alloy);
}
