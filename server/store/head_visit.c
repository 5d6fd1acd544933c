#include "lib/base/error.h"
#include "server/store/row_annotations.h"
#include "server/store/sample_run.h"
#include "server/store/source.h"

typedef struct {
    DatasetSource public;
    const HeadRow *rows;   /* as appended */
    const uint32_t *order; /* of the visited rows */
} HeadSource;

static bool
accumulate(const DatasetSource *source, const uint32_t *rows, uint32_t n, int64_t *totals,
           uint32_t n_nodes, GError **error)
{
    const HeadSource *head = (const HeadSource *)source;
    for (uint32_t i = 0; i < n; i++) {
        const HeadRow *row = &head->rows[head->order[rows[i]]];
        if (!sample_run_accumulate(row->samples, row->samples_size, totals, n_nodes))
            return error_set(error, CRESSET_ERROR_DATA_LOSS,
                             "log: the samples of a row are broken");
    }
    return true;
}

static bool
find_spans(const DatasetSource *source, uint32_t row, const uint8_t **ret_run, size_t *ret_size)
{
    const HeadSource *head = (const HeadSource *)source;
    *ret_run = head->rows[head->order[row]].spans;
    *ret_size = head->rows[head->order[row]].spans_size;
    return true;
}

static int
compare_times(const void *a, const void *b, void *data)
{
    const HeadRow *rows = data;
    uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;
    int64_t first = rows[one].time_ns, second = rows[other].time_ns;
    if (first != second)
        return first < second ? -1 : 1;
    return (one > other) - (one < other);
}

/* Positions of the rows sorted by series, then time. */
static uint32_t *
order_rows(const HeadView *view)
{
    uint32_t *order = g_new(uint32_t, view->n_rows + 1);
    g_autofree uint32_t *end = g_new0(uint32_t, view->n_series + 1);
    for (uint32_t i = 0; i < view->n_rows; i++)
        end[view->rows[i].series + 1]++;
    for (uint32_t i = 0; i < view->n_series; i++)
        end[i + 1] += end[i];
    for (uint32_t i = 0; i < view->n_rows; i++)
        order[end[view->rows[i].series]++] = i;
    for (uint32_t i = 0, start = 0; i < view->n_series; start = end[i++]) {
        bool is_sorted = true;
        for (uint32_t at = start + 1; at < end[i] && is_sorted; at++)
            is_sorted = view->rows[order[at - 1]].time_ns <= view->rows[order[at]].time_ns;
        if (!is_sorted)
            g_qsort_with_data(order + start, (int)(end[i] - start), sizeof *order, compare_times,
                              (void *)(uintptr_t)view->rows);
    }
    return order;
}

/* The annotations of the rows in that order. */
static StoreRowAnnotation *
order_annotations(const HeadView *view, const uint32_t *order)
{
    if (view->annotations.n_rows == 0)
        return NULL;
    g_autofree uint32_t *moved = g_new(uint32_t, view->n_rows);
    for (uint32_t i = 0; i < view->n_rows; i++)
        moved[order[i]] = i;
    return row_annotations_move(&view->annotations, moved);
}

static bool
visit_view(const HeadView *view, StoreDetail detail, StoreVisit visit, void *data, bool *ret_stop,
           GError **error)
{
    g_autofree uint32_t *order = order_rows(view);
    g_autofree StoreRowAnnotation *annotated = order_annotations(view, order);
    g_autofree StoreRowView *rows = g_new(StoreRowView, view->n_rows);
    g_autofree StoreSeries *series = g_new(StoreSeries, view->n_series);
    for (uint32_t i = 0; i < view->n_series; i++)
        series[i].labels = view->series[i];
    for (uint32_t i = 0; i < view->n_rows; i++) {
        const HeadRow *row = &view->rows[order[i]];
        rows[i] = (StoreRowView){row->time_ns, row->duration_ns, row->period, row->total,
                                 row->series,  row->n_samples,   row->id};
    }
    HeadSource source = {{accumulate, find_spans}, view->rows, order};
    StoreDataset dataset = {
        .tenant = view->dataset->tenant,
        .service = view->dataset->service,
        .symbols = detail >= STORE_WITH_SAMPLES ? &view->symbols : NULL,
        .series = series,
        .n_series = view->n_series,
        .rows = rows,
        .n_rows = view->n_rows,
        .annotations = {view->annotations.table, annotated, view->annotations.n_table,
                        view->annotations.n_rows},
        .source = &source,
    };
    GError *failure = NULL;
    *ret_stop = !visit(&dataset, data, &failure);
    if (failure != NULL) {
        g_propagate_error(error, failure);
        return false;
    }
    return true;
}

bool
head_visit(Head *head, const char *tenant, const char *service, int64_t start_ns, int64_t end_ns,
           StoreDetail detail, StoreVisit visit, void *data, bool *ret_stop, GError **error)
{
    g_autoptr(GArray) views = head_enter(head, tenant, service);
    bool is_ok = true;
    *ret_stop = false;
    for (unsigned i = 0; i < views->len && is_ok && !*ret_stop; i++) {
        const HeadView *view = &g_array_index(views, HeadView, i);
        if (view->first_ns <= end_ns && view->last_ns >= start_ns)
            is_ok = visit_view(view, detail, visit, data, ret_stop, error);
    }
    head_leave(head);
    return is_ok;
}
