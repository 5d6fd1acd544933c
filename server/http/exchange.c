#include "server/http/exchange.h"

#include <string.h>

#include "lib/base/error.h"
#include "server/http/header.h"
#include "server/http/server_internal.h"

#define REQUEST_ID_LENGTH_MAX 64
#define STRING_CHUNK_BYTES    1024

/* A client's request id is kept when it is short and harmless in a log line. */
static bool
acceptable_request_id(const char *id)
{
    size_t length = id != NULL ? strlen(id) : 0;
    if (length == 0 || length > REQUEST_ID_LENGTH_MAX)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (!g_ascii_isalnum(id[i]) && strchr("-_.:", id[i]) == NULL)
            return false;
    }
    return true;
}

HttpExchange *
exchange_new(HttpServer *server, struct MHD_Connection *connection, const char *method,
             const char *path)
{
    HttpExchange *exchange = g_new0(HttpExchange, 1);
    exchange->references = 1;
    exchange->server = server;
    exchange->connection = connection;
    exchange->strings = g_string_chunk_new(STRING_CHUNK_BYTES);
    exchange->params = g_array_new(FALSE, FALSE, sizeof(HttpPair));
    exchange->headers = g_array_new(FALSE, FALSE, sizeof(HttpPair));
    exchange->start_us = g_get_monotonic_time();
    exchange->link.data = exchange;
    exchange->request.method = g_string_chunk_insert(exchange->strings, method);
    exchange->request.path = g_string_chunk_insert(exchange->strings, path);
    const char *id = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "X-Request-Id");
    if (acceptable_request_id(id)) {
        exchange->request.id = g_string_chunk_insert(exchange->strings, id);
    } else {
        char text[2 * sizeof(uint64_t) + 1];
        g_snprintf(text, sizeof(text), "%08x%08x", g_random_int(), g_random_int());
        exchange->request.id = g_string_chunk_insert(exchange->strings, text);
    }
    return exchange;
}

HttpExchange *
exchange_ref(HttpExchange *exchange)
{
    g_atomic_int_inc(&exchange->references);
    return exchange;
}

void
exchange_unref(HttpExchange *exchange)
{
    if (!g_atomic_int_dec_and_test(&exchange->references))
        return;
    server_uncharge(exchange->server, exchange->charged);
    g_string_chunk_free(exchange->strings);
    g_array_unref(exchange->params);
    g_array_unref(exchange->headers);
    g_free(exchange->body);
    g_free(exchange->tenant);
    http_response_free(exchange->response);
    g_free(exchange);
}

typedef struct {
    HttpExchange *exchange;
    GArray *pairs;
    bool bad;
} PairReader;

static enum MHD_Result
read_pair(void *data, enum MHD_ValueKind kind, const char *key, size_t key_size, const char *value,
          size_t value_size)
{
    (void)kind;
    PairReader *reader = data;
    if (value == NULL)
        value_size = 0;
    if (reader->pairs == reader->exchange->params &&
        (!g_utf8_validate_len(key, key_size, NULL) ||
         (value_size > 0 && !g_utf8_validate_len(value, value_size, NULL)))) {
        reader->bad = true;
        return MHD_NO;
    }
    GStringChunk *strings = reader->exchange->strings;
    HttpPair pair = {
        .name = g_string_chunk_insert_len(strings, key, (gssize)key_size),
        .value =
            value_size > 0 ? g_string_chunk_insert_len(strings, value, (gssize)value_size) : "",
    };
    g_array_append_val(reader->pairs, pair);
    return MHD_YES;
}

bool
exchange_read_head(HttpExchange *exchange, GError **error)
{
    PairReader reader = {.exchange = exchange, .pairs = exchange->params};
    MHD_get_connection_values_n(exchange->connection, MHD_GET_ARGUMENT_KIND, read_pair, &reader);
    if (reader.bad || !g_utf8_validate(exchange->request.path, -1, NULL))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "path or query string is not valid UTF-8");
    reader.pairs = exchange->headers;
    MHD_get_connection_values_n(exchange->connection, MHD_HEADER_KIND, read_pair, &reader);
    exchange->request.params = (const HttpPair *)(void *)exchange->params->data;
    exchange->request.n_params = exchange->params->len;
    exchange->request.headers = (const HttpPair *)(void *)exchange->headers->data;
    exchange->request.n_headers = exchange->headers->len;
    exchange->accepts_gzip =
        header_accepts_coding(http_request_header(&exchange->request, "Accept-Encoding"), "gzip");
    return true;
}

bool
exchange_answer(HttpExchange *exchange, ExchangeState from, HttpResponse *response)
{
    /* The response is stored by whoever wins the state, before anyone may look at it. */
    if (!g_atomic_int_compare_and_exchange(&exchange->state, from, EXCHANGE_ANSWERED)) {
        http_response_free(response);
        return false;
    }
    g_atomic_pointer_set(&exchange->response, response);
    return true;
}

static void
unref_bytes(void *data)
{
    g_bytes_unref(data);
}

enum MHD_Result
exchange_send(HttpExchange *exchange, bool close_connection)
{
    HttpResponse *answer = g_atomic_pointer_get(&exchange->response);
    size_t size = 0;
    const void *data = answer->body != NULL ? g_bytes_get_data(answer->body, &size) : NULL;
    struct MHD_Response *response =
        size == 0 ? MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT)
                  : MHD_create_response_from_buffer_with_free_callback_cls(
                        size, (void *)data, unref_bytes, g_bytes_ref(answer->body));
    if (response == NULL)
        return MHD_NO;
    for (guint i = 0; i + 1 < answer->headers->len; i += 2)
        MHD_add_response_header(response, g_ptr_array_index(answer->headers, i),
                                g_ptr_array_index(answer->headers, i + 1));
    MHD_add_response_header(response, "X-Request-Id", exchange->request.id);
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (close_connection)
        MHD_add_response_header(response, "Connection", "close");
    enum MHD_Result result = MHD_queue_response(exchange->connection, answer->status, response);
    MHD_destroy_response(response);
    return result;
}

bool
exchange_find_tenant(HttpExchange *exchange, GError **error)
{
    const HttpConfig *config = &exchange->server->config;
    HttpRequest *request = &exchange->request;
    const TenantClaim claim = {.authorization = http_request_header(request, "Authorization"),
                               .org_id = http_request_header(request, TENANT_HEADER),
                               .writing = request->route->scope == HTTP_WRITE};
    exchange->tenant =
        config->auth != NULL
            ? tenant_auth_resolve(config->auth, config->tenant_mode, &claim, error)
            : tenant_resolve(config->tenant_mode, claim.org_id, claim.writing, error);
    request->tenant = exchange->tenant;
    return exchange->tenant != NULL;
}
