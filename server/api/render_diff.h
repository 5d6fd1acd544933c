/* GET /pyroscope/render-diff: two flame graphs as one, in one JSON document. */
#pragma once
#include "server/api/api.h"

void render_diff_handle(HttpRequest *request, void *api);
