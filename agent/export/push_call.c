#include "agent/export/push_call.h"

#include <string.h>

#include "agent/export/outbox.h"
#include "lib/base/error.h"
#include "lib/base/secret_file.h"
#include "lib/net/http_auth.h"
#include "lib/net/http_client.h"

enum {
    REPLY_MAX = 64 * 1024,
    PEM_BYTES_MAX = 1024 * 1024,
};

struct PushCall {
    Endpoint *endpoint;
    HttpClient *client;
    char *url;
};

PushCall *
push_call_new(Endpoint *endpoint)
{
    const HttpClientConfig config = {
        .ca_file = endpoint->ca_file,
        .tls_server_name = endpoint->tls_server_name,
        .tls_unchecked = endpoint->is_tls_unchecked,
    };
    PushCall *call = g_new0(PushCall, 1);
    size_t length = strlen(endpoint->url);
    while (length > 0 && endpoint->url[length - 1] == '/')
        length--;
    call->endpoint = endpoint_ref(endpoint);
    call->client = http_client_new(&config);
    call->url = g_strdup_printf("%.*s/push.v1.PusherService/Push", (int)length, endpoint->url);
    return call;
}

void
push_call_free(PushCall *call)
{
    if (call == NULL)
        return;
    http_client_free(call->client);
    endpoint_unref(call->endpoint);
    g_free(call->url);
    g_free(call);
}

/* ---- What a request is made of. ---- */

static void
add_headers(GStrvBuilder *lines, GHashTable *headers)
{
    GHashTableIter each;
    gpointer name, value;
    if (headers == NULL)
        return;
    g_hash_table_iter_init(&each, headers);
    while (g_hash_table_iter_next(&each, &name, &value)) {
        g_autofree char *line = g_strdup_printf("%s: %s", (const char *)name, (const char *)value);
        g_strv_builder_add(lines, line);
    }
}

/* The same with values from files, which are replaced while the agent runs. */
static bool
add_header_files(GStrvBuilder *lines, GHashTable *files, GError **error)
{
    GHashTableIter each;
    gpointer name, path;
    if (files == NULL)
        return true;
    g_hash_table_iter_init(&each, files);
    while (g_hash_table_iter_next(&each, &name, &path)) {
        g_autofree char *value = secret_file_read(path, error);
        if (value == NULL)
            return false;
        for (const char *c = value; *c != '\0'; c++)
            if (g_ascii_iscntrl(*c))
                return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                                 "%s holds no value of a header: one line of text is expected",
                                 (const char *)path);
        g_autofree char *line = g_strdup_printf("%s: %s", (const char *)name, value);
        g_strv_builder_add(lines, line);
    }
    return true;
}

static GStrv
make_headers(const Endpoint *endpoint, const OutboxItem *first, GError **error)
{
    g_autoptr(GStrvBuilder) lines = g_strv_builder_new();
    g_autofree char *login = NULL, *tenant = NULL, *encoding = NULL;
    const HttpAuth auth = {.token_file = endpoint->token_file,
                           .user = endpoint->user,
                           .password_file = endpoint->password_file};
    if (!http_auth_line(&auth, &login, error))
        return NULL;
    g_strv_builder_add(lines, "Content-Type: application/proto");
    g_strv_builder_add(lines, "Connect-Protocol-Version: 1");
    if (login != NULL)
        g_strv_builder_add(lines, login);
    if (first->tenant[0] != '\0') {
        tenant = g_strconcat("X-Scope-OrgID: ", first->tenant, NULL);
        g_strv_builder_add(lines, tenant);
    }
    if (series_content_encoding(first->coding) != NULL) {
        encoding = g_strconcat("Content-Encoding: ", series_content_encoding(first->coding), NULL);
        g_strv_builder_add(lines, encoding);
    }
    add_headers(lines, endpoint->headers);
    return add_header_files(lines, endpoint->header_files, error) ? g_strv_builder_end(lines)
                                                                  : NULL;
}

static bool
read_pem(const char *path, GBytes **ret_pem, GError **error)
{
    g_autofree char *text = NULL;
    gsize size;
    g_autoptr(GError) cause = NULL;
    if (path == NULL)
        return true;
    if (!g_file_get_contents(path, &text, &size, &cause) || size > PEM_BYTES_MAX)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "cannot read %s: %s", path,
                         cause != NULL ? cause->message : "it is too large for a certificate");
    *ret_pem = g_bytes_new_take(g_steal_pointer(&text), size);
    return true;
}

static GBytes *
join_payloads(const GPtrArray *batch)
{
    if (batch->len == 1)
        return g_bytes_ref(((const OutboxItem *)batch->pdata[0])->payload);
    g_autoptr(GByteArray) body = g_byte_array_new();
    for (guint i = 0; i < batch->len; i++) {
        gsize size;
        const void *data = g_bytes_get_data(((const OutboxItem *)batch->pdata[i])->payload, &size);
        g_byte_array_append(body, data, (guint)size);
    }
    return g_byte_array_free_to_bytes(g_steal_pointer(&body));
}

/* ---- Sending. ---- */

static bool
send_batch(PushCall *call, const GPtrArray *batch, GCancellable *cancel, HttpClientReply *ret_reply,
           GError **error)
{
    const Endpoint *endpoint = call->endpoint;
    g_autoptr(GBytes) certificate = NULL, key = NULL, body = join_payloads(batch);
    g_auto(GStrv) headers = make_headers(endpoint, batch->pdata[0], error);
    if (headers == NULL || !read_pem(endpoint->cert_file, &certificate, error) ||
        !read_pem(endpoint->key_file, &key, error))
        return false;
    const HttpClientRequest request = {
        .url = call->url,
        .headers = (const char *const *)headers,
        .body = body,
        .certificate_pem = certificate,
        .key_pem = key,
        .timeout_ms = endpoint->timeout_ms,
        .reply_bytes_max = REPLY_MAX,
        .cancel = cancel,
    };
    return http_client_send(call->client, &request, ret_reply, error);
}

void
push_call_send(PushCall *call, const GPtrArray *batch, GCancellable *cancel,
               PushOutcome *ret_outcome)
{
    g_auto(HttpClientReply) reply = {0};
    g_autoptr(GError) error = NULL;
    if (send_batch(call, batch, cancel, &reply, &error)) {
        push_outcome_of(call->endpoint, reply.status, reply.body, reply.retry_after_ms, batch->len,
                        ret_outcome);
        return;
    }
    bool is_cancelled = g_cancellable_is_cancelled(cancel);
    *ret_outcome = (PushOutcome){.result = is_cancelled ? PUSH_CANCELLED : PUSH_RETRY,
                                 .why = g_strdup(error->message)};
}
