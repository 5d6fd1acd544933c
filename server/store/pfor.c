#include "server/store/pfor.h"

#include <string.h>

enum {
    LANES = 8,
    ROW_SIZE = LANES * sizeof(uint32_t),
    PACKED_MAX = PFOR_COUNT * sizeof(uint32_t),
};

typedef uint32_t Lanes __attribute__((vector_size(ROW_SIZE)));

typedef struct {
    uint32_t first;
    uint8_t node_width, value_width;
    uint16_t n_node_exceptions, n_value_exceptions, n;
} PforHeader;
_Static_assert(sizeof(PforHeader) == PFOR_HEADER_SIZE, "file format");

static size_t
packed_size(uint32_t n, unsigned width)
{
    uint32_t n_rows = (n + LANES - 1) / LANES;
    return (size_t)(n_rows * width + 31) / 32 * ROW_SIZE;
}

static unsigned
bits_of(uint64_t value)
{
    return value == 0 ? 0 : 64 - (unsigned)__builtin_clzll(value);
}

static unsigned
varint_size(unsigned bits)
{
    return bits == 0 ? 1 : (bits + 6) / 7;
}

/* The width that makes packed values and exceptions together smallest. */
static unsigned
choose_width(const uint64_t *values, uint32_t n)
{
    uint32_t count[65] = {0};
    for (uint32_t i = 0; i < n; i++)
        count[bits_of(values[i])]++;
    unsigned best = 32;
    size_t best_size = SIZE_MAX;
    for (unsigned width = 0; width <= 32; width++) {
        size_t size = packed_size(n, width);
        for (unsigned bits = width + 1; bits <= 64; bits++)
            size += (size_t)count[bits] * (1 + varint_size(bits - width));
        if (size < best_size) {
            best_size = size;
            best = width;
        }
    }
    return best;
}

static void
pack(Wire *out, const uint64_t *values, uint32_t n, unsigned width)
{
    size_t size = packed_size(n, width);
    uint32_t words[PFOR_COUNT + LANES] = {0};
    uint64_t mask = (1ull << width) - 1;
    for (uint32_t i = 0; i < n && width > 0; i++) {
        uint32_t bit = i / LANES * width, shift = bit % 32;
        uint64_t low = (values[i] & mask) << shift;
        words[bit / 32 * LANES + i % LANES] |= (uint32_t)low;
        words[(bit / 32 + 1) * LANES + i % LANES] |= (uint32_t)(low >> 32);
    }
    wire_put(out, words, size);
}

static uint16_t
put_exceptions(Wire *out, const uint64_t *values, uint32_t n, unsigned width)
{
    uint16_t n_exceptions = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (values[i] >> width != 0) {
            *wire_push(out, 1) = (uint8_t)i;
            n_exceptions++;
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        if (values[i] >> width != 0)
            wire_put_varint(out, values[i] >> width);
    }
    return n_exceptions;
}

void
pfor_encode(Wire *out, const uint32_t *nodes, const uint64_t *values, uint32_t n)
{
    uint64_t deltas[PFOR_COUNT] = {0};
    for (uint32_t i = 1; i < n; i++)
        deltas[i] = nodes[i] - nodes[i - 1];
    PforHeader header = {
        .first = nodes[0],
        .node_width = (uint8_t)choose_width(deltas, n),
        .value_width = (uint8_t)choose_width(values, n),
        .n = (uint16_t)n,
    };
    size_t start = out->size;
    wire_push(out, sizeof header);
    pack(out, deltas, n, header.node_width);
    pack(out, values, n, header.value_width);
    header.n_node_exceptions = put_exceptions(out, deltas, n, header.node_width);
    header.n_value_exceptions = put_exceptions(out, values, n, header.value_width);
    memcpy(out->data + start, &header, sizeof header);
}

/* Unpacks whole rows; reads up to one row beyond the packed bytes. */
static inline __attribute__((always_inline)) void
unpack_rows(const uint8_t *packed, uint32_t n_rows, unsigned width, uint32_t *out)
{
    uint32_t mask_bits = width == 32 ? UINT32_MAX : (1u << width) - 1;
    Lanes mask = {mask_bits, mask_bits, mask_bits, mask_bits,
                  mask_bits, mask_bits, mask_bits, mask_bits};
    for (uint32_t row = 0, bit = 0; row < n_rows; row++, bit += width) {
        const uint8_t *at = packed + (size_t)(bit / 32) * ROW_SIZE;
        Lanes low, high;
        memcpy(&low, at, sizeof low);
        memcpy(&high, at + ROW_SIZE, sizeof high);
        uint32_t shift = bit % 32;
        /* The high word is shifted in two steps, because a shift by 32 is not defined. */
        Lanes value = low >> shift | high << 1 << (31 - shift);
        value &= mask;
        memcpy(out + (size_t)row * LANES, &value, sizeof value);
    }
}

/* Unpacks `n` values from `packed`, behind which `left` bytes can be read in all. */
static inline __attribute__((always_inline)) void
unpack(const uint8_t *packed, size_t left, uint32_t n, unsigned width, uint32_t *out)
{
    uint32_t n_rows = (n + LANES - 1) / LANES;
    if (width == 0) {
        memset(out, 0, (size_t)n_rows * ROW_SIZE);
        return;
    }
    uint8_t copy[PACKED_MAX + ROW_SIZE];
    size_t size = packed_size(n, width);
    if (left < size + ROW_SIZE) {
        memcpy(copy, packed, size);
        memset(copy + size, 0, ROW_SIZE);
        packed = copy;
    }
    unpack_rows(packed, n_rows, width, out);
}

/* Splits a block into its parts; false when they do not fit. */
static bool
read_header(Scan *scan, PforHeader *header, const uint8_t **ret_nodes, const uint8_t **ret_values)
{
    const uint8_t *bytes = scan_bytes(scan, sizeof *header);
    if (bytes == NULL)
        return false;
    memcpy(header, bytes, sizeof *header);
    if (header->n == 0 || header->n > PFOR_COUNT || header->node_width > 32 ||
        header->value_width > 32 || header->n_node_exceptions > header->n ||
        header->n_value_exceptions > header->n)
        return false;
    *ret_nodes = scan_bytes(scan, packed_size(header->n, header->node_width));
    *ret_values = scan_bytes(scan, packed_size(header->n, header->value_width));
    return !scan->bad;
}

static bool
patch_deltas(Scan *scan, const PforHeader *header, uint32_t *deltas)
{
    uint32_t n = header->n_node_exceptions;
    const uint8_t *positions = scan_bytes(scan, n);
    for (uint32_t i = 0; i < n && !scan->bad; i++) {
        if (positions[i] >= header->n)
            return false;
        deltas[positions[i]] += (uint32_t)(scan_varint(scan) << header->node_width);
    }
    return !scan->bad;
}

static bool
add_exceptions(Scan *scan, const PforHeader *header, const uint32_t *nodes, uint32_t from,
               uint32_t to, uint64_t scale, int64_t *totals)
{
    uint32_t n = header->n_value_exceptions;
    const uint8_t *positions = scan_bytes(scan, n);
    for (uint32_t i = 0; i < n && !scan->bad; i++) {
        uint64_t high = scan_varint(scan) << header->value_width;
        if (positions[i] < from || positions[i] >= to)
            continue;
        int64_t *total = &totals[nodes[positions[i]]];
        *total = (int64_t)((uint64_t)*total + high * scale);
    }
    return !scan->bad;
}

static inline __attribute__((always_inline)) bool
accumulate(const uint8_t *block, size_t size, uint32_t from, uint32_t to, PforScale scale,
           int64_t *totals, uint32_t n_nodes)
{
    PforHeader header;
    const uint8_t *packed_nodes, *packed_values;
    Scan scan = scan_of(block, size);
    if (!read_header(&scan, &header, &packed_nodes, &packed_values) || to > header.n)
        return false;
    uint32_t nodes[PFOR_COUNT], values[PFOR_COUNT];
    unpack(packed_nodes, (size_t)(scan.end - packed_nodes), header.n, header.node_width, nodes);
    unpack(packed_values, (size_t)(scan.end - packed_values), header.n, header.value_width, values);
    if (!patch_deltas(&scan, &header, nodes))
        return false;
    uint32_t node = header.first;
    for (uint32_t i = 0; i < to; i++) {
        node += nodes[i];
        nodes[i] = node;
    }
    for (uint32_t i = from; i < to; i++) {
        if (nodes[i] >= n_nodes)
            return false;
        uint64_t value = (uint64_t)scale.base + scale.scale * values[i];
        totals[nodes[i]] = (int64_t)((uint64_t)totals[nodes[i]] + value);
    }
    return header.n_value_exceptions == 0 ||
           add_exceptions(&scan, &header, nodes, from, to, scale.scale, totals);
}

bool
pfor_accumulate_portable(const uint8_t *block, size_t size, uint32_t from, uint32_t to,
                         PforScale scale, int64_t *totals, uint32_t n_nodes)
{
    return accumulate(block, size, from, to, scale, totals, n_nodes);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static bool
accumulate_avx2(const uint8_t *block, size_t size, uint32_t from, uint32_t to, PforScale scale,
                int64_t *totals, uint32_t n_nodes)
{
    return accumulate(block, size, from, to, scale, totals, n_nodes);
}
#endif

bool
pfor_accumulate(const uint8_t *block, size_t size, uint32_t from, uint32_t to, PforScale scale,
                int64_t *totals, uint32_t n_nodes)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2"))
        return accumulate_avx2(block, size, from, to, scale, totals, n_nodes);
#endif
    return accumulate(block, size, from, to, scale, totals, n_nodes);
}
