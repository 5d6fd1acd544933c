#include "server/api/health.h"

#include <health.pb-c.h>
#include <string.h>

#include "lib/base/error.h"

/* The empty name is the whole server. */
static bool
is_served(const char *service)
{
    size_t n, length = strlen(service);
    const HttpRoute *routes = api_routes(&n);
    bool is_found = length == 0;
    for (size_t i = 0; i < n && !is_found; i++) {
        const char *path = routes[i].path + 1;
        is_found = routes[i].handler == rpc_handle && strncmp(path, service, length) == 0 &&
                   path[length] == '/';
    }
    return is_found;
}

static void
call_check(RpcCall *call)
{
    const Grpc__Health__V1__HealthCheckRequest *request = (const void *)call->message;
    g_autoptr(GError) error = NULL;
    if (!is_served(request->service)) {
        error_set(&error, CRESSET_ERROR_NOT_FOUND, "there is no service '%.200s'",
                  request->service);
        rpc_fail(call, error);
        return;
    }
    Grpc__Health__V1__HealthCheckResponse response = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    response.status = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
    rpc_reply(call, &response.base);
}

const RpcMethod rpc_health_check = {.request = &grpc__health__v1__health_check_request__descriptor,
                                    .call = call_check};
