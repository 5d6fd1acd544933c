/* GET /api/v1/series: values over time in JSON, of everything or of one subtree (call_site).
 *
 * The parameters of params.h without max_nodes, and: step (seconds; by default a step that people
 * read), group_by (repeated), aggregation (sum or average), limit (series, 1 to 1000, 20 by
 * default). */
#pragma once
#include "server/api/api.h"

void series_handle(HttpRequest *request, void *api);
