/* HTTP/1.1 by libmicrohttpd: its callbacks, on the loop thread. */
#include "server/http/http1.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "server/http/header.h"
#include "server/http/line_ends.h"
#include "server/http/receive.h"
#include "server/http/spool.h"

typedef struct {
    LoopSource source; /* first */
    GList link, ending_link;
    HttpExchange *exchange; /* between a whole head and the end of the answer; else NULL */
    int64_t rested_us;      /* when the connection began, or the last request was over */
    int64_t answered_us;    /* when the answer began to go out; 0: it has not */
    uint64_t acked;         /* bytes of the connection that the client had by then */
    bool is_ending;         /* in the list of those */
} Http1Connection;

static Http1Connection *
connection_of(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/* Bytes that the other side of a TCP connection has acknowledged; false for other sockets. */
static bool
acked_bytes(int fd, uint64_t *ret_acked)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0)
        return false;
    *ret_acked = info.tcpi_bytes_acked;
    return true;
}

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
    connection_of(connection)->exchange = exchange;
    return exchange;
}

/* Where the body ends must be beyond doubt: who reads the request before us may see it elsewhere
 * and take the rest for a request of its own (RFC 9112, sections 5.1, 6.1 and 6.3). What is wrong,
 * or NULL. */
static const char *
find_ambiguity(const HttpExchange *exchange, const char *version)
{
    const char *coding = NULL;
    unsigned n_lengths = 0, n_codings = 0;
    for (guint i = 0; i < exchange->headers->len; i++) {
        const HttpPair *header = &g_array_index(exchange->headers, HttpPair, i);
        if (!header_is_name(header->name))
            return "the name of a header field is not valid";
        if (g_ascii_strcasecmp(header->name, "Content-Length") == 0)
            n_lengths++;
        if (g_ascii_strcasecmp(header->name, "Transfer-Encoding") != 0)
            continue;
        coding = header->value;
        n_codings++;
    }
    if (n_lengths > 1)
        return "Content-Length is there more than once";
    if (n_codings == 0)
        return NULL;
    if (n_codings > 1 || g_ascii_strcasecmp(coding, "chunked") != 0)
        return "Transfer-Encoding must be chunked";
    if (n_lengths > 0)
        return "Content-Length and Transfer-Encoding exclude each other";
    return strcmp(version, MHD_HTTP_VERSION_1_1) != 0 ? "Transfer-Encoding needs HTTP/1.1" : NULL;
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
    Http1Connection *own = connection_of(exchange->connection);
    own->answered_us = g_get_monotonic_time();
    (void)acked_bytes(own->source.fd, &own->acked);
    enum MHD_Result result =
        MHD_queue_response(exchange->connection, http_response_status(answer), response);
    MHD_destroy_response(response);
    return result;
}

/* libmicrohttpd takes an LF alone for the end of a chunk's line, and a CR for a part of it, so that
 * another reader may see the end of the body elsewhere: nothing behind it is read. */
static bool
is_chunked(const HttpExchange *exchange)
{
    return http_request_header(&exchange->request, MHD_HTTP_HEADER_TRANSFER_ENCODING) != NULL;
}

static enum MHD_Result
on_request(void *data, struct MHD_Connection *connection, const char *url, const char *method,
           const char *version, const char *upload_data, size_t *upload_data_size, void **state)
{
    HttpServer *server = data;
    HttpExchange *exchange = *state;
    if (exchange == NULL) {
        *state = exchange = begin(server, connection, url, method);
        const char *wrong = line_ends_are_strict(connection, method, version)
                                ? find_ambiguity(exchange, version)
                                : "each line of the head must end with CR LF";
        if (wrong != NULL) {
            server_count_refusal(server, HTTP_REFUSED_PROTOCOL);
            receive_refuse_head(exchange, wrong);
            receive_done(exchange);
            return send_response(exchange, true);
        }
        receive_head(exchange);
        if (exchange->response == NULL || !receive_can_answer_now(exchange))
            return MHD_YES;
    } else if (*upload_data_size > 0) {
        bool keep = receive_body(exchange, upload_data, *upload_data_size);
        *upload_data_size = 0;
        /* What is in its buffer already comes in spite of that, when it is chunked. */
        if (spool_is_writing(exchange->spool) && !exchange->suspended) {
            MHD_suspend_connection(connection);
            server_suspend(exchange);
        }
        return keep ? MHD_YES : MHD_NO;
    } else if (g_atomic_int_get(&exchange->state) == EXCHANGE_READING) {
        MHD_suspend_connection(connection);
        receive_end(exchange);
        return MHD_YES;
    }
    receive_done(exchange);
    return send_response(exchange,
                         is_chunked(exchange) || g_atomic_int_get(&server->draining) != 0);
}

static void
on_completed(void *data, struct MHD_Connection *connection, void **state,
             enum MHD_RequestTerminationCode why)
{
    HttpServer *server = data;
    HttpExchange *exchange = *state;
    if (exchange == NULL)
        return;
    if (why == MHD_REQUEST_TERMINATED_TIMEOUT_REACHED)
        server_count_refusal(server, HTTP_REFUSED_STALL);
    Http1Connection *own = connection_of(connection);
    own->exchange = NULL;
    own->answered_us = 0;
    own->rested_us = g_get_monotonic_time();
    *state = NULL;
    exchange->connection = NULL;
    g_atomic_int_add(&server->in_flight, -1);
    exchange_unref(exchange);
}

/* What libmicrohttpd cannot read it answers itself, and says so nowhere but here. */
static void G_GNUC_PRINTF(2, 0) daemon_log(void *data, const char *format, va_list arguments)
{
    static const char refusal[] = "Error processing request (HTTP response code is ";
    HttpServer *server = data;
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    if (g_str_has_prefix(text, refusal)) {
        gint64 status = g_ascii_strtoll(text + strlen(refusal), NULL, 10);
        server_count_refusal(server, status == MHD_HTTP_BAD_REQUEST ? HTTP_REFUSED_PROTOCOL
                                                                    : HTTP_REFUSED_HEADER);
    }
    g_debug("%s", g_strchomp(text));
}

static void
add_connection(HttpServer *server, struct MHD_Connection *connection, void **ret_own)
{
    int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    Http1Connection *own = g_new0(Http1Connection, 1);
    own->source = (LoopSource){LOOP_HTTP1, fd};
    own->link.data = own->ending_link.data = own;
    own->rested_us = g_get_monotonic_time();
    g_queue_push_tail_link(&server->http1, &own->link);
    g_atomic_int_inc(&server->connections);
    struct epoll_event event = {.events = EPOLLRDHUP | EPOLLET, .data.ptr = own};
    if (epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        g_debug("the end of a connection may be seen late: %s", g_strerror(errno));
    *ret_own = own;
}

static void
remove_connection(HttpServer *server, Http1Connection *own)
{
    g_queue_unlink(&server->http1, &own->link);
    if (own->is_ending)
        g_queue_unlink(&server->http1_ending, &own->ending_link);
    (void)epoll_ctl(server->epoll_fd, EPOLL_CTL_DEL, own->source.fd, NULL);
    g_atomic_int_add(&server->connections, -1);
    g_free(own);
}

static void
on_connection(void *data, struct MHD_Connection *connection, void **state,
              enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        add_connection(data, connection, state);
    else
        remove_connection(data, *state);
}

struct MHD_Daemon *
http1_start(HttpServer *server)
{
    const HttpConfig *config = &server->config;
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | MHD_USE_NO_LISTEN_SOCKET, 0,
        NULL, NULL, on_request, server, MHD_OPTION_EXTERNAL_LOGGER, daemon_log, server,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, server, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)config->header_memory_bytes, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)config->connections_max, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        (unsigned)config->connections_per_ip_max, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)MAX(config->idle_timeout_ns / 1000000000, 1),
        MHD_OPTION_END);
}

void
http1_add(HttpServer *server, int fd, const struct sockaddr *address, socklen_t address_size)
{
    /* Counted again when it is taken; the socket is closed when it is not. */
    g_atomic_int_add(&server->connections, -1);
    (void)MHD_add_connection(server->daemon, fd, address, address_size);
}

/* ---- Ends. ---- */

/* Once per connection: the shutdown that follows is an end of its own. */
static void
end_soon(HttpServer *server, Http1Connection *own)
{
    if (own->is_ending)
        return;
    g_queue_push_tail_link(&server->http1_ending, &own->ending_link);
    own->is_ending = true;
    server->is_http1_end_due = true;
}

void
http1_ended(HttpServer *server, LoopSource *source)
{
    end_soon(server, (Http1Connection *)source);
}

/* libmicrohttpd waits for the next edge once it has read less than it has room for, and so misses
 * an end that arrived together with those bytes. To shut the reading side down makes another edge;
 * what has arrived can still be read. */
void
http1_run(HttpServer *server)
{
    if (!server->is_http1_end_due)
        return;
    server->is_http1_end_due = false;
    for (GList *link = server->http1_ending.head; link != NULL; link = link->next)
        (void)shutdown(((const Http1Connection *)link->data)->source.fd, SHUT_RD);
}

/* Idle connections are libmicrohttpd's to close, which takes every byte for progress: who has sent
 * no whole head in twice the idle timeout has sent it in drips. */
static bool
is_stalled(const HttpServer *server, const Http1Connection *own, int64_t now_us)
{
    if (own->exchange == NULL)
        return now_us - own->rested_us > 2 * (server->config.idle_timeout_ns / 1000);
    if (own->exchange->suspended)
        return false;
    uint64_t acked = 0;
    if (own->answered_us == 0)
        return receive_is_stalled(own->exchange, now_us);
    return acked_bytes(own->source.fd, &acked) &&
           send_is_stalled(server, own->answered_us, acked - own->acked, now_us);
}

void
http1_tick(HttpServer *server, int64_t now_us)
{
    for (GList *link = server->http1.head; link != NULL; link = link->next) {
        Http1Connection *own = link->data;
        if (own->is_ending || !is_stalled(server, own, now_us))
            continue;
        server_count_refusal(server, HTTP_REFUSED_STALL);
        (void)shutdown(own->source.fd, SHUT_WR);
        end_soon(server, own);
    }
    /* Once more, should the edge have been missed behind bytes that waited. */
    server->is_http1_end_due = server->http1_ending.length > 0;
}
