/* What stored profiles are annotated with: that they are a part of what was pushed. Names and texts
 * are those of the Pyroscope API: JSON, {"body": {…}}. */
#pragma once
#include <glib.h>

#include "server/store/labels.h"
#include "server/tenant/usage_groups.h"

/* Taken by the sampling of a limit that had been reached: periodType, periodLimitMb, limitResetTime
 * (seconds since 1970; 0: as long as it stands), samplingPeriodSec, samplingRequests, usageGroup
 * ("": the limit is the tenant's). */
#define ANNOTATION_THROTTLED "pyroscope.ingest.throttled"
/* A rule of sampling with a probability below 1 decided about it: source {usageGroup, probability}.
 */
#define ANNOTATION_SAMPLED "pyroscope.ingest.sampled"

/* The annotations (Label) of a profile of these groups, with one for each of `throttles`
 * (IngestThrottle; NULL is none). NULL when there are none; the array frees their texts. */
GArray *annotations_new(const GArray *throttles, const UsageMatch *usage);
