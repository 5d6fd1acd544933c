/* Whether pods belong on a node, and whether the node is to stay. */
#pragma once
#include "analyzers/checks/check.h"

/* Whether nodeSelector and the required node affinity of a template choose a node for sure. */
bool placement_selects(const Value *template, const Object *node);
/* Whether a pod, or the template of one, may be where this taint is: it tolerates the taint, or the
 * taint is a mere preference. An operator that is not known here may match. */
bool placement_tolerates(const Value *template, const Value *taint);
/* The first taint of a node that keeps the pods of a DaemonSet away: NoSchedule or NoExecute, not
 * tolerated by the template nor by every DaemonSet. NULL: none. */
const Value *placement_taint(const Value *template, const Object *node);
/* "nvidia.com/gpu=present:NoSchedule"; free with g_free. */
char *placement_taint_text(const Value *taint);
/* A machine on which agents are expected: no virtual node, not about to go, Ready, neither it nor
 * its state younger than ten minutes. */
bool placement_is_expected(const CheckRun *run, const Object *node);
/* A real machine that is to stay, whether it is up or not. */
bool placement_is_kept(const Object *node);
/* Somebody takes the node away, or the machinery of the cluster does. */
bool placement_is_leaving(const Object *node);
/* A node of the control plane, by its labels or taints. */
bool placement_is_control_plane(const Object *node);
