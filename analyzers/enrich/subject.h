/* The pods that a finding is about. Internal to analyzers/enrich. */
#pragma once
#include "analyzers/checks/check.h"

/* The object of a finding; of an autoscaler that which it scales, where it is there. */
const Object *subject_workload(const CheckRun *run, const Finding *finding);
/* Pods in trouble where the check names them, else all of the object: of a controller, of what an
 * autoscaler scales, of a node, or the object itself. Object; free with g_ptr_array_unref. */
GPtrArray *subject_pods(const CheckRun *run, const Finding *finding);
/* A regular expression of the names that pods of a controller have, former ones too; free with
 * g_free. NULL when they are not known. */
char *subject_pod_pattern(const CheckRun *run, const Object *object);

/* The container of a pod that the finding is about: that of finding->what, else the first; a spec,
 * or NULL. */
const Value *subject_container(const Finding *finding, const Object *pod);
/* The status of a container, or NULL. */
const Value *subject_container_status(const Object *pod, const char *container);
/* Whether finding->what is a container of the pod. */
bool subject_is_container(const Finding *finding, const Object *pod);
/* When a container that the finding is about last ended; 0: never, or not known. */
int64_t subject_ended(const CheckRun *run, const Finding *finding);
