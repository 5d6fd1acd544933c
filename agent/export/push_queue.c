#include "agent/export/push_queue.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/base/text.h"
#include "lib/net/http_client.h"
#include "lib/net/retry.h"
#include "lib/pprof/wire.h"

enum {
    BYTES_DEFAULT = 64 * 1024 * 1024,
    /* Pyroscope refuses a push larger than its burst size, 2 MB by default, whatever is inside. */
    BATCH_RAW_MAX = 1500 * 1024,
    BATCH_ITEMS_MAX = 256,
    TIMEOUT_MS = 30000,
    REPLY_MAX = 64 * 1024,
    ITEM_OVERHEAD = 128, /* bytes counted for an item besides its series */
    REASON_MAX = 240,
};

typedef struct {
    GBytes *series;
    size_t raw_size;
} Item;

struct PushQueue {
    HttpClient *client;
    char *url, *shown_url, *tenant_header; /* shown: without secrets */
    HttpRetry retry;
    size_t bytes_max;
    GThread *thread;
    GCancellable *cancel, *hurry; /* hurry ends a pause */
    GHashTable *reasons;          /* refusals already said; sender thread */
    bool is_away;                 /* said that the server is away; sender thread */
    GMutex mutex;
    GCond changed;
    GQueue items; /* Item, the oldest first; all below under the mutex */
    size_t bytes, raw_bytes;
    bool is_flushed;   /* what waits is to be sent although it is less than a batch */
    guint n_in_flight; /* items at the head that are being sent */
    uint64_t dropped_in_flight;
    bool is_stopping;
    PushQueueCounts counts;
};

typedef enum { PUSH_DONE, PUSH_RETRY, PUSH_REFUSED, PUSH_TOO_LARGE } PushResult;

static void
item_free(Item *item)
{
    g_bytes_unref(item->series);
    g_free(item);
}

static size_t
item_bytes(const Item *item)
{
    return g_bytes_get_size(item->series) + ITEM_OVERHEAD;
}

/* Takes the first item out. */
static Item *
pop_locked(PushQueue *queue)
{
    Item *item = g_queue_pop_head(&queue->items);
    queue->bytes -= item_bytes(item);
    queue->raw_bytes -= item->raw_size;
    queue->is_flushed &= queue->items.length > 0;
    return item;
}

/* Collects a batch without taking it out of the queue: series are shared. */
static GPtrArray *
take_batch(PushQueue *queue, guint items_max)
{
    GPtrArray *batch = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    size_t raw = 0;
    g_mutex_lock(&queue->mutex);
    while (!queue->is_stopping && !queue->is_flushed && queue->raw_bytes < BATCH_RAW_MAX)
        g_cond_wait(&queue->changed, &queue->mutex);
    for (GList *link = queue->items.head; link != NULL && batch->len < items_max;
         link = link->next) {
        const Item *item = link->data;
        raw += item->raw_size;
        if (raw > BATCH_RAW_MAX && batch->len > 0)
            break;
        g_ptr_array_add(batch, g_bytes_ref(item->series));
    }
    queue->n_in_flight = batch->len;
    queue->dropped_in_flight = 0;
    g_mutex_unlock(&queue->mutex);
    return batch;
}

static GBytes *
encode_request(const GPtrArray *batch)
{
    WireBuffer body = {0};
    for (guint i = 0; i < batch->len; i++) {
        gsize size;
        const void *series = g_bytes_get_data(batch->pdata[i], &size);
        wire_put_bytes(&body, 1, series, size);
    }
    return g_bytes_new_with_free_func(body.data, body.size, g_free, body.data);
}

/* Says a refusal once per reason: the first line of the text, which names the field or limit. */
static void
log_refusal(PushQueue *queue, int status, const HttpClientReply *reply)
{
    gsize size;
    const char *text = g_bytes_get_data(reply->body, &size);
    g_autofree char *reason = printable_line(text, size, REASON_MAX);
    /* Numbers differ from one refusal to the next; the reason does not. */
    g_autofree char *key = g_strdelimit(g_strdup(reason), "0123456789", '#');
    if (g_hash_table_size(queue->reasons) < 64 &&
        g_hash_table_add(queue->reasons, g_steal_pointer(&key)))
        g_warning("the server refuses profiles, they are dropped: %d %s", status, reason);
}

/* Says once that the server is away, and once that it is back. */
static void
log_away(PushQueue *queue, const char *why)
{
    if (why != NULL && !queue->is_away)
        g_warning("profiles are kept until the server is back: %s", why);
    else if (why == NULL && queue->is_away)
        g_message("the server is back, profiles are delivered again");
    queue->is_away = why != NULL;
}

static PushResult
send_batch(PushQueue *queue, GBytes *body, int64_t *ret_retry_after_ms)
{
    const char *headers[] = {"Content-Type: application/proto", "Connect-Protocol-Version: 1",
                             queue->tenant_header, NULL};
    HttpClientRequest request = {.url = queue->url,
                                 .headers = headers,
                                 .body = body,
                                 .timeout_ms = TIMEOUT_MS,
                                 .reply_bytes_max = REPLY_MAX,
                                 .cancel = queue->cancel};
    g_auto(HttpClientReply) reply = {0};
    g_autoptr(GError) error = NULL;
    *ret_retry_after_ms = 0;
    if (!http_client_send(queue->client, &request, &reply, &error)) {
        if (!g_cancellable_is_cancelled(queue->cancel))
            log_away(queue, error->message);
        return PUSH_RETRY;
    }
    if (reply.status / 100 == 2) {
        log_away(queue, NULL);
        return PUSH_DONE;
    }
    if (http_status_is_retryable(reply.status)) {
        g_autofree char *why = g_strdup_printf("%s answers %d", queue->shown_url, reply.status);
        log_away(queue, why);
        *ret_retry_after_ms = reply.retry_after_ms;
        return PUSH_RETRY;
    }
    if (reply.status == 413)
        return PUSH_TOO_LARGE;
    log_refusal(queue, reply.status, &reply);
    return PUSH_REFUSED;
}

/* Takes a sent or refused batch out of the queue; some of it may have been dropped meanwhile. */
static void
finish_batch(PushQueue *queue, const GPtrArray *batch, size_t body_size, PushResult result)
{
    g_mutex_lock(&queue->mutex);
    for (guint i = (guint)queue->dropped_in_flight; i < batch->len; i++)
        item_free(pop_locked(queue));
    queue->n_in_flight = 0;
    if (result == PUSH_DONE) {
        if (queue->counts.pushed == 0)
            g_message("the first profiles have been shipped to %s", queue->shown_url);
        queue->counts.pushed += batch->len;
        queue->counts.dropped_full -= queue->dropped_in_flight;
        queue->counts.pushed_bytes += body_size;
    } else {
        queue->counts.dropped_refused += batch->len - queue->dropped_in_flight;
    }
    g_cond_broadcast(&queue->changed);
    g_mutex_unlock(&queue->mutex);
}

static void
pause_before_retry(PushQueue *queue, unsigned tries, int64_t retry_after_ms)
{
    g_mutex_lock(&queue->mutex);
    queue->n_in_flight = 0;
    queue->counts.retries++;
    bool is_stopping = queue->is_stopping;
    g_mutex_unlock(&queue->mutex);
    int64_t pause_ms = http_retry_pause_ms(&queue->retry, tries, retry_after_ms);
    if (is_stopping) /* there is not much time left, but no reason to hammer either */
        (void)http_retry_wait(MIN(pause_ms, 200), queue->cancel);
    else
        (void)http_retry_wait(pause_ms, queue->hurry);
}

static gpointer
sender_run(gpointer data)
{
    PushQueue *queue = data;
    unsigned tries = 0;
    guint items_max = BATCH_ITEMS_MAX;
    while (!g_cancellable_is_cancelled(queue->cancel)) {
        g_autoptr(GPtrArray) batch = take_batch(queue, items_max);
        if (batch->len == 0)
            break;
        g_autoptr(GBytes) body = encode_request(batch);
        int64_t retry_after_ms;
        PushResult result = send_batch(queue, body, &retry_after_ms);
        if (result == PUSH_RETRY) {
            pause_before_retry(queue, ++tries, retry_after_ms);
            continue;
        }
        tries = 0;
        if (result == PUSH_TOO_LARGE && batch->len > 1) {
            items_max = batch->len / 2;
            continue;
        }
        items_max = MIN(items_max * 2, BATCH_ITEMS_MAX);
        finish_batch(queue, batch, g_bytes_get_size(body), result);
    }
    g_mutex_lock(&queue->mutex);
    queue->n_in_flight = 0;
    g_cond_broadcast(&queue->changed);
    g_mutex_unlock(&queue->mutex);
    return NULL;
}

static char *
push_url(const char *server, GError **error)
{
    g_autoptr(GUri) uri = http_url_parse(server);
    if (uri == NULL) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                  "the server's URL is not an address like http://host:4040");
        return NULL;
    }
    size_t length = strlen(server);
    while (length > 0 && server[length - 1] == '/')
        length--;
    return g_strdup_printf("%.*s/push.v1.PusherService/Push", (int)length, server);
}

PushQueue *
push_queue_new(const PushQueueConfig *config, GError **error)
{
    g_autofree char *url = push_url(config->server, error);
    if (url == NULL)
        return NULL;
    PushQueue *queue = g_new0(PushQueue, 1);
    queue->url = g_steal_pointer(&url);
    queue->shown_url = http_url_shown(config->server);
    if (config->tenant != NULL && config->tenant[0] != '\0')
        queue->tenant_header = g_strdup_printf("X-Scope-OrgID: %s", config->tenant);
    queue->retry =
        (HttpRetry){.pause_min_ms = config->pause_min_ms, .pause_max_ms = config->pause_max_ms};
    queue->bytes_max = config->bytes_max > 0 ? config->bytes_max : BYTES_DEFAULT;
    queue->client = http_client_new(NULL);
    queue->cancel = g_cancellable_new();
    queue->hurry = g_cancellable_new();
    queue->reasons = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_mutex_init(&queue->mutex);
    g_cond_init(&queue->changed);
    g_queue_init(&queue->items);
    queue->thread = g_thread_new("push", sender_run, queue);
    return queue;
}

void
push_queue_add(PushQueue *queue, GBytes *series, size_t raw_size)
{
    Item *item = g_new(Item, 1);
    *item = (Item){series, raw_size};
    g_mutex_lock(&queue->mutex);
    g_queue_push_tail(&queue->items, item);
    queue->bytes += item_bytes(item);
    queue->raw_bytes += raw_size;
    while (queue->bytes > queue->bytes_max && queue->items.length > 1) {
        item_free(pop_locked(queue));
        queue->counts.dropped_full++;
        if (queue->n_in_flight > queue->dropped_in_flight)
            queue->dropped_in_flight++;
    }
    g_cond_broadcast(&queue->changed);
    g_mutex_unlock(&queue->mutex);
}

void
push_queue_flush(PushQueue *queue)
{
    g_mutex_lock(&queue->mutex);
    queue->is_flushed = queue->items.length > 0;
    g_cond_broadcast(&queue->changed);
    g_mutex_unlock(&queue->mutex);
}

void
push_queue_stop(PushQueue *queue, int64_t timeout_ms)
{
    if (queue->thread == NULL)
        return;
    int64_t deadline_us = g_get_monotonic_time() + timeout_ms * 1000;
    g_cancellable_cancel(queue->hurry);
    g_mutex_lock(&queue->mutex);
    queue->is_stopping = true;
    g_cond_broadcast(&queue->changed);
    while (queue->items.length > 0 &&
           g_cond_wait_until(&queue->changed, &queue->mutex, deadline_us))
        continue;
    g_mutex_unlock(&queue->mutex);
    g_cancellable_cancel(queue->cancel);
    g_thread_join(g_steal_pointer(&queue->thread));
    g_mutex_lock(&queue->mutex);
    queue->counts.dropped_stop += queue->items.length;
    while (queue->items.length > 0)
        item_free(pop_locked(queue));
    g_mutex_unlock(&queue->mutex);
}

void
push_queue_free(PushQueue *queue)
{
    if (queue == NULL)
        return;
    push_queue_stop(queue, 0);
    http_client_free(queue->client);
    g_object_unref(queue->cancel);
    g_object_unref(queue->hurry);
    g_hash_table_unref(queue->reasons);
    g_mutex_clear(&queue->mutex);
    g_cond_clear(&queue->changed);
    g_free(queue->url);
    g_free(queue->shown_url);
    g_free(queue->tenant_header);
    g_free(queue);
}

void
push_queue_get_counts(PushQueue *queue, PushQueueCounts *ret_counts)
{
    g_mutex_lock(&queue->mutex);
    *ret_counts = queue->counts;
    ret_counts->waiting = queue->items.length;
    ret_counts->waiting_bytes = queue->bytes;
    g_mutex_unlock(&queue->mutex);
}
