#include "analyzers/state/state_server.h"

#include "lib/base/error.h"
#include "lib/net/retry.h"

#define STATE_PATH "/api/v1/findings/state"

struct StateServer {
    TelemetryApi *api;
    char *cluster;
    char *tag; /* ETag of what was last loaded or stored; NULL: there is nothing */
};

StateServer *
state_server_new(TelemetryApi *api, const char *cluster)
{
    StateServer *server = g_new0(StateServer, 1);
    server->api = api;
    server->cluster = g_strdup(cluster);
    return server;
}

void
state_server_free(StateServer *server)
{
    if (server == NULL)
        return;
    g_free(server->cluster);
    g_free(server->tag);
    g_free(server);
}

/* Asks, or with an image stores in the place of what has the tag. */
static bool
call(StateServer *server, const char *cluster, GBytes *image, const char *tag,
     HttpClientReply *ret_reply, GError **error)
{
    g_autofree char *name = g_uri_escape_string(cluster, NULL, false);
    g_autofree char *query = g_strconcat("cluster=", name, NULL);
    g_autofree char *condition =
        tag != NULL ? g_strconcat("If-Match: ", tag, NULL) : g_strdup("If-None-Match: *");
    const char *const asking[] = {"Accept: application/octet-stream", NULL};
    const char *const storing[] = {condition, NULL};
    const TelemetryCall sent = {.path = STATE_PATH,
                                .query = query,
                                .method = image != NULL ? "PUT" : "GET",
                                .octets = image,
                                .headers = image != NULL ? storing : asking};
    if (telemetry_api_send(server->api, &sent, ret_reply, error))
        return true;
    g_prefix_error(error, "state: ");
    return false;
}

static bool
refused(const StateServer *server, const HttpClientReply *reply, GError **error)
{
    g_autofree char *words = telemetry_api_words(server->api, reply);
    return error_set(error,
                     http_status_is_retryable(reply->status) ? CRESSET_ERROR_UNAVAILABLE
                                                             : CRESSET_ERROR_FAILED_PRECONDITION,
                     "state: %s", words);
}

/* Without a tag nothing could be stored. */
static bool
take_tag(StateServer *server, const HttpClientReply *reply, GError **error)
{
    const char *tag = http_client_reply_header(reply, "etag");
    g_free(server->tag);
    server->tag = g_strdup(tag);
    return tag != NULL || error_set(error, CRESSET_ERROR_FAILED_PRECONDITION,
                                    "state: %s has no versions: is it a server of Cresset?",
                                    telemetry_api_url(server->api));
}

bool
state_server_load(StateServer *server, GBytes **ret_image, GError **error)
{
    g_auto(HttpClientReply) reply = {0};
    *ret_image = NULL;
    if (!call(server, server->cluster, NULL, NULL, &reply, error))
        return false;
    if (reply.status == 404) { /* also of what is no server of Cresset: it will store nothing */
        g_clear_pointer(&server->tag, g_free);
        return true;
    }
    if (reply.status != 200)
        return refused(server, &reply, error);
    if (!take_tag(server, &reply, error))
        return false;
    *ret_image = g_bytes_ref(reply.body);
    return true;
}

/* Whether the server has the very image that it has just refused: then an earlier try has stored
 * it, whose answer was lost, as no two runs write the same. */
static bool
was_stored(StateServer *server, const char *cluster, GBytes *image, HttpClientReply *ret_reply)
{
    g_autoptr(GError) error = NULL;
    return call(server, cluster, NULL, NULL, ret_reply, &error) && ret_reply->status == 200 &&
           g_bytes_equal(ret_reply->body, image);
}

/* *ret_reply has the ETag. */
static bool
store(StateServer *server, const char *cluster, GBytes *image, const char *tag,
      HttpClientReply *ret_reply, GError **error)
{
    g_auto(HttpClientReply) reply = {0};
    if (!call(server, cluster, image, tag, &reply, error))
        return false;
    if (reply.status == 412)
        return was_stored(server, cluster, image, ret_reply) ||
               error_set(error, CRESSET_ERROR_ABORTED, "state: another run has written it");
    if (reply.status != 204)
        return refused(server, &reply, error);
    *ret_reply = reply;
    reply = (HttpClientReply){0};
    return true;
}

bool
state_server_store(StateServer *server, GBytes *image, GError **error)
{
    g_auto(HttpClientReply) reply = {0};
    return store(server, server->cluster, image, server->tag, &reply, error) &&
           take_tag(server, &reply, error);
}

bool
state_server_store_as(StateServer *server, const char *cluster, GBytes *image, GError **error)
{
    g_auto(HttpClientReply) reply = {0};
    return store(server, cluster, image, NULL, &reply, error);
}
