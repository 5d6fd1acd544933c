/* What operators ask: /ready, /healthz, /metrics, buildinfo, the list of tenants, the limits of
 * one, and the metrics of recording rules. */
#pragma once
#include "server/api/api.h"

void operations_handle_ready(HttpRequest *request, void *api);
void operations_handle_metrics(HttpRequest *request, void *api);
void operations_handle_buildinfo(HttpRequest *request, void *api);
void operations_handle_rule_metrics(HttpRequest *request, void *api);
void operations_handle_tenants(HttpRequest *request, void *api);
void operations_handle_tenant_limits(HttpRequest *request, void *api);
