#include "analyzers/checks/series_place.h"

#include "analyzers/checks/node_index.h"
#include "analyzers/checks/status.h"

const TelemetryQuery node_names_query = {
    .name = "node-names",
    .text = "max by (instance, nodename) (node_uname_info{$S})",
};

struct SeriesPlaces {
    const CheckRun *run;
    NodeIndex *index;
    GHashTable *hosts; /* instance -> node name; borrowed */
};

SeriesPlaces *
series_places_new(const CheckRun *run)
{
    SeriesPlaces *places = g_new0(SeriesPlaces, 1);
    const Answer *names = telemetry_answer(run->telemetry, &node_names_query);
    places->run = run;
    places->index = node_index_new(run);
    places->hosts = g_hash_table_new(g_str_hash, g_str_equal);
    for (uint32_t i = 0; i < names->n; i++)
        g_hash_table_insert(places->hosts,
                            (gpointer)(uintptr_t)series_label(&names->series[i], "instance"),
                            (gpointer)(uintptr_t)series_label(&names->series[i], "nodename"));
    return places;
}

void
series_places_free(SeriesPlaces *places)
{
    if (places == NULL)
        return;
    node_index_free(places->index);
    g_hash_table_unref(places->hosts);
    g_free(places);
}

/* The node that a value names, or that the exporter at this address says it is on. */
static const Object *
node_of(const SeriesPlaces *places, const char *value)
{
    const NodePlace *place = node_index_find(places->index, value);
    const char *name = g_hash_table_lookup(places->hosts, value);
    if ((place == NULL || place->node == NULL) && name != NULL)
        place = node_index_find(places->index, name);
    return place != NULL ? place->node : NULL;
}

const Object *
series_node(const SeriesPlaces *places, const MetricSeries *series)
{
    static const char *const labels[] = {"node",     "k8s_node_name", "kubernetes_node",
                                         "nodename", "host",          "instance"};
    const Object *node = NULL;
    for (size_t i = 0; node == NULL && i < G_N_ELEMENTS(labels); i++)
        node = node_of(places, series_label(series, labels[i]));
    const Object *pod = node == NULL ? series_pod(places, series) : NULL;
    return pod != NULL ? snapshot_get(places->run->snapshot, KIND_NODE, "", pod_node(pod)) : node;
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

const Object *
series_autoscaler(const SeriesPlaces *places, const MetricSeries *series)
{
    return object_of(places, series, KIND_HPA, "horizontalpodautoscaler");
}

bool
series_is_of_container(const MetricSeries *a, const MetricSeries *b)
{
    static const char *const labels[] = {"namespace", "pod", "container"};
    for (size_t i = 0; i < G_N_ELEMENTS(labels); i++) {
        if (strcmp(series_label(a, labels[i]), series_label(b, labels[i])) != 0)
            return false;
    }
    return true;
}
