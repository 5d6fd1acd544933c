/* Accepts connections and looks at their first bytes: the 24 of HTTP/2's preface (RFC 9113, 3.4) or
 * anything else, which is HTTP/1. With TLS, the handshake's
 * ALPN tells them apart. Internal to server/http; loop thread only. */
#pragma once
#include "server/http/server_internal.h"

/* Accepts what waits. Over the limit of connections, or without free descriptors, no more are
 * accepted until the next accept_tick that finds room. */
void accept_ready(HttpServer *server);
/* A connection that is not told apart yet has bytes, or was closed: epoll says so in `events`. */
void accept_greeting(HttpServer *server, LoopSource *source, uint32_t events);
/* Closes connections that have said nothing for the idle timeout; accepts again when it may. */
void accept_tick(HttpServer *server, int64_t now_us);
/* Closes the listening socket and every connection that is not told apart yet. */
void accept_stop(HttpServer *server);
