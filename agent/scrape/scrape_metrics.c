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
    [SCRAPE_METRIC_TARGETS] = {.name = "cresset_agent_scrape_targets",
                               .kind = METRIC_GAUGE,
                               .help = "Types of profiles of targets that are scraped.",
                               .label = "health",
                               .label_values = healths},
    [SCRAPE_METRIC_SCRAPES] = {.name = "cresset_agent_scrapes_total",
                               .kind = METRIC_COUNTER,
                               .help = "Scrapes that ended, by how.",
                               .label = "result",
                               .label_values = results},
    [SCRAPE_METRIC_RETRIES] =
        {.name = "cresset_agent_scrape_retries_total",
         .kind = METRIC_COUNTER,
         .help = "Scrapes that failed and are tried again within their interval."},
    [SCRAPE_METRIC_MISSED] = {.name = "cresset_agent_scrape_missed_total",
                              .kind = METRIC_COUNTER,
                              .help =
                                  "Scrapes left out because the one before was still under way."},
    [SCRAPE_METRIC_BYTES] = {.name = "cresset_agent_scrape_bytes_total",
                             .kind = METRIC_COUNTER,
                             .help = "Bytes of answers, as they came."},
    [SCRAPE_METRIC_SECONDS] =
        {.name = "cresset_agent_scrape_seconds",
         .kind = METRIC_HISTOGRAM,
         .help = "Time of a scrape beyond the seconds of profiling that it asked for.",
         .buckets = seconds},
    [SCRAPE_METRIC_PROFILES] = {.name = "cresset_agent_scrape_profiles_total",
                                .kind = METRIC_COUNTER,
                                .help = "Profiles that were scraped and go to the server."},
    [SCRAPE_METRIC_PROFILE_BYTES] = {.name = "cresset_agent_scrape_profile_bytes_total",
                                     .kind = METRIC_COUNTER,
                                     .help = "Their bytes, before compression."},
    [SCRAPE_METRIC_SAMPLES_DROPPED] =
        {.name = "cresset_agent_scrape_samples_dropped_total",
         .kind = METRIC_COUNTER,
         .help = "Samples left out because their profile has more tables than "
                 "servers take."},
    [SCRAPE_METRIC_SKIPPED] = {.name = "cresset_agent_scrape_skipped_targets",
                               .kind = METRIC_GAUGE,
                               .help = "Targets that were asked for but cannot be scraped."},
    [SCRAPE_METRIC_DELTA_BYTES] =
        {.name = "cresset_agent_scrape_delta_bytes",
         .kind = METRIC_GAUGE,
         .help = "Memory for the last values of what counts from a program's start."},
    [SCRAPE_METRIC_IN_FLIGHT] = {.name = "cresset_agent_scrape_in_flight",
                                 .kind = METRIC_GAUGE,
                                 .help = "Scrapes under way."},
    [SCRAPE_METRIC_TOKENS] = {.name = "cresset_agent_scrape_token_requests_total",
                              .kind = METRIC_COUNTER,
                              .help = "Access tokens of oauth2 asked for, by what came of it.",
                              .label = "result",
                              .label_values = results},
};

Metrics *
scrape_metrics_new(void)
{
    return metrics_new(metric_rows, G_N_ELEMENTS(metric_rows));
}
