#include "server/http/pump.h"

#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "server/http/http1.h"
#include "server/http/receive.h"

/* A record of TLS holds as much (RFC 8446, 5.1). */
#define PIECE_BYTES (16 * 1024)

/* What is on its way in one direction. */
typedef struct {
    uint8_t *data; /* NULL: nothing waits */
    size_t offset, size;
    bool has_ended; /* no more is to be read */
} Way;

typedef struct {
    LoopSource client, inner;
    TlsSession *tls;  /* NULL: it has ended */
    Way in, out;      /* from the client, to the client */
    int64_t since_us; /* when `out` last had nothing to send */
    uint64_t sent;    /* bytes since then */
    GList link;       /* in the server's list */
} Pump;

static Pump *
pump_of(LoopSource *source)
{
    size_t offset =
        source->kind == LOOP_PUMP_CLIENT ? offsetof(Pump, client) : offsetof(Pump, inner);
    return (Pump *)(void *)((char *)source - offset);
}

/* It is freed later: events of both its sockets may have come together. */
static void
pump_end(HttpServer *server, Pump *pump)
{
    g_queue_unlink(&server->pumps, &pump->link);
    g_queue_push_tail_link(&server->pumps_ended, &pump->link);
    tls_session_free(g_steal_pointer(&pump->tls));
    close(pump->client.fd);
    close(pump->inner.fd);
}

void
pump_free_ended(HttpServer *server)
{
    GList *link;
    while ((link = g_queue_pop_head_link(&server->pumps_ended)) != NULL) {
        Pump *pump = link->data;
        g_free(pump->in.data);
        g_free(pump->out.data);
        g_free(pump);
    }
}

typedef enum { MOVED, BLOCKED, BROKEN } Move;

/* What a read or a write of `result` bytes came to. */
static Move
move_of(ssize_t result)
{
    if (result >= 0)
        return MOVED;
    return errno == EAGAIN || errno == EINTR ? BLOCKED : BROKEN;
}

/* Keeps what was read. */
static Move
hold(Way *way, const uint8_t *data, ssize_t got)
{
    way->has_ended = got == 0;
    if (got > 0) {
        way->data = g_memdup2(data, (gsize)got);
        way->offset = 0;
        way->size = (size_t)got;
    }
    return move_of(got);
}

/* Forgets what was written. */
static Move
let_go(Way *way, ssize_t put)
{
    way->offset += put > 0 ? (size_t)put : 0;
    if (way->offset == way->size)
        g_clear_pointer(&way->data, g_free);
    return move_of(put);
}

/* A read or a write of what comes from the client. */
static Move
move_in(Pump *pump)
{
    uint8_t bytes[PIECE_BYTES];
    Way *in = &pump->in;
    if (in->data != NULL)
        return let_go(
            in, send(pump->inner.fd, in->data + in->offset, in->size - in->offset, MSG_NOSIGNAL));
    if (in->has_ended)
        return BLOCKED;
    Move move = hold(in, bytes, tls_recv(pump->tls, pump->client.fd, bytes, sizeof bytes));
    if (in->has_ended)
        (void)shutdown(pump->inner.fd, SHUT_WR);
    return move;
}

/* A read or a write of what goes to the client. */
static Move
move_out(Pump *pump)
{
    uint8_t bytes[PIECE_BYTES];
    Way *out = &pump->out;
    if (out->data == NULL) {
        Move move = hold(out, bytes, recv(pump->inner.fd, bytes, sizeof bytes, 0));
        if (move == BLOCKED) {
            pump->since_us = g_get_monotonic_time();
            pump->sent = 0;
        }
        return out->has_ended ? BROKEN : move;
    }
    ssize_t put =
        tls_send(pump->tls, pump->client.fd, out->data + out->offset, out->size - out->offset);
    pump->sent += put > 0 ? (uint64_t)put : 0;
    return let_go(out, put);
}

static bool
watch(HttpServer *server, LoopSource *source)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.ptr = source};
    return epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, source->fd, &event) == 0;
}

void
pump_ready(HttpServer *server, LoopSource *source)
{
    Pump *pump = pump_of(source);
    Move in = MOVED, out = MOVED;
    if (pump->tls == NULL)
        return;
    while (in != BROKEN && out != BROKEN && (in == MOVED || out == MOVED)) {
        in = move_in(pump);
        out = move_out(pump);
    }
    if (in == BROKEN || out == BROKEN)
        pump_end(server, pump);
}

void
pump_add(HttpServer *server, int fd, TlsSession *tls, const struct sockaddr_storage *address,
         socklen_t address_size)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) {
        tls_session_free(tls);
        close(fd);
        g_atomic_int_add(&server->connections, -1);
        return;
    }
    Pump *pump = g_new0(Pump, 1);
    pump->client = (LoopSource){LOOP_PUMP_CLIENT, fd};
    pump->inner = (LoopSource){LOOP_PUMP_INNER, pair[0]};
    pump->tls = tls;
    pump->since_us = g_get_monotonic_time();
    pump->link.data = pump;
    g_queue_push_tail_link(&server->pumps, &pump->link);
    http1_add(server, pair[1], (const struct sockaddr *)address, address_size);
    if (!watch(server, &pump->client) || !watch(server, &pump->inner))
        pump_end(server, pump);
}

void
pump_tick(HttpServer *server, int64_t now_us)
{
    for (GList *link = server->pumps.head, *next; link != NULL; link = next) {
        next = link->next;
        Pump *pump = link->data;
        if (pump->out.data == NULL || !send_is_stalled(server, pump->since_us, pump->sent, now_us))
            continue;
        server_count_refusal(server, HTTP_REFUSED_STALL);
        pump_end(server, pump);
    }
}

bool
pump_has_output(const HttpServer *server)
{
    for (const GList *link = server->pumps.head; link != NULL; link = link->next) {
        const Pump *pump = link->data;
        int waiting = 0;
        (void)ioctl(pump->inner.fd, FIONREAD, &waiting);
        if (waiting > 0 || pump->out.data != NULL)
            return true;
    }
    return false;
}

void
pump_stop(HttpServer *server)
{
    while (server->pumps.head != NULL)
        pump_end(server, server->pumps.head->data);
    pump_free_ended(server);
}
