/* Which series are those of the objects of findings. Internal to analyzers/enrich. */
#pragma once
#include "analyzers/enrich/enquiry.h"
#include "analyzers/enrich/metric_row.h"

/* The query of a row about all objects of some findings (Finding), with its placeholders filled;
 * free with g_free. NULL when they have no such objects. */
char *metric_owner_query(const Enquiry *enquiry, const MetricRow *row, const GPtrArray *findings);
/* Whether a series is of the objects of a finding. *ret_pod (NULL allowed) is its pod, or NULL. */
bool metric_owner_has(const Enquiry *enquiry, const MetricRow *row, const Finding *finding,
                      const MetricSeries *series, const Object **ret_pod);
