/* Lines of logs, as Loki answers with
 * (https://grafana.com/docs/loki/latest/reference/loki-http-api/). */
#pragma once
#include "lib/k8s/value.h"

typedef struct {
    int64_t time_ns; /* since 1970 */
    const char *text;
} LogEntry;

typedef struct {
    const LogEntry *entries; /* of all streams, the oldest first */
    uint32_t n;
} LogEntries;

/* The answer of /query_range to a query of lines, read into the arena. INVALID_ARGUMENT with the
 * field that is wrong, RESOURCE_EXHAUSTED when the arena is full. */
bool log_entries_read(GBytes *body, Arena *arena, LogEntries *ret_entries, GError **error);
/* Their texts as a log, a line each; free with g_free. */
char *log_entries_text(const LogEntries *entries);
