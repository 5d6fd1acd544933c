#include "analyzers/telemetry/log_entries.h"

#include <string.h>

#include "analyzers/telemetry/series.h"
#include "lib/base/error.h"

/* [time, line], and behind it the structured metadata where a client asks for them. */
static bool
read_entry(const Value *pair, LogEntry *ret_entry)
{
    const Value *time = pair->type == VALUE_LIST ? pair->first : NULL;
    const Value *line = time != NULL ? time->next : NULL;
    guint64 time_ns;
    if (line == NULL || time->type != VALUE_TEXT || line->type != VALUE_TEXT ||
        !g_ascii_string_to_unsigned(time->text, 10, 0, INT64_MAX, &time_ns, NULL))
        return false;
    *ret_entry = (LogEntry){.time_ns = (int64_t)time_ns, .text = line->text};
    return true;
}

static gint
compare_entries(gconstpointer left, gconstpointer right, gpointer data)
{
    const LogEntry *a = left, *b = right;
    (void)data;
    return a->time_ns < b->time_ns ? -1 : a->time_ns > b->time_ns;
}

static uint32_t
count_entries(const Value *streams)
{
    uint32_t n = 0;
    for (const Value *stream = streams->first; stream != NULL; stream = stream->next)
        n += value_count(stream, "values");
    return n;
}

bool
log_entries_read(GBytes *body, Arena *arena, LogEntries *ret_entries, GError **error)
{
    *ret_entries = (LogEntries){0};
    const Value *document = answer_read_document(body, arena, error);
    if (document == NULL)
        return false;
    const Value *streams = value_at(document, "data.result");
    if (!value_is(document, "data.resultType", "streams") || streams == NULL ||
        streams->type != VALUE_LIST)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "the field data.result of the answer is no list of streams");
    uint32_t n = count_entries(streams);
    LogEntry *all = arena_alloc_array(arena, n, sizeof *all);
    if (all == NULL)
        return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED, "the answer is too large");
    for (const Value *stream = streams->first; stream != NULL; stream = stream->next) {
        for (const Value *pair = value_first(stream, "values"); pair != NULL; pair = pair->next) {
            if (!read_entry(pair, &all[ret_entries->n]))
                return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                                 "a value in the answer is not [\"time\", \"line\"]");
            ret_entries->n++;
        }
    }
    g_qsort_with_data(all, (gint)ret_entries->n, sizeof *all, compare_entries, NULL);
    ret_entries->entries = all;
    return true;
}

char *
log_entries_text(const LogEntries *entries)
{
    GString *text = g_string_new(NULL);
    for (uint32_t i = 0; i < entries->n; i++) {
        const char *line = entries->entries[i].text;
        g_string_append(text, line);
        if (!g_str_has_suffix(line, "\n"))
            g_string_append_c(text, '\n');
    }
    return g_string_free(text, FALSE);
}
