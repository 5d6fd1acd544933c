#include "analyzers/collect/backend.h"

#include <string.h>

/* ---- Pods. ---- */

bool
backend_is_live(const Object *pod)
{
    return !value_is(pod->value, "status.phase", "Succeeded") &&
           !value_is(pod->value, "status.phase", "Failed");
}

bool
backend_is_ready(const Object *pod)
{
    return backend_is_live(pod) && value_time(pod->value, "metadata.deletionTimestamp") == 0 &&
           value_is(value_find(pod->value, "status.conditions", "type", "Ready"), "status", "True");
}

int64_t
backend_unready_since(const Object *pod)
{
    const Value *ready = value_find(pod->value, "status.conditions", "type", "Ready");
    for (const Value *status = value_first(pod->value, "status.containerStatuses"); status != NULL;
         status = status->next) {
        if (value_int(status, "restartCount", 0) > 1 && !value_is_true(status, "ready"))
            return 0;
    }
    return value_is(ready, "status", "True") ? 0 : value_time(ready, "lastTransitionTime");
}

/* ---- Ports. ---- */

const char *
port_protocol(const Value *port)
{
    const char *protocol = value_text(port, "protocol");
    return protocol[0] != '\0' ? protocol : "TCP";
}

static bool
is_protocol(const Value *port, const char *protocol)
{
    return protocol == NULL || strcmp(port_protocol(port), protocol) == 0;
}

/* Calls `visit` with the ports of containers that run as long as the pod does, until it says
 * true. */
static const Value *
find_port(const Value *template, bool (*is_it)(const Value *port, gconstpointer data),
          gconstpointer data)
{
    for (int init = 0; init < 2; init++) {
        for (const Value *c =
                 value_first(template, init ? "spec.initContainers" : "spec.containers");
             c != NULL; c = c->next) {
            if (init && !value_is(c, "restartPolicy", "Always"))
                continue;
            for (const Value *port = value_first(c, "ports"); port != NULL; port = port->next) {
                if (is_it(port, data))
                    return port;
            }
        }
    }
    return NULL;
}

typedef struct {
    const char *name, *protocol;
    int number;
} Wanted;

static bool
is_named(const Value *port, gconstpointer data)
{
    const Wanted *wanted = data;
    return value_is(port, "name", wanted->name) && is_protocol(port, wanted->protocol);
}

static bool
is_numbered(const Value *port, gconstpointer data)
{
    const Wanted *wanted = data;
    return value_int(port, "containerPort", 0) == wanted->number &&
           is_protocol(port, wanted->protocol);
}

int
port_named(const Value *template, const char *name, const char *protocol)
{
    const Value *port = find_port(template, is_named, &(Wanted){name, protocol, 0});
    return (int)value_int(port, "containerPort", 0);
}

const Value *
port_numbered(const Value *template, int number, const char *protocol)
{
    return find_port(template, is_numbered, &(Wanted){NULL, protocol, number});
}

static void
add_port(GString *text, const Value *port, const char *number)
{
    const char *name = value_text(port, "name");
    g_string_append_printf(text, "%s%s", text->len > 0 ? ", " : "", value_text(port, number));
    if (strcmp(port_protocol(port), "TCP") != 0)
        g_string_append_printf(text, "/%s", port_protocol(port));
    if (name[0] != '\0')
        g_string_append_printf(text, " (%s)", name);
}

typedef struct {
    GString *text; /* or NULL */
    guint n;
} PortList;

static bool
count_port(const Value *port, gconstpointer data)
{
    enum { NAMED_MAX = 8 };
    PortList *list = (PortList *)(uintptr_t)data;
    if (list->n++ < NAMED_MAX && list->text != NULL)
        add_port(list->text, port, "containerPort");
    return false;
}

/* Whether a text has a number that no other digit touches. */
static bool
has_number(const char *text, int number)
{
    char digits[16];
    g_snprintf(digits, sizeof digits, "%d", number);
    size_t length = strlen(digits);
    for (const char *at = strstr(text, digits); at != NULL; at = strstr(at + 1, digits)) {
        bool begins = at == text || !g_ascii_isalnum(at[-1]);
        if (begins && !g_ascii_isalnum(at[length]))
            return true;
    }
    return false;
}

static bool
is_probed(const Value *container, int number)
{
    static const char *const ports[] = {
        "readinessProbe.httpGet.port",     "readinessProbe.tcpSocket.port",
        "readinessProbe.grpc.port",        "livenessProbe.httpGet.port",
        "livenessProbe.tcpSocket.port",    "livenessProbe.grpc.port",
        "startupProbe.httpGet.port",       "startupProbe.tcpSocket.port",
        "startupProbe.grpc.port",          "lifecycle.preStop.httpGet.port",
        "lifecycle.postStart.httpGet.port"};
    for (size_t i = 0; i < G_N_ELEMENTS(ports); i++) {
        if (value_int(container, ports[i], 0) == number)
            return true;
    }
    return false;
}

static bool
container_mentions(const Value *container, int number)
{
    static const char *const lists[] = {"command", "args"};
    for (const Value *env = value_first(container, "env"); env != NULL; env = env->next) {
        if (has_number(value_text(env, "value"), number))
            return true;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
        for (const Value *word = value_first(container, lists[i]); word != NULL;
             word = word->next) {
            if (has_number(value_text(word, ""), number))
                return true;
        }
    }
    return is_probed(container, number);
}

bool
port_is_mentioned(const Object *pod, int number)
{
    enum { ISTIO_FIRST = 15000, ISTIO_LAST = 15099 };
    static const char *const lists[] = {"spec.containers", "spec.initContainers"};
    bool is_istio = number >= ISTIO_FIRST && number <= ISTIO_LAST;
    const Value *annotations = value_at(pod->value, "metadata.annotations");
    if (value_int(value_get(annotations, "prometheus.io/port"), "", 0) == number)
        return true;
    for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
        for (const Value *c = value_first(pod->value, lists[i]); c != NULL; c = c->next) {
            if (container_mentions(c, number) || (is_istio && value_is(c, "name", "istio-proxy")))
                return true;
        }
    }
    return false;
}

guint
port_count(const Value *template)
{
    PortList list = {NULL, 0};
    find_port(template, count_port, &list);
    return list.n;
}

char *
port_list_text(const Value *template)
{
    PortList list = {g_string_new(NULL), 0};
    find_port(template, count_port, &list);
    return g_string_free(list.text, FALSE);
}

char *
service_ports_text(const Object *service)
{
    GString *text = g_string_new(NULL);
    for (const Value *port = value_first(service->value, "spec.ports"); port != NULL;
         port = port->next)
        add_port(text, port, "port");
    return g_string_free(text, FALSE);
}

const char *
service_target_text(const Value *port)
{
    const char *target = value_text(port, "targetPort");
    return target[0] != '\0' && strcmp(target, "0") != 0 ? target : value_text(port, "port");
}

int
service_target(const Value *port, const Object *pod)
{
    const char *target = service_target_text(port);
    guint64 number;
    if (g_ascii_string_to_unsigned(target, 10, 1, 65535, &number, NULL))
        return (int)number;
    return port_named(pod->value, target, port_protocol(port));
}

const Value *
service_port(const Object *service, int number, const char *name)
{
    for (const Value *port = value_first(service->value, "spec.ports"); port != NULL;
         port = port->next) {
        if (number > 0 ? value_int(port, "port", 0) == number : value_is(port, "name", name))
            return port;
    }
    return NULL;
}

/* ---- EndpointSlices. ---- */

struct Backends {
    const Snapshot *snapshot;
    GHashTable *slices; /* "namespace/Service" -> GPtrArray of Object */
    GPtrArray *none;
};

static void
unref_array(gpointer array)
{
    g_ptr_array_unref(array);
}

Backends *
backends_new(const Snapshot *snapshot)
{
    Backends *backends = g_new0(Backends, 1);
    backends->snapshot = snapshot;
    backends->slices = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, unref_array);
    backends->none = g_ptr_array_new();
    const GPtrArray *all = snapshot_objects(snapshot, KIND_ENDPOINT_SLICE);
    for (guint i = 0; i < all->len; i++) {
        const Object *slice = all->pdata[i];
        const Value *labels = value_at(slice->value, "metadata.labels");
        const char *service = value_text(value_get(labels, "kubernetes.io/service-name"), "");
        if (service[0] == '\0')
            continue;
        g_autofree char *key = g_strdup_printf("%s/%s", slice->ns, service);
        GPtrArray *slices = g_hash_table_lookup(backends->slices, key);
        if (slices == NULL) {
            slices = g_ptr_array_new();
            g_hash_table_insert(backends->slices, g_steal_pointer(&key), slices);
        }
        g_ptr_array_add(slices, all->pdata[i]);
    }
    return backends;
}

void
backends_free(Backends *backends)
{
    if (backends == NULL)
        return;
    g_hash_table_unref(backends->slices);
    g_ptr_array_unref(backends->none);
    g_free(backends);
}

const GPtrArray *
backends_slices(const Backends *backends, const Object *service)
{
    g_autofree char *key = g_strdup_printf("%s/%s", service->ns, service->name);
    const GPtrArray *slices = g_hash_table_lookup(backends->slices, key);
    return slices != NULL ? slices : backends->none;
}

bool
backends_count(const Backends *backends, const Object *service, guint *ret_ready, guint *ret_all)
{
    *ret_ready = *ret_all = 0;
    if (!snapshot_knows(backends->snapshot, KIND_ENDPOINT_SLICE))
        return false;
    const GPtrArray *slices = backends_slices(backends, service);
    for (guint i = 0; i < slices->len; i++) {
        const Object *slice = slices->pdata[i];
        for (const Value *endpoint = value_first(slice->value, "endpoints"); endpoint != NULL;
             endpoint = endpoint->next) {
            /* No condition is to be taken for ready. */
            *ret_ready += !value_is(endpoint, "conditions.ready", "false");
            ++*ret_all;
        }
    }
    return true;
}

/* ---- Addresses for people. ---- */

char *
ingress_url_text(const Object *ingress, const Value *rule, const Value *path)
{
    const char *host = value_text(rule, "host");
    bool is_tls = false;
    for (const Value *tls = value_first(ingress->value, "spec.tls"); tls != NULL; tls = tls->next) {
        for (const Value *name = value_first(tls, "hosts"); name != NULL; name = name->next)
            is_tls = is_tls || value_is(name, "", host);
    }
    return g_strdup_printf("%s://%s%s", is_tls ? "https" : "http", host[0] != '\0' ? host : "*",
                           value_text(path, "path"));
}

typedef struct {
    const char *service;
    GString *text;
    guint n;
} Urls;

static void
add_url(Urls *urls, const Object *ingress, const Value *rule, const Value *path)
{
    enum { NAMED_MAX = 3 };
    if (urls->n++ >= NAMED_MAX)
        return;
    g_autofree char *url = ingress_url_text(ingress, rule, path);
    g_string_append_printf(urls->text, "%s%s", urls->n > 1 ? ", " : "", url);
}

static void
add_urls(Urls *urls, const Object *ingress)
{
    if (value_is(ingress->value, "spec.defaultBackend.service.name", urls->service))
        add_url(urls, ingress, NULL, NULL);
    for (const Value *rule = value_first(ingress->value, "spec.rules"); rule != NULL;
         rule = rule->next) {
        for (const Value *path = value_first(rule, "http.paths"); path != NULL; path = path->next) {
            if (value_is(path, "backend.service.name", urls->service))
                add_url(urls, ingress, rule, path);
        }
    }
}

char *
service_urls_text(const Snapshot *snapshot, const Object *service)
{
    Urls urls = {service->name, g_string_new(NULL), 0};
    const GPtrArray *ingresses = snapshot_in_namespace(snapshot, KIND_INGRESS, service->ns);
    for (guint i = 0; i < ingresses->len; i++)
        add_urls(&urls, ingresses->pdata[i]);
    if (urls.n > 3)
        g_string_append_printf(urls.text, " and %u more", urls.n - 3);
    return g_string_free(urls.text, FALSE);
}
