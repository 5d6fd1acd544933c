/* TLS around a connection of HTTP/1.1: libmicrohttpd gets one end of a socket pair, and what it
 * reads and writes there is carried through the session. Internal to server/http; loop thread only.
 *
 * Each way holds one piece in memory, and only while it waits; where the other side does not take
 * it, no more is read. */
#pragma once
#include <sys/socket.h>

#include "server/http/server_internal.h"

/* Takes over a socket and its session. */
void pump_add(HttpServer *server, int fd, TlsSession *tls, const struct sockaddr_storage *address,
              socklen_t address_size);
/* One of a pump's sockets is ready. */
void pump_ready(HttpServer *server, LoopSource *source);
/* Frees what has ended; to be called when all events of a turn have been handled. */
void pump_free_ended(HttpServer *server);
/* Ends those whose clients do not take what waits for them. */
void pump_tick(HttpServer *server, int64_t now_us);
/* Whether anything is still to be sent to clients. */
bool pump_has_output(const HttpServer *server);
/* Closes all. */
void pump_stop(HttpServer *server);
