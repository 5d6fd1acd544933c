/* A pod of the node, as much of it as names and relabel rules need. Immutable, and shared by
 * reference between threads. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/k8s/value.h"
#include "lib/relabel/label_set.h"

/* An annotation may be large (last-applied-configuration): longer ones than this are left out, and
 * so is what lies beyond so many of each kind. */
enum { POD_ANNOTATION_BYTES_MAX = 2048, POD_LABELS_MAX = 256, POD_CONTAINERS_MAX = 256 };

typedef struct {
    char *name;
    uint16_t number;
    char *protocol; /* "TCP" */
} PodPort;

typedef struct {
    char *name, *image;
    char *runtime_id; /* "containerd://0123…"; NULL: not started */
    int64_t start_ns; /* when it was started, since 1970, rounded up to a second, which is what is
                         told of it; 0: it does not run */
    bool is_init;
    GArray *ports; /* PodPort */
} PodContainer;

typedef struct {
    char *namespace, *name, *uid, *node, *ip, *host_ip, *phase;
    char *manifest_hash; /* of a static pod, which cgroups name instead of the UID; NULL: none */
    char *controller_kind, *controller_name; /* "ReplicaSet", "web-5d4f"; NULL: none */
    char *workload; /* the same as people call it: without the hash of a ReplicaSet; NULL: none */
    LabelSet *labels, *annotations;
    GArray *containers; /* PodContainer; ephemeral ones too */
} Pod;

/* Copies what is needed of a Pod object; NULL when it has no namespace, name or UID. One
 * reference. */
Pod *pod_new(const Value *object);
Pod *pod_ref(Pod *pod);
/* NULL is allowed. */
void pod_unref(Pod *pod);

/* Of "containerd://0123…" what stands in paths of cgroups: "0123…"; NULL for NULL. */
const char *pod_container_id(const PodContainer *container);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Pod, pod_unref)
