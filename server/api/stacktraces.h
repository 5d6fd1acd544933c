/* What the querier.v1 methods that merge stacks make of their requests, and their flame graphs. */
#pragma once
#include <querier.pb-c.h>

#include "server/api/connect.h"
#include "server/api/flame.h"
#include "server/api/selection.h"

/* Fills in what a selector of stacks says; NULL says nothing. */
void stacktraces_fill(SelectionInput *input, const Types__V1__StackTraceSelector *selector);

/* Checks a request and turns it into a selection, which the caller clears in any case, and the
 * number of nodes to send. */
TimeRangeResult
stacktraces_select(const RpcCall *call, const Querier__V1__SelectMergeStacktracesRequest *request,
                   Selection *ret_selection, int64_t *ret_max_nodes, GError **error);

/* A response with nothing but this flame graph, in its field `flamegraph`. */
GBytes *stacktraces_encode(Codec codec, const FlameLayout *layout);
