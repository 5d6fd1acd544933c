#include "server/api/finding_json.h"

#include "lib/base/text.h"
#include "server/findings/severity.h"

#define NS_PER_SECOND INT64_C(1000000000)

const char *
finding_transition_name(FindingTransitionType type)
{
    static const char *const names[] = {
        [FINDING_OPENED] = "opened",     [FINDING_CHANGED] = "changed",
        [FINDING_RESOLVED] = "resolved", [FINDING_REOPENED] = "reopened",
        [FINDING_FOLDED] = "folded",
    };
    return names[type];
}

static void
write_text(JsonWriter *json, const char *key, const char *text)
{
    jsonw_key(json, key);
    jsonw_string(json, text);
}

/* "2026-11-27T18:00:00Z", or null for 0. */
static void
write_time(JsonWriter *json, const char *key, int64_t ns)
{
    g_autofree char *text = rfc3339_text(ns / NS_PER_SECOND);
    jsonw_key(json, key);
    if (ns != 0)
        jsonw_string(json, text);
    else
        jsonw_null(json);
}

static void
write_severity(JsonWriter *json, const char *key, int64_t severity)
{
    jsonw_key(json, key);
    if (severity >= 0)
        jsonw_string(json, finding_severities[severity]);
    else
        jsonw_null(json);
}

static void
write_object(JsonWriter *json, const char *kind, const char *ns, const char *name)
{
    jsonw_key(json, "object");
    jsonw_object_begin(json);
    write_text(json, "kind", kind);
    write_text(json, "namespace", ns);
    write_text(json, "name", name);
    jsonw_object_end(json);
}

static void
write_list(JsonWriter *json, const char *key, const char *list)
{
    jsonw_key(json, key);
    jsonw_json(json, list);
}

void
finding_json_write(JsonWriter *json, const char *tenant, const void *item)
{
    const Finding *finding = item;
    jsonw_object_begin(json);
    write_text(json, "tenant", tenant);
    write_text(json, "cluster", finding->cluster);
    write_text(json, "check", finding->check);
    write_severity(json, "severity", finding->severity);
    write_object(json, finding->kind, finding->ns, finding->name);
    write_time(json, "since", finding->since_ns);
    write_text(json, "title", finding->title);
    write_text(json, "cause", finding->cause);
    write_list(json, "evidence", finding->evidence);
    write_list(json, "fix", finding->fix);
    write_list(json, "explains", finding->explains);
    write_list(json, "changes", finding->changes);
    write_list(json, "links", finding->links);
    write_text(json, "note", finding->note);
    write_text(json, "fingerprint", finding->fingerprint);
    write_text(json, "state", finding->resolved_ns == 0 ? "open" : "resolved");
    write_time(json, "opened", finding->opened_ns);
    write_time(json, "seen", finding->seen_ns);
    write_time(json, "resolved", finding->resolved_ns);
    jsonw_object_end(json);
}

void
finding_transition_json_write(JsonWriter *json, const char *tenant, const void *item)
{
    const FindingTransition *transition = item;
    jsonw_object_begin(json);
    write_text(json, "tenant", tenant);
    write_text(json, "cluster", transition->cluster);
    write_time(json, "time", transition->time_ns);
    write_text(json, "type", finding_transition_name(transition->type));
    write_text(json, "check", transition->check);
    write_severity(json, "severity", transition->severity);
    write_severity(json, "former_severity", transition->former_severity);
    write_object(json, transition->kind, transition->ns, transition->name);
    write_text(json, "title", transition->title);
    write_text(json, "fingerprint", transition->fingerprint);
    jsonw_object_end(json);
}

void
finding_cluster_json_write(JsonWriter *json, const char *tenant, const void *item)
{
    const FindingCluster *cluster = item;
    jsonw_object_begin(json);
    write_text(json, "tenant", tenant);
    write_text(json, "cluster", cluster->cluster);
    write_time(json, "clock", cluster->clock_ns);
    write_time(json, "received", cluster->received_ns);
    jsonw_key(json, "reports");
    jsonw_int(json, cluster->report);
    jsonw_key(json, "unverified");
    jsonw_int(json, cluster->n_unverified);
    jsonw_key(json, "open");
    jsonw_int(json, cluster->n_open);
    jsonw_object_end(json);
}
