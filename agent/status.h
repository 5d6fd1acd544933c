/* The agent's own little HTTP server on the main loop: GET of a table of paths, nothing else.
 *
 * One request per connection, a few connections at a time, and a few seconds for each: what asks
 * here is a scraper, or a person, on a private address. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct StatusServer StatusServer;

/* Appends the body of an answer. `query` is what stands behind the "?" of the URL, "" if nothing.
 */
typedef void (*StatusFunc)(GString *out, const char *query, void *data);

typedef struct {
    const char *path; /* "/metrics" */
    const char *type; /* of the content */
    StatusFunc write;
    bool is_check; /* appends a line for each thing that is wrong: 503, or 200 when there is none */
} StatusRoute;

/* Listens on "ADDR:PORT" (port 0 takes a free one). `routes` outlive the server, `data` goes to
 * each of them. UNAVAILABLE or INVALID_ARGUMENT when that is not possible. */
StatusServer *status_server_new(const char *listen, const StatusRoute *routes, size_t n_routes,
                                void *data, GError **error);
void status_server_free(StatusServer *server);
/* "127.0.0.1:4041" */
const char *status_server_address(const StatusServer *server);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(StatusServer, status_server_free)
