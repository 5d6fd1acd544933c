/* GET /api/v1/flamegraph and /api/v1/flamegraph/diff: flame graphs as binary columns (columns.h)
 * for our own interface.
 *
 * The parameters of params.h. One flame graph may be turned around one function: callees_of or
 * callers_of. A diff compares with right_selector, right_from and right_until; each is by default
 * what the left side has. */
#pragma once
#include "server/api/api.h"

void flamegraph_handle(HttpRequest *request, void *api);
void flamegraph_handle_diff(HttpRequest *request, void *api);
