/* Scrapes profiles from programs that offer them over HTTP, as Grafana Alloy's pyroscope.scrape
 * does: one thread for all targets. What it scrapes are the jobs of a file, which is read again
 * when it changes, and what pods of the node ask for by annotations. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/discovery/discovery.h"
#include "agent/scrape/scrape_loop.h"
#include "lib/relabel/label_set.h"

typedef struct Scraper Scraper;

/* Takes a profile: its labels and plain pprof, both borrowed. Called by the scraper's thread. */
typedef void (*ScrapeSinkFunc)(const LabelSet *labels, const uint8_t *pprof, size_t size,
                               void *data);

typedef struct {
    const char *file;     /* of jobs; NULL or "": none */
    bool has_annotations; /* pods are asked by their annotations, unless a job of the file does */
    Discovery *discovery; /* tells of the pods; outlives the scraper; NULL: no pods */
    const char *tenant_label; /* of pods, whose value is the tenant; NULL or "": none */
    ScrapeSinkFunc sink;
    void *sink_data;
} ScraperConfig;

/* Starts the thread. NULL with *error when the file is not good, with its line. */
Scraper *scraper_new(const ScraperConfig *config, GError **error);
/* Ends what is under way. NULL is allowed. */
void scraper_free(Scraper *scraper);

/* Called for each target and type, sorted by job, URL and labels, while the scraper's lock is held.
 */
typedef void (*ScrapeLoopFunc)(const ScrapeLoop *loop, void *data);
void scraper_each_loop(Scraper *scraper, ScrapeLoopFunc func, void *data);
/* What was asked for but cannot be scraped, and why. The caller frees. */
GStrv scraper_skipped(Scraper *scraper);

/* Why a file that was changed is not taken, or NULL. The caller frees. */
char *scraper_file_error(Scraper *scraper);
/* Appends cresset_agent_scrape_*. Any thread. */
void scraper_write_metrics(Scraper *scraper, GString *out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Scraper, scraper_free)
