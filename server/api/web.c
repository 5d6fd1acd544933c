#include "server/api/web.h"

#include <string.h>

#include "web/assets.h"

#define START_PAGE "index.html"

/* Whether a browser navigates to a view of the application rather than fetching a file. Views have
 * one path segment: the page's own addresses are relative to it. */
static bool
is_navigation(const HttpRequest *request)
{
    const char *accept = http_request_header(request, "Accept");
    return accept != NULL && strstr(accept, "text/html") != NULL &&
           strpbrk(request->path + 1, "./") == NULL;
}

static const WebAsset *
find_asset(const HttpRequest *request)
{
    if (strcmp(request->path, "/") == 0)
        return web_assets_find(START_PAGE);
    const WebAsset *asset = web_assets_find(request->path + 1);
    return asset == NULL && is_navigation(request) ? web_assets_find(START_PAGE) : asset;
}

static void
set_headers(HttpResponse *response, const WebAsset *asset)
{
    http_response_set_header(response, "Cache-Control",
                             asset->immutable ? "public, max-age=31536000, immutable" : "no-cache");
    http_response_set_header(response, "ETag", asset->etag);
    http_response_set_header(response, "Vary", "Accept-Encoding");
    http_response_set_header(response, "Content-Security-Policy", WEB_CONTENT_SECURITY_POLICY);
    http_response_set_header(response, "Referrer-Policy", "no-referrer");
}

void
web_handle(HttpRequest *request, void *api)
{
    (void)api;
    const WebAsset *asset = find_asset(request);
    if (asset == NULL) {
        g_autofree char *message = g_strdup_printf("there is nothing at %s", request->path);
        http_reply(request, http_response_error(404, "unimplemented", message));
        return;
    }
    const char *known = http_request_header(request, "If-None-Match");
    if (known != NULL && strstr(known, asset->etag) != NULL) {
        HttpResponse *response = http_response_new(304, NULL, NULL);
        set_headers(response, asset);
        http_reply(request, response);
        return;
    }
    WebEncoding encoding =
        web_assets_choose(asset, http_request_header(request, "Accept-Encoding"));
    HttpResponse *response = http_response_new(
        200, asset->content_type,
        g_bytes_new_static(asset->form[encoding].bytes, asset->form[encoding].size));
    response->encoded = true;
    if (web_encoding_name(encoding) != NULL)
        http_response_set_header(response, "Content-Encoding", web_encoding_name(encoding));
    set_headers(response, asset);
    http_reply(request, response);
}

void
web_handle_ui(HttpRequest *request, void *api)
{
    (void)api;
    HttpResponse *response = http_response_new(302, NULL, NULL);
    http_response_set_header(response, "Location", "./"); /* a proxy may have put a prefix before */
    http_reply(request, response);
}
