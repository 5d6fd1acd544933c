/* Findings as the API shows them. Internal to server/api. */
#pragma once
#include "lib/base/jsonw.h"
#include "server/store/finding.h"

/* "opened", "changed" … */
const char *finding_transition_name(FindingTransitionType type);

/* An object each; `item` is a Finding, a FindingTransition or a FindingCluster of the tenant. */
void finding_json_write(JsonWriter *json, const char *tenant, const void *item);
void finding_transition_json_write(JsonWriter *json, const char *tenant, const void *item);
void finding_cluster_json_write(JsonWriter *json, const char *tenant, const void *item);
