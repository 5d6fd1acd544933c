#include "analyzers/notify/message_slack.h"

#include <string.h>

#include "analyzers/notify/message_text.h"
#include "lib/base/jsonw.h"

/* Of Slack, a header; a section may have 3,000 characters, which the sum of what it is made of
 * stays below. Of a message in all we stay well below 50 blocks. */
enum {
    HEADER_MAX = 150,
    DETAIL_MAX = 2900,
    LINES_MAX = 2500,
    NAME_MAX_BYTES = 250,
    PLACE_MAX = 400, /* kind, namespace and name at their longest */
    CAUSE_MAX = 750,
    EVIDENCE_MAX = 500,
    CHANGES_MAX = 250,
    FIX_MAX = 300,
    NOTE_MAX = 1000,
    EXPLAINS_MAX = 500,
    LINK_MAX = 1500,
};

char *
slack_escape(const char *text, size_t max)
{
    GString *out = g_string_new(NULL);
    for (const char *at = text; *at != '\0'; at = g_utf8_next_char(at)) {
        char one[8] = {0};
        const char *escaped = one;
        memcpy(one, at, (size_t)(g_utf8_next_char(at) - at));
        if (*at == '&')
            escaped = "&amp;";
        else if (*at == '<')
            escaped = "&lt;";
        else if (*at == '>')
            escaped = "&gt;";
        else if (*at == '`')
            escaped = "'";
        if (out->len + strlen(escaped) + strlen("…") > max) {
            g_string_append(out, "…");
            break;
        }
        g_string_append(out, escaped);
    }
    return g_string_free(out, FALSE);
}

static void
write_text(JsonWriter *json, const char *type, const char *text)
{
    jsonw_object_begin(json);
    jsonw_key(json, "type");
    jsonw_string(json, type);
    jsonw_key(json, "text");
    jsonw_string(json, text);
    if (strcmp(type, "mrkdwn") == 0) {
        jsonw_key(json, "verbatim");
        jsonw_bool(json, true);
    }
    jsonw_object_end(json);
}

static void
write_block(JsonWriter *json, const char *block, const char *type, const char *text)
{
    jsonw_object_begin(json);
    jsonw_key(json, "type");
    jsonw_string(json, block);
    jsonw_key(json, "text");
    write_text(json, type, text);
    jsonw_object_end(json);
}

static void
write_context(JsonWriter *json, const char *text)
{
    jsonw_object_begin(json);
    jsonw_key(json, "type");
    jsonw_string(json, "context");
    jsonw_key(json, "elements");
    jsonw_array_begin(json);
    write_text(json, "mrkdwn", text);
    jsonw_array_end(json);
    jsonw_object_end(json);
}

/* In the reader's time zone. */
static char *
slack_span(const Change *change, const MessageContext *context)
{
    int64_t since_s = change->since_s > 0 ? change->since_s : change->first_seen_s;
    if (change->since_s == 0 && since_s == context->now_s)
        return message_span(change, context);
    g_autofree char *fallback = message_clock(since_s, context->now_s);
    g_autofree char *span = span_text(context->now_s - since_s);
    return g_strdup_printf("%ssince <!date^%" G_GINT64_FORMAT
                           "^{date_short_pretty} {time}|%s UTC> (%s)",
                           change->since_s > 0 ? "" : "at least ", since_s, fallback, span);
}

/* When it fits into the section: half of a link leads nowhere. */
static void
append_link(GString *text, const char *name, const char *to)
{
    if (to[0] == '\0' || strpbrk(to, "|<> ") != NULL)
        return;
    g_autofree char *label = slack_escape(name, NAME_MAX_BYTES), *url = slack_escape(to, LINK_MAX);
    g_autofree char *link = g_strdup_printf("<%s|%s>\n", url, label);
    if (!g_str_has_suffix(url, "…") && text->len + strlen(link) <= DETAIL_MAX)
        g_string_append(text, link);
}

static void
append_links(GString *text, const Change *change, const MessageContext *context)
{
    g_auto(GStrv) lines = g_strsplit(change->evidence, "\n", -1);
    g_autofree char *page = message_url(change, context);
    append_link(text, "Finding", page);
    for (guint i = 0; lines[i] != NULL; i++) {
        g_auto(GStrv) parts = g_strsplit(lines[i], "\t", 3); /* "\tLABEL\tURL" */
        if (g_strv_length(parts) == 3)
            append_link(text, parts[1], parts[2]);
    }
}

static void
append_changes(GString *text, const Change *change)
{
    g_autofree char *changes = slack_escape(change->changes, CHANGES_MAX);
    if (*changes != '\0')
        g_string_append_printf(text, "*What changed:* %s\n", changes);
}

static void
append_evidence(GString *text, const Change *change)
{
    g_auto(GStrv) lines = g_strsplit(change->evidence, "\n", -1);
    g_autoptr(GString) facts = g_string_new(NULL);
    for (guint i = 0; lines[i] != NULL; i++) {
        if (lines[i][0] != '\t')
            g_string_append_printf(facts, "%s%s", facts->len > 0 ? "\n" : "", lines[i]);
    }
    g_autofree char *evidence = slack_escape(facts->str, EVIDENCE_MAX);
    if (*evidence != '\0')
        g_string_append_printf(text, "```%s```\n", evidence);
}

/* The first step, and below it the command. */
static void
append_fix(GString *text, const Change *change)
{
    g_auto(GStrv) lines = g_strsplit(change->fix, "\n", 2);
    for (guint i = 0; lines[i] != NULL && lines[i][0] != '\0'; i++) {
        g_autofree char *line = slack_escape(lines[i], FIX_MAX);
        g_string_append_printf(text, i == 0 ? "*First:* %s\n" : "`%s`\n", line);
    }
}

/* What it explains, how it is silenced. */
static char *
context_text(const Change *change)
{
    g_autofree char *incident = message_incident(change), *silence = message_silence(change);
    g_autofree char *explains = message_explains(change),
                    *safe = slack_escape(explains, EXPLAINS_MAX);
    g_autoptr(GString) text = g_string_new(NULL);
    g_string_append_printf(text, "%s · %s · %s", message_happened(change->type), change->check,
                           incident);
    if (*safe != '\0')
        g_string_append_printf(text, " · %s", safe);
    if (*silence != '\0')
        g_string_append_printf(text, " · to silence: annotation `%s`", silence);
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static void
write_detail(JsonWriter *json, const Change *change, const MessageContext *context)
{
    g_autofree char *title = slack_escape(change->title, NAME_MAX_BYTES),
                    *cause = slack_escape(change->cause, CAUSE_MAX);
    g_autofree char *place = message_place(change), *safe = slack_escape(place, PLACE_MAX);
    g_autofree char *span = slack_span(change, context), *about = context_text(change);
    GString *text = g_string_new(NULL);
    g_string_append_printf(text, "%s *%s*\n`%s` · %s · %s\n%s\n", message_mark(change), title, safe,
                           severity_name(change->severity), span, cause);
    append_evidence(text, change);
    append_changes(text, change);
    append_fix(text, change);
    append_links(text, change, context);
    write_block(json, "section", "mrkdwn", text->str);
    if (change->note[0] != '\0') {
        g_autofree char *marked = message_note(change), *note = slack_escape(marked, NOTE_MAX);
        write_context(json, note);
    }
    write_context(json, about);
    g_string_free(text, TRUE);
}

static char *
line_text(const MessageLine *line, const MessageContext *context)
{
    const Change *change = line->first;
    g_autofree char *title = slack_escape(change->title, 200), *place = message_place(change);
    g_autofree char *safe = slack_escape(place, 200), *incident = message_incident(change);
    g_autofree char *span = message_span(change, context);
    if (line->n == 1)
        return g_strdup_printf("%s %s: %s · `%s` · %s · %s\n", message_mark(change),
                               message_happened(change->type), title, safe, span, incident);
    g_autofree char *others = slack_escape(line->others, 200);
    return g_strdup_printf("%s %u %s: %s · `%s` · and %u like it: %s\n", message_mark(change),
                           line->n, message_happened(change->type), title, safe, line->n - 1,
                           others);
}

/* The rest, in lines, as many as fit. */
static void
write_lines(JsonWriter *json, const GPtrArray *sorted, guint from, const MessageContext *context)
{
    g_autoptr(GPtrArray) lines = message_lines(sorted, from);
    GString *text = g_string_new(NULL);
    guint n_left = sorted->len - from;
    for (guint i = 0; i < lines->len; i++) {
        const MessageLine *one = lines->pdata[i];
        g_autofree char *line = line_text(one, context);
        if (text->len + strlen(line) > LINES_MAX)
            break;
        g_string_append(text, line);
        n_left -= one->n;
    }
    if (n_left > 0)
        g_string_append_printf(text, "…and %u more", n_left);
    if (text->len > 0)
        write_block(json, "section", "mrkdwn", text->str);
    g_string_free(text, TRUE);
}

static size_t
detail_max(const Change *change)
{
    return DETAIL_MAX + EXPLAINS_MAX + (change->note[0] != '\0' ? NOTE_MAX : 0);
}

/* Changes that are told in full: what has not ended, as long as there is room. */
static guint
count_details(const GPtrArray *sorted)
{
    guint n = 0;
    while (n < sorted->len && n < MESSAGE_DETAILS &&
           ((const Change *)sorted->pdata[n])->type != CHANGE_RESOLVED)
        n++;
    return n;
}

/* What a telephone shows: the headline, and below it the worst that has not ended. */
static char *
brief_text(const GPtrArray *sorted, const char *headline)
{
    g_autofree char *safe = slack_escape(headline, HEADER_MAX);
    const Change *worst = sorted->len > 0 ? sorted->pdata[0] : NULL;
    if (worst == NULL || worst->type >= CHANGE_RESOLVED)
        return g_steal_pointer(&safe);
    g_autofree char *title = slack_escape(worst->title, NAME_MAX_BYTES);
    return g_strdup_printf("%s\n%s %s", safe, message_mark(worst), title);
}

GBytes *
message_slack(const GPtrArray *changes, const MessageContext *context)
{
    g_autoptr(GPtrArray) sorted = message_sort(changes);
    g_autofree char *headline = message_headline(changes, context),
                    *header = message_cut(headline, HEADER_MAX);
    guint n_details = count_details(sorted), i = 0;
    JsonWriter json;
    jsonw_init(&json, 4096);
    jsonw_object_begin(&json);
    jsonw_key(&json, "text");
    g_autofree char *brief = brief_text(sorted, headline);
    jsonw_string(&json, brief);
    jsonw_key(&json, "unfurl_links");
    jsonw_bool(&json, false);
    jsonw_key(&json, "unfurl_media");
    jsonw_bool(&json, false);
    jsonw_key(&json, "blocks");
    jsonw_array_begin(&json);
    write_block(&json, "header", "plain_text", header);
    for (;
         i < n_details && json.size + detail_max(sorted->pdata[i]) + LINES_MAX < MESSAGE_BYTES_MAX;
         i++)
        write_detail(&json, sorted->pdata[i], context);
    write_lines(&json, sorted, i, context);
    jsonw_array_end(&json);
    jsonw_object_end(&json);
    return jsonw_finish(&json);
}
