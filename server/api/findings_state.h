/* GET and PUT /api/v1/findings/state?cluster=NAME: what an analyzer remembers of a cluster, octets
 * that the server does not read (server/findings/analyzer_state.h). A PUT says by If-Match, or
 * If-None-Match: *, what it replaces; 412 when that is not there any more, 428 when it says
 * nothing. */
#pragma once
#include "server/api/api.h"

#define FINDINGS_STATE "/api/v1/findings/state"

void findings_state_handle_get(HttpRequest *request, void *api);
void findings_state_handle_put(HttpRequest *request, void *api);
