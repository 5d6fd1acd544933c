/* querier.v1: SelectMergeStacktraces, SelectMergeSpanProfile, SelectMergeProfile. */
#pragma once
#include <querier.pb-c.h>

#include "server/api/connect.h"

extern const RpcMethod rpc_select_merge_stacktraces, rpc_select_merge_span_profile,
    rpc_select_merge_profile;

/* The answer to a request, in the codec of the call; NULL with *error. */
GBytes *
select_merge_stacktraces(RpcCall *call, const Querier__V1__SelectMergeStacktracesRequest *request,
                         GError **error);
