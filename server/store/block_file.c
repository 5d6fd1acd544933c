#include "server/store/block_file.h"

#include <xxhash.h>
#include <zstd.h>

#include "lib/base/error.h"

enum { ZSTD_LEVEL = 3 };

BlockFile *
block_file_new(Disk *disk, const char *path, GError **error)
{
    g_autoptr(BlockFile) file = g_new0(BlockFile, 1);
    file->disk = disk;
    file->path = g_strdup(path);
    file->table = g_array_new(FALSE, FALSE, sizeof(BlockEntry));
    disk->ops->remove(disk, path);
    file->fd = disk->ops->create(disk, path);
    if (file->fd < 0) {
        error_set_errno(error, -file->fd, "block %s: cannot create", path);
        return NULL;
    }
    BlockHeader header = {BLOCK_MAGIC, BLOCK_VERSION, 0};
    int result = disk_write_all(disk, file->fd, &header, sizeof header, 0);
    if (result < 0) {
        error_set_errno(error, -result, "block %s: cannot write", path);
        return NULL;
    }
    file->size = sizeof header;
    return g_steal_pointer(&file);
}

void
block_file_free(BlockFile *file)
{
    if (file == NULL)
        return;
    if (file->fd >= 0)
        file->disk->ops->close(file->disk, file->fd);
    g_array_unref(file->table);
    wire_clear(&file->scratch);
    XXH3_freeState(file->hash);
    g_free(file->path);
    g_free(file);
}

static bool
write_at_end(BlockFile *file, const void *data, size_t size, GError **error)
{
    int result = disk_write_all(file->disk, file->fd, data, size, file->size);
    if (result < 0)
        return error_set_errno(error, -result, "block %s: cannot write", file->path);
    file->size += size;
    return true;
}

static bool
align(BlockFile *file, GError **error)
{
    static const uint8_t zeros[BLOCK_ALIGN];
    size_t over = file->size % BLOCK_ALIGN;
    return over == 0 || write_at_end(file, zeros, BLOCK_ALIGN - over, error);
}

/* Compresses into the scratch buffer; false when that saves nothing. */
static bool
compress(BlockFile *file, const Wire *raw)
{
    Wire *out = &file->scratch;
    uint32_t n_pieces = (uint32_t)((raw->size + BLOCK_PIECE_SIZE - 1) / BLOCK_PIECE_SIZE);
    out->size = 0;
    wire_put_u32(out, n_pieces);
    wire_push(out, n_pieces * sizeof(uint32_t));
    for (uint32_t i = 0; i < n_pieces; i++) {
        size_t start = (size_t)i * BLOCK_PIECE_SIZE;
        size_t size = MIN(raw->size - start, (size_t)BLOCK_PIECE_SIZE);
        size_t bound = ZSTD_compressBound(size), before = out->size;
        wire_push(out, bound);
        size_t got = ZSTD_compress(out->data + before, bound, raw->data + start, size, ZSTD_LEVEL);
        if (ZSTD_isError(got))
            return false;
        out->size = before + got;
        uint32_t stored = (uint32_t)got;
        memcpy(out->data + (1 + i) * sizeof stored, &stored, sizeof stored);
    }
    return out->size < raw->size;
}

bool
block_file_begin(BlockFile *file, const BlockSectionKind *kind, GError **error)
{
    if (!align(file, error))
        return false;
    BlockEntry entry = {
        .type = (uint16_t)kind->type,
        .codec = BLOCK_RAW,
        .dataset = kind->dataset,
        .offset = file->size,
        .first_ns = kind->first_ns,
        .last_ns = kind->last_ns,
    };
    g_array_append_val(file->table, entry);
    if (file->hash == NULL)
        file->hash = XXH3_createState();
    XXH3_64bits_reset(file->hash);
    return true;
}

bool
block_file_append(BlockFile *file, const void *data, size_t size, GError **error)
{
    if (size == 0)
        return true;
    XXH3_64bits_update(file->hash, data, size);
    return write_at_end(file, data, size, error);
}

void
block_file_end(BlockFile *file)
{
    BlockEntry *entry = &g_array_index(file->table, BlockEntry, file->table->len - 1);
    entry->stored_size = entry->raw_size = file->size - entry->offset;
    entry->hash = XXH3_64bits_digest(file->hash);
}

bool
block_file_add(BlockFile *file, const BlockSectionKind *kind, const Wire *raw, GError **error)
{
    if (!block_file_begin(file, kind, error))
        return false;
    bool is_packed = kind->codec == BLOCK_ZSTD && compress(file, raw);
    const Wire *stored = is_packed ? &file->scratch : raw;
    if (!block_file_append(file, stored->data, stored->size, error))
        return false;
    block_file_end(file);
    BlockEntry *entry = &g_array_index(file->table, BlockEntry, file->table->len - 1);
    entry->codec = is_packed ? BLOCK_ZSTD : BLOCK_RAW;
    entry->raw_size = raw->size;
    return true;
}

bool
block_file_finish(BlockFile *file, GError **error)
{
    if (!align(file, error))
        return false;
    size_t table_size = file->table->len * sizeof(BlockEntry);
    BlockTail tail = {
        .table_offset = file->size,
        .table_size = (uint32_t)table_size,
        .version = BLOCK_VERSION,
        .table_hash = XXH3_64bits(file->table->data, table_size),
        .magic = BLOCK_TAIL_MAGIC,
    };
    if (!write_at_end(file, file->table->data, table_size, error) ||
        !write_at_end(file, &tail, sizeof tail, error))
        return false;
    int result = file->disk->ops->sync(file->disk, file->fd);
    if (result < 0)
        return error_set_errno(error, -result, "block %s: cannot make it durable", file->path);
    return true;
}
