/* How Loki is asked about the logs of pods.
 *
 * Agents label streams differently: the pod is a label, or structured metadata of the lines, and
 * both are called so or as OpenTelemetry calls them (k8s_pod_name). What there is, Loki is asked.
 */
#pragma once
#include "analyzers/telemetry/api.h"

typedef struct {
    const char *ns, *pod, *container; /* names of labels; pod and container NULL: there is no such
                                         label */
    char *matchers;                   /* of the cluster; "" when streams have no such label */
} LokiLabels;

void loki_labels_clear(LokiLabels *labels);
/* Reads the answer of /loki/api/v1/labels. `matchers` are those of the cluster ("" for none): they
 * are taken when streams have their label. INVALID_ARGUMENT when no label tells the namespace. */
bool loki_labels_read(GBytes *body, const char *matchers, LokiLabels *ret_labels, GError **error);

/* A log query of pods of a namespace: {namespace="shop",pod=~"web-.+"}; `pods` is a regular
 * expression that matches whole names, and `container` "" for any. Free with g_free. */
char *
loki_pods_query(const LokiLabels *labels, const char *ns, const char *pods, const char *container);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LokiLabels, loki_labels_clear)
