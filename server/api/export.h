/* Merged stacks as files of other tools.
 *
 * Formats: "collapsed", "dot", "perf-script", "pprof" (gzip) and "speedscope". */
#pragma once
#include "server/api/selection.h"

bool export_is_format(const char *format);

/* The answer, with a file name for browsers. `query` NULL has no data; max_nodes 0 is the format's
 * own default: everything, but for call graphs. */
HttpResponse *
export_response(const char *format, const Query *query, int64_t max_nodes, GError **error);

/* GET /api/v1/export: the parameters of /api/v1/flamegraph, and `format`. */
void export_handle(HttpRequest *request, void *api);
