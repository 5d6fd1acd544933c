/* What the server says of itself: version.v1.Version/Version,
 * capabilities.v1.FeatureFlagsService/GetFeatureFlags, and vcs.v1.VCSService, which is not offered:
 * it is unimplemented with the message that tells clients to hide what needs it. */
#pragma once
#include "server/api/connect.h"

extern const RpcMethod rpc_version, rpc_feature_flags, rpc_vcs;
