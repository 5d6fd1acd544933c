#include "server/http/server.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/error.h"
#include "lib/base/memory.h"
#include "server/http/accept.h"
#include "server/http/encoding.h"
#include "server/http/grpc.h"
#include "server/http/http1.h"
#include "server/http/http2.h"
#include "server/http/listen.h"
#include "server/http/pump.h"
#include "server/http/receive.h"
#include "server/http/spool.h"

/* Smaller bodies do not get smaller on the wire by compression. */
#define COMPRESS_BYTES_MIN 1024
/* How often a loop with deadlines or a drain looks at the clock. */
#define TICK_MS 50
/* The same with connections whose time may run out. */
#define SLOW_TICK_MS   200
#define EVENTS_AT_ONCE 64
/* What a drain allows for writing the last answers. */
#define DRAIN_FLUSH_US (1 * G_USEC_PER_SEC)

bool
server_check_memory(HttpServer *server, size_t size, GError **error)
{
    if (memory_check(size, error))
        return true;
    server_count_refusal(server, HTTP_REFUSED_MEMORY);
    return false;
}

bool
server_charge(HttpServer *server, size_t size, GError **error)
{
    if (!server_check_memory(server, size, error))
        return false;
    gsize before = (gsize)g_atomic_pointer_add(&server->body_bytes, (gssize)size);
    if (before + size <= (gsize)server->config.body_memory_bytes)
        return true;
    server_uncharge(server, size);
    server_count_refusal(server, HTTP_REFUSED_MEMORY);
    return error_set(error, CRESSET_ERROR_UNAVAILABLE,
                     "too many request bytes are being handled: try again (limit "
                     "http-body-memory)");
}

void
server_uncharge(HttpServer *server, size_t size)
{
    g_atomic_pointer_add(&server->body_bytes, -(gssize)size);
}

void
server_wake(HttpServer *server)
{
    uint64_t one = 1;
    ssize_t written = write(server->wake.fd, &one, sizeof(one));
    (void)written; /* a full counter wakes as well */
}

/* Compresses the body when the client takes that and it pays. */
static void
compress_response(HttpExchange *exchange, HttpResponse *response)
{
    if (response->encoded || response->body == NULL ||
        g_bytes_get_size(response->body) < COMPRESS_BYTES_MIN)
        return;
    http_response_set_header(response, "Vary", "Accept-Encoding");
    GBytes *packed = encoding_encode(exchange->accepted, response->body);
    if (packed == NULL)
        return;
    g_bytes_unref(response->body);
    response->body = packed;
    http_response_set_header(response, "Content-Encoding", encoding_name(exchange->accepted));
}

void
http_reply(HttpRequest *request, HttpResponse *response)
{
    HttpExchange *exchange = (HttpExchange *)request;
    HttpServer *server = exchange->server;
    exchange_shape_response(request, response);
    compress_response(exchange, response);
    if (exchange_answer(exchange, EXCHANGE_HANDLING, response)) {
        g_async_queue_push(server->answered, exchange);
        server_wake(server);
    } else {
        exchange_unref(exchange);
    }
}

void
server_suspend(HttpExchange *exchange)
{
    HttpServer *server = exchange->server;
    exchange->suspended = true;
    g_queue_push_tail_link(&server->suspended, &exchange->link);
    if (exchange->request.deadline_us != 0)
        server->n_deadlines++;
}

void
server_dispatch(HttpExchange *exchange)
{
    g_thread_pool_push(exchange->server->pools[exchange->request.route->scope],
                       exchange_ref(exchange), NULL);
}

void
http_request_keep_file(HttpRequest *request)
{
    spool_keep(((HttpExchange *)request)->spool);
}

void
http_request_on_end(HttpRequest *request, GDestroyNotify end, void *data)
{
    HttpExchange *exchange = (HttpExchange *)request;
    exchange->on_end = end;
    exchange->end_data = data;
}

/* Resumes the connection of an answered exchange. Loop thread only. */
static void
loop_resume(HttpServer *server, HttpExchange *exchange)
{
    if (!exchange->suspended)
        return;
    exchange->suspended = false;
    g_queue_unlink(&server->suspended, &exchange->link);
    if (exchange->request.deadline_us != 0)
        server->n_deadlines--;
    if (exchange->connection != NULL)
        MHD_resume_connection(exchange->connection);
    else
        http2_answer(exchange);
}

static void
loop_resume_answered(HttpServer *server)
{
    HttpExchange *exchange;
    while ((exchange = g_async_queue_try_pop(server->answered)) != NULL) {
        loop_resume(server, exchange);
        exchange_unref(exchange);
    }
}

/* Lets clients go on whose last piece of body is in its file. */
static void
loop_resume_written(HttpServer *server)
{
    HttpExchange *exchange;
    while ((exchange = g_async_queue_try_pop(server->written)) != NULL) {
        if (spool_written(exchange)) {
            if (exchange->connection != NULL)
                loop_resume(server, exchange);
            else
                http2_consume(exchange);
        }
        exchange_unref(exchange);
    }
}

/* Answers suspended requests itself: those past their deadline, or all of them at the end of a
 * drain. */
static void
loop_answer_overdue(HttpServer *server, int64_t now_us, bool all)
{
    for (GList *link = server->suspended.head, *next; link != NULL; link = next) {
        next = link->next;
        HttpExchange *exchange = link->data;
        bool overdue =
            exchange->request.deadline_us != 0 && exchange->request.deadline_us <= now_us;
        if (!all && !overdue)
            continue;
        HttpResponse *response =
            overdue ? http_response_error(MHD_HTTP_GATEWAY_TIMEOUT, "deadline_exceeded",
                                          "the deadline of the request passed")
                    : http_response_error(MHD_HTTP_SERVICE_UNAVAILABLE, "unavailable",
                                          "the server is shutting down");
        exchange_shape_response(&exchange->request, response);
        if (exchange_answer(exchange, EXCHANGE_HANDLING, response))
            loop_resume(server, exchange);
    }
}

/* Milliseconds until the loop has to look again without being woken; -1 for never. */
static int
loop_timeout(HttpServer *server)
{
    MHD_UNSIGNED_LONG_LONG timeout_ms;
    int timeout = -1;
    if (MHD_get_timeout(server->daemon, &timeout_ms) == MHD_YES)
        timeout = (int)MIN(timeout_ms, G_MAXINT);
    if (server->n_deadlines > 0 || g_atomic_int_get(&server->draining) != 0)
        return timeout < 0 ? TICK_MS : MIN(timeout, TICK_MS);
    bool ticks = server->http1.length > 0 || server->http2.length > 0 || server->pumps.length > 0 ||
                 server->greetings.length > 0 || server->is_accept_paused;
    return ticks && (timeout < 0 || timeout > SLOW_TICK_MS) ? SLOW_TICK_MS : timeout;
}

static void
loop_handle(HttpServer *server, const struct epoll_event *event)
{
    LoopSource *source = event->data.ptr;
    uint64_t count;
    switch (source->kind) {
    case LOOP_WAKE: {
        ssize_t got = read(source->fd, &count, sizeof(count));
        (void)got;
        break;
    }
    case LOOP_DAEMON: /* MHD_run looks */
        break;
    case LOOP_LISTENER:
        accept_ready(server);
        break;
    case LOOP_GREETING:
        accept_greeting(server, source, event->events);
        break;
    case LOOP_HTTP1:
        http1_ended(server, source);
        break;
    case LOOP_HTTP2:
        http2_ready(server, source, event->events);
        break;
    case LOOP_PUMP_CLIENT:
    case LOOP_PUMP_INNER:
        pump_ready(server, source);
        break;
    }
}

static void
loop_wait(HttpServer *server)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    int n = epoll_wait(server->epoll_fd, events, G_N_ELEMENTS(events), loop_timeout(server));
    for (int i = 0; i < n; i++)
        loop_handle(server, &events[i]);
    pump_free_ended(server);
}

static void
loop_tick(HttpServer *server)
{
    int64_t now_us = g_get_monotonic_time();
    if (server->n_deadlines > 0)
        loop_answer_overdue(server, now_us, false);
    if (now_us - server->ticked_us < SLOW_TICK_MS * 1000)
        return;
    server->ticked_us = now_us;
    accept_tick(server, now_us);
    http1_tick(server, now_us);
    http2_tick(server, now_us);
    pump_tick(server, now_us);
}

/* One turn of a loop that drains; false when it is over. */
static bool
loop_drain(HttpServer *server)
{
    int64_t now_us = g_get_monotonic_time();
    accept_stop(server);
    http2_drain(server);
    if (g_atomic_int_get(&server->in_flight) == 0 && !http2_has_output(server) &&
        !pump_has_output(server))
        return false;
    if (now_us < server->drain_until_us)
        return true;
    server->cut_off = true;
    loop_answer_overdue(server, now_us, true);
    return server->suspended.length > 0 || now_us < server->drain_until_us + DRAIN_FLUSH_US;
}

static void *
loop_run(void *data)
{
    HttpServer *server = data;
    for (;;) {
        loop_wait(server);
        loop_resume_answered(server);
        loop_resume_written(server);
        loop_tick(server);
        MHD_run(server->daemon);
        http1_run(server);
        if (g_atomic_int_get(&server->draining) != 0 && !loop_drain(server))
            break;
    }
    http2_stop(server);
    MHD_stop_daemon(server->daemon);
    pump_stop(server);
    server->daemon = NULL;
    return NULL;
}

static bool
watch(HttpServer *server, LoopSource *source, GError **error)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = source};
    return epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, source->fd, &event) == 0 ||
           error_set_errno(error, errno, "epoll_ctl");
}

static bool
server_start_daemon(HttpServer *server, GError **error)
{
    server->daemon = http1_start(server);
    if (server->daemon == NULL)
        return error_set(error, CRESSET_ERROR_INTERNAL, "cannot start the HTTP daemon");
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    server->daemon_events = (LoopSource){LOOP_DAEMON, info->epoll_fd};
    return watch(server, &server->daemon_events, error) && watch(server, &server->wake, error) &&
           watch(server, &server->listener, error);
}

HttpServer *
http_server_new(const HttpConfig *config, GError **error)
{
    g_autoptr(HttpServer) server = g_new0(HttpServer, 1);
    server->config = *config;
    server->listener = (LoopSource){LOOP_LISTENER, -1};
    server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    server->wake = (LoopSource){LOOP_WAKE, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    server->http2_per_ip = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    server->answered = g_async_queue_new();
    server->written = g_async_queue_new();
    server->router = http_router_new(config->routes, config->n_routes);
    g_queue_init(&server->suspended);
    g_queue_init(&server->greetings);
    g_queue_init(&server->http1);
    g_queue_init(&server->http1_ending);
    g_queue_init(&server->http2);
    g_queue_init(&server->pumps);
    g_queue_init(&server->pumps_ended);
    if (server->epoll_fd < 0 || server->wake.fd < 0) {
        error_set_errno(error, errno, "cannot create the event loop");
        return NULL;
    }
    if (config->tls_certificate != NULL) {
        server->tls =
            tls_files_new(config->tls_certificate, config->tls_key, config->tls_notice, error);
        if (server->tls == NULL)
            return NULL;
    }
    if (config->spool_dir != NULL && !spool_dir_open(config->spool_dir, error))
        return NULL;
    server->listener.fd = listen_on(config->listen, &server->address, error);
    return server->listener.fd >= 0 ? g_steal_pointer(&server) : NULL;
}

bool
http_server_start(HttpServer *server, GError **error)
{
    int workers = (int)MAX(server->config.workers, 1);
    const int threads[HTTP_SCOPES] = {
        [HTTP_PUBLIC] = 1, [HTTP_READ] = workers, [HTTP_WRITE] = workers};
    for (int scope = 0; scope < HTTP_SCOPES; scope++) {
        server->pools[scope] =
            g_thread_pool_new(receive_handle, server, threads[scope], FALSE, error);
        if (server->pools[scope] == NULL)
            return false;
    }
    server->spooler = g_thread_pool_new(spool_write, server, 1, FALSE, error);
    if (server->spooler == NULL || !server_start_daemon(server, error))
        return false;
    server->loop = g_thread_try_new("http", loop_run, server, error);
    return server->loop != NULL;
}

const char *
http_server_address(const HttpServer *server)
{
    return server->address;
}

bool
http_server_drain(HttpServer *server, int64_t timeout_ns)
{
    if (server->loop != NULL) {
        server->drain_until_us = g_get_monotonic_time() + timeout_ns / 1000;
        g_atomic_int_set(&server->draining, 1);
        server_wake(server);
        g_thread_join(g_steal_pointer(&server->loop));
    }
    if (server->spooler != NULL)
        g_thread_pool_free(g_steal_pointer(&server->spooler), FALSE, TRUE);
    for (int scope = 0; scope < HTTP_SCOPES; scope++) {
        if (server->pools[scope] != NULL)
            g_thread_pool_free(g_steal_pointer(&server->pools[scope]), FALSE, TRUE);
    }
    return !server->cut_off;
}

void
http_server_free(HttpServer *server)
{
    if (server == NULL)
        return;
    http_server_drain(server, 0);
    HttpExchange *exchange;
    GAsyncQueue *queues[] = {server->answered, server->written};
    for (size_t i = 0; i < G_N_ELEMENTS(queues); i++) {
        while ((exchange = g_async_queue_try_pop(queues[i])) != NULL)
            exchange_unref(exchange);
        g_async_queue_unref(queues[i]);
    }
    if (server->daemon != NULL)
        MHD_stop_daemon(server->daemon);
    const int fds[] = {server->listener.fd, server->epoll_fd, server->wake.fd};
    for (size_t i = 0; i < G_N_ELEMENTS(fds); i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
    http_router_free(server->router);
    g_hash_table_unref(server->http2_per_ip);
    tls_files_free(server->tls);
    g_free(server->address);
    g_free(server);
}

unsigned
http_server_connections(const HttpServer *server)
{
    return (unsigned)g_atomic_int_get(&server->connections);
}

unsigned
http_server_in_flight(const HttpServer *server)
{
    return (unsigned)g_atomic_int_get(&server->in_flight);
}

int64_t
http_server_body_bytes(const HttpServer *server)
{
    return (int64_t)__atomic_load_n(&server->body_bytes, __ATOMIC_SEQ_CST);
}

void
server_count_refusal(HttpServer *server, HttpRefusal why)
{
    g_atomic_pointer_add(&server->refused[why], 1);
}

uint64_t
http_server_refused(const HttpServer *server, HttpRefusal why)
{
    return (uint64_t)__atomic_load_n(&server->refused[why], __ATOMIC_SEQ_CST);
}
