#include "server/http/router.h"

#include <string.h>

struct HttpRouter {
    GHashTable *exact;   /* path → GPtrArray of HttpRoute */
    GPtrArray *prefixes; /* HttpRoute, the longest path first */
};

static int
compare_length(const void *a, const void *b)
{
    const HttpRoute *left = *(const HttpRoute *const *)a, *right = *(const HttpRoute *const *)b;
    size_t l = strlen(left->path), r = strlen(right->path);
    return l < r ? 1 : l > r ? -1 : 0;
}

HttpRouter *
http_router_new(const HttpRoute *routes, size_t n_routes)
{
    HttpRouter *router = g_new0(HttpRouter, 1);
    router->exact =
        g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)g_ptr_array_unref);
    router->prefixes = g_ptr_array_new();
    for (size_t i = 0; i < n_routes; i++) {
        const HttpRoute *route = &routes[i];
        if (g_str_has_suffix(route->path, "*")) {
            g_ptr_array_add(router->prefixes, (gpointer)route);
            continue;
        }
        GPtrArray *list = g_hash_table_lookup(router->exact, route->path);
        if (list == NULL) {
            list = g_ptr_array_new();
            g_hash_table_insert(router->exact, (gpointer)route->path, list);
        }
        g_ptr_array_add(list, (gpointer)route);
    }
    g_ptr_array_sort(router->prefixes, compare_length);
    return router;
}

void
http_router_free(HttpRouter *router)
{
    if (router == NULL)
        return;
    g_hash_table_unref(router->exact);
    g_ptr_array_unref(router->prefixes);
    g_free(router);
}

static bool
method_matches(const HttpRoute *route, const char *method)
{
    return strcmp(route->method, "*") == 0 || strcmp(route->method, method) == 0;
}

static char *
allowed_methods(const GPtrArray *list)
{
    GString *allow = g_string_new(NULL);
    for (guint i = 0; i < list->len; i++) {
        const HttpRoute *route = g_ptr_array_index(list, i);
        g_string_append_printf(allow, "%s%s%s", i > 0 ? ", " : "", route->method,
                               strcmp(route->method, "GET") == 0 ? ", HEAD" : "");
    }
    return g_string_free(allow, FALSE);
}

const HttpRoute *
http_router_find(const HttpRouter *router, const char *method, const char *path, char **ret_allow)
{
    *ret_allow = NULL;
    if (strcmp(method, "HEAD") == 0)
        method = "GET";
    const GPtrArray *list = g_hash_table_lookup(router->exact, path);
    for (guint i = 0; list != NULL && i < list->len; i++) {
        const HttpRoute *route = g_ptr_array_index(list, i);
        if (method_matches(route, method))
            return route;
    }
    if (list != NULL) {
        *ret_allow = allowed_methods(list);
        return NULL;
    }
    for (guint i = 0; i < router->prefixes->len; i++) {
        const HttpRoute *route = g_ptr_array_index(router->prefixes, i);
        if (strncmp(path, route->path, strlen(route->path) - 1) == 0 &&
            method_matches(route, method))
            return route;
    }
    return NULL;
}

unsigned
http_router_flags(const HttpRouter *router, const char *path)
{
    const GPtrArray *list = g_hash_table_lookup(router->exact, path);
    return list != NULL ? ((const HttpRoute *)g_ptr_array_index(list, 0))->flags : 0;
}
