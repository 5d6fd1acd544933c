/* What the parts of server/http share. */
#pragma once
#include <microhttpd.h>

#include "server/http/exchange.h"
#include "server/http/router.h"
#include "server/http/server.h"
#include "server/http/tls.h"

/* What an event of the loop is about: behind epoll_event.data.ptr. */
typedef enum {
    LOOP_WAKE,
    LOOP_DAEMON,
    LOOP_LISTENER,
    LOOP_GREETING,
    LOOP_HTTP1,
    LOOP_HTTP2,
    LOOP_PUMP_CLIENT,
    LOOP_PUMP_INNER,
} LoopKind;
typedef struct {
    LoopKind kind;
    int fd;
} LoopSource;

struct HttpServer {
    HttpConfig config;
    HttpRouter *router;
    TlsFiles *tls;             /* NULL: clear text */
    struct MHD_Daemon *daemon; /* HTTP/1.1 */
    int epoll_fd;
    LoopSource wake, daemon_events, listener; /* a listener of -1: closed */
    bool is_accept_paused;
    GQueue greetings;         /* connections not told apart yet, by their link; loop thread only */
    GQueue http1;             /* connections of HTTP/1.1, by their link; loop thread only */
    GQueue http1_ending;      /* those whose socket has ended, by ending_link */
    bool is_http1_end_due;    /* libmicrohttpd is to see that end */
    GQueue http2;             /* connections of HTTP/2, by their link; loop thread only */
    GQueue pumps;             /* TLS around HTTP/1.1, by their link; loop thread only */
    GQueue pumps_ended;       /* to be freed when no event can be about them any more */
    GHashTable *http2_per_ip; /* address -> number of them */
    char *address;
    GThread *loop;
    GThreadPool *pools[HTTP_SCOPES];
    GThreadPool *spooler;  /* writes bodies to files, in order */
    GAsyncQueue *answered; /* HttpExchange to resume, one reference each */
    GAsyncQueue *written;  /* HttpExchange with a piece of body written, one reference each */
    GQueue suspended;      /* HttpExchange by their link; loop thread only */
    unsigned n_deadlines;  /* suspended ones that have a deadline */
    int64_t ticked_us;
    gint connections; /* of any kind */
    gint in_flight;   /* requests begun and not over */
    gint draining;    /* 0 serving, 1 draining */
    int64_t drain_until_us;
    bool cut_off;
    gsize body_bytes;             /* atomic */
    gsize refused[HTTP_REFUSALS]; /* atomic; by HttpRefusal */
};

/* Makes the loop look at its queues. From any thread. */
void server_wake(HttpServer *server);
/* Suspends an exchange until it is resumed by an answer or, of HTTP/1.1, by written pieces. */
void server_suspend(HttpExchange *exchange);
/* Gives a complete request to a worker. */
void server_dispatch(HttpExchange *exchange);

/* Whether the process may take `size` bytes more: memory_check, counted. */
bool server_check_memory(HttpServer *server, size_t size, GError **error);
/* Takes `size` bytes of the body memory that all requests share. UNAVAILABLE when it, or the memory
 * of the process, is used up. */
bool server_charge(HttpServer *server, size_t size, GError **error);
void server_uncharge(HttpServer *server, size_t size);
/* Counts what a client was cut off for. */
void server_count_refusal(HttpServer *server, HttpRefusal why);
