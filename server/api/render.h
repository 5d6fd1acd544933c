/* GET /pyroscope/render: flame graph, metadata and timeline in one JSON document, or one of the
 * formats of export.h. */
#pragma once
#include "server/api/api.h"
#include "server/api/flame.h"

void render_handle(HttpRequest *request, void *api);

/* The step of a timeline over `length_s` seconds: a fifteen-hundredth of it, at least 15 s, rounded
 * to a number that people read. */
int64_t render_timeline_step(int64_t length_s);

/* Splits "<profile type>{selector}", the value of a required parameter. */
bool render_split_query(const HttpRequest *request, const char *param, char **ret_profile_type,
                        char **ret_selector, GError **error);
/* maxNodes or max-nodes; 0 when there is none. */
int64_t render_wanted_nodes(const HttpRequest *request);
/* The document without a timeline, of one side or two; `type` and `unit` are of the values. */
GBytes *render_document(const FlameLayout *layout, const char *type, const char *unit);
