/* Pods for tests, from JSON that is written with ' for ". */
#pragma once
#include "agent/discovery/pod.h"

/* NULL when it is no pod. One reference. */
Pod *made_pod(const char *json);
