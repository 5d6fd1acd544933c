/* A container of Docker or Podman on this machine, as much of it as names and relabel rules need.
 * Immutable, and shared by reference between threads. */
#pragma once
#include <glib.h>
#include <stdbool.h>

#include "lib/k8s/value.h"
#include "lib/relabel/label_set.h"

enum {
    LOCAL_CONTAINER_ID_DIGITS = 64,
    /* Containers of one answer: machines outside of clusters have some dozens. */
    LOCAL_CONTAINERS_MAX = 1024,
    /* A longer name, image or value of a label is left out, and so are labels beyond so many, or
     * beyond so many bytes together: those of Compose are some dozen with 1.5 KiB. */
    LOCAL_CONTAINER_TEXT_BYTES_MAX = 2048,
    LOCAL_CONTAINER_LABELS_MAX = 256,
    LOCAL_CONTAINER_LABELS_BYTES_MAX = 16 * 1024,
};

typedef struct {
    char *id;      /* 64 hexadecimal digits, as in paths of cgroups */
    char *name;    /* "shop-web-1", without the slash that answers have in front; NULL: none */
    char *image;   /* "nginx:1.27"; NULL: not told */
    char *service; /* of Compose: the label com.docker.compose.service; NULL: of none */
    LabelSet *labels;
} LocalContainer;

/* Whether a text is the id of a container as Docker and Podman have them. */
bool local_container_is_id(const char *text);

/* Copies what is needed of an element of the answer to /containers/json (ContainerSummary of
 * https://docs.docker.com/reference/api/engine/); NULL when it has no id. One reference. */
LocalContainer *local_container_new(const Value *object);
LocalContainer *local_container_ref(LocalContainer *container);
/* NULL is allowed. */
void local_container_unref(LocalContainer *container);

/* The containers (LocalContainer) of a whole answer to /containers/json, LOCAL_CONTAINERS_MAX at
 * most. INVALID_ARGUMENT when it is no such list, RESOURCE_EXHAUSTED when it is too large. */
GPtrArray *local_container_read_list(GBytes *body, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LocalContainer, local_container_unref)
