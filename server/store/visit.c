#include <string.h>

#include "server/store/source.h"
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

bool
store_visit(Store *store, const char *tenant, const char *service, int64_t start_ns, int64_t end_ns,
            StoreDetail detail, StoreVisit visit, void *data, bool *ret_partial, GError **error)
{
    g_autoptr(GPtrArray) heads = snapshot_heads(store);
    bool is_stopped = false;
    if (ret_partial != NULL)
        *ret_partial = false;
    for (unsigned i = 0; i < heads->len && !is_stopped; i++) {
        if (!head_visit(heads->pdata[i], tenant, service, start_ns, end_ns, detail, visit, data,
                        &is_stopped, error))
            return false;
    }
    return true;
}

bool
store_dataset_accumulate(const StoreDataset *dataset, const uint32_t *rows, uint32_t n,
                         int64_t *totals, GError **error)
{
    const DatasetSource *source = dataset->source;
    return source->accumulate(source, rows, n, totals, dataset->symbols->n_nodes, error);
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
    GPtrArray *tenants = g_ptr_array_new();
    for (unsigned i = 0; i < heads->len; i++) {
        g_autoptr(GArray) views = head_enter(heads->pdata[i], NULL, NULL);
        for (unsigned j = 0; j < views->len; j++) {
            const char *tenant = g_array_index(views, HeadView, j).dataset->tenant;
            if (g_hash_table_contains(seen, tenant))
                continue;
            g_ptr_array_add(tenants, g_strdup(tenant));
            g_hash_table_add(seen, tenants->pdata[tenants->len - 1]);
        }
        head_leave(heads->pdata[i]);
    }
    g_ptr_array_sort(tenants, compare_texts);
    g_ptr_array_add(tenants, NULL);
    return (GStrv)g_ptr_array_free(tenants, FALSE);
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
    if (first > last)
        return false;
    *ret_first_ns = first;
    *ret_last_ns = last;
    return true;
}
