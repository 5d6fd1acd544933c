/* What a scraper is made of. Private to scraper.c and scraper_scrape.c. */
#pragma once
#include "agent/scrape/scrape_metrics.h"
#include "agent/scrape/scraper.h"
#include "lib/base/reloaded_file.h"

typedef struct {
    GPtrArray *jobs; /* ScrapeJob */
} ScraperJobs;

struct Scraper {
    ScrapeSinkFunc sink;
    void *sink_data;
    Discovery *discovery;
    char *tenant_label;
    ReloadedFile *file;       /* NULL: none */
    ScrapeJob *own_job;       /* of annotations; NULL: none */
    HttpMulti *multi;         /* all of these are the thread's */
    GPtrArray *token_fetches; /* ScraperTokenFetch: under way */
    GByteArray *profile;      /* the one that is being read */
    ScraperJobs *box;         /* what targets were made of: of the file, a reference, and */
    uint64_t pods_seen;       /* a version of the pods */
    bool has_targets;
    int64_t looked_us, due_us; /* the last look, and when the next scrape is due */
    GThread *thread;
    gint is_stopping;
    GMutex lock;        /* for what follows; only the thread changes it */
    GHashTable *loops;  /* key → ScrapeLoop */
    GPtrArray *skipped; /* char * */
    char *file_error;   /* of a file that is not taken; NULL: it is good */
    Metrics *metrics;
};

/* ---- Of the thread. ---- */

/* Begins what is due, and finds when the next is. */
void scraper_begin_due(Scraper *scraper, int64_t now_us);
/* Ends what is under way of a loop, without telling, and frees it. */
void scraper_drop_loop(Scraper *scraper, ScrapeLoop *loop);
/* Ends a fetch of an access token, without telling. */
void scraper_token_fetch_free(void *fetch);
