#include "analyzers/report/sarif.h"

#include "cresset/version.h"
#include "lib/base/jsonw.h"

#define SCHEMA "https://json.schemastore.org/sarif-2.1.0.json"

static const char *const levels[] = {
    [SEVERITY_INFO] = "note",  [SEVERITY_LOW] = "note",       [SEVERITY_MEDIUM] = "warning",
    [SEVERITY_HIGH] = "error", [SEVERITY_CRITICAL] = "error",
};

static void
write_member(JsonWriter *json, const char *key, const char *text)
{
    jsonw_key(json, key);
    jsonw_string(json, text);
}

/* {"text": …} */
static void
write_message(JsonWriter *json, const char *key, const char *text)
{
    jsonw_key(json, key);
    jsonw_object_begin(json);
    write_member(json, "text", text);
    jsonw_object_end(json);
}

/* The rules that have findings, each once. */
static void
write_rules(JsonWriter *json, const Findings *findings)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
    jsonw_key(json, "rules");
    jsonw_array_begin(json);
    for (guint i = 0; i < findings->n_roots; i++) {
        const CheckRow *check = ((const Finding *)findings->all->pdata[i])->check;
        if (!g_hash_table_add(seen, (gpointer)(uintptr_t)check))
            continue;
        jsonw_object_begin(json);
        write_member(json, "id", check->id);
        write_message(json, "shortDescription", check->symptom);
        write_message(json, "fullDescription", check->meaning);
        write_message(json, "help", check->fix);
        jsonw_object_end(json);
    }
    jsonw_array_end(json);
}

static void
write_location(JsonWriter *json, const Object *object)
{
    g_autofree char *name =
        g_strdup_printf("%s%s%s", object->ns, object->ns[0] != '\0' ? "/" : "", object->name);
    jsonw_key(json, "locations");
    jsonw_array_begin(json);
    jsonw_object_begin(json);
    jsonw_key(json, "logicalLocations");
    jsonw_array_begin(json);
    jsonw_object_begin(json);
    write_member(json, "fullyQualifiedName", name);
    write_member(json, "kind", kind_row(object->kind)->kind);
    jsonw_object_end(json);
    jsonw_array_end(json);
    jsonw_object_end(json);
    jsonw_array_end(json);
}

static void
write_result(JsonWriter *json, const Finding *finding)
{
    g_autofree char *text = g_strdup_printf("%s. %s", finding->title, finding->cause);
    jsonw_object_begin(json);
    write_member(json, "ruleId", finding->check->id);
    write_member(json, "level", levels[finding->severity]);
    write_message(json, "message", text);
    write_location(json, finding->object);
    jsonw_key(json, "partialFingerprints");
    jsonw_object_begin(json);
    write_member(json, "cresset/v1", finding->fingerprint);
    jsonw_object_end(json);
    jsonw_object_end(json);
}

GBytes *
report_sarif(const Findings *findings, const CheckOptions *options)
{
    JsonWriter json;
    (void)options;
    jsonw_init(&json, 4096);
    jsonw_object_begin(&json);
    write_member(&json, "$schema", SCHEMA);
    write_member(&json, "version", "2.1.0");
    jsonw_key(&json, "runs");
    jsonw_array_begin(&json);
    jsonw_object_begin(&json);
    jsonw_key(&json, "tool");
    jsonw_object_begin(&json);
    jsonw_key(&json, "driver");
    jsonw_object_begin(&json);
    write_member(&json, "name", "cresset-analyzer");
    write_member(&json, "version", CRESSET_VERSION);
    write_rules(&json, findings);
    jsonw_object_end(&json);
    jsonw_object_end(&json);
    jsonw_key(&json, "results");
    jsonw_array_begin(&json);
    for (guint i = 0; i < findings->n_roots; i++)
        write_result(&json, findings->all->pdata[i]);
    jsonw_array_end(&json);
    jsonw_object_end(&json);
    jsonw_array_end(&json);
    jsonw_object_end(&json);
    return jsonw_finish(&json);
}
