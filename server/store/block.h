/* Reads a block file. Nothing is trusted: the table is verified when the block is opened, every
 * section when it is first read, and every number before it is used. Errors are DATA_LOSS, with
 * what is wrong. A block may be read from several threads. */
#pragma once
#include "server/store/block_format.h"
#include "server/store/block_writer.h"
#include "server/store/disk.h"
#include "server/store/source.h"

typedef struct Block Block;
struct SymbolCache;

Block *block_open(Disk *disk, const char *path, GError **error);
Block *block_ref(Block *block);
void block_unref(Block *block);

/* Has decoded symbols kept in `cache`, which has to outlive the block's visits. */
void block_keep_symbols(Block *block, struct SymbolCache *cache);
/* The cache, or NULL, and the number that tells this open block from every other. */
struct SymbolCache *block_symbol_cache(const Block *block, uint64_t *ret_serial);

/* What the block says of itself. */
const BlockInfo *block_info(const Block *block);
/* Shows dataset `number` (position in the info) to the visitor; *ret_stop says that it wants no
 * more, *ret_broken that the block and not the visitor failed. */
bool block_visit(Block *block, uint32_t number, StoreDetail detail, StoreVisit visit, void *data,
                 bool *ret_stop, bool *ret_broken, GError **error);
/* Reads and decodes everything once. */
bool block_verify(Block *block, GError **error);

/* One section: `data` is the raw content. Free `owned`. */
typedef struct {
    const uint8_t *data;
    size_t size;
    uint8_t *owned; /* NULL when the data is the mapped file */
} BlockSection;

bool block_has_section(Block *block, BlockSectionType type, uint32_t dataset);
bool block_section_read(Block *block, BlockSectionType type, uint32_t dataset,
                        BlockSection *ret_section, GError **error);
void block_section_clear(BlockSection *section);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Block, block_unref)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(BlockSection, block_section_clear)
