/* The body of a request on its way to a file: while a thread writes one piece, the next one is
 * collected and the client is held back, so that a body of any size takes two pieces of memory and
 * the disk sets the pace. Internal to server/http; loop thread only where nothing else is said. */
#pragma once
#include "server/http/server_internal.h"

/* Creates `dir` when needed and removes what bodies a server that died has left in it. */
bool spool_dir_open(const char *dir, GError **error);

/* A new, empty file in `dir`, which is removed with the spool unless it was kept. */
HttpSpool *spool_new(const char *dir, GError **error);
/* When nothing writes any more; NULL is allowed. From any thread. */
void spool_free(HttpSpool *spool, HttpServer *server);

/* Appends to the body of an exchange that has a spool. UNAVAILABLE when the memory for bodies is
 * used up or the file could not be written. */
bool spool_append(HttpExchange *exchange, const char *data, size_t size, GError **error);
/* Whether a piece is being written: until then the client should send nothing. NULL: no. */
bool spool_is_writing(const HttpSpool *spool);
/* The body is complete: when the last piece is written, a worker gets the request. */
void spool_end(HttpExchange *exchange);
/* Goes on after a piece was written. Returns whether the client may send again. */
bool spool_written(HttpExchange *exchange);

/* Writes the piece of an exchange and puts that into the server's queue of written ones: for a
 * thread pool. */
void spool_write(void *exchange, void *server);

/* Of a complete body; from any thread. UNAVAILABLE when it could not be written. */
bool spool_check(const HttpSpool *spool, GError **error);
const char *spool_path(const HttpSpool *spool);
/* The file has been moved elsewhere. */
void spool_keep(HttpSpool *spool);
