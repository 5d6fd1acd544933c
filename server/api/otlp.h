/* Profiles of OpenTelemetry: POST /v1development/profiles, and the method Export of
 * opentelemetry.proto.collector.profiles.v1development.ProfilesService. */
#pragma once
#include "server/api/connect.h"

void otlp_handle(HttpRequest *request, void *api);

extern const RpcMethod rpc_otlp_export;
