/* The pods of a storage driver. */
#pragma once
#include "analyzers/collect/relations.h"

/* Pods that run a CSI driver: on nodes, those that mount the kubelet's folder for its plug-in
 * (/var/lib/kubelet/plugins/DRIVER); beside them, the controller with the external provisioner.
 * Provisioners of other kinds are known by their arguments, variables and names. Free with
 * g_ptr_array_unref. */
GPtrArray *driver_pods(const Relations *relations, const Snapshot *snapshot, const char *driver);
