/* The pods of the node, found by the ids that cgroups have: of containers, and of pods. Pods that
 * are gone, and containers that were replaced, are still found for five minutes, as samples of them
 * may be on their way. Any thread. */
#pragma once
#include <stdbool.h>

#include "agent/discovery/pod.h"

/* Names under which pods are found. A node has some hundred pods with a few containers each; when
 * so many are held, those that are gone are forgotten early, and then new ones not taken. */
enum { POD_KEYS_MAX = 32 * 1024 };

#define POD_GRACE_US (5 * 60 * G_USEC_PER_SEC)

typedef struct PodIndex PodIndex;

PodIndex *pod_index_new(void);
void pod_index_free(PodIndex *index);

/* Between these, what is not put again is gone at the end. A list that has no end changes nothing
 * of what is known. */
void pod_index_begin(PodIndex *index);
void pod_index_end(PodIndex *index, int64_t now_us);

/* Adds a pod, or replaces what is known of its UID. `now_us` is g_get_monotonic_time. */
void pod_index_put(PodIndex *index, Pod *pod, int64_t now_us);
void pod_index_remove(PodIndex *index, const char *uid, int64_t now_us);

/* The pod by the id of a container, else by its own (either may be NULL), and where the container
 * is known *ret_container, which lives as long as the pod. A new reference, or NULL. */
Pod *pod_index_find(PodIndex *index, const char *container_id, const char *pod_uid, int64_t now_us,
                    const PodContainer **ret_container);
/* Pods that are there, without those that are gone. */
size_t pod_index_size(PodIndex *index);
/* Whether a list came to its end. */
bool pod_index_is_listed(PodIndex *index);

/* The pods that are there, new references; free with g_ptr_array_unref. */
GPtrArray *pod_index_list(PodIndex *index);
/* Grows whenever that may have changed. */
uint64_t pod_index_version(PodIndex *index);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(PodIndex, pod_index_free)
