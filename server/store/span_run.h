/* The samples of one row that belong to spans, in the live head, in the log and in blocks: beside
 * the row's sample run, which holds them too, added up by stack.
 *
 * Layout: LEB128 number of spans; per span a byte (bit 0: a trace id follows), u64 span id, u64
 * high and low half of the trace id, LEB128 number of samples; per sample LEB128 node step and
 * zigzag value. Ordered by trace, span, node. */
#pragma once
#include <glib.h>
#include <stdbool.h>

#include "server/store/store.h"
#include "server/store/wire.h"

/* Sorts `samples`, adds up equal ones and appends their run; nothing for none of them. */
void span_run_put(Wire *out, StoreSpanSample *samples, size_t n);

/* Appends the samples of a run (StoreSpanSample) to `samples`; false when it is broken or a node is
 * not below `n_nodes`. An empty run is none. */
bool span_run_get(const uint8_t *run, size_t size, uint32_t n_nodes, GArray *samples);
