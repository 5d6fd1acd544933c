/* Why no node takes a pod, in words. Internal to analyzers/checks; all free with g_free. */
#pragma once
#include "analyzers/checks/fit.h"

/* "it asks for 24 cpu, and the largest node that it may use has 7.91". */
char *fit_resource_text(const FitResult *fit);
/* "no node has the label disk=ssd (nodes have disk=hdd)". */
char *fit_selector_text(const Snapshot *snapshot, const Object *pod);
/* "the nodes that it may use have a taint that it does not tolerate: gpu=yes:NoSchedule". */
char *fit_taints_text(const FitResult *fit);
/* "the nodes that it may use are cordoned: n1, n2". */
char *fit_cordoned_text(const FitResult *fit);
/* "Of 5 nodes it may use 3: 1 is cordoned, 2 lack cpu."; NULL when no node is known. */
char *fit_counts_text(const FitResult *fit);
/* What the scheduler says, without how it counts and what preemption would not help. */
char *scheduler_words(const char *message);
