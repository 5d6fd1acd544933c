/* The containers of this machine by their ids: what is known of each, and which of them are to be
 * asked for. Whoever shares it between threads has the lock. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/discovery/local_container.h"

/* Ids, known or not; when so many are held, those that were not seen for five minutes are
 * forgotten, and then new ones not taken: their processes are named by what runs in them. */
enum { CONTAINER_INDEX_MAX = 1024 };

#define CONTAINER_INDEX_KEPT_US (5 * 60 * G_USEC_PER_SEC)

/* After so long what is still seen is asked for again: names can change, and who did not know a
 * container may be told of it later. */
#define CONTAINER_INDEX_AGAIN_US (10 * 60 * G_USEC_PER_SEC)

typedef struct ContainerIndex ContainerIndex;

ContainerIndex *container_index_new(void);
void container_index_free(ContainerIndex *index);

/* The container of a process that was seen: a new reference, or NULL when it is not known. From
 * then on it is due to be asked for, if that was not done of late. `now_us` is
 * g_get_monotonic_time. */
LocalContainer *container_index_find(ContainerIndex *index, const char *id, int64_t now_us);
/* Whether any is due. */
bool container_index_has_due(const ContainerIndex *index);
/* The ids (char *) of those that have been due for longest, so many at most. */
GPtrArray *container_index_due(const ContainerIndex *index, guint n_max);

/* Adds what was told of a container, or replaces it; it is not due any more. */
void container_index_put(ContainerIndex *index, LocalContainer *container, int64_t now_us);
/* These were asked for: of those that were not put nobody knows. What was known before stays. */
void container_index_settle(ContainerIndex *index, const GPtrArray *ids, int64_t now_us);
/* These could not be asked for: they are due behind all others. */
void container_index_put_off(ContainerIndex *index, const GPtrArray *ids);

/* Containers that are known. */
size_t container_index_known(const ContainerIndex *index);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ContainerIndex, container_index_free)
