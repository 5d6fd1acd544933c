/* Why nothing arrives of a collector whose pod is Ready: what its log says, and NetworkPolicies. */
#pragma once
#include "analyzers/checks/heartbeat.h"
#include "analyzers/collect/policy.h"

/* The cause in words, "the back end answers 429: it limits what comes (mimir.example, since 14:01
 * UTC)", with evidence and a first step added to the finding; NULL when nothing tells. Free with
 * g_free. */
char *heartbeat_cause(const CheckRun *run, Finding *finding, const Collector *collector,
                      const Object *pod, const Policies *policies);
