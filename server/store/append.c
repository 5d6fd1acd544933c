#include "lib/base/error.h"
#include "server/store/store_private.h"

enum {
    PENDING_BYTES_MAX = 64 * 1024 * 1024, /* frames that wait for the disk; more is refused */
    /* How far a segment may grow beyond its seal size while older ones wait to be sealed. */
    SEGMENT_GROWTH_BYTES_MAX = 192 * 1024 * 1024,
};

static bool
is_writable_locked(const Store *store, GError **error)
{
    if (store->is_stopping)
        return error_set(error, CRESSET_ERROR_UNAVAILABLE, "store: closing");
    bool is_sealing_behind =
        store->head_logged > (uint64_t)store->config.seal_bytes + SEGMENT_GROWTH_BYTES_MAX;
    if (store->state == STORE_WRITABLE && is_sealing_behind)
        return error_set(error, CRESSET_ERROR_UNAVAILABLE,
                         "store: sealing is behind, the log has grown to %" G_GUINT64_FORMAT
                         " bytes",
                         store->head_logged);
    if (store->state == STORE_WRITABLE && store->pending.size < PENDING_BYTES_MAX)
        return true;
    if (store->state == STORE_WRITABLE)
        return error_set(error, CRESSET_ERROR_UNAVAILABLE,
                         "store: the disk is behind, %zu bytes wait to be written",
                         store->pending.size);
    if (error != NULL)
        *error = g_error_copy(store->fault);
    return false;
}

static bool
append_locked(Store *store, const char *tenant, const StoreRow *rows, size_t n_rows, Waiter waiter,
              GError **error)
{
    if (!is_writable_locked(store, error))
        return false;
    size_t start = store->pending.size;
    segment_frame_begin(&store->pending);
    if (!head_append(store->head, tenant, rows, n_rows, &store->pending, error)) {
        store->pending.size = start;
        return false;
    }
    segment_frame_end(&store->pending, start, head_segment(store->head), store->sequence++);
    store->head_logged += store->pending.size - start;
    if (store->head_since == 0)
        store->head_since = g_get_monotonic_time();
    g_array_append_val(store->waiters, waiter);
    g_cond_signal(&store->append_cond);
    return true;
}

bool
store_append(Store *store, const char *tenant, const StoreRow *rows, size_t n_rows, StoreDone done,
             void *data, GError **error)
{
    double n_samples = 0;
    for (size_t i = 0; i < n_rows; i++)
        n_samples += rows[i].n_samples;
    g_mutex_lock(&store->append_lock);
    bool is_ok = append_locked(store, tenant, rows, n_rows, (Waiter){done, data}, error);
    g_mutex_unlock(&store->append_lock);
    if (is_ok) {
        metrics_add(store->metrics, STORE_METRIC_ROWS, 0, (double)n_rows);
        metrics_add(store->metrics, STORE_METRIC_SAMPLES, 0, n_samples);
    }
    return is_ok;
}
