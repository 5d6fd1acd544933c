#include "analyzers/notify/message.h"

#include <string.h>

#include "analyzers/notify/message_markdown.h"
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
    {"hooks.slack-gov.com", MESSAGE_SLACK},   {"discordapp.com/api/webhooks", MESSAGE_DISCORD},
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

/* ---- For programs. ---- */

static void
write_time(JsonWriter *json, const char *key, int64_t seconds)
{
    g_autofree char *text = rfc3339_text(seconds);
    jsonw_key(json, key);
    jsonw_string(json, text);
}

/* Nothing when it is empty. */
static void
write_some(JsonWriter *json, const char *key, const char *text)
{
    if (text[0] == '\0')
        return;
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

static void
write_annotations(JsonWriter *json, const Change *change)
{
    g_autofree char *explains = message_explains(change);
    const char *const annotations[][2] = {{"summary", change->title},
                                          {"description", change->cause},
                                          {"changes", change->changes},
                                          {"explains", explains},
                                          {"note", change->note}};
    jsonw_key(json, "annotations");
    jsonw_object_begin(json);
    for (size_t i = 0; i < G_N_ELEMENTS(annotations); i++)
        write_some(json, annotations[i][0], annotations[i][1]);
    jsonw_object_end(json);
}

/* Alertmanager's API v2. One without endsAt would end after its resolve_timeout, five minutes. */
static void
write_alert(JsonWriter *json, const Change *change, const MessageContext *context)
{
    const char *const labels[] = {"alertname",   change->check,
                                  "cluster",     context->cluster,
                                  "severity",    severity_name(change->severity),
                                  "kind",        change->kind,
                                  "namespace",   change->ns,
                                  "name",        change->name,
                                  "fingerprint", change->fingerprint,
                                  NULL};
    jsonw_object_begin(json);
    write_pairs(json, "labels", labels);
    write_annotations(json, change);
    write_time(json, "startsAt", change->since_s > 0 ? change->since_s : change->first_seen_s);
    bool has_ended = change->type >= CHANGE_RESOLVED;
    g_autofree char *url = message_url(change, context);
    write_time(json, "endsAt", has_ended ? change->at_s : context->now_s + MESSAGE_ALERT_S);
    write_some(json, "generatorURL", url);
    jsonw_object_end(json);
}

/* How many findings are its consequences, and the titles of the first of them. */
static void
write_explained(JsonWriter *json, const Change *change)
{
    g_auto(GStrv) titles = g_strsplit(change->explained, "\n", -1);
    jsonw_key(json, "n_explained");
    jsonw_int(json, change->n_explained);
    jsonw_key(json, "explains");
    jsonw_array_begin(json);
    for (guint i = 0; titles[i] != NULL; i++)
        jsonw_string(json, titles[i]);
    jsonw_array_end(json);
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
    g_autofree char *url = message_url(change, context);
    jsonw_object_begin(json);
    for (size_t i = 0; texts[i] != NULL; i += 2) {
        jsonw_key(json, texts[i]);
        jsonw_string(json, texts[i + 1]);
    }
    write_some(json, "changes", change->changes);
    write_some(json, "note", change->note);
    write_some(json, "ending", change->type >= CHANGE_RESOLVED ? change->ending : "");
    write_some(json, "url", url);
    write_pairs(json, "object", object);
    write_explained(json, change);
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
    switch (form) {
    case MESSAGE_SLACK:
        return message_slack(changes, context);
    case MESSAGE_MARKDOWN:
    case MESSAGE_PLAIN:
    case MESSAGE_DISCORD:
    case MESSAGE_TEAMS:
        return message_markdown(form, changes, context);
    case MESSAGE_ALERTMANAGER:
        return list_message(changes, context, write_alert);
    case MESSAGE_GENERIC:
        return list_message(changes, context, write_change);
    }
    return NULL;
}
