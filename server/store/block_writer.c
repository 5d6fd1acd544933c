#include "server/store/block_writer.h"

#include <string.h>

#include "server/store/block_file.h"
#include "server/store/block_row_writer.h"
#include "server/store/block_symbol_writer.h"
#include "server/store/row_annotations.h"

BlockInfo *
block_info_new(const char *tenant, const char *segment)
{
    BlockInfo *info = g_new0(BlockInfo, 1);
    info->tenant = g_strdup(tenant);
    info->segment = g_strdup(segment);
    info->first_ns = INT64_MAX;
    info->last_ns = INT64_MIN;
    info->datasets = g_ptr_array_new_with_free_func(block_dataset_info_free);
    return info;
}

void
block_dataset_info_free(void *data)
{
    BlockDatasetInfo *info = data;
    g_strfreev(info->types);
    g_clear_pointer(&info->toc, g_bytes_unref);
    g_free(info->service);
    g_free(info);
}

void
block_info_free(BlockInfo *info)
{
    if (info == NULL)
        return;
    g_ptr_array_unref(info->datasets);
    g_free(info->tenant);
    g_free(info->segment);
    g_free(info);
}

/* The distinct profile types; series are sorted by them. */
static GStrv
types_of(const HeadView *view, const BlockOrder *order)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    const char *last = NULL;
    for (uint32_t i = 0; i < view->n_series; i++) {
        const char *type = labels_get(view->series[order->series.old[i]], "__profile_type__");
        if (type != NULL && g_strcmp0(type, last) != 0)
            g_strv_builder_add(builder, type);
        last = type;
    }
    return g_strv_builder_end(builder);
}

/* The table entries from `from` on. */
static GBytes *
toc_of(const BlockFile *file, unsigned from)
{
    return g_bytes_new(&g_array_index(file->table, BlockEntry, from),
                       (file->table->len - from) * sizeof(BlockEntry));
}

static void
add_info(BlockInfo *info, const HeadView *view, const BlockOrder *order, GBytes *toc)
{
    BlockDatasetInfo *dataset = g_new0(BlockDatasetInfo, 1);
    dataset->service = g_strdup(view->dataset->service);
    dataset->number = info->datasets->len;
    dataset->n_rows = view->n_rows;
    dataset->n_series = view->n_series;
    for (uint32_t i = 0; i < view->n_rows; i++)
        dataset->n_samples += view->rows[i].n_samples;
    dataset->first_ns = view->first_ns;
    dataset->last_ns = view->last_ns;
    dataset->types = types_of(view, order);
    dataset->toc = toc;
    g_ptr_array_add(info->datasets, dataset);
    info->n_rows += dataset->n_rows;
    info->n_samples += dataset->n_samples;
    info->first_ns = MIN(info->first_ns, view->first_ns);
    info->last_ns = MAX(info->last_ns, view->last_ns);
}

typedef struct {
    BlockFile *file;
    const HeadView *view;
    uint32_t dataset;
    Wire *raw;
} Target;

/* Writes the section that stands in `raw` and empties it. */
static bool
flush(const Target *target, BlockSectionType type, BlockCodec codec, GError **error)
{
    BlockSectionKind kind = {type, codec, target->dataset, target->view->first_ns,
                             target->view->last_ns};
    bool is_ok = block_file_add(target->file, &kind, target->raw, error);
    target->raw->size = 0;
    return is_ok;
}

typedef void (*PutSymbols)(Wire *out, const SymbolView *symbols, const BlockOrder *order);
typedef void (*PutRows)(Wire *out, const HeadView *view, const BlockOrder *order);

static bool
write_symbols(const Target *target, const BlockOrder *order, BlockSectionType type, PutSymbols put,
              GError **error)
{
    put(target->raw, &target->view->symbols, order);
    return flush(target, type, BLOCK_ZSTD, error);
}

static bool
write_rows(const Target *target, const BlockOrder *order, BlockSectionType type, PutRows put,
           GError **error)
{
    put(target->raw, target->view, order);
    return flush(target, type, type == BLOCK_ROW_IDS ? BLOCK_RAW : BLOCK_ZSTD, error);
}

static bool
write_samples(const Target *target, const BlockOrder *order, GError **error)
{
    BlockSectionKind kind = {BLOCK_SAMPLES, BLOCK_RAW, target->dataset, target->view->first_ns,
                             target->view->last_ns};
    if (!block_file_begin(target->file, &kind, error) ||
        !block_put_samples(target->file, target->raw, target->view, order, error))
        return false;
    block_file_end(target->file);
    return flush(target, BLOCK_GROUPS, BLOCK_RAW, error);
}

/* Left out when no row has spans. */
static bool
write_spans(const Target *target, const BlockOrder *order, GError **error)
{
    bool has_spans = false;
    for (uint32_t i = 0; i < target->view->n_rows && !has_spans; i++)
        has_spans = target->view->rows[i].spans_size > 0;
    return !has_spans || (block_put_spans(target->raw, target->view, order, error) &&
                          flush(target, BLOCK_SPANS, BLOCK_ZSTD, error));
}

/* Left out when no row has annotations. */
static bool
write_annotations(const Target *target, const BlockOrder *order, GError **error)
{
    StoreAnnotations annotations = target->view->annotations;
    if (annotations.n_rows == 0)
        return true;
    g_autofree StoreRowAnnotation *rows = row_annotations_move(&annotations, order->rows.new);
    annotations.rows = rows;
    row_annotations_put(target->raw, &annotations);
    return flush(target, BLOCK_ANNOTATIONS, BLOCK_ZSTD, error);
}

/* What a flame graph reads stands first and together. */
static bool
write_dataset(const Target *target, const BlockOrder *order, GError **error)
{
    return write_symbols(target, order, BLOCK_STRINGS, block_put_strings, error) &&
           write_symbols(target, order, BLOCK_FUNCTION_TRIE, block_put_function_trie, error) &&
           write_symbols(target, order, BLOCK_NODE_MAP, block_put_node_map, error) &&
           write_rows(target, order, BLOCK_SERIES, block_put_series, error) &&
           write_rows(target, order, BLOCK_ROWS, block_put_rows, error) &&
           write_samples(target, order, error) &&
           write_rows(target, order, BLOCK_ROW_IDS, block_put_row_ids, error) &&
           write_spans(target, order, error) && write_annotations(target, order, error) &&
           write_symbols(target, order, BLOCK_FUNCTIONS, block_put_functions, error) &&
           write_symbols(target, order, BLOCK_MAPPINGS, block_put_mappings, error) &&
           write_symbols(target, order, BLOCK_LOCATIONS, block_put_locations, error) &&
           write_symbols(target, order, BLOCK_NODES, block_put_nodes, error);
}

static void
put_meta(Wire *out, const BlockInfo *info)
{
    wire_put_text(out, info->tenant);
    wire_put_text(out, info->segment);
    wire_put_varint(out, info->datasets->len);
    for (unsigned i = 0; i < info->datasets->len; i++) {
        const BlockDatasetInfo *dataset = info->datasets->pdata[i];
        wire_put_text(out, dataset->service);
        wire_put_varint(out, dataset->n_rows);
        wire_put_varint(out, dataset->n_series);
        wire_put_varint(out, dataset->n_samples);
        wire_put_varint(out, zigzag(dataset->first_ns));
        wire_put_varint(out, zigzag(dataset->last_ns));
        wire_put_varint(out, g_strv_length(dataset->types));
        for (size_t j = 0; dataset->types[j] != NULL; j++)
            wire_put_text(out, dataset->types[j]);
    }
}

static bool
write_meta(BlockFile *file, const BlockInfo *info, Wire *raw, GError **error)
{
    BlockSectionKind kind = {BLOCK_META, BLOCK_ZSTD, BLOCK_NO_DATASET, info->first_ns,
                             info->last_ns};
    raw->size = 0;
    put_meta(raw, info);
    return block_file_add(file, &kind, raw, error) && block_file_finish(file, error);
}

BlockInfo *
block_write(Disk *disk, const char *path, const char *tenant, const char *segment,
            const GArray *views, GError **error)
{
    g_autoptr(BlockFile) file = block_file_new(disk, path, error);
    if (file == NULL)
        return NULL;
    g_autoptr(BlockInfo) info = block_info_new(tenant, segment);
    Wire raw = {0};
    bool is_ok = true;
    for (unsigned i = 0; i < views->len && is_ok; i++) {
        const HeadView *view = &g_array_index(views, HeadView, i);
        BlockOrder order;
        block_order_init(&order, view);
        Target target = {file, view, i, &raw};
        unsigned first_entry = file->table->len;
        is_ok = write_dataset(&target, &order, error);
        add_info(info, view, &order, toc_of(file, first_entry));
        block_order_clear(&order);
    }
    is_ok = is_ok && write_meta(file, info, &raw, error);
    info->size = file->size;
    wire_clear(&raw);
    return is_ok ? g_steal_pointer(&info) : NULL;
}
