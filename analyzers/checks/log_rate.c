/* Workloads whose logs have many more errors than usual, by the store of logs. */
#include <math.h>
#include <string.h>

#include "analyzers/checks/series_place.h"
#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_rates(CheckRun *run);

enum { ERRORS_MIN = 50, RISE_MIN = 5 };

/* Which labels say whose the lines are differs with what collects them: pods, or what
 * OpenTelemetry and Grafana's charts make of them. */
#define BY_LABELS                                                                                  \
    "sum by (namespace, pod, k8s_deployment_name, k8s_statefulset_name, k8s_daemonset_name, "      \
    "service_name) "
#define ERRORS(window)                                                                             \
    BY_LABELS "(label_replace(count_over_time({$N=~\".+\",$S} |~ "                                 \
              "`(?i)\\b(error|fatal|panic)\\b` " window                                            \
              "), \"namespace\", \"$1\", \"$N\", \"(.+)\"))"

static const TelemetryQuery errors_now = {"log-errors", SOURCE_LOGS, NULL, ERRORS("[10m]") " > 5"};
/* The hours before are sampled: a count over them would have Loki read all of them. */
static const TelemetryQuery errors_1h = {"log-errors-1h-ago", SOURCE_LOGS, NULL,
                                         ERRORS("[10m] offset 1h")};
static const TelemetryQuery errors_3h = {"log-errors-3h-ago", SOURCE_LOGS, NULL,
                                         ERRORS("[10m] offset 3h")};
static const TelemetryQuery errors_6h = {"log-errors-6h-ago", SOURCE_LOGS, NULL,
                                         ERRORS("[10m] offset 6h")};

static const CheckRow rows[] = {
    {
        .id = "log-error-spike",
        .kind = "Controller of pods",
        .severity = SEVERITY_LOW,
        .stage = STAGE_ADVICE,
        .tier = 2,
        .hold_s = 10 * 60,
        .symptom = "A program writes many more errors than usual.",
        .meaning = "Its logs had more than 50 lines with error, fatal or panic within ten minutes, "
                   "and more than five times as many as ten minutes had on an average one, three "
                   "and six hours ago. It was there already six hours ago.",
        .fix = "Read the newest errors, and see what changed when they began.",
        .run = run_rates,
        .needs = {KIND_POD},
        .asks = {&errors_now, &errors_1h, &errors_3h, &errors_6h},
    },
};

const CheckTopic check_topic_log_rate = {rows, G_N_ELEMENTS(rows)};

/* A controller of pods of a namespace by its name, or NULL. */
static const Object *
controller_called(const CheckRun *run, const char *ns, const char *name)
{
    static const Kind kinds[] = {KIND_DEPLOYMENT, KIND_STATEFUL_SET, KIND_DAEMON_SET};
    for (size_t i = 0; name[0] != '\0' && i < G_N_ELEMENTS(kinds); i++) {
        const Object *found = snapshot_get(run->snapshot, kinds[i], ns, name);
        if (found != NULL)
            return found;
    }
    return NULL;
}

/* Whose lines a series counts, or NULL. */
static const Object *
workload_of(const CheckRun *run, const MetricSeries *series)
{
    static const char *const labels[] = {"k8s_deployment_name", "k8s_statefulset_name",
                                         "k8s_daemonset_name", "service_name"};
    const char *ns = series_label(series, "namespace");
    const Object *pod = snapshot_get(run->snapshot, KIND_POD, ns, series_label(series, "pod"));
    if (pod != NULL)
        return relations_controller(run->relations, pod);
    for (size_t i = 0; i < G_N_ELEMENTS(labels); i++) {
        const Object *found = controller_called(run, ns, series_label(series, labels[i]));
        if (found != NULL)
            return found;
    }
    return NULL;
}

/* Lines of each workload in an answer: Object -> double. */
static GHashTable *
count_lines(const CheckRun *run, const TelemetryQuery *query)
{
    GHashTable *counts = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    const Answer *answer = telemetry_answer(run->telemetry, query);
    for (uint32_t i = 0; i < answer->n; i++) {
        const Object *workload = workload_of(run, &answer->series[i]);
        double value = series_last(&answer->series[i]).value;
        if (workload == NULL || isnan(value))
            continue;
        double *sum = g_hash_table_lookup(counts, workload);
        if (sum == NULL) {
            sum = g_new0(double, 1);
            g_hash_table_insert(counts, (gpointer)(uintptr_t)workload, sum);
        }
        *sum += value;
    }
    return counts;
}

/* How many lines ten minutes had before, on an average; NaN when it is not known. */
static double
usual_lines(const CheckRun *run, GHashTable *const *before, size_t n, const Object *workload)
{
    enum { BEFORE_S = 6 * 3600 + 10 * 60 };
    double sum = 0;
    if (workload->created_s == 0 || run->now_s - workload->created_s < BEFORE_S)
        return NAN;
    for (size_t i = 0; i < n; i++) {
        const double *lines = g_hash_table_lookup(before[i], workload);
        sum += lines != NULL ? *lines : 0;
    }
    return sum / (double)n;
}

static void
tell(CheckRun *run, const Object *workload, double lines, double usual)
{
    Finding *finding = check_report_once(run, &rows[0], workload, "");
    if (finding == NULL)
        return;
    finding_title(finding, "%s %s writes many more errors than usual",
                  kind_row(workload->kind)->kind, workload->name);
    finding_cause(
        finding,
        "Its logs had %.0f lines with errors in the last 10 min, and about %.0f in 10 min "
        "one, three and six hours ago.",
        lines, usual);
    finding_fix(finding, "%s", rows[0].fix);
    g_autofree char *kind = g_ascii_strdown(kind_row(workload->kind)->kind, -1);
    finding_fix(finding, "kubectl -n %s logs %s/%s --since=10m", workload->ns, kind,
                workload->name);
}

static void
run_rates(CheckRun *run)
{
    static const TelemetryQuery *const queries[] = {&errors_1h, &errors_3h, &errors_6h};
    GHashTable *before[G_N_ELEMENTS(queries)];
    for (size_t i = 0; i < G_N_ELEMENTS(queries); i++) {
        if (telemetry_state(run->telemetry, queries[i]) != ANSWER_GIVEN)
            return; /* nothing to compare with */
    }
    for (size_t i = 0; i < G_N_ELEMENTS(queries); i++)
        before[i] = count_lines(run, queries[i]);
    g_autoptr(GHashTable) now = count_lines(run, &errors_now);
    GHashTableIter iter;
    gpointer workload, lines;
    g_hash_table_iter_init(&iter, now);
    while (g_hash_table_iter_next(&iter, &workload, &lines)) {
        double count = *(const double *)lines;
        double usual = usual_lines(run, before, G_N_ELEMENTS(queries), workload);
        if (count > ERRORS_MIN && count > RISE_MIN * usual)
            tell(run, workload, count, usual);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(queries); i++)
        g_hash_table_unref(before[i]);
}
