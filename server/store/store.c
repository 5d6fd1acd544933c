#include "server/store/store.h"

#include <errno.h>
#include <string.h>

#include "lib/base/error.h"
#include "server/store/source.h"
#include "server/store/store_private.h"

enum { OPEN_BLOCKS_MAX = 1024, KEPT_SYMBOL_BYTES_MAX = 32 * 1024 * 1024 };

static bool
not_writable(const Store *store, int failure, GError **error)
{
    return error_set(error, CRESSET_ERROR_PERMISSION_DENIED, "data directory %s: not writable: %s",
                     store->data_dir, g_strerror(-failure));
}

static bool
prepare_dir(Store *store, GError **error)
{
    const DiskOps *ops = store->disk->ops;
    const char *folders[] = {store->segment_dir, store->block_dir, store->document_dir,
                             store->quarantine_dir};
    for (size_t i = 0; i < G_N_ELEMENTS(folders); i++) {
        int result = ops->make_dir(store->disk, folders[i]);
        if (result < 0)
            return not_writable(store, result, error);
    }
    g_autofree char *lock = g_build_filename(store->data_dir, "LOCK", NULL);
    store->lock_fd = ops->lock(store->disk, lock);
    if (store->lock_fd == -EWOULDBLOCK)
        return error_set(error, CRESSET_ERROR_FAILED_PRECONDITION,
                         "data directory %s: in use by another server", store->data_dir);
    return store->lock_fd >= 0 || not_writable(store, store->lock_fd, error);
}

static Store *
store_new(const StoreConfig *config, Disk *disk)
{
    Store *store = g_new0(Store, 1);
    store->config = *config;
    store->disk = disk;
    store->lock_fd = -1;
    store->data_dir = g_canonicalize_filename(config->data_dir, NULL);
    store->config.data_dir = store->data_dir;
    store->segment_dir = g_build_filename(store->data_dir, "segments", NULL);
    store->block_dir = g_build_filename(store->data_dir, "blocks", NULL);
    store->document_dir = g_build_filename(store->data_dir, "documents", NULL);
    store->quarantine_dir = g_build_filename(store->data_dir, "quarantine", NULL);
    store->metrics = metrics_new(store_metric_rows, STORE_N_METRICS);
    store->waiters = g_array_new(FALSE, FALSE, sizeof(Waiter));
    store->frozen = g_ptr_array_new_with_free_func((GDestroyNotify)head_unref);
    g_mutex_init(&store->document_lock);
    g_mutex_init(&store->append_lock);
    g_mutex_init(&store->source_lock);
    g_cond_init(&store->append_cond);
    g_cond_init(&store->pace_cond);
    g_cond_init(&store->source_cond);
    g_queue_init(&store->seal_queue);
    block_cache_init(&store->cache, OPEN_BLOCKS_MAX, KEPT_SYMBOL_BYTES_MAX);
    return store;
}

char *
store_block_path(const Store *store, const char *id)
{
    return g_strdup_printf("%s/%s.block", store->block_dir, id);
}

Store *
store_open_on(const StoreConfig *config, Disk *disk, const char *meta_path, GError **error)
{
    g_autoptr(Store) store = store_new(config, disk);
    bool is_new;
    if (!prepare_dir(store, error))
        return NULL;
    store->meta = meta_open(meta_path, &is_new, error);
    if (store->meta == NULL || !store_reconcile(store, error) ||
        !store_recover_documents(store, error) || !store_recover(store, error))
        return NULL;
    store->segment = segment_create(disk, store->segment_dir, error);
    if (store->segment == NULL)
        return NULL;
    store->head = head_new(store->segment->id.text);
    for (unsigned i = 0; i < store->frozen->len; i++)
        store_seal_later(store, store->frozen->pdata[i]);
    store->commit_thread = g_thread_new("store-commit", store_commit_run, store);
    store->seal_thread = g_thread_new("store-seal", store_seal_run, store);
    return g_steal_pointer(&store);
}

Store *
store_open(const StoreConfig *config, GError **error)
{
    g_autofree char *meta_path = g_build_filename(config->data_dir, "meta.sqlite", NULL);
    return store_open_on(config, disk_system(), meta_path, error);
}

static void
stop_threads(Store *store)
{
    g_mutex_lock(&store->append_lock);
    store->is_stopping = true;
    g_cond_broadcast(&store->append_cond);
    g_cond_broadcast(&store->pace_cond);
    g_mutex_unlock(&store->append_lock);
    g_clear_pointer(&store->commit_thread, g_thread_join);
    g_mutex_lock(&store->source_lock);
    store->is_seal_stopping = true;
    g_cond_broadcast(&store->source_cond);
    g_mutex_unlock(&store->source_lock);
    g_clear_pointer(&store->seal_thread, g_thread_join);
}

void
store_close(Store *store)
{
    if (store == NULL)
        return;
    stop_threads(store);
    segment_free(store->segment);
    head_unref(store->head);
    for (Head *head; (head = g_queue_pop_head(&store->seal_queue)) != NULL;)
        head_unref(head);
    g_ptr_array_unref(store->frozen);
    block_cache_clear(&store->cache);
    meta_close(store->meta);
    g_array_unref(store->waiters);
    wire_clear(&store->pending);
    metrics_free(store->metrics);
    g_clear_error(&store->fault);
    if (store->lock_fd >= 0)
        store->disk->ops->close(store->disk, store->lock_fd);
    g_mutex_clear(&store->document_lock);
    g_mutex_clear(&store->append_lock);
    g_mutex_clear(&store->source_lock);
    g_cond_clear(&store->append_cond);
    g_cond_clear(&store->pace_cond);
    g_cond_clear(&store->source_cond);
    g_free(store->notice);
    g_free(store->segment_dir);
    g_free(store->block_dir);
    g_free(store->document_dir);
    g_free(store->quarantine_dir);
    g_free(store->data_dir);
    g_free(store);
}

void
store_add_notice(Store *store, const char *text)
{
    g_autofree char *before = store->notice;
    store->notice =
        g_strdup_printf("%s%s%s", before != NULL ? before : "", before != NULL ? "; " : "", text);
}

const char *
store_notice(const Store *store)
{
    return store->notice;
}
