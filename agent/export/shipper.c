#include "agent/export/shipper.h"

#include <string.h>

#include "agent/discovery/target.h"
#include "agent/export/shipper_private.h"
#include "lib/base/text.h"

enum { PATIENCE_DEFAULT_MS = 45 * 1000, CODINGS = SERIES_PLAIN + 1 };

/* ---- Routes. ---- */

static ShipperRoute *
route_new(const Shipper *shipper, Endpoint *endpoint)
{
    g_autofree char *dir = shipper->spool_dir != NULL
                               ? g_build_filename(shipper->spool_dir, endpoint->name, NULL)
                               : NULL;
    const OutboxConfig outbox = {
        .bytes_max = shipper->queue_bytes,
        .dir = dir,
        .spool_bytes = shipper->spool_bytes,
        .age_max_ms = shipper->age_max_ms,
    };
    ShipperRoute *route = g_new0(ShipperRoute, 1);
    route->endpoint = endpoint_ref(endpoint);
    route->queue = push_queue_new(endpoint, &outbox);
    return route;
}

static void
route_free(void *data)
{
    ShipperRoute *route = data;
    push_queue_free(route->queue);
    endpoint_unref(route->endpoint);
    g_free(route);
}

static void
route_set_endpoint(ShipperRoute *route, Endpoint *endpoint)
{
    endpoint_unref(route->endpoint);
    route->endpoint = endpoint_ref(endpoint);
    route->is_removed = false;
}

static ShipperRoute *
find_route(const Shipper *shipper, const char *name)
{
    for (guint i = 0; i < shipper->routes->len; i++) {
        ShipperRoute *route = shipper->routes->pdata[i];
        if (strcmp(route->endpoint->name, name) == 0)
            return route;
    }
    return NULL;
}

/* The routes to these, in their order, made where there is none. */
static GPtrArray *
routes_to(const Shipper *shipper, const GPtrArray *endpoints)
{
    GPtrArray *routes = g_ptr_array_new_with_free_func(route_free);
    for (guint i = 0; i < endpoints->len; i++) {
        Endpoint *endpoint = endpoints->pdata[i];
        ShipperRoute *known = find_route(shipper, endpoint->name);
        g_ptr_array_add(routes, known != NULL ? known : route_new(shipper, endpoint));
    }
    return routes;
}

/* Puts `routes`, which lead to the endpoints, in place of those in force. */
static void
replace_routes(Shipper *shipper, GPtrArray *routes, const GPtrArray *endpoints)
{
    g_autoptr(GPtrArray) before = shipper->routes;
    g_rw_lock_writer_lock(&shipper->lock);
    for (guint i = 0; i < endpoints->len; i++)
        route_set_endpoint(routes->pdata[i], endpoints->pdata[i]);
    for (guint i = 0; i < before->len; i++) {
        ShipperRoute *route = before->pdata[i];
        if (g_ptr_array_find(routes, route, NULL))
            continue;
        route->is_removed = true;
        g_ptr_array_add(routes, route);
    }
    g_ptr_array_set_free_func(before, NULL);
    g_ptr_array_set_size(routes, (gint)MIN(routes->len, endpoints->len + ENDPOINTS_MAX));
    shipper->routes = routes;
    g_rw_lock_writer_unlock(&shipper->lock);
}

void
shipper_set_endpoints(Shipper *shipper, const GPtrArray *endpoints)
{
    replace_routes(shipper, routes_to(shipper, endpoints), endpoints);
    for (guint i = 0; i < shipper->routes->len; i++) {
        const ShipperRoute *route = shipper->routes->pdata[i];
        if (route->is_removed)
            push_queue_suspend(route->queue);
        else
            push_queue_set_endpoint(route->queue, route->endpoint);
    }
}

/* ---- Start and end. ---- */

Shipper *
shipper_new(const ShipperConfig *config)
{
    Shipper *shipper = g_new0(Shipper, 1);
    shipper->queue_bytes = config->queue_bytes;
    shipper->spool_dir = g_strdup(config->spool_dir);
    shipper->spool_bytes = config->spool_bytes;
    shipper->age_max_ms = config->age_max_ms;
    shipper->patience_ms = config->patience_ms > 0 ? config->patience_ms : PATIENCE_DEFAULT_MS;
    g_rw_lock_init(&shipper->lock);
    shipper->routes = g_ptr_array_new_with_free_func(route_free);
    shipper_set_endpoints(shipper, config->endpoints);
    return shipper;
}

void
shipper_stop(Shipper *shipper, int64_t timeout_ms)
{
    int64_t deadline_us = g_get_monotonic_time() + timeout_ms * 1000;
    shipper_flush(shipper);
    for (guint i = 0; i < shipper->routes->len; i++)
        push_queue_begin_stop(((ShipperRoute *)shipper->routes->pdata[i])->queue);
    for (guint i = 0; i < shipper->routes->len; i++)
        push_queue_stop(((ShipperRoute *)shipper->routes->pdata[i])->queue, deadline_us);
}

void
shipper_free(Shipper *shipper)
{
    if (shipper == NULL)
        return;
    g_ptr_array_unref(shipper->routes);
    g_rw_lock_clear(&shipper->lock);
    g_free(shipper->spool_dir);
    g_free(shipper);
}

/* ---- Adding. ---- */

/* The labels of a profile for an endpoint that adds its own. */
static LabelSet *
with_external_labels(const LabelSet *labels, GHashTable *external)
{
    LabelSet *set = label_set_new();
    GHashTableIter each;
    gpointer external_name, external_value;
    g_hash_table_iter_init(&each, external);
    while (g_hash_table_iter_next(&each, &external_name, &external_value))
        label_set_set(set, external_name, external_value);
    for (size_t i = 0; i < label_set_size(labels); i++) {
        const char *name, *value;
        label_set_at(labels, i, &name, &value);
        label_set_set(set, name, value);
    }
    return set;
}

static GBytes *
encode(Shipper *shipper, const LabelSet *labels, const uint8_t *pprof, size_t size,
       SeriesCoding coding)
{
    size_t n_dropped;
    GBytes *payload = series_encode(labels, pprof, size, coding, &n_dropped);
    (void)__atomic_fetch_add(&shipper->n_labels_dropped, (gint64)n_dropped, __ATOMIC_RELAXED);
    return payload;
}

/* A profile on its way to every endpoint. */
typedef struct {
    const LabelSet *labels;
    const uint8_t *pprof;
    size_t size;
    const char *tenant;      /* that it names; "": none */
    GBytes *shared[CODINGS]; /* endpoints that want the same get the same */
    OutboxTime now;
} Added;

static void
add_to_route(Shipper *shipper, const ShipperRoute *route, Added *added)
{
    const Endpoint *endpoint = route->endpoint;
    Outbox *outbox = push_queue_outbox(route->queue);
    SeriesCoding coding = endpoint->coding;
    if (*added->tenant != '\0' && !endpoint_is_tenant(added->tenant)) {
        outbox_refuse(outbox, DROP_BAD_TENANT);
        return;
    }
    g_autoptr(GBytes) payload = NULL;
    if (endpoint->external_labels != NULL) {
        g_autoptr(LabelSet) set = with_external_labels(added->labels, endpoint->external_labels);
        payload = encode(shipper, set, added->pprof, added->size, coding);
    } else {
        if (added->shared[coding] == NULL)
            added->shared[coding] =
                encode(shipper, added->labels, added->pprof, added->size, coding);
        payload = g_bytes_ref(added->shared[coding]);
    }
    const char *fixed = endpoint->tenant != NULL ? endpoint->tenant : "";
    outbox_add(outbox, *added->tenant != '\0' ? added->tenant : fixed, payload, added->size, coding,
               added->now);
}

void
shipper_add(Shipper *shipper, const LabelSet *labels, const uint8_t *pprof, size_t size)
{
    Added added = {.labels = labels,
                   .pprof = pprof,
                   .size = size,
                   .tenant = label_set_get(labels, TARGET_TENANT_LABEL),
                   .now = outbox_time_now()};
    g_rw_lock_reader_lock(&shipper->lock);
    for (guint i = 0; i < shipper->routes->len; i++) {
        const ShipperRoute *route = shipper->routes->pdata[i];
        if (!route->is_removed)
            add_to_route(shipper, route, &added);
    }
    g_rw_lock_reader_unlock(&shipper->lock);
    for (size_t i = 0; i < CODINGS; i++)
        g_clear_pointer(&added.shared[i], g_bytes_unref);
}

void
shipper_flush(Shipper *shipper)
{
    OutboxTime now = outbox_time_now();
    g_rw_lock_reader_lock(&shipper->lock);
    for (guint i = 0; i < shipper->routes->len; i++) {
        const ShipperRoute *route = shipper->routes->pdata[i];
        if (!route->is_removed)
            outbox_flush(push_queue_outbox(route->queue), now);
    }
    g_rw_lock_reader_unlock(&shipper->lock);
}

/* ---- Checking. ---- */

static void
check_pushes(const Shipper *shipper, const ShipperRoute *route, GString *out)
{
    g_auto(PushQueueState) state = {0};
    push_queue_get_state(route->queue, &state);
    int64_t now_ms = g_get_real_time() / 1000;
    if (state.failing_since_ms == 0 || now_ms - state.failing_since_ms < shipper->patience_ms)
        return;
    g_autofree char *since = rfc3339_text(state.failing_since_ms / 1000);
    g_string_append_printf(out, "endpoint %s: %s has taken no profiles since %s: %s\n",
                           route->endpoint->name, route->endpoint->shown_url, since,
                           state.last_error);
}

static void
check_spool(const ShipperRoute *route, GString *out)
{
    g_autofree char *problem = outbox_check(push_queue_outbox(route->queue));
    if (problem != NULL)
        g_string_append_printf(out,
                               "endpoint %s: profiles wait in memory alone, the spool takes "
                               "nothing: %s\n",
                               route->endpoint->name, problem);
}

void
shipper_check(Shipper *shipper, GString *out)
{
    g_rw_lock_reader_lock(&shipper->lock);
    for (guint i = 0; i < shipper->routes->len; i++) {
        const ShipperRoute *route = shipper->routes->pdata[i];
        if (route->is_removed)
            continue;
        check_pushes(shipper, route, out);
        check_spool(route, out);
    }
    g_rw_lock_reader_unlock(&shipper->lock);
}
