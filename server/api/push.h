/* push.v1.PusherService/Push. */
#pragma once
#include "server/api/connect.h"

extern const RpcMethod rpc_push;
