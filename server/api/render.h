/* GET /pyroscope/render: flame graph, metadata and timeline in one JSON document. */
#pragma once
#include "server/api/api.h"

void render_handle(HttpRequest *request, void *api);

/* The step of a timeline over `length_s` seconds: a fifteen-hundredth of it, at least 15 s, rounded
 * to a number that people read. */
int64_t render_timeline_step(int64_t length_s);
