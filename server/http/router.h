/* Finds the route of a request in a static table. */
#pragma once
#include <glib.h>

#include "server/http/message.h"

typedef struct HttpRouter HttpRouter;

/* `routes` must outlive the router. */
HttpRouter *http_router_new(const HttpRoute *routes, size_t n_routes);
void http_router_free(HttpRouter *router);

/* The route for `method` (HEAD counts as GET) and `path`. NULL when there is none; then *ret_allow
 * is the Allow value when the path exists with other methods (free with g_free), else NULL. */
const HttpRoute *
http_router_find(const HttpRouter *router, const char *method, const char *path, char **ret_allow);

/* The flags (HttpRoute) of the first route of an exact path, whatever its method; 0 without one. */
unsigned http_router_flags(const HttpRouter *router, const char *path);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(HttpRouter, http_router_free)
