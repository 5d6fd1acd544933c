/* A TCP relay in front of a server, on a port that stays: it breaks connections in chosen ways, and
 * the server behind it may be another one after a restart. */
#pragma once
#include <glib.h>
#include <stdint.h>

typedef enum {
    RELAY_PASS,
    RELAY_REFUSE,     /* connections are closed before anything is passed on */
    RELAY_CUT,        /* a part of the request gets through, then both sides are reset */
    RELAY_LOSE_REPLY, /* the server answers, the client sees a reset */
    RELAY_HALF_CLOSE, /* the server answers, the client sees the end, but may go on sending */
} RelayMode;

typedef struct Relay Relay;

/* Listens on a free port of 127.0.0.1. */
Relay *relay_new(void);
/* Ends every connection and joins the threads. NULL is allowed. */
void relay_free(Relay *relay);

/* "http://127.0.0.1:PORT"; the caller frees. */
char *relay_url(const Relay *relay);
/* From now on; connections that are open end with what is next sent on them. `port` of the server
 * on 127.0.0.1. */
void relay_set(Relay *relay, RelayMode mode, uint16_t port);
/* How often a connection was broken so far. */
unsigned relay_faults(Relay *relay);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Relay, relay_free)
