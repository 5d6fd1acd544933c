/* querier.v1: SelectSeries. */
#pragma once
#include "server/api/connect.h"

extern const RpcMethod rpc_select_series;
