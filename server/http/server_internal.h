/* What the parts of server/http share. */
#pragma once
#include <microhttpd.h>

#include "server/http/exchange.h"
#include "server/http/router.h"
#include "server/http/server.h"

struct HttpServer {
    HttpConfig config;
    HttpRouter *router;
    struct MHD_Daemon *daemon;
    int listen_fd, epoll_fd, wake_fd;
    char *address;
    GThread *loop;
    GThreadPool *pools[HTTP_SCOPES];
    GAsyncQueue *answered; /* HttpExchange to resume, one reference each */
    GQueue suspended;      /* HttpExchange by their link; loop thread only */
    unsigned n_deadlines;  /* suspended ones that have a deadline */
    gint connections;
    gint in_flight; /* requests begun and not over */
    gint draining;  /* 0 serving, 1 draining */
    int64_t drain_until_us;
    bool cut_off;
    gsize body_bytes; /* atomic */
};

/* Takes `size` bytes of the body memory that all requests share; false when it is used up. */
bool server_charge(HttpServer *server, size_t size);
void server_uncharge(HttpServer *server, size_t size);

/* The callbacks of libmicrohttpd (server/http/receive.c). */
enum MHD_Result receive_request(void *data, struct MHD_Connection *connection, const char *url,
                                const char *method, const char *version, const char *upload_data,
                                size_t *upload_data_size, void **state);
void receive_completed(void *data, struct MHD_Connection *connection, void **state,
                       enum MHD_RequestTerminationCode why);

/* Runs on a worker thread: decodes the body and calls the handler. */
void receive_handle(void *exchange, void *server);
