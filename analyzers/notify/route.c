#include "analyzers/notify/route.h"

#include "analyzers/notify/receiver.h"
#include "lib/base/text.h"
#include "lib/base/yaml_field.h"

void
route_free(Route *route)
{
    if (route == NULL)
        return;
    g_free(route->receiver);
    g_strfreev(route->namespaces);
    g_strfreev(route->checks);
    g_strfreev(route->clusters);
    g_clear_pointer(&route->labels, g_hash_table_unref);
    g_clear_pointer(&route->annotations, g_hash_table_unref);
    quiet_hours_free(route->quiet_hours);
    g_free(route);
}

static const YamlField fields[] = {
    {"receiver", yaml_read_text, offsetof(Route, receiver)},
    {"namespaces", yaml_read_texts, offsetof(Route, namespaces)},
    {"checks", yaml_read_texts, offsetof(Route, checks)},
    {"clusters", yaml_read_texts, offsetof(Route, clusters)},
    {"labels", yaml_read_texts_by_key, offsetof(Route, labels)},
    {"annotations", yaml_read_texts_by_key, offsetof(Route, annotations)},
    {"severity", receiver_read_severity, offsetof(Route, severity_min)},
    {"continue", yaml_read_bool, offsetof(Route, goes_on)},
    {"quiet_hours", quiet_hours_read, offsetof(Route, quiet_hours)},
};

Route *
route_read(YamlTree *tree, const YamlNode *node, GError **error)
{
    Route *route = g_new0(Route, 1);
    if (yaml_read_fields(tree, node, "a route", fields, G_N_ELEMENTS(fields), route, error) &&
        (route->receiver != NULL || yaml_fail(tree, node, error, "a route needs a receiver")))
        return route;
    route_free(route);
    return NULL;
}

static bool
object_has(const Object *object, const char *path, const char *key, const char *glob)
{
    const Value *value = object != NULL ? value_get(value_at(object->value, path), key) : NULL;
    return value != NULL && g_pattern_match_simple(glob, value_text(value, ""));
}

/* Whether the object or its namespace has all of the pairs. */
static bool
pairs_match(GHashTable *pairs, const char *path, const Incident *incident)
{
    GHashTableIter iter;
    gpointer key, glob;
    if (pairs == NULL)
        return true;
    const Object *ns = incident->ns[0] != '\0' && incident->snapshot != NULL
                           ? snapshot_get(incident->snapshot, KIND_NAMESPACE, "", incident->ns)
                           : NULL;
    g_hash_table_iter_init(&iter, pairs);
    while (g_hash_table_iter_next(&iter, &key, &glob)) {
        if (!object_has(incident->object, path, key, glob) && !object_has(ns, path, key, glob))
            return false;
    }
    return true;
}

bool
route_matches(const Route *route, const Incident *incident, const char *cluster)
{
    return incident->severity >= route->severity_min &&
           globs_match(route->namespaces, incident->ns) &&
           globs_match(route->checks, incident->check) && globs_match(route->clusters, cluster) &&
           pairs_match(route->labels, "metadata.labels", incident) &&
           pairs_match(route->annotations, "metadata.annotations", incident);
}
