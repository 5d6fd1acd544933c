#include "server/health.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/net/http_client.h"

enum { TIMEOUT_MS = 5000, REPLY_BYTES_MAX = 64 * 1024 };

/* Addresses to listen on that nobody can connect to, and where to instead. */
static const struct {
    const char *all, *loopback;
} addresses[] = {{"", "127.0.0.1"}, {"0.0.0.0", "127.0.0.1"}, {"[::]", "[::1]"}};

char *
server_health_url(const ServerOptions *options)
{
    const char *scheme = options->tls_cert[0] != '\0' ? "https" : "http";
    const char *colon = strrchr(options->listen, ':');
    size_t length = colon != NULL ? (size_t)(colon - options->listen) : strlen(options->listen);
    g_autofree char *host = g_strndup(options->listen, length);
    const char *reached = host;
    for (size_t i = 0; i < G_N_ELEMENTS(addresses); i++)
        if (strcmp(host, addresses[i].all) == 0)
            reached = addresses[i].loopback;
    return g_strconcat(scheme, "://", reached, colon != NULL ? colon : "", "/ready", NULL);
}

bool
server_health_check(const ServerOptions *options, GError **error)
{
    g_autofree char *url = server_health_url(options);
    const HttpClientConfig config = {.tls_unchecked = true};
    const HttpClientRequest request = {
        .url = url, .timeout_ms = TIMEOUT_MS, .reply_bytes_max = REPLY_BYTES_MAX};
    HttpClientReply reply = {0};
    HttpClient *client = http_client_new(&config);
    bool is_ready = http_client_send(client, &request, &reply, error);
    if (is_ready && reply.status != 200) {
        gsize size;
        const char *body = g_bytes_get_data(reply.body, &size);
        is_ready = error_set(error, CRESSET_ERROR_UNAVAILABLE, "%s answers %d: %.*s", url,
                             reply.status, (int)size, body != NULL ? body : "");
    }
    http_client_reply_clear(&reply);
    http_client_free(client);
    return is_ready;
}
