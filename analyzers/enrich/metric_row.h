/* What metrics are asked about which findings, and how their answers read. Internal to
 * analyzers/enrich. */
#pragma once
#include <stddef.h>

#include "analyzers/checks/unit.h"

/* Whose series they are, and by which labels those are found. */
typedef enum {
    METRIC_OF_CONTAINER,  /* namespace, pod and container */
    METRIC_OF_NODE,       /* instance or node */
    METRIC_OF_NODE_PODS,  /* namespace and pod, of the pods of a node */
    METRIC_OF_CLAIM,      /* namespace and persistentvolumeclaim */
    METRIC_OF_AUTOSCALER, /* namespace and horizontalpodautoscaler */
} MetricOwner;

typedef struct {
    const char *checks; /* ids, see enquiry_is_about */
    MetricOwner owner;
    Unit unit;
    const char *resource; /* of containers, that the value is of: "memory", "cpu"; NULL: none */
    /* PromQL of an instant vector. $O stands for the matchers of the objects, $S for those of the
     * cluster; both stand behind a comma. */
    const char *query;
    /* A line of evidence. $NAME stands for the label NAME, $value for the value, $limit for what
     * the limit of the container is, "" or ", 98 % of its limit of 256Mi"; for pods of nodes $pods
     * for the list of the largest. */
    const char *says;
} MetricRow;

extern const MetricRow metric_rows[];
extern const size_t n_metric_rows;
