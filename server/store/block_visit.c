#include <string.h>

#include "lib/base/error.h"
#include "server/store/block.h"
#include "server/store/block_symbols.h"
#include "server/store/label_wire.h"
#include "server/store/pfor.h"
#include "server/store/row_annotations.h"
#include "server/store/symbol_cache.h"

/* One dataset of a block while it is visited. */
typedef struct {
    DatasetSource public;
    uint32_t n_series, n_rows;
    StoreSeries *series;
    StoreRowView *rows;
    uint64_t *first_sample; /* per row, and the end */
    BlockSection ids, samples, directory, spans;
    uint64_t *span_end; /* per row: where its span run ends in the section; NULL without spans */
    const uint8_t *span_runs;
    const BlockGroup *groups; /* the directory */
    uint32_t n_groups;
    BlockSymbols *symbols;
    StoreAnnotations annotations;
} Opened;

static bool
not_valid(BlockSectionType type, uint32_t dataset, GError **error)
{
    return error_set(error, CRESSET_ERROR_DATA_LOSS, "block: section %u of dataset %u is not valid",
                     type, dataset);
}

static bool
load_series(Opened *opened, Block *block, uint32_t dataset, GError **error)
{
    g_auto(BlockSection) section = {0};
    if (!block_section_read(block, BLOCK_SERIES, dataset, &section, error))
        return false;
    Scan scan = scan_of(section.data, section.size);
    uint64_t n = scan_varint(&scan);
    if (scan.bad || n > scan_left(&scan))
        return not_valid(BLOCK_SERIES, dataset, error);
    opened->series = g_new0(StoreSeries, n + 1);
    for (uint64_t i = 0; i < n; i++) {
        opened->series[i].labels = scan_labels(&scan);
        if (opened->series[i].labels == NULL)
            return not_valid(BLOCK_SERIES, dataset, error);
        opened->n_series++;
    }
    return scan_left(&scan) == 0 || not_valid(BLOCK_SERIES, dataset, error);
}

static int64_t
step(Scan *scan, uint64_t *last)
{
    *last += (uint64_t)unzigzag(scan_varint(scan));
    return (int64_t)*last;
}

static void
read_rows(Scan *scan, Opened *opened)
{
    StoreRowView *rows = opened->rows;
    uint32_t n = opened->n_rows;
    uint64_t series = 0, time = 0, duration = 0, period = 0, samples = 0;
    for (uint32_t i = 0; i < n; i++) {
        series += scan_varint32(scan);
        if (series >= opened->n_series)
            scan->bad = true;
        rows[i].series = (uint32_t)series;
    }
    for (uint32_t i = 0; i < n; i++)
        rows[i].time_ns = step(scan, &time);
    for (uint32_t i = 0; i < n; i++)
        rows[i].duration_ns = step(scan, &duration);
    for (uint32_t i = 0; i < n; i++)
        rows[i].period = step(scan, &period);
    for (uint32_t i = 0; i < n; i++)
        rows[i].total = unzigzag(scan_varint(scan));
    for (uint32_t i = 0; i < n; i++) {
        rows[i].n_samples = scan_varint32(scan);
        rows[i].id = opened->ids.data + (size_t)i * 16;
        opened->first_sample[i] = samples;
        samples += rows[i].n_samples;
    }
    opened->first_sample[n] = samples;
}

static bool
load_rows(Opened *opened, Block *block, uint32_t dataset, GError **error)
{
    g_auto(BlockSection) section = {0};
    if (!block_section_read(block, BLOCK_ROWS, dataset, &section, error) ||
        !block_section_read(block, BLOCK_ROW_IDS, dataset, &opened->ids, error))
        return false;
    Scan scan = scan_of(section.data, section.size);
    uint64_t n = scan_varint(&scan);
    if (scan.bad || n > scan_left(&scan) / 6 || opened->ids.size != n * 16)
        return not_valid(BLOCK_ROWS, dataset, error);
    opened->n_rows = (uint32_t)n;
    opened->rows = g_new0(StoreRowView, n + 1);
    opened->first_sample = g_new0(uint64_t, n + 1);
    read_rows(&scan, opened);
    return (!scan.bad && scan_left(&scan) == 0) || not_valid(BLOCK_ROWS, dataset, error);
}

static bool
load_annotations(Opened *opened, Block *block, uint32_t dataset, GError **error)
{
    g_auto(BlockSection) section = {0};
    if (!block_has_section(block, BLOCK_ANNOTATIONS, dataset))
        return true;
    if (!block_section_read(block, BLOCK_ANNOTATIONS, dataset, &section, error))
        return false;
    Scan scan = scan_of(section.data, section.size);
    return row_annotations_get(&scan, opened->n_rows, &opened->annotations) ||
           not_valid(BLOCK_ANNOTATIONS, dataset, error);
}

/* Groups have to cover the rows without a gap and agree with their sample counts. */
static bool
are_groups_valid(const Opened *opened)
{
    uint32_t row = 0;
    for (uint32_t i = 0; i < opened->n_groups; i++) {
        const BlockGroup *group = &opened->groups[i];
        if (group->first_row != row || group->n_rows == 0 || group->n_rows > opened->n_rows - row)
            return false;
        row += group->n_rows;
        uint64_t n = opened->first_sample[row] - opened->first_sample[group->first_row];
        uint64_t n_blocks = (n + PFOR_COUNT - 1) / PFOR_COUNT;
        if (group->n_samples != n || group->offset > opened->samples.size ||
            group->size > opened->samples.size - group->offset ||
            n_blocks * sizeof(uint32_t) > group->size)
            return false;
    }
    return row == opened->n_rows;
}

static bool
load_samples(Opened *opened, Block *block, uint32_t dataset, GError **error)
{
    if (!block_section_read(block, BLOCK_SAMPLES, dataset, &opened->samples, error) ||
        !block_section_read(block, BLOCK_GROUPS, dataset, &opened->directory, error))
        return false;
    size_t size = opened->directory.size;
    /* Sections lie at multiples of 64 in the mapped file: the entries are aligned. */
    opened->groups = (const BlockGroup *)(const void *)opened->directory.data;
    opened->n_groups = (uint32_t)(size / sizeof(BlockGroup));
    if (size % sizeof(BlockGroup) != 0 ||
        (uintptr_t)opened->directory.data % _Alignof(BlockGroup) != 0 || !are_groups_valid(opened))
        return not_valid(BLOCK_GROUPS, dataset, error);
    return true;
}

/* One size per row, then the runs. */
static bool
load_spans(Opened *opened, Block *block, uint32_t dataset, GError **error)
{
    if (!block_has_section(block, BLOCK_SPANS, dataset))
        return true;
    if (!block_section_read(block, BLOCK_SPANS, dataset, &opened->spans, error))
        return false;
    Scan scan = scan_of(opened->spans.data, opened->spans.size);
    opened->span_end = g_new(uint64_t, (size_t)opened->n_rows + 1);
    uint64_t end = 0;
    for (uint32_t i = 0; i < opened->n_rows; i++) {
        end += scan_varint32(&scan);
        opened->span_end[i] = end;
    }
    opened->span_runs = scan.at;
    return (!scan.bad && scan_left(&scan) == end) || not_valid(BLOCK_SPANS, dataset, error);
}

static bool
find_spans(const DatasetSource *source, uint32_t row, const uint8_t **ret_run, size_t *ret_size)
{
    const Opened *opened = (const Opened *)source;
    *ret_size = 0;
    if (row >= opened->n_rows)
        return false;
    if (opened->span_end == NULL)
        return true;
    uint64_t start = row > 0 ? opened->span_end[row - 1] : 0;
    *ret_run = opened->span_runs + start;
    *ret_size = opened->span_end[row] - start;
    return true;
}

/* Adds the samples `from` up to `to` of a group. */
static bool
accumulate_range(const Opened *opened, const BlockGroup *group, uint64_t from, uint64_t to,
                 int64_t *totals, uint32_t n_nodes)
{
    const uint8_t *start = opened->samples.data + group->offset;
    PforScale scale = {group->value_base, group->value_scale};
    for (uint64_t at = from; at < to;) {
        uint64_t block = at / PFOR_COUNT, first = block * PFOR_COUNT;
        uint64_t end = MIN(to, first + PFOR_COUNT);
        uint32_t offset;
        memcpy(&offset, start + block * sizeof offset, sizeof offset);
        if (offset > group->size ||
            !pfor_accumulate(start + offset, group->size - offset, (uint32_t)(at - first),
                             (uint32_t)(end - first), scale, totals, n_nodes))
            return false;
        at = end;
    }
    return true;
}

static bool
accumulate(const DatasetSource *source, const uint32_t *rows, uint32_t n, int64_t *totals,
           uint32_t n_nodes, GError **error)
{
    const Opened *opened = (const Opened *)source;
    const BlockGroup *group = opened->groups;
    if (n > 0 && rows[n - 1] >= opened->n_rows)
        return error_set(error, CRESSET_ERROR_INTERNAL, "block: no row %u", rows[n - 1]);
    for (uint32_t i = 0; i < n;) {
        while (rows[i] >= group->first_row + group->n_rows)
            group++;
        uint32_t limit = group->first_row + group->n_rows, end = rows[i] + 1;
        uint64_t base = opened->first_sample[group->first_row];
        uint64_t from = opened->first_sample[rows[i]] - base;
        for (i++; i < n && rows[i] == end && end < limit; i++)
            end++;
        uint64_t to = opened->first_sample[end] - base;
        if (!accumulate_range(opened, group, from, to, totals, n_nodes))
            return error_set(error, CRESSET_ERROR_DATA_LOSS,
                             "block: the samples of a row are broken");
    }
    return true;
}

static void
close_dataset(Opened *opened)
{
    for (uint32_t i = 0; i < opened->n_series; i++)
        labels_unref((Labels *)(uintptr_t)opened->series[i].labels);
    g_free(opened->series);
    g_free(opened->rows);
    g_free(opened->first_sample);
    g_free(opened->span_end);
    row_annotations_clear(&opened->annotations);
    block_section_clear(&opened->ids);
    block_section_clear(&opened->samples);
    block_section_clear(&opened->directory);
    block_section_clear(&opened->spans);
    block_symbols_unref(opened->symbols);
}

static BlockSymbols *
load_symbols(Block *block, uint32_t number, GError **error)
{
    uint64_t serial;
    SymbolCache *cache = block_symbol_cache(block, &serial);
    BlockSymbols *symbols = cache != NULL ? symbol_cache_get(cache, serial, number) : NULL;
    if (symbols != NULL)
        return symbols;
    symbols = block_symbols_load(block, number, error);
    if (symbols != NULL && cache != NULL)
        symbol_cache_put(cache, serial, number, symbols);
    return symbols;
}

static bool
open_dataset(Opened *opened, Block *block, uint32_t number, StoreDetail detail, GError **error)
{
    if (!load_series(opened, block, number, error) || !load_rows(opened, block, number, error) ||
        !load_annotations(opened, block, number, error))
        return false;
    if (detail == STORE_WITH_ROWS)
        return true;
    opened->symbols = load_symbols(block, number, error);
    return opened->symbols != NULL && load_samples(opened, block, number, error) &&
           (detail < STORE_WITH_SPANS || load_spans(opened, block, number, error));
}

bool
block_visit(Block *block, uint32_t number, StoreDetail detail, StoreVisit visit, void *data,
            bool *ret_stop, bool *ret_broken, GError **error)
{
    const BlockInfo *info = block_info(block);
    Opened opened = {.public = {accumulate, find_spans}};
    *ret_stop = false;
    *ret_broken = number >= info->datasets->len;
    if (*ret_broken)
        return error_set(error, CRESSET_ERROR_DATA_LOSS, "block: no dataset %u", number);
    *ret_broken = !open_dataset(&opened, block, number, detail, error);
    GError *failure = NULL;
    if (!*ret_broken) {
        const BlockDatasetInfo *dataset_info = info->datasets->pdata[number];
        StoreDataset dataset = {
            .tenant = info->tenant,
            .service = dataset_info->service,
            .symbols = opened.symbols != NULL ? &opened.symbols->view : NULL,
            .series = opened.series,
            .n_series = opened.n_series,
            .rows = opened.rows,
            .n_rows = opened.n_rows,
            .annotations = opened.annotations,
            .source = &opened,
        };
        *ret_stop = !visit(&dataset, data, &failure);
    }
    close_dataset(&opened);
    if (failure != NULL)
        g_propagate_error(error, failure);
    return !*ret_broken && failure == NULL;
}
