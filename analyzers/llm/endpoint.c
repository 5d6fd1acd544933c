#include "analyzers/llm/endpoint.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/base/secret_file.h"
#include "lib/net/http_client.h"

struct Endpoint {
    char *url, *authorization; /* the header, or NULL */
    bool is_near;
    HttpClient *client;
};

/* Names without dots and those of Services are of the cluster or of this machine. */
static bool
is_near(const char *host)
{
    g_autoptr(GInetAddress) address = g_inet_address_new_from_string(host);
    if (address != NULL)
        return g_inet_address_get_is_loopback(address) || g_inet_address_get_is_site_local(address);
    return strchr(host, '.') == NULL || g_str_has_suffix(host, ".svc") ||
           g_str_has_suffix(host, ".svc.cluster.local");
}

static char *
complete_url(const char *url)
{
    g_autofree char *base = g_strdup(url);
    while (g_str_has_suffix(base, "/"))
        base[strlen(base) - 1] = '\0';
    if (g_str_has_suffix(base, "/chat/completions"))
        return g_steal_pointer(&base);
    return g_strconcat(base, g_str_has_suffix(base, "/v1") ? "" : "/v1", "/chat/completions", NULL);
}

static bool
read_key(const char *file, char **ret_authorization, GError **error)
{
    size_t size;
    if (file[0] == '\0')
        return true;
    g_autofree char *key = secret_file_read_bytes(file, &size, error);
    if (key == NULL)
        return false;
    g_strstrip(key);
    for (const char *at = key; *at != '\0'; at++) {
        if (!g_ascii_isgraph(*at))
            return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                             "--llm-key-file %s has more than a key in it", file);
    }
    if (key[0] != '\0')
        *ret_authorization = g_strdup_printf("Authorization: Bearer %s", key);
    return true;
}

Endpoint *
endpoint_new(const char *url, const char *key_file, GError **error)
{
    g_autoptr(GUri) uri = g_uri_parse(url, G_URI_FLAGS_HAS_PASSWORD, NULL);
    const char *scheme = uri != NULL ? g_uri_get_scheme(uri) : "";
    const char *host = uri != NULL ? g_uri_get_host(uri) : NULL;
    if (host == NULL || host[0] == '\0' ||
        (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0) ||
        g_uri_get_userinfo(uri) != NULL || g_uri_get_query(uri) != NULL) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                  "--llm-url is no URL like http://localhost:11434/v1; keys belong into "
                  "--llm-key-file");
        return NULL;
    }
    if (strcmp(scheme, "http") == 0 && !is_near(host)) {
        error_set(
            error, CRESSET_ERROR_INVALID_ARGUMENT,
            "--llm-url: %s is neither this machine, in the cluster, nor in a private network: "
            "it needs https",
            host);
        return NULL;
    }
    g_autoptr(Endpoint) endpoint = g_new0(Endpoint, 1);
    endpoint->url = complete_url(url);
    endpoint->is_near = is_near(host);
    if (!read_key(key_file, &endpoint->authorization, error))
        return NULL;
    HttpClientConfig config = {.user_agent = "cresset-analyzer"};
    endpoint->client = http_client_new(&config);
    return g_steal_pointer(&endpoint);
}

void
endpoint_free(Endpoint *endpoint)
{
    if (endpoint == NULL)
        return;
    g_free(endpoint->url);
    g_free(endpoint->authorization);
    http_client_free(endpoint->client);
    g_free(endpoint);
}

const char *
endpoint_url(const Endpoint *endpoint)
{
    return endpoint->url;
}

bool
endpoint_is_near(const Endpoint *endpoint)
{
    return endpoint->is_near;
}

bool
endpoint_ask(const Endpoint *endpoint, GBytes *body, int64_t timeout_ms, GBytes **ret_reply,
             bool *ret_is_final, GError **error)
{
    enum { OK = 200, BAD_REQUEST = 400, SERVER_ERROR = 500 };
    const char *const headers[] = {"Content-Type: application/json", endpoint->authorization, NULL};
    g_auto(HttpClientReply) reply = {0};
    const HttpClientRequest request = {.url = endpoint->url,
                                       .headers = headers,
                                       .body = body,
                                       .timeout_ms = timeout_ms,
                                       .reply_bytes_max = ENDPOINT_REPLY_BYTES_MAX};
    *ret_is_final = false;
    if (!http_client_send(endpoint->client, &request, &reply, error))
        return false;
    if (reply.status == OK) {
        *ret_reply = g_bytes_ref(reply.body);
        return true;
    }
    *ret_is_final = reply.status >= BAD_REQUEST && reply.status < SERVER_ERROR;
    return error_set(error, CRESSET_ERROR_UNAVAILABLE, "the endpoint answers with status %d",
                     reply.status);
}
