/* HTTP/2 (RFC 9113) by nghttp2: in clear text with prior knowledge, or in
 * TLS by ALPN. Every stream is an exchange like
 * any other. Internal to server/http; loop thread only.
 *
 * A client is cut off, and counted, that resets streams faster than anyone needs to, floods with
 * frames that ask for answers, sends endless headers, or makes no progress for the idle timeout. */
#pragma once
#include <sys/socket.h>

#include "server/http/server_internal.h"

/* Takes over a socket that begins with the preface, and its session of TLS or NULL. */
void http2_add(HttpServer *server, int fd, TlsSession *tls, const struct sockaddr_storage *address);
/* The socket of a connection is ready. */
void http2_ready(HttpServer *server, LoopSource *source, uint32_t events);
/* Sends the response of an exchange that has been answered, or drops it when its stream has ended.
 */
void http2_answer(HttpExchange *exchange);
/* Takes what an exchange has received as read: its client may send as much more. */
void http2_consume(HttpExchange *exchange);
/* Ends streams and connections that make no progress. */
void http2_tick(HttpServer *server, int64_t now_us);
/* Tells every client that no new requests are taken. */
void http2_drain(HttpServer *server);
/* Whether bytes wait to be sent. */
bool http2_has_output(const HttpServer *server);
/* Closes all connections. */
void http2_stop(HttpServer *server);
