/* The file of --scrape-file: scrape jobs in YAML, with the arguments of Grafana Alloy's
 * pyroscope.scrape as keys. docs/scraping.md describes it. */
#pragma once
#include <glib.h>

#include "agent/scrape/scrape_job.h"

/* What a file may have. */
enum { SCRAPE_JOBS_MAX = 100, SCRAPE_TARGETS_MAX = 5000, SCRAPE_TARGET_LABELS_MAX = 64 };

/* The jobs of a file, ScrapeJob; free with g_ptr_array_unref. NULL with INVALID_ARGUMENT, which
 * begins with "path:line: " and names the key. */
GPtrArray *scrape_file_load(const char *path, GError **error);
/* The same of a text; `path` names it in errors. */
GPtrArray *scrape_file_parse(const char *text, size_t size, const char *path, GError **error);
