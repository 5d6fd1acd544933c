/* Roll-outs of controllers of pods. */
#pragma once
#include "analyzers/checks/check.h"

/* The two newest ReplicaSets of a Deployment, or ControllerRevisions of a StatefulSet or a
 * DaemonSet; NULL where there is none. */
typedef struct {
    const Object *now, *before;
} Rollout;

/* Of another kind of object: none. */
Rollout rollout_of(const CheckRun *run, const Object *controller);
/* The number of the revision that one of them is; 0: it does not say. */
int64_t rollout_revision(const Object *revision);
/* What the newest one changed in the containers, "image of container app from a to b; …", or "";
 * values of the environment are never told; free with g_free. */
char *rollout_changes(const Rollout *rollout);
