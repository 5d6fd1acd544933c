/* querier.v1: SelectHeatmap. */
#pragma once
#include "server/api/connect.h"

extern const RpcMethod rpc_select_heatmap;
