/* The HTTP server: one port, one event loop, worker threads, a static route table. HTTP/1.1, and
 * HTTP/2, in clear text told apart by their first bytes (prior knowledge), in TLS by ALPN.
 *
 * libmicrohttpd runs in external epoll mode, driven by one loop thread of ours: its internal epoll
 * thread can stall when exactly 128 sockets are ready at once. nghttp2 runs on the same loop. A
 * request is collected under its route's cap and a worker calls the handler; http_reply() wakes the
 * loop through an eventfd, which sends the response. Public, reading and writing routes have worker
 * threads of their own. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/base/reloaded_file.h"
#include "server/http/message.h"
#include "server/tenant/auth.h"
#include "server/tenant/tenant.h"

typedef struct HttpServer HttpServer;

/* What happened to a request, told once per request on the loop thread. */
typedef struct {
    const HttpRequest *request; /* route is NULL when none was found */
    const HttpResponse *response;
    size_t received_bytes, sent_bytes; /* bodies as they travelled */
    int64_t duration_us;
} HttpDone;

typedef struct {
    const char *listen;                    /* "ADDR:PORT", "[ADDR]:PORT"; port 0 takes a free one */
    const char *tls_certificate, *tls_key; /* PEM files; NULL: clear text */
    ReloadedFileNotice tls_notice;         /* when they have been read again; may be NULL */
    int64_t connections_max, connections_per_ip_max; /* per ip: 0 is no limit */
    /* Of each connection of HTTP/1.1. Bounds the head of a request; the body is read in pieces of
     * about this size. libmicrohttpd touches all of it, so that an idle connection costs as much.
     */
    int64_t header_memory_bytes;
    int64_t idle_timeout_ns;
    int64_t workers; /* threads for reads, and as many for writes */
    struct {
        int64_t bytes;
        const char *knob; /* the option that moves it */
    } body_caps[HTTP_BODIES];
    int64_t body_memory_bytes; /* of all requests together */
    const char *spool_dir;     /* of the files of HTTP_BODY_FILE, created when needed */
    TenantMode tenant_mode;
    TenantAuth *auth; /* NULL: no tokens are asked for */
    const HttpRoute *routes;
    size_t n_routes;
    void (*on_done)(const HttpDone *done, void *app); /* may be NULL */
    void *app;                                        /* for handlers and on_done */
} HttpConfig;

/* Binds and listens, without answering yet. UNAVAILABLE when the address is taken,
 * INVALID_ARGUMENT when it makes no sense. Strings of `config` must outlive the server. */
HttpServer *http_server_new(const HttpConfig *config, GError **error);
/* Starts the loop and the workers. */
bool http_server_start(HttpServer *server, GError **error);
/* "127.0.0.1:4040", with the port that was really taken. */
const char *http_server_address(const HttpServer *server);

/* Stops accepting, lets requests under way finish for at most `timeout_ns`, answers the rest with
 * 503 and joins all threads. False when some had to be cut off. */
bool http_server_drain(HttpServer *server, int64_t timeout_ns);
/* After http_server_drain, when no handler can reply any more; NULL is allowed. */
void http_server_free(HttpServer *server);

/* For gauges: open connections, requests being handled, bytes of bodies held. */
unsigned http_server_connections(const HttpServer *server);
unsigned http_server_in_flight(const HttpServer *server);
int64_t http_server_body_bytes(const HttpServer *server);

/* Why clients were refused or cut off. */
typedef enum {
    HTTP_REFUSED_RESETS,   /* streams reset faster than anyone needs to */
    HTTP_REFUSED_FLOOD,    /* frames that ask for answers without end */
    HTTP_REFUSED_HEADER,   /* a header without end */
    HTTP_REFUSED_STALL,    /* no progress of a request or response */
    HTTP_REFUSED_PROTOCOL, /* what breaks the rules of HTTP */
    HTTP_REFUSED_MEMORY,   /* not the client's fault: there is no memory for its request */
} HttpRefusal;
#define HTTP_REFUSALS 6
uint64_t http_server_refused(const HttpServer *server, HttpRefusal why);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(HttpServer, http_server_free)
