/* Pods as targets of scrapes: what their annotations ask for, and each of their ports for relabel
 * rules to choose from. */
#pragma once
#include <glib.h>

#include "agent/discovery/pod.h"
#include "agent/scrape/profile_type.h"

/* profiles.grafana.com/<type>.{scrape,port,port_name,scheme,path,container} */
#define POD_TARGET_ANNOTATION "profiles.grafana.com/"

/* A pod may declare many ports; of each type so many are taken at most. */
enum { POD_TARGETS_MAX = 64 };

/* Told of a target: its labels, to be freed by the callee, among them __address__, and the type of
 * its profiles; NULL: all that the job wants. */
typedef void (*PodTargetFunc)(LabelSet *labels, const ProfileType *type, void *data);
/* Told why something that was asked for is no target, in one line. */
typedef void (*PodTargetSkipped)(const char *text, void *data);

/* Whether it runs: pods in the phases Pending, Succeeded, Failed and Completed do not, nor those
 * without an address. */
bool pod_target_is_running(const Pod *pod);

/* When the container that listens at HOST:PORT was started (its start_ns): of those of the pod,
 * which has an address, the one that declares the port, else the only one that runs. 0: not known,
 * or the host is not the pod's. */
int64_t pod_target_start_ns(const Pod *pod, const char *address);

/* Each type that an annotation asks for, at the port with the number or name that it says, else at
 * those that are called http2, or end in -metrics or -profiles. A number need not be a declared
 * port. Labels: those of the pod and its container (target_add_pod_labels), service_name,
 * __scheme__ and __profile_path__ where they are annotated, and __meta_kubernetes_*. */
void pod_targets_by_annotation(const Pod *pod, PodTargetFunc found, PodTargetSkipped skipped,
                               void *data);

/* Each port of each container, and each container without ports, with the same labels, as the role
 * "pod" of Prometheus has it: __meta_kubernetes_pod_container_port_name, _number and _protocol tell
 * them apart. */
void pod_targets_by_port(const Pod *pod, PodTargetFunc found, void *data);
