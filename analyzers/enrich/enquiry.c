#include "analyzers/enrich/enquiry.h"

/* Why nothing may be asked any more; NULL: it may be. */
static char *
find_limit(const Enquiry *enquiry, TelemetrySource source)
{
    const EnrichOptions *options = enquiry->options;
    if (g_get_monotonic_time() >= enquiry->until_us)
        return g_strdup_printf("the %" G_GINT64_FORMAT " s of --evidence-time are over",
                               options->time_ms / 1000);
    if (source == SOURCE_LOGS && enquiry->n_log_reads >= options->log_reads_max)
        return g_strdup_printf("the %" G_GINT64_FORMAT " of --evidence-log-reads are used up",
                               options->log_reads_max);
    if (source != SOURCE_LOGS && enquiry->n_queries >= options->queries_max)
        return g_strdup_printf("the %" G_GINT64_FORMAT " of --evidence-queries are used up",
                               options->queries_max);
    return NULL;
}

bool
enquiry_take(Enquiry *enquiry, TelemetrySource source, char **ret_why)
{
    if ((*ret_why = find_limit(enquiry, source)) != NULL)
        return false;
    *(source == SOURCE_LOGS ? &enquiry->n_log_reads : &enquiry->n_queries) += 1;
    return true;
}

bool
enquiry_ask(Enquiry *enquiry, TelemetrySource source, const TelemetryCall *call, GBytes **ret_body,
            char **ret_why)
{
    enum { MS_US = 1000 };
    TelemetryCall bounded = *call;
    g_auto(TelemetryOutcome) outcome = {0};
    *ret_body = NULL;
    if (enquiry->options->matchers_problem != NULL) {
        *ret_why = g_strdup(enquiry->options->matchers_problem);
        return false;
    }
    if (!enquiry_take(enquiry, source, ret_why))
        return false;
    int64_t left_ms = (enquiry->until_us - g_get_monotonic_time()) / MS_US;
    bounded.timeout_ms = CLAMP(left_ms, 1, TELEMETRY_TIMEOUT_MS);
    if (telemetry_api_call(enquiry->options->apis[source], &bounded, NULL, ret_body, &outcome))
        return true;
    *ret_why = g_steal_pointer(&outcome.why);
    return false;
}

void
enquiry_say_failed(Finding *finding, TelemetrySource source, const char *why)
{
    g_autofree char *prefix = g_strdup_printf("(%s not available: ", telemetry_source_name(source));
    for (guint i = 0; i < finding->evidence->len; i++) {
        if (g_str_has_prefix(finding->evidence->pdata[i], prefix))
            return;
    }
    finding_evidence(finding, "%s%s)", prefix, why);
}

bool
enquiry_is_about(const Finding *finding, const char *checks)
{
    g_auto(GStrv) ids = g_strsplit(checks, " ", -1);
    for (guint i = 0; ids[i] != NULL; i++) {
        if (g_pattern_match_simple(ids[i], finding->check->id))
            return true;
    }
    return false;
}
