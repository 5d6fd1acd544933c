/* Which series are those of one cluster, where a tenant has several. */
#pragma once
#include "analyzers/telemetry/api.h"

/* Finds the label that has the cluster's name among its values: cluster (that of Alloy and of the
 * mixins) or k8s_cluster_name. Returns the matcher, cluster="prod", or "" when none has it; to be
 * freed. NULL with *ret_why, to be freed too, when the back end does not say: then nothing may be
 * asked about the cluster, as the answers could be of others. */
char *telemetry_find_matchers(TelemetryApi *metrics, const char *cluster, int64_t now_s,
                              GCancellable *cancel, char **ret_why);
/* Whether the label of the first of some matchers is among these names; no matchers: no. */
bool matchers_are_among(const char *matchers, const GPtrArray *names);
