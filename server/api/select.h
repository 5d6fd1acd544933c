/* querier.v1: SelectMergeStacktraces, SelectMergeProfile. */
#pragma once
#include "server/api/connect.h"

extern const RpcMethod rpc_select_merge_stacktraces, rpc_select_merge_profile;
