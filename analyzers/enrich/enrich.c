#include "analyzers/enrich/enrich.h"

#include "analyzers/enrich/log.h"
#include "analyzers/enrich/metric.h"
#include "analyzers/enrich/profile.h"

void
enrich_findings(Findings *findings, const Snapshot *snapshot, const EnrichOptions *options)
{
    enum { MS_US = 1000 };
    g_autoptr(Relations) relations = relations_new(snapshot);
    const CheckRun run = {.snapshot = snapshot,
                          .relations = relations,
                          .now_s = options->now_s,
                          .findings = findings};
    Enquiry enquiry = {.options = options,
                       .run = &run,
                       .findings = findings,
                       .until_us = g_get_monotonic_time() + options->time_ms * MS_US};
    metric_enrich(&enquiry);
    log_enrich(&enquiry);
    profile_enrich(&enquiry);
}
