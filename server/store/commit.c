#include <errno.h>

#include "lib/base/error.h"
#include "server/store/store_private.h"

enum {
    RETRY_FULL_US = 1000 * 1000,
    SYNC_INTERVAL_US = 1000, /* from one sync to the next: under load, more frames share one */
    RETRY_ROTATION_US = 250 * 1000,
    KEPT_BUFFER_MAX = 4 * 1024 * 1024, /* a larger buffer is given back after a burst */
    SEAL_QUEUE_MAX = 2,                /* full heads that wait for the seal thread */
};

/* What one turn of the commit thread writes: everything appended since the last one. */
typedef struct {
    Segment *segment;
    Wire frames;
    GArray *waiters;
    Head *full;        /* the head of the segment, when these are its last frames */
    int64_t next_sync; /* not before this monotonic time */
} Batch;

static void
finish_waiters(GArray *waiters, const GError *error)
{
    for (unsigned i = 0; i < waiters->len; i++) {
        Waiter *waiter = &g_array_index(waiters, Waiter, i);
        if (waiter->done != NULL)
            waiter->done(waiter->data, error);
    }
    g_array_set_size(waiters, 0);
}

/* Whether the active segment is full or old enough to be sealed. */
static bool
is_due_locked(const Store *store)
{
    if (store->head_since == 0 || store->state != STORE_WRITABLE)
        return false;
    int64_t age_us = g_get_monotonic_time() - store->head_since;
    return store->head_logged >= (uint64_t)store->config.seal_bytes ||
           age_us >= store->config.seal_age_ns / 1000;
}

/* Waits for frames or until a seal is due; then for the time of the next sync, which no frame cuts
 * short. */
static void
wait_locked(Store *store, int64_t next_sync)
{
    while (store->pending.size == 0 && !store->is_stopping) {
        if (store->head_since == 0 || store->state != STORE_WRITABLE) {
            g_cond_wait(&store->append_cond, &store->append_lock);
            continue;
        }
        int64_t until =
            MAX(store->head_since + store->config.seal_age_ns / 1000, store->next_rotation);
        if (g_get_monotonic_time() >= until)
            return;
        g_cond_wait_until(&store->append_cond, &store->append_lock, until);
    }
    while (g_get_monotonic_time() < next_sync && !store->is_stopping)
        g_cond_wait_until(&store->pace_cond, &store->append_lock, next_sync);
}

/* Puts an empty segment and head in the place of the full ones, which go to the batch. */
static void
rotate_locked(Store *store, Batch *batch, Segment *fresh)
{
    batch->full = store->head;
    store->segment = fresh;
    store->sequence = 0;
    store->head_since = 0;
    store->head_logged = 0;
    g_mutex_lock(&store->source_lock);
    g_ptr_array_add(store->frozen, head_ref(store->head));
    store->head = head_new(fresh->id.text);
    g_mutex_unlock(&store->source_lock);
}

static bool
is_seal_queue_full(Store *store)
{
    g_mutex_lock(&store->source_lock);
    bool is_full = g_queue_get_length(&store->seal_queue) >= SEAL_QUEUE_MAX;
    g_mutex_unlock(&store->source_lock);
    return is_full;
}

/* A segment for the next head, made without any lock; NULL when none is due or it has to wait. */
static Segment *
prepare_rotation(Store *store)
{
    g_mutex_lock(&store->append_lock);
    bool is_due = is_due_locked(store) && !store->is_stopping &&
                  g_get_monotonic_time() >= store->next_rotation;
    g_mutex_unlock(&store->append_lock);
    if (!is_due)
        return NULL;
    g_autoptr(GError) error = NULL;
    Segment *fresh =
        is_seal_queue_full(store) ? NULL : segment_create(store->disk, store->segment_dir, &error);
    if (error != NULL)
        g_debug("%s", error->message);
    if (fresh == NULL)
        store->next_rotation = g_get_monotonic_time() + RETRY_ROTATION_US;
    return fresh;
}

/* Takes what was appended, and the head when it is full; false when the store closes and nothing is
 * left. */
static bool
take_batch(Store *store, Batch *batch)
{
    g_mutex_lock(&store->append_lock);
    wait_locked(store, batch->next_sync);
    batch->next_sync = g_get_monotonic_time() + SYNC_INTERVAL_US;
    g_mutex_unlock(&store->append_lock);
    Segment *fresh = prepare_rotation(store);
    g_mutex_lock(&store->append_lock);
    Wire frames = batch->frames;
    GArray *waiters = batch->waiters;
    batch->segment = store->segment;
    batch->frames = store->pending;
    batch->waiters = store->waiters;
    store->pending = frames;
    store->waiters = waiters;
    if (fresh != NULL)
        rotate_locked(store, batch, fresh);
    bool is_done = store->is_stopping && batch->frames.size == 0 && batch->full == NULL;
    g_mutex_unlock(&store->append_lock);
    return !is_done;
}

/* Gives a full head whose frames are all durable to the seal thread. */
static void
hand_over(Store *store, Batch *batch)
{
    if (batch->full == NULL)
        return;
    segment_free(batch->segment);
    g_mutex_lock(&store->append_lock);
    head_freeze(batch->full);
    g_mutex_unlock(&store->append_lock);
    store_seal_later(store, batch->full);
    g_clear_pointer(&batch->full, head_unref);
}

static void
set_state(Store *store, StoreState state, const GError *fault)
{
    g_mutex_lock(&store->append_lock);
    store->state = state;
    g_clear_error(&store->fault);
    if (fault != NULL)
        store->fault = g_error_copy(fault);
    g_mutex_unlock(&store->append_lock);
}

/* Writes and syncs; *ret_is_space says that only space was missing and nothing was synced. */
static bool
write_batch(Store *store, const Batch *batch, bool *ret_is_space, GError **error)
{
    int64_t start = g_get_monotonic_time();
    Segment *segment = batch->segment;
    int result = disk_write_all(store->disk, segment->fd, batch->frames.data, batch->frames.size,
                                segment->size);
    *ret_is_space = result == -ENOSPC || result == -EDQUOT;
    if (*ret_is_space)
        return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                         "store: no space left on the disk of %s", store->data_dir);
    if (result == 0)
        result = store->disk->ops->sync(store->disk, segment->fd);
    if (result < 0)
        return error_set(error, CRESSET_ERROR_UNAVAILABLE,
                         "store: read-only until a restart, the log cannot be made durable: %s",
                         g_strerror(-result));
    segment->size += batch->frames.size;
    metrics_add(store->metrics, STORE_METRIC_BYTES, 0, (double)batch->frames.size);
    metrics_add(store->metrics, STORE_METRIC_COMMITS, 0, 1);
    metrics_observe(store->metrics, STORE_METRIC_SYNC_SECONDS, 0,
                    (double)(g_get_monotonic_time() - start) / 1e6);
    return true;
}

/* Fails whoever waits for a log that cannot be written, those of later frames too, until the store
 * closes. */
static void
fail_everything(Store *store, Batch *batch, const GError *fault)
{
    set_state(store, STORE_FAULTY, fault);
    do {
        finish_waiters(batch->waiters, fault);
        batch->frames.size = 0;
        if (batch->full != NULL)
            segment_free(batch->segment);
        g_clear_pointer(&batch->full, head_unref);
    } while (take_batch(store, batch));
}

/* Keeps the frames, which later ones build on, until there is space; their waiters are told that
 * they failed. False when the store closes before. */
static bool
wait_for_space(Store *store, Batch *batch, const GError *fault)
{
    set_state(store, STORE_FULL, fault);
    finish_waiters(batch->waiters, fault);
    g_mutex_lock(&store->append_lock);
    int64_t until = g_get_monotonic_time() + RETRY_FULL_US;
    while (!store->is_stopping &&
           g_cond_wait_until(&store->append_cond, &store->append_lock, until))
        ;
    bool is_stopping = store->is_stopping;
    g_mutex_unlock(&store->append_lock);
    return !is_stopping;
}

/* False when the thread is to end. */
static bool
commit_batch(Store *store, Batch *batch)
{
    bool was_full = false;
    while (batch->frames.size > 0) {
        g_autoptr(GError) fault = NULL;
        bool is_space = false;
        if (write_batch(store, batch, &is_space, &fault))
            break;
        if (!is_space) {
            fail_everything(store, batch, fault);
            return false;
        }
        was_full = true;
        if (!wait_for_space(store, batch, fault)) {
            fail_everything(store, batch, fault);
            return false;
        }
    }
    if (was_full)
        set_state(store, STORE_WRITABLE, NULL);
    finish_waiters(batch->waiters, NULL);
    batch->frames.size = 0;
    if (batch->frames.capacity > KEPT_BUFFER_MAX)
        wire_clear(&batch->frames);
    hand_over(store, batch);
    return true;
}

void *
store_commit_run(void *data)
{
    Store *store = data;
    Batch batch = {.waiters = g_array_new(FALSE, FALSE, sizeof(Waiter))};
    while (take_batch(store, &batch) && commit_batch(store, &batch))
        ;
    wire_clear(&batch.frames);
    g_array_unref(batch.waiters);
    return NULL;
}
