#include "analyzers/checks/series_place.h"

#include <string.h>

const TelemetryQuery node_names_query = {
    .name = "node-names",
    .text = "max by (instance, nodename) (node_uname_info{$S})",
};

struct SeriesPlaces {
    const CheckRun *run;
    GHashTable *nodes; /* name, host name, address -> Object; keys are borrowed */
    GHashTable *hosts; /* instance -> node name; borrowed */
};

static void
add_key(GHashTable *table, const char *key, const void *value)
{
    if (*key != '\0')
        g_hash_table_insert(table, (gpointer)(uintptr_t)key, (gpointer)(uintptr_t)value);
}

static void
add_node(SeriesPlaces *places, const Object *node)
{
    const Value *labels = value_at(node->value, "metadata.labels");
    for (const Value *a = value_first(node->value, "status.addresses"); a != NULL; a = a->next)
        add_key(places->nodes, value_text(a, "address"), node);
    add_key(places->nodes, value_text(value_get(labels, "kubernetes.io/hostname"), ""), node);
    add_key(places->nodes, node->name, node);
}

SeriesPlaces *
series_places_new(const CheckRun *run)
{
    SeriesPlaces *places = g_new0(SeriesPlaces, 1);
    const GPtrArray *nodes = snapshot_objects(run->snapshot, KIND_NODE);
    const Answer *names = telemetry_answer(run->telemetry, &node_names_query);
    places->run = run;
    places->nodes = g_hash_table_new(g_str_hash, g_str_equal);
    places->hosts = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < nodes->len; i++)
        add_node(places, nodes->pdata[i]);
    for (uint32_t i = 0; i < names->n; i++)
        add_key(places->hosts, series_label(&names->series[i], "instance"),
                series_label(&names->series[i], "nodename"));
    return places;
}

void
series_places_free(SeriesPlaces *places)
{
    if (places == NULL)
        return;
    g_hash_table_unref(places->nodes);
    g_hash_table_unref(places->hosts);
    g_free(places);
}

/* "10.0.0.1:9100" and "[fd00::1]:9100" without the port. */
static char *
host_of(const char *instance)
{
    const char *end = strrchr(instance, ':');
    const char *closing = strrchr(instance, ']');
    if (*instance == '[' && closing != NULL)
        return g_strndup(instance + 1, (size_t)(closing - instance - 1));
    bool has_port = end != NULL && strchr(instance, ':') == end;
    return has_port ? g_strndup(instance, (size_t)(end - instance)) : g_strdup(instance);
}

static const Object *
node_of_instance(const SeriesPlaces *places, const char *instance)
{
    g_autofree char *host = host_of(instance);
    const Object *node = g_hash_table_lookup(places->nodes, host);
    const char *name = g_hash_table_lookup(places->hosts, instance);
    return node == NULL && name != NULL ? g_hash_table_lookup(places->nodes, name) : node;
}

const Object *
series_node(const SeriesPlaces *places, const MetricSeries *series)
{
    static const char *const labels[] = {"node",     "k8s_node_name", "kubernetes_node",
                                         "nodename", "host",          "instance"};
    const Object *node = NULL;
    for (size_t i = 0; node == NULL && i < G_N_ELEMENTS(labels); i++)
        node = node_of_instance(places, series_label(series, labels[i]));
    const Object *pod = node == NULL ? series_pod(places, series) : NULL;
    return pod != NULL ? snapshot_get(places->run->snapshot, KIND_NODE, "",
                                      value_text(pod->value, "spec.nodeName"))
                       : node;
}

static const Object *
object_of(const SeriesPlaces *places, const MetricSeries *series, Kind kind, const char *label)
{
    const Snapshot *snapshot = places->run->snapshot;
    g_autofree char *exported = g_strconcat("exported_", label, NULL);
    const char *ns = series_label(series, "exported_namespace");
    const char *name = series_label(series, exported);
    const Object *object =
        snapshot_get(snapshot, kind, ns, *name != '\0' ? name : series_label(series, label));
    return object != NULL ? object
                          : snapshot_get(snapshot, kind, series_label(series, "namespace"),
                                         series_label(series, label));
}

const Object *
series_pod(const SeriesPlaces *places, const MetricSeries *series)
{
    return object_of(places, series, KIND_POD, "pod");
}

const Object *
series_claim(const SeriesPlaces *places, const MetricSeries *series)
{
    return object_of(places, series, KIND_PVC, "persistentvolumeclaim");
}

const Object *
series_ingress(const SeriesPlaces *places, const MetricSeries *series)
{
    return object_of(places, series, KIND_INGRESS, "ingress");
}
