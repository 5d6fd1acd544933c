/* HTTP/1.1 by libmicrohttpd: its callbacks, on the loop thread. */
#include "server/http/http1.h"

#include "server/http/receive.h"

/* Bounds the header of a request, as in other servers; the body is read in pieces of about this
 * size. libmicrohttpd touches all of it, so that it is what an idle connection costs. */
#define CONNECTION_MEMORY_BYTES (8 * 1024)

static enum MHD_Result
read_header(void *data, enum MHD_ValueKind kind, const char *name, size_t name_size,
            const char *value, size_t value_size)
{
    HttpExchange *exchange = data;
    exchange_add_pair(exchange,
                      kind == MHD_GET_ARGUMENT_KIND ? exchange->params : exchange->headers, name,
                      name_size, value, value != NULL ? value_size : 0);
    return MHD_YES;
}

static HttpExchange *
begin(HttpServer *server, struct MHD_Connection *connection, const char *url, const char *method)
{
    HttpExchange *exchange = exchange_new(server, 1);
    exchange->connection = connection;
    exchange_set_line(exchange, method, url);
    MHD_get_connection_values_n(connection, MHD_GET_ARGUMENT_KIND, read_header, exchange);
    MHD_get_connection_values_n(connection, MHD_HEADER_KIND, read_header, exchange);
    g_atomic_int_inc(&server->in_flight);
    receive_head(exchange);
    return exchange;
}

static void
unref_bytes(void *data)
{
    g_bytes_unref(data);
}

/* Gives the stored response to libmicrohttpd. */
static enum MHD_Result
send_response(HttpExchange *exchange, bool close_connection)
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
    enum MHD_Result result =
        MHD_queue_response(exchange->connection, http_response_status(answer), response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result
on_request(void *data, struct MHD_Connection *connection, const char *url, const char *method,
           const char *version, const char *upload_data, size_t *upload_data_size, void **state)
{
    (void)version;
    HttpServer *server = data;
    HttpExchange *exchange = *state;
    if (exchange == NULL) {
        *state = exchange = begin(server, connection, url, method);
        if (exchange->response == NULL || !receive_can_answer_now(exchange))
            return MHD_YES;
    } else if (*upload_data_size > 0) {
        bool keep = receive_body(exchange, upload_data, *upload_data_size);
        *upload_data_size = 0;
        return keep ? MHD_YES : MHD_NO;
    } else if (g_atomic_int_get(&exchange->state) == EXCHANGE_READING) {
        MHD_suspend_connection(connection);
        receive_end(exchange);
        return MHD_YES;
    }
    receive_done(exchange);
    return send_response(exchange, g_atomic_int_get(&server->draining) != 0);
}

static void
on_completed(void *data, struct MHD_Connection *connection, void **state,
             enum MHD_RequestTerminationCode why)
{
    (void)connection;
    (void)why;
    HttpServer *server = data;
    HttpExchange *exchange = *state;
    if (exchange == NULL)
        return;
    *state = NULL;
    exchange->connection = NULL;
    g_atomic_int_add(&server->in_flight, -1);
    exchange_unref(exchange);
}

static void G_GNUC_PRINTF(2, 0) daemon_log(void *data, const char *format, va_list arguments)
{
    (void)data;
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    g_debug("%s", g_strchomp(text));
}

/* They are counted when they are accepted. */
static void
on_connection(void *data, struct MHD_Connection *connection, void **state,
              enum MHD_ConnectionNotificationCode code)
{
    (void)connection;
    (void)state;
    HttpServer *server = data;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED)
        g_atomic_int_add(&server->connections, -1);
}

struct MHD_Daemon *
http1_start(HttpServer *server)
{
    const HttpConfig *config = &server->config;
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | MHD_USE_NO_LISTEN_SOCKET, 0,
        NULL, NULL, on_request, server, MHD_OPTION_EXTERNAL_LOGGER, daemon_log, NULL,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, server, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY_BYTES,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)config->connections_max,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)config->connections_per_ip_max,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)MAX(config->idle_timeout_ns / 1000000000, 1),
        MHD_OPTION_END);
}

void
http1_add(HttpServer *server, int fd, const struct sockaddr *address, socklen_t address_size)
{
    /* It closes the socket when it does not take it. */
    if (MHD_add_connection(server->daemon, fd, address, address_size) != MHD_YES)
        g_atomic_int_add(&server->connections, -1);
}
