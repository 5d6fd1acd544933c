#include <string.h>

#include "server/store/head_private.h"
#include "server/store/label_wire.h"
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

/* Gives one of the rows that the frame brought, and that nobody sees yet, its span run. */
static bool
restore_span(Head *head, const char *tenant, Scan *scan, GArray *scratch)
{
    uint32_t number = scan_varint32(scan), at = scan_varint32(scan);
    uint32_t size = scan_varint32(scan);
    const uint8_t *run = scan_bytes(scan, size);
    if (run == NULL || number >= head->datasets->len)
        return false;
    HeadDataset *dataset = head->datasets->pdata[number];
    g_array_set_size(scratch, 0);
    if (strcmp(dataset->tenant, tenant) != 0 || at < dataset->n_rows || at >= dataset->rows.n ||
        !span_run_get(run, size, symbol_table_counts(&dataset->symbols).n_nodes, scratch))
        return false;
    HeadRow *row = (HeadRow *)dataset->rows.data + at;
    row->spans = head_keep_bytes(head, run, size);
    row->spans_size = size;
    return true;
}

static bool
restore_spans(Head *head, const char *tenant, Scan *scan)
{
    g_autoptr(GArray) scratch = g_array_new(FALSE, FALSE, sizeof(StoreSpanSample));
    while (scan_left(scan) > 0) {
        if (!restore_span(head, tenant, scan, scratch))
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
    if (!restore_spans(head, tenant, &scan))
        return false;
    g_mutex_lock(&head->guard.lock);
    for (unsigned i = 0; i < restored->len; i++)
        head_publish_locked(head, restored->pdata[i]);
    g_mutex_unlock(&head->guard.lock);
    return true;
}
