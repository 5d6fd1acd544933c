/* The way of a sample out of the agent: counted into the window on the loop thread, symbolized and
 * encoded on the exporter's own thread when the window ends, then handed to the shipper. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/discovery/discovery.h"
#include "agent/export/shipper.h"
#include "agent/sample/sample.h"
#include "agent/symbolize/symbolizer.h"

typedef struct Exporter Exporter;

typedef struct {
    Shipper *shipper; /* takes the profiles; outlives the exporter */
    SymbolizerConfig symbolizer;
    Discovery *discovery;      /* names the processes; outlives the exporter */
    const char *node;          /* NULL: the name of this host */
    const char *const *labels; /* "KEY=VALUE", NULL at the end; NULL: none */
    int64_t period_ns;         /* sampling interval */
    size_t window_bytes_max;   /* a window that holds more ends early; 0: 16 MiB */
} ExporterConfig;

/* INVALID_ARGUMENT when a label is malformed. */
Exporter *exporter_new(const ExporterConfig *config, GError **error);

/* Adds a sample to the current window: a SampleFunc, `exporter` is its data. Loop thread. */
void exporter_add(const Sample *sample, void *exporter);
/* Sends a plain pprof that was made elsewhere, with its labels and those of --label that it does
 * not have: a ScrapeSinkFunc, `exporter` is its data. Any thread. */
void exporter_push(const LabelSet *labels, const uint8_t *pprof, size_t size, void *exporter);
/* Processes that the last window made profiles of. Any thread. */
unsigned exporter_processes(Exporter *exporter);
/* Ends the window, hands it over and begins the next. Loop thread, once per window. */
void exporter_end_window(Exporter *exporter);
/* Ends the window and waits at most `timeout_ms` until everything is symbolized and handed over. */
void exporter_stop(Exporter *exporter, int64_t timeout_ms);
void exporter_free(Exporter *exporter);

/* Appends a line when windows have long been without samples. Loop thread. */
void exporter_check(const Exporter *exporter, GString *out);
/* Appends the metrics cresset_agent_* of windows and symbols. Any thread. */
void exporter_write_metrics(Exporter *exporter, GString *out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Exporter, exporter_free)
