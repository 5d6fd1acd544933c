#include <string.h>

#include "server/store/head_private.h"
#include "server/store/label_wire.h"
#include "server/store/row_annotations.h"
#include "server/store/span_run.h"

static bool
restore_series(Head *head, HeadDataset *dataset, Scan *scan)
{
    uint64_t n = scan_varint(scan);
    for (uint64_t i = 0; i < n; i++) {
        Labels *labels = scan_labels(scan);
        if (labels == NULL)
            return false;
        *(Labels **)column_push(&dataset->series, &head->guard, 1) = labels;
    }
    return !scan->bad;
}

static bool
restore_rows(Head *head, HeadDataset *dataset, Scan *scan)
{
    uint64_t n = scan_varint(scan);
    for (uint64_t i = 0; i < n; i++) {
        HeadRow row = {.series = scan_varint32(scan)};
        row.time_ns = unzigzag(scan_varint(scan));
        row.duration_ns = unzigzag(scan_varint(scan));
        row.period = unzigzag(scan_varint(scan));
        row.total = unzigzag(scan_varint(scan));
        const uint8_t *id = scan_bytes(scan, sizeof row.id);
        row.n_samples = scan_varint32(scan);
        row.samples_size = scan_varint32(scan);
        const uint8_t *samples = scan_bytes(scan, row.samples_size);
        if (scan->bad || row.series >= dataset->series.n)
            return false;
        memcpy(row.id, id, sizeof row.id);
        row.samples = head_keep_bytes(head, samples, row.samples_size);
        *(HeadRow *)column_push(&dataset->rows, &head->guard, 1) = row;
    }
    return !scan->bad;
}

static HeadDataset *
restore_dataset(Head *head, const char *tenant, Scan *scan)
{
    uint32_t number = scan_varint32(scan);
    HeadDataset *dataset = NULL;
    if (scan->bad || number > head->datasets->len)
        return NULL;
    if (number < head->datasets->len) {
        dataset = head->datasets->pdata[number];
        if (strcmp(dataset->tenant, tenant) != 0)
            return NULL;
    } else {
        g_autofree char *service = scan_text(scan);
        if (service == NULL || head_find_dataset(head, tenant, service) != NULL)
            return NULL;
        dataset = head_add_dataset(head, tenant, service);
        dataset->number = number;
    }
    bool is_ok = symbol_table_restore(&dataset->symbols, scan) &&
                 restore_series(head, dataset, scan) && restore_rows(head, dataset, scan);
    return is_ok ? dataset : NULL;
}

/* The dataset of this number when `at` is one of the rows that the frame brought, and that nobody
 * sees yet; NULL when it is not. */
static HeadDataset *
dataset_of_row(const Head *head, const char *tenant, uint32_t number, uint32_t at)
{
    if (number >= head->datasets->len)
        return NULL;
    HeadDataset *dataset = head->datasets->pdata[number];
    bool is_new = at >= dataset->n_rows && at < dataset->rows.n;
    return is_new && strcmp(dataset->tenant, tenant) == 0 ? dataset : NULL;
}

/* Gives a row its span run. */
static bool
restore_span(Head *head, const char *tenant, uint32_t number, Scan *scan, GArray *scratch)
{
    uint32_t at = scan_varint32(scan), size = scan_varint32(scan);
    const uint8_t *run = scan_bytes(scan, size);
    HeadDataset *dataset = dataset_of_row(head, tenant, number, at);
    g_array_set_size(scratch, 0);
    if (run == NULL || dataset == NULL ||
        !span_run_get(run, size, symbol_table_counts(&dataset->symbols).n_nodes, scratch))
        return false;
    HeadRow *row = (HeadRow *)dataset->rows.data + at;
    row->spans = head_keep_bytes(head, run, size);
    row->spans_size = size;
    return true;
}

/* Annotates a row; rows are in order. */
static bool
restore_annotation(Head *head, const char *tenant, Scan *scan)
{
    uint32_t number = scan_varint32(scan);
    StoreRowAnnotation row = {.row = scan_varint32(scan)};
    row.annotation = scan_varint32(scan);
    HeadDataset *dataset = scan->bad ? NULL : dataset_of_row(head, tenant, number, row.row);
    if (dataset == NULL || row.annotation > dataset->annotations.table.n)
        return false;
    HeadAnnotations *annotations = &dataset->annotations;
    const StoreRowAnnotation *rows = annotations->rows.data;
    if (annotations->rows.n > 0 && rows[annotations->rows.n - 1].row > row.row)
        return false;
    if (row.annotation == annotations->table.n) {
        Labels *annotation = row_annotation_scan(scan);
        if (annotation == NULL)
            return false;
        *(Labels **)column_push(&annotations->table, &head->guard, 1) = annotation;
    }
    *(StoreRowAnnotation *)column_push(&annotations->rows, &head->guard, 1) = row;
    return true;
}

/* What few rows have: span runs, then annotations. */
static bool
restore_extras(Head *head, const char *tenant, Scan *scan)
{
    g_autoptr(GArray) scratch = g_array_new(FALSE, FALSE, sizeof(StoreSpanSample));
    uint32_t number = 0;
    while (scan_left(scan) > 0 && (number = scan_varint32(scan)) != FRAME_ANNOTATIONS) {
        if (!restore_span(head, tenant, number, scan, scratch))
            return false;
    }
    while (scan_left(scan) > 0) {
        if (!restore_annotation(head, tenant, scan))
            return false;
    }
    return true;
}

bool
head_restore(Head *head, const uint8_t *payload, size_t size)
{
    Scan scan = scan_of(payload, size);
    g_autofree char *tenant = scan_text(&scan);
    uint64_t n = scan_varint(&scan);
    if (tenant == NULL || scan.bad || n > scan_left(&scan))
        return false;
    g_autoptr(GPtrArray) restored = g_ptr_array_new();
    for (uint64_t i = 0; i < n; i++) {
        HeadDataset *dataset = restore_dataset(head, tenant, &scan);
        if (dataset == NULL)
            return false;
        g_ptr_array_add(restored, dataset);
    }
    if (!restore_extras(head, tenant, &scan))
        return false;
    g_mutex_lock(&head->guard.lock);
    for (unsigned i = 0; i < restored->len; i++)
        head_publish_locked(head, restored->pdata[i]);
    g_mutex_unlock(&head->guard.lock);
    return true;
}
