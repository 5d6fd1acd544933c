/* A snapshot from a running cluster, by its API. */
#pragma once
#include "analyzers/collect/snapshot.h"
#include "lib/k8s/client.h"

typedef struct {
    bool with_secrets;          /* their metadata: RBAC cannot allow that without their content */
    bool with_tls_secrets;      /* those of type kubernetes.io/tls, with their content */
    const char *managed_groups; /* API groups whose managed resources of Crossplane are listed,
                                   separated by commas, or "*"; NULL or "": none */
    bool with_reports;          /* reports of policies: there may be one for every object */
    int64_t logs_time_ms;       /* for all logs; 0: CLUSTER_LOGS_S */
} ClusterOptions;

enum {
    CLUSTER_DEADLINE_S = 8 * 60, /* of everything */
    CLUSTER_PARALLEL = 4,        /* lists at once */
    CLUSTER_LOGS_MAX = 40,
    CLUSTER_LOGS_S = 60, /* for all of them: one may take 10 s, and a run has few minutes */
};

/* Lists every kind that the server has, asks it how it is, and finishes the snapshot; what could
 * not be listed says why. Logs are asked for when a check wants one, at most CLUSTER_LOGS_MAX of
 * them and for as long as the options say (then snapshot_logs_problem), and for objects that a list
 * lacks when a finding says so (lookup.h); `client` is borrowed for as long as the snapshot lives.
 * When the server does not say what it serves: UNAUTHENTICATED (401), PERMISSION_DENIED (403),
 * NOT_FOUND (404), DEADLINE_EXCEEDED, CANCELLED, else UNAVAILABLE.
 */
bool
cluster_read(Snapshot *snapshot, K8sClient *client, const ClusterOptions *options, GError **error);
