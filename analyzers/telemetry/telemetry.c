#include "analyzers/telemetry/telemetry.h"

#include <string.h>

#include "analyzers/telemetry/ask.h"
#include "lib/base/error.h"
#include "lib/k8s/config.h"

/* Of all answers of a run. */
#define ANSWERS_BYTES_MAX ((size_t)256 * 1024 * 1024)

typedef struct {
    AnswerState state;
    char *problem;
    Answer answer;
} Slot;

typedef struct {
    bool is_configured;
    TelemetryOutcome outcome;
    char *url, *tenant;
    int64_t clock_skew_s;
} Backend;

struct Telemetry {
    GMutex lock; /* while it is filled */
    Arena *arena;
    GHashTable *slots; /* TelemetryQuery -> Slot */
    Backend backends[SOURCE_COUNT];
};

const char *
telemetry_source_name(TelemetrySource source)
{
    static const char *const names[] = {"metrics", "logs", "profiles"};
    return names[source];
}

static void
free_slot(gpointer data)
{
    Slot *slot = data;
    g_free(slot->problem);
    g_free(slot);
}

Telemetry *
telemetry_new(void)
{
    Telemetry *telemetry = g_new0(Telemetry, 1);
    g_mutex_init(&telemetry->lock);
    telemetry->arena = arena_new(ANSWERS_BYTES_MAX);
    telemetry->slots = g_hash_table_new_full(NULL, NULL, NULL, free_slot);
    return telemetry;
}

void
telemetry_free(Telemetry *telemetry)
{
    if (telemetry == NULL)
        return;
    for (int i = 0; i < SOURCE_COUNT; i++) {
        telemetry_outcome_clear(&telemetry->backends[i].outcome);
        g_free(telemetry->backends[i].url);
        g_free(telemetry->backends[i].tenant);
    }
    g_hash_table_unref(telemetry->slots);
    arena_free(telemetry->arena);
    g_mutex_clear(&telemetry->lock);
    g_free(telemetry);
}

/* ---- Filling. ---- */

static Slot *
slot_of(Telemetry *telemetry, const TelemetryQuery *query)
{
    Slot *slot = g_hash_table_lookup(telemetry->slots, query);
    if (slot == NULL) {
        slot = g_new0(Slot, 1);
        g_hash_table_insert(telemetry->slots, (gpointer)(uintptr_t)query, slot);
    }
    return slot;
}

void
telemetry_fail(Telemetry *telemetry, const TelemetryQuery *query, AnswerState state,
               const char *why)
{
    g_mutex_lock(&telemetry->lock);
    Slot *slot = slot_of(telemetry, query);
    slot->state = state;
    slot->answer = (Answer){0};
    g_free(slot->problem);
    slot->problem = g_strdup(why);
    g_mutex_unlock(&telemetry->lock);
}

/* One series per label value that stands in the answer of the store of profiles. */
static bool
read_answer(const TelemetryQuery *query, GBytes *body, Arena *arena, Answer *answer, GError **error)
{
    if (query->source != SOURCE_PROFILES)
        return answer_read(body, arena, answer, error);
    g_auto(GStrv) words = g_strsplit(query->text, " ", 2);
    return answer_read_names(body, words[0], arena, answer, error);
}

bool
telemetry_take(Telemetry *telemetry, const TelemetryQuery *query, GBytes *body, GError **error)
{
    GError *failed = NULL;
    Answer answer;
    g_mutex_lock(&telemetry->lock);
    bool ok = read_answer(query, body, telemetry->arena, &answer, &failed);
    if (ok) {
        Slot *slot = slot_of(telemetry, query);
        slot->state = ANSWER_GIVEN;
        slot->answer = answer;
    }
    telemetry->backends[query->source].is_configured = true;
    g_mutex_unlock(&telemetry->lock);
    if (ok)
        return true;
    telemetry_fail(telemetry, query, ANSWER_FAILED, failed->message);
    g_propagate_error(error, failed);
    return false;
}

void
telemetry_set_backend(Telemetry *telemetry, TelemetrySource source, TelemetryResult result,
                      const char *why)
{
    Backend *backend = &telemetry->backends[source];
    backend->is_configured = true;
    (void)telemetry_outcome_set(&backend->outcome, result, "%s", why != NULL ? why : "");
}

void
telemetry_set_clock_skew(Telemetry *telemetry, TelemetrySource source, int64_t skew_s)
{
    telemetry->backends[source].clock_skew_s = skew_s;
}

static void
take_backend(Telemetry *telemetry, TelemetrySource source, TelemetryApi *api)
{
    const char *why;
    Backend *backend = &telemetry->backends[source];
    TelemetryResult result = telemetry_api_state(api, &why);
    telemetry_set_backend(telemetry, source, result, why);
    g_free(backend->url);
    g_free(backend->tenant);
    backend->url = g_strdup(telemetry_api_url(api));
    backend->tenant = g_strdup(telemetry_api_tenant(api));
    telemetry_set_clock_skew(telemetry, source, telemetry_api_clock_skew(api));
}

void
telemetry_ask(Telemetry *telemetry, const TelemetryAsk *ask, const TelemetryQuery *const *queries,
              size_t n)
{
    ask_all(telemetry, ask, queries, n);
    for (int i = 0; i < SOURCE_COUNT; i++) {
        if (ask->apis[i] != NULL)
            take_backend(telemetry, (TelemetrySource)i, ask->apis[i]);
    }
}

static bool
read_file(Telemetry *telemetry, const char *dir, const TelemetryQuery *query, GError **error)
{
    g_autofree char *name = g_strconcat(query->name, ".json", NULL);
    g_autofree char *path = g_build_filename(dir, name, NULL);
    char *data;
    gsize size;
    if (!g_file_test(path, G_FILE_TEST_EXISTS))
        return true;
    if ((data = k8s_read_file(path, TELEMETRY_REPLY_BYTES_MAX, &size, error)) == NULL)
        return false;
    g_autoptr(GBytes) body = g_bytes_new_take(data, size);
    if (telemetry_take(telemetry, query, body, error))
        return true;
    g_prefix_error(error, "%s: ", path);
    return false;
}

bool
telemetry_read_folder(Telemetry *telemetry, const char *dir, const TelemetryQuery *const *queries,
                      size_t n, GError **error)
{
    for (size_t i = 0; i < n; i++) {
        if (!read_file(telemetry, dir, queries[i], error))
            return false;
    }
    return true;
}

/* ---- Reading. ---- */

static const Slot *
find_slot(const Telemetry *telemetry, const TelemetryQuery *query)
{
    static const Slot none;
    const Slot *slot = telemetry != NULL ? g_hash_table_lookup(telemetry->slots, query) : NULL;
    return slot != NULL ? slot : &none;
}

AnswerState
telemetry_state(const Telemetry *telemetry, const TelemetryQuery *query)
{
    return find_slot(telemetry, query)->state;
}

const char *
telemetry_problem(const Telemetry *telemetry, const TelemetryQuery *query)
{
    return find_slot(telemetry, query)->problem;
}

const Answer *
telemetry_answer(const Telemetry *telemetry, const TelemetryQuery *query)
{
    return &find_slot(telemetry, query)->answer;
}

TelemetryBackend
telemetry_backend(const Telemetry *telemetry, TelemetrySource source)
{
    if (telemetry == NULL)
        return (TelemetryBackend){.url = "", .tenant = ""};
    const Backend *backend = &telemetry->backends[source];
    return (TelemetryBackend){.is_configured = backend->is_configured,
                              .result = backend->outcome.result,
                              .why = backend->outcome.why,
                              .url = backend->url != NULL ? backend->url : "",
                              .tenant = backend->tenant != NULL ? backend->tenant : "",
                              .clock_skew_s = backend->clock_skew_s};
}
