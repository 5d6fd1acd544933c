/* What one enrichment asks of back ends, and how much it still may. Internal to
 * analyzers/enrich. */
#pragma once
#include "analyzers/enrich/enrich.h"

typedef struct {
    const EnrichOptions *options;
    const CheckRun *run;      /* snapshot, relations and clock */
    const Findings *findings; /* the first n_roots are to be enriched */
    int64_t n_queries, n_log_reads;
    int64_t until_us; /* monotonic */
} Enquiry;

/* Counts one question to a back end, or one read of a log. False with the reason in *ret_why (free
 * with g_free) when a budget is used up. */
bool enquiry_take(Enquiry *enquiry, TelemetrySource source, char **ret_why);
/* Takes one and sends a call, its timeout cut to the time that is left. False with the reason in
 * *ret_why (free with g_free): the back end does not answer, or a budget is used up. */
bool enquiry_ask(Enquiry *enquiry, TelemetrySource source, const TelemetryCall *call,
                 GBytes **ret_body, char **ret_why);
/* Adds "(metrics not available: …)"; once per finding and back end. */
void enquiry_say_failed(Finding *finding, TelemetrySource source, const char *why);

/* Whether the check of a finding is one of these ids, separated by spaces; * stands for any
 * letters. */
bool enquiry_is_about(const Finding *finding, const char *checks);
