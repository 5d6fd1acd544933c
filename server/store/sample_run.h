/* The samples of one row in the live head and in the log: (node, value) pairs with ascending nodes,
 * one to three bytes each.
 *
 * Layout, all LEB128: count, divisor; then per sample delta of the node shifted left by one, its
 * low bit set when the value is not the divisor itself, and then the zigzag value ÷ divisor. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint32_t node, position; /* sorted as one number: node first */
} SampleKey;

/* Sorts by node; `scratch` has room for `n` as well. */
void sample_keys_sort(SampleKey *keys, SampleKey *scratch, size_t n);

/* The greatest common divisor; of 0 and a number that number. */
uint64_t greatest_divisor(uint64_t a, uint64_t b);

/* Bytes that a run of `n` samples takes at most. */
#define SAMPLE_RUN_SIZE_MAX(n) (20 + (size_t)(n)*16)

/* Encodes sorted `keys`, whose positions point into `values`; values of equal nodes are added up
 * and zeros left out. Returns the bytes written to `out`; *ret_n is the number of samples kept. */
size_t sample_run_encode(uint8_t *out, const SampleKey *keys, size_t n, const int64_t *values,
                         uint32_t *ret_n);

/* Adds each value to totals[node]; false when the run is broken or a node is not below `n_nodes`.
 */
bool sample_run_accumulate(const uint8_t *run, size_t size, int64_t *totals, uint32_t n_nodes);

/* Decodes into `nodes` and `values` of `count` elements; false when the run is broken, holds
 * another count, or a node is not below `n_nodes`. */
bool sample_run_decode(const uint8_t *run, size_t size, uint32_t *nodes, int64_t *values,
                       uint32_t count, uint32_t n_nodes);
