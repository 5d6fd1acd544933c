/* GET /pyroscope/label-names and /pyroscope/label-values: JSON arrays of texts.
 *
 * Parameters: label (required for values; "__name__" gives the profile types), query (a selector),
 * from and until in the time syntax of the legacy paths; without a range, the last hour. */
#pragma once
#include "server/api/api.h"

void label_names_handle(HttpRequest *request, void *api);
void label_values_handle(HttpRequest *request, void *api);
