/* What metrics are made of: exporters that are missing, targets that are down, rules that do not
 * run. */
#include <string.h>

#include "analyzers/checks/heartbeat.h"
#include "analyzers/checks/table.h"
#include "analyzers/checks/telemetry_gate.h"

static void run_sources(CheckRun *run);

enum { ROW_MISSING, ROW_TARGET, ROW_WATCHDOG, ROW_KSM, ROW_COUNT };

static const TelemetryQuery target_query = {
    "targets-down", SOURCE_METRICS, NULL,
    "min_over_time((1 - avg by (job) (up{$S}))[15m:1m]) > 0.1"};
#define WATCHDOG "ALERTS{alertname=\"Watchdog\",$S}"
static const TelemetryQuery watchdog_query = {
    "watchdog-absent", SOURCE_METRICS, NULL,
    "count(last_over_time(" WATCHDOG "[1d] offset 15m)) unless count(last_over_time(" WATCHDOG
    "[15m]))"};
#define ERRORS(what)                                                                               \
    "min_over_time((sum by (resource) (rate(kube_state_metrics_" what                              \
    "_total{result=\"error\",$S}[5m])))[15m:1m]) > 0"
static const TelemetryQuery ksm_query = {"ksm-unhealthy", SOURCE_METRICS, NULL,
                                         ERRORS("list") " or " ERRORS("watch")};

#define SOURCE_ROW(name, level, seen, told_by, step, asked)                                        \
    {                                                                                              \
        .id = name, .kind = "Backend", .severity = level, .stage = STAGE_SCALING, .tier = 2,       \
        .hold_s = 15 * 60, .is_own_cause = true, .symptom = seen, .meaning = told_by, .fix = step, \
        .run = run_sources, .asks = {                                                              \
            asked                                                                                  \
        }                                                                                          \
    }

static const CheckRow rows[ROW_COUNT] = {
    [ROW_MISSING] = SOURCE_ROW(
        "metric-source-missing", SEVERITY_MEDIUM,
        "Checks are off because nobody collects the metrics that they need.",
        "The tenant has had none of the metrics of an exporter for 15 minutes, or none of the "
        "build info of a collector that has a DaemonSet.",
        "Install or repair the exporter, or let its metrics through where they are filtered.",
        NULL),
    [ROW_TARGET] =
        SOURCE_ROW("target-down", SEVERITY_LOW, "Targets cannot be scraped.",
                   "More than a tenth of the targets of a job have had up == 0 for 15 "
                   "minutes.",
                   "Look at the targets of the job in whoever scrapes them.", &target_query),
    [ROW_WATCHDOG] =
        SOURCE_ROW("watchdog-absent", SEVERITY_MEDIUM,
                   "The alert that always fires has stopped, so other alerts may have too.",
                   "ALERTS has had no Watchdog for 15 minutes, and had one within the day before.",
                   "Look at what evaluates the alerting rules.", &watchdog_query),
    [ROW_KSM] =
        SOURCE_ROW("ksm-unhealthy", SEVERITY_MEDIUM, "kube-state-metrics cannot see all objects.",
                   "kube_state_metrics_list_total or …_watch_total with the result error "
                   "has grown for 15 minutes.",
                   "Look at the rights of kube-state-metrics and at its log.", &ksm_query),
};

const CheckTopic check_topic_metric_source = {rows, G_N_ELEMENTS(rows)};

/* ---- Exporters that are missing. ---- */

/* Those that every cluster is expected to have, and how the names of their metrics begin. */
typedef struct {
    const char *prefix, *name;
} Exporter;

static const Exporter exporters[] = {
    {"kube_", "kube-state-metrics"},
    {"container_", "cAdvisor (kubelet)"},
    {"kubelet_", "the kubelet"},
    {"node_", "node-exporter"},
};

/* Whether all families of a question, of which there is one, are of an exporter. */
static bool
is_asked_of(const TelemetryQuery *query, const Exporter *exporter)
{
    if (query->source != SOURCE_METRICS || query->families == NULL || query->families[0] == '\0')
        return false;
    g_auto(GStrv) words = g_strsplit(query->families, " ", -1);
    for (guint i = 0; words[i] != NULL; i++) {
        if (!g_str_has_prefix(words[i], exporter->prefix))
            return false;
    }
    return true;
}

static Finding *
report_missing(CheckRun *run, const char *exporter, const char *family)
{
    Finding *finding =
        findings_add(run->findings, &rows[ROW_MISSING], backend_object(SOURCE_METRICS), exporter);
    finding->severity = rows[ROW_MISSING].severity;
    finding_title(finding, "There are no metrics of %s", exporter);
    finding_cause(finding, "The tenant has no %s, so checks that need it are off.", family);
    finding_fix(finding, "%s", rows[ROW_MISSING].fix);
    finding_fix(finding, "cresset-analyzer explain %s", rows[ROW_MISSING].id);
    return finding;
}

/* One answer that its metrics give is enough: the others may be filtered, or of newer releases. */
static void
look_at_exporter(CheckRun *run, const Exporter *exporter)
{
    g_autofree char *family = g_strdup_printf("metric %s…", exporter->prefix);
    g_autoptr(GPtrArray) off = g_ptr_array_new();
    size_t n;
    const CheckRow *const *all = check_rows(&n);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < G_N_ELEMENTS(all[i]->asks) && all[i]->asks[k] != NULL; k++) {
            AnswerState state = telemetry_state(run->telemetry, all[i]->asks[k]);
            if (!is_asked_of(all[i]->asks[k], exporter))
                continue;
            if (state != ANSWER_ABSENT)
                return;
            g_ptr_array_add(off, (gpointer)(uintptr_t)all[i]);
        }
    }
    Finding *finding = off->len > 0 ? report_missing(run, exporter->name, family) : NULL;
    for (guint i = 0; i < off->len; i++)
        finding_evidence(finding, "Check %s is off", ((const CheckRow *)off->pdata[i])->id);
}

/* A collector that has DaemonSets, but no metrics of its own. */
static void
look_at_collector(CheckRun *run, const Collector *collector)
{
    g_autoptr(Heartbeat) heartbeat = heartbeat_new(run, collector);
    if (heartbeat == NULL || !heartbeat->is_unheard)
        return;
    Finding *finding = report_missing(run, collector->name, collector->family);
    finding_cause(finding,
                  "There are DaemonSets of %s, but %s of none of their pods within a week, so "
                  "nobody sees whether they report.",
                  collector->name, collector->family);
    finding_evidence(finding, "Heartbeats of %s are off: %s", collector->name, heartbeat->why);
}

/* ---- What metrics say of themselves. ---- */

static Finding *
report(CheckRun *run, int which, const char *title)
{
    Finding *finding = check_report(run, &rows[which], backend_object(SOURCE_METRICS));
    finding_title(finding, "%s", title);
    finding_cause(finding, "%s", rows[which].meaning);
    finding_fix(finding, "%s", rows[which].fix);
    finding_fix(finding, "cresset-analyzer explain %s", rows[which].id);
    return finding;
}

static void
look_at_targets(CheckRun *run)
{
    const Answer *answer = telemetry_answer(run->telemetry, &target_query);
    if (answer->n == 0)
        return;
    g_autofree char *title =
        answer->n == 1 ? g_strdup_printf("Targets of job %s cannot be scraped",
                                         series_label(answer->series, "job"))
                       : g_strdup_printf("Targets of %u jobs cannot be scraped", answer->n);
    Finding *finding = report(run, ROW_TARGET, title);
    for (uint32_t i = 0; i < answer->n; i++)
        finding_evidence(finding, "%.0f %% of the targets of job %s are down",
                         100 * series_last(&answer->series[i]).value,
                         series_label(&answer->series[i], "job"));
}

static void
look_at_ksm(CheckRun *run)
{
    const Answer *answer = telemetry_answer(run->telemetry, &ksm_query);
    if (answer->n == 0)
        return;
    Finding *finding = report(run, ROW_KSM, "kube-state-metrics cannot list or watch objects");
    for (uint32_t i = 0; i < answer->n; i++)
        finding_evidence(finding, "%s: %.2g errors a second",
                         series_label(&answer->series[i], "resource"),
                         series_last(&answer->series[i]).value);
}

static void
run_sources(CheckRun *run)
{
    g_autofree char *why = NULL;
    Gate gate = gate_metrics(run, &why);
    for (size_t i = 0; gate == GATE_CLOSED && i < G_N_ELEMENTS(rows); i++)
        findings_unverified(run->findings, &rows[i], KIND_NONE, "",
                            telemetry_source_name(SOURCE_METRICS), why);
    if (gate != GATE_OPEN)
        return;
    for (size_t i = 0; i < G_N_ELEMENTS(exporters); i++)
        look_at_exporter(run, &exporters[i]);
    look_at_collector(run, &collector_alloy);
    look_at_collector(run, &collector_cresset_agent);
    look_at_targets(run);
    look_at_ksm(run);
    if (telemetry_answer(run->telemetry, &watchdog_query)->n > 0)
        (void)report(run, ROW_WATCHDOG, "The alert Watchdog has stopped firing");
}
