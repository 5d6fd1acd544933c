/* The access token of a scrape job with oauth2: fetched from its token server when it is needed,
 * and kept until shortly before it ends or a target refuses it. Owned by the scraper's thread. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/scrape/scrape_auth.h"
#include "agent/scrape/scrape_result.h"
#include "lib/net/http_multi.h"

enum {
    SCRAPE_TOKEN_REPLY_MAX = 64 * 1024,
    SCRAPE_TOKEN_TIMEOUT_MS = 10 * 1000,
    SCRAPE_TOKEN_MARGIN_S = 10, /* so long before its end it is not used any more, as in Go */
    /* A token that is refused, and a server that gives none, are not asked about more often. */
    SCRAPE_TOKEN_PAUSE_US = 5 * G_USEC_PER_SEC,
};

typedef struct ScrapeToken ScrapeToken;

/* Borrows `oauth2`, which was checked. */
ScrapeToken *scrape_token_new(const ScrapeOAuth2 *oauth2);
/* No fetch may be under way. NULL is allowed. */
void scrape_token_free(ScrapeToken *token);

/* The token, or NULL when there is none in force. Times are those of g_get_monotonic_time. */
const char *scrape_token_value(const ScrapeToken *token, int64_t now_us);
/* Why the last fetch failed, as long as it is not worth another one; else NULL. */
const GError *scrape_token_failure(const ScrapeToken *token, int64_t now_us);
bool scrape_token_is_pending(const ScrapeToken *token);

/* Called within http_multi_run for each answer of the token server, or failure: SCRAPE_OK where
 * there is a token now. It is asked once more, in another way, when `is_ended` is false. */
typedef void (*ScrapeTokenFunc)(ScrapeResult result, bool is_ended, void *user);

/* Begins a fetch; none may be under way. False when there is none, and scrape_token_failure says
 * why: nobody is called then. */
bool scrape_token_fetch(ScrapeToken *token, HttpMulti *multi, ScrapeTokenFunc func, void *user);
/* Ends one that is under way, without telling. */
void scrape_token_cancel(ScrapeToken *token, HttpMulti *multi);

/* A target refused it in a scrape that began at that time: if it is older it is not used again. */
void scrape_token_refuse(ScrapeToken *token, int64_t begun_us, int64_t now_us);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ScrapeToken, scrape_token_free)
