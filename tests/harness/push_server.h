/* A server for pushed profiles, real down to the socket: it answers every POST with the status it
 * is told to and keeps the bodies of those it answered with 200. */
#pragma once
#include <glib.h>
#include <stdint.h>

typedef struct PushServer PushServer;

/* Listens on 127.0.0.1; `port` 0 lets the kernel choose. */
PushServer *push_server_new(uint16_t port);
void push_server_free(PushServer *server);

uint16_t push_server_port(const PushServer *server);
/* The status, and body of an error, of replies from now on. */
void push_server_answer(PushServer *server, int status, const char *text);

/* Waits until `n` requests were answered in all, at most `timeout_ms`; returns how many there are.
 */
size_t push_server_wait(PushServer *server, size_t n, int64_t timeout_ms);
/* Body `i` of those answered with 200, or NULL; a new reference. */
GBytes *push_server_body(PushServer *server, size_t i);
/* The head of the last request; the caller frees. */
char *push_server_head(PushServer *server);

/* A port that nothing listens on at the moment. */
uint16_t push_server_free_port(void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(PushServer, push_server_free)
