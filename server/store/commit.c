#include <errno.h>

#include "lib/base/error.h"
#include "server/store/store_private.h"

enum { RETRY_FULL_US = 1000 * 1000 };

/* What one turn of the commit thread writes: everything appended since the last one. */
typedef struct {
    Segment *segment;
    Wire frames;
    GArray *waiters;
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

/* Waits for frames; false when the store closes and none are left. */
static bool
take_batch(Store *store, Batch *batch)
{
    g_mutex_lock(&store->append_lock);
    while (store->pending.size == 0 && !store->is_stopping)
        g_cond_wait(&store->append_cond, &store->append_lock);
    bool has_frames = store->pending.size > 0;
    Wire frames = batch->frames;
    GArray *waiters = batch->waiters;
    batch->segment = store->segment;
    batch->frames = store->pending;
    batch->waiters = store->waiters;
    store->pending = frames;
    store->waiters = waiters;
    g_mutex_unlock(&store->append_lock);
    return has_frames;
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
    for (;;) {
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
