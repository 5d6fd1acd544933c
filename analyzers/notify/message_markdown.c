#include "analyzers/notify/message_markdown.h"

#include <string.h>

#include "analyzers/notify/message_slack.h"
#include "analyzers/notify/message_text.h"
#include "lib/base/jsonw.h"

/* ---- Foreign text. ---- */

/* Foreign text in Markdown: nothing that makes it anything but text, and no address that becomes a
 * link by itself. */
static char *
escape_markdown(const char *text)
{
    GString *out = g_string_new(NULL);
    for (const char *at = text; *at != '\0'; at++) {
        bool begins_block = at == text && strchr("-+=", *at) != NULL; /* of a list, of a heading */
        if (begins_block || strchr("\\`*_[]<>~|#", *at) != NULL)
            g_string_append_c(out, '\\');
        g_string_append_c(out, *at);
        if (*at == '@' || g_str_has_prefix(at, "://"))
            g_string_append(out, "\u200b"); /* no mention, no address */
    }
    return g_string_free(out, FALSE);
}

static char *
escape_slack(const char *text)
{
    return slack_escape(text, MESSAGE_TEXT_MAX);
}

/* As it is typed: nothing is escaped between back-ticks. */
static char *
code_markdown(const char *text)
{
    g_autoptr(GString) out = g_string_new(text);
    g_string_replace(out, "`", "'", 0);
    return *text != '\0' ? g_strdup_printf("`%s`", out->str) : g_strdup("");
}

typedef struct {
    char *(*escape)(const char *text);
    char *(*code)(const char *text); /* of a command; "" of "" */
    const char *bold;
    size_t max;
    bool has_links; /* [label](url) */
} TextStyle;

/* ---- One change in full. ---- */

typedef struct {
    const TextStyle *style;
    GString *text;
} TextWriter;

/* A line with foreign text in it, when there is any. */
static void
write_line(const TextWriter *writer, const char *before, const char *foreign, const char *after)
{
    g_autofree char *safe = writer->style->escape(foreign);
    if (*safe != '\0')
        g_string_append_printf(writer->text, "%s%s%s\n", before, safe, after);
}

static void
write_link(const TextWriter *writer, const char *name, const char *to)
{
    if (!writer->style->has_links || to[0] == '\0' || strpbrk(to, "|<> \\") != NULL)
        return;
    g_autofree char *label = writer->style->escape(name);
    g_autoptr(GString) url = g_string_new(to);
    g_string_replace(url, "(", "%28", 0);
    g_string_replace(url, ")", "%29", 0);
    g_string_append_printf(writer->text, "[%s](%s)\n", label, url->str);
}

static void
write_evidence(const TextWriter *writer, const Change *change)
{
    enum { FACT_MAX = 300 };
    g_auto(GStrv) lines = g_strsplit(change->evidence, "\n", -1);
    for (guint i = 0; lines[i] != NULL; i++) {
        g_autofree char *fact = message_cut(lines[i], FACT_MAX);
        g_auto(GStrv) parts = g_strsplit(lines[i], "\t", 3); /* "\tLABEL\tURL" */
        if (g_strv_length(parts) == 3)
            write_link(writer, parts[1], parts[2]);
        else
            write_line(writer, "- ", fact, "");
    }
}

static void
write_changes(const TextWriter *writer, const Change *change)
{
    enum { CHANGE_MAX = 200 };
    g_auto(GStrv) lines = g_strsplit(change->changes, "\n", -1);
    for (guint i = 0; lines[i] != NULL; i++) {
        g_autofree char *line = message_cut(lines[i], CHANGE_MAX);
        write_line(writer, "What changed: ", line, "");
    }
}

/* The first step, and below it the command. */
static void
write_fix(const TextWriter *writer, const Change *change)
{
    g_auto(GStrv) fix = g_strsplit(change->fix, "\n", 2);
    if (fix[0] == NULL || fix[0][0] == '\0')
        return;
    write_line(writer, "First: ", fix[0], "");
    g_autofree char *command = writer->style->code(fix[1] != NULL ? fix[1] : "");
    if (*command != '\0')
        g_string_append_printf(writer->text, "%s\n", command);
}

/* How much is told of a change: the more there is to say, the less of each. */
typedef enum { EXTENT_SHORT, EXTENT_WITHOUT_EVIDENCE, EXTENT_FULL, EXTENT_COUNT } Extent;

static char *
detail_text(const Change *change, const MessageContext *context, const TextStyle *style,
            Extent extent)
{
    const TextWriter writer = {style, g_string_new(NULL)};
    g_autofree char *title = style->escape(change->title), *place = message_place(change);
    g_autofree char *safe = style->escape(place), *span = message_span(change, context);
    g_autofree char *incident = message_incident(change), *explains = message_explains(change);
    g_autofree char *note = message_note(change), *silence = message_silence(change),
                    *annotation = style->code(silence);
    g_autofree char *page = message_url(change, context);
    g_string_append_printf(writer.text, "%s %s%s: %s%s\n%s, %s, %s %s\n", message_mark(change),
                           style->bold, message_happened(change->type), title, style->bold, safe,
                           severity_name(change->severity), span, incident);
    write_line(&writer, "", change->cause, "");
    if (extent == EXTENT_FULL) {
        write_evidence(&writer, change);
        write_changes(&writer, change);
    }
    write_fix(&writer, change);
    if (extent != EXTENT_SHORT) {
        write_line(&writer, "It ", explains, "");
        write_line(&writer, "", note, "");
        write_link(&writer, "Finding", page);
    }
    if (extent == EXTENT_FULL && *annotation != '\0')
        g_string_append_printf(writer.text, "To silence: annotation %s\n", annotation);
    g_string_append_c(writer.text, '\n');
    return g_string_free(writer.text, FALSE);
}

/* ---- All changes. ---- */

static char *
line_text(const MessageLine *line, const MessageContext *context, const TextStyle *style)
{
    const Change *change = line->first;
    g_autofree char *title = style->escape(change->title), *place = message_place(change);
    g_autofree char *span = message_span(change, context), *incident = message_incident(change);
    g_autofree char *safe = style->escape(place);
    if (line->n == 1)
        return g_strdup_printf("%s %s: %s (%s, %s) %s\n", message_mark(change),
                               message_happened(change->type), title, safe, span, incident);
    g_autofree char *others = style->escape(line->others);
    return g_strdup_printf("%s %u %s: %s (%s) and %u like it: %s\n", message_mark(change), line->n,
                           message_happened(change->type), title, safe, line->n - 1, others);
}

enum { TAIL_MAX = 40 };

/* Appends a change as fully as there is room for; false when there is none. */
static bool
append_detail(GString *text, size_t max, const Change *change, const MessageContext *context,
              const TextStyle *style)
{
    for (int extent = EXTENT_COUNT - 1; extent >= 0; extent--) {
        g_autofree char *one = detail_text(change, context, style, (Extent)extent);
        if (text->len + strlen(one) + TAIL_MAX <= max) {
            g_string_append(text, one);
            return true;
        }
    }
    return false;
}

/* Appends the worst in full, as long as there is room, of which a third is for the lines of the
 * rest; returns how many. */
static guint
append_details(GString *text, const GPtrArray *sorted, const MessageContext *context,
               const TextStyle *style)
{
    guint i = 0;
    for (; i < MIN(sorted->len, MESSAGE_DETAILS); i++) {
        const Change *change = sorted->pdata[i];
        size_t max = i + 1 < sorted->len ? style->max - style->max / 3 : style->max;
        if (change->type >= CHANGE_RESOLVED || !append_detail(text, max, change, context, style))
            break;
    }
    return i;
}

/* The headline, the worst in full, the rest in lines, as much as fits. */
static char *
all_text(const GPtrArray *changes, const MessageContext *context, const TextStyle *style)
{
    enum { HEADLINE_MAX = 150 };
    g_autoptr(GPtrArray) sorted = message_sort(changes);
    g_autofree char *headline = message_headline(changes, context),
                    *head = message_cut(headline, HEADLINE_MAX), *safe = style->escape(head);
    GString *text = g_string_new(NULL);
    g_string_append_printf(text, "%s%s%s\n\n", style->bold, safe, style->bold);
    guint n_details = append_details(text, sorted, context, style);
    g_autoptr(GPtrArray) lines = message_lines(sorted, n_details);
    guint n_left = sorted->len - n_details;
    for (guint i = 0; i < lines->len; i++) {
        const MessageLine *line = lines->pdata[i];
        g_autofree char *one = line_text(line, context, style);
        if (text->len + strlen(one) + TAIL_MAX > style->max)
            break;
        g_string_append(text, one);
        n_left -= line->n;
    }
    if (n_left > 0)
        g_string_append_printf(text, "…and %u more", n_left);
    return g_strchomp(g_string_free(text, FALSE));
}

/* ---- The payloads. ---- */

static void
write_pair(JsonWriter *json, const char *key, const char *text)
{
    jsonw_key(json, key);
    jsonw_string(json, text);
}

static void
write_text(JsonWriter *json, const char *text)
{
    jsonw_object_begin(json);
    write_pair(json, "text", text);
    jsonw_object_end(json);
}

/* Nobody is mentioned and no page is shown below it, whatever the text
 * (docs.discord.com/developers, "Execute Webhook"). */
static void
write_discord(JsonWriter *json, const char *text)
{
    enum { SUPPRESS_EMBEDS = 1 << 2 };
    jsonw_object_begin(json);
    write_pair(json, "content", text);
    jsonw_key(json, "flags");
    jsonw_int(json, SUPPRESS_EMBEDS);
    jsonw_key(json, "allowed_mentions");
    jsonw_object_begin(json);
    jsonw_key(json, "parse");
    jsonw_array_begin(json);
    jsonw_array_end(json);
    jsonw_object_end(json);
    jsonw_object_end(json);
}

/* A block for each line: not all programs of Teams keep the line breaks of one. */
static void
write_card_lines(JsonWriter *json, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    const char *spacing = "none";
    for (guint i = 0; lines[i] != NULL; i++) {
        if (lines[i][0] == '\0') {
            spacing = "medium";
            continue;
        }
        jsonw_object_begin(json);
        write_pair(json, "type", "TextBlock");
        write_pair(json, "text", lines[i]);
        jsonw_key(json, "wrap");
        jsonw_bool(json, true);
        write_pair(json, "spacing", spacing);
        jsonw_object_end(json);
        spacing = "none";
    }
}

static void
write_card(JsonWriter *json, const char *text)
{
    jsonw_object_begin(json);
    write_pair(json, "$schema", "http://adaptivecards.io/schemas/adaptive-card.json");
    write_pair(json, "type", "AdaptiveCard");
    write_pair(json, "version", "1.4");
    jsonw_key(json, "body");
    jsonw_array_begin(json);
    write_card_lines(json, text);
    jsonw_array_end(json);
    jsonw_object_end(json);
}

/* adaptivecards.io, version 1.4: what Workflows take. */
static void
write_teams(JsonWriter *json, const char *text)
{
    jsonw_object_begin(json);
    write_pair(json, "type", "message");
    jsonw_key(json, "attachments");
    jsonw_array_begin(json);
    jsonw_object_begin(json);
    write_pair(json, "contentType", "application/vnd.microsoft.card.adaptive");
    jsonw_key(json, "content");
    write_card(json, text);
    jsonw_object_end(json);
    jsonw_array_end(json);
    jsonw_object_end(json);
}

GBytes *
message_markdown(MessageForm form, const GPtrArray *changes, const MessageContext *context)
{
    static const struct {
        TextStyle style;
        void (*write)(JsonWriter *json, const char *text);
    } forms[] = {
        [MESSAGE_MARKDOWN] = {{escape_markdown, code_markdown, "**", MESSAGE_TEXT_MAX, true},
                              write_text},
        [MESSAGE_PLAIN] = {{escape_slack, escape_slack, "", MESSAGE_TEXT_MAX, false}, write_text},
        [MESSAGE_DISCORD] = {{escape_markdown, code_markdown, "**", MESSAGE_DISCORD_MAX, true},
                             write_discord},
        [MESSAGE_TEAMS] = {{escape_markdown, escape_markdown, "**", MESSAGE_TEXT_MAX, true},
                           write_teams},
    };
    g_autofree char *text = all_text(changes, context, &forms[form].style);
    JsonWriter json;
    jsonw_init(&json, strlen(text) + 512);
    forms[form].write(&json, text);
    return jsonw_finish(&json);
}
