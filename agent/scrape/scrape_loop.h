/* The scrapes of one target over time: when the next one is, what the last ones were. Owned by the
 * thread of the scraper, which takes its lock for changes. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/scrape/schedule.h"
#include "agent/scrape/scrape_result.h"
#include "agent/scrape/scrape_target.h"
#include "lib/net/http_multi.h"
#include "lib/pprof/delta.h"

/* A type that is not offered (404) is asked for ever more seldom, up to once in so many intervals.
 */
enum { SCRAPE_ABSENT_INTERVALS_MAX = 40 };

typedef enum {
    SCRAPE_HEALTH_UNKNOWN, /* not scraped yet */
    SCRAPE_HEALTH_UP,
    SCRAPE_HEALTH_DOWN,
    SCRAPE_HEALTH_ABSENT, /* the target does not offer this type */
    SCRAPE_N_HEALTHS
} ScrapeHealth;

typedef struct {
    ScrapeTarget *target;
    PprofDelta *delta; /* NULL: none is made */
    uint32_t hash;
    Schedule schedule;
    int64_t due_us;
    bool is_retry; /* the scrape that is due or under way is the second in its interval */
    unsigned n_absent;
    /* Under way: */
    HttpTransfer *transfer; /* NULL: nothing is */
    void *request;          /* what it borrows, freed by the scraper */
    bool waits_for_token;   /* it is not sent yet */
    int64_t begun_us, asked_seconds;
    /* Told about it: */
    ScrapeHealth health;
    ScrapeResult result; /* of the last scrape */
    char *error;         /* of the last one, where it failed; else NULL */
    int64_t ended_us;    /* 0: none has */
    int64_t duration_us;
    uint64_t body_bytes;         /* of the last one */
    uint64_t n_sent, sent_bytes; /* profiles since the start, and their plain bytes */
    unsigned n_failures;         /* in a row */
    size_t delta_bytes;          /* that the delta keeps */
} ScrapeLoop;

/* Whether a scrape is under way. */
bool scrape_loop_is_busy(const ScrapeLoop *loop);

/* Takes the target over. */
ScrapeLoop *scrape_loop_new(ScrapeTarget *target, int64_t now_us);
/* Nothing may be under way. */
void scrape_loop_free(ScrapeLoop *loop);

/* Replaces the target by an equal one of a job that was read again. Takes it over. */
void scrape_loop_set_target(ScrapeLoop *loop, ScrapeTarget *target, int64_t now_us);
/* Begins a scrape, and sets when the next one is due. */
void scrape_loop_begin(ScrapeLoop *loop, int64_t now_us);
/* Leaves a scrape out, as the one before is still under way. */
void scrape_loop_miss(ScrapeLoop *loop, int64_t now_us);
/* Ends it. `error` is taken over; NULL where nothing failed. True when it is tried again within the
 * interval. `retry_after_ms` is what the target asked for; 0: nothing. */
bool scrape_loop_end(ScrapeLoop *loop, ScrapeResult result, char *error, int64_t retry_after_ms,
                     int64_t now_us);

/* "up" */
const char *scrape_health_text(ScrapeHealth health);
