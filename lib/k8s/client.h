/* The client of the Kubernetes API: single objects, also new ones, lists in pages, watches, logs of
 * containers. It carries bytes; what the objects are is the caller's to read.
 *
 * For any number of threads. What the server refuses for now (429, 5xx) and what is cut is sent
 * again, after Retry-After or 0.5 s · 2^n ± 50 %, within the end of the call; a 401 is tried once
 * more when there may be other credentials. How a call ended is a value, as a cluster that refuses
 * one list still answers others. */
#pragma once
#include <gio/gio.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/k8s/config.h"
#include "lib/k8s/path.h"

enum {
    K8S_LIST_LIMIT = 500,                   /* objects of a page: 1 to 5 MB of pods */
    K8S_PAGES_MAX = 100 * 1000,             /* of one list */
    K8S_BODY_BYTES_MAX = 512 * 1024 * 1024, /* of one answer: 40,000 pods in one page */
    K8S_REQUEST_TIMEOUT_MS = 60 * 1000,     /* the longest that API servers take for a list */
    K8S_TRIES_MAX = 5,
    K8S_PATIENCE_MS = 8 * 60 * 1000, /* for all tries of a request whose call has no end */
    K8S_LOG_BYTES_MAX = 64 * 1024,
};

typedef struct K8sClient K8sClient;

typedef enum {
    K8S_OK,
    K8S_ABSENT,          /* 404 of a collection: the API is not installed */
    K8S_NOT_FOUND,       /* 404 of one object in an API that is */
    K8S_UNAUTHENTICATED, /* 401, or there are no credentials to be had */
    K8S_FORBIDDEN,       /* 403 */
    K8S_TIMEOUT,         /* not within the end of the call, or the server's own timeouts (504) */
    K8S_CANCELLED,
    K8S_FAILED, /* everything else */
} K8sResult;

typedef struct {
    K8sResult result;
    int status;      /* of HTTP; 0: no answer */
    char *reason;    /* of the server's Status: "Forbidden"; NULL: it sent none */
    char *message;   /* what went wrong in one printable line; "" when nothing did */
    unsigned pages;  /* of a list: handed over since it began, or began anew */
    bool is_partial; /* of a list that did not end well: there are pages, and there would be more */
    int64_t retry_after_ms; /* when the server wants to be asked again; 0: it did not say */
} K8sOutcome;

void k8s_outcome_clear(K8sOutcome *outcome);

/* How long a call may take and what ends it. NULL where one is asked for: all defaults. */
typedef struct {
    GCancellable *cancel;  /* NULL: never */
    int64_t end_us;        /* of everything, g_get_monotonic_time; 0: each request has its own */
    int64_t timeout_ms;    /* of one try; 0: K8S_REQUEST_TIMEOUT_MS */
    unsigned tries_max;    /* of each request; 0: K8S_TRIES_MAX, 2 for a log */
    size_t body_bytes_max; /* of each answer, unpacked; 0: K8S_BODY_BYTES_MAX */
} K8sCall;

/* The User-Agent is "cresset-PROGRAM/VERSION". Takes `config`. Never fails. */
K8sClient *k8s_client_new(K8sConfig *config, const char *program);
/* No call may be running. NULL is allowed. */
void k8s_client_free(K8sClient *client);
const K8sConfig *k8s_client_config(const K8sClient *client);

typedef enum {
    K8S_OBJECTS,
    K8S_METADATA,  /* PartialObjectMetadata: kind, apiVersion and metadata alone */
    K8S_DISCOVERY, /* aggregated (v2, then v2beta1), else plain */
    K8S_ANY,       /* whatever it is: /readyz */
} K8sRepresentation;

/* Gets one object, or any other path of the server (with a query, encoded). Fills *ret_body when it
 * returns true; *ret_outcome in any case, to be cleared by the caller. */
bool k8s_client_get(K8sClient *client, const char *path, K8sRepresentation representation,
                    const K8sCall *call, GBytes **ret_body, K8sOutcome *ret_outcome);

/* What the server says of itself, and whom it shows itself as. */
typedef struct {
    int status;              /* of /readyz: 200, or 500 when a check fails */
    GBytes *text;            /* "[+]ping ok\n[-]etcd failed: reason withheld\n…" */
    GBytes *certificate_pem; /* its own, without the chain; NULL: it was reached without TLS */
} K8sReadiness;

/* Asks /readyz?verbose, a 500 as often as anything else that is refused for now: what fails then
 * has failed for some seconds. Fills *ret_readiness, to be cleared by the caller, when it returns
 * true; *ret_outcome in any case. */
bool k8s_client_readiness(K8sClient *client, const K8sCall *call, K8sReadiness *ret_readiness,
                          K8sOutcome *ret_outcome);
void k8s_readiness_clear(K8sReadiness *readiness);

/* Creates an object of this JSON in a collection. What there is already is K8S_FAILED with the
 * status 409, also when the answer to a first try was lost. */
bool k8s_client_create(K8sClient *client, const char *path, GBytes *object, const K8sCall *call,
                       K8sOutcome *ret_outcome);

typedef struct {
    const char *path;  /* of the collection */
    const char *query; /* selectors, encoded: "fieldSelector=type!%3DNormal"; NULL: none */
    K8sRepresentation representation;
    bool is_whole; /* asked for in one page, of a server that knows no others */
} K8sList;

/* Takes a page, which is a list object and borrowed. Returns false with *error set to end the list,
 * which then failed with this message. */
typedef bool (*K8sPageFunc)(GBytes *page, void *user, GError **error);

/* Lists a collection page by page. When the server has forgotten where the list was (410), it
 * begins anew in one page, once: with objects that were in pages before. True when all pages were
 * handed over. */
bool k8s_client_list(K8sClient *client, const K8sList *list, const K8sCall *call, K8sPageFunc func,
                     void *user, K8sOutcome *ret_outcome);

typedef struct {
    const char *path;             /* of the collection */
    const char *query;            /* selectors, encoded; NULL: none */
    const char *resource_version; /* where it begins: of a list, or of the last event */
    unsigned timeout_s;           /* when the server ends it */
    int64_t silence_ms;           /* when we do, as nothing came for so long; 0: never */
} K8sWatch;

/* Takes a part of the stream of events, with the size 0 once when the server has begun it. False
 * with *error set ends the watch. */
typedef bool (*K8sDataFunc)(const void *data, size_t size, void *user, GError **error);

/* Watches a collection, with bookmarks, until the server ends it: true then. What is cut is not
 * tried again, as parts of it were handed over. A watch that is not to be had (401, 403, 410, 429)
 * ends as a list does; one that has gone silent is K8S_TIMEOUT. lib/k8s/event_stream.h reads what
 * comes, lib/k8s/watcher.h keeps a watch going. */
bool k8s_client_watch(K8sClient *client, const K8sWatch *watch, const K8sCall *call,
                      K8sDataFunc func, void *user, K8sOutcome *ret_outcome);

typedef struct {
    const char *namespace, *pod, *container; /* container NULL: the only one */
    bool previous;                           /* of the instance before the last restart */
    unsigned tail_lines;                     /* from the end; 0: all */
    unsigned limit_bytes;                    /* 0: K8S_LOG_BYTES_MAX; may cut the first line */
} K8sLog;

/* The log of a container as it is: any bytes. A container that waits or has no previous instance is
 * K8S_FAILED with the status 400, a node that cannot be reached 500. */
bool k8s_client_log(K8sClient *client, const K8sLog *log, const K8sCall *call, GBytes **ret_text,
                    K8sOutcome *ret_outcome);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(K8sClient, k8s_client_free)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(K8sOutcome, k8s_outcome_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(K8sReadiness, k8s_readiness_clear)
