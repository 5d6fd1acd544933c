#include "server/store/head.h"

#include <string.h>

#include "lib/base/error.h"
#include "server/store/head_private.h"

static unsigned
hash_name(const void *data)
{
    const HeadDataset *dataset = data;
    return g_str_hash(dataset->tenant) * 31 + g_str_hash(dataset->service);
}

static gboolean
is_same_name(const void *a, const void *b)
{
    const HeadDataset *one = a, *other = b;
    return strcmp(one->tenant, other->tenant) == 0 && strcmp(one->service, other->service) == 0;
}

Head *
head_new(const char *segment)
{
    Head *head = g_new0(Head, 1);
    g_atomic_ref_count_init(&head->n_refs);
    g_strlcpy(head->segment.text, segment, sizeof head->segment.text);
    column_guard_init(&head->guard);
    head->datasets = g_ptr_array_new();
    head->by_name = g_hash_table_new(hash_name, is_same_name);
    head->chunks = g_ptr_array_new_with_free_func(g_free);
    return head;
}

Head *
head_ref(Head *head)
{
    g_atomic_ref_count_inc(&head->n_refs);
    return head;
}

static void
free_dataset(HeadDataset *dataset)
{
    for (uint32_t i = 0; i < dataset->series.n; i++)
        labels_unref(((Labels **)dataset->series.data)[i]);
    for (uint32_t i = 0; i < dataset->annotations.table.n; i++)
        labels_unref(((Labels **)dataset->annotations.table.data)[i]);
    column_clear(&dataset->annotations.table);
    column_clear(&dataset->annotations.rows);
    g_clear_pointer(&dataset->annotations.ids, g_hash_table_unref);
    column_clear(&dataset->series);
    column_clear(&dataset->rows);
    symbol_table_clear(&dataset->symbols);
    g_clear_pointer(&dataset->series_ids, g_hash_table_unref);
    g_free(dataset->tenant);
    g_free(dataset->service);
    g_free(dataset);
}

void
head_unref(Head *head)
{
    if (head == NULL || !g_atomic_ref_count_dec(&head->n_refs))
        return;
    for (unsigned i = 0; i < head->datasets->len; i++)
        free_dataset(head->datasets->pdata[i]);
    g_ptr_array_unref(head->datasets);
    g_hash_table_unref(head->by_name);
    g_ptr_array_unref(head->chunks);
    column_guard_clear(&head->guard);
    g_free(head->keys);
    g_free(head->encoded);
    g_free(head);
}

const char *
head_segment(const Head *head)
{
    return head->segment.text;
}

HeadDataset *
head_add_dataset(Head *head, const char *tenant, const char *service)
{
    HeadDataset *dataset = g_new0(HeadDataset, 1);
    dataset->tenant = g_strdup(tenant);
    dataset->service = g_strdup(service);
    dataset->first_ns = INT64_MAX;
    dataset->last_ns = INT64_MIN;
    dataset->series_ids = g_hash_table_new(labels_hash, labels_equal);
    column_init(&dataset->series, sizeof(Labels *));
    column_init(&dataset->rows, sizeof(HeadRow));
    column_init(&dataset->annotations.table, sizeof(Labels *));
    column_init(&dataset->annotations.rows, sizeof(StoreRowAnnotation));
    symbol_table_init(&dataset->symbols, &head->guard);
    dataset->framed = symbol_table_counts(&dataset->symbols);
    g_mutex_lock(&head->guard.lock);
    g_ptr_array_add(head->datasets, dataset);
    g_mutex_unlock(&head->guard.lock);
    g_hash_table_add(head->by_name, dataset);
    return dataset;
}

HeadDataset *
head_find_dataset(Head *head, const char *tenant, const char *service)
{
    HeadDataset name = {.tenant = (char *)(uintptr_t)tenant, .service = (char *)(uintptr_t)service};
    return g_hash_table_lookup(head->by_name, &name);
}

const uint8_t *
head_keep_bytes(Head *head, const uint8_t *bytes, size_t size)
{
    if (size == 0)
        return (const uint8_t *)"";
    if (size > head->chunk_left) {
        size_t chunk_size = MAX((size_t)HEAD_CHUNK_SIZE, size);
        head->chunk_at = g_malloc(chunk_size);
        head->chunk_left = chunk_size;
        head->chunk_bytes += chunk_size;
        g_ptr_array_add(head->chunks, head->chunk_at);
    }
    uint8_t *at = head->chunk_at;
    memcpy(at, bytes, size);
    head->chunk_at += size;
    head->chunk_left -= size;
    return at;
}

void
head_publish_locked(Head *head, HeadDataset *dataset)
{
    const HeadRow *rows = dataset->rows.data;
    for (uint32_t i = dataset->n_rows; i < dataset->rows.n; i++) {
        dataset->first_ns = MIN(dataset->first_ns, rows[i].time_ns);
        dataset->last_ns = MAX(dataset->last_ns, rows[i].time_ns);
        dataset->n_samples += rows[i].n_samples;
        head->n_samples += rows[i].n_samples;
        head->n_rows++;
    }
    dataset->published = symbol_table_counts(&dataset->symbols);
    dataset->n_series = dataset->series.n;
    dataset->n_rows = dataset->rows.n;
    dataset->annotations.n_table = dataset->annotations.table.n;
    dataset->annotations.n_rows = dataset->annotations.rows.n;
}

void
head_freeze(Head *head)
{
    for (unsigned i = 0; i < head->datasets->len; i++) {
        HeadDataset *dataset = head->datasets->pdata[i];
        symbol_table_freeze(&dataset->symbols);
        g_clear_pointer(&dataset->series_ids, g_hash_table_unref);
        g_clear_pointer(&dataset->annotations.ids, g_hash_table_unref);
    }
    g_clear_pointer(&head->keys, g_free);
    g_clear_pointer(&head->encoded, g_free);
    head->keys_capacity = head->encoded_capacity = 0;
}

size_t
head_size(Head *head)
{
    size_t size = head->chunk_bytes;
    for (unsigned i = 0; i < head->datasets->len; i++) {
        const HeadDataset *dataset = head->datasets->pdata[i];
        size += sizeof *dataset + column_size(&dataset->series) + column_size(&dataset->rows) +
                column_size(&dataset->annotations.table) + column_size(&dataset->annotations.rows) +
                symbol_table_size(&dataset->symbols);
    }
    return size;
}

uint64_t
head_row_count(Head *head)
{
    g_mutex_lock(&head->guard.lock);
    uint64_t n = head->n_rows;
    g_mutex_unlock(&head->guard.lock);
    return n;
}

uint64_t
head_sample_count(Head *head)
{
    g_mutex_lock(&head->guard.lock);
    uint64_t n = head->n_samples;
    g_mutex_unlock(&head->guard.lock);
    return n;
}

static void
add_view(GArray *views, HeadDataset *dataset)
{
    HeadView view = {
        .dataset = dataset,
        .series = dataset->series.data,
        .rows = dataset->rows.data,
        .n_series = dataset->n_series,
        .n_rows = dataset->n_rows,
        .first_ns = dataset->first_ns,
        .last_ns = dataset->last_ns,
        .annotations = {dataset->annotations.table.data, dataset->annotations.rows.data,
                        dataset->annotations.n_table, dataset->annotations.n_rows},
    };
    symbol_table_view(&dataset->symbols, &dataset->published, &view.symbols);
    g_array_append_val(views, view);
}

GArray *
head_enter(Head *head, const char *tenant, const char *service)
{
    GArray *views = g_array_new(FALSE, FALSE, sizeof(HeadView));
    g_mutex_lock(&head->guard.lock);
    column_guard_enter_locked(&head->guard);
    for (unsigned i = 0; i < head->datasets->len; i++) {
        HeadDataset *dataset = head->datasets->pdata[i];
        if (dataset->n_rows > 0 && (tenant == NULL || strcmp(dataset->tenant, tenant) == 0) &&
            (service == NULL || strcmp(dataset->service, service) == 0))
            add_view(views, dataset);
    }
    g_mutex_unlock(&head->guard.lock);
    return views;
}

void
head_leave(Head *head)
{
    column_guard_leave(&head->guard);
}
