/* The metrics of the scraper, cresset_agent_scrape_*. */
#pragma once
#include "lib/base/metrics.h"

/* Rows. Labels: of TARGETS a ScrapeHealth, of SCRAPES and TOKENS a ScrapeResult. */
enum {
    SCRAPE_METRIC_TARGETS,
    SCRAPE_METRIC_SCRAPES,
    SCRAPE_METRIC_RETRIES,
    SCRAPE_METRIC_MISSED,
    SCRAPE_METRIC_BYTES,
    SCRAPE_METRIC_SECONDS,
    SCRAPE_METRIC_PROFILES,
    SCRAPE_METRIC_PROFILE_BYTES,
    SCRAPE_METRIC_SAMPLES_DROPPED,
    SCRAPE_METRIC_SKIPPED,
    SCRAPE_METRIC_DELTA_BYTES,
    SCRAPE_METRIC_IN_FLIGHT,
    SCRAPE_METRIC_TOKENS,
};

Metrics *scrape_metrics_new(void);
