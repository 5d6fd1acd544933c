/* Container ids in cgroup paths. */
#pragma once
#include <glib.h>

/* Finds the container id in the text of /proc/PID/cgroup, in the layouts of Kubernetes (systemd and
 * cgroupfs drivers), containerd, CRI-O, Docker, Podman and nested clusters: the last 64 hexadecimal
 * digits that make up the end of a path element, apart from CRI-O's conmon monitors. NULL when the
 * process is in no container. */
char *cgroup_container_id(const char *text);
