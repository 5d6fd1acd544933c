/* Which series are those of one cluster, where a tenant has several. */
#pragma once
#include "analyzers/telemetry/api.h"

/* Finds the label that has the cluster's name among its values: cluster (that of Alloy and of the
 * mixins) or k8s_cluster_name. Returns the matcher, cluster="prod", or "" when none has it or the
 * back end does not answer; to be freed. */
char *telemetry_find_matchers(TelemetryApi *metrics, const char *cluster, int64_t now_s,
                              GCancellable *cancel);
/* Whether the label of the first of some matchers is among these names; no matchers: no. */
bool matchers_are_among(const char *matchers, const GPtrArray *names);
