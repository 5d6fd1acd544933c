#include "analyzers/notify/notify_config.h"

#include <string.h>

#include "lib/base/text.h"
#include "lib/base/yaml_field.h"

enum { RECEIVERS_MAX = 100, ROUTES_MAX = 1000 };

static void
free_receiver(gpointer receiver)
{
    receiver_free(receiver);
}

static void
free_route(gpointer route)
{
    route_free(route);
}

NotifyConfig *
notify_config_new(const char *cluster)
{
    NotifyConfig *config = g_new0(NotifyConfig, 1);
    config->receivers = g_ptr_array_new_with_free_func(free_receiver);
    config->routes = g_ptr_array_new_with_free_func(free_route);
    config->daily_min = -1;
    config->cluster = g_strdup(cluster);
    return config;
}

void
notify_config_free(NotifyConfig *config)
{
    if (config == NULL)
        return;
    g_ptr_array_unref(config->receivers);
    g_ptr_array_unref(config->routes);
    g_free(config->fallback);
    g_strfreev(config->ns_included);
    g_strfreev(config->ns_excluded);
    quiet_hours_free(config->quiet_hours);
    silences_free(config->silences);
    g_free(config->heartbeat_url);
    g_clear_pointer(&config->daily_zone, g_time_zone_unref);
    g_strfreev(config->daily_receivers);
    g_free(config->cluster);
    g_free(config);
}

void
notify_config_add(NotifyConfig *config, Receiver *receiver)
{
    g_ptr_array_add(config->receivers, receiver);
    if (config->fallback == NULL)
        config->fallback = g_strdup(receiver->name);
}

const Receiver *
notify_config_find(const NotifyConfig *config, const char *name)
{
    for (guint i = 0; i < config->receivers->len; i++) {
        const Receiver *receiver = config->receivers->pdata[i];
        if (strcmp(receiver->name, name) == 0)
            return receiver;
    }
    return NULL;
}

const char **
notify_config_names(const NotifyConfig *config)
{
    const char **names = g_new0(const char *, config->receivers->len + 1);
    for (guint i = 0; i < config->receivers->len; i++)
        names[i] = ((const Receiver *)config->receivers->pdata[i])->name;
    return names;
}

/* ---- Reading. ---- */

static bool
read_receiver(YamlTree *tree, const YamlNode *item, void *data, GError **error)
{
    NotifyConfig *config = data;
    g_autoptr(Receiver) receiver = receiver_read(tree, item, error);
    if (receiver == NULL)
        return false;
    if (config->receivers->len >= RECEIVERS_MAX)
        return yaml_fail(tree, item, error, "receivers: there are more than %d", RECEIVERS_MAX);
    if (notify_config_find(config, receiver->name) != NULL)
        return yaml_fail(tree, item, error, "receivers: there are two of the name %s",
                         receiver->name);
    g_ptr_array_add(config->receivers, g_steal_pointer(&receiver));
    return true;
}

static bool
read_receivers(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error)
{
    return yaml_each_item(tree, node, key, read_receiver, place, error);
}

static bool
check_receiver(YamlTree *tree, const YamlNode *node, const char *key, const NotifyConfig *config,
               const char *name, GError **error)
{
    return notify_config_find(config, name) != NULL ||
           yaml_fail(tree, node, error, "%s: there is no receiver '%s' above", key, name);
}

static bool
read_route(YamlTree *tree, const YamlNode *item, void *data, GError **error)
{
    NotifyConfig *config = data;
    Route *route = route_read(tree, item, error);
    if (route == NULL)
        return false;
    g_ptr_array_add(config->routes, route);
    if (config->routes->len > ROUTES_MAX)
        return yaml_fail(tree, item, error, "routes: there are more than %d", ROUTES_MAX);
    return check_receiver(tree, item, "routes", config, route->receiver, error);
}

static bool
read_routes(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error)
{
    return yaml_each_item(tree, node, key, read_route, place, error);
}

static bool
read_fallback(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error)
{
    NotifyConfig *config = place;
    return yaml_read_text(tree, node, key, &config->fallback, error) &&
           check_receiver(tree, node, key, config, config->fallback, error);
}

static const YamlField ns_fields[] = {
    {"include", yaml_read_texts, offsetof(NotifyConfig, ns_included)},
    {"exclude", yaml_read_texts, offsetof(NotifyConfig, ns_excluded)},
};

static bool
read_namespaces(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error)
{
    return yaml_read_fields(tree, node, key, ns_fields, G_N_ELEMENTS(ns_fields), place, error);
}

static const YamlField daily_fields[] = {
    {"at", clock_read, offsetof(NotifyConfig, daily_min)},
    {"time_zone", time_zone_read, offsetof(NotifyConfig, daily_zone)},
    {"receivers", yaml_read_texts, offsetof(NotifyConfig, daily_receivers)},
};

static bool
read_daily(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error)
{
    NotifyConfig *config = place;
    if (!yaml_read_fields(tree, node, key, daily_fields, G_N_ELEMENTS(daily_fields), config, error))
        return false;
    if (config->daily_min < 0 || config->daily_receivers == NULL)
        return yaml_fail(tree, node, error, "daily needs at and receivers");
    for (size_t i = 0; config->daily_receivers[i] != NULL; i++) {
        if (!check_receiver(tree, node, key, config, config->daily_receivers[i], error))
            return false;
    }
    if (config->daily_zone == NULL)
        config->daily_zone = g_time_zone_new_utc();
    return true;
}

static bool
read_heartbeat_file(YamlTree *tree, const YamlNode *node, const char *key, void *place,
                    GError **error)
{
    char **field = place;
    const char *path = yaml_text(tree, node, key, error);
    if (path == NULL)
        return false;
    g_free(*field);
    *field = receiver_read_secret(path, key, error);
    return *field != NULL;
}

static const YamlField fields[] = {
    {"receivers", read_receivers, 0},
    {"default", read_fallback, 0},
    {"routes", read_routes, 0},
    {"namespaces", read_namespaces, 0},
    {"quiet_hours", quiet_hours_read, offsetof(NotifyConfig, quiet_hours)},
    {"silences", silences_read, offsetof(NotifyConfig, silences)},
    {"daily", read_daily, 0},
    {"heartbeat_url", yaml_read_text, offsetof(NotifyConfig, heartbeat_url)},
    {"heartbeat_url_file", read_heartbeat_file, offsetof(NotifyConfig, heartbeat_url)},
};

NotifyConfig *
notify_config_load(const char *path, const char *cluster, GError **error)
{
    g_autoptr(YamlTree) tree = yaml_tree_load(path, error);
    if (tree == NULL)
        return NULL;
    g_autoptr(NotifyConfig) config = notify_config_new(cluster);
    if (!yaml_read_fields(tree, yaml_tree_root(tree), "the file", fields, G_N_ELEMENTS(fields),
                          config, error))
        return NULL;
    if (config->fallback == NULL && config->receivers->len > 1) {
        yaml_fail(tree, yaml_tree_root(tree), error,
                  "of several receivers one has to be named as default");
        return NULL;
    }
    if (config->fallback == NULL && config->receivers->len == 1)
        config->fallback = g_strdup(((const Receiver *)config->receivers->pdata[0])->name);
    return g_steal_pointer(&config);
}

/* ---- Routing. ---- */

static void
add_receiver(const NotifyConfig *config, const char *name, const Incident *incident,
             GPtrArray *receivers)
{
    const Receiver *receiver = notify_config_find(config, name);
    if (receiver != NULL && incident->severity >= receiver->severity_min &&
        !g_ptr_array_find(receivers, receiver->name, NULL))
        g_ptr_array_add(receivers, receiver->name);
}

static void
find_receivers(const void *data, const Incident *incident, GPtrArray *receivers)
{
    const NotifyConfig *config = data;
    bool is_routed = false;
    if (incident->ns[0] != '\0' &&
        (!globs_match(config->ns_included, incident->ns) ||
         (config->ns_excluded != NULL && globs_match(config->ns_excluded, incident->ns))))
        return;
    for (guint i = 0; i < config->routes->len; i++) {
        const Route *route = config->routes->pdata[i];
        if (!route_matches(route, incident, config->cluster))
            continue;
        is_routed = true;
        add_receiver(config, route->receiver, incident, receivers);
        if (!route->goes_on)
            return;
    }
    if (!is_routed && config->fallback != NULL)
        add_receiver(config, config->fallback, incident, receivers);
}

static int64_t
find_due(const void *data, const Incident *incident, const char *receiver, int64_t now_s)
{
    const NotifyConfig *config = data;
    const QuietHours *hours = config->quiet_hours;
    if (incident->severity >= SEVERITY_HIGH)
        return now_s;
    for (guint i = 0; i < config->routes->len; i++) {
        const Route *route = config->routes->pdata[i];
        if (strcmp(route->receiver, receiver) == 0 &&
            route_matches(route, incident, config->cluster)) {
            hours = route->quiet_hours != NULL ? route->quiet_hours : hours;
            break;
        }
    }
    return quiet_hours_end(hours, now_s);
}

Routing
notify_config_routing(const NotifyConfig *config)
{
    return (Routing){.find = find_receivers, .due = find_due, .data = config};
}
