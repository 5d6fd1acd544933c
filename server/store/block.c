#include "server/store/block.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <zstd.h>

#include "lib/base/error.h"

enum { RAW_SIZE_MAX = 1 << 30 }; /* of one compressed section, far above any real one */

struct Block {
    gatomicrefcount n_refs;
    Disk *disk;
    char *path;
    const uint8_t *bytes;
    size_t size;
    BlockEntry *entries; /* sorted by dataset and type */
    uint32_t n_entries;
    gint *verified; /* per entry */
    BlockInfo *info;
    struct SymbolCache *symbols;
    uint64_t serial;
};

static bool
broken(const Block *block, GError **error, const char *what)
{
    return error_set(error, CRESSET_ERROR_DATA_LOSS, "block %s: %s", block->path, what);
}

static int
compare_entries(const void *a, const void *b)
{
    const BlockEntry *one = a, *other = b;
    if (one->dataset != other->dataset)
        return one->dataset < other->dataset ? -1 : 1;
    return (one->type > other->type) - (one->type < other->type);
}

static bool
map_file(Block *block, GError **error)
{
    const DiskOps *ops = block->disk->ops;
    int fd = ops->open(block->disk, block->path);
    if (fd < 0)
        return error_set_errno(error, -fd, "block %s: cannot open", block->path);
    int64_t size = ops->size(block->disk, fd);
    int failure = size < 0 ? (int)size : 0;
    if (size > 0)
        block->bytes = ops->map(block->disk, fd, (size_t)size, &failure);
    ops->close(block->disk, fd);
    if (failure < 0)
        return error_set_errno(error, -failure, "block %s: cannot read", block->path);
    block->size = (size_t)size;
    return true;
}

static bool
check_entry(const Block *block, const BlockEntry *entry, uint64_t end)
{
    bool is_sized = entry->codec == BLOCK_RAW    ? entry->raw_size == entry->stored_size
                    : entry->codec == BLOCK_ZSTD ? entry->raw_size <= RAW_SIZE_MAX
                                                 : true;
    (void)block;
    return entry->offset % BLOCK_ALIGN == 0 && entry->offset >= sizeof(BlockHeader) &&
           entry->offset <= end && entry->stored_size <= end - entry->offset && is_sized;
}

static bool
read_table(Block *block, GError **error)
{
    BlockHeader header;
    BlockTail tail;
    if (block->size < sizeof header + sizeof tail)
        return broken(block, error, "too short");
    memcpy(&header, block->bytes, sizeof header);
    memcpy(&tail, block->bytes + block->size - sizeof tail, sizeof tail);
    if (header.magic != BLOCK_MAGIC || tail.magic != BLOCK_TAIL_MAGIC)
        return broken(block, error, "not a block, or cut");
    if (header.version != BLOCK_VERSION || tail.version != BLOCK_VERSION || header.reserved != 0)
        return broken(block, error, "written by a newer version");
    uint64_t end = block->size - sizeof tail;
    if (tail.table_size > end || tail.table_offset != end - tail.table_size ||
        tail.table_size % sizeof(BlockEntry) != 0 ||
        XXH3_64bits(block->bytes + tail.table_offset, tail.table_size) != tail.table_hash)
        return broken(block, error, "the section table is corrupt");
    block->n_entries = tail.table_size / sizeof(BlockEntry);
    block->entries = g_memdup2(block->bytes + tail.table_offset, tail.table_size);
    block->verified = g_new0(gint, block->n_entries + 1);
    if (block->n_entries > 1)
        qsort(block->entries, block->n_entries, sizeof(BlockEntry), compare_entries);
    for (uint32_t i = 0; i < block->n_entries; i++) {
        if (!check_entry(block, &block->entries[i], tail.table_offset) ||
            (i > 0 && compare_entries(&block->entries[i - 1], &block->entries[i]) == 0))
            return broken(block, error, "the section table is not valid");
    }
    return true;
}

static BlockDatasetInfo *
read_dataset_info(Scan *scan)
{
    BlockDatasetInfo *dataset = g_new0(BlockDatasetInfo, 1);
    dataset->service = scan_text(scan);
    dataset->n_rows = scan_varint(scan);
    dataset->n_series = scan_varint(scan);
    dataset->n_samples = scan_varint(scan);
    dataset->first_ns = unzigzag(scan_varint(scan));
    dataset->last_ns = unzigzag(scan_varint(scan));
    g_autoptr(GStrvBuilder) types = g_strv_builder_new();
    uint64_t n_types = scan_varint(scan);
    for (uint64_t i = 0; i < n_types && !scan->bad; i++) {
        g_autofree char *type = scan_text(scan);
        if (type != NULL)
            g_strv_builder_add(types, type);
    }
    dataset->types = g_strv_builder_end(types);
    return dataset;
}

static bool
read_info(Block *block, GError **error)
{
    g_auto(BlockSection) section = {0};
    if (!block_section_read(block, BLOCK_META, BLOCK_NO_DATASET, &section, error))
        return false;
    Scan scan = scan_of(section.data, section.size);
    g_autofree char *tenant = scan_text(&scan);
    g_autofree char *segment = scan_text(&scan);
    BlockInfo *info = block->info = block_info_new(tenant, segment);
    info->size = block->size;
    uint64_t n = scan_varint(&scan);
    for (uint64_t i = 0; i < n && !scan.bad; i++) {
        BlockDatasetInfo *dataset = read_dataset_info(&scan);
        dataset->number = info->datasets->len;
        g_ptr_array_add(info->datasets, dataset);
        info->n_rows += dataset->n_rows;
        info->n_samples += dataset->n_samples;
        info->first_ns = MIN(info->first_ns, dataset->first_ns);
        info->last_ns = MAX(info->last_ns, dataset->last_ns);
    }
    if (scan.bad || scan_left(&scan) != 0)
        return broken(block, error, "the list of datasets is not valid");
    return true;
}

Block *
block_open(Disk *disk, const char *path, GError **error)
{
    g_autoptr(Block) block = g_new0(Block, 1);
    g_atomic_ref_count_init(&block->n_refs);
    block->disk = disk;
    block->path = g_strdup(path);
    if (!map_file(block, error) || !read_table(block, error) || !read_info(block, error))
        return NULL;
    return g_steal_pointer(&block);
}

Block *
block_ref(Block *block)
{
    g_atomic_ref_count_inc(&block->n_refs);
    return block;
}

void
block_unref(Block *block)
{
    if (block == NULL || !g_atomic_ref_count_dec(&block->n_refs))
        return;
    if (block->bytes != NULL)
        block->disk->ops->unmap(block->disk, block->bytes, block->size);
    block_info_free(block->info);
    g_free(block->entries);
    g_free(block->verified);
    g_free(block->path);
    g_free(block);
}

void
block_keep_symbols(Block *block, struct SymbolCache *cache)
{
    static GMutex lock;
    static uint64_t last_serial;
    g_mutex_lock(&lock);
    block->serial = ++last_serial;
    g_mutex_unlock(&lock);
    block->symbols = cache;
}

struct SymbolCache *
block_symbol_cache(const Block *block, uint64_t *ret_serial)
{
    *ret_serial = block->serial;
    return block->symbols;
}

const BlockInfo *
block_info(const Block *block)
{
    return block->info;
}

static bool
verify_entry(Block *block, uint32_t at, GError **error)
{
    const BlockEntry *entry = &block->entries[at];
    if (g_atomic_int_get(&block->verified[at]))
        return true;
    if (XXH3_64bits(block->bytes + entry->offset, entry->stored_size) != entry->hash)
        return error_set(error, CRESSET_ERROR_DATA_LOSS,
                         "block %s: section %u of dataset %u is corrupt", block->path, entry->type,
                         entry->dataset);
    g_atomic_int_set(&block->verified[at], 1);
    return true;
}

/* Decompresses the pieces of a ZSTD section; NULL when they are not what they should be. */
static uint8_t *
decompress(const uint8_t *stored, size_t stored_size, size_t raw_size)
{
    Scan scan = scan_of(stored, stored_size);
    uint32_t n = scan_u32(&scan);
    const uint8_t *sizes = scan_bytes(&scan, (size_t)n * sizeof(uint32_t));
    if (sizes == NULL || n != (raw_size + BLOCK_PIECE_SIZE - 1) / BLOCK_PIECE_SIZE)
        return NULL;
    g_autofree uint8_t *raw = g_malloc(raw_size + 1);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t size;
        memcpy(&size, sizes + i * sizeof size, sizeof size);
        const uint8_t *piece = scan_bytes(&scan, size);
        size_t start = (size_t)i * BLOCK_PIECE_SIZE;
        size_t wanted = MIN(raw_size - start, (size_t)BLOCK_PIECE_SIZE);
        if (piece == NULL || ZSTD_decompress(raw + start, wanted, piece, size) != wanted)
            return NULL;
    }
    return scan_left(&scan) == 0 ? g_steal_pointer(&raw) : NULL;
}

static const BlockEntry *
find_entry(const Block *block, BlockSectionType type, uint32_t dataset)
{
    BlockEntry key = {.type = (uint16_t)type, .dataset = dataset};
    return block->n_entries == 0 ? NULL
                                 : bsearch(&key, block->entries, block->n_entries,
                                           sizeof(BlockEntry), compare_entries);
}

bool
block_has_section(Block *block, BlockSectionType type, uint32_t dataset)
{
    return find_entry(block, type, dataset) != NULL;
}

bool
block_section_read(Block *block, BlockSectionType type, uint32_t dataset, BlockSection *ret_section,
                   GError **error)
{
    const BlockEntry *entry = find_entry(block, type, dataset);
    if (entry == NULL)
        return error_set(error, CRESSET_ERROR_DATA_LOSS, "block %s: dataset %u has no section %u",
                         block->path, dataset, type);
    if (!verify_entry(block, (uint32_t)(entry - block->entries), error))
        return false;
    BlockSection section = {block->bytes + entry->offset, entry->stored_size, NULL};
    if (entry->codec == BLOCK_ZSTD) {
        section.owned = decompress(section.data, section.size, entry->raw_size);
        section.data = section.owned;
        section.size = entry->raw_size;
    }
    if (section.data == NULL || entry->codec > BLOCK_ZSTD)
        return error_set(error, CRESSET_ERROR_DATA_LOSS,
                         "block %s: section %u of dataset %u cannot be decompressed", block->path,
                         type, dataset);
    *ret_section = section;
    return true;
}

void
block_section_clear(BlockSection *section)
{
    g_clear_pointer(&section->owned, g_free);
}

static bool
skip_dataset(const StoreDataset *dataset, void *data, GError **error)
{
    (void)data;
    if (dataset->symbols->n_nodes == 0)
        return error_set(error, CRESSET_ERROR_DATA_LOSS, "a dataset without a root");
    g_autofree int64_t *totals = g_new0(int64_t, dataset->symbols->n_nodes);
    g_autofree uint32_t *rows = g_new(uint32_t, (size_t)dataset->n_rows + 1);
    g_autoptr(GArray) spans = g_array_new(FALSE, FALSE, sizeof(StoreSpanSample));
    for (uint32_t i = 0; i < dataset->n_rows; i++) {
        rows[i] = i;
        g_array_set_size(spans, 0);
        if (!store_dataset_spans(dataset, i, spans, error))
            return false;
    }
    return store_dataset_accumulate(dataset, rows, dataset->n_rows, totals, error);
}

/* Whether the bytes between the sections, which no checksum covers, are zero. */
static bool
is_padding_zero(const Block *block)
{
    g_autofree uint8_t *covered = g_malloc0(block->size);
    BlockTail tail;
    memcpy(&tail, block->bytes + block->size - sizeof tail, sizeof tail);
    memset(covered, 1, sizeof(BlockHeader));
    memset(covered + tail.table_offset, 1, tail.table_size + sizeof tail);
    for (uint32_t i = 0; i < block->n_entries; i++)
        memset(covered + block->entries[i].offset, 1, block->entries[i].stored_size);
    for (size_t i = 0; i < block->size; i++) {
        if (!covered[i] && block->bytes[i] != 0)
            return false;
    }
    return true;
}

bool
block_verify(Block *block, GError **error)
{
    for (uint32_t i = 0; i < block->n_entries; i++) {
        if (!verify_entry(block, i, error))
            return false;
    }
    if (!is_padding_zero(block))
        return broken(block, error, "bytes between the sections are not zero");
    for (uint32_t i = 0; i < block->info->datasets->len; i++) {
        bool is_stopped, is_broken;
        if (!block_visit(block, i, STORE_WITH_SPANS, skip_dataset, NULL, &is_stopped, &is_broken,
                         error))
            return false;
    }
    return true;
}
