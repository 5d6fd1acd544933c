#include "server/http/exchange.h"

#include <string.h>

#include "lib/base/error.h"
#include "server/http/grpc.h"
#include "server/http/spool.h"

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
exchange_new(HttpServer *server, unsigned version)
{
    HttpExchange *exchange = g_new0(HttpExchange, 1);
    exchange->references = 1;
    exchange->server = server;
    exchange->strings = g_string_chunk_new(STRING_CHUNK_BYTES);
    exchange->params = g_array_new(FALSE, FALSE, sizeof(HttpPair));
    exchange->headers = g_array_new(FALSE, FALSE, sizeof(HttpPair));
    exchange->start_us = exchange->progress_us = g_get_monotonic_time();
    exchange->link.data = exchange;
    exchange->request.version = version;
    exchange->request.method = exchange->request.path = "";
    return exchange;
}

void
exchange_set_line(HttpExchange *exchange, const char *method, const char *path)
{
    exchange->request.method = g_string_chunk_insert(exchange->strings, method);
    exchange->request.path = g_string_chunk_insert(exchange->strings, path);
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
    server_uncharge(exchange->server, exchange->charged + exchange->charged_head);
    g_string_chunk_free(exchange->strings);
    g_array_unref(exchange->params);
    g_array_unref(exchange->headers);
    g_free(exchange->body);
    spool_free(exchange->spool, exchange->server);
    if (exchange->on_end != NULL)
        exchange->on_end(exchange->end_data);
    g_free(exchange->tenant);
    http_response_free(exchange->response);
    g_free(exchange);
}

void
exchange_add_pair(HttpExchange *exchange, GArray *pairs, const char *name, size_t name_size,
                  const char *value, size_t value_size)
{
    GStringChunk *strings = exchange->strings;
    HttpPair pair = {
        .name = g_string_chunk_insert_len(strings, name, (gssize)name_size),
        .value =
            value_size > 0 ? g_string_chunk_insert_len(strings, value, (gssize)value_size) : "",
    };
    exchange->head_size += sizeof pair + name_size + value_size;
    g_array_append_val(pairs, pair);
}

static void
set_request_id(HttpExchange *exchange)
{
    const char *id = http_request_header(&exchange->request, "X-Request-Id");
    char text[2 * sizeof(uint64_t) + 1];
    if (!acceptable_request_id(id)) {
        g_snprintf(text, sizeof(text), "%08x%08x", g_random_int(), g_random_int());
        id = text;
    }
    exchange->request.id = g_string_chunk_insert(exchange->strings, id);
}

static bool
are_params_valid(const HttpRequest *request)
{
    for (size_t i = 0; i < request->n_params; i++) {
        if (!g_utf8_validate(request->params[i].name, -1, NULL) ||
            !g_utf8_validate(request->params[i].value, -1, NULL))
            return false;
    }
    return g_utf8_validate(request->path, -1, NULL);
}

bool
exchange_finish_head(HttpExchange *exchange, GError **error)
{
    HttpRequest *request = &exchange->request;
    request->params = (const HttpPair *)(void *)exchange->params->data;
    request->n_params = exchange->params->len;
    request->headers = (const HttpPair *)(void *)exchange->headers->data;
    request->n_headers = exchange->headers->len;
    set_request_id(exchange);
    exchange->accepted = encoding_choose(http_request_header(request, "Accept-Encoding"));
    return are_params_valid(request) || error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                                                  "path or query string is not valid UTF-8");
}

void
exchange_shape_response(const HttpRequest *request, HttpResponse *response)
{
    bool is_text = request->route != NULL && (request->route->flags & HTTP_TEXT_ERRORS) != 0;
    if (is_text && response->message != NULL)
        http_response_set_text(response);
    else
        grpc_shape_response(request, response);
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
