#include "analyzers/checks/telemetry_gate.h"

#include <string.h>

#define CANARY "{__name__=~\"up|kube_node_info|alloy_build_info\",$S}"

const TelemetryQuery gate_canary_query = {"metrics-canary", SOURCE_METRICS, NULL,
                                          "count(last_over_time(" CANARY "[1h])) or count(" CANARY
                                          " offset 3h) or count(" CANARY " offset 24h)"};

/* timestamp() of a plain selector is the time of the sample, not that of the evaluation. */
const TelemetryQuery gate_newest_query = {"metrics-newest", SOURCE_METRICS, NULL,
                                          "max(max_over_time(timestamp(up{$S})[1h:1m]) or "
                                          "max_over_time(timestamp(alloy_build_info{$S})[1h:1m]))"};

static const Object objects[SOURCE_COUNT] = {
    [SOURCE_METRICS] = {.kind = KIND_NONE, .ns = "", .name = "metrics", .uid = ""},
    [SOURCE_LOGS] = {.kind = KIND_NONE, .ns = "", .name = "logs", .uid = ""},
    [SOURCE_PROFILES] = {.kind = KIND_NONE, .ns = "", .name = "profiles", .uid = ""},
};

const Object *
backend_object(TelemetrySource source)
{
    return &objects[source];
}

const Object *
backend_api_server(void)
{
    static const Object api_server = {.kind = KIND_NONE, .ns = "", .name = "kubernetes", .uid = ""};
    return &api_server;
}

int64_t
gate_newest_s(const CheckRun *run)
{
    const Answer *answer = telemetry_answer(run->telemetry, &gate_newest_query);
    return answer->n > 0 ? series_last_seconds(answer->series) : 0;
}

char *
clock_text(int64_t time_s, int64_t now_s)
{
    enum { DAY_S = 24 * 60 * 60 };
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(time_s);
    bool is_today = time_s / DAY_S == now_s / DAY_S;
    return time != NULL ? g_date_time_format(time, is_today ? "%H:%M UTC" : "%F %H:%M UTC")
                        : g_strdup("");
}

/* Why metrics do not answer; NULL when they do. */
static char *
find_failure(const CheckRun *run)
{
    const TelemetryQuery *const asked[] = {&gate_canary_query, &gate_newest_query};
    TelemetryBackend backend = telemetry_backend(run->telemetry, SOURCE_METRICS);
    if (backend.result != TELEMETRY_OK)
        return g_strdup_printf("metrics could not be asked: %s",
                               backend.why != NULL ? backend.why : "they do not answer");
    for (size_t i = 0; i < G_N_ELEMENTS(asked); i++) {
        if (telemetry_state(run->telemetry, asked[i]) == ANSWER_FAILED)
            return g_strdup(telemetry_problem(run->telemetry, asked[i]));
    }
    return NULL;
}

/* What was not asked, as in a recording without it, closes nothing. */
Gate
gate_metrics(const CheckRun *run, char **ret_why)
{
    *ret_why = NULL;
    if (!telemetry_backend(run->telemetry, SOURCE_METRICS).is_configured)
        return GATE_NOT_ASKED;
    if ((*ret_why = find_failure(run)) != NULL)
        return GATE_CLOSED;
    if (telemetry_state(run->telemetry, &gate_canary_query) == ANSWER_GIVEN &&
        telemetry_answer(run->telemetry, &gate_canary_query)->n == 0) {
        *ret_why = g_strdup("the tenant of metrics is empty");
        return GATE_CLOSED;
    }
    int64_t newest_s = gate_newest_s(run);
    if (telemetry_state(run->telemetry, &gate_newest_query) != ANSWER_GIVEN ||
        run->now_s - newest_s < GATE_FRESH_S)
        return GATE_OPEN;
    g_autofree char *at = newest_s > 0 ? clock_text(newest_s, run->now_s) : NULL;
    *ret_why = at != NULL ? g_strdup_printf("no metric is newer than %s", at)
                          : g_strdup("no metric of the last hour has arrived");
    return GATE_CLOSED;
}
