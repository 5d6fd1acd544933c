/* The metrics of the HTTP side. */
#pragma once
#include "server/api/api.h"

Metrics *api_metrics_new(void);
/* Counts one answered request. */
void api_metrics_count(Metrics *metrics, const HttpDone *done);
/* Appends the exposition, with the gauges as they are now. */
void api_metrics_write(Api *api, GString *out);
