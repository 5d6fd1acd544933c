/* grpc.health.v1.Health/Check, by which gRPC clients and probes of Kubernetes ask whether the
 * server serves. Watch, which streams, is not offered: clients then stop watching. */
#pragma once
#include "server/api/connect.h"

extern const RpcMethod rpc_health_check;
