/* Counters, gauges and histograms declared as table rows, and their Prometheus text exposition
 * (https://prometheus.io/docs/instrumenting/exposition_formats/, version 0.0.4). */
#pragma once
#include <glib.h>
#include <stdint.h>

typedef enum { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM } MetricKind;

/* One metric. `label` is the single label name, or NULL; `label_values` lists its values, NULL at
 * the end, and a value is addressed by its position. `buckets` are ascending upper bounds of a
 * histogram, 0 at the end. Units stand last in the name, as Prometheus wants them. */
typedef struct {
    const char *name;
    MetricKind kind;
    const char *help;
    const char *label;
    const char *const *label_values;
    const double *buckets;
} MetricRow;

typedef struct Metrics Metrics;

/* `rows` must outlive the result. */
Metrics *metrics_new(const MetricRow *rows, size_t n_rows);
void metrics_free(Metrics *metrics);

/* All of these may be called from any thread. `row` is the index in the table, `label` the position
 * in label_values (0 where there is no label). */
void metrics_add(Metrics *metrics, size_t row, size_t label, double amount);
void metrics_set(Metrics *metrics, size_t row, size_t label, double value);
void metrics_observe(Metrics *metrics, size_t row, size_t label, double value);
double metrics_get(Metrics *metrics, size_t row, size_t label);

/* Appends the exposition of every row. */
void metrics_write(Metrics *metrics, GString *out);
/* Appends a label's value as it stands between quotes there, and in PromQL. */
void metrics_append_label_value(GString *out, const char *value);

/* Appends the standard process_* metrics of this process (CPU seconds, resident bytes, open file
 * descriptors, start time) and cresset_build_info with the version. */
void metrics_write_process(GString *out, const char *program);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Metrics, metrics_free)
