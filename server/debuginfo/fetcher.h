/* Debug files that nobody uploaded, from debuginfod servers: asked for once per build id, each in a
 * process of its own (fetch.h), a few at a time, and kept in elfutils' cache in a folder of the
 * data directory. Tenants share them: a build id says what a file is, and the servers are the
 * operator's choice. From any thread. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct DebugFetcher DebugFetcher;

/* How many files are fetched at a time, and how many may wait for that: what comes on top is asked
 * for by a later query. */
#define DEBUG_FETCHES_MAX        4
#define DEBUG_FETCHES_QUEUED_MAX 256
/* How long the failure to get a file is remembered, seconds: as long as elfutils does. */
#define DEBUG_FETCH_RETRY_S 600

typedef struct {
    const char *dir;         /* of the cache */
    const char *const *urls; /* of the servers, NULL at the end */
    int64_t wait_ns; /* how long a query waits for a file, from when it was first asked for */
    int64_t file_bytes_max;  /* of one file */
    int64_t cache_bytes_max; /* of all files; 0 is no limit */
    const char *program;     /* NULL: this program; started as fetch.h says */
    /* Told once of each build id whose file could not be had; from any thread. */
    void (*notice)(const char *build_id, const char *text, void *data);
    void *notice_data;
} DebugFetcherConfig;

/* Strings of `config` are copied, but for the program, which must outlive it. */
DebugFetcher *debug_fetcher_new(const DebugFetcherConfig *config);
/* Breaks off what is under way and starts nothing more; who waits goes on. NULL is allowed. */
void debug_fetcher_stop(DebugFetcher *fetcher);
/* Stops first; takes a second or two while something is under way. NULL is allowed. */
void debug_fetcher_free(DebugFetcher *fetcher);

/* A descriptor of the file, or -1: then it is fetched from now on, unless it is under way or failed
 * lately, or the build id is not hexadecimal. Never waits. */
int debug_fetcher_open(DebugFetcher *fetcher, const char *build_id);

/* Waits until none of these files is under way, each at most wait_ns since it was first asked for.
 * True when one of them is there. */
bool debug_fetcher_wait(DebugFetcher *fetcher, const char *const *build_ids);

/* Appends cresset_server_debuginfod_… as Prometheus text. */
void debug_fetcher_write_metrics(DebugFetcher *fetcher, GString *out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DebugFetcher, debug_fetcher_free)
