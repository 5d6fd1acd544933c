#include <malloc.h>
#include <string.h>

#include "lib/base/error.h"
#include "server/store/store_private.h"

enum { RETRY_US = 1000 * 1000 };

static int
compare_views(const void *a, const void *b)
{
    const HeadView *one = a, *other = b;
    int result = strcmp(one->dataset->tenant, other->dataset->tenant);
    return result != 0 ? result : strcmp(one->dataset->service, other->dataset->service);
}

static void
clear_block(void *data)
{
    block_info_free(((MetaBlock *)data)->info);
}

/* Writes one tenant's block under its final name. */
static bool
write_block(Store *store, const char *segment, const GArray *views, GArray *blocks, GError **error)
{
    MetaBlock block = {.id = ulid_new()};
    g_autofree char *path = store_block_path(store, block.id.text);
    g_autofree char *temporary = g_strconcat(path, ".tmp", NULL);
    const char *tenant = g_array_index(views, HeadView, 0).dataset->tenant;
    block.info = block_write(store->disk, temporary, tenant, segment, views, error);
    if (block.info == NULL) {
        store->disk->ops->remove(store->disk, temporary);
        return false;
    }
    g_array_append_val(blocks, block);
    int result = store->disk->ops->rename(store->disk, temporary, path);
    if (result < 0)
        return error_set_errno(error, -result, "block %s: cannot rename", path);
    return true;
}

/* One block per tenant of the head; their names are durable at the end. */
static bool
write_blocks(Store *store, Head *head, GArray *blocks, GError **error)
{
    g_autoptr(GArray) views = head_enter(head, NULL, NULL);
    g_array_sort(views, compare_views);
    bool is_ok = true;
    for (unsigned start = 0, end; start < views->len && is_ok; start = end) {
        g_autoptr(GArray) of_tenant = g_array_new(FALSE, FALSE, sizeof(HeadView));
        const char *tenant = g_array_index(views, HeadView, start).dataset->tenant;
        for (end = start; end < views->len; end++) {
            HeadView *view = &g_array_index(views, HeadView, end);
            if (strcmp(view->dataset->tenant, tenant) != 0)
                break;
            g_array_append_val(of_tenant, *view);
        }
        is_ok = write_block(store, head_segment(head), of_tenant, blocks, error);
    }
    head_leave(head);
    if (!is_ok)
        return false;
    int result = store->disk->ops->sync_dir(store->disk, store->block_dir);
    if (result < 0)
        return error_set_errno(error, -result, "blocks: cannot make names durable");
    return true;
}

static void
remove_blocks(Store *store, const GArray *blocks)
{
    for (unsigned i = 0; i < blocks->len; i++) {
        g_autofree char *path =
            store_block_path(store, g_array_index(blocks, MetaBlock, i).id.text);
        store->disk->ops->remove(store->disk, path);
    }
}

static void
drop_frozen(Store *store, Head *head)
{
    g_mutex_lock(&store->source_lock);
    g_ptr_array_remove(store->frozen, head);
    g_mutex_unlock(&store->source_lock);
}

/* Blocks first, then the metastore's row, then the log goes: whatever a crash leaves, either the
 * log or the metastore's row says where the data is. */
static bool
seal_head(Store *store, Head *head, GError **error)
{
    int64_t start = g_get_monotonic_time();
    g_autoptr(GArray) blocks = g_array_new(FALSE, FALSE, sizeof(MetaBlock));
    g_array_set_clear_func(blocks, clear_block);
    if (!write_blocks(store, head, blocks, error) ||
        !meta_add(store->meta, (MetaBlock *)(void *)blocks->data, blocks->len, error)) {
        remove_blocks(store, blocks);
        return false;
    }
    g_autofree char *log = segment_path(store->segment_dir, head_segment(head));
    drop_frozen(store, head);
    store->disk->ops->remove(store->disk, log);
    metrics_observe(store->metrics, STORE_METRIC_SEAL_SECONDS, 0,
                    (double)(g_get_monotonic_time() - start) / 1e6);
    return true;
}

/* Waits before another try; false when the store closes. */
static bool
wait_to_retry(Store *store)
{
    g_mutex_lock(&store->source_lock);
    store->is_seal_failing = true;
    g_cond_broadcast(&store->source_cond);
    int64_t until = g_get_monotonic_time() + RETRY_US;
    while (!store->is_seal_stopping &&
           g_cond_wait_until(&store->source_cond, &store->source_lock, until))
        ;
    bool is_stopping = store->is_seal_stopping;
    g_mutex_unlock(&store->source_lock);
    return !is_stopping;
}

/* The next head to seal; NULL when the store closes. */
static Head *
take_head(Store *store)
{
    g_mutex_lock(&store->source_lock);
    store->is_sealing = store->is_seal_failing = false;
    g_cond_broadcast(&store->source_cond);
    while (!store->is_seal_stopping && g_queue_is_empty(&store->seal_queue))
        g_cond_wait(&store->source_cond, &store->source_lock);
    Head *head = store->is_seal_stopping ? NULL : g_queue_pop_head(&store->seal_queue);
    store->is_sealing = head != NULL;
    g_mutex_unlock(&store->source_lock);
    return head;
}

void
store_seal_later(Store *store, Head *head)
{
    g_mutex_lock(&store->source_lock);
    g_queue_push_tail(&store->seal_queue, head_ref(head));
    g_cond_broadcast(&store->source_cond);
    g_mutex_unlock(&store->source_lock);
}

void *
store_seal_run(void *data)
{
    Store *store = data;
    for (Head *head; (head = take_head(store)) != NULL;) {
        g_autoptr(GError) error = NULL;
        while (!seal_head(store, head, &error)) {
            g_debug("seal: %s", error->message);
            metrics_add(store->metrics, STORE_METRIC_SEAL_FAILURES, 0, 1);
            /* Data that cannot be read back stays in the log, for whoever wants to look. */
            if (g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_DATA_LOSS) ||
                !wait_to_retry(store))
                break;
            g_clear_error(&error);
        }
        head_unref(head);
        /* A head is many small pieces; without this most of it would stay with the process. */
        malloc_trim(0);
    }
    return NULL;
}

bool
store_wait_sealed(Store *store)
{
    g_mutex_lock(&store->source_lock);
    while ((store->is_sealing || !g_queue_is_empty(&store->seal_queue)) && !store->is_seal_failing)
        g_cond_wait(&store->source_cond, &store->source_lock);
    bool is_sealed = !store->is_seal_failing;
    g_mutex_unlock(&store->source_lock);
    return is_sealed;
}
