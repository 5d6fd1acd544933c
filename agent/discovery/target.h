/* What a process is called: its labels, from its cgroup, its pod and the rules of the user, and
 * whether it is profiled at all. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/discovery/pod.h"
#include "agent/process/cgroup.h"
#include "lib/relabel/label_set.h"
#include "lib/relabel/relabel.h"

/* The annotation of a pod that says whether eBPF profiles are made of it: "true" or "false". */
#define TARGET_ANNOTATION "profiles.grafana.com/cpu.ebpf.enabled"

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
} Target;

/* Whether the scheme has it profiled. */
bool target_is_wanted(const Target *target, TargetScheme scheme);

/* The service that it belongs to: of a pod the annotation resource.opentelemetry.io/service.name,
 * the labels app.kubernetes.io/instance and app.kubernetes.io/name, the workload, the pod; outside
 * of pods "kernel" for kernel threads, the systemd unit, the base name of the executable, comm. The
 * caller frees. */
char *target_service_name(const Target *target);

/* Adds the labels that profiles have: service_name, pid, comm, container_id, and in a pod
 * namespace, pod, container, service_namespace and service_instance_id. Values are valid UTF-8. */
void target_add_labels(const Target *target, LabelSet *set);
/* Adds what relabel rules may read beside these: __meta_kubernetes_* as Prometheus names them for
 * pods, __meta_process_executable, __meta_process_pid, __meta_systemd_unit. */
void target_add_meta_labels(const Target *target, LabelSet *set);
/* Removes labels that begin with "__", but __name__. */
void target_drop_meta_labels(LabelSet *set);
