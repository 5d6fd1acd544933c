/* Any bytes as a block file. Checksums are made right first, so that the decoders behind them are
 * reached. */
#include <errno.h>
#include <string.h>
#include <xxhash.h>

#include "server/store/block.h"

typedef struct {
    Disk public;
    const uint8_t *bytes;
    size_t size;
} OneFile;

static int
one_open(Disk *disk, const char *path)
{
    (void)disk;
    (void)path;
    return 3;
}

static int
one_close(Disk *disk, int fd)
{
    (void)disk;
    return fd == 3 ? 0 : -EBADF;
}

static int64_t
one_size(Disk *disk, int fd)
{
    (void)fd;
    return (int64_t)((OneFile *)disk)->size;
}

static const uint8_t *
one_map(Disk *disk, int fd, size_t size, int *ret_error)
{
    (void)fd;
    (void)ret_error;
    return g_memdup2(((OneFile *)disk)->bytes, size);
}

static void
one_unmap(Disk *disk, const uint8_t *data, size_t size)
{
    (void)disk;
    (void)size;
    g_free((void *)(uintptr_t)data);
}

static const DiskOps one_ops = {
    .open = one_open,
    .close = one_close,
    .size = one_size,
    .map = one_map,
    .unmap = one_unmap,
};

/* Makes header, tail and all hashes right. */
static void
repair(uint8_t *bytes, size_t size)
{
    BlockHeader header = {BLOCK_MAGIC, BLOCK_VERSION, 0};
    BlockTail tail;
    if (size < sizeof header + sizeof tail)
        return;
    memcpy(bytes, &header, sizeof header);
    memcpy(&tail, bytes + size - sizeof tail, sizeof tail);
    size_t end = size - sizeof tail;
    tail.table_size = (uint32_t)MIN(tail.table_size, end - sizeof header);
    tail.table_size -= tail.table_size % sizeof(BlockEntry);
    tail.table_offset = end - tail.table_size;
    for (size_t at = tail.table_offset; at < end; at += sizeof(BlockEntry)) {
        BlockEntry entry;
        memcpy(&entry, bytes + at, sizeof entry);
        if (entry.offset > tail.table_offset ||
            entry.stored_size > tail.table_offset - entry.offset)
            continue;
        entry.hash = XXH3_64bits(bytes + entry.offset, entry.stored_size);
        memcpy(bytes + at, &entry, sizeof entry);
    }
    tail.version = BLOCK_VERSION;
    tail.magic = BLOCK_TAIL_MAGIC;
    tail.table_hash = XXH3_64bits(bytes + tail.table_offset, tail.table_size);
    memcpy(bytes + end, &tail, sizeof tail);
}

static void
read_all(const uint8_t *bytes, size_t size)
{
    OneFile file = {{&one_ops}, bytes, size};
    g_autoptr(GError) error = NULL;
    g_autoptr(Block) block = block_open(&file.public, "fuzz", &error);
    if (block != NULL)
        block_verify(block, &error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree uint8_t *bytes = g_malloc(size + 1);
    if (size > 0)
        memcpy(bytes, data, size);
    read_all(bytes, size);
    repair(bytes, size);
    read_all(bytes, size);
    return 0;
}
