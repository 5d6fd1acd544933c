#include "server/http/http2.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "server/http/http2_allowances.h"
#include "server/http/http2_memory.h"
#include "server/http/http2_stream.h"
#include "server/http/receive.h"

#define STREAMS_MAX             100
#define STREAM_WINDOW_BYTES     (1024 * 1024)
#define CONNECTION_WINDOW_BYTES (8 * 1024 * 1024)
#define HEADER_LIST_BYTES       (64 * 1024)
#define READ_BYTES              (64 * 1024)
#define REST_US                 G_USEC_PER_SEC /* without a byte, before memory is given back */

typedef struct Http2Connection {
    LoopSource source; /* first */
    TlsSession *tls;   /* or NULL */
    HttpServer *server;
    nghttp2_session *session;
    GList link;     /* in the server's list */
    GQueue streams; /* Http2Stream by their link */
    char *ip;
    const uint8_t *output; /* nghttp2's, valid until it is asked for more */
    size_t output_size;
    int64_t active_us; /* when bytes last came or went */
    int64_t fed_us;    /* when they last came */
    int64_t frame_us;  /* when a frame last began or was complete */
    int64_t head_us;   /* when the head that is coming in began; 0: none is */
    Http2Allowances allowances;
    Http2Memory memory; /* of the session */
    bool wants_write, is_draining, is_resting;
} Connection;

static void
close_connection(Connection *connection)
{
    HttpServer *server = connection->server;
    Http2Stream *stream;
    while ((stream = g_queue_peek_head(&connection->streams)) != NULL) {
        g_queue_unlink(&connection->streams, &stream->link);
        http2_stream_free(stream);
    }
    nghttp2_session_del(connection->session);
    guint others = GPOINTER_TO_UINT(g_hash_table_lookup(server->http2_per_ip, connection->ip)) - 1;
    if (others == 0)
        g_hash_table_remove(server->http2_per_ip, connection->ip);
    else
        g_hash_table_insert(server->http2_per_ip, g_strdup(connection->ip),
                            GUINT_TO_POINTER(others));
    g_queue_unlink(&server->http2, &connection->link);
    g_atomic_int_add(&server->connections, -1);
    tls_session_free(connection->tls);
    close(connection->source.fd);
    g_free(connection->ip);
    g_free(connection);
}

/* Says goodbye with the reason; the connection closes when that is sent. */
static void
cut_off(Connection *connection, HttpRefusal why, uint32_t code)
{
    server_count_refusal(connection->server, why);
    nghttp2_session_terminate_session(connection->session, code);
}

/* ---- What nghttp2 calls. ---- */

static int
on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *data)
{
    Connection *connection = data;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    Http2Stream *stream =
        http2_stream_new(connection->server, connection, session, frame->hd.stream_id);
    g_queue_push_tail_link(&connection->streams, &stream->link);
    nghttp2_session_set_stream_user_data(session, stream->id, stream);
    return 0;
}

static int
on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
          size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags, void *data)
{
    (void)flags;
    Connection *connection = data;
    Http2Stream *stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    /* Trailers of a request say nothing that is used. */
    if (stream == NULL || stream->has_head || stream->is_refused)
        return 0;
    if (http2_stream_header(stream, (const char *)name, name_size, (const char *)value, value_size))
        return 0;
    stream->is_refused = true;
    server_count_refusal(connection->server, HTTP_REFUSED_HEADER);
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_ENHANCE_YOUR_CALM);
    return 0;
}

/* False when the client has used up what it may do of a frame's kind. */
static bool
check_allowances(Connection *connection, const nghttp2_frame *frame)
{
    HttpRefusal why;
    if (http2_allowances_take(&connection->allowances, frame, &why))
        return true;
    cut_off(connection, why, NGHTTP2_ENHANCE_YOUR_CALM);
    return false;
}

static int
on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *head, void *data)
{
    (void)session;
    Connection *connection = data;
    connection->frame_us = g_get_monotonic_time();
    if (head->type == NGHTTP2_HEADERS)
        connection->head_us = connection->frame_us;
    return 0;
}

static int
on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *data)
{
    Connection *connection = data;
    Http2Stream *stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    connection->frame_us = g_get_monotonic_time();
    if (frame->hd.type == NGHTTP2_HEADERS)
        connection->head_us = 0;
    if (!check_allowances(connection, frame))
        return 0;
    if (stream == NULL || stream->is_refused)
        return 0;
    bool is_head = frame->hd.type == NGHTTP2_HEADERS;
    if (is_head && !stream->has_head)
        http2_stream_head_done(stream);
    if ((is_head || frame->hd.type == NGHTTP2_DATA) && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        http2_stream_end(stream);
    return 0;
}

static int
on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes, size_t size,
        void *data)
{
    (void)flags;
    (void)data;
    Http2Stream *stream = nghttp2_session_get_stream_user_data(session, id);
    nghttp2_session_consume_connection(session, size);
    if (stream != NULL && !stream->is_refused)
        http2_stream_data(stream, bytes, size);
    else
        nghttp2_session_consume_stream(session, id, size);
    return 0;
}

/* nghttp2 itself ends a connection that breaks the protocol. */
static int
on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *data)
{
    (void)session;
    const Connection *connection = data;
    if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR &&
        frame->goaway.error_code != NGHTTP2_ENHANCE_YOUR_CALM)
        server_count_refusal(connection->server, HTTP_REFUSED_PROTOCOL);
    return 0;
}

static int
on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *data)
{
    (void)code;
    Connection *connection = data;
    Http2Stream *stream = nghttp2_session_get_stream_user_data(session, id);
    if (stream == NULL)
        return 0;
    nghttp2_session_set_stream_user_data(session, id, NULL);
    g_queue_unlink(&connection->streams, &stream->link);
    http2_stream_free(stream);
    return 0;
}

/* ---- The socket. ---- */

static bool
watch(Connection *connection, int operation)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP |
                                          (connection->wants_write ? (uint32_t)EPOLLOUT : 0),
                                .data.ptr = connection};
    return epoll_ctl(connection->server->epoll_fd, operation, connection->source.fd, &event) == 0;
}

/* Writes what nghttp2 has; false when the connection is to be closed. */
static bool
flush(Connection *connection)
{
    bool is_blocked = false;
    while (!is_blocked) {
        if (connection->output_size == 0) {
            ssize_t n = nghttp2_session_mem_send(connection->session, &connection->output);
            if (n <= 0) {
                if (n < 0)
                    return false;
                break;
            }
            connection->output_size = (size_t)n;
            connection->is_resting = false;
        }
        ssize_t put = tls_send(connection->tls, connection->source.fd, connection->output,
                               connection->output_size);
        if (put < 0 && errno == EINTR)
            continue;
        is_blocked = put < 0 && errno == EAGAIN;
        if (put < 0 && !is_blocked)
            return false;
        if (put > 0) {
            connection->output += put;
            connection->output_size -= (size_t)put;
            connection->active_us = g_get_monotonic_time();
        }
    }
    if (is_blocked != connection->wants_write) {
        connection->wants_write = is_blocked;
        return watch(connection, EPOLL_CTL_MOD);
    }
    return is_blocked || nghttp2_session_want_read(connection->session) ||
           nghttp2_session_want_write(connection->session);
}

static HttpRefusal
refusal_of(int nghttp2_error)
{
    switch (nghttp2_error) {
    case NGHTTP2_ERR_FLOODED:
        return HTTP_REFUSED_FLOOD;
    case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS:
        return HTTP_REFUSED_HEADER;
    default:
        return HTTP_REFUSED_PROTOCOL;
    }
}

/* False when the connection is to be closed. */
static bool
read_socket(Connection *connection)
{
    uint8_t bytes[READ_BYTES];
    ssize_t got = tls_recv(connection->tls, connection->source.fd, bytes, sizeof bytes);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (got <= 0)
        return false;
    connection->active_us = connection->fed_us = g_get_monotonic_time();
    ssize_t used = nghttp2_session_mem_recv(connection->session, bytes, (size_t)got);
    if (used >= 0)
        return true;
    g_debug("a connection of HTTP/2 is closed: %s", nghttp2_strerror((int)used));
    server_count_refusal(connection->server, refusal_of((int)used));
    return false;
}

void
http2_ready(HttpServer *server, LoopSource *source, uint32_t events)
{
    (void)server;
    Connection *connection = (Connection *)source;
    bool is_open =
        (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) == 0 || read_socket(connection);
    if (!is_open || !flush(connection))
        close_connection(connection);
}

/* NULL only without memory. */
static nghttp2_session *
make_session(Connection *connection)
{
    nghttp2_session *session = NULL;
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *option = NULL;
    if (nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&option) != 0) {
        nghttp2_session_callbacks_del(callbacks);
        return NULL;
    }
    /* A stream's window opens when its body has gone where it goes. */
    nghttp2_option_set_no_auto_window_update(option, 1);
    /* Nobody asks for the order of streams that are over. */
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_max_deflate_dynamic_table_size(option, 0);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_mem memory = http2_memory_functions(&connection->memory);
    int failed = nghttp2_session_server_new3(&session, callbacks, connection, option, &memory);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(option);
    if (failed != 0)
        return NULL;
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, STREAMS_MAX},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW_BYTES},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HEADER_LIST_BYTES},
    };
    nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, G_N_ELEMENTS(settings));
    nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW_BYTES);
    return session;
}

static char *
ip_text(const struct sockaddr_storage *address)
{
    char text[INET6_ADDRSTRLEN] = "";
    const void *bytes = address->ss_family == AF_INET6
                            ? (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr
                            : (const void *)&((const struct sockaddr_in *)address)->sin_addr;
    inet_ntop(address->ss_family, bytes, text, sizeof text);
    return g_strdup(text);
}

void
http2_add(HttpServer *server, int fd, TlsSession *tls, const struct sockaddr_storage *address)
{
    g_autofree char *ip = ip_text(address);
    guint same = GPOINTER_TO_UINT(g_hash_table_lookup(server->http2_per_ip, ip));
    int64_t same_max = server->config.connections_per_ip_max;
    Connection *connection = g_new0(Connection, 1);
    nghttp2_session *session = same_max > 0 && same >= same_max ? NULL : make_session(connection);
    if (session == NULL) {
        tls_session_free(tls);
        close(fd);
        g_free(connection);
        g_atomic_int_add(&server->connections, -1);
        return;
    }
    int64_t now_us = g_get_monotonic_time();
    *connection = (Connection){.source = {LOOP_HTTP2, fd},
                               .tls = tls,
                               .server = server,
                               .session = session,
                               .link.data = connection,
                               .ip = g_strdup(ip),
                               .memory = connection->memory,
                               .active_us = now_us,
                               .allowances = http2_allowances_full(now_us)};
    g_queue_push_tail_link(&server->http2, &connection->link);
    g_hash_table_insert(server->http2_per_ip, g_strdup(ip), GUINT_TO_POINTER(same + 1));
    if (!watch(connection, EPOLL_CTL_ADD) || !read_socket(connection) || !flush(connection))
        close_connection(connection);
}

/* ---- What the server's loop calls. ---- */

void
http2_answer(HttpExchange *exchange)
{
    Http2Stream *stream = exchange->stream;
    receive_done(exchange);
    if (stream == NULL) { /* it has ended while the handler worked */
        g_atomic_int_add(&exchange->server->in_flight, -1);
        exchange_unref(exchange);
        return;
    }
    Connection *connection = stream->connection;
    http2_stream_respond(stream);
    if (!flush(connection))
        close_connection(connection);
}

void
http2_consume(HttpExchange *exchange)
{
    if (exchange->stream == NULL)
        return;
    Connection *connection = exchange->stream->connection;
    http2_stream_consume(exchange->stream);
    if (!flush(connection))
        close_connection(connection);
}

static bool
is_stream_stalled(const Http2Stream *stream, int64_t now_us)
{
    const HttpExchange *exchange = stream->exchange;
    if (exchange->suspended || stream->is_refused)
        return false;
    if (!stream->is_answered)
        return receive_is_stalled(exchange, now_us);
    return send_is_stalled(exchange->server, stream->sent_us, 0, now_us) ||
           send_is_stalled(exchange->server, stream->answered_us, stream->sent, now_us);
}

static void
end_stalled_streams(Connection *connection, int64_t now_us)
{
    for (GList *link = connection->streams.head; link != NULL; link = link->next) {
        Http2Stream *stream = link->data;
        if (!is_stream_stalled(stream, now_us))
            continue;
        stream->is_refused = true;
        server_count_refusal(connection->server, HTTP_REFUSED_STALL);
        nghttp2_submit_rst_stream(connection->session, NGHTTP2_FLAG_NONE, stream->id,
                                  NGHTTP2_CANCEL);
    }
}

/* Whether a client takes nothing of what waits for it, or sends a head or a frame in drips. */
static bool
is_stalled(const Connection *connection, int64_t now_us, int64_t timeout_us)
{
    if (now_us - connection->active_us > timeout_us)
        return connection->output_size > 0;
    if (connection->head_us != 0 && now_us - connection->head_us > timeout_us)
        return true;
    return connection->fed_us > connection->frame_us && now_us - connection->fed_us < timeout_us &&
           now_us - connection->frame_us > 2 * timeout_us;
}

/* A connection that rests keeps no buffer for what it may send. */
static void
rest(Connection *connection, int64_t now_us)
{
    if (connection->is_resting || connection->output_size > 0 || connection->streams.length > 0 ||
        now_us - connection->active_us < REST_US)
        return;
    http2_memory_rest(&connection->memory);
    connection->is_resting = true;
}

void
http2_tick(HttpServer *server, int64_t now_us)
{
    int64_t timeout_us = server->config.idle_timeout_ns / 1000;
    for (GList *link = server->http2.head, *next; link != NULL; link = next) {
        next = link->next;
        Connection *connection = link->data;
        end_stalled_streams(connection, now_us);
        if (is_stalled(connection, now_us, timeout_us)) {
            server_count_refusal(server, HTTP_REFUSED_STALL);
            close_connection(connection);
            continue;
        }
        if (now_us - connection->active_us > timeout_us && connection->streams.length == 0)
            nghttp2_session_terminate_session(connection->session, NGHTTP2_NO_ERROR);
        if (!flush(connection))
            close_connection(connection);
        else
            rest(connection, now_us);
    }
}

void
http2_drain(HttpServer *server)
{
    for (GList *link = server->http2.head, *next; link != NULL; link = next) {
        next = link->next;
        Connection *connection = link->data;
        if (connection->is_draining)
            continue;
        connection->is_draining = true;
        nghttp2_submit_goaway(connection->session, NGHTTP2_FLAG_NONE,
                              nghttp2_session_get_last_proc_stream_id(connection->session),
                              NGHTTP2_NO_ERROR, NULL, 0);
        if (!flush(connection))
            close_connection(connection);
    }
}

bool
http2_has_output(const HttpServer *server)
{
    for (GList *link = server->http2.head; link != NULL; link = link->next) {
        if (((const Connection *)link->data)->output_size > 0)
            return true;
    }
    return false;
}

void
http2_stop(HttpServer *server)
{
    while (server->http2.head != NULL)
        close_connection(server->http2.head->data);
}
