/* The server as a whole: store, ingest, API and HTTP put together in the order in which they
 * depend on each other. */
#pragma once
#include <glib.h>
#include <stdbool.h>

#include "server/options.h"

typedef struct Server Server;

/* Opens the store, binds the address and starts serving. The error is one line for the operator.
 * `options` must outlive the server. */
Server *server_start(const ServerOptions *options, GError **error);
/* "127.0.0.1:4040" */
const char *server_address(const Server *server);

/* Stops accepting, finishes what is under way within the shutdown timeout, makes everything acked
 * durable and frees; NULL is allowed. */
void server_stop(Server *server);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Server, server_stop)
