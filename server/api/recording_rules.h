/* settings.v1.RecordingRulesService: rules that make metrics of profiles, kept as documents of the
 * store. */
#pragma once
#include "server/api/connect.h"

extern const RpcMethod rpc_recording_rule_get, rpc_recording_rules_list, rpc_recording_rule_upsert,
    rpc_recording_rule_delete;
