/* Keeps a collection of the Kubernetes API known: one list, then one watch from where the list was,
 * on a thread of its own.
 *
 * The list asks the API server's cache (resourceVersion=0), which costs etcd nothing; after the
 * server has forgotten where the watch was (410), it asks for the newest, as a cache may lag
 * behind. A watch goes on where it was when the server ends it in due time or it is cut. Between
 * two tries that failed there is a pause of 1 s · 2^n up to 60 s ± 50 %, or as long as the server's
 * Retry-After says. A watch is silent when not even a bookmark came for silence_ms (API servers
 * send one a minute), or when it goes on behind its end; it is begun anew then. Credentials are
 * read again for each request.
 *
 * What has no watch is listed again and again, whole and without a version. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "lib/k8s/client.h"
#include "lib/k8s/value.h"

/* Why a watch ended, or a list failed: code, label of metrics, text for people. */
#define K8S_WATCH_ENDS(X)                                                                          \
    X(K8S_WATCH_DUE, "due", "the server ended it in due time")                                     \
    X(K8S_WATCH_EXPIRED, "expired", "the server has forgotten where the watch was (410)")          \
    X(K8S_WATCH_UNAUTHENTICATED, "unauthenticated", "the token is expired or wrong (401)")         \
    X(K8S_WATCH_FORBIDDEN, "forbidden", "the right to list or watch is missing (403)")             \
    X(K8S_WATCH_THROTTLED, "throttled", "the server has too much to do (429)")                     \
    X(K8S_WATCH_SILENT, "silent", "the watch went silent")                                         \
    X(K8S_WATCH_UNAVAILABLE, "unavailable", "the server cannot be reached, or failed")             \
    X(K8S_WATCH_MALFORMED, "malformed", "the answer cannot be read")

typedef enum {
#define X(name, label, text) name,
    K8S_WATCH_ENDS(X)
#undef X
        K8S_WATCH_N_ENDS,
} K8sWatchEnd;

/* All are called on the watcher's thread. Objects live until the callback returns. */
typedef struct {
    void (*list_begin)(void *user); /* also when a list begins anew before its end */
    void (*object)(const Value *object, void *user); /* of a list; added or changed */
    void (*list_end)(void *user); /* what was not told of since list_begin is gone */
    void (*deleted)(const Value *object, void *user);
} K8sWatcherEvents;

typedef struct {
    const char *path;                   /* of the collection */
    const char *query;                  /* selectors, encoded; NULL: none */
    unsigned timeout_s;                 /* of one watch; 0: 5 to 10 minutes, by chance */
    int64_t silence_ms;                 /* 0: 3 minutes */
    int64_t start_spread_ms;            /* the first list is made within so long, by chance */
    int64_t pause_min_ms, pause_max_ms; /* 0: 1 s and 60 s; the former is at most the latter */
    int64_t poll_ms; /* lists anew so often, ± 10 %, of a server that has no watch, as a kubelet;
                        0: watches */
    const K8sWatcherEvents *events;
    void *user;
} K8sWatcherConfig;

typedef struct {
    bool is_listed;      /* the collection was known at least once */
    K8sWatchEnd trouble; /* K8S_WATCH_DUE: none */
    char *message;       /* what the server said to that; "" without trouble */
    uint64_t lists, list_failures, events;
    uint64_t ends[K8S_WATCH_N_ENDS]; /* of watches */
} K8sWatcherState;

typedef struct K8sWatcher K8sWatcher;

/* Begins at once. `config` is copied, what `user` points at and the client outlive the watcher. */
K8sWatcher *k8s_watcher_new(K8sClient *client, const K8sWatcherConfig *config);
/* Ends what is under way and waits for the thread. NULL is allowed. */
void k8s_watcher_free(K8sWatcher *watcher);
/* Any thread. To be cleared by the caller. */
void k8s_watcher_get_state(K8sWatcher *watcher, K8sWatcherState *ret_state);
void k8s_watcher_state_clear(K8sWatcherState *state);

const char *k8s_watch_end_label(K8sWatchEnd end);
const char *k8s_watch_end_text(K8sWatchEnd end);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(K8sWatcher, k8s_watcher_free)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(K8sWatcherState, k8s_watcher_state_clear)
