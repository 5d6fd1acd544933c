#include "server/http/accept.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/http/http1.h"
#include "server/http/http2.h"
#include "server/http/pump.h"

/* Of one turn of the loop, so that others have theirs. */
#define ACCEPTS_AT_ONCE 64

static const char PREFACE[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
enum { PREFACE_BYTES = sizeof PREFACE - 1 };

/* The type of a record that begins a handshake (RFC 8446, 5.1). */
#define TLS_HANDSHAKE 22
/* For who speaks in clear text where TLS is asked for. */
static const char NO_TLS[] =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n"
    "\r\nthis port speaks HTTPS\n";

/* A connection that is not told apart yet. */
typedef struct {
    LoopSource source; /* first */
    TlsSession *tls;   /* in its handshake; or NULL */
    GList link;        /* in the server's list of them, the oldest first */
    int64_t accepted_us;
    struct sockaddr_storage address;
    socklen_t address_size;
} Greeting;

/* Forgets the greeting; the socket stays open, and its session as well. */
static int
release_socket(HttpServer *server, Greeting *greeting)
{
    int fd = greeting->source.fd;
    (void)epoll_ctl(server->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    g_queue_unlink(&server->greetings, &greeting->link);
    g_free(greeting);
    return fd;
}

static void
drop_greeting(HttpServer *server, Greeting *greeting)
{
    tls_session_free(greeting->tls);
    close(release_socket(server, greeting));
    g_atomic_int_add(&server->connections, -1);
}

static void
add_greeting(HttpServer *server, int fd, const struct sockaddr_storage *address, socklen_t size)
{
    Greeting *greeting = g_new0(Greeting, 1);
    greeting->source = (LoopSource){LOOP_GREETING, fd};
    greeting->link.data = greeting;
    greeting->accepted_us = g_get_monotonic_time();
    greeting->address = *address;
    greeting->address_size = size;
    g_atomic_int_inc(&server->connections);
    g_queue_push_tail_link(&server->greetings, &greeting->link);
    /* Edge-triggered: a part of the preface is looked at again when more comes. */
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET |
                                          (server->tls != NULL ? (uint32_t)EPOLLOUT : 0),
                                .data.ptr = greeting};
    if (epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        drop_greeting(server, greeting);
}

static void
pause_accepting(HttpServer *server)
{
    if (server->is_accept_paused)
        return;
    server->is_accept_paused = true;
    (void)epoll_ctl(server->epoll_fd, EPOLL_CTL_DEL, server->listener.fd, NULL);
}

static bool
is_full(const HttpServer *server)
{
    return g_atomic_int_get(&server->connections) >= server->config.connections_max;
}

void
accept_ready(HttpServer *server)
{
    for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
        if (is_full(server)) {
            pause_accepting(server);
            return;
        }
        struct sockaddr_storage address;
        socklen_t size = sizeof address;
        int fd = accept4(server->listener.fd, (struct sockaddr *)&address, &size,
                         SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            int yes = 1;
            (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
            add_greeting(server, fd, &address, size);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            pause_accepting(server);
            return;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        }
    }
}

/* Tells the protocol by the first bytes. */
static void
greet_plainly(HttpServer *server, Greeting *greeting, const char *bytes, size_t size, bool is_all)
{
    bool may_be_http2 = memcmp(bytes, PREFACE, size) == 0;
    if (may_be_http2 && size < PREFACE_BYTES) {
        if (is_all)
            drop_greeting(server, greeting);
        return;
    }
    struct sockaddr_storage address = greeting->address;
    socklen_t address_size = greeting->address_size;
    int fd = release_socket(server, greeting);
    if (may_be_http2)
        http2_add(server, fd, NULL, &address);
    else
        http1_add(server, fd, (const struct sockaddr *)&address, address_size);
}

/* Says so to who speaks in clear text where TLS is asked for. */
static void
greet_in_vain(HttpServer *server, Greeting *greeting)
{
    char request[4096]; /* read, or closing the socket would take the answer back */
    ssize_t got = recv(greeting->source.fd, request, sizeof request, 0);
    ssize_t put = send(greeting->source.fd, NO_TLS, strlen(NO_TLS), MSG_NOSIGNAL);
    (void)got;
    (void)put;
    server_count_refusal(server, HTTP_REFUSED_PROTOCOL);
    drop_greeting(server, greeting);
}

/* Tells the protocol by what the handshake agrees upon. */
static void
greet_by_tls(HttpServer *server, Greeting *greeting)
{
    TlsSession *tls = greeting->tls;
    TlsState state = tls != NULL ? tls_handshake(tls) : TLS_FAILED;
    if (state == TLS_WAITING)
        return;
    if (state == TLS_FAILED) {
        server_count_refusal(server, HTTP_REFUSED_PROTOCOL);
        drop_greeting(server, greeting);
        return;
    }
    struct sockaddr_storage address = greeting->address;
    socklen_t address_size = greeting->address_size;
    int fd = release_socket(server, greeting);
    if (tls_is_http2(tls))
        http2_add(server, fd, tls, &address);
    else
        pump_add(server, fd, tls, &address, address_size);
}

void
accept_greeting(HttpServer *server, LoopSource *source, uint32_t events)
{
    Greeting *greeting = (Greeting *)source;
    char bytes[PREFACE_BYTES];
    if (greeting->tls != NULL) {
        greet_by_tls(server, greeting);
        return;
    }
    ssize_t n = recv(source->fd, bytes, sizeof bytes, MSG_PEEK);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        drop_greeting(server, greeting);
    } else if (server->tls == NULL) {
        greet_plainly(server, greeting, bytes, (size_t)n, (events & EPOLLRDHUP) != 0);
    } else if (bytes[0] != TLS_HANDSHAKE) {
        greet_in_vain(server, greeting);
    } else {
        greeting->tls = tls_session_new(server->tls, source->fd);
        greet_by_tls(server, greeting);
    }
}

void
accept_tick(HttpServer *server, int64_t now_us)
{
    Greeting *oldest;
    while ((oldest = g_queue_peek_head(&server->greetings)) != NULL &&
           now_us - oldest->accepted_us > server->config.idle_timeout_ns / 1000)
        drop_greeting(server, oldest);
    if (!server->is_accept_paused || server->listener.fd < 0 || is_full(server))
        return;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &server->listener};
    server->is_accept_paused =
        epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, server->listener.fd, &event) != 0;
}

void
accept_stop(HttpServer *server)
{
    if (server->listener.fd >= 0)
        close(server->listener.fd);
    server->listener.fd = -1;
    Greeting *greeting;
    while ((greeting = g_queue_peek_head(&server->greetings)) != NULL)
        drop_greeting(server, greeting);
}
