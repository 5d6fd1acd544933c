/* What one run has found and done, as metrics: the text format of Prometheus, version 0.0.4
 * (prometheus.io/docs/instrumenting/exposition_formats). */
#pragma once
#include "analyzers/notify/notify_config.h"

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
GString *run_metrics_text(const RunMetrics *metrics, GError **error);
/* Writes them to a file at once and whole, as a textfile collector reads it at any time. */
bool run_metrics_write(const GString *text, const char *path, GError **error);
/* Puts them to the URL of a group of a Pushgateway. UNAVAILABLE, or the errors of
 * http_client_send. */
bool run_metrics_push(const GString *text, const char *url, GError **error);
