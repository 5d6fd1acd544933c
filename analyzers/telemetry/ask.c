#include "analyzers/telemetry/ask.h"

#include <string.h>

#include "analyzers/telemetry/loki.h"
#include "lib/base/jsonw.h"
#include "lib/base/option.h"

/* Questions about logs look back a day. */
enum { FAMILIES_WINDOW_S = 15 * 60, LOG_LABELS_WINDOW_S = 25 * 3600 };

typedef struct {
    Telemetry *telemetry;
    const TelemetryAsk *ask;
    const TelemetryQuery *const *queries;
    size_t n;
    GHashTable *families; /* names that there are; NULL: not known, so all may be */
    LokiLabels logs;      /* of streams; zeroed when they are not known */
    gint next;            /* atomic */
} Round;

/* Without matchers their comma goes too: LogQL takes none before a brace. */
static char *
with_matchers(const char *text, const char *matchers)
{
    g_autoptr(GString) query = g_string_new(text);
    if (matchers == NULL || *matchers == '\0')
        g_string_replace(query, ",$S", "", 0);
    g_string_replace(query, "$S", matchers != NULL ? matchers : "", 0);
    return g_string_free(g_steal_pointer(&query), FALSE);
}

/* ---- Which metrics there are. ---- */

/* The families of all questions as a quoted expression; NULL when none names one. */
static char *
quote_families(const Round *round)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (size_t i = 0; i < round->n; i++) {
        const TelemetryQuery *query = round->queries[i];
        g_auto(GStrv) words = g_strsplit(query->families != NULL ? query->families : "", " ", -1);
        for (guint k = 0; query->source == SOURCE_METRICS && words[k] != NULL; k++) {
            if (*words[k] == '\0' || g_hash_table_contains(seen, words[k]))
                continue;
            char *name = g_strdup(words[k]);
            g_hash_table_add(seen, name);
            g_ptr_array_add(names, name);
        }
    }
    if (names->len == 0)
        return NULL;
    g_ptr_array_add(names, NULL);
    return telemetry_quote_any((const char *const *)names->pdata);
}

/* A back end that limits such questions refuses it: then each question is asked. */
static GHashTable *
find_families(const Round *round)
{
    TelemetryApi *api =
        round->ask->matchers_problem == NULL ? round->ask->apis[SOURCE_METRICS] : NULL;
    g_autofree char *names = api != NULL ? quote_families(round) : NULL;
    if (names == NULL)
        return NULL;
    g_autoptr(GBytes) body = NULL;
    g_auto(TelemetryOutcome) outcome = {0};
    g_autofree char *text = g_strdup_printf("{__name__=~%s,$S}", names);
    g_autofree char *matcher = with_matchers(text, round->ask->matchers);
    g_autofree char *coded = g_uri_escape_string(matcher, NULL, false);
    g_autofree char *query =
        g_strdup_printf("start=%" G_GINT64_FORMAT "&end=%" G_GINT64_FORMAT "&match[]=%s",
                        round->ask->now_s - FAMILIES_WINDOW_S, round->ask->now_s, coded);
    const TelemetryCall call = {.path = "/api/v1/label/__name__/values", .query = query};
    if (!telemetry_api_call(api, &call, round->ask->cancel, &body, &outcome))
        return NULL;
    g_autoptr(GPtrArray) found = answer_read_texts(body, NULL);
    if (found == NULL)
        return NULL;
    GHashTable *families = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < found->len; i++)
        g_hash_table_add(families, g_strdup(found->pdata[i]));
    return families;
}

/* The first family of a question that the tenant does not have, to be freed; NULL for none. */
static char *
missing_family(const Round *round, const TelemetryQuery *query)
{
    if (round->families == NULL || query->source != SOURCE_METRICS || query->families == NULL)
        return NULL;
    g_auto(GStrv) words = g_strsplit(query->families, " ", -1);
    for (guint i = 0; words[i] != NULL; i++) {
        if (*words[i] != '\0' && !g_hash_table_contains(round->families, words[i]))
            return g_strdup(words[i]);
    }
    return NULL;
}

/* ---- How streams of logs are labelled. ---- */

static bool
asks_for_logs(const Round *round)
{
    for (size_t i = 0; i < round->n; i++) {
        if (round->queries[i]->source == SOURCE_LOGS)
            return round->ask->apis[SOURCE_LOGS] != NULL;
    }
    return false;
}

static void
find_log_labels(Round *round)
{
    if (!asks_for_logs(round))
        return;
    g_autoptr(GBytes) body = NULL;
    g_auto(TelemetryOutcome) outcome = {0};
    g_autofree char *query =
        g_strdup_printf("start=%" G_GINT64_FORMAT "&end=%" G_GINT64_FORMAT,
                        round->ask->now_s - LOG_LABELS_WINDOW_S, round->ask->now_s);
    const TelemetryCall call = {.path = "/loki/api/v1/labels", .query = query};
    const char *matchers = round->ask->matchers != NULL ? round->ask->matchers : "";
    if (telemetry_api_call(round->ask->apis[SOURCE_LOGS], &call, round->ask->cancel, &body,
                           &outcome))
        (void)loki_labels_read(body, matchers, &round->logs, NULL);
}

/* The question with its labels and matchers filled in. Those of the cluster are left out of logs
 * whose streams do not have them. */
static char *
fill_query(const Round *round, const TelemetryQuery *query)
{
    if (query->source != SOURCE_LOGS)
        return with_matchers(query->text, round->ask->matchers);
    bool is_known = round->logs.ns != NULL;
    g_autoptr(GString) text = g_string_new(query->text);
    g_string_replace(text, "$N", is_known ? round->logs.ns : "namespace", 0);
    return with_matchers(text->str, is_known ? round->logs.matchers : round->ask->matchers);
}

/* ---- One question. ---- */

/* An instant query at a time at which all samples have arrived. */
static char *
instant_parameters(const Round *round, const TelemetryQuery *query)
{
    g_autofree char *text = fill_query(round, query);
    g_autofree char *coded = g_uri_escape_string(text, NULL, false);
    return g_strdup_printf("time=%" G_GINT64_FORMAT ".0&timeout=20s&query=%s",
                           round->ask->now_s - TELEMETRY_DELAY_S, coded);
}

/* types.v1.LabelValuesRequest as JSON. */
static GBytes *
label_values_json(const Round *round, const TelemetryQuery *query)
{
    JsonWriter json;
    int64_t from_ns = 0, until_ns = 0;
    g_auto(GStrv) words = g_strsplit(query->text, " ", -1);
    (void)option_parse_duration(words[1], &from_ns, NULL);
    if (words[2] != NULL)
        (void)option_parse_duration(words[2], &until_ns, NULL);
    jsonw_init(&json, 128);
    jsonw_object_begin(&json);
    jsonw_key(&json, "name");
    jsonw_string(&json, words[0]);
    jsonw_key(&json, "start");
    jsonw_int(&json, round->ask->now_s * 1000 - from_ns / 1000000);
    jsonw_key(&json, "end");
    jsonw_int(&json, round->ask->now_s * 1000 - until_ns / 1000000);
    jsonw_object_end(&json);
    return jsonw_finish(&json);
}

/* Why a question cannot be put, to be freed; NULL: it can. */
static char *
find_obstacle(const Round *round, const TelemetryQuery *query)
{
    const char *problem = round->ask->matchers_problem;
    if (problem == NULL || query->source == SOURCE_PROFILES)
        return NULL;
    return g_strdup_printf("which %s are of this cluster is not known: %s",
                           telemetry_source_name(query->source), problem);
}

static bool
send(const Round *round, const TelemetryQuery *query, GBytes **ret_body, TelemetryOutcome *outcome)
{
    TelemetryApi *api = round->ask->apis[query->source];
    if (query->source == SOURCE_PROFILES) {
        g_autoptr(GBytes) json = label_values_json(round, query);
        const TelemetryCall call = {.path = "/querier.v1.QuerierService/LabelValues", .json = json};
        return telemetry_api_call(api, &call, round->ask->cancel, ret_body, outcome);
    }
    g_autofree char *parameters = instant_parameters(round, query);
    /* Loki documents no forms. */
    const TelemetryCall of_logs = {.path = "/loki/api/v1/query", .query = parameters},
                        of_metrics = {.path = "/api/v1/query", .form = parameters};
    const TelemetryCall call = query->source == SOURCE_LOGS ? of_logs : of_metrics;
    return telemetry_api_call(api, &call, round->ask->cancel, ret_body, outcome);
}

static void
ask_one(Round *round, const TelemetryQuery *query)
{
    g_autoptr(GBytes) body = NULL;
    g_auto(TelemetryOutcome) outcome = {0};
    g_autofree char *missing = missing_family(round, query),
                    *obstacle = find_obstacle(round, query);
    if (obstacle != NULL) {
        telemetry_fail(round->telemetry, query, ANSWER_FAILED, obstacle);
    } else if (missing != NULL) {
        g_autofree char *why = g_strconcat(TELEMETRY_ABSENT, missing, NULL);
        telemetry_fail(round->telemetry, query, ANSWER_ABSENT, why);
    } else if (send(round, query, &body, &outcome)) {
        (void)telemetry_take(round->telemetry, query, body, NULL);
    } else {
        g_autofree char *why = g_strdup_printf("%s could not be asked: %s",
                                               telemetry_source_name(query->source), outcome.why);
        telemetry_fail(round->telemetry, query, ANSWER_FAILED, why);
    }
}

static void *
ask_next(void *data)
{
    Round *round = data;
    for (;;) {
        size_t i = (size_t)g_atomic_int_add(&round->next, 1);
        if (i >= round->n)
            return NULL;
        if (round->ask->apis[round->queries[i]->source] != NULL)
            ask_one(round, round->queries[i]);
    }
}

void
ask_all(Telemetry *telemetry, const TelemetryAsk *ask, const TelemetryQuery *const *queries,
        size_t n)
{
    GThread *threads[TELEMETRY_PARALLEL];
    Round round = {.telemetry = telemetry, .ask = ask, .queries = queries, .n = n};
    round.families = find_families(&round);
    find_log_labels(&round);
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("ask", ask_next, &round);
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
    loki_labels_clear(&round.logs);
    g_clear_pointer(&round.families, g_hash_table_unref);
}
