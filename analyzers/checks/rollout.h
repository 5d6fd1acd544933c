/* Whether trouble began with a roll-out. */
#pragma once
#include "analyzers/checks/check.h"

/* Adds what the newest roll-out of a Deployment changed to a finding about it, when the trouble
 * began within half an hour after it, and how to see the roll-outs. */
void rollout_explain(const CheckRun *run, Finding *finding);
