/* Whether trouble began with a roll-out. */
#pragma once
#include "analyzers/checks/check.h"

/* The two newest ReplicaSets of a Deployment; NULL where there is none. */
typedef struct {
    const Object *now, *before;
} Rollout;

/* Of another kind of object: none. */
Rollout rollout_of(const CheckRun *run, const Object *deployment);
/* The number of the revision that a ReplicaSet is; 0: it does not say. */
int64_t rollout_revision(const Object *set);

/* Adds what the newest roll-out of a Deployment changed to a finding about it, when the trouble
 * began within half an hour after it, and how to see the roll-outs. Values of the environment are
 * never told. */
void rollout_explain(const CheckRun *run, Finding *finding);
