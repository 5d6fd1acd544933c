/* Back ends of telemetry that do not answer, do not let us in, or have nothing new. */
#include <string.h>

#include "analyzers/checks/collector.h"
#include "analyzers/checks/table.h"
#include "analyzers/checks/telemetry_gate.h"

static void run_backends(CheckRun *run);

enum {
    ROW_METRICS_AWAY,
    ROW_METRICS_AUTH,
    ROW_METRICS_EMPTY,
    ROW_METRICS_STALLED,
    ROW_LOGS_AWAY,
    ROW_LOGS_EMPTY,
    ROW_PROFILES_AWAY,
    ROW_CLOCK,
    ROW_COUNT
};

enum { SKEW_MAX_S = 60 };

/* Sampled, as a count over hours would have Loki read all of them. */
static const TelemetryQuery logs_canary_query = {
    "logs-canary", SOURCE_LOGS, NULL,
    "sum(count_over_time({$N=~\".+\",$S}[5m])) or "
    "sum(count_over_time({$N=~\".+\",$S}[5m] offset 1h)) or "
    "sum(count_over_time({$N=~\".+\",$S}[5m] offset 6h))"};

#define BACKEND_CHECK(name, level, seen, told_by, step, ...)                                       \
    {                                                                                              \
        .id = name, .kind = "Backend", .severity = level, .stage = STAGE_BACKEND, .tier = 1,       \
        .symptom = seen, .meaning = told_by, .fix = step, .run = run_backends, .asks = {           \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

static const CheckRow rows[ROW_COUNT] = {
    [ROW_METRICS_AWAY] = BACKEND_CHECK(
        "metrics-backend-unreachable", SEVERITY_CRITICAL,
        "Nobody can see whether telemetry arrives: the back end of metrics does not answer.",
        "The URL of --prometheus-url cannot be resolved, connected to or trusted, or answers 429 "
        "or 5xx to three tries, or is none of Prometheus. Nothing is said about nodes then, and "
        "what was silent stays so.",
        "See whether the back end and the way to it are up, and whether the URL has its prefix."),
    [ROW_METRICS_AUTH] = BACKEND_CHECK(
        "metrics-backend-auth", SEVERITY_CRITICAL,
        "The back end of metrics does not let the analyzer in.", "It answers with 401 or 403.",
        "Renew the token or password, and check the tenant (X-Scope-OrgID)."),
    [ROW_METRICS_EMPTY] = BACKEND_CHECK(
        "metrics-tenant-empty", SEVERITY_CRITICAL,
        "The back end of metrics has nothing for this tenant.",
        "It answers, but has had none of up, kube_node_info and alloy_build_info for a day: "
        "another tenant is asked than is written to, or nobody writes.",
        "Compare X-Scope-OrgID and the matchers of the cluster with what the agents send.",
        &gate_canary_query),
    [ROW_METRICS_STALLED] = BACKEND_CHECK(
        "metrics-ingest-stalled", SEVERITY_CRITICAL, "No new metrics arrive from any node.",
        "The back end of metrics answers, but its newest sample is older than ten minutes.",
        "Look at the way in: gateway, distributors and ingesters, limits of the tenant.",
        &gate_newest_query, &gate_canary_query),
    [ROW_LOGS_AWAY] = BACKEND_CHECK(
        "logs-backend-unreachable", SEVERITY_HIGH, "The store of logs does not answer.",
        "The URL of --loki-url cannot be resolved, connected to or trusted, or answers 429 or 5xx "
        "to three tries, or is none of Loki.",
        "See whether the gateway and the queriers are up, and whether the URL is right."),
    [ROW_LOGS_EMPTY] = BACKEND_CHECK(
        "logs-tenant-empty", SEVERITY_HIGH, "The store of logs has nothing for this tenant.",
        "It answers with 401 or 403, or had no line of any namespace now, an hour and six hours "
        "ago.",
        "Check the tenant (X-Scope-OrgID) and the token, and whether agents ship logs.",
        &logs_canary_query),
    [ROW_PROFILES_AWAY] = BACKEND_CHECK(
        "profile-backend-unreachable", SEVERITY_MEDIUM, "The store of profiles does not answer.",
        "The URL of --profiles-url does not answer, or does not let the analyzer in.",
        "See whether the store of profiles is up, and whether URL, tenant and token are right."),
    [ROW_CLOCK] = BACKEND_CHECK(
        "backend-clock-skew", SEVERITY_MEDIUM,
        "The clocks of the analyzer and of a back end differ.",
        "The Date of its answers differs from the clock here by more than a minute, so that what "
        "is called silent may not be.",
        "Let both machines take their time by NTP."),
};

const CheckTopic check_topic_backend_state = {rows, G_N_ELEMENTS(rows)};

/* What one may type to see the same. */
static const struct {
    const char *path;
    const char *what; /* of which Cresset sees nothing meanwhile */
} backends[SOURCE_COUNT] = {
    [SOURCE_METRICS] = {"/api/v1/query?query=up", "whether telemetry arrives is unknown"},
    [SOURCE_LOGS] = {"/loki/api/v1/labels", "logs are no evidence now"},
    [SOURCE_PROFILES] = {"/ready", "profiles are no evidence now"},
};

static Finding *
report(CheckRun *run, const CheckRow *row, TelemetrySource source)
{
    TelemetryBackend backend = telemetry_backend(run->telemetry, source);
    Finding *finding = check_report(run, row, backend_object(source));
    if (backend.url[0] != '\0')
        finding_evidence(finding, "URL %s%s%s", backend.url,
                         backend.tenant[0] != '\0' ? ", tenant " : "", backend.tenant);
    finding_fix(finding, "%s", row->fix);
    g_autofree char *url = g_strconcat(backend.url, backends[source].path, NULL),
                    *quoted = g_shell_quote(url);
    g_autofree char *header = g_strconcat("X-Scope-OrgID: ", backend.tenant, NULL),
                    *quoted_header = g_shell_quote(header);
    bool has_tenant = backend.tenant[0] != '\0', has_url = backend.url[0] != '\0';
    finding_fix(finding, "curl -sS%s%s %s%s", has_tenant ? " -H " : "",
                has_tenant ? quoted_header : "", has_url ? "" : "\"$URL\"", quoted);
    return finding;
}

/* ---- Back ends as a whole. ---- */

static const struct {
    int away, denied;
} rows_of[SOURCE_COUNT] = {
    [SOURCE_METRICS] = {ROW_METRICS_AWAY, ROW_METRICS_AUTH},
    [SOURCE_LOGS] = {ROW_LOGS_AWAY, ROW_LOGS_EMPTY},
    [SOURCE_PROFILES] = {ROW_PROFILES_AWAY, ROW_PROFILES_AWAY},
};

static void
look_at_backend(CheckRun *run, TelemetrySource source)
{
    TelemetryBackend backend = telemetry_backend(run->telemetry, source);
    bool is_denied = backend.result == TELEMETRY_DENIED;
    const CheckRow *row = &rows[is_denied ? rows_of[source].denied : rows_of[source].away];
    bool is_away = backend.result == TELEMETRY_UNREACHABLE || backend.result == TELEMETRY_MISPLACED;
    if (!is_denied && !is_away)
        return;
    Finding *finding = report(run, row, source);
    const char *name = telemetry_source_name(source);
    g_autofree char *ready = source == SOURCE_METRICS ? collectors_ready_text(run) : g_strdup("");
    finding_title(finding,
                  is_denied ? "The back end of %s refuses the analyzer"
                            : "The back end of %s cannot be asked",
                  name);
    finding_cause(finding, "%s: %s.%s%s", backend.why, backends[source].what,
                  ready[0] != '\0' ? " " : "", ready);
    if (is_away)
        finding_evidence(finding, "It was tried %d times", TELEMETRY_TRIES);
}

static void
look_at_clock(CheckRun *run, TelemetrySource source)
{
    TelemetryBackend backend = telemetry_backend(run->telemetry, source);
    if (ABS(backend.clock_skew_s) <= SKEW_MAX_S)
        return;
    Finding *finding = report(run, &rows[ROW_CLOCK], source);
    g_autofree char *span = span_text(ABS(backend.clock_skew_s));
    const char *order = backend.clock_skew_s > 0 ? "ahead of" : "behind";
    const char *name = telemetry_source_name(source);
    finding_title(finding, "The clock of the back end of %s is %s %s ours", name, span, order);
    finding_cause(finding,
                  "Its answers are dated %s %s the clock of the analyzer, so ages of samples are "
                  "off by as much.",
                  span, order);
}

/* ---- What they have. ---- */

static bool
is_empty(const CheckRun *run, const TelemetryQuery *query)
{
    return telemetry_state(run->telemetry, query) == ANSWER_GIVEN &&
           telemetry_answer(run->telemetry, query)->n == 0;
}

static void
tell_empty(CheckRun *run, const CheckRow *row, TelemetrySource source, const char *where)
{
    TelemetryBackend backend = telemetry_backend(run->telemetry, source);
    const char *name = telemetry_source_name(source);
    Finding *finding = report(run, row, source);
    finding_title(finding, "The back end of %s has nothing for %s%s", name,
                  backend.tenant[0] != '\0' ? "tenant " : "this cluster", backend.tenant);
    finding_cause(finding,
                  "It answers, but has no %s of this cluster %s: either another tenant or cluster "
                  "is asked than is written to, or nobody writes.",
                  source == SOURCE_LOGS ? "log line" : "metric", where);
}

static void
look_at_newest(CheckRun *run)
{
    int64_t newest_s = gate_newest_s(run);
    if (telemetry_state(run->telemetry, &gate_newest_query) != ANSWER_GIVEN ||
        is_empty(run, &gate_canary_query) || run->now_s - newest_s < GATE_STALLED_S)
        return;
    Finding *finding = report(run, &rows[ROW_METRICS_STALLED], SOURCE_METRICS);
    g_autofree char *ready = collectors_ready_text(run);
    g_autofree char *at = clock_text(newest_s, run->now_s);
    g_autofree char *span = span_text(run->now_s - newest_s);
    if (newest_s > 0)
        finding_title(finding, "No metrics have arrived since %s (%s)", at, span);
    else
        finding_title(finding, "No metrics have arrived for more than an hour");
    finding_since(finding, newest_s);
    finding_cause(finding,
                  "The back end answers, but has nothing new from any node: the way in is down, "
                  "or everything that writes is.%s%s",
                  ready[0] != '\0' ? " " : "", ready);
}

static void
run_backends(CheckRun *run)
{
    for (int i = 0; i < SOURCE_COUNT; i++) {
        if (!telemetry_backend(run->telemetry, (TelemetrySource)i).is_configured)
            continue;
        look_at_backend(run, (TelemetrySource)i);
        look_at_clock(run, (TelemetrySource)i);
    }
    if (is_empty(run, &gate_canary_query))
        tell_empty(run, &rows[ROW_METRICS_EMPTY], SOURCE_METRICS, "within a day");
    look_at_newest(run);
    if (is_empty(run, &logs_canary_query))
        tell_empty(run, &rows[ROW_LOGS_EMPTY], SOURCE_LOGS, "now, an hour or six hours ago");
}
