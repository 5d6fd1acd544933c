/* The agent's own little HTTP server: /metrics and /ready, nothing else, on the main loop. /ready
 * is 200, or 503 with a line for each thing that is wrong.
 *
 * One request per connection, a few connections at a time, and a few seconds for each: what asks
 * here is a scraper on a private address. */
#pragma once
#include <glib.h>

typedef struct StatusServer StatusServer;

/* Appends the metrics of the program, or what is wrong with it. */
typedef void (*StatusFunc)(GString *out, void *data);

typedef struct {
    StatusFunc metrics, problems;
    void *data; /* of both */
} StatusSource;

/* Listens on "ADDR:PORT" (port 0 takes a free one). UNAVAILABLE or INVALID_ARGUMENT when that is
 * not possible. */
StatusServer *status_server_new(const char *listen, const StatusSource *source, GError **error);
void status_server_free(StatusServer *server);
/* "127.0.0.1:4041" */
const char *status_server_address(const StatusServer *server);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(StatusServer, status_server_free)
