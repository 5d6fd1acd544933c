/* A back end of telemetry over HTTP: Prometheus or Mimir, Loki, a store of profiles.
 *
 * Calls are tried three times within 25 s each. Once a back end could not be reached, or does not
 * take our credentials, or has nothing where we look, no other call of the run is sent to it: all
 * fail with the same words. For any number of threads. */
#pragma once
#include <gio/gio.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/net/http_client.h"

enum {
    TELEMETRY_CONNECT_MS = 5 * 1000,
    TELEMETRY_TIMEOUT_MS = 25 * 1000,
    TELEMETRY_TRIES = 3,
    TELEMETRY_REPLY_BYTES_MAX = 32 * 1024 * 1024,
};

typedef struct TelemetryApi TelemetryApi;

typedef struct {
    const char *name;           /* what it has: "metrics", "logs", "profiles" */
    const char *url;            /* its base, with the prefix: "http://mimir/prometheus" */
    const char *tenant;         /* X-Scope-OrgID; NULL or "": none */
    const char *const *headers; /* further ones, "Name: value", NULL at the end; or NULL */
    const char *token_file, *user, *password_file; /* as of HttpAuth */
    const char *ca_file;                           /* NULL or "": authorities of the system */
    bool tls_unchecked;
} TelemetryConfig;

/* Why there is no answer. */
typedef enum {
    TELEMETRY_OK,
    TELEMETRY_UNREACHABLE, /* not resolved, connected or trusted, too late, or 429 and 5xx to the
                              end */
    TELEMETRY_DENIED,      /* 401 or 403 */
    TELEMETRY_MISPLACED,   /* 404, or no JSON: the URL is that of something else */
    TELEMETRY_REFUSED,     /* this query: it is too much, not understood, or finds nothing */
    TELEMETRY_TOO_LARGE,   /* the answer is */
} TelemetryResult;

typedef struct {
    TelemetryResult result;
    char *why; /* for people, one line, without secrets; NULL when it went well */
} TelemetryOutcome;

void telemetry_outcome_clear(TelemetryOutcome *outcome);
/* Sets both; returns whether the result is TELEMETRY_OK. */
bool telemetry_outcome_set(TelemetryOutcome *outcome, TelemetryResult result, const char *format,
                           ...) G_GNUC_PRINTF(3, 4);

/* Strings of `config` are copied. INVALID_ARGUMENT when the URL is none of http or https. */
TelemetryApi *telemetry_api_new(const TelemetryConfig *config, GError **error);
/* No call may be running. NULL is allowed. */
void telemetry_api_free(TelemetryApi *api);

const char *telemetry_api_name(const TelemetryApi *api);
/* Without a password. */
const char *telemetry_api_url(const TelemetryApi *api);
/* "" for none. */
const char *telemetry_api_tenant(const TelemetryApi *api);
/* How the calls went so far: of the one that ended all, or TELEMETRY_OK; *ret_why (NULL allowed)
 * lives as long as the API. */
TelemetryResult telemetry_api_state(TelemetryApi *api, const char **ret_why);
/* Its clock against ours in seconds, by the Date of its answers; 0 when it has not said. */
int64_t telemetry_api_clock_skew(TelemetryApi *api);

typedef struct {
    const char *path;   /* below the base: "/api/v1/query" */
    const char *query;  /* behind the '?', encoded; or NULL */
    const char *form;   /* sent as a form, encoded; or NULL */
    GBytes *json;       /* sent as JSON; or NULL */
    int64_t timeout_ms; /* for all its tries; 0: TELEMETRY_TIMEOUT_MS */

    /* Of a call that is no query: telemetry_api_send. */
    const char *method;      /* NULL: GET, or POST when something is sent */
    GBytes *octets;          /* sent as they are; or NULL */
    const char *octets_type; /* their header "Content-Type: …"; NULL: application/octet-stream */
    const char *const *headers; /* "Name: value", NULL at the end; NULL: JSON is accepted */
} TelemetryCall;

/* Fills *ret_body with an answer of status 200 and JSON inside; *ret_outcome in any case, to be
 * cleared. `cancel` may be NULL. */
bool telemetry_api_call(TelemetryApi *api, const TelemetryCall *call, GCancellable *cancel,
                        GBytes **ret_body, TelemetryOutcome *ret_outcome);

/* The same for whoever wants to see the status: an answer of any, to be cleared. What ended earlier
 * calls does not end this one, nor this one later ones. The errors of http_client_send. */
bool telemetry_api_send(TelemetryApi *api, const TelemetryCall *call, HttpClientReply *ret_reply,
                        GError **error);
/* What an answer that is no good says, for people, one line: "http://… answers 413: too large". */
char *telemetry_api_words(const TelemetryApi *api, const HttpClientReply *reply);

/* The text as a string of PromQL and LogQL, in double quotes: "a\"b". */
char *telemetry_quote(const char *text);
/* The texts as a regular expression that matches each of them alone, quoted so: "a|b\\.c". */
char *telemetry_quote_any(const char *const *texts);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TelemetryApi, telemetry_api_free)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(TelemetryOutcome, telemetry_outcome_clear)
