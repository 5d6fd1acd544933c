/* The containers of Docker and Podman that processes are in: asked for at the socket of either, by
 * a thread of its own, so that nobody waits for an answer. Any thread.
 *
 * What runs at the start is listed once; then only containers are asked for that were seen. */
#pragma once
#include <glib.h>
#include <stdint.h>

#include "agent/discovery/local_container.h"

/* The value of LocalContainersConfig.socket that stands for those that are asked where they are. */
#define LOCAL_CONTAINERS_AUTO "auto"

/* Between two questions to a socket: a daemon is not to be bothered, and a container that comes
 * within a window is named by the end of most of them. */
enum { LOCAL_CONTAINERS_PAUSE_MS = 10 * 1000 };

typedef struct {
    const char *socket; /* a path, or LOCAL_CONTAINERS_AUTO: /var/run/docker.sock and
                           /run/podman/podman.sock, as far as they are there */
    int64_t pause_ms;   /* 0: LOCAL_CONTAINERS_PAUSE_MS */
} LocalContainersConfig;

typedef struct {
    size_t known;
    uint64_t answers, failures; /* of questions */
} LocalContainersState;

typedef struct LocalContainers LocalContainers;

LocalContainers *local_containers_new(const LocalContainersConfig *config);
/* NULL is allowed. */
void local_containers_free(LocalContainers *containers);

/* The container with this id, of a process that was seen: a new reference, or NULL when it is not
 * known, in which case it will be asked for soon. */
LocalContainer *local_containers_find(LocalContainers *containers, const char *id);

void local_containers_get_state(LocalContainers *containers, LocalContainersState *ret_state);
/* Appends a line when a socket that was named cannot be asked. */
void local_containers_check(LocalContainers *containers, GString *out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LocalContainers, local_containers_free)
