#include "server/store/block_row_writer.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"
#include "server/store/block_format.h"
#include "server/store/label_wire.h"
#include "server/store/pfor.h"
#include "server/store/sample_run.h"
#include "server/store/span_run.h"

void
block_put_series(Wire *out, const HeadView *view, const BlockOrder *order)
{
    wire_put_varint(out, view->n_series);
    for (uint32_t i = 0; i < view->n_series; i++)
        wire_put_labels(out, view->series[order->series.old[i]]);
}

typedef int64_t (*RowField)(const HeadRow *row);

static int64_t
row_time(const HeadRow *row)
{
    return row->time_ns;
}

static int64_t
row_duration(const HeadRow *row)
{
    return row->duration_ns;
}

static int64_t
row_period(const HeadRow *row)
{
    return row->period;
}

static void
put_steps(Wire *out, const HeadView *view, const BlockOrder *order, RowField field)
{
    uint64_t last = 0;
    for (uint32_t i = 0; i < view->n_rows; i++) {
        uint64_t value = (uint64_t)field(&view->rows[order->rows.old[i]]);
        wire_put_varint(out, zigzag((int64_t)(value - last)));
        last = value;
    }
}

void
block_put_rows(Wire *out, const HeadView *view, const BlockOrder *order)
{
    wire_put_varint(out, view->n_rows);
    uint32_t last = 0;
    for (uint32_t i = 0; i < view->n_rows; i++) {
        uint32_t series = order->series.new[view->rows[order->rows.old[i]].series];
        wire_put_varint(out, series - last);
        last = series;
    }
    put_steps(out, view, order, row_time);
    put_steps(out, view, order, row_duration);
    put_steps(out, view, order, row_period);
    for (uint32_t i = 0; i < view->n_rows; i++)
        wire_put_varint(out, zigzag(view->rows[order->rows.old[i]].total));
    for (uint32_t i = 0; i < view->n_rows; i++)
        wire_put_varint(out, view->rows[order->rows.old[i]].n_samples);
}

void
block_put_row_ids(Wire *out, const HeadView *view, const BlockOrder *order)
{
    for (uint32_t i = 0; i < view->n_rows; i++)
        wire_put(out, view->rows[order->rows.old[i]].id, 16);
}

bool
block_put_spans(Wire *out, const HeadView *view, const BlockOrder *order, GError **error)
{
    g_autoptr(GArray) samples = g_array_new(FALSE, FALSE, sizeof(StoreSpanSample));
    Wire runs = {0};
    bool is_ok = true;
    for (uint32_t i = 0; i < view->n_rows && is_ok; i++) {
        const HeadRow *row = &view->rows[order->rows.old[i]];
        size_t before = runs.size;
        g_array_set_size(samples, 0);
        is_ok = span_run_get(row->spans, row->spans_size, order->nodes.n, samples);
        StoreSpanSample *sample = (StoreSpanSample *)(void *)samples->data;
        for (guint k = 0; k < samples->len && is_ok; k++)
            sample[k].node = order->nodes.new[sample[k].node];
        if (is_ok)
            span_run_put(&runs, sample, samples->len);
        wire_put_varint(out, runs.size - before);
    }
    wire_put(out, runs.data, runs.size);
    wire_clear(&runs);
    return is_ok || error_set(error, CRESSET_ERROR_DATA_LOSS, "log: the spans of a row are broken");
}

/* The samples of one group: decoded, renumbered, sorted by node within each row. */
typedef struct {
    uint32_t *nodes;
    int64_t *values;
    uint64_t *scaled;
    uint32_t n, capacity;
    /* Scratch for one row. */
    uint32_t *row_nodes;
    int64_t *row_values;
    SampleKey *keys; /* twice the capacity */
    uint32_t row_capacity;
} Group;

static void
group_clear(Group *group)
{
    g_free(group->nodes);
    g_free(group->values);
    g_free(group->scaled);
    g_free(group->row_nodes);
    g_free(group->row_values);
    g_free(group->keys);
}

static void
reserve(Group *group, uint32_t n)
{
    if (group->n + n > group->capacity) {
        group->capacity = MAX(group->n + n, (uint32_t)BLOCK_GROUP_SAMPLES);
        group->nodes = g_renew(uint32_t, group->nodes, group->capacity);
        group->values = g_renew(int64_t, group->values, group->capacity);
        group->scaled = g_renew(uint64_t, group->scaled, group->capacity);
    }
    if (n > group->row_capacity) {
        group->row_capacity = MAX(n, 1024u);
        group->row_nodes = g_renew(uint32_t, group->row_nodes, group->row_capacity);
        group->row_values = g_renew(int64_t, group->row_values, group->row_capacity);
        group->keys = g_renew(SampleKey, group->keys, 2 * (size_t)group->row_capacity);
    }
}

static bool
add_row(Group *group, const HeadRow *row, const BlockOrder *order, GError **error)
{
    uint32_t n = row->n_samples;
    reserve(group, n);
    if (!sample_run_decode(row->samples, row->samples_size, group->row_nodes, group->row_values, n,
                           order->nodes.n))
        return error_set(error, CRESSET_ERROR_DATA_LOSS, "log: the samples of a row are broken");
    for (uint32_t i = 0; i < n; i++)
        group->keys[i] = (SampleKey){order->nodes.new[group->row_nodes[i]], i};
    sample_keys_sort(group->keys, group->keys + n, n);
    for (uint32_t i = 0; i < n; i++) {
        group->nodes[group->n + i] = group->keys[i].node;
        group->values[group->n + i] = group->row_values[group->keys[i].position];
    }
    group->n += n;
    return true;
}

/* Finds base and scale and fills `scaled`. */
static void
scale_values(Group *group, BlockGroup *entry)
{
    int64_t base = group->n > 0 ? INT64_MAX : 0;
    for (uint32_t i = 0; i < group->n; i++)
        base = MIN(base, group->values[i]);
    uint64_t scale = 0;
    for (uint32_t i = 0; i < group->n && scale != 1; i++) {
        uint64_t above = (uint64_t)group->values[i] - (uint64_t)base;
        if (scale == 0 || above % scale != 0)
            scale = greatest_divisor(scale, above);
    }
    scale = MAX(scale, 1u);
    for (uint32_t i = 0; i < group->n; i++) {
        uint64_t above = (uint64_t)group->values[i] - (uint64_t)base;
        group->scaled[i] = scale == 1 ? above : above / scale;
    }
    entry->value_base = base;
    entry->value_scale = scale;
}

/* Writes block offsets and blocks to the empty `body`. */
static void
put_group(Wire *body, Group *group, BlockGroup *entry)
{
    scale_values(group, entry);
    entry->n_samples = group->n;
    entry->min_node = group->n > 0 ? UINT32_MAX : 0;
    for (uint32_t i = 0; i < group->n; i++) {
        entry->min_node = MIN(entry->min_node, group->nodes[i]);
        entry->max_node = MAX(entry->max_node, group->nodes[i]);
    }
    uint32_t n_blocks = (group->n + PFOR_COUNT - 1) / PFOR_COUNT;
    wire_push(body, n_blocks * sizeof(uint32_t));
    for (uint32_t i = 0; i < n_blocks; i++) {
        uint32_t start = (uint32_t)body->size, at = i * PFOR_COUNT;
        memcpy(body->data + i * sizeof start, &start, sizeof start);
        pfor_encode(body, group->nodes + at, group->scaled + at,
                    MIN(group->n - at, (uint32_t)PFOR_COUNT));
    }
    entry->size = (uint32_t)body->size;
    group->n = 0;
}

static const char *
type_of(const HeadView *view, const HeadRow *row)
{
    const char *type = labels_get(view->series[row->series], "__profile_type__");
    return type != NULL ? type : "";
}

/* A group ends where the profile type changes, so that its values share a scale, and where it would
 * grow too large. */
static bool
is_group_end(const HeadView *view, const BlockOrder *order, const BlockGroup *entry, uint64_t n,
             uint32_t row)
{
    if (row == view->n_rows)
        return true;
    const HeadRow *first = &view->rows[order->rows.old[entry->first_row]];
    const HeadRow *next = &view->rows[order->rows.old[row]];
    return (n > 0 && n + next->n_samples > BLOCK_GROUP_SAMPLES) ||
           (first->series != next->series &&
            strcmp(type_of(view, first), type_of(view, next)) != 0);
}

/* Fills a group with rows from `row` on; returns the row behind it, or 0 when one is broken. */
static uint32_t
fill_group(Group *group, BlockGroup *entry, uint32_t row, const HeadView *view,
           const BlockOrder *order, GError **error)
{
    *entry = (BlockGroup){.first_row = row, .first_ns = INT64_MAX, .last_ns = INT64_MIN};
    do {
        const HeadRow *from = &view->rows[order->rows.old[row++]];
        entry->first_ns = MIN(entry->first_ns, from->time_ns);
        entry->last_ns = MAX(entry->last_ns, from->time_ns);
        if (!add_row(group, from, order, error))
            return 0;
    } while (!is_group_end(view, order, entry, group->n, row));
    entry->n_rows = row - entry->first_row;
    return row;
}

bool
block_put_samples(BlockFile *file, Wire *groups, const HeadView *view, const BlockOrder *order,
                  GError **error)
{
    Group group = {0};
    Wire body = {0};
    bool is_ok = true;
    uint64_t offset = 0;
    for (uint32_t row = 0; row < view->n_rows && is_ok; offset += body.size) {
        BlockGroup entry;
        row = fill_group(&group, &entry, row, view, order, error);
        is_ok = row > 0;
        if (!is_ok)
            break;
        body.size = 0;
        entry.offset = offset;
        put_group(&body, &group, &entry);
        wire_put(groups, &entry, sizeof entry);
        is_ok = block_file_append(file, body.data, body.size, error);
    }
    group_clear(&group);
    wire_clear(&body);
    return is_ok;
}
