/* settings.v1.SettingsService: Get, Set, Delete. A tenant's settings are documents of the store. */
#pragma once
#include "server/api/connect.h"

extern const RpcMethod rpc_settings_get, rpc_settings_set, rpc_settings_delete;
