#include "agent/scrape/scrape_metrics.h"

#include "agent/scrape/scrape_result.h"

static const char *const results[] = {
#define X(name, text, help) text,
    SCRAPE_RESULTS(X)
#undef X
        NULL};
static const char *const healths[] = {"unknown", "up", "down", "absent", NULL};
static const double seconds[] = {0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 0};

static const MetricRow metric_rows[] = {
    [SCRAPE_METRIC_TARGETS] = {"cresset_agent_scrape_targets", METRIC_GAUGE,
                               "Types of profiles of targets that are scraped.", "health", healths},
    [SCRAPE_METRIC_SCRAPES] = {"cresset_agent_scrapes_total", METRIC_COUNTER,
                               "Scrapes that ended, by how.", "result", results},
    [SCRAPE_METRIC_RETRIES] = {"cresset_agent_scrape_retries_total", METRIC_COUNTER,
                               "Scrapes that failed and are tried again within their interval."},
    [SCRAPE_METRIC_MISSED] = {"cresset_agent_scrape_missed_total", METRIC_COUNTER,
                              "Scrapes left out because the one before was still under way."},
    [SCRAPE_METRIC_BYTES] = {"cresset_agent_scrape_bytes_total", METRIC_COUNTER,
                             "Bytes of answers, as they came."},
    [SCRAPE_METRIC_SECONDS] =
        {"cresset_agent_scrape_seconds", METRIC_HISTOGRAM,
         "Time of a scrape beyond the seconds of profiling that it asked for.", .buckets = seconds},
    [SCRAPE_METRIC_PROFILES] = {"cresset_agent_scrape_profiles_total", METRIC_COUNTER,
                                "Profiles that were scraped and go to the server."},
    [SCRAPE_METRIC_PROFILE_BYTES] = {"cresset_agent_scrape_profile_bytes_total", METRIC_COUNTER,
                                     "Their bytes, before compression."},
    [SCRAPE_METRIC_SAMPLES_DROPPED] =
        {"cresset_agent_scrape_samples_dropped_total", METRIC_COUNTER,
         "Samples left out because their profile has more tables than "
         "servers take."},
    [SCRAPE_METRIC_SKIPPED] = {"cresset_agent_scrape_skipped_targets", METRIC_GAUGE,
                               "Targets that were asked for but cannot be scraped."},
    [SCRAPE_METRIC_DELTA_BYTES] =
        {"cresset_agent_scrape_delta_bytes", METRIC_GAUGE,
         "Memory for the last values of what counts from a program's start."},
    [SCRAPE_METRIC_IN_FLIGHT] = {"cresset_agent_scrape_in_flight", METRIC_GAUGE,
                                 "Scrapes under way."},
};

Metrics *
scrape_metrics_new(void)
{
    return metrics_new(metric_rows, G_N_ELEMENTS(metric_rows));
}
