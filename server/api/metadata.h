/* querier.v1: ProfileTypes, LabelNames, LabelValues, Series, GetProfileStats, AnalyzeQuery. */
#pragma once
#include "server/api/connect.h"

extern const RpcMethod rpc_profile_types, rpc_label_names, rpc_label_values, rpc_series,
    rpc_profile_stats, rpc_analyze_query;
