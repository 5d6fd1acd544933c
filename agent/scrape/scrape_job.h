/* A scrape job: a group of targets, what is asked of them, how and how often. What Grafana Alloy's
 * pyroscope.scrape takes as arguments, with its defaults. Immutable but for the token, which only
 * the thread that scrapes may touch, and shared by reference between threads. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/scrape/profile_type.h"
#include "agent/scrape/scrape_auth.h"
#include "agent/scrape/scrape_token.h"
#include "lib/net/http_client.h"
#include "lib/relabel/label_set.h"
#include "lib/relabel/relabel.h"

enum {
    SCRAPE_INTERVAL_DEFAULT_S = 15,
    SCRAPE_TIMEOUT_DEFAULT_S = 10,
    SCRAPE_INTERVAL_MIN_S = 2,
    SCRAPE_INTERVAL_MAX_S = 24 * 3600,
    SCRAPE_BODY_BYTES_DEFAULT = 8 * 1024 * 1024,     /* as it comes over the wire */
    SCRAPE_PROFILE_BYTES_DEFAULT = 16 * 1024 * 1024, /* unpacked */
};

/* One type of profile as a job wants it. */
typedef struct {
    char *name, *path;
    const ProfileType *type; /* NULL: a custom one */
    bool is_on, takes_seconds;
} ScrapeProfile;

/* Where a job has targets from, beside those that it names itself. */
typedef enum {
    SCRAPE_ROLE_NONE,
    SCRAPE_ROLE_POD,         /* every port of every pod of the node, for relabel rules to choose */
    SCRAPE_ROLE_ANNOTATIONS, /* what pods of the node ask for by profiles.grafana.com/… */
} ScrapeRole;

typedef struct {
    char *name;
    int64_t interval_us, timeout_us;
    int64_t seconds; /* of profiles that are asked for seconds */
    char *scheme;    /* "http" or "https" */
    char *path_prefix;
    GHashTable *params; /* text to GStrv; NULL: none */
    GStrv headers;      /* "Name: value"; NULL: none */
    ScrapeAuth auth;
    char *ca_file, *certificate_file, *key_file, *tls_server_name, *proxy_url;
    bool tls_unchecked, follows_redirects, uses_http2;
    int64_t body_bytes_max, profile_bytes_max;
    GArray *profiles; /* ScrapeProfile: those of profile_types in their order, then custom ones */
    ScrapeRole role;
    GPtrArray *targets; /* LabelSet, each with an __address__ */
    RelabelRules *rules;
    HttpClient *client; /* set by scrape_job_finish */
    ScrapeToken *token; /* likewise: of oauth2, the one part that changes; NULL: none */
} ScrapeJob;

/* With the defaults; one reference. */
ScrapeJob *scrape_job_new(void);
ScrapeJob *scrape_job_ref(ScrapeJob *job);
/* NULL is allowed. */
void scrape_job_unref(ScrapeJob *job);

/* The profile of that name, or NULL. */
ScrapeProfile *scrape_job_profile(const ScrapeJob *job, const char *name);

/* Checks what has to fit together, fills what was left open and makes the client. False with
 * INVALID_ARGUMENT, which names the field. */
bool scrape_job_finish(ScrapeJob *job, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ScrapeJob, scrape_job_unref)
