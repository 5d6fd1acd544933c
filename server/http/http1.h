/* HTTP/1.1: libmicrohttpd in external epoll mode, given its sockets by the accept loop. Internal to
 * server/http; loop thread only. */
#pragma once
#include "server/http/server_internal.h"

/* NULL when it cannot start. */
struct MHD_Daemon *http1_start(HttpServer *server);

/* Takes over a socket whose first bytes are of HTTP/1. */
void http1_add(HttpServer *server, int fd, const struct sockaddr *address, socklen_t address_size);
/* The client has closed its side of a connection, or all of it. */
void http1_ended(HttpServer *server, LoopSource *source);
/* Lets libmicrohttpd see the ends that it missed; to be called after it has run. */
void http1_run(HttpServer *server);
/* Ends connections that make no progress. */
void http1_tick(HttpServer *server, int64_t now_us);
