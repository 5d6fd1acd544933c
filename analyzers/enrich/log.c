#include "analyzers/enrich/log.h"

#include <math.h>

#include "analyzers/checks/log_line.h"
#include "analyzers/enrich/subject.h"
#include "analyzers/telemetry/log_entries.h"
#include "analyzers/telemetry/loki.h"

enum {
    LINES = 50,             /* of one answer */
    BEFORE_S = 2 * 60,      /* that an ended container is looked at */
    AFTER_S = 5,            /* lines that come late */
    RECENT_S = 10 * 60,     /* of what runs */
    USUAL_S = 6 * 60 * 60,  /* that errors are compared with */
    LABELS_S = 6 * 60 * 60, /* in which labels are looked for */
    ERRORS_MIN = 50,
    RISE_MIN = 5, /* lines in RECENT_S, and times as many as usual */
    ARENA_BYTES_MAX = 64 * 1024 * 1024,
};

/* Lines that say of themselves that they are errors. */
#define ERROR_FILTER "(?i)\\b(error|fatal|panic)\\b"

/* Findings whose objects run badly, or not at all. */
#define ENDED_CHECKS                                                                               \
    "crashloop-* container-crashloop container-restarting container-oomkilled "                    \
    "container-terminated-error init-crashloop job-failed job-retrying cronjob-failing pod-failed"
#define RUNNING_CHECKS                                                                             \
    "readiness-* liveness-failing startup-failing not-ready-generic init-stuck sidecar-not-ready"
#define RATED_CHECKS                                                                               \
    "crashloop-* container-crashloop container-restarting readiness-* liveness-failing "           \
    "not-ready-generic deployment-unavailable deployment-degraded deployment-rollout-stuck "       \
    "statefulset-not-ready daemonset-unavailable cpu-throttled"

typedef struct {
    Enquiry *enquiry;
    LokiLabels labels;
    bool is_known; /* the labels have been asked for */
    char *problem; /* why they are not known; NULL: they are */
} LogEnquiry;

/* ---- Asking. ---- */

static bool
ask_labels(LogEnquiry *logs, char **ret_why)
{
    const EnrichOptions *options = logs->enquiry->options;
    g_autoptr(GBytes) body = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *query = g_strdup_printf("start=%" G_GINT64_FORMAT "&end=%" G_GINT64_FORMAT,
                                             options->now_s - LABELS_S, options->now_s);
    const TelemetryCall call = {.path = "/loki/api/v1/labels", .query = query};
    if (!enquiry_ask(logs->enquiry, SOURCE_LOGS, &call, &body, ret_why))
        return false;
    if (loki_labels_read(body, options->matchers, &logs->labels, &error))
        return true;
    *ret_why = g_strdup(error->message);
    return false;
}

/* Once per run. */
static bool
know_labels(LogEnquiry *logs, Finding *finding)
{
    if (!logs->is_known && !ask_labels(logs, &logs->problem) && logs->problem == NULL)
        logs->problem = g_strdup("nothing is known of its labels");
    logs->is_known = true;
    if (logs->problem != NULL)
        enquiry_say_failed(finding, SOURCE_LOGS, logs->problem);
    return logs->problem == NULL;
}

/* Asks with parameters, in the address, as Loki documents no other way; says why it failed. */
static bool
ask(LogEnquiry *logs, Finding *finding, const char *path, const char *query, GBytes **ret_body)
{
    g_autofree char *why = NULL;
    const TelemetryCall call = {.path = path, .query = query};
    if (enquiry_ask(logs->enquiry, SOURCE_LOGS, &call, ret_body, &why))
        return true;
    enquiry_say_failed(finding, SOURCE_LOGS, why);
    return false;
}

/* The line that tells most of those of a window, to be freed, or NULL. */
static char *
telling_line(LogEnquiry *logs, Finding *finding, const char *query, int64_t from_s, int64_t until_s)
{
    g_autoptr(GBytes) body = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(Arena) arena = arena_new(ARENA_BYTES_MAX);
    LogEntries entries;
    g_autofree char *coded = g_uri_escape_string(query, NULL, false);
    g_autofree char *window = g_strdup_printf("start=%" G_GINT64_FORMAT "&end=%" G_GINT64_FORMAT
                                              "&limit=%d&direction=backward&query=%s",
                                              from_s, until_s, LINES, coded);
    if (!ask(logs, finding, "/loki/api/v1/query_range", window, &body))
        return NULL;
    if (!log_entries_read(body, arena, &entries, &error)) {
        enquiry_say_failed(finding, SOURCE_LOGS, error->message);
        return NULL;
    }
    g_autofree char *text = log_entries_text(&entries);
    char *line = log_line_of(text);
    if (line != NULL)
        findings_log_line(logs->enquiry->run->findings, line);
    return line;
}

/* The query of the logs of a finding, to be freed, or NULL. */
static char *
query_of(const LogEnquiry *logs, const Finding *finding)
{
    const CheckRun *run = logs->enquiry->run;
    g_autoptr(GPtrArray) pods = subject_pods(run, finding);
    g_autofree char *pattern = subject_pod_pattern(run, subject_workload(run, finding));
    if (pattern == NULL || *finding->object->ns == '\0')
        return NULL;
    bool is_container = pods->len > 0 && subject_is_container(finding, pods->pdata[0]);
    return loki_pods_query(&logs->labels, finding->object->ns, pattern,
                           is_container ? finding->what : "");
}

/* ---- Lines. ---- */

/* Whether the cluster itself has a log that the checks have read, or it may not be looked for. */
static bool
has_log(LogEnquiry *logs, Finding *finding, bool previous)
{
    const CheckRun *run = logs->enquiry->run;
    g_autofree char *why = NULL;
    g_autoptr(GPtrArray) pods = subject_pods(run, finding);
    if (pods->len == 0)
        return false;
    if (!enquiry_take(logs->enquiry, SOURCE_LOGS, &why)) {
        enquiry_say_failed(finding, SOURCE_LOGS, why);
        return true;
    }
    const char *name = value_text(subject_container(finding, pods->pdata[0]), "name");
    g_autofree char *log = snapshot_log(run->snapshot, pods->pdata[0], name, previous);
    return log != NULL && *log != '\0';
}

static void
tell_line(LogEnquiry *logs, Finding *finding, int64_t from_s, int64_t until_s, const char *when)
{
    g_autofree char *query = query_of(logs, finding);
    g_autofree char *line =
        query != NULL ? telling_line(logs, finding, query, from_s, until_s) : NULL;
    if (line == NULL)
        return;
    const char *meaning = log_signature_text(log_signature(line));
    finding_evidence(finding, "Loki has of %s: \"%s\"%s%s", when, line, meaning != NULL ? ": " : "",
                     meaning != NULL ? meaning : "");
}

static void
tell_log(LogEnquiry *logs, Finding *finding)
{
    const CheckRun *run = logs->enquiry->run;
    bool is_ended = enquiry_is_about(finding, ENDED_CHECKS);
    if ((!is_ended && !enquiry_is_about(finding, RUNNING_CHECKS)) ||
        has_log(logs, finding, is_ended) || !know_labels(logs, finding))
        return;
    int64_t ended_s = subject_ended(run, finding);
    if (ended_s == 0)
        ended_s = finding->since_s;
    if (is_ended && ended_s > 0)
        tell_line(logs, finding, ended_s - BEFORE_S, ended_s + AFTER_S,
                  "the last 2 min before its end");
    else
        tell_line(logs, finding, run->now_s - RECENT_S, run->now_s, "the last 10 min");
}

/* ---- Rates. ---- */

/* How many lines of a window match; NaN when it is not known. */
static double
count_errors(LogEnquiry *logs, Finding *finding, const char *query, int64_t window_s, int64_t at_s)
{
    g_autoptr(GBytes) body = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(Arena) arena = arena_new(ARENA_BYTES_MAX);
    Answer answer;
    g_autofree char *text =
        g_strdup_printf("sum(count_over_time(%s[%" G_GINT64_FORMAT "s]))", query, window_s);
    g_autofree char *coded = g_uri_escape_string(text, NULL, false);
    g_autofree char *instant = g_strdup_printf("time=%" G_GINT64_FORMAT "&query=%s", at_s, coded);
    if (!ask(logs, finding, "/loki/api/v1/query", instant, &body))
        return NAN;
    if (!answer_read(body, arena, &answer, &error)) {
        enquiry_say_failed(finding, SOURCE_LOGS, error->message);
        return NAN;
    }
    return answer.n > 0 ? series_last(&answer.series[0]).value : 0;
}

/* Errors of the last minutes against those of the same span before, on an average of hours. */
static void
tell_rate(LogEnquiry *logs, Finding *finding)
{
    int64_t now_s = logs->enquiry->run->now_s;
    if (!enquiry_is_about(finding, RATED_CHECKS) || !know_labels(logs, finding))
        return;
    g_autofree char *pods = query_of(logs, finding), *filter = telemetry_quote(ERROR_FILTER);
    if (pods == NULL)
        return;
    g_autofree char *query = g_strdup_printf("%s |~ %s", pods, filter);
    double n = count_errors(logs, finding, query, RECENT_S, now_s);
    if (!(n > ERRORS_MIN))
        return;
    double usual =
        count_errors(logs, finding, query, USUAL_S, now_s - RECENT_S) * RECENT_S / USUAL_S;
    if (!(n > RISE_MIN * usual))
        return;
    g_autofree char *line = telling_line(logs, finding, query, now_s - RECENT_S, now_s);
    finding_evidence(
        finding,
        "Lines with errors in its logs: %.0f in the last 10 min, %.0f in 10 min of the "
        "6 h before%s%s%s",
        n, usual, line != NULL ? ", as \"" : "", line != NULL ? line : "",
        line != NULL ? "\"" : "");
}

void
log_enrich(Enquiry *enquiry)
{
    LogEnquiry logs = {.enquiry = enquiry};
    if (enquiry->options->apis[SOURCE_LOGS] == NULL)
        return;
    for (guint i = 0; i < enquiry->findings->n_roots; i++)
        tell_log(&logs, enquiry->findings->all->pdata[i]);
    for (guint i = 0; i < enquiry->findings->n_roots; i++)
        tell_rate(&logs, enquiry->findings->all->pdata[i]);
    loki_labels_clear(&logs.labels);
    g_free(logs.problem);
}
