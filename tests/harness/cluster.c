#include "tests/harness/cluster.h"

#include <string.h>

#include "analyzers/collect/log_folder.h"
#include "tests/harness/check.h"

struct TestCluster {
    Snapshot *snapshot;
    Findings *findings;
    const LogRules *log_rules;
    Telemetry *telemetry; /* NULL: no back end is configured */
    bool is_finished;
};

/* A certificate that is valid until 2036. */
static const char server_certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIHAMHQCAQEwBQYDK2VwMA0xCzAJBgNVBAMMAmNhMB4XDTI1MDEwMTAwMDAwMFoX\n"
    "DTM2MDEwMTAwMDAwMFowDTELMAkGA1UEAwwCY2EwKjAFBgMrZXADIQDagR7ZVLfU\n"
    "lSDyRLkhDBIH8PkiKFqCUVxEd9Zzg6lf4DAFBgMrZXADQQBlgDBYT3CFVneGkYa9\n"
    "sJmt2yrN5nSGEiD+lPDlJJY8v1G+9dK/I8VE75XcI9BMrZ9/4WRYzLFvbTsXi/oi\n"
    "gn4F\n"
    "-----END CERTIFICATE-----\n";

static Value *
add_text(Arena *arena, Value *map, const char *key, const char *text)
{
    Value *value = arena_alloc(arena, sizeof *value);
    *value = (Value){.key = key,
                     .text = arena_strndup(arena, text, strlen(text)),
                     .next = map->first,
                     .n = (uint32_t)strlen(text),
                     .type = VALUE_TEXT};
    map->first = value;
    map->n++;
    return value;
}

static void
add_object(TestCluster *cluster, Value *object)
{
    Arena *arena = snapshot_arena(cluster->snapshot);
    g_autofree char *group = kind_group(value_text(object, "apiVersion"));
    Kind known = kind_of(group, value_text(object, "kind"));
    Kind kind = known == KIND_NONE && snapshot_is_managed(object) ? KIND_MANAGED : known;
    Value *metadata = (Value *)(uintptr_t)value_get(object, "metadata");
    if (kind == KIND_NONE || metadata == NULL)
        fail_msg("'%s' of '%s' is no kind, or has no metadata", value_text(object, "kind"), group);
    const char *ns = value_text(metadata, "namespace"), *name = value_text(metadata, "name");
    g_autofree char *uid = g_strdup_printf("%s/%s/%s", kind_row(kind)->kind, ns, name);
    if (value_get(metadata, "uid") == NULL)
        add_text(arena, metadata, "uid", uid);
    if (value_get(metadata, "creationTimestamp") == NULL)
        add_text(arena, metadata, "creationTimestamp", "2025-12-31T12:00:00Z");
    snapshot_add(cluster->snapshot, kind, object);
}

TestCluster *
test_cluster_new(const char *yaml)
{
    TestCluster *cluster = g_new0(TestCluster, 1);
    g_autoptr(GError) error = NULL;
    cluster->snapshot = snapshot_new();
    g_autoptr(ValueReader) reader = value_reader_new(snapshot_arena(cluster->snapshot));
    value_reader_begin(reader, VALUE_YAML);
    assert_true(value_reader_feed(reader, yaml, strlen(yaml), NULL));
    Value *documents = value_reader_end(reader, &error);
    if (documents == NULL)
        fail_msg("not valid YAML: %s", error->message);
    for (int kind = KIND_NONE + 1; kind < KIND_COUNT; kind++)
        snapshot_set_list(cluster->snapshot, (Kind)kind, LIST_READ, NULL);
    snapshot_set_fact(cluster->snapshot, FACT_READYZ, "ok", NULL);
    snapshot_set_fact(cluster->snapshot, FACT_CERTIFICATE, server_certificate, NULL);
    if (documents->type == VALUE_MAP)
        add_object(cluster, documents);
    for (Value *one = documents->type == VALUE_LIST ? documents->first : NULL; one != NULL;
         one = one->next)
        add_object(cluster, one);
    return cluster;
}

void
test_cluster_free(TestCluster *cluster)
{
    if (cluster == NULL)
        return;
    findings_free(cluster->findings);
    telemetry_free(cluster->telemetry);
    snapshot_free(cluster->snapshot);
    g_free(cluster);
}

void
test_cluster_fail(TestCluster *cluster, Kind kind, const char *why)
{
    snapshot_set_list(cluster->snapshot, kind, LIST_FAILED, why);
}

void
test_cluster_fact(TestCluster *cluster, Fact fact, const char *text)
{
    snapshot_set_fact(cluster->snapshot, fact, text, NULL);
}

void
test_cluster_fact_fails(TestCluster *cluster, Fact fact, const char *why)
{
    snapshot_set_fact(cluster->snapshot, fact, NULL, why);
}

void
test_cluster_logs(TestCluster *cluster, const char *dir)
{
    log_folder_open(cluster->snapshot, dir);
}

void
test_cluster_lookup(TestCluster *cluster, SnapshotLookupFunc func, void *data)
{
    snapshot_set_lookup(cluster->snapshot, func, data, NULL);
}

void
test_cluster_log_rules(TestCluster *cluster, const LogRules *rules)
{
    cluster->log_rules = rules;
}

/* ---- Back ends. ---- */

static const TelemetryQuery *
find_query(TestCluster *cluster, const char *name)
{
    const CheckOptions options = {.tier = 3};
    g_autoptr(GPtrArray) queries = check_queries(&options);
    if (cluster->telemetry == NULL)
        cluster->telemetry = telemetry_new();
    for (guint i = 0; i < queries->len; i++) {
        const TelemetryQuery *query = queries->pdata[i];
        if (strcmp(query->name, name) == 0)
            return query;
    }
    fail_msg("no check asks '%s'", name);
    return NULL;
}

void
test_cluster_answer(TestCluster *cluster, const char *query_name, const char *result)
{
    g_autoptr(GError) error = NULL;
    const TelemetryQuery *query = find_query(cluster, query_name);
    bool is_matrix = strstr(result, "\"values\"") != NULL;
    char *text = query->source == SOURCE_PROFILES
                     ? g_strdup_printf("{\"names\":%s}", result)
                     : g_strdup_printf("{\"status\":\"success\",\"data\":{\"resultType\":\"%s\","
                                       "\"result\":%s}}",
                                       is_matrix ? "matrix" : "vector", result);
    g_autoptr(GBytes) body = g_bytes_new_take(text, strlen(text));
    if (!telemetry_take(cluster->telemetry, query, body, &error))
        fail_msg("%s: %s", query_name, error->message);
}

void
test_cluster_answer_fails(TestCluster *cluster, const char *query, const char *why)
{
    const TelemetryQuery *found = find_query(cluster, query);
    telemetry_fail(cluster->telemetry, found, ANSWER_FAILED, why);
}

void
test_cluster_answer_absent(TestCluster *cluster, const char *query)
{
    const TelemetryQuery *found = find_query(cluster, query);
    g_auto(GStrv) families = g_strsplit(found->families, " ", 2);
    g_autofree char *why = g_strconcat(TELEMETRY_ABSENT, families[0], NULL);
    telemetry_fail(cluster->telemetry, found, ANSWER_ABSENT, why);
}

void
test_cluster_backend_fails(TestCluster *cluster, TelemetrySource source, TelemetryResult result,
                           const char *why)
{
    if (cluster->telemetry == NULL)
        cluster->telemetry = telemetry_new();
    telemetry_set_backend(cluster->telemetry, source, result, why);
}

void
test_cluster_clock_differs(TestCluster *cluster, TelemetrySource source, int64_t skew_s)
{
    test_cluster_backend_fails(cluster, source, TELEMETRY_OK, NULL);
    telemetry_set_clock_skew(cluster->telemetry, source, skew_s);
}

const Snapshot *
test_cluster_snapshot(TestCluster *cluster)
{
    if (!cluster->is_finished)
        snapshot_finish(cluster->snapshot);
    cluster->is_finished = true;
    return cluster->snapshot;
}

const Findings *
test_cluster_findings(TestCluster *cluster)
{
    const CheckOptions options = {.tier = 3,
                                  .now_s = TEST_NOW_S,
                                  .cluster = "test",
                                  .telemetry = cluster->telemetry,
                                  .log_rules = cluster->log_rules};
    if (cluster->findings == NULL) {
        const Snapshot *snapshot = test_cluster_snapshot(cluster);
        cluster->findings = check_all(snapshot, &options);
    }
    return cluster->findings;
}

static char *
place_of(const Finding *finding)
{
    const Object *object = finding->object;
    return g_strdup_printf("%s %s%s%s", kind_row(object->kind)->kind, object->ns,
                           object->ns[0] != '\0' ? "/" : "", object->name);
}

static char *
list_findings(const Findings *findings)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < findings->all->len; i++) {
        const Finding *finding = findings->all->pdata[i];
        g_autofree char *place = place_of(finding);
        g_string_append_printf(text, "\n  %s%s: %s: %s", finding->root != NULL ? "(folded) " : "",
                               place, finding->check->id, finding->title);
    }
    return g_string_free(text, FALSE);
}

static const Finding *
find(TestCluster *cluster, const char *check, const char *object, bool is_root)
{
    const Findings *findings = test_cluster_findings(cluster);
    assert_non_null(check_find(check));
    for (guint i = 0; i < findings->all->len; i++) {
        const Finding *finding = findings->all->pdata[i];
        g_autofree char *place = place_of(finding);
        if (strcmp(finding->check->id, check) == 0 && strcmp(place, object) == 0 &&
            (finding->root == NULL) == is_root)
            return finding;
    }
    g_autofree char *all = list_findings(findings);
    fail_msg("no %s finding of %s about %s; there are:%s", is_root ? "root" : "folded", check,
             object, all);
    return NULL;
}

const Finding *
test_cluster_expect(TestCluster *cluster, const char *check, const char *object)
{
    return find(cluster, check, object, true);
}

const Finding *
test_cluster_expect_folded(TestCluster *cluster, const char *check, const char *object)
{
    return find(cluster, check, object, false);
}

void
test_cluster_expect_none(TestCluster *cluster, const char *check)
{
    const Findings *findings = test_cluster_findings(cluster);
    assert_non_null(check_find(check));
    for (guint i = 0; i < findings->all->len; i++) {
        const Finding *finding = findings->all->pdata[i];
        if (strcmp(finding->check->id, check) == 0)
            fail_msg("%s says: %s. %s", check, finding->title, finding->cause);
    }
}

void
test_cluster_expect_quiet(TestCluster *cluster, Severity severity)
{
    const Findings *findings = test_cluster_findings(cluster);
    for (guint i = 0; i < findings->n_roots; i++) {
        const Finding *finding = findings->all->pdata[i];
        if (finding->severity >= severity &&
            strcmp(finding->check->id, "analyzer-partial-scan") != 0) {
            g_autofree char *all = list_findings(findings);
            fail_msg("there should be no finding:%s", all);
        }
    }
}

void
test_cluster_expect_unverified(TestCluster *cluster, const char *check)
{
    const Findings *findings = test_cluster_findings(cluster);
    for (guint i = 0; i < findings->unverified->len; i++) {
        if (strcmp(((const Unverified *)findings->unverified->pdata[i])->check->id, check) == 0)
            return;
    }
    fail_msg("%s does not say that it could not verify", check);
}
