/* Any bytes as a log segment. Frame checksums are made right first, so that what is behind them is
 * reached; then everything that was restored is read. */
#include <string.h>

#include "server/store/segment.h"
#include "server/store/source.h"

static bool
restore(void *head, const uint8_t *payload, size_t size)
{
    return head_restore(head, payload, size);
}

static bool
read_rows(const StoreDataset *dataset, void *data, GError **error)
{
    (void)data;
    g_autofree int64_t *totals = g_new0(int64_t, dataset->symbols->n_nodes);
    g_autoptr(GArray) spans = g_array_new(FALSE, FALSE, sizeof(StoreSpanSample));
    for (uint32_t i = 0; i < dataset->n_rows; i++) {
        if (!store_dataset_accumulate(dataset, &i, 1, totals, error) ||
            !store_dataset_spans(dataset, i, spans, error))
            break;
    }
    for (uint32_t i = 0; i < dataset->annotations.n_rows; i++) {
        StoreRowAnnotation row = dataset->annotations.rows[i];
        g_assert(row.row < dataset->n_rows && row.annotation < dataset->annotations.n_table);
        g_assert(dataset->annotations.table[row.annotation]->n_labels == 1);
    }
    g_clear_error(error);
    return true;
}

static void
recover(const uint8_t *bytes, size_t size)
{
    g_autofree uint8_t *copy = g_memdup2(bytes, MAX(size, 1u));
    g_autoptr(Head) head = head_new("01ARZ3NDEKTSV4RRFFQ69G5FAV");
    SegmentScan scan;
    bool is_stopped;
    segment_scan(copy, size, restore, head, &scan);
    head_visit(head, NULL, NULL, INT64_MIN, INT64_MAX, STORE_WITH_SPANS, read_rows, NULL,
               &is_stopped, NULL);
}

/* Goes along the frames by their lengths and completes each one. */
static void
repair(Wire *wire, const uint8_t *data, size_t size)
{
    char id[ULID_LENGTH + 1] = {0};
    memcpy(id, data + 12, ULID_LENGTH);
    wire_put(wire, data, SEGMENT_HEADER_SIZE);
    uint64_t sequence = 0;
    for (size_t at = SEGMENT_HEADER_SIZE; size - at > SEGMENT_FRAME_HEADER_SIZE; sequence++) {
        uint32_t length;
        memcpy(&length, data + at + 4, sizeof length);
        at += SEGMENT_FRAME_HEADER_SIZE;
        size_t start = wire->size, whole = MIN(length, size - at);
        segment_frame_begin(wire);
        wire_put(wire, data + at, whole);
        segment_frame_end(wire, start, id, sequence);
        at += whole;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    recover(data, size);
    if (size >= SEGMENT_HEADER_SIZE) {
        Wire wire = {0};
        repair(&wire, data, size);
        recover(wire.data, wire.size);
        wire_clear(&wire);
    }
    return 0;
}
