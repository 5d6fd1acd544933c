/* What a label of a series names: a node, or a pod and with it the node that it is on. Which label
 * that is differs with how metrics are collected, so it is found by its values. */
#pragma once
#include "analyzers/checks/check.h"

/* At least so many of a hundred series are named right by the label that is chosen. */
enum { NODE_LABEL_SHARE_MIN = 80 };

/* What series are grouped by, for labels to choose from. */
#define NODE_LABELS                                                                                \
    "node, k8s_node_name, nodename, node_name, host, hostname, instance, pod, namespace"

/* The pods of DaemonSets within a day that had a series of a metric, also those that are gone: one
 * series each, with namespace, pod, node and created_by_name. */
#define NODE_INDEX_PODS(metric)                                                                    \
    "group by (namespace, pod, node, created_by_name) "                                            \
    "(last_over_time(kube_pod_info{created_by_kind=\"DaemonSet\",node!=\"\",$S}[24h])) "           \
    "and on (namespace, pod) group by (namespace, pod) (last_over_time(" metric "[24h]))"

typedef struct {
    const Object *node; /* NULL: not of this cluster */
    const Object *pod;  /* NULL: it names the node, or a pod that is gone */
    const Object *set;  /* its DaemonSet; NULL: none, or not known */
} NodePlace;

typedef struct NodeIndex NodeIndex;

/* Of the nodes and pods of the snapshot. Borrows the run. */
NodeIndex *node_index_new(const CheckRun *run);
void node_index_free(NodeIndex *index);
/* Adds pods that an answer to NODE_INDEX_PODS has and the snapshot has not. */
void node_index_add_pods(NodeIndex *index, const Answer *pods);

/* What a value names, with or without a port: "n1", "10.0.0.7:12345", "alloy-x7k2p"; NULL when it
 * is nothing of this cluster. */
const NodePlace *node_index_find(const NodeIndex *index, const char *value);

typedef struct {
    const char *label;    /* NULL: none names nodes */
    guint n_known, n_all; /* series that the best one names, of all */
} NodeLabel;

/* The label that names most nodes or pods, judged by series without samples, or whose value is at
 * least `from` (a time: those of nodes that are gone would spoil it). */
NodeLabel node_label_find(const NodeIndex *index, const Answer *answer, double from);
/* The same of one label, whatever its share. */
NodeLabel
node_label_of(const NodeIndex *index, const Answer *answer, const char *label, double from);
/* What a series is of: the pod that it names, else the node that `label` names; NULL for neither.
 */
const NodePlace *
node_index_place(const NodeIndex *index, const MetricSeries *series, const char *label);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(NodeIndex, node_index_free)
