/* One push of a batch of profiles to an endpoint (push.v1.PusherService/Push by Connect), and what
 * its answer means.
 *
 * Tried again are a server that cannot be reached, 408, 429, 5xx (but 501 and 505), and the Connect
 * codes unknown, internal, unavailable, deadline_exceeded, aborted and data_loss, whatever their
 * status. Everything else is final. */
#pragma once
#include <gio/gio.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/export/drop_reason.h"
#include "agent/export/endpoint.h"

typedef enum {
    PUSH_DONE,        /* taken, but for n_refused of them */
    PUSH_RETRY,       /* to be tried again: the server is away */
    PUSH_RETRY_LATER, /* likewise: it has enough of this tenant */
    PUSH_SPLIT,       /* too much at once */
    PUSH_REFUSED,     /* none is taken, and never will be */
    PUSH_CANCELLED,
} PushResult;

typedef struct {
    PushResult result;
    guint n_refused;        /* of PUSH_DONE: a part of the batch was wrong */
    DropReason reason;      /* of those refused */
    int64_t retry_after_ms; /* what the server asks for; 0: nothing */
    char *why;              /* one line without secrets; NULL: PUSH_DONE of all */
} PushOutcome;

void push_outcome_clear(PushOutcome *outcome);

/* What an answer means. `body` is that of the answer, `n` how many profiles were sent. */
void push_outcome_of(const Endpoint *endpoint, int status, GBytes *body, int64_t retry_after_ms,
                     guint n, PushOutcome *ret_outcome);

typedef struct PushCall PushCall;

/* Takes a reference to the endpoint, which was checked. */
PushCall *push_call_new(Endpoint *endpoint);
/* NULL is allowed. */
void push_call_free(PushCall *call);

/* Sends pieces of a body (OutboxItem, of one tenant and coding) and waits for the answer. `cancel`
 * ends that. */
void push_call_send(PushCall *call, const GPtrArray *batch, GCancellable *cancel,
                    PushOutcome *ret_outcome);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(PushCall, push_call_free)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(PushOutcome, push_outcome_clear)
