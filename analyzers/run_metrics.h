/* What one run has found and done, as metrics. */
#pragma once
#include "analyzers/notify/notify_config.h"
#include "analyzers/run_sample.h"

typedef struct {
    State *state;
    const Findings *findings;
    const Snapshot *snapshot;
    const NotifyConfig *config;
    const char *cluster;
    int64_t now_s;
    double duration_s;
} RunMetrics;

/* The errors of the state. */
RunSamples *run_metrics_collect(const RunMetrics *metrics, GError **error);
