/* What operators ask: /ready, /healthz, /metrics, buildinfo and the list of tenants. */
#pragma once
#include "server/api/api.h"

void operations_handle_ready(HttpRequest *request, void *api);
void operations_handle_metrics(HttpRequest *request, void *api);
void operations_handle_buildinfo(HttpRequest *request, void *api);
void operations_handle_tenants(HttpRequest *request, void *api);
