#include "server/api/capabilities.h"

#include <services.pb-c.h>

#include "lib/base/error.h"

/* The only version of the querier API there is. */
#define QUERIER_API 1

static void
call_version(RpcCall *call)
{
    Services__V1__VersionResponse response = SERVICES__V1__VERSION_RESPONSE__INIT;
    response.querierapi = QUERIER_API;
    rpc_reply(call, &response.base);
}

static void
call_feature_flags(RpcCall *call)
{
    const bool has_rules = call->api->rules != NULL;
    const struct {
        const char *name, *description;
        bool enabled;
    } of_server[] = {
        {"v2StorageLayer", "Queries answer as those of Pyroscope's second storage layer.", true},
        {"pyroscopeRuler", "Recording rules are evaluated.", has_rules},
        {"pyroscopeRulerFunctions", "Recording rules can select one function.", has_rules},
        {"utf8LabelNames", "Label names may be any UTF-8.", true},
    };
    Services__V1__FeatureFlag flags[G_N_ELEMENTS(of_server)], *pointers[G_N_ELEMENTS(of_server)];
    Services__V1__GetFeatureFlagsResponse response = SERVICES__V1__GET_FEATURE_FLAGS_RESPONSE__INIT;
    for (size_t i = 0; i < G_N_ELEMENTS(of_server); i++) {
        services__v1__feature_flag__init(&flags[i]);
        flags[i].name = (char *)of_server[i].name;
        flags[i].enabled = of_server[i].enabled;
        flags[i].description = (char *)of_server[i].description;
        pointers[i] = &flags[i];
    }
    response.feature_flags = pointers;
    response.n_feature_flags = G_N_ELEMENTS(of_server);
    rpc_reply(call, &response.base);
}

static void
call_vcs(RpcCall *call)
{
    g_autoptr(GError) error = NULL;
    error_set(&error, CRESSET_ERROR_UNIMPLEMENTED, "the source code integration is not configured");
    rpc_fail(call, error);
}

const RpcMethod rpc_version = {.request = &services__v1__empty__descriptor, .call = call_version};
const RpcMethod rpc_feature_flags = {.request = &services__v1__empty__descriptor,
                                     .call = call_feature_flags};
const RpcMethod rpc_vcs = {.request = &services__v1__empty__descriptor, .call = call_vcs};
