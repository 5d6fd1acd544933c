/* What the path of a cgroup says of a process: its container, its pod, its systemd unit. */
#pragma once
#include <glib.h>
#include <stdbool.h>

typedef struct {
    char *container_id; /* by which the runtime knows it: 64 hexadecimal digits, "TASK-NUMBER" of
                           ECS on Fargate, the name of an LXC container; NULL: in none */
    char *pod_uid;      /* "a086e354-3604-462f-8b39-db5906fe9f52"; of a static pod the hash of its
                           manifest, 32 hexadecimal digits; NULL: in none, or not told */
    char *systemd_unit; /* "nginx.service", innermost within the container; NULL: no service */
} Cgroup;

/* Reads the text of /proc/PID/cgroup (cgroups(7), v1 and v2), in the layouts of the kubelet
 * (systemd and cgroupfs drivers), containerd, CRI-O, Docker, ECS, LXC and Podman. Where clusters
 * are nested the innermost counts. Monitors of containers (conmon of CRI-O and Podman) are in none
 * themselves, but may be in a pod. Of the lines of v1 the first that knows a container counts, else
 * the first that knows anything. To be cleared by the caller. */
void cgroup_read(const char *text, Cgroup *ret_cgroup);
/* Whether that text tells no more than that the process is at the root of the reader's cgroup
 * namespace ("0::/"): in the reader's own container, unless the namespace is the host's. */
bool cgroup_is_root(const char *text);
/* A copy, to be cleared by the caller. */
void cgroup_copy(const Cgroup *cgroup, Cgroup *ret_copy);
void cgroup_clear(Cgroup *cgroup);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Cgroup, cgroup_clear)
