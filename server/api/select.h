/* querier.v1: SelectMergeStacktraces, SelectMergeSpanProfile, SelectMergeProfile. */
#pragma once
#include "server/api/connect.h"

extern const RpcMethod rpc_select_merge_stacktraces, rpc_select_merge_span_profile,
    rpc_select_merge_profile;
