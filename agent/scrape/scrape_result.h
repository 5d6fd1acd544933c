/* How a scrape ended: what is counted, and said of a target. */
#pragma once
#include "lib/net/http_multi.h"

/* Name, value of the label `result`, and what a person reads. */
#define SCRAPE_RESULTS(X)                                                                          \
    X(SCRAPE_OK, "ok", "up")                                                                       \
    X(SCRAPE_FIRST, "first", "first of a delta: the next one is sent")                             \
    X(SCRAPE_EMPTY, "empty", "nothing in it")                                                      \
    X(SCRAPE_DNS, "dns", "no address for the host")                                                \
    X(SCRAPE_REFUSED, "refused", "no connection")                                                  \
    X(SCRAPE_TLS, "tls", "no trusted TLS")                                                         \
    X(SCRAPE_TIMEOUT, "timeout", "no whole answer in time")                                        \
    X(SCRAPE_CUT, "cut", "the connection broke")                                                   \
    X(SCRAPE_HTTP_3XX, "http_3xx", "a redirect that is not followed")                              \
    X(SCRAPE_HTTP_404, "http_404", "not offered there; asked for ever more seldom")                \
    X(SCRAPE_HTTP_4XX, "http_4xx", "refused by the target")                                        \
    X(SCRAPE_HTTP_5XX, "http_5xx", "failed in the target")                                         \
    X(SCRAPE_NOT_PROFILE, "not_profile", "the answer is no profile")                               \
    X(SCRAPE_TOO_LARGE, "too_large", "the answer is larger than body_size_limit")                  \
    X(SCRAPE_BOMB, "bomb", "the profile is unpacked larger than profile_size_limit")               \
    X(SCRAPE_MALFORMED, "malformed", "a damaged profile")                                          \
    X(SCRAPE_SECRET, "secret", "a token, password or certificate cannot be read")                  \
    X(SCRAPE_TOKEN, "token", "the token server gives no access token")

typedef enum {
#define X(name, text, help) name,
    SCRAPE_RESULTS(X)
#undef X
        SCRAPE_N_RESULTS
} ScrapeResult;

/* Of an exchange without a reply, and of a status. */
ScrapeResult scrape_result_of_failure(HttpFailure failure);
ScrapeResult scrape_result_of_status(int status);

/* "http_404" */
const char *scrape_result_text(ScrapeResult result);
/* The same for people. */
const char *scrape_result_help(ScrapeResult result);
