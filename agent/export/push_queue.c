#include "agent/export/push_queue.h"

#include <string.h>

#include "agent/export/push_call.h"
#include "lib/net/retry.h"

enum {
    BATCH_ITEMS_MAX = 256,
    STOP_PAUSE_MS = 200, /* between two tries when there is not much time left */
    REASONS_MAX = 64,    /* refusals that are said */
};

struct PushQueue {
    Outbox *outbox;
    GThread *thread;      /* NULL: it is suspended, or stopped */
    GCancellable *cancel; /* ends a push */
    /* Of the thread: */
    Endpoint *endpoint; /* where it sends: replaced under the mutex; what follows is of that */
    PushCall *call;
    HttpRetry retry;
    GHashTable *reasons; /* refusals already said */
    bool is_away;        /* said that the server is away */
    bool has_failed;     /* the last push was not taken */
    bool has_shipped;
    unsigned tries;           /* since the server took something */
    GHashTable *tenant_tries; /* tenant → tries since the server had enough of it */
    guint items_max;
    GMutex mutex; /* of all below; only the thread replaces hurry */
    GCond changed;
    Endpoint *next;      /* where it is to send from now on; NULL: where it does */
    GCancellable *hurry; /* ends a pause */
    bool is_stopping, is_finished;
    PushQueueState state;
};

static bool
is_stopping(PushQueue *queue)
{
    g_mutex_lock(&queue->mutex);
    bool stopping = queue->is_stopping;
    g_mutex_unlock(&queue->mutex);
    return stopping;
}

/* ---- What is said. ---- */

/* Once per reason: the text names the field or the limit. */
static void
log_refusal(PushQueue *queue, const char *consequence, const PushOutcome *outcome)
{
    /* Numbers differ from one refusal to the next; the reason does not. */
    g_autofree char *key = g_strdelimit(g_strdup(outcome->why), "0123456789", '#');
    if (g_hash_table_size(queue->reasons) < REASONS_MAX &&
        g_hash_table_add(queue->reasons, g_steal_pointer(&key)))
        g_warning("%s refuses profiles, they are %s: %s", queue->endpoint->shown_url, consequence,
                  outcome->why);
}

/* Once that the server is away, and once that it is back. */
static void
log_away(PushQueue *queue, const char *why)
{
    const char *url = queue->endpoint->shown_url;
    if (why != NULL && !queue->is_away)
        g_warning("profiles are kept until %s takes them: %s", url, why);
    else if (why == NULL && queue->is_away)
        g_message("%s takes profiles again", url);
    if (why == NULL && !queue->has_shipped) {
        g_message("the first profiles have been shipped to %s", url);
        queue->has_shipped = true;
    }
    queue->is_away = why != NULL;
}

static void
forget_failures_locked(PushQueue *queue)
{
    queue->state.failing_since_ms = 0;
    g_clear_pointer(&queue->state.last_error, g_free);
}

static void
note_outcome(PushQueue *queue, const PushOutcome *outcome, uint64_t body_bytes)
{
    bool is_retry = outcome->result == PUSH_RETRY || outcome->result == PUSH_RETRY_LATER;
    PushQueueState *state = &queue->state;
    g_mutex_lock(&queue->mutex);
    state->requests++;
    state->retries += is_retry;
    if (outcome->result == PUSH_DONE) {
        state->sent_bytes += body_bytes;
        forget_failures_locked(queue);
    } else if (outcome->result != PUSH_SPLIT) {
        if (state->failing_since_ms == 0)
            state->failing_since_ms = g_get_real_time() / 1000;
        g_free(state->last_error);
        state->last_error = g_strdup(outcome->why);
    }
    g_mutex_unlock(&queue->mutex);
}

/* ---- The endpoint. ---- */

/* Whether there is another one now; pauses are as long as they shall be from then on. */
static bool
take_next(PushQueue *queue)
{
    g_mutex_lock(&queue->mutex);
    bool has_next = queue->next != NULL;
    if (has_next) {
        endpoint_unref(queue->endpoint);
        queue->endpoint = g_steal_pointer(&queue->next);
        forget_failures_locked(queue);
    }
    if (has_next && !queue->is_stopping) {
        g_object_unref(queue->hurry);
        queue->hurry = g_cancellable_new();
    }
    g_mutex_unlock(&queue->mutex);
    return has_next;
}

/* Turns to another endpoint when there is one. What was learnt of the one before is forgotten. */
static void
follow_endpoint(PushQueue *queue)
{
    if (!take_next(queue))
        return;
    const Endpoint *endpoint = queue->endpoint;
    push_call_free(queue->call);
    queue->call = push_call_new(queue->endpoint);
    queue->retry = (HttpRetry){.pause_min_ms = endpoint->backoff_min_ms,
                               .pause_max_ms = endpoint->backoff_max_ms};
    g_hash_table_remove_all(queue->reasons);
    g_hash_table_remove_all(queue->tenant_tries);
    outbox_release_holds(queue->outbox);
    queue->is_away = queue->has_failed = queue->has_shipped = false;
    queue->tries = 0;
    queue->items_max = BATCH_ITEMS_MAX;
}

/* ---- Sending. ---- */

static uint64_t
body_bytes(const GPtrArray *batch)
{
    uint64_t bytes = 0;
    for (guint i = 0; i < batch->len; i++)
        bytes += g_bytes_get_size(((const OutboxItem *)batch->pdata[i])->payload);
    return bytes;
}

static void
pause_all(PushQueue *queue, int64_t pause_ms)
{
    if (is_stopping(queue))
        (void)http_retry_wait(MIN(pause_ms, STOP_PAUSE_MS), queue->cancel);
    else
        (void)http_retry_wait(pause_ms, queue->hurry);
}

/* Counts a try, of the tenant or of the whole endpoint; 0 when it was the last one. */
static unsigned
count_try(PushQueue *queue, const char *tenant, bool is_of_tenant)
{
    unsigned tries = queue->tries;
    if (is_of_tenant)
        tries = GPOINTER_TO_UINT(g_hash_table_lookup(queue->tenant_tries, tenant));
    tries++;
    if (queue->endpoint->tries_max > 0 && tries > queue->endpoint->tries_max)
        tries = 0;
    if (is_of_tenant)
        g_hash_table_insert(queue->tenant_tries, g_strdup(tenant), GUINT_TO_POINTER(tries));
    else
        queue->tries = tries;
    return tries;
}

/* Returns the batch and waits; it is dropped when it was tried too often. */
static void
try_again(PushQueue *queue, GPtrArray *batch, const PushOutcome *outcome)
{
    bool is_of_tenant = outcome->result == PUSH_RETRY_LATER;
    g_autofree char *tenant = g_strdup(((const OutboxItem *)batch->pdata[0])->tenant);
    unsigned tries = count_try(queue, tenant, is_of_tenant);
    if (tries == 0) {
        outbox_finish(queue->outbox, batch, batch->len, DROP_RETRIES);
        return;
    }
    int64_t pause_ms = http_retry_pause_ms(&queue->retry, tries, outcome->retry_after_ms);
    outbox_give_back(queue->outbox, batch);
    if (is_of_tenant && !is_stopping(queue))
        outbox_hold(queue->outbox, tenant, pause_ms, outbox_time_now());
    else
        pause_all(queue, pause_ms);
}

static void
finish(PushQueue *queue, GPtrArray *batch, const PushOutcome *outcome)
{
    queue->tries = 0;
    g_hash_table_remove(queue->tenant_tries, ((const OutboxItem *)batch->pdata[0])->tenant);
    queue->items_max = MIN(queue->items_max * 2, BATCH_ITEMS_MAX);
    if (outcome->n_refused > 0)
        log_refusal(queue, "dropped", outcome);
    outbox_finish(queue->outbox, batch, outcome->n_refused, outcome->reason);
}

static void
handle_outcome(PushQueue *queue, GPtrArray *batch, const PushOutcome *outcome)
{
    queue->has_failed = outcome->result != PUSH_DONE;
    switch (outcome->result) {
    case PUSH_DONE:
        log_away(queue, NULL);
        finish(queue, batch, outcome);
        return;
    case PUSH_REFUSED:
        finish(queue, batch, outcome);
        return;
    case PUSH_RETRY:
        log_away(queue, outcome->why);
        try_again(queue, batch, outcome);
        return;
    case PUSH_RETRY_LATER:
        log_refusal(queue, "kept for later", outcome);
        try_again(queue, batch, outcome);
        return;
    case PUSH_SPLIT:
        queue->items_max = MAX(batch->len / 2, 1);
        outbox_give_back(queue->outbox, batch);
        return;
    case PUSH_CANCELLED:
        outbox_give_back(queue->outbox, batch);
        return;
    }
}

/* Whether the thread may end: what waits is on the disk, and the server does not take it. */
static bool
may_end(PushQueue *queue)
{
    if (!is_stopping(queue))
        return false;
    return outbox_is_empty(queue->outbox, false) ||
           (queue->has_failed && outbox_is_empty(queue->outbox, true));
}

static void
send_next(PushQueue *queue)
{
    int64_t wait_ms;
    GPtrArray *batch = outbox_take(queue->outbox, queue->items_max, is_stopping(queue),
                                   outbox_time_now(), &wait_ms);
    if (batch == NULL) {
        outbox_wait(queue->outbox, wait_ms);
        return;
    }
    uint64_t bytes = body_bytes(batch);
    g_auto(PushOutcome) outcome = {0};
    push_call_send(queue->call, batch, queue->cancel, &outcome);
    if (outcome.result != PUSH_CANCELLED)
        note_outcome(queue, &outcome, bytes);
    handle_outcome(queue, batch, &outcome);
}

static gpointer
sender_run(gpointer data)
{
    PushQueue *queue = data;
    follow_endpoint(queue);
    while (!g_cancellable_is_cancelled(queue->cancel) && !may_end(queue)) {
        send_next(queue);
        follow_endpoint(queue);
    }
    g_mutex_lock(&queue->mutex);
    queue->is_finished = true;
    g_cond_broadcast(&queue->changed);
    g_mutex_unlock(&queue->mutex);
    return NULL;
}

/* ---- Start and end. ---- */

/* While there is no thread. */
static void
start(PushQueue *queue, Endpoint *endpoint)
{
    queue->cancel = g_cancellable_new();
    queue->hurry = g_cancellable_new();
    queue->is_stopping = queue->is_finished = false;
    endpoint_unref(queue->next);
    queue->next = endpoint_ref(endpoint);
    queue->thread = g_thread_new("push", sender_run, queue);
}

PushQueue *
push_queue_new(Endpoint *endpoint, const OutboxConfig *config)
{
    PushQueue *queue = g_new0(PushQueue, 1);
    queue->outbox = outbox_new(config, outbox_time_now());
    queue->reasons = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    queue->tenant_tries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_mutex_init(&queue->mutex);
    g_cond_init(&queue->changed);
    start(queue, endpoint);
    return queue;
}

void
push_queue_set_endpoint(PushQueue *queue, Endpoint *endpoint)
{
    if (queue->thread == NULL) {
        outbox_resume(queue->outbox, outbox_time_now());
        start(queue, endpoint);
        return;
    }
    g_mutex_lock(&queue->mutex);
    if (!endpoint_is_same(queue->next != NULL ? queue->next : queue->endpoint, endpoint)) {
        endpoint_unref(queue->next);
        queue->next = endpoint_ref(endpoint);
        g_cancellable_cancel(queue->hurry);
    }
    g_mutex_unlock(&queue->mutex);
    outbox_wake(queue->outbox);
}

void
push_queue_begin_stop(PushQueue *queue)
{
    g_mutex_lock(&queue->mutex);
    queue->is_stopping = true;
    g_cancellable_cancel(queue->hurry);
    g_mutex_unlock(&queue->mutex);
    outbox_wake(queue->outbox);
}

/* Lets the thread send until the deadline, then ends it. */
static void
end(PushQueue *queue, int64_t deadline_us)
{
    push_queue_begin_stop(queue);
    g_mutex_lock(&queue->mutex);
    while (!queue->is_finished && g_cond_wait_until(&queue->changed, &queue->mutex, deadline_us))
        continue;
    g_mutex_unlock(&queue->mutex);
    g_cancellable_cancel(queue->cancel);
    outbox_wake(queue->outbox);
    g_thread_join(g_steal_pointer(&queue->thread));
    g_clear_object(&queue->cancel);
    g_clear_object(&queue->hurry);
}

void
push_queue_stop(PushQueue *queue, int64_t deadline_us)
{
    if (queue->thread == NULL)
        return;
    end(queue, deadline_us);
    outbox_close(queue->outbox);
}

void
push_queue_suspend(PushQueue *queue)
{
    OutboxCounts counts;
    if (queue->thread == NULL)
        return;
    end(queue, 0);
    outbox_suspend(queue->outbox);
    outbox_get_counts(queue->outbox, &counts);
    g_mutex_lock(&queue->mutex);
    forget_failures_locked(queue);
    const Endpoint *last = queue->next != NULL ? queue->next : queue->endpoint;
    g_message("nothing is pushed to %s any more, %" G_GUINT64_FORMAT " profiles stay in its spool",
              last->shown_url, counts.waiting);
    g_mutex_unlock(&queue->mutex);
}

void
push_queue_free(PushQueue *queue)
{
    if (queue == NULL)
        return;
    push_queue_stop(queue, 0);
    push_call_free(queue->call);
    endpoint_unref(queue->endpoint);
    endpoint_unref(queue->next);
    outbox_free(queue->outbox);
    g_hash_table_unref(queue->reasons);
    g_hash_table_unref(queue->tenant_tries);
    g_mutex_clear(&queue->mutex);
    g_cond_clear(&queue->changed);
    push_queue_state_clear(&queue->state);
    g_free(queue);
}

Outbox *
push_queue_outbox(PushQueue *queue)
{
    return queue->outbox;
}

void
push_queue_get_state(PushQueue *queue, PushQueueState *ret_state)
{
    g_mutex_lock(&queue->mutex);
    *ret_state = queue->state;
    ret_state->last_error = g_strdup(queue->state.last_error);
    g_mutex_unlock(&queue->mutex);
}

void
push_queue_state_clear(PushQueueState *state)
{
    g_clear_pointer(&state->last_error, g_free);
}
