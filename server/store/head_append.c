#include <string.h>

#include "lib/base/error.h"
#include "server/store/head_private.h"
#include "server/store/label_wire.h"
#include "server/store/span_run.h"
#include "server/store/translate.h"

/* Rows that are encoded but not yet part of the head, so that a failure leaves none behind. */
typedef struct {
    HeadDataset *dataset;
    HeadRow row;
} StagedRow;

static HeadDataset *
dataset_of(Head *head, const char *tenant, const Labels *labels)
{
    const char *service = labels_get(labels, "service_name");
    if (service == NULL)
        service = "";
    HeadDataset *dataset = head_find_dataset(head, tenant, service);
    return dataset != NULL ? dataset : head_add_dataset(head, tenant, service);
}

static uint32_t
series_of(Head *head, HeadDataset *dataset, const Labels *labels)
{
    void *id;
    if (g_hash_table_lookup_extended(dataset->series_ids, labels, NULL, &id))
        return GPOINTER_TO_UINT(id);
    uint32_t added = dataset->series.n;
    Labels *kept = labels_ref(labels);
    *(Labels **)column_push(&dataset->series, &head->guard, 1) = kept;
    g_hash_table_insert(dataset->series_ids, kept, GUINT_TO_POINTER(added));
    return added;
}

static uint32_t
annotation_of(Head *head, HeadAnnotations *annotations, const Label *pair)
{
    g_autoptr(Labels) labels = labels_new(pair, 1);
    void *id;
    if (annotations->ids == NULL)
        annotations->ids = g_hash_table_new(labels_hash, labels_equal);
    if (g_hash_table_lookup_extended(annotations->ids, labels, NULL, &id))
        return GPOINTER_TO_UINT(id);
    uint32_t added = annotations->table.n;
    g_hash_table_insert(annotations->ids, labels, GUINT_TO_POINTER(added));
    *(Labels **)column_push(&annotations->table, &head->guard, 1) = g_steal_pointer(&labels);
    return added;
}

/* Annotates the dataset's last row. */
static void
add_annotations(Head *head, HeadDataset *dataset, const StoreRow *from)
{
    for (uint32_t i = 0; i < from->n_annotations; i++) {
        StoreRowAnnotation added = {
            dataset->rows.n - 1, annotation_of(head, &dataset->annotations, &from->annotations[i])};
        *(StoreRowAnnotation *)column_push(&dataset->annotations.rows, &head->guard, 1) = added;
    }
}

static void
reserve_scratch(Head *head, size_t n)
{
    if (2 * n > head->keys_capacity) {
        head->keys_capacity = MAX(2 * n, 4096u);
        head->keys = g_renew(SampleKey, head->keys, head->keys_capacity);
    }
    if (SAMPLE_RUN_SIZE_MAX(n) > head->encoded_capacity) {
        head->encoded_capacity = MAX(SAMPLE_RUN_SIZE_MAX(n), 65536u);
        head->encoded = g_realloc(head->encoded, head->encoded_capacity);
    }
}

static bool
encode_samples(Head *head, Translation *translation, const StoreRow *from, HeadRow *row,
               GError **error)
{
    reserve_scratch(head, from->n_samples);
    if (!translation_nodes(translation, from->samples, from->n_samples, error))
        return false;
    uint64_t total = 0;
    for (uint32_t i = 0; i < from->n_samples; i++) {
        head->keys[i] = (SampleKey){.node = translation->nodes[from->samples[i]], .position = i};
        total += (uint64_t)from->values[i];
    }
    sample_keys_sort(head->keys, head->keys + from->n_samples, from->n_samples);
    size_t size = sample_run_encode(head->encoded, head->keys, from->n_samples, from->values,
                                    &row->n_samples);
    row->total = (int64_t)total;
    row->samples = head_keep_bytes(head, head->encoded, size);
    row->samples_size = (uint32_t)size;
    return true;
}

/* Behind encode_samples: the nodes are known. */
static void
encode_spans(Head *head, const Translation *translation, const StoreRow *from, HeadRow *row)
{
    if (from->spans == NULL)
        return;
    g_autofree StoreSpanSample *samples = g_new(StoreSpanSample, (size_t)from->n_samples + 1);
    uint32_t n = 0;
    for (uint32_t i = 0; i < from->n_samples; i++) {
        const StoreSpan *span = &from->spans[i];
        if (span->span != 0 || span->trace_high != 0 || span->trace_low != 0)
            samples[n++] =
                (StoreSpanSample){*span, translation->nodes[from->samples[i]], from->values[i]};
    }
    Wire run = {0};
    span_run_put(&run, samples, n);
    row->spans = head_keep_bytes(head, run.data, run.size);
    row->spans_size = (uint32_t)run.size;
    wire_clear(&run);
}

static bool
stage_rows(Head *head, const char *tenant, const StoreRow *rows, size_t n_rows, StagedRow *staged,
           GError **error)
{
    Translation translation = {0};
    bool is_ok = true;
    for (size_t i = 0; i < n_rows && is_ok; i++) {
        const StoreRow *from = &rows[i];
        HeadDataset *dataset = dataset_of(head, tenant, from->labels);
        if (translation.table != &dataset->symbols || translation.profile != from->profile) {
            translation_clear(&translation);
            translation_init(&translation, &dataset->symbols, from->profile);
        }
        staged[i].dataset = dataset;
        HeadRow *row = &staged[i].row;
        *row = (HeadRow){.time_ns = from->time_ns,
                         .duration_ns = from->duration_ns,
                         .period = from->period,
                         .series = series_of(head, dataset, from->labels)};
        memcpy(row->id, from->id, sizeof row->id);
        is_ok = encode_samples(head, &translation, from, row, error);
        if (is_ok)
            encode_spans(head, &translation, from, row);
    }
    translation_clear(&translation);
    return is_ok;
}

static void
write_row(Wire *frame, const HeadRow *row)
{
    wire_put_varint(frame, row->series);
    wire_put_varint(frame, zigzag(row->time_ns));
    wire_put_varint(frame, zigzag(row->duration_ns));
    wire_put_varint(frame, zigzag(row->period));
    wire_put_varint(frame, zigzag(row->total));
    wire_put(frame, row->id, sizeof row->id);
    wire_put_varint(frame, row->n_samples);
    wire_put_varint(frame, row->samples_size);
    wire_put(frame, row->samples, row->samples_size);
}

/* A dataset gets its number when the log first names it, which repeats on recovery; one that only a
 * failed append has touched has none. */
static void
write_dataset(Head *head, Wire *frame, HeadDataset *dataset)
{
    if (!dataset->is_framed)
        dataset->number = head->n_framed++;
    wire_put_varint(frame, dataset->number);
    if (!dataset->is_framed)
        wire_put_text(frame, dataset->service);
    symbol_table_write(&dataset->symbols, &dataset->framed, frame);
    wire_put_varint(frame, dataset->series.n - dataset->framed_series);
    for (uint32_t i = dataset->framed_series; i < dataset->series.n; i++)
        wire_put_labels(frame, ((Labels **)dataset->series.data)[i]);
    wire_put_varint(frame, dataset->rows.n - dataset->framed_rows);
    for (uint32_t i = dataset->framed_rows; i < dataset->rows.n; i++)
        write_row(frame, (HeadRow *)dataset->rows.data + i);
    dataset->is_framed = true;
    dataset->framed = symbol_table_counts(&dataset->symbols);
    dataset->framed_series = dataset->series.n;
    dataset->framed_rows = dataset->rows.n;
}

/* The span runs of the frame's rows, which are behind `first_rows` of each dataset. */
static void
write_spans(const GPtrArray *touched, const uint32_t *first_rows, Wire *frame)
{
    for (unsigned i = 0; i < touched->len; i++) {
        const HeadDataset *dataset = touched->pdata[i];
        for (uint32_t k = first_rows[i]; k < dataset->rows.n; k++) {
            const HeadRow *row = (const HeadRow *)dataset->rows.data + k;
            if (row->spans_size == 0)
                continue;
            wire_put_varint(frame, dataset->number);
            wire_put_varint(frame, k);
            wire_put_varint(frame, row->spans_size);
            wire_put(frame, row->spans, row->spans_size);
        }
    }
}

/* The annotations of the frame's rows, where there are any: behind a mark, number of the dataset,
 * row, and position in its table, with the annotation itself where it is new. */
static void
write_annotations(const GPtrArray *touched, Wire *frame)
{
    bool is_marked = false;
    for (unsigned i = 0; i < touched->len; i++) {
        HeadDataset *dataset = touched->pdata[i];
        HeadAnnotations *annotations = &dataset->annotations;
        for (; annotations->framed_rows < annotations->rows.n; annotations->framed_rows++) {
            const StoreRowAnnotation *row =
                (const StoreRowAnnotation *)annotations->rows.data + annotations->framed_rows;
            if (!is_marked)
                wire_put_varint(frame, FRAME_ANNOTATIONS);
            is_marked = true;
            wire_put_varint(frame, dataset->number);
            wire_put_varint(frame, row->row);
            wire_put_varint(frame, row->annotation);
            if (row->annotation == annotations->framed_table)
                wire_put_labels(frame,
                                ((Labels **)annotations->table.data)[annotations->framed_table++]);
        }
    }
}

static void
write_frame(Head *head, const char *tenant, GPtrArray *touched, Wire *frame)
{
    g_autofree uint32_t *first_rows = g_new(uint32_t, (size_t)touched->len + 1);
    wire_put_text(frame, tenant);
    wire_put_varint(frame, touched->len);
    for (unsigned i = 0; i < touched->len; i++) {
        first_rows[i] = ((HeadDataset *)touched->pdata[i])->framed_rows;
        write_dataset(head, frame, touched->pdata[i]);
    }
    write_spans(touched, first_rows, frame);
    write_annotations(touched, frame);
    g_mutex_lock(&head->guard.lock);
    for (unsigned i = 0; i < touched->len; i++) {
        HeadDataset *dataset = touched->pdata[i];
        dataset->is_touched = false;
        head_publish_locked(head, dataset);
    }
    g_mutex_unlock(&head->guard.lock);
}

bool
head_append(Head *head, const char *tenant, const StoreRow *rows, size_t n_rows, Wire *frame,
            GError **error)
{
    g_autofree StagedRow *staged = g_new(StagedRow, n_rows + 1);
    if (!stage_rows(head, tenant, rows, n_rows, staged, error))
        return false;
    g_autoptr(GPtrArray) touched = g_ptr_array_new();
    for (size_t i = 0; i < n_rows; i++) {
        HeadDataset *dataset = staged[i].dataset;
        *(HeadRow *)column_push(&dataset->rows, &head->guard, 1) = staged[i].row;
        add_annotations(head, dataset, &rows[i]);
        if (!dataset->is_touched)
            g_ptr_array_add(touched, dataset);
        dataset->is_touched = true;
    }
    write_frame(head, tenant, touched, frame);
    return true;
}
