/* Patched frame-of-reference coding of sample columns, 256 samples at a time.
 *
 * A block holds ascending runs of node ids as wrapping deltas and values as small numbers. Both are
 * bit-packed in eight vertical lanes (value i stands in lane i % 8), so that eight are unpacked at
 * once; what does not fit the chosen width is patched from a list.
 *
 * Layout, little-endian: u32 first node, u8 node width, u8 value width, u16 node exceptions, u16
 * value exceptions, u16 count; the packed nodes; the packed values; the positions (u8 each) and
 * then the high bits (LEB128) of the node exceptions; the same of the values. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/store/wire.h"

enum { PFOR_COUNT = 256, PFOR_HEADER_SIZE = 12 };

/* Appends one block of 1 to 256 samples. */
void pfor_encode(Wire *out, const uint32_t *nodes, const uint64_t *values, uint32_t n);

/* How stored values become real ones: base + scale × stored. */
typedef struct {
    int64_t base;
    uint64_t scale;
} PforScale;

/* Adds samples `from` up to `to` of the block that begins at `block` (with `size` bytes left in its
 * section) into totals. False when the block is malformed, shorter than `to`, or a node is not
 * below `n_nodes`. */
bool pfor_accumulate(const uint8_t *block, size_t size, uint32_t from, uint32_t to, PforScale scale,
                     int64_t *totals, uint32_t n_nodes);
/* The same by the portable code, whatever the processor can do. */
bool pfor_accumulate_portable(const uint8_t *block, size_t size, uint32_t from, uint32_t to,
                              PforScale scale, int64_t *totals, uint32_t n_nodes);
