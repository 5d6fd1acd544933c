/* The HTTP request of one scrape, with all that it borrows. */
#pragma once
#include <glib.h>
#include <stdint.h>

#include "agent/scrape/scrape_target.h"
#include "lib/net/http_client.h"

typedef struct {
    HttpClientRequest http;
    ScrapeJob *job; /* its client sends it */
    char *url, *authorization;
    GPtrArray *headers;
    GBytes *certificate, *key;
} ScrapeRequest;

/* Reads token, password and certificate from their files, as these are replaced while the program
 * runs. NULL with *error, which names the file, when one cannot be read. `seconds` 0: the profile
 * takes none. `access_token` is that of the job's oauth2; NULL: it has none. */
ScrapeRequest *scrape_request_new(const ScrapeTarget *target, int64_t seconds,
                                  const char *access_token, GError **error);
void scrape_request_free(ScrapeRequest *request);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ScrapeRequest, scrape_request_free)
