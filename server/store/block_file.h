/* Writes the container of a block: sections, table, tail. What the sections mean is block_format.h;
 * what goes into them is block_writer.h. */
#pragma once
#include <glib.h>
#include <stdbool.h>

#include "server/store/block_format.h"
#include "server/store/disk.h"
#include "server/store/wire.h"

typedef struct {
    Disk *disk;
    char *path;
    int fd;
    uint64_t size;
    GArray *table; /* BlockEntry */
    Wire scratch;
    struct XXH3_state_s *hash; /* of the section being written piece by piece */
} BlockFile;

/* Creates `path`, replacing what an earlier try left. */
BlockFile *block_file_new(Disk *disk, const char *path, GError **error);
/* Closes; an unfinished file stays for its maker to remove. */
void block_file_free(BlockFile *file);

typedef struct {
    BlockSectionType type;
    BlockCodec codec; /* falls back to RAW where ZSTD does not help */
    uint32_t dataset;
    int64_t first_ns, last_ns;
} BlockSectionKind;

bool block_file_add(BlockFile *file, const BlockSectionKind *kind, const Wire *raw, GError **error);
/* The same for a large RAW section, piece by piece. */
bool block_file_begin(BlockFile *file, const BlockSectionKind *kind, GError **error);
bool block_file_append(BlockFile *file, const void *data, size_t size, GError **error);
void block_file_end(BlockFile *file);
/* Writes table and tail and makes the content durable. */
bool block_file_finish(BlockFile *file, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(BlockFile, block_file_free)
