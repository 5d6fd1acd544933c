#include "server/store/sample_run.h"

#include <string.h>

#include "server/store/wire.h"

enum { INSERTION_MAX = 40, RADIX_BITS = 8, RADIX = 1 << RADIX_BITS };

static uint64_t
key_number(SampleKey key)
{
    return (uint64_t)key.node << 32 | key.position;
}

static void
sort_by_insertion(SampleKey *keys, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        SampleKey key = keys[i];
        size_t at = i;
        for (; at > 0 && key_number(keys[at - 1]) > key_number(key); at--)
            keys[at] = keys[at - 1];
        keys[at] = key;
    }
}

void
sample_keys_sort(SampleKey *keys, SampleKey *scratch, size_t n)
{
    if (n <= INSERTION_MAX) {
        sort_by_insertion(keys, n);
        return;
    }
    uint32_t used = 0;
    for (size_t i = 0; i < n; i++)
        used |= keys[i].node;
    SampleKey *from = keys, *to = scratch;
    for (unsigned shift = 0; shift < 32 && used >> shift != 0; shift += RADIX_BITS) {
        uint32_t start[RADIX] = {0};
        for (size_t i = 0; i < n; i++)
            start[from[i].node >> shift & (RADIX - 1)]++;
        uint32_t sum = 0;
        for (unsigned digit = 0; digit < RADIX; digit++) {
            uint32_t count = start[digit];
            start[digit] = sum;
            sum += count;
        }
        for (size_t i = 0; i < n; i++)
            to[start[from[i].node >> shift & (RADIX - 1)]++] = from[i];
        SampleKey *swap = from;
        from = to;
        to = swap;
    }
    if (from != keys)
        memcpy(keys, from, n * sizeof *keys);
}

static uint64_t
magnitude(int64_t value)
{
    return value < 0 ? -(uint64_t)value : (uint64_t)value;
}

uint64_t
greatest_divisor(uint64_t a, uint64_t b)
{
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* The greatest common divisor of the summed values; 1 when it does not fit a positive int64. */
static int64_t
common_divisor(const SampleKey *keys, size_t n, const int64_t *values)
{
    uint64_t divisor = 0;
    for (size_t i = 0; i < n && divisor != 1; i++) {
        uint64_t value = magnitude(values[keys[i].position]);
        if (divisor == 0 || value % divisor != 0)
            divisor = greatest_divisor(divisor, value);
    }
    return divisor == 0 || divisor > INT64_MAX ? 1 : (int64_t)divisor;
}

size_t
sample_run_encode(uint8_t *out, const SampleKey *keys, size_t n, const int64_t *values,
                  uint32_t *ret_n)
{
    int64_t divisor = common_divisor(keys, n, values);
    uint8_t body_start[20];
    uint32_t kept = 0, last = 0;
    /* The count is only known at the end: the body goes behind the longest possible head. */
    uint8_t *body = out + sizeof body_start, *at = body;
    for (size_t i = 0; i < n;) {
        uint32_t node = keys[i].node;
        uint64_t sum = 0;
        for (; i < n && keys[i].node == node; i++)
            sum += (uint64_t)values[keys[i].position];
        if (sum == 0)
            continue;
        int64_t quotient = divisor == 1 ? (int64_t)sum : (int64_t)sum / divisor;
        at = varint_put(at, (uint64_t)(node - last) << 1 | (quotient != 1));
        if (quotient != 1)
            at = varint_put(at, zigzag(quotient));
        last = node;
        kept++;
    }
    uint8_t *head_end = varint_put(varint_put(body_start, kept), (uint64_t)divisor);
    size_t head = (size_t)(head_end - body_start), size = (size_t)(at - body);
    memcpy(out, body_start, head);
    memmove(out + head, body, size);
    *ret_n = kept;
    return head + size;
}

bool
sample_run_accumulate(const uint8_t *run, size_t size, int64_t *totals, uint32_t n_nodes)
{
    Scan scan = scan_of(run, size);
    uint64_t n = scan_varint(&scan), divisor = scan_varint(&scan), node = 0;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t token = scan_varint(&scan);
        node += token >> 1;
        uint64_t quotient = token & 1 ? (uint64_t)unzigzag(scan_varint(&scan)) : 1;
        if (scan.bad || node >= n_nodes)
            return false;
        totals[node] = (int64_t)((uint64_t)totals[node] + quotient * divisor);
    }
    return !scan.bad && scan_left(&scan) == 0;
}

bool
sample_run_decode(const uint8_t *run, size_t size, uint32_t *nodes, int64_t *values, uint32_t count,
                  uint32_t n_nodes)
{
    Scan scan = scan_of(run, size);
    uint64_t n = scan_varint(&scan), divisor = scan_varint(&scan), node = 0;
    if (n != count)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t token = scan_varint(&scan);
        node += token >> 1;
        uint64_t quotient = token & 1 ? (uint64_t)unzigzag(scan_varint(&scan)) : 1;
        if (scan.bad || node >= n_nodes)
            return false;
        nodes[i] = (uint32_t)node;
        values[i] = (int64_t)(quotient * divisor);
    }
    return !scan.bad && scan_left(&scan) == 0;
}
