#include "server/findings/findings.h"

#include "lib/base/error.h"
#include "lib/base/metrics.h"
#include "lib/base/text.h"
#include "server/findings/severity.h"

#define NS_PER_SECOND INT64_C(1000000000)

struct Findings {
    Store *store;
    TenantOverrides *overrides;
    Metrics *metrics;
};

enum { ROW_REPORTS, ROW_TRANSITIONS, ROW_OPEN };

enum { RESULT_ACCEPTED, RESULT_INVALID, RESULT_OLD, RESULT_LIMIT, RESULT_FAILED };
static const char *const results[] = {"accepted", "invalid", "old", "limit", "failed", NULL};
static const char *const types[] = {
    [FINDING_OPENED] = "opened",     [FINDING_CHANGED] = "changed", [FINDING_RESOLVED] = "resolved",
    [FINDING_REOPENED] = "reopened", [FINDING_FOLDED] = "folded",   NULL};

static const MetricRow rows[] = {
    [ROW_REPORTS] = {"cresset_server_findings_reports_total", METRIC_COUNTER,
                     "Reports of analyzers, by what became of them.", "result", results, NULL},
    [ROW_TRANSITIONS] = {"cresset_server_findings_transitions_total", METRIC_COUNTER,
                         "Findings that came, changed or went.", "type", types, NULL},
    [ROW_OPEN] = {"cresset_server_findings_open", METRIC_GAUGE,
                  "Open findings of all tenants, by severity.", "severity", finding_severities,
                  NULL},
};

Findings *
findings_new(Store *store, TenantOverrides *overrides)
{
    Findings *findings = g_new0(Findings, 1);
    findings->store = store;
    findings->overrides = overrides;
    findings->metrics = metrics_new(rows, G_N_ELEMENTS(rows));
    return findings;
}

void
findings_free(Findings *findings)
{
    if (findings == NULL)
        return;
    metrics_free(findings->metrics);
    g_free(findings);
}

/* A report on its way into the store. */
typedef struct {
    const FindingReport *report;
    const TenantLimits *limits;
    int64_t now_ns;
    FindingDiff *diff;
} Taking;

static bool
check_clock(const FindingReport *report, const TenantLimits *limits, int64_t now_ns, GError **error)
{
    if (limits->reject_newer_ns == 0 || report->clock_ns - now_ns <= limits->reject_newer_ns)
        return true;
    g_autofree char *clock = rfc3339_text(report->clock_ns / NS_PER_SECOND);
    return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                     "clock %s lies in the future, farther than reject_newer_than allows", clock);
}

static bool
change(FindingChange *change, void *data, GError **error)
{
    const Taking *taking = data;
    const FindingReport *report = taking->report;
    if (change->old != NULL && report->clock_ns < change->old->clock_ns) {
        g_autofree char *clock = rfc3339_text(report->clock_ns / NS_PER_SECOND);
        g_autofree char *newest = rfc3339_text(change->old->clock_ns / NS_PER_SECOND);
        return error_set(error, CRESSET_ERROR_ALREADY_EXISTS,
                         "clock %s is older than that of the newest report of cluster '%s', %s",
                         clock, report->cluster, newest);
    }
    if (change->n_other_clusters >= taking->limits->finding_clusters_max)
        return error_set(error, CRESSET_ERROR_OUT_OF_RANGE,
                         "cluster '%s' is one too many (max_finding_clusters is %" G_GINT64_FORMAT
                         ")",
                         report->cluster, taking->limits->finding_clusters_max);
    finding_diff(report, change, taking->diff);
    if (taking->diff->open > taking->limits->findings_max)
        return error_set(error, CRESSET_ERROR_OUT_OF_RANGE,
                         "cluster '%s' would have %" G_GINT64_FORMAT
                         " open findings, with those whose checks could not look "
                         "(max_findings_per_cluster is %" G_GINT64_FORMAT ")",
                         report->cluster, taking->diff->open, taking->limits->findings_max);
    change->cluster.clock_ns = report->clock_ns;
    change->cluster.received_ns = taking->now_ns;
    change->cluster.n_unverified = report->unverified->len;
    return true;
}

static bool
take(Findings *findings, const char *tenant, const FindingReport *report,
     const TenantLimits *limits, FindingDiff *ret_diff, GError **error)
{
    g_autoptr(GPtrArray) fingerprints = g_ptr_array_new();
    for (guint i = 0; i < report->findings->len; i++)
        g_ptr_array_add(fingerprints, ((const Finding *)report->findings->pdata[i])->fingerprint);
    Taking taking = {report, limits, g_get_real_time() * 1000, ret_diff};
    const FindingReportKey key = {.tenant = tenant,
                                  .cluster = report->cluster,
                                  .fingerprints = fingerprints,
                                  .silent_since_ns = taking.now_ns - limits->findings_retention_ns,
                                  .retention_ns = limits->findings_retention_ns,
                                  .transitions_max = limits->transitions_max};
    return check_clock(report, limits, taking.now_ns, error) &&
           store_finding_change(findings->store, &key, change, &taking, error);
}

static size_t
result_of(const GError *error)
{
    if (error == NULL)
        return RESULT_ACCEPTED;
    if (g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_INVALID_ARGUMENT))
        return RESULT_INVALID;
    if (g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_ALREADY_EXISTS))
        return RESULT_OLD;
    return g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_OUT_OF_RANGE) ? RESULT_LIMIT
                                                                             : RESULT_FAILED;
}

bool
findings_report(Findings *findings, const char *tenant, const void *text, size_t size,
                FindingDiff *ret_diff, GError **error)
{
    TenantLimits limits;
    GError *failure = NULL;
    tenant_overrides_get(findings->overrides, tenant, &limits);
    const FindingReportLimits report_limits = {limits.findings_max, limits.finding_text_max};
    g_autoptr(FindingReport) report = finding_report_decode(text, size, &report_limits, &failure);
    if (report != NULL && take(findings, tenant, report, &limits, ret_diff, &failure)) {
        for (size_t i = 0; i < FINDING_TRANSITION_TYPES; i++)
            metrics_add(findings->metrics, ROW_TRANSITIONS, i, (double)ret_diff->n[i]);
    }
    metrics_add(findings->metrics, ROW_REPORTS, result_of(failure), 1);
    if (failure == NULL)
        return true;
    g_propagate_error(error, failure);
    return false;
}

void
findings_write_metrics(Findings *findings, GString *out)
{
    int64_t counts[FINDING_SEVERITIES];
    if (store_finding_count_open(findings->store, counts, NULL)) {
        for (size_t i = 0; i < FINDING_SEVERITIES; i++)
            metrics_set(findings->metrics, ROW_OPEN, i, (double)counts[i]);
    }
    metrics_write(findings->metrics, out);
}
