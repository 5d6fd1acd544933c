#include "server/api/operations.h"

#include <string.h>

#include "cresset/version.h"
#include "lib/base/jsonw.h"
#include "server/api/api_metrics.h"
#include "server/rules/evaluate.h"

#define MIB          (1024.0 * 1024.0)
#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

void
operations_handle_ready(HttpRequest *request, void *api)
{
    (void)api;
    http_reply(request, http_response_new(200, "text/plain; charset=utf-8",
                                          g_bytes_new_static("ready\n", strlen("ready\n"))));
}

void
operations_handle_metrics(HttpRequest *request, void *data)
{
    Api *api = data;
    GString *text = g_string_new(NULL);
    api_metrics_write(api, text);
    ingest_write_metrics(api->ingest, api_may_read_all(api, request), text);
    store_write_metrics(api->store, text);
    tenant_overrides_write_metrics(api->overrides, text);
    if (api->auth != NULL)
        tenant_auth_write_metrics(api->auth, text);
    if (api->write_metrics != NULL)
        api->write_metrics(text, api->write_metrics_data);
    if (api->auth == NULL) /* else the page would show what a token is for */
        rules_write_samples(api->rules, TENANT_ANONYMOUS, text);
    metrics_write_process(text, "cresset-server");
    http_reply(request, http_response_new(200, METRICS_TYPE, g_string_free_to_bytes(text)));
}

void
operations_handle_rule_metrics(HttpRequest *request, void *data)
{
    Api *api = data;
    GString *text = g_string_new(NULL);
    rules_write_samples(api->rules, request->tenant, text);
    http_reply(request, http_response_new(200, METRICS_TYPE, g_string_free_to_bytes(text)));
}

void
operations_handle_buildinfo(HttpRequest *request, void *api)
{
    (void)api;
    static const char *const members[][2] = {
        {"version", CRESSET_VERSION},
        {"revision", CRESSET_REVISION},
        {"branch", CRESSET_BRANCH},
        {"buildUser", ""},
        {"buildDate", ""},
        {"goVersion", ""},
    };
    JsonWriter json;
    jsonw_init(&json, 256);
    jsonw_object_begin(&json);
    jsonw_key(&json, "status");
    jsonw_string(&json, "success");
    jsonw_key(&json, "data");
    jsonw_object_begin(&json);
    for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
        jsonw_key(&json, members[i][0]);
        jsonw_string(&json, members[i][1]);
    }
    jsonw_object_end(&json);
    jsonw_object_end(&json);
    http_reply(request, http_response_new(200, "application/json", jsonw_finish(&json)));
}

void
operations_handle_tenant_limits(HttpRequest *request, void *data)
{
    Api *api = data;
    TenantLimits limits;
    tenant_overrides_get(api->overrides, request->tenant, &limits);
    JsonWriter json;
    jsonw_init(&json, 1024);
    jsonw_object_begin(&json);
    jsonw_key(&json, "ingestion_rate");
    jsonw_double(&json, limits.ingestion_rate_mb * MIB);
    jsonw_key(&json, "ingestion_burst_size");
    jsonw_double(&json, limits.ingestion_burst_size_mb * MIB);
    jsonw_key(&json, "max_global_series_per_user");
    jsonw_int(&json, limits.global_series_max);
    jsonw_key(&json, "limits");
    tenant_limits_write_json(&limits, &json);
    jsonw_object_end(&json);
    http_reply(request, http_response_new(200, "application/json", jsonw_finish(&json)));
}

void
operations_handle_tenants(HttpRequest *request, void *data)
{
    Api *api = data;
    g_auto(GStrv) tenants = store_tenants(api->store);
    JsonWriter json;
    jsonw_init(&json, 256);
    jsonw_object_begin(&json);
    jsonw_key(&json, "tenants");
    jsonw_array_begin(&json);
    const char *authorization = http_request_header(request, "Authorization");
    for (size_t i = 0; tenants != NULL && tenants[i] != NULL; i++) {
        if (api->auth == NULL || tenant_auth_may_read(api->auth, authorization, tenants[i]))
            jsonw_string(&json, tenants[i]);
    }
    jsonw_array_end(&json);
    jsonw_object_end(&json);
    http_reply(request, http_response_new(200, "application/json", jsonw_finish(&json)));
}
