#include "analyzers/report/json.h"
#include "lib/base/text.h"

static void
write_member(JsonWriter *json, const char *key, const char *text)
{
    jsonw_key(json, key);
    jsonw_string(json, text);
}

static void
write_object(JsonWriter *json, Kind kind, const char *ns, const char *name)
{
    jsonw_key(json, "object");
    jsonw_object_begin(json);
    write_member(json, "kind", kind_row(kind)->kind);
    write_member(json, "namespace", ns);
    write_member(json, "name", name);
    jsonw_object_end(json);
}

static void
write_lines(JsonWriter *json, const char *key, const GPtrArray *lines)
{
    jsonw_key(json, key);
    jsonw_array_begin(json);
    for (guint i = 0; i < lines->len; i++)
        jsonw_string(json, lines->pdata[i]);
    jsonw_array_end(json);
}

static void
write_explains(JsonWriter *json, const Finding *finding)
{
    jsonw_key(json, "explains");
    jsonw_array_begin(json);
    for (guint i = 0; i < finding->explains->len; i++) {
        const Finding *other = finding->explains->pdata[i];
        jsonw_object_begin(json);
        write_member(json, "check", other->check->id);
        write_object(json, other->object->kind, other->object->ns, other->object->name);
        jsonw_object_end(json);
    }
    jsonw_array_end(json);
}

/* Absent when there is none. */
static void
write_links(JsonWriter *json, const Finding *finding)
{
    if (finding->links->len == 0)
        return;
    jsonw_key(json, "links");
    jsonw_array_begin(json);
    for (guint i = 0; i < finding->links->len; i++) {
        const FindingLink *link = finding->links->pdata[i];
        jsonw_object_begin(json);
        write_member(json, "label", link->label);
        write_member(json, "url", link->url);
        jsonw_object_end(json);
    }
    jsonw_array_end(json);
}

static void
write_finding(JsonWriter *json, const Finding *finding)
{
    jsonw_object_begin(json);
    write_member(json, "check", finding->check->id);
    write_member(json, "severity", severity_name(finding->severity));
    write_object(json, finding->object->kind, finding->object->ns, finding->object->name);
    jsonw_key(json, "since");
    g_autofree char *since = rfc3339_text(finding->since_s);
    if (finding->since_s > 0)
        jsonw_string(json, since);
    else
        jsonw_null(json);
    write_member(json, "title", finding->title);
    write_member(json, "cause", finding->cause);
    if (finding->note != NULL)
        write_member(json, "note", finding->note);
    write_lines(json, "evidence", finding->evidence);
    if (finding->changes->len > 0)
        write_lines(json, "changes", finding->changes);
    write_lines(json, "fix", finding->fix);
    write_links(json, finding);
    write_explains(json, finding);
    write_member(json, "fingerprint", finding->fingerprint);
    jsonw_object_end(json);
}

GBytes *
report_json(const Findings *findings, const CheckOptions *options)
{
    JsonWriter json;
    jsonw_init(&json, 4096);
    jsonw_object_begin(&json);
    write_member(&json, "cluster", options->cluster != NULL ? options->cluster : "");
    g_autofree char *clock = rfc3339_text(options->now_s);
    write_member(&json, "clock", clock);
    jsonw_key(&json, "findings");
    jsonw_array_begin(&json);
    for (guint i = 0; i < findings->n_roots; i++)
        write_finding(&json, findings->all->pdata[i]);
    jsonw_array_end(&json);
    jsonw_key(&json, "unverified");
    jsonw_array_begin(&json);
    for (guint i = 0; i < findings->unverified->len; i++) {
        const Unverified *unverified = findings->unverified->pdata[i];
        jsonw_object_begin(&json);
        write_member(&json, "check", unverified->check->id);
        write_object(&json, unverified->kind, unverified->ns, unverified->name);
        write_member(&json, "reason", unverified->reason);
        jsonw_object_end(&json);
    }
    jsonw_array_end(&json);
    jsonw_object_end(&json);
    return jsonw_finish(&json);
}
