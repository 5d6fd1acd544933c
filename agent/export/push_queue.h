/* Profiles on their way to the server, in bounded memory.
 *
 * A thread of its own sends them in batches by Connect (push.v1.PusherService/Push, protobuf).
 * While the server is away they wait and are tried again, with growing, jittered pauses; over the
 * size limit the oldest are dropped. What the server refuses for good is dropped and said once per
 * reason. Any thread may add. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct PushQueue PushQueue;

typedef struct {
    const char *server;                 /* "http://host:4040"; a path is kept as a prefix */
    const char *tenant;                 /* X-Scope-OrgID, or NULL */
    size_t bytes_max;                   /* of waiting profiles; 0: 64 MiB */
    int64_t pause_min_ms, pause_max_ms; /* between tries; 0: 500 and 30000 */
} PushQueueConfig;

/* INVALID_ARGUMENT when the server's address is not an http or https URL. */
PushQueue *push_queue_new(const PushQueueConfig *config, GError **error);
/* Waits up to `timeout_ms` until everything is sent, then gives up what is left. */
void push_queue_stop(PushQueue *queue, int64_t timeout_ms);
/* Frees a stopped queue (and stops one that runs, without waiting). */
void push_queue_free(PushQueue *queue);

/* Adds one encoded RawProfileSeries (see series.h). `raw_size` is the size of its profile before
 * compression: servers limit a push by that. Takes over `series`. */
void push_queue_add(PushQueue *queue, GBytes *series, size_t raw_size);
/* Ends a group of adds: until then the sender waits for more, up to a full batch. */
void push_queue_flush(PushQueue *queue);

typedef struct {
    uint64_t pushed, pushed_bytes; /* profiles, and bytes of request bodies that were accepted */
    uint64_t retries;
    uint64_t dropped_full;    /* profiles that gave way to newer ones */
    uint64_t dropped_refused; /* profiles that the server refused for good */
    uint64_t dropped_stop;    /* profiles given up at the end */
    uint64_t waiting, waiting_bytes;
} PushQueueCounts;

void push_queue_get_counts(PushQueue *queue, PushQueueCounts *ret_counts);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(PushQueue, push_queue_free)
