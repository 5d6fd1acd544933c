#include "server/store/span_run.h"

#include <stdlib.h>

enum { HAS_TRACE = 1, SPAN_BYTES_MIN = 1 + sizeof(uint64_t) + 1 };

static int
compare_spans(const StoreSpan *a, const StoreSpan *b)
{
    if (a->trace_high != b->trace_high)
        return a->trace_high < b->trace_high ? -1 : 1;
    if (a->trace_low != b->trace_low)
        return a->trace_low < b->trace_low ? -1 : 1;
    return (a->span > b->span) - (a->span < b->span);
}

static int
compare_samples(const void *a, const void *b)
{
    const StoreSpanSample *one = a, *other = b;
    int order = compare_spans(&one->span, &other->span);
    return order != 0 ? order : (one->node > other->node) - (one->node < other->node);
}

/* Adds up neighbours with the same span and node; returns how many are left. */
static size_t
merge(StoreSpanSample *samples, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        StoreSpanSample *last = kept > 0 ? &samples[kept - 1] : NULL;
        if (last != NULL && compare_samples(last, &samples[i]) == 0)
            last->value = (int64_t)((uint64_t)last->value + (uint64_t)samples[i].value);
        else
            samples[kept++] = samples[i];
    }
    return kept;
}

static void
put_span(Wire *out, const StoreSpan *span, size_t n_samples)
{
    bool has_trace = span->trace_high != 0 || span->trace_low != 0;
    *wire_push(out, 1) = has_trace ? HAS_TRACE : 0;
    wire_put_u64(out, span->span);
    if (has_trace) {
        wire_put_u64(out, span->trace_high);
        wire_put_u64(out, span->trace_low);
    }
    wire_put_varint(out, n_samples);
}

/* Where the samples of the span end that begins at `i`. */
static size_t
end_of_span(const StoreSpanSample *samples, size_t n, size_t i)
{
    size_t end = i + 1;
    while (end < n && compare_spans(&samples[end].span, &samples[i].span) == 0)
        end++;
    return end;
}

void
span_run_put(Wire *out, StoreSpanSample *samples, size_t n)
{
    if (n == 0)
        return;
    qsort(samples, n, sizeof *samples, compare_samples);
    n = merge(samples, n);
    size_t n_spans = 0;
    for (size_t i = 0; i < n; i = end_of_span(samples, n, i))
        n_spans++;
    wire_put_varint(out, n_spans);
    for (size_t i = 0, end; i < n; i = end) {
        end = end_of_span(samples, n, i);
        put_span(out, &samples[i].span, end - i);
        for (uint32_t last = 0; i < end; last = samples[i++].node) {
            wire_put_varint(out, samples[i].node - last);
            wire_put_varint(out, zigzag(samples[i].value));
        }
    }
}

static bool
get_span(Scan *scan, uint32_t n_nodes, GArray *samples)
{
    const uint8_t *flags = scan_bytes(scan, 1);
    StoreSpanSample sample = {.span.span = scan_u64(scan)};
    if (flags == NULL || *flags > HAS_TRACE)
        return false;
    if (*flags == HAS_TRACE) {
        sample.span.trace_high = scan_u64(scan);
        sample.span.trace_low = scan_u64(scan);
    }
    uint64_t n = scan_varint(scan), node = 0;
    if (scan->bad || n > scan_left(scan) / 2)
        return false;
    for (uint64_t i = 0; i < n; i++) {
        node += scan_varint32(scan);
        sample.value = unzigzag(scan_varint(scan));
        if (scan->bad || node >= n_nodes)
            return false;
        sample.node = (uint32_t)node;
        g_array_append_val(samples, sample);
    }
    return true;
}

bool
span_run_get(const uint8_t *run, size_t size, uint32_t n_nodes, GArray *samples)
{
    if (size == 0)
        return true;
    Scan scan = scan_of(run, size);
    uint64_t n_spans = scan_varint(&scan);
    if (scan.bad || n_spans > scan_left(&scan) / SPAN_BYTES_MIN)
        return false;
    for (uint64_t i = 0; i < n_spans; i++) {
        if (!get_span(&scan, n_nodes, samples))
            return false;
    }
    return scan_left(&scan) == 0;
}
