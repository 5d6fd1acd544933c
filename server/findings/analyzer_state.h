/* What an analyzer remembers of a cluster: one document that the server does not read, for each
 * tenant and cluster. It is replaced only by who knows what it replaces, so that of two analyzers
 * which have read the same one is told. */
#pragma once
#include "server/store/store.h"
#include "server/tenant/limits.h"

enum { ANALYZER_STATE_TAG_BYTES = 24 };

/* Names one version of a document; "" is that there is none. No two versions have the same. */
typedef struct {
    char text[ANALYZER_STATE_TAG_BYTES];
} AnalyzerStateTag;

/* Reads it; *ret_content is to be unreferenced. NOT_FOUND when there is none. */
bool analyzer_state_get(Store *store, const char *tenant, const char *cluster, GBytes **ret_content,
                        AnalyzerStateTag *ret_tag, GError **error);
/* Puts `content` in the place of the version `expected`; it is durable when this returns. Documents
 * of clusters that were not written for findings_retention are forgotten.
 *   ABORTED       another version is there, or none
 *   OUT_OF_RANGE  it would be one too many (max_finding_clusters) */
bool analyzer_state_put(Store *store, TenantOverrides *overrides, const char *tenant,
                        const char *cluster, const char *expected, GBytes *content,
                        AnalyzerStateTag *ret_tag, GError **error);
