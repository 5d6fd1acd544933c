#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"
#include "server/store/source.h"
#include "server/store/span_run.h"
#include "server/store/store_private.h"

static void
unref_head(void *head)
{
    head_unref(head);
}

/* The frozen heads and the active one, referenced. */
static GPtrArray *
snapshot_heads(Store *store)
{
    GPtrArray *heads = g_ptr_array_new_with_free_func(unref_head);
    g_mutex_lock(&store->source_lock);
    for (unsigned i = 0; i < store->frozen->len; i++)
        g_ptr_array_add(heads, head_ref(store->frozen->pdata[i]));
    g_ptr_array_add(heads, head_ref(store->head));
    g_mutex_unlock(&store->source_lock);
    return heads;
}

void
store_quarantine(Store *store, const char *id)
{
    g_autofree char *path = store_block_path(store, id);
    g_autofree char *aside = g_strdup_printf("%s/%s.block", store->quarantine_dir, id);
    block_cache_drop(&store->cache, id);
    if (meta_quarantine(store->meta, id, NULL) &&
        store->disk->ops->rename(store->disk, path, aside) == 0)
        metrics_add(store->metrics, STORE_METRIC_QUARANTINED, 0, 1);
}

/* What a visit asks for, handed from step to step. */
typedef struct {
    const char *tenant, *service;
    int64_t start_ns, end_ns;
    StoreDetail detail;
    StoreVisit visit;
    void *data;
    bool is_partial, is_stopped;
} Tour;

static bool
visit_heads(Tour *tour, const GPtrArray *heads, GError **error)
{
    for (unsigned i = 0; i < heads->len && !tour->is_stopped; i++) {
        if (!head_visit(heads->pdata[i], tour->tenant, tour->service, tour->start_ns, tour->end_ns,
                        tour->detail, tour->visit, tour->data, &tour->is_stopped, error))
            return false;
    }
    return true;
}

static bool
is_in_heads(const GPtrArray *heads, const Ulid *segment)
{
    for (unsigned i = 0; i < heads->len; i++) {
        if (strcmp(head_segment(heads->pdata[i]), segment->text) == 0)
            return true;
    }
    return false;
}

static bool
visit_block(Store *store, Tour *tour, const MetaDataset *found, GError **error)
{
    g_autofree char *path = store_block_path(store, found->block.text);
    g_autoptr(GError) failure = NULL;
    bool is_broken = true;
    g_autoptr(Block) block =
        block_cache_get(&store->cache, store->disk, found->block.text, path, &failure);
    if (block != NULL && block_visit(block, found->number, tour->detail, tour->visit, tour->data,
                                     &tour->is_stopped, &is_broken, &failure))
        return true;
    /* The visitor's own failure, unless it is one of store_dataset_accumulate on a broken block. */
    bool is_corrupt = g_error_matches(failure, CRESSET_ERROR, CRESSET_ERROR_DATA_LOSS);
    if (is_corrupt)
        store_quarantine(store, found->block.text);
    if (!is_broken) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return false;
    }
    tour->is_partial = true;
    return true;
}

/* A segment that is sealed while the visit goes on is in the heads taken at its start, and its
 * blocks are passed over; one that was sealed before has its blocks in the metastore. So every row
 * is seen once. */
static bool
visit_blocks(Store *store, Tour *tour, const GPtrArray *heads, GError **error)
{
    g_autoptr(GArray) found =
        meta_find(store->meta, tour->tenant, tour->service, tour->start_ns, tour->end_ns, error);
    if (found == NULL)
        return false;
    for (unsigned i = 0; i < found->len && !tour->is_stopped; i++) {
        const MetaDataset *dataset = &g_array_index(found, MetaDataset, i);
        if (is_in_heads(heads, &dataset->segment))
            continue;
        if (dataset->is_bad)
            tour->is_partial = true;
        else if (!visit_block(store, tour, dataset, error))
            return false;
    }
    return true;
}

bool
store_visit(Store *store, const char *tenant, const char *service, int64_t start_ns, int64_t end_ns,
            StoreDetail detail, StoreVisit visit, void *data, bool *ret_partial, GError **error)
{
    g_autoptr(GPtrArray) heads = snapshot_heads(store);
    Tour tour = {tenant, service, start_ns, end_ns, detail, visit, data, false, false};
    bool is_ok = visit_heads(&tour, heads, error);
    if (is_ok && !tour.is_stopped)
        is_ok = visit_blocks(store, &tour, heads, error);
    if (ret_partial != NULL)
        *ret_partial = tour.is_partial;
    return is_ok;
}

bool
store_dataset_accumulate(const StoreDataset *dataset, const uint32_t *rows, uint32_t n,
                         int64_t *totals, GError **error)
{
    const DatasetSource *source = dataset->source;
    return source->accumulate(source, rows, n, totals, dataset->symbols->n_nodes, error);
}

bool
store_dataset_spans(const StoreDataset *dataset, uint32_t row, GArray *samples, GError **error)
{
    const DatasetSource *source = dataset->source;
    const uint8_t *run = NULL;
    size_t size = 0;
    return (source->spans(source, row, &run, &size) &&
            span_run_get(run, size, dataset->symbols->n_nodes, samples)) ||
           error_set(error, CRESSET_ERROR_DATA_LOSS, "store: the spans of a row are broken");
}

static int
compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

GStrv
store_tenants(Store *store)
{
    g_autoptr(GPtrArray) heads = snapshot_heads(store);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    meta_tenants(store->meta, seen, NULL);
    for (unsigned i = 0; i < heads->len; i++) {
        g_autoptr(GArray) views = head_enter(heads->pdata[i], NULL, NULL);
        for (unsigned j = 0; j < views->len; j++) {
            const char *tenant = g_array_index(views, HeadView, j).dataset->tenant;
            if (!g_hash_table_contains(seen, tenant))
                g_hash_table_add(seen, g_strdup(tenant));
        }
        head_leave(heads->pdata[i]);
    }
    unsigned n;
    GStrv tenants = (GStrv)g_hash_table_get_keys_as_array(seen, &n);
    qsort(tenants, n, sizeof *tenants, compare_texts);
    return tenants;
}

bool
store_time_range(Store *store, const char *tenant, int64_t *ret_first_ns, int64_t *ret_last_ns)
{
    g_autoptr(GPtrArray) heads = snapshot_heads(store);
    int64_t first = INT64_MAX, last = INT64_MIN;
    for (unsigned i = 0; i < heads->len; i++) {
        g_autoptr(GArray) views = head_enter(heads->pdata[i], tenant, NULL);
        for (unsigned j = 0; j < views->len; j++) {
            first = MIN(first, g_array_index(views, HeadView, j).first_ns);
            last = MAX(last, g_array_index(views, HeadView, j).last_ns);
        }
        head_leave(heads->pdata[i]);
    }
    if (!meta_time_range(store->meta, tenant, &first, &last, NULL) || first > last)
        return false;
    *ret_first_ns = first;
    *ret_last_ns = last;
    return true;
}
