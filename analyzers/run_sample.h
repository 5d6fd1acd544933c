/* Samples of metrics, and their forms: text of Prometheus, version 0.0.4
 * (prometheus.io/docs/instrumenting/exposition_formats), and the message of remote write. */
#pragma once
#include <glib.h>
#include <stdint.h>

typedef struct RunSamples RunSamples;

/* Each sample gets the label `cluster`. */
RunSamples *run_samples_new(const char *cluster);
void run_samples_free(RunSamples *samples);
/* Begins a metric; its texts live as long as the samples. */
void run_samples_begin(RunSamples *samples, const char *name, const char *type, const char *help);
/* Adds one of it, with labels of its own: name, value, …, NULL; or NULL for none. */
void run_samples_add(RunSamples *samples, const char *const *labels, double value);

/* Free with g_string_free. */
GString *run_samples_text(const RunSamples *samples);
/* All of them at one time, with the label job="cresset-analyzer". */
GBytes *run_samples_write_request(const RunSamples *samples, int64_t time_ms);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(RunSamples, run_samples_free)
