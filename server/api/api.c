#include "server/api/api.h"

#include "server/api/api_metrics.h"

Api *
api_new(Store *store, Ingest *ingest, TenantOverrides *overrides)
{
    Api *api = g_new0(Api, 1);
    api->store = store;
    api->ingest = ingest;
    api->overrides = overrides;
    api->metrics = api_metrics_new();
    return api;
}

void
api_free(Api *api)
{
    if (api == NULL)
        return;
    metrics_free(api->metrics);
    g_free(api);
}

int64_t
api_now_ns(void)
{
    return g_get_real_time() * 1000;
}

void
api_reply(HttpRequest *request, const char *media_type, GBytes *body, const GError *error)
{
    HttpResponse *response =
        body != NULL ? http_response_new(200, media_type, body) : http_response_from_error(error);
    http_response_set_header(response, "Cache-Control", "no-store");
    http_reply(request, response);
}

bool
api_may_read_all(const Api *api, const HttpRequest *request)
{
    return api->auth == NULL ||
           tenant_auth_may_read(api->auth, http_request_header(request, "Authorization"),
                                API_EVERY_TENANT);
}

void
api_request_done(const HttpDone *done, void *data)
{
    Api *api = data;
    const HttpRequest *request = done->request;
    const HttpResponse *response = done->response;
    api_metrics_count(api->metrics, done);
    g_autofree char *text = g_strdup_printf(
        "%s %s: %u in %.1f ms, %zu bytes in, %zu out, tenant %s, request %s%s%s", request->method,
        request->path, response->status, (double)done->duration_us / 1000, done->received_bytes,
        done->sent_bytes, request->tenant != NULL ? request->tenant : "-", request->id,
        response->message != NULL ? ": " : "", response->message != NULL ? response->message : "");
    /* 501 and 505 are the client asking for what we do not offer. */
    if (response->status >= 500 && response->status != 501 && response->status != 505)
        g_warning("%s", text);
    else
        g_debug("%s", text);
}
