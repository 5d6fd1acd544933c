/* The way to one endpoint: an outbox, and a thread that sends what is in it in batches and knows
 * when to try again. What the server refuses for good is dropped, and said once per reason. Any
 * thread may call; starting, suspending and stopping is for one at a time. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/export/endpoint.h"
#include "agent/export/outbox.h"

typedef struct PushQueue PushQueue;

/* Takes a reference to the endpoint, which was checked, and begins to send what an earlier run has
 * left. */
PushQueue *push_queue_new(Endpoint *endpoint, const OutboxConfig *config);
/* What waits, and what comes, goes to this one from the next push on, which does not wait for the
 * end of a pause. Nothing changes when it says the same as the one before. Goes on when it was
 * suspended, with what was left on the disk. */
void push_queue_set_endpoint(PushQueue *queue, Endpoint *endpoint);
/* Ends the push that is under way and sends nothing any more. What waits on the disk stays there,
 * what is in memory alone is dropped. Nothing may be added then. */
void push_queue_suspend(PushQueue *queue);
/* Tells the thread that the end has come; it goes on until everything is sent, or until a push
 * fails and nothing but the disk has what waits. */
void push_queue_begin_stop(PushQueue *queue);
/* Waits for that until the time of g_get_monotonic_time, then gives up what is left in memory. */
void push_queue_stop(PushQueue *queue, int64_t deadline_us);
/* Stops it without waiting when it still runs. NULL is allowed. */
void push_queue_free(PushQueue *queue);

/* Where profiles are added. */
Outbox *push_queue_outbox(PushQueue *queue);

typedef struct {
    uint64_t requests, retries; /* pushes sent, and those that are to be tried again */
    uint64_t sent_bytes;        /* of bodies of requests that were taken */
    int64_t failing_since_ms;   /* real time; 0: the last push was taken */
    char *last_error;           /* while it fails; NULL: none */
} PushQueueState;

void push_queue_get_state(PushQueue *queue, PushQueueState *ret_state);
void push_queue_state_clear(PushQueueState *state);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(PushQueue, push_queue_free)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(PushQueueState, push_queue_state_clear)
