/* Which object of the cluster a series of a metric is about: the labels that say so differ with
 * what collects it. */
#pragma once
#include "analyzers/checks/check.h"

/* Asks which host the address of an exporter is: node_uname_info of node_exporter. */
extern const TelemetryQuery node_names_query;

typedef struct SeriesPlaces SeriesPlaces;

SeriesPlaces *series_places_new(const CheckRun *run);
void series_places_free(SeriesPlaces *places);

/* The node that one of the labels names by its name, its host name or its address (node,
 * k8s_node_name, nodename, host, instance without a port), or on which the pod that it names runs;
 * NULL when none does. */
const Object *series_node(const SeriesPlaces *places, const MetricSeries *series);
/* The pod of the labels namespace and pod, or exported_namespace and exported_pod; NULL. */
const Object *series_pod(const SeriesPlaces *places, const MetricSeries *series);
/* Whether two series have the same labels namespace, pod and container. */
bool series_is_of_container(const MetricSeries *a, const MetricSeries *b);
/* The claim of the labels namespace and persistentvolumeclaim; NULL. */
const Object *series_claim(const SeriesPlaces *places, const MetricSeries *series);

/* The Ingress of the labels namespace and ingress; NULL. */
const Object *series_ingress(const SeriesPlaces *places, const MetricSeries *series);

/* The HorizontalPodAutoscaler of the labels namespace and horizontalpodautoscaler; NULL. */
const Object *series_autoscaler(const SeriesPlaces *places, const MetricSeries *series);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SeriesPlaces, series_places_free)
