/* The block file: magic and version | sections | section table | 32-byte tail.
 *
 * Everything is little-endian. Sections begin at multiples of 64 bytes with zeros between; each has
 * one entry in the table, which says where it is and carries the XXH3-64 of its stored bytes; the
 * tail carries that of the table. A reader skips section types it does not know; the version rises
 * only when an existing section changes its meaning.
 *
 * Codecs: RAW stores the bytes as they are. ZSTD cuts them into pieces of 256 KiB: u32 number of
 * pieces, u32 compressed size of each, then the zstd frames.
 *
 * A dataset is one service; its sections carry its number, those of the whole block
 * BLOCK_NO_DATASET. "v" is LEB128, "z" zigzag LEB128; a column is all its values in a row, and one
 * column follows the other.
 *
 *   META           text tenant, text segment, v datasets; per dataset: text service, v rows, v
 * series, v samples, z first, z last time, v profile types and the text of each STRINGS        v
 * count, column v length, the bytes; sorted by bytes, string 0 is "" FUNCTION_TRIE  v count;
 * pre-order, siblings by name: columns v levels up from the node before, v name (string) NODE_MAP
 * column v number of location nodes that end in each function node, in order SERIES         v
 * count; per series v pairs and their texts; sorted by profile type, then labels ROWS           v
 * count; sorted by series, time: columns v series step, z time step, z duration step, z period
 * step, z total, v samples SAMPLES        u32 groups, u32 0, a BlockGroup each, then the groups:
 * u32 offset of each PFOR block (from the group's start), the blocks (pfor.h) ROW_IDS        16
 * bytes per row FUNCTIONS      v count; columns v name step, z system name - name, v filename, v
 * start line MAPPINGS       v count; columns v start, v limit, v offset, v filename, v build id, v
 * flags LOCATIONS      v count, v lines; columns v lines of each, v mapping, v address, v folded, v
 * name (of those without lines); columns v function, v line of the lines; sorted by name NODES
 * columns v location (from the first one with the node's name), v parent (from the first node that
 * ends in the parent's function node) SPANS        only where rows have spans: column v size of
 * each row's span run (span_run.h), then the runs ANNOTATIONS    only where rows have annotations:
 * row_annotations.h */
#pragma once
#include <stdint.h>

#define BLOCK_MAGIC      0x314b4c4254535243ull /* "CRSTBLK1" */
#define BLOCK_TAIL_MAGIC 0x31444e4554535243ull /* "CRSTEND1" */
#define BLOCK_NO_DATASET UINT32_MAX

enum {
    BLOCK_VERSION = 1,
    BLOCK_ALIGN = 64,
    BLOCK_PIECE_SIZE = 256 * 1024,
    BLOCK_GROUP_SAMPLES = 64 * 1024, /* a group is cut before it holds more */
};

typedef enum {
    BLOCK_META = 1,
    BLOCK_STRINGS = 2,
    BLOCK_FUNCTION_TRIE = 3,
    BLOCK_NODE_MAP = 4,
    BLOCK_SERIES = 5,
    BLOCK_ROWS = 6,
    BLOCK_SAMPLES = 7,
    BLOCK_ROW_IDS = 8,
    BLOCK_FUNCTIONS = 9,
    BLOCK_MAPPINGS = 10,
    BLOCK_LOCATIONS = 11,
    BLOCK_NODES = 12,
    BLOCK_GROUPS = 13,
    BLOCK_SPANS = 14,
    BLOCK_ANNOTATIONS = 15,
} BlockSectionType;

typedef enum { BLOCK_RAW = 0, BLOCK_ZSTD = 1 } BlockCodec;

typedef struct {
    uint64_t magic;
    uint32_t version, reserved;
} BlockHeader;
_Static_assert(sizeof(BlockHeader) == 16, "file format");

typedef struct {
    uint16_t type, codec;
    uint32_t dataset;
    uint64_t offset, stored_size, raw_size;
    uint64_t hash; /* XXH3-64 of the stored bytes */
    int64_t first_ns, last_ns;
} BlockEntry;
_Static_assert(sizeof(BlockEntry) == 56, "file format");

typedef struct {
    uint64_t table_offset;
    uint32_t table_size, version;
    uint64_t table_hash, magic;
} BlockTail;
_Static_assert(sizeof(BlockTail) == 32, "file format");

typedef struct {
    uint64_t offset; /* in SAMPLES */
    uint32_t size, first_row, n_rows, n_samples, min_node, max_node;
    int64_t first_ns, last_ns;
    int64_t value_base; /* values are value_base + value_scale × stored */
    uint64_t value_scale;
} BlockGroup;
_Static_assert(sizeof(BlockGroup) == 64, "file format");
