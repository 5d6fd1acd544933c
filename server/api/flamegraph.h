/* GET /api/v1/flamegraph: a flame graph as binary columns for our own interface.
 *
 * Parameters: profile_type, selector, from and until (milliseconds), max_nodes, and call_site
 * (repeated, the root first). */
#pragma once
#include "server/api/api.h"

void flamegraph_handle(HttpRequest *request, void *api);
