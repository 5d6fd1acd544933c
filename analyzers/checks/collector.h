/* DaemonSets whose pods observe the nodes that they are on: Grafana Alloy, cresset-agent. */
#pragma once
#include "analyzers/checks/check.h"

/* Whether the name of an image of a template, without registry and tag, has one of the words, ended
 * by NULL: "fluent-bit" is in aws-for-fluent-bit, "vector" not in pgvector. */
bool collector_runs_image(const Object *set, const char *const *words);
bool collector_is_alloy(const Object *set);
bool collector_is_cresset_agent(const Object *set);
/* Whether a container of a pod, whoever made it, runs an image with this word in its name. */
bool pod_runs_image(const Object *pod, const char *word);
/* The same of Alloy. */
bool pod_is_alloy(const Object *pod);
/* Whether a pod of the set belongs on a node for good: its template chooses the node and tolerates
 * its taints, and the node is real and is to stay, whether it is up or not. */
bool collector_belongs_on(const Object *set, const Object *node);
/* The container of a pod of such a set that does the work: the one whose image has the word. The
 * first one when none has. NULL without containers. */
const char *collector_container(const Object *pod, const char *word);

/* "19 of 20 pods of Alloy and cresset-agent are Ready in Kubernetes.", "" without such pods, or
 * when they are not known; free with g_free. */
char *collectors_ready_text(const CheckRun *run);
