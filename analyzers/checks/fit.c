#include "analyzers/checks/fit.h"

#include <string.h>

#include "analyzers/checks/placement.h"
#include "lib/k8s/quantity.h"

struct Fit {
    const Snapshot *snapshot;
    GHashTable *used;   /* "node\nresource" -> double */
    GHashTable *counts; /* name of a node -> number of its pods */
    GHashTable *ports;  /* "node\nport/protocol" */
};

/* ---- What pods ask for. ---- */

static double
request_of(const Value *container, const char *resource)
{
    double units = 0;
    const Value *requests = value_at(container, "resources.requests");
    (void)quantity_parse(value_text(value_get(requests, resource), ""), &units);
    return units;
}

double
fit_request(const Value *pod, const char *resource)
{
    double sum = 0, sidecars = 0, peak = 0, overhead = 0;
    for (const Value *c = value_first(pod, "spec.containers"); c != NULL; c = c->next)
        sum += request_of(c, resource);
    for (const Value *c = value_first(pod, "spec.initContainers"); c != NULL; c = c->next) {
        double units = request_of(c, resource);
        if (value_is(c, "restartPolicy", "Always"))
            sidecars += units;
        else
            peak = MAX(peak, sidecars + units);
    }
    (void)quantity_parse(value_text(value_get(value_at(pod, "spec.overhead"), resource), ""),
                         &overhead);
    double own = request_of(value_get(pod, "spec"), resource);
    return (own > 0 ? own : MAX(sum + sidecars, peak)) + overhead;
}

typedef void (*ResourceFunc)(const char *resource, gpointer data);

/* Calls `func` for every resource that a pod names, each once. */
static void
each_resource(const Value *pod, ResourceFunc func, gpointer data)
{
    static const char *const lists[] = {"spec.containers", "spec.initContainers"};
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
        for (const Value *c = value_first(pod, lists[i]); c != NULL; c = c->next) {
            for (const Value *r = value_first(c, "resources.requests"); r != NULL; r = r->next) {
                if (g_hash_table_add(seen, (gpointer)(uintptr_t)r->key))
                    func(r->key, data);
            }
        }
    }
    for (const Value *r = value_first(pod, "spec.resources.requests"); r != NULL; r = r->next) {
        if (g_hash_table_add(seen, (gpointer)(uintptr_t)r->key))
            func(r->key, data);
    }
}

typedef void (*PortFunc)(int64_t port, const char *protocol, gpointer data);

static void
each_host_port(const Value *pod, PortFunc func, gpointer data)
{
    bool is_on_host = value_is_true(pod, "spec.hostNetwork");
    for (const Value *c = value_first(pod, "spec.containers"); c != NULL; c = c->next) {
        for (const Value *p = value_first(c, "ports"); p != NULL; p = p->next) {
            int64_t port = value_int(p, "hostPort", 0);
            const char *protocol = value_text(p, "protocol");
            if (port == 0 && is_on_host)
                port = value_int(p, "containerPort", 0);
            if (port != 0)
                func(port, protocol[0] != '\0' ? protocol : "TCP", data);
        }
    }
}

/* ---- What is used. ---- */

typedef struct {
    Fit *fit;
    const Value *pod;
    const char *node;
} Adding;

static void
add_request(const char *resource, gpointer data)
{
    const Adding *adding = data;
    g_autofree char *key = g_strdup_printf("%s\n%s", adding->node, resource);
    double *used = g_hash_table_lookup(adding->fit->used, key);
    if (used == NULL) {
        used = g_new0(double, 1);
        g_hash_table_insert(adding->fit->used, g_steal_pointer(&key), used);
    }
    *used += fit_request(adding->pod, resource);
}

static void
add_port(int64_t port, const char *protocol, gpointer data)
{
    const Adding *adding = data;
    g_hash_table_add(adding->fit->ports,
                     g_strdup_printf("%s\n%" G_GINT64_FORMAT "/%s", adding->node, port, protocol));
}

Fit *
fit_new(const Snapshot *snapshot)
{
    Fit *fit = g_new0(Fit, 1);
    fit->snapshot = snapshot;
    fit->used = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    fit->counts = g_hash_table_new(g_str_hash, g_str_equal);
    fit->ports = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    const GPtrArray *pods = snapshot_objects(snapshot, KIND_POD);
    for (guint i = 0; i < pods->len; i++) {
        const Value *pod = ((const Object *)pods->pdata[i])->value;
        Adding adding = {fit, pod, value_text(pod, "spec.nodeName")};
        const char *phase = value_text(pod, "status.phase");
        if (adding.node[0] == '\0' || strcmp(phase, "Succeeded") == 0 ||
            strcmp(phase, "Failed") == 0)
            continue;
        guint n = GPOINTER_TO_UINT(g_hash_table_lookup(fit->counts, adding.node));
        g_hash_table_insert(fit->counts, (gpointer)(uintptr_t)adding.node, GUINT_TO_POINTER(n + 1));
        each_resource(pod, add_request, &adding);
        each_host_port(pod, add_port, &adding);
    }
    return fit;
}

void
fit_free(Fit *fit)
{
    if (fit == NULL)
        return;
    g_hash_table_unref(fit->used);
    g_hash_table_unref(fit->counts);
    g_hash_table_unref(fit->ports);
    g_free(fit);
}

/* ---- One node. ---- */

typedef struct {
    const Fit *fit;
    const Object *pod, *node;
    FitResult *result;
    GHashTable *shortages; /* resource -> number of nodes */
    const char *short_of;  /* on this node */
    int64_t port_in_use;   /* on this node */
} Look;

/* The first taint of a node that keeps a pod off; NULL: none. */
static const Value *
find_barrier(const Object *pod, const Object *node)
{
    for (const Value *taint = value_first(node->value, "spec.taints"); taint != NULL;
         taint = taint->next) {
        if (!placement_tolerates(pod->value, taint))
            return taint;
    }
    return NULL;
}

#define CORDON_TAINT "node.kubernetes.io/unschedulable"

/* Whether a node takes no new pods, this one included. */
static bool
is_cordoned(const Object *pod, const Object *node)
{
    if (!value_is_true(node->value, "spec.unschedulable"))
        return false;
    for (const Value *t = value_first(pod->value, "spec.tolerations"); t != NULL; t = t->next) {
        const char *key = value_text(t, "key");
        if (strcmp(key, CORDON_TAINT) == 0 || (key[0] == '\0' && value_is(t, "operator", "Exists")))
            return false;
    }
    return true;
}

/* Taints that a node gets by its own conditions (k8s.io/api/core/v1/well_known_taints.go). */
static bool
is_of_condition(const char *key)
{
    static const char *const keys[] = {"not-ready",     "unreachable",  "memory-pressure",
                                       "disk-pressure", "pid-pressure", "network-unavailable"};
    const char *prefix = "node.kubernetes.io/";
    for (size_t i = 0; i < G_N_ELEMENTS(keys) && g_str_has_prefix(key, prefix); i++) {
        if (strcmp(key + strlen(prefix), keys[i]) == 0)
            return true;
    }
    return false;
}

static void
add_barrier(FitResult *result, const Value *taint)
{
    for (guint i = 0; i < result->barriers->len; i++) {
        if (value_is(result->barriers->pdata[i], "key", value_text(taint, "key")) &&
            value_is(result->barriers->pdata[i], "value", value_text(taint, "value")))
            return;
    }
    g_ptr_array_add(result->barriers, (gpointer)(uintptr_t)taint);
}

/* Whether the node lets the pod in at all; counts it when it does not. A cordon is no taint of
 * somebody's choice. *ret_is_tolerated: no taint but a cordon. */
static bool
is_open(Look *look, bool *ret_is_tolerated)
{
    FitResult *result = look->result;
    const Value *taint = find_barrier(look->pod, look->node);
    const char *key = value_text(taint, "key");
    bool is_cordon =
        strcmp(key, CORDON_TAINT) == 0 || (taint == NULL && is_cordoned(look->pod, look->node));
    *ret_is_tolerated = taint == NULL || is_cordon || is_of_condition(key);
    if (is_cordon) {
        result->n_cordoned++;
        g_ptr_array_add(result->cordoned, (gpointer)(uintptr_t)look->node);
        return false;
    }
    if (taint == NULL)
        return true;
    result->n_tainted++;
    add_barrier(result, taint);
    if (is_of_condition(key))
        g_ptr_array_add(result->sick, (gpointer)(uintptr_t)look->node);
    return false;
}

static void
compare_resource(const char *resource, gpointer data)
{
    Look *look = data;
    double in_all = 0, wanted = fit_request(look->pod->value, resource);
    const Value *allocatable = value_at(look->node->value, "status.allocatable");
    (void)quantity_parse(value_text(value_get(allocatable, resource), ""), &in_all);
    g_autofree char *key = g_strdup_printf("%s\n%s", look->node->name, resource);
    const double *used = g_hash_table_lookup(look->fit->used, key);
    if (wanted > in_all - (used != NULL ? *used : 0)) {
        guint n = GPOINTER_TO_UINT(g_hash_table_lookup(look->shortages, resource));
        g_hash_table_insert(look->shortages, (gpointer)(uintptr_t)resource,
                            GUINT_TO_POINTER(n + 1));
        look->short_of = resource;
    }
}

static void
compare_port(int64_t port, const char *protocol, gpointer data)
{
    Look *look = data;
    g_autofree char *key =
        g_strdup_printf("%s\n%" G_GINT64_FORMAT "/%s", look->node->name, port, protocol);
    if (g_hash_table_contains(look->fit->ports, key))
        look->port_in_use = port;
}

static bool
is_full(const Look *look)
{
    int64_t max = value_int(look->node->value, "status.allocatable.pods", 0);
    guint n = GPOINTER_TO_UINT(g_hash_table_lookup(look->fit->counts, look->node->name));
    return max > 0 && n >= max;
}

static void
look_at_node(Look *look)
{
    FitResult *result = look->result;
    bool is_tolerated;
    if (!placement_selects(look->pod->value, look->node))
        return;
    result->n_selected++;
    look->short_of = NULL;
    look->port_in_use = 0;
    bool is_open_node = is_open(look, &is_tolerated);
    if (is_open_node || is_tolerated)
        each_resource(look->pod->value, compare_resource, look);
    if (!is_open_node)
        return;
    each_host_port(look->pod->value, compare_port, look);
    if (is_full(look)) {
        result->n_full++;
    } else if (look->short_of != NULL) {
        result->n_short++;
    } else if (look->port_in_use != 0) {
        result->n_port++;
        result->port = look->port_in_use;
    } else {
        result->n_fits++;
    }
}

/* ---- The resource that matters most. ---- */

/* What the nodes have of it: in all, of the chosen and tolerated; free, of those that are open. */
static void
measure(Look *look, const char *resource)
{
    FitResult *result = look->result;
    const GPtrArray *nodes = snapshot_objects(look->fit->snapshot, KIND_NODE);
    result->resource = resource;
    result->wanted = fit_request(look->pod->value, resource);
    result->largest = 0;
    result->most_free = 0;
    result->emptiest = NULL;
    for (guint i = 0; i < nodes->len; i++) {
        const Object *node = nodes->pdata[i];
        const Value *taint = find_barrier(look->pod, node);
        const char *key = value_text(taint, "key");
        bool is_cordon = strcmp(key, CORDON_TAINT) == 0;
        double in_all = 0;
        if (!placement_selects(look->pod->value, node) ||
            (taint != NULL && !is_cordon && !is_of_condition(key)))
            continue;
        (void)quantity_parse(
            value_text(value_get(value_at(node->value, "status.allocatable"), resource), ""),
            &in_all);
        result->largest = MAX(result->largest, in_all);
        g_autofree char *used_key = g_strdup_printf("%s\n%s", node->name, resource);
        const double *used = g_hash_table_lookup(look->fit->used, used_key);
        double left = MAX(in_all - (used != NULL ? *used : 0), 0);
        if (taint == NULL && !is_cordoned(look->pod, node) &&
            (result->emptiest == NULL || left > result->most_free)) {
            result->most_free = left;
            result->emptiest = node;
        }
    }
}

/* Of the resources that are short the one that no node could give, else the one that is short on
 * most. */
static void
choose_resource(Look *look)
{
    GHashTableIter iter;
    gpointer key, value;
    const char *most = NULL;
    guint n_most = 0;
    g_hash_table_iter_init(&iter, look->shortages);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        guint n = GPOINTER_TO_UINT(value);
        measure(look, key);
        if (fit_is_impossible(look->result))
            return;
        if (most == NULL || n > n_most || (n == n_most && strcmp(key, most) < 0)) {
            most = key;
            n_most = n;
        }
    }
    if (most != NULL)
        measure(look, most);
}

FitResult
fit_evaluate(const Fit *fit, const Object *pod)
{
    FitResult result = {
        .barriers = g_ptr_array_new(), .sick = g_ptr_array_new(), .cordoned = g_ptr_array_new()};
    const GPtrArray *nodes = snapshot_objects(fit->snapshot, KIND_NODE);
    g_autoptr(GHashTable) shortages = g_hash_table_new(g_str_hash, g_str_equal);
    Look look = {.fit = fit, .pod = pod, .result = &result, .shortages = shortages};
    result.n_nodes = nodes->len;
    for (guint i = 0; i < nodes->len; i++) {
        look.node = nodes->pdata[i];
        look_at_node(&look);
    }
    choose_resource(&look);
    return result;
}

void
fit_result_clear(FitResult *result)
{
    g_clear_pointer(&result->barriers, g_ptr_array_unref);
    g_clear_pointer(&result->sick, g_ptr_array_unref);
    g_clear_pointer(&result->cordoned, g_ptr_array_unref);
}

bool
fit_is_impossible(const FitResult *result)
{
    return result->resource != NULL && result->wanted > result->largest;
}
