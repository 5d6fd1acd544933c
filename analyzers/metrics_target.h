/* Where the metrics of a run go. */
#pragma once
#include "analyzers/backends.h"
#include "analyzers/run_sample.h"

typedef struct {
    char *file, *pushgateway_url;
    BackendOptions remote_write;
} MetricsTargetOptions;

/* Rows of an option table for a MetricsTargetOptions that is member `field` of `type`, which has a
 * BackendsOptions too. */
#define METRICS_TARGET_ROWS(type, field)                                                           \
    BACKEND_ROW(type, "metrics-file", OPTION_STRING, "FILE",                                       \
                "Where to leave metrics of the run, as for node_exporter's textfile collector.",   \
                field.file),                                                                       \
        BACKEND_ROW(type, "metrics-url", OPTION_STRING, "URL",                                     \
                    "Group of a Pushgateway to put them to: "                                      \
                    "http://HOST:9091/metrics/job/cresset-analyzer.",                              \
                    field.pushgateway_url),                                                        \
        BACKEND_ROWS(type, field.remote_write, "remote-write", "remote write",                     \
                     "Where to send metrics of the run by Prometheus remote write: "               \
                     "http://mimir/api/v1/push.")

/* Where they go, opened. */
typedef struct {
    const MetricsTargetOptions *options;
    TelemetryApi *remote_write; /* NULL: not there */
} MetricsTarget;

/* `tenant` is that of other back ends. INVALID_ARGUMENT that names the option. */
bool metrics_target_open(const MetricsTargetOptions *options, const char *tenant,
                         MetricsTarget *ret_target, GError **error);
void metrics_target_clear(MetricsTarget *target);
/* Whether they go anywhere. */
bool metrics_target_is_any(const MetricsTarget *target);
/* Writes the file, at once and whole, as a collector reads it at any time; false with the errors of
 * that. What is sent and does not arrive is only said on stderr: the next run has newer ones. */
bool metrics_target_leave(const MetricsTarget *target, const RunSamples *samples, int64_t now_s,
                          GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(MetricsTarget, metrics_target_clear)
