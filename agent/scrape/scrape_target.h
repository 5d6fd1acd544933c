/* What is scraped: one type of profile of one address, with the labels that it is sent with. Made
 * from jobs and the pods of the node. Immutable. */
#pragma once
#include <glib.h>
#include <stdbool.h>

#include "agent/scrape/scrape_job.h"

/* On one node; more are not scraped, which is said. */
enum { SCRAPE_LOOPS_MAX = 10000, SCRAPE_SKIPPED_MAX = 100 };

typedef struct {
    ScrapeJob *job;
    const ScrapeProfile *profile; /* of the job */
    LabelSet *labels;             /* with __name__, and __delta__ where deltas are made here */
    char *url;                    /* without the seconds */
    char *key;                    /* equal for equal job, labels and URL */
    int64_t start_ns; /* of what it is scraped from, since 1970, rounded up; 0: not known */
} ScrapeTarget;

void scrape_target_free(ScrapeTarget *target);

/* The URL of a scrape; `seconds` 0: it is not asked for any. The caller frees. */
char *scrape_target_url(const ScrapeTarget *target, int64_t seconds);

typedef struct {
    GHashTable *targets; /* key → ScrapeTarget, both owned by the target */
    GPtrArray *skipped;  /* char *: what was asked for but is no target, and why */
} ScrapeTargets;

/* All targets of these jobs (ScrapeJob) and pods (Pod). `tenant_label`: the label of pods whose
 * value is the tenant of their profiles, __tenant_id__; NULL or "": none. */
ScrapeTargets *
scrape_targets_new(const GPtrArray *jobs, const GPtrArray *pods, const char *tenant_label);
void scrape_targets_free(ScrapeTargets *targets);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ScrapeTarget, scrape_target_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ScrapeTargets, scrape_targets_free)
