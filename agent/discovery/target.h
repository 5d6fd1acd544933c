/* What a process is called: its labels, from its cgroup, its pod and the rules of the user, and
 * whether it is profiled at all. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/discovery/local_container.h"
#include "agent/discovery/pod.h"
#include "agent/process/cgroup.h"
#include "lib/relabel/label_set.h"
#include "lib/relabel/relabel.h"

/* The annotation of a pod that says whether eBPF profiles are made of it: "true" or "false". */
#define TARGET_ANNOTATION "profiles.grafana.com/cpu.ebpf.enabled"

/* The label of a profile whose value is the tenant that it is pushed as; it is not pushed itself.
 */
#define TARGET_TENANT_LABEL "__tenant_id__"

typedef enum {
    TARGET_SCHEME_ALL,        /* everything but pods whose annotation says "false" */
    TARGET_SCHEME_ANNOTATION, /* pods whose annotation says "true", and nothing else */
} TargetScheme;

/* A process as it was when its window ended; borrowed. */
typedef struct {
    uint32_t pid;
    const char *comm;
    const char *executable_path; /* NULL: not known */
    bool is_kernel_thread;
    const Cgroup *cgroup;
    const Pod *pod;                /* NULL: it is in none, or the pod is not known */
    const PodContainer *container; /* NULL: it is in none, or not known */
    const LocalContainer *local; /* of Docker or Podman, where there are no pods; NULL: likewise */
} Target;

/* Whether the scheme has it profiled. */
bool target_is_wanted(const Target *target, TargetScheme scheme);

/* The service that it belongs to: of a pod the annotations profiles.grafana.com/service_name,
 * pyroscope.io/service_name and resource.opentelemetry.io/service.name, the labels
 * app.kubernetes.io/instance and app.kubernetes.io/name, the workload, the pod; outside of pods
 * "kernel" for kernel threads, the service of Compose, the name of the container, the systemd unit,
 * the base name of the executable, comm. The caller frees. */
char *target_service_name(const Target *target);

/* Adds the labels that profiles have: service_name, pid, comm, container_id, and in a pod
 * namespace, pod, container, service_namespace and service_instance_id. Values are valid UTF-8. */
void target_add_labels(const Target *target, LabelSet *set);
/* Adds what relabel rules may read beside these: __meta_kubernetes_* and __meta_docker_* as
 * Prometheus names them for pods and containers, __meta_process_executable, __meta_process_pid,
 * __meta_systemd_unit. */
void target_add_meta_labels(const Target *target, LabelSet *set);

/* Adds what a pod says of everything in it: namespace, pod, container, service_namespace,
 * service_instance_id, and where annotations say them service_repository, service_git_ref and
 * service_root_path. `container` may be NULL. */
void target_add_pod_labels(const Pod *pod, const PodContainer *container, LabelSet *set);
/* Adds the __meta_kubernetes_* of a pod and of one of its containers, which may be NULL. */
void target_add_pod_meta_labels(const Pod *pod, const PodContainer *container, LabelSet *set);
/* The service of everything in a pod; borrowed. */
const char *target_pod_service_name(const Pod *pod);
/* Adds __tenant_id__ with the value of a label of the pod, which may be NULL; `pod_label` NULL or
 * "": there is no such label. */
void target_add_tenant(const Pod *pod, const char *pod_label, LabelSet *set);
/* Removes labels that begin with "__", but __name__ and __tenant_id__. */
void target_drop_meta_labels(LabelSet *set);
