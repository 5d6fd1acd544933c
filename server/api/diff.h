/* querier.v1: Diff. */
#pragma once
#include "server/api/connect.h"

extern const RpcMethod rpc_diff;
