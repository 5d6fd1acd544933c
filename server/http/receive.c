/* From the first header byte to the handler: routing, tenant, body caps, content decoding. */
#include <errno.h>
#include <string.h>

#include "lib/base/error.h"
#include "server/http/encoding.h"
#include "server/http/grpc.h"
#include "server/http/receive.h"
#include "server/http/spool.h"

/* Bodies up to this are allocated at once when Content-Length promises them. */
#define BODY_TRUST_BYTES (1024 * 1024)
#define BODY_START_BYTES 4096
/* A refused body is read and thrown away up to this, so that the client sees the answer instead of
 * a reset connection. */
#define DISCARD_BYTES_MAX (64LL * 1024 * 1024)

/* What a compressed body may decode to at first, and by how much more it gets when that is too
 * little. Profiles compress three to five times. */
#define DECODE_BYTES_MIN ((size_t)64 * 1024)
#define DECODE_STEP      16

/* What a request takes beside its head and body: about that. */
#define EXCHANGE_BYTES 4096
/* What slower clients get beyond the idle timeout. */
#define RATE_MIN_BYTES_PER_S 1024

/* Connect allows ten digits. */
#define CONNECT_TIMEOUT_MS_MAX G_GUINT64_CONSTANT(9999999999)

static void
refuse(HttpExchange *exchange, HttpResponse *response)
{
    exchange_shape_response(&exchange->request, response);
    exchange->response = response;
    g_atomic_int_set(&exchange->state, EXCHANGE_DISCARDING);
    g_clear_pointer(&exchange->body, g_free);
    exchange->capacity = 0;
}

static void
refuse_error(HttpExchange *exchange, GError *error)
{
    refuse(exchange, http_response_from_error(error));
    g_error_free(error);
}

static HttpResponse *
too_large_response(const HttpServer *server, const HttpRoute *route)
{
    g_autofree char *message =
        route->body == HTTP_BODY_NONE
            ? g_strdup_printf("%s takes no request body", route->path)
            : g_strdup_printf("request body is larger than %" G_GINT64_FORMAT " bytes (limit %s)",
                              server->config.body_caps[route->body].bytes,
                              server->config.body_caps[route->body].knob);
    return http_response_error(MHD_HTTP_CONTENT_TOO_LARGE, "invalid_argument", message);
}

static int64_t
content_length(const HttpExchange *exchange)
{
    const char *text = http_request_header(&exchange->request, "Content-Length");
    guint64 length = 0;
    if (text == NULL || !g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT64, &length, NULL))
        return -1;
    return (int64_t)length;
}

/* When the client stops waiting, by its Connect-Timeout-Ms or grpc-timeout; 0 when it does not say.
 */
static int64_t
client_deadline(const HttpExchange *exchange)
{
    const HttpRequest *request = &exchange->request;
    const char *text = http_request_header(request, "Connect-Timeout-Ms");
    guint64 timeout_ms = 0;
    int64_t timeout_us = grpc_timeout_us(http_request_header(request, "grpc-timeout"));
    if (text != NULL &&
        g_ascii_string_to_unsigned(text, 10, 0, CONNECT_TIMEOUT_MS_MAX, &timeout_ms, NULL))
        timeout_us = (int64_t)timeout_ms * 1000;
    return timeout_us >= 0 ? exchange->start_us + timeout_us : 0;
}

static bool
find_route(HttpExchange *exchange)
{
    HttpRequest *request = &exchange->request;
    g_autofree char *allow = NULL;
    request->route =
        http_router_find(exchange->server->router, request->method, request->path, &allow);
    if (request->route != NULL)
        return true;
    if (allow != NULL) {
        g_autofree char *message =
            g_strdup_printf("method %s is not allowed here: use %s", request->method, allow);
        HttpResponse *response =
            http_response_error(MHD_HTTP_METHOD_NOT_ALLOWED, "unimplemented", message);
        http_response_set_header(response, "Allow", allow);
        if ((http_router_flags(exchange->server->router, request->path) & HTTP_TEXT_ERRORS) != 0)
            http_response_set_text(response);
        refuse(exchange, response);
    } else {
        g_autofree char *message = g_strdup_printf("there is nothing at %s", request->path);
        refuse(exchange, http_response_error(MHD_HTTP_NOT_FOUND, "unimplemented", message));
    }
    return false;
}

/* Where tokens are asked for, a 401 says how to send one: browsers then ask for it. */
static void
refuse_tenant(HttpExchange *exchange, GError *error)
{
    HttpResponse *response = http_response_from_error(error);
    if (exchange->server->config.auth != NULL && response->status == MHD_HTTP_UNAUTHORIZED)
        http_response_set_header(response, "WWW-Authenticate", "Basic realm=\"cresset\"");
    refuse(exchange, response);
    g_error_free(error);
}

/* gRPC needs trailers, which HTTP/1.1 clients do not read. */
static bool
check_protocol(HttpExchange *exchange)
{
    if (exchange->request.version >= 2 || grpc_kind(&exchange->request) != GRPC_PLAIN)
        return true;
    refuse(exchange, http_response_error(MHD_HTTP_HTTP_VERSION_NOT_SUPPORTED, "unimplemented",
                                         "gRPC needs HTTP/2: use it, or gRPC-Web or Connect"));
    return false;
}

/* A connection of HTTP/1.1 has one head, and the connections are counted; one of HTTP/2 has many.
 */
static bool
charge_head(HttpExchange *exchange, GError **error)
{
    size_t size = EXCHANGE_BYTES + exchange->head_size;
    if (exchange->request.version < 2)
        return true;
    if (!server_charge(exchange->server, size, error))
        return false;
    exchange->charged_head = size;
    return true;
}

/* A body that goes into a file goes there as it comes. */
static void
begin_file(HttpExchange *exchange)
{
    GError *error = NULL;
    const char *coding = http_request_header(&exchange->request, "Content-Encoding");
    if (coding != NULL && g_ascii_strcasecmp(coding, "identity") != 0)
        error_set(&error, CRESSET_ERROR_INVALID_ARGUMENT, "%s takes no Content-Encoding, not %s",
                  exchange->request.route->path, coding);
    else
        exchange->spool = spool_new(exchange->server->config.spool_dir, &error);
    if (error != NULL)
        refuse_error(exchange, error);
}

void
receive_head(HttpExchange *exchange)
{
    HttpServer *server = exchange->server;
    HttpRequest *request = &exchange->request;
    GError *error = NULL;
    if (!exchange_finish_head(exchange, &error) || !charge_head(exchange, &error)) {
        refuse_error(exchange, error);
        return;
    }
    if (!find_route(exchange) || !check_protocol(exchange))
        return;
    const HttpRoute *route = request->route;
    if (strcmp(request->method, "HEAD") == 0)
        request->method = "GET";
    request->deadline_us = client_deadline(exchange);
    if (route->scope != HTTP_PUBLIC) {
        if (!exchange_find_tenant(exchange, &error)) {
            refuse_tenant(exchange, error);
            return;
        }
        if (!server_check_memory(server, EXCHANGE_BYTES, &error)) {
            refuse_error(exchange, error);
            return;
        }
    }
    int64_t length = content_length(exchange);
    HttpResponse *refusal = NULL;
    if (length > server->config.body_caps[route->body].bytes)
        refusal = too_large_response(server, route);
    else if (route->admit != NULL)
        refusal = route->admit(request, server->config.app);
    if (refusal != NULL)
        refuse(exchange, refusal);
    else if (route->body == HTTP_BODY_FILE)
        begin_file(exchange);
    else if (length > 0 && length <= BODY_TRUST_BYTES)
        exchange->capacity = (size_t)length;
}

void
receive_refuse_head(HttpExchange *exchange, const char *why)
{
    GError *error = NULL;
    if (exchange_finish_head(exchange, &error))
        error_set(&error, CRESSET_ERROR_INVALID_ARGUMENT, "%s", why);
    refuse_error(exchange, error);
}

/* Makes room for `size` more bytes of body. */
static bool
reserve_body(HttpExchange *exchange, size_t size, GError **error)
{
    size_t needed = exchange->received + size;
    size_t capacity = exchange->capacity;
    if (exchange->body != NULL && needed <= capacity)
        return true;
    if (needed > capacity)
        capacity = MAX(needed, MAX(capacity + capacity / 2, BODY_START_BYTES));
    size_t more = capacity - exchange->charged;
    if (!server_charge(exchange->server, more, error))
        return false;
    exchange->charged += more;
    uint8_t *body = g_try_realloc(exchange->body, capacity);
    if (body == NULL)
        return error_set(error, CRESSET_ERROR_UNAVAILABLE, "no memory for a request body");
    exchange->body = body;
    exchange->capacity = capacity;
    return true;
}

static bool
keep_body(HttpExchange *exchange, const char *data, size_t size, GError **error)
{
    if (exchange->spool != NULL)
        return spool_append(exchange, data, size, error);
    if (!reserve_body(exchange, size, error))
        return false;
    memcpy(exchange->body + exchange->received, data, size);
    return true;
}

bool
receive_body(HttpExchange *exchange, const char *data, size_t size)
{
    HttpServer *server = exchange->server;
    exchange->progress_us = g_get_monotonic_time();
    if (g_atomic_int_get(&exchange->state) == EXCHANGE_DISCARDING) {
        exchange->received += size;
        return exchange->received <= (size_t)DISCARD_BYTES_MAX;
    }
    const HttpRoute *route = exchange->request.route;
    int64_t cap = server->config.body_caps[route->body].bytes;
    if (size > (size_t)cap - exchange->received) {
        refuse(exchange, too_large_response(server, route));
        exchange->received = size;
        return true;
    }
    GError *error = NULL;
    if (!keep_body(exchange, data, size, &error))
        refuse_error(exchange, error);
    else
        exchange->received += size;
    return true;
}

bool
send_is_stalled(const HttpServer *server, int64_t start_us, uint64_t size, int64_t now_us)
{
    int64_t allowed_us = server->config.idle_timeout_ns / 1000 +
                         (int64_t)(size / RATE_MIN_BYTES_PER_S) * G_USEC_PER_SEC;
    return now_us - start_us > allowed_us;
}

bool
receive_is_stalled(const HttpExchange *exchange, int64_t now_us)
{
    return now_us - exchange->progress_us > exchange->server->config.idle_timeout_ns / 1000 ||
           send_is_stalled(exchange->server, exchange->start_us, exchange->received, now_us);
}

void
receive_done(HttpExchange *exchange)
{
    const HttpConfig *config = &exchange->server->config;
    if (config->on_done == NULL)
        return;
    const HttpResponse *response = exchange->response;
    HttpDone done = {
        .request = &exchange->request,
        .response = response,
        .received_bytes = exchange->received,
        .sent_bytes = response->body != NULL ? g_bytes_get_size(response->body) : 0,
        .duration_us = g_get_monotonic_time() - exchange->start_us,
    };
    config->on_done(&done, config->app);
}

void
receive_end(HttpExchange *exchange)
{
    exchange->request.body = exchange->body;
    exchange->request.body_size = exchange->received;
    g_atomic_int_set(&exchange->state, EXCHANGE_HANDLING);
    server_suspend(exchange);
    if (exchange->spool != NULL) {
        exchange->request.body_path = spool_path(exchange->spool);
        spool_end(exchange);
    } else {
        server_dispatch(exchange);
    }
}

/* Decodes within an allowance that is charged beforehand and grows where the body needs more, so
 * that no number of bombs at once takes more than the memory for bodies. */
static bool
decode_charged(HttpExchange *exchange, Encoding encoding, uint8_t **ret_data, size_t *ret_size,
               GError **error)
{
    HttpServer *server = exchange->server;
    const HttpRequest *request = &exchange->request;
    size_t cap = (size_t)server->config.body_caps[request->route->body].bytes;
    const char *knob = server->config.body_caps[request->route->body].knob;
    size_t allowance = MIN(cap, MAX(DECODE_BYTES_MIN, request->body_size * DECODE_STEP));
    for (;;) {
        GError *why = NULL;
        if (!server_charge(server, allowance, error))
            return false;
        if (encoding_decode(encoding, request->body, request->body_size, allowance, knob, ret_data,
                            ret_size, &why)) {
            server_uncharge(server, allowance - *ret_size);
            exchange->charged += *ret_size;
            return true;
        }
        server_uncharge(server, allowance);
        if (allowance == cap || !g_error_matches(why, CRESSET_ERROR, CRESSET_ERROR_OUT_OF_RANGE)) {
            g_propagate_error(error, why);
            return false;
        }
        g_error_free(why);
        allowance = MIN(cap, allowance * DECODE_STEP);
    }
}

/* Replaces the body, or what of it the request shows, by its decoded form. */
static bool
decode_body(HttpExchange *exchange, const char *coding, GError **error)
{
    HttpRequest *request = &exchange->request;
    Encoding encoding;
    if (!encoding_parse(coding, &encoding, error))
        return false;
    if (encoding == ENCODING_IDENTITY)
        return true;
    uint8_t *decoded;
    size_t size;
    if (!decode_charged(exchange, encoding, &decoded, &size, error))
        return false;
    g_free(exchange->body);
    exchange->body = decoded;
    request->body = decoded;
    request->body_size = size;
    return true;
}

/* Shows the one message of a gRPC request as the body. */
static bool
open_message(HttpExchange *exchange, GrpcKind kind, GError **error)
{
    HttpRequest *request = &exchange->request;
    GrpcMessage message;
    if (!grpc_read_message(kind, exchange->body, request->body_size, &message, error))
        return false;
    request->body = message.data;
    request->body_size = message.size;
    return !message.is_compressed ||
           decode_body(exchange, http_request_header(request, "grpc-encoding"), error);
}

static bool
prepare_body(HttpExchange *exchange, GError **error)
{
    const HttpRequest *request = &exchange->request;
    GrpcKind kind = grpc_kind(request);
    if (exchange->spool != NULL)
        return spool_check(exchange->spool, error);
    if (kind != GRPC_NONE)
        return open_message(exchange, kind, error);
    if ((request->route->flags & HTTP_RAW_BODY) != 0 || request->route->body == HTTP_BODY_NONE)
        return true;
    return decode_body(exchange, http_request_header(request, "Content-Encoding"), error);
}

void
receive_handle(void *data, void *user_data)
{
    HttpServer *server = user_data;
    HttpExchange *exchange = data;
    HttpRequest *request = &exchange->request;
    g_autoptr(GError) error = NULL;
    if (g_atomic_int_get(&exchange->state) != EXCHANGE_HANDLING) {
        exchange_unref(exchange); /* answered while it waited: its deadline passed */
        return;
    }
    if (prepare_body(exchange, &error)) {
        request->route->handler(request, server->config.app);
        return;
    }
    HttpResponse *response =
        g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_OUT_OF_RANGE)
            ? http_response_error(MHD_HTTP_CONTENT_TOO_LARGE, "invalid_argument", error->message)
            : http_response_from_error(error);
    http_reply(request, response);
}

bool
receive_can_answer_now(const HttpExchange *exchange)
{
    const char *expect = http_request_header(&exchange->request, "Expect");
    return content_length(exchange) > DISCARD_BYTES_MAX || expect != NULL;
}
