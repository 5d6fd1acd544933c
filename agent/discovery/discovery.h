/* Names for the processes of the node: follows the pods of the node where there is a cluster, by a
 * list and a watch of its API server or by lists of the kubelet, else asks Docker and Podman for
 * containers, and gives each process its labels, after the relabel rules of the user. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/discovery/target.h"
#include "lib/k8s/config.h"

typedef struct {
    K8sConfig *cluster;        /* taken over; NULL: no pods are looked for */
    const char *docker_socket; /* that is asked for containers where no pods are looked for, as
                                  LocalContainersConfig has it; NULL or "": none */
    const char *node;          /* the name of the node in the cluster */
    TargetScheme scheme;
    const char *relabel_file; /* a list of relabel rules, read again when it changes; NULL: none */
    const char *tenant_label; /* of pods, whose value becomes __tenant_id__; NULL or "": none */
    int64_t start_spread_ms;  /* the pods are listed first within so long, by chance */
    int64_t poll_ms;          /* the cluster is a kubelet, which is asked so often; 0: it is not */
    int64_t retry_max_ms;     /* between two tries that failed; 0: a minute */
    int64_t silence_ms;       /* after which a watch is begun anew; 0: three minutes */
} DiscoveryConfig;

typedef struct Discovery Discovery;

/* NULL with *error when the file of rules cannot be read, with line and field. Begins to follow the
 * pods at once; that a cluster does not answer is told by discovery_check. */
Discovery *discovery_new(const DiscoveryConfig *config, GError **error);
/* NULL is allowed. */
void discovery_free(Discovery *discovery);

/* Says that a process of this cgroup was sampled: its container is asked for then, if need be, and
 * known when its window ends. Waits for nothing. Any thread. */
void discovery_notice(Discovery *discovery, const Cgroup *cgroup);

/* Finds the pod or container of `target`, which are not set yet, and fills the empty `set`
 * with its labels: what the process says, then `fixed`, which wins, then the rules. False when it
 * is not to be profiled, which is counted: for a minute after the start that goes for containers
 * too as long as the pods were not listed, and with a kubelet for each container that it has not
 * told of yet, for two of its intervals. Any thread. */
bool
discovery_label(Discovery *discovery, const Target *target, const LabelSet *fixed, LabelSet *set);

/* The pods of the node, new references; free with g_ptr_array_unref. Any thread. */
GPtrArray *discovery_pods(Discovery *discovery);
/* Grows whenever these may have changed. Any thread. */
uint64_t discovery_pods_version(Discovery *discovery);

/* Appends a line for each thing that is wrong: no line means that the pods are known, and a socket
 * of Docker that was named answers. Any thread. */
void discovery_check(Discovery *discovery, GString *out);
/* Appends the metrics of the pods, the watch, the containers and the processes that are not
 * profiled. */
void discovery_write_metrics(Discovery *discovery, GString *out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Discovery, discovery_free)
