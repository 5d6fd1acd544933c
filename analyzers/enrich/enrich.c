#include "analyzers/enrich/enrich.h"

#include "analyzers/checks/rollout.h"
#include "analyzers/enrich/log.h"
#include "analyzers/enrich/metric.h"
#include "analyzers/enrich/profile.h"

/* What a roll-out may have begun. */
static bool
may_be_rolled_out(const Finding *finding)
{
    Stage stage = finding->check->stage;
    return stage == STAGE_CONTAINER || stage == STAGE_READINESS || stage == STAGE_WORKLOAD;
}

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
    for (guint i = 0; i < findings->n_roots; i++) {
        if (may_be_rolled_out(findings->all->pdata[i]))
            rollout_explain(&run, findings->all->pdata[i]);
    }
    metric_enrich(&enquiry);
    log_enrich(&enquiry);
    profile_enrich(&enquiry);
}
