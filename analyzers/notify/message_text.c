#include "analyzers/notify/message_text.h"

#include <string.h>

/* In the order of what people want to read first. */
static const ChangeType order[] = {CHANGE_NEW,   CHANGE_WORSE,    CHANGE_AGAIN,   CHANGE_FLAPPING,
                                   CHANGE_KNOWN, CHANGE_REMINDER, CHANGE_RESOLVED};

static const char *const marks[] = {
    [SEVERITY_INFO] = "⚪",    [SEVERITY_LOW] = "🔵",      [SEVERITY_MEDIUM] = "🟡",
    [SEVERITY_HIGH] = "🟠", [SEVERITY_CRITICAL] = "🔴",
};

static gint
compare_changes(gconstpointer left, gconstpointer right)
{
    const Change *a = *(Change *const *)left, *b = *(Change *const *)right;
    bool a_ended = a->type == CHANGE_RESOLVED, b_ended = b->type == CHANGE_RESOLVED;
    if (a_ended != b_ended)
        return a_ended ? 1 : -1;
    if (a->severity != b->severity)
        return a->severity > b->severity ? -1 : 1;
    return a->id < b->id ? -1 : 1;
}

GPtrArray *
message_sort(const GPtrArray *changes)
{
    GPtrArray *sorted = g_ptr_array_new();
    for (guint i = 0; i < changes->len; i++)
        g_ptr_array_add(sorted, changes->pdata[i]);
    g_ptr_array_sort(sorted, compare_changes);
    return sorted;
}

static void
line_free(gpointer data)
{
    MessageLine *line = data;
    g_free(line->others);
    g_free(line);
}

static bool
is_alike(const Change *a, const Change *b)
{
    return a->type == b->type && a->severity == b->severity && strcmp(a->check, b->check) == 0 &&
           strcmp(a->ns, b->ns) == 0;
}

/* The line that a change shares, or NULL. */
static MessageLine *
find_line(const GPtrArray *lines, const Change *change)
{
    for (guint i = 0; i < lines->len; i++) {
        MessageLine *line = lines->pdata[i];
        if (is_alike(line->first, change))
            return line;
    }
    return NULL;
}

static void
join_line(MessageLine *line, const Change *change)
{
    enum { NAMES_MAX = 5 };
    line->n++;
    if (line->n > NAMES_MAX + 1)
        return;
    char *others = line->n == 2               ? g_strdup(change->name)
                   : line->n == NAMES_MAX + 1 ? g_strconcat(line->others, "…", NULL)
                                              : g_strconcat(line->others, ", ", change->name, NULL);
    g_free(line->others);
    line->others = others;
}

GPtrArray *
message_lines(const GPtrArray *sorted, guint from)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(line_free);
    for (guint i = from; i < sorted->len; i++) {
        const Change *change = sorted->pdata[i];
        MessageLine *line = sorted->len > MESSAGE_STORM ? find_line(lines, change) : NULL;
        if (line != NULL) {
            join_line(line, change);
            continue;
        }
        line = g_new0(MessageLine, 1);
        *line = (MessageLine){.first = change, .n = 1};
        g_ptr_array_add(lines, line);
    }
    return lines;
}

char *
message_headline(const GPtrArray *changes, const MessageContext *context)
{
    GString *text = g_string_new(context->cluster[0] != '\0' ? context->cluster : "cluster");
    const char *separator = ": ";
    if (context->is_daily)
        g_string_append(text, changes->len == 0 ? ": all quiet" : ": daily summary");
    for (size_t i = 0; i < G_N_ELEMENTS(order) && !context->is_daily; i++) {
        guint n = 0;
        for (guint k = 0; k < changes->len; k++)
            n += ((const Change *)changes->pdata[k])->type == order[i];
        if (n > 0) {
            g_string_append_printf(text, "%s%u %s", separator, n, message_happened(order[i]));
            separator = ", ";
        }
    }
    g_string_append_printf(text, "; %u open", context->n_open);
    return g_string_free(text, FALSE);
}

char *
message_place(const Change *change)
{
    return g_strdup_printf("%s %s%s%s", change->kind, change->ns, change->ns[0] != '\0' ? "/" : "",
                           change->name);
}

char *
message_clock(int64_t seconds, int64_t now_s)
{
    enum { DAY_S = 86400 };
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(seconds);
    if (time == NULL)
        return g_strdup("");
    return g_date_time_format(time, now_s - seconds < DAY_S ? "%H:%M" : "%Y-%m-%d %H:%M");
}

char *
message_span(const Change *change, const MessageContext *context)
{
    int64_t since_s = change->since_s > 0 ? change->since_s : change->first_seen_s;
    g_autofree char *since = message_clock(since_s, context->now_s);
    if (change->type == CHANGE_RESOLVED) {
        g_autofree char *end = message_clock(change->at_s, context->now_s);
        g_autofree char *span = span_text(change->at_s - since_s);
        bool is_said = change->ending != NULL && change->ending[0] != '\0';
        return g_strdup_printf("%s to %s UTC, %s%s%s", since, end, span, is_said ? "; " : "",
                               is_said ? change->ending : "");
    }
    if (change->since_s == 0 && since_s == context->now_s)
        return g_strdup("first seen now");
    g_autofree char *span = span_text(context->now_s - since_s);
    return g_strdup_printf("%ssince %s UTC (%s)", change->since_s > 0 ? "" : "at least ", since,
                           span);
}

const char *
message_happened(ChangeType type)
{
    if (type == CHANGE_KNOWN)
        return "already there";
    return type == CHANGE_AGAIN ? "back" : change_name(type);
}

char *
message_incident(const Change *change)
{
    return g_strdup_printf("#%.4s", change->fingerprint);
}

const char *
message_mark(const Change *change)
{
    return change->type == CHANGE_RESOLVED ? "✅" : marks[change->severity];
}

char *
message_note(const Change *change)
{
    return change->note[0] != '\0' ? g_strconcat("AI note, not verified: ", change->note, NULL)
                                   : g_strdup("");
}

char *
message_explains(const Change *change)
{
    enum { TITLE_MAX = 160 };
    g_autoptr(GString) text = g_string_new(NULL);
    g_auto(GStrv) titles = g_strsplit(change->explained, "\n", -1);
    guint n_titles = g_strv_length(titles);
    if (change->n_explained == 0)
        return g_strdup("");
    g_string_append_printf(text, "explains %u more", change->n_explained);
    for (guint i = 0; i < n_titles; i++) {
        g_autofree char *title = message_cut(titles[i], TITLE_MAX);
        g_string_append_printf(text, "%s%s", i == 0 ? ": " : "; ", title);
    }
    if (n_titles > 0 && n_titles < change->n_explained)
        g_string_append(text, "; …");
    return g_string_free(g_steal_pointer(&text), FALSE);
}

char *
message_silence(const Change *change)
{
    /* A back end, or the analyzer itself, is no object that could be annotated. */
    bool is_self = change->ns[0] == '\0' && strcmp(change->kind, "CronJob") == 0;
    bool is_backend = strcmp(change->kind, kind_row(KIND_NONE)->kind) == 0;
    return is_self || is_backend ? g_strdup("")
                                 : g_strdup_printf("cresset.dev/ignore: %s", change->check);
}

static void
add_parameter(GString *url, char separator, const char *name, const char *value)
{
    g_string_append_printf(url, "%c%s=", separator, name);
    g_string_append_uri_escaped(url, value, NULL, FALSE);
}

char *
message_url(const Change *change, const MessageContext *context)
{
    const char *base = context->findings_url, *tenant = context->findings_tenant;
    if (base == NULL || base[0] == '\0')
        return g_strdup("");
    GString *url = g_string_new(base);
    g_string_append(url, g_str_has_suffix(base, "/") ? "findings" : "/findings");
    add_parameter(url, '?', "cluster", context->cluster);
    add_parameter(url, '&', "finding", change->fingerprint);
    if (tenant != NULL && tenant[0] != '\0')
        add_parameter(url, '&', "tenant", tenant);
    return g_string_free(url, FALSE);
}

char *
message_cut(const char *text, size_t max)
{
    if (strlen(text) <= max)
        return g_strdup(text);
    const char *end = g_utf8_find_prev_char(text, text + max - strlen("…") + 1);
    g_autofree char *head = g_strndup(text, end != NULL ? (gsize)(end - text) : 0);
    return g_strconcat(head, "…", NULL);
}
