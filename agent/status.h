/* The agent's own little HTTP server: /metrics and /ready, nothing else, on the main loop.
 *
 * One request per connection, a few connections at a time, and a few seconds for each: what asks
 * here is a scraper on a private address. */
#pragma once
#include <glib.h>

typedef struct StatusServer StatusServer;

/* Appends the metrics of the program. */
typedef void (*StatusFunc)(GString *out, void *data);

/* Listens on "ADDR:PORT" (port 0 takes a free one). UNAVAILABLE or INVALID_ARGUMENT when that is
 * not possible. */
StatusServer *status_server_new(const char *listen, StatusFunc func, void *data, GError **error);
void status_server_free(StatusServer *server);
/* "127.0.0.1:4041" */
const char *status_server_address(const StatusServer *server);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(StatusServer, status_server_free)
