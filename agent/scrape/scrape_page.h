/* The targets of the scraper for people (HTML) and for programs (JSON). */
#pragma once
#include <glib.h>

#include "agent/scrape/scraper.h"

/* What else a page says of the agent; borrowed. */
typedef struct {
    const char *node;    /* its name */
    const char *summary; /* a line of plain text about what is profiled by eBPF; NULL: none */
} ScrapePageContext;

/* Appends a page; `query` of the URL may say health=down and the like, to show just those. */
void scrape_page_write_html(Scraper *scraper, const ScrapePageContext *context, const char *query,
                            GString *out);
/* Appends an object: "targets" with labels, url, type, health and the last scrape of each,
 * "skipped", and "file_error" where the file is not taken. */
void scrape_page_write_json(Scraper *scraper, GString *out);
