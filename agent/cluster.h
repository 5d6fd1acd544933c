/* Where the agent hears of the pods of its node, and as whom it asks: the API server of the
 * cluster, or the kubelet of the node. */
#pragma once
#include "agent/options.h"
#include "lib/k8s/config.h"

/* The port of kubelets (https://kubernetes.io/docs/reference/networking/ports-and-protocols/). */
enum { CLUSTER_KUBELET_PORT = 10250 };

/* How to reach it, as the options say: to be freed by the caller, and told in the log. The kubelet
 * is asked with the credentials of the service account or kubeconfig, but without any where its URL
 * is http. NULL without *error where there is no cluster: a pod without a service account is
 * profiled as any machine is, unless a cluster was asked for. NULL with *error when what was asked
 * for cannot be had; the error names the file and what to do. */
K8sConfig *cluster_load(const AgentOptions *options, GError **error);

/* The URL of --kubelet; of "auto" that of the node whose address NODE_IP in the environment is, or
 * of 127.0.0.1 without it. NULL when the kubelet is not asked. The caller frees. */
char *cluster_kubelet_url(const AgentOptions *options);
