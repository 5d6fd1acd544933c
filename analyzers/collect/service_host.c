#include "analyzers/collect/service_host.h"

#include <string.h>

/* Parts of a host; "web-0", "web", "shop", "svc" and what follows. */
enum { PARTS_MAX = 5 };

static void
add_name(ServiceName *names, size_t *n, const char *name, const char *ns, bool is_full)
{
    if (name[0] != '\0' && ns[0] != '\0')
        names[(*n)++] = (ServiceName){g_strdup(name), g_strdup(ns), is_full};
}

/* Whether the parts from `at` are "name", "namespace", "svc" and a domain of this cluster. */
static bool
is_full_at(const char *const *parts, guint n, guint at)
{
    return n >= at + 3 && strcmp(parts[at + 2], "svc") == 0 &&
           (n == at + 3 || !g_str_has_prefix(parts[at + 3], "clusterset"));
}

static size_t
names_of_parts(const char *const *parts, guint n, const char *ns, ServiceName *names)
{
    size_t n_names = 0;
    if (n == 1 && strcmp(parts[0], "localhost") != 0)
        add_name(names, &n_names, parts[0], ns, false);
    if (n == 2) {
        add_name(names, &n_names, parts[0], parts[1], false);
        add_name(names, &n_names, parts[1], ns, false);
    }
    for (guint at = 0; at < 2 && n_names == 0; at++) {
        if (is_full_at(parts, n, at))
            add_name(names, &n_names, parts[at], parts[at + 1], true);
    }
    return n_names;
}

size_t
service_names_of(const char *host, const char *ns, ServiceName ret_names[SERVICE_NAMES_MAX])
{
    if (host[0] == '\0' || strchr(host, '*') != NULL || g_hostname_is_ip_address(host))
        return 0;
    g_auto(GStrv) parts = g_strsplit(host, ".", PARTS_MAX);
    guint n = g_strv_length(parts);
    if (n > 1 && parts[n - 1][0] == '\0')
        n--; /* "web.shop.svc." */
    return names_of_parts((const char *const *)parts, n, ns, ret_names);
}

void
service_names_clear(ServiceName *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        g_free(names[i].name);
        g_free(names[i].ns);
    }
}

static const Object *
by_address(const Snapshot *snapshot, const char *address)
{
    const GPtrArray *services = snapshot_objects(snapshot, KIND_SERVICE);
    for (guint i = 0; i < services->len; i++) {
        const Object *service = services->pdata[i];
        if (value_is(service->value, "spec.clusterIP", address))
            return service;
    }
    return NULL;
}

const Object *
service_of_host(const Snapshot *snapshot, const char *host, const char *ns)
{
    ServiceName names[SERVICE_NAMES_MAX];
    if (g_hostname_is_ip_address(host))
        return by_address(snapshot, host);
    size_t n = service_names_of(host, ns, names);
    const Object *service = NULL;
    for (size_t i = 0; i < n && service == NULL; i++)
        service = snapshot_get(snapshot, KIND_SERVICE, names[i].ns, names[i].name);
    service_names_clear(names, n);
    return service;
}

/* Whether a host of a ServiceEntry is this one, or the same Service. */
static bool
is_entry_for(const char *entry, const char *entry_ns, const char *host, const ServiceName *name)
{
    ServiceName others[SERVICE_NAMES_MAX];
    if (g_ascii_strcasecmp(entry, host) == 0 ||
        (g_str_has_prefix(entry, "*.") && g_str_has_suffix(host, entry + 1)))
        return true;
    size_t n = service_names_of(entry, entry_ns, others);
    bool is_same =
        n > 0 && strcmp(others[0].name, name->name) == 0 && strcmp(others[0].ns, name->ns) == 0;
    service_names_clear(others, n);
    return is_same;
}

static bool
has_entry(const Snapshot *snapshot, const char *host, const ServiceName *name)
{
    const GPtrArray *entries = snapshot_objects(snapshot, KIND_SERVICE_ENTRY);
    for (guint i = 0; i < entries->len; i++) {
        const Object *entry = entries->pdata[i];
        for (const Value *one = value_first(entry->value, "spec.hosts"); one != NULL;
             one = one->next) {
            if (is_entry_for(value_text(one, ""), entry->ns, host, name))
                return true;
        }
    }
    return false;
}

bool
service_host_is_missing(const Snapshot *snapshot, const char *host, const char *ns)
{
    ServiceName names[SERVICE_NAMES_MAX];
    size_t n = service_names_of(host, ns, names);
    bool is_certain = n == 1 && (names[0].is_full || strchr(host, '.') == NULL);
    ListState entries = snapshot_list_state(snapshot, KIND_SERVICE_ENTRY);
    bool is_missing =
        is_certain && entries != LIST_FAILED &&
        snapshot_presence(snapshot, KIND_SERVICE, names[0].ns, names[0].name) == PRESENCE_MISSING &&
        !has_entry(snapshot, host, &names[0]);
    service_names_clear(names, n);
    return is_missing;
}
