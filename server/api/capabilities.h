/* What the server says of itself: version.v1.Version/Version,
 * capabilities.v1.FeatureFlagsService/GetFeatureFlags, and vcs.v1.VCSService, which is not offered.
 */
#pragma once
#include "server/api/connect.h"

extern const RpcMethod rpc_version, rpc_feature_flags;

/* 501 with the message that tells clients to hide what needs the service. */
void vcs_handle(HttpRequest *request, void *api);
