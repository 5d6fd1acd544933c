/* GET /api/v1/functions: the functions of merged stacks as a table, in JSON.
 *
 * The parameters of params.h without max_nodes, and: regex (in RE2's syntax, found anywhere in a
 * name), sort (total or self), limit (1 to 10000, 100 by default). */
#pragma once
#include "server/api/api.h"

void functions_handle(HttpRequest *request, void *api);
