#include "analyzers/notify/message.h"

#include <string.h>

#include "analyzers/notify/message_slack.h"
#include "analyzers/notify/message_text.h"
#include "lib/base/error.h"
#include "lib/base/jsonw.h"
#include "lib/base/text.h"

static const struct {
    const char *name;
    MessageForm form;
} forms[] = {
    {"slack", MESSAGE_SLACK}, {"markdown", MESSAGE_MARKDOWN},         {"discord", MESSAGE_DISCORD},
    {"teams", MESSAGE_TEAMS}, {"alertmanager", MESSAGE_ALERTMANAGER}, {"generic", MESSAGE_GENERIC},
};

static const struct {
    const char *part; /* of the URL */
    MessageForm form;
} hosts[] = {
    {"hooks.slack.com", MESSAGE_SLACK},       {"discord.com/api/webhooks", MESSAGE_DISCORD},
    {"logic.azure.com", MESSAGE_TEAMS},       {"webhook.office.com", MESSAGE_TEAMS},
    {"api.powerplatform.com", MESSAGE_TEAMS}, {"/api/v2/alerts", MESSAGE_ALERTMANAGER},
};

bool
message_form_parse(const char *text, const char *url, MessageForm *ret_form, GError **error)
{
    if (strcmp(text, "auto") == 0) {
        *ret_form = MESSAGE_MARKDOWN;
        for (size_t i = 0; i < G_N_ELEMENTS(hosts); i++) {
            if (strstr(url, hosts[i].part) != NULL)
                *ret_form = hosts[i].form;
        }
        return true;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(forms); i++) {
        if (strcmp(forms[i].name, text) == 0) {
            *ret_form = forms[i].form;
            return true;
        }
    }
    return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                     "'%s' is none of auto, slack, markdown, discord, teams, alertmanager, generic",
                     text);
}

/* ---- One text. ---- */

/* Foreign text in Markdown: nothing that makes it anything but text. */
static char *
escape_markdown(const char *text)
{
    GString *out = g_string_new(NULL);
    for (const char *at = text; *at != '\0'; at++) {
        if (strchr("\\`*_[]<>~|", *at) != NULL)
            g_string_append_c(out, '\\');
        g_string_append_c(out, *at);
        if (*at == '@')
            g_string_append(out, "\u200b"); /* no mention */
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
} TextStyle;

static char *
detail_text(const Change *change, const MessageContext *context, const TextStyle *style)
{
    g_autofree char *title = style->escape(change->title), *cause = style->escape(change->cause);
    g_autofree char *place = message_place(change), *safe = style->escape(place);
    g_autofree char *span = message_span(change, context), *incident = message_incident(change);
    g_auto(GStrv) fix = g_strsplit(change->fix, "\n", 2);
    bool has_step = fix[0] != NULL && fix[0][0] != '\0';
    g_autofree char *step = style->escape(has_step ? fix[0] : ""),
                    *command = style->code(has_step && fix[1] != NULL ? fix[1] : "");
    g_autofree char *marked = message_note(change), *note = style->escape(marked);
    GString *text = g_string_new(NULL);
    g_string_append_printf(text, "%s %s%s: %s%s\n%s, %s, %s %s\n%s\n", message_mark(change),
                           style->bold, message_happened(change->type), title, style->bold, safe,
                           severity_name(change->severity), span, incident, cause);
    if (has_step)
        g_string_append_printf(text, "First: %s\n", step);
    const char *const lines[] = {command, note};
    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
        if (*lines[i] != '\0')
            g_string_append_printf(text, "%s\n", lines[i]);
    }
    g_string_append_c(text, '\n');
    return g_string_free(text, FALSE);
}

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

/* Appends the worst in full, as long as there is room; returns how many. */
static guint
append_details(GString *text, const GPtrArray *sorted, const MessageContext *context,
               const TextStyle *style)
{
    guint i = 0;
    for (; i < MIN(sorted->len, MESSAGE_DETAILS); i++) {
        const Change *change = sorted->pdata[i];
        if (change->type == CHANGE_RESOLVED)
            break;
        g_autofree char *one = detail_text(change, context, style);
        if (text->len + strlen(one) + TAIL_MAX > style->max)
            break;
        g_string_append(text, one);
    }
    return i;
}

/* The headline, the worst in full, the rest in lines, as much as fits. */
static char *
all_text(const GPtrArray *changes, const MessageContext *context, const TextStyle *style)
{
    g_autoptr(GPtrArray) sorted = message_sort(changes);
    g_autofree char *headline = message_headline(changes, context), *safe = style->escape(headline);
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
    return g_string_free(text, FALSE);
}

static GBytes *
text_message(const char *key, const GPtrArray *changes, const MessageContext *context,
             const TextStyle *style)
{
    g_autofree char *text = all_text(changes, context, style);
    JsonWriter json;
    jsonw_init(&json, strlen(text) + 64);
    jsonw_object_begin(&json);
    jsonw_key(&json, key);
    jsonw_string(&json, text);
    jsonw_object_end(&json);
    return jsonw_finish(&json);
}

/* ---- Microsoft Teams. ---- */

/* adaptivecards.io, version 1.4: what Workflows take. */
static GBytes *
teams_message(const GPtrArray *changes, const MessageContext *context)
{
    const TextStyle style = {escape_markdown, escape_markdown, "**", MESSAGE_TEXT_MAX};
    g_autofree char *text = all_text(changes, context, &style);
    JsonWriter json;
    jsonw_init(&json, strlen(text) + 512);
    jsonw_object_begin(&json);
    jsonw_key(&json, "type");
    jsonw_string(&json, "message");
    jsonw_key(&json, "attachments");
    jsonw_array_begin(&json);
    jsonw_object_begin(&json);
    jsonw_key(&json, "contentType");
    jsonw_string(&json, "application/vnd.microsoft.card.adaptive");
    jsonw_key(&json, "content");
    jsonw_object_begin(&json);
    jsonw_key(&json, "type");
    jsonw_string(&json, "AdaptiveCard");
    jsonw_key(&json, "version");
    jsonw_string(&json, "1.4");
    jsonw_key(&json, "body");
    jsonw_array_begin(&json);
    jsonw_object_begin(&json);
    jsonw_key(&json, "type");
    jsonw_string(&json, "TextBlock");
    jsonw_key(&json, "wrap");
    jsonw_bool(&json, true);
    jsonw_key(&json, "text");
    jsonw_string(&json, text);
    jsonw_object_end(&json);
    jsonw_array_end(&json);
    jsonw_object_end(&json);
    jsonw_object_end(&json);
    jsonw_array_end(&json);
    jsonw_object_end(&json);
    return jsonw_finish(&json);
}

/* ---- For programs. ---- */

static void
write_time(JsonWriter *json, const char *key, int64_t seconds)
{
    g_autofree char *text = rfc3339_text(seconds);
    jsonw_key(json, key);
    jsonw_string(json, text);
}

static void
write_pairs(JsonWriter *json, const char *key, const char *const *pairs)
{
    jsonw_key(json, key);
    jsonw_object_begin(json);
    for (size_t i = 0; pairs[i] != NULL; i += 2) {
        jsonw_key(json, pairs[i]);
        jsonw_string(json, pairs[i + 1]);
    }
    jsonw_object_end(json);
}

/* Alertmanager's API v2. One without endsAt would end after its resolve_timeout, five minutes. */
static void
write_alert(JsonWriter *json, const Change *change, const MessageContext *context)
{
    bool has_note = change->note[0] != '\0';
    const char *const labels[] = {"alertname",   change->check,
                                  "cluster",     context->cluster,
                                  "severity",    severity_name(change->severity),
                                  "kind",        change->kind,
                                  "namespace",   change->ns,
                                  "name",        change->name,
                                  "fingerprint", change->fingerprint,
                                  NULL};
    const char *const annotations[] = {
        "summary",    change->title, "description", change->cause, has_note ? "note" : NULL,
        change->note, NULL};
    jsonw_object_begin(json);
    write_pairs(json, "labels", labels);
    write_pairs(json, "annotations", annotations);
    write_time(json, "startsAt", change->since_s > 0 ? change->since_s : change->first_seen_s);
    bool has_ended = change->type >= CHANGE_RESOLVED;
    write_time(json, "endsAt", has_ended ? change->at_s : context->now_s + MESSAGE_ALERT_S);
    jsonw_object_end(json);
}

static void
write_change(JsonWriter *json, const Change *change, const MessageContext *context)
{
    const char *const texts[] = {"change",      change_name(change->type),
                                 "cluster",     context->cluster,
                                 "check",       change->check,
                                 "severity",    severity_name(change->severity),
                                 "title",       change->title,
                                 "cause",       change->cause,
                                 "evidence",    change->evidence,
                                 "fix",         change->fix,
                                 "fingerprint", change->fingerprint,
                                 NULL};
    const char *const object[] = {"kind", change->kind, "namespace", change->ns,
                                  "name", change->name, NULL};
    jsonw_object_begin(json);
    for (size_t i = 0; texts[i] != NULL; i += 2) {
        jsonw_key(json, texts[i]);
        jsonw_string(json, texts[i + 1]);
    }
    if (change->note[0] != '\0') {
        jsonw_key(json, "note");
        jsonw_string(json, change->note);
    }
    if (change->type >= CHANGE_RESOLVED && change->ending[0] != '\0') {
        jsonw_key(json, "ending");
        jsonw_string(json, change->ending);
    }
    write_pairs(json, "object", object);
    write_time(json, "at", change->at_s);
    write_time(json, "since", change->since_s > 0 ? change->since_s : change->first_seen_s);
    jsonw_object_end(json);
}

typedef void (*WriteChange)(JsonWriter *json, const Change *change, const MessageContext *context);

static GBytes *
list_message(const GPtrArray *changes, const MessageContext *context, WriteChange write)
{
    JsonWriter json;
    jsonw_init(&json, 4096);
    jsonw_array_begin(&json);
    for (guint i = 0; i < changes->len; i++)
        write(&json, changes->pdata[i], context);
    jsonw_array_end(&json);
    return jsonw_finish(&json);
}

GBytes *
message_new(MessageForm form, const GPtrArray *changes, const MessageContext *context)
{
    const TextStyle markdown = {escape_markdown, code_markdown, "**", MESSAGE_TEXT_MAX};
    const TextStyle discord = {escape_markdown, code_markdown, "**", MESSAGE_DISCORD_MAX};
    const TextStyle plain = {escape_slack, escape_slack, "", MESSAGE_TEXT_MAX};
    switch (form) {
    case MESSAGE_SLACK:
        return message_slack(changes, context);
    case MESSAGE_MARKDOWN:
        return text_message("text", changes, context, &markdown);
    case MESSAGE_PLAIN:
        return text_message("text", changes, context, &plain);
    case MESSAGE_DISCORD:
        return text_message("content", changes, context, &discord);
    case MESSAGE_TEAMS:
        return teams_message(changes, context);
    case MESSAGE_ALERTMANAGER:
        return list_message(changes, context, write_alert);
    case MESSAGE_GENERIC:
        return list_message(changes, context, write_change);
    }
    return NULL;
}
