/* The findings (finding.h) in the metastore. */
#pragma once
#include "server/store/finding.h"
#include "server/store/meta.h"

bool meta_finding_change(Meta *meta, const FindingReportKey *key, FindingChangeFunc change,
                         void *data, GError **error);
GPtrArray *
meta_finding_list(Meta *meta, const char *tenant, const FindingQuery *query, GError **error);
GPtrArray *meta_finding_transitions(Meta *meta, const char *tenant,
                                    const FindingTransitionQuery *query, GError **error);
GPtrArray *meta_finding_clusters(Meta *meta, const char *tenant, GError **error);
bool meta_finding_count_open(Meta *meta, int64_t ret_counts[FINDING_SEVERITIES], GError **error);
