/* Which series are those of the objects of findings. Internal to analyzers/enrich. */
#pragma once
#include "analyzers/enrich/enquiry.h"
#include "analyzers/enrich/metric_row.h"

/* The query of a row about all objects of some findings (Finding), with its placeholders filled;
 * free with g_free. NULL when they have no such objects. */
char *metric_owner_query(const Enquiry *enquiry, const MetricRow *row, const GPtrArray *findings);
/* The objects of a finding that a row is about; Object; free with g_ptr_array_unref. */
GPtrArray *metric_owner_list(const Enquiry *enquiry, const MetricRow *row, const Finding *finding);
/* The one of them that a series is of, or NULL. */
const Object *metric_owner_of(const MetricRow *row, const Finding *finding, const GPtrArray *owners,
                              const MetricSeries *series);
