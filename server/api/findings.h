/* What analyzers report of clusters, per tenant:
 *
 * POST /api/v1/findings takes a report in and answers with what it changed.
 * GET /api/v1/findings lists findings: cluster, namespace, kind, check, severity (at least so bad),
 * state (open by default, resolved or all), limit, cursor.
 * GET /api/v1/findings/transitions: from, until (milliseconds), cluster, limit, cursor.
 * GET /api/v1/findings/clusters: the last report of each cluster.
 * GET /api/v1/findings/{fingerprint}: one finding and its transitions; cluster. */
#pragma once
#include "server/api/api.h"

#define FINDINGS_ONE "/api/v1/findings/"

void findings_handle_report(HttpRequest *request, void *api);
void findings_handle_list(HttpRequest *request, void *api);
void findings_handle_transitions(HttpRequest *request, void *api);
void findings_handle_clusters(HttpRequest *request, void *api);
void findings_handle_one(HttpRequest *request, void *api);
