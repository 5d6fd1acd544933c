#include "analyzers/backends.h"

#include "analyzers/telemetry/matchers.h"

void
backends_clear(Backends *backends)
{
    for (int i = 0; i < SOURCE_COUNT; i++)
        telemetry_api_free(backends->apis[i]);
    g_free(backends->matchers);
    g_free(backends->matchers_problem);
    *backends = (Backends){0};
}

bool
backends_open_one(const BackendOptions *options, const char *tenant, const char *name,
                  const char *option, TelemetryApi **ret_api, GError **error)
{
    const TelemetryConfig config = {.name = name,
                                    .url = options->url,
                                    .tenant = *options->tenant != '\0' ? options->tenant : tenant,
                                    .headers = (const char *const *)options->headers,
                                    .token_file = options->token_file,
                                    .user = options->user,
                                    .password_file = options->password_file,
                                    .ca_file = options->ca_file,
                                    .tls_unchecked = options->tls_unchecked};
    *ret_api = NULL;
    if (*options->url == '\0')
        return true;
    *ret_api = telemetry_api_new(&config, error);
    if (*ret_api == NULL)
        g_prefix_error(error, "--%s: ", option);
    return *ret_api != NULL;
}

bool
backends_open(const BackendsOptions *options, Backends *ret_backends, GError **error)
{
    static const char *const url_options[] = {"prometheus-url", "loki-url", "profiles-url"};
    *ret_backends = (Backends){.matchers = g_strdup(options->matchers)};
    for (int i = 0; i < SOURCE_COUNT; i++) {
        if (!backends_open_one(&options->of[i], options->tenant,
                               telemetry_source_name((TelemetrySource)i), url_options[i],
                               &ret_backends->apis[i], error)) {
            backends_clear(ret_backends);
            return false;
        }
    }
    return true;
}

TelemetryApi *
backends_open_state(const BackendOptions *findings, const char *tenant, char *url, GError **error)
{
    BackendOptions options = *findings;
    TelemetryApi *api;
    options.url = url;
    return backends_open_one(&options, tenant, "the state", "state", &api, error) ? api : NULL;
}

/* The folder of recorded answers, to be freed; NULL when there is none. */
static char *
recorded_folder(const InputOptions *input)
{
    if (*input->input == '\0')
        return NULL;
    static const char *const places[] = {".", ".."};
    for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
        g_autofree char *dir = g_build_filename(input->input, places[i], "telemetry", NULL);
        if (g_file_test(dir, G_FILE_TEST_IS_DIR))
            return g_steal_pointer(&dir);
    }
    return NULL;
}

static void
ask(Backends *backends, const CheckOptions *check, Telemetry *telemetry,
    const TelemetryQuery *const *queries, size_t n)
{
    TelemetryApi *metrics = backends->apis[SOURCE_METRICS];
    if (*backends->matchers == '\0' && metrics != NULL && check->cluster != NULL) {
        g_free(backends->matchers);
        g_clear_pointer(&backends->matchers_problem, g_free);
        backends->matchers = telemetry_find_matchers(metrics, check->cluster, check->now_s, NULL,
                                                     &backends->matchers_problem);
        if (backends->matchers == NULL)
            backends->matchers = g_strdup("");
    }
    TelemetryAsk asked = {.matchers = backends->matchers,
                          .matchers_problem = backends->matchers_problem,
                          .now_s = check->now_s};
    for (int i = 0; i < SOURCE_COUNT; i++)
        asked.apis[i] = backends->apis[i];
    telemetry_ask(telemetry, &asked, queries, n);
}

bool
backends_ask(Backends *backends, const InputOptions *input, const CheckOptions *check,
             Telemetry **ret_telemetry, GError **error)
{
    g_autoptr(GPtrArray) queries = check_queries(check);
    return backends_ask_queries(backends, input, check, queries, ret_telemetry, error);
}

bool
backends_ask_queries(Backends *backends, const InputOptions *input, const CheckOptions *check,
                     const GPtrArray *queries, Telemetry **ret_telemetry, GError **error)
{
    bool is_any = false;
    g_autofree char *recorded = recorded_folder(input);
    *ret_telemetry = NULL;
    for (int i = 0; i < SOURCE_COUNT; i++)
        is_any = is_any || backends->apis[i] != NULL;
    if (!is_any && recorded == NULL)
        return true;
    g_autoptr(Telemetry) telemetry = telemetry_new();
    const TelemetryQuery *const *all = (const TelemetryQuery *const *)queries->pdata;
    if (recorded != NULL && !telemetry_read_folder(telemetry, recorded, all, queries->len, error))
        return false;
    if (is_any)
        ask(backends, check, telemetry, all, queries->len);
    *ret_telemetry = g_steal_pointer(&telemetry);
    return true;
}

void
backends_enrich(const Backends *backends, const BackendsOptions *options, const CheckOptions *check,
                const Snapshot *snapshot, Findings *findings)
{
    enum { MS_NS = 1000000 };
    EnrichOptions enrich = {.matchers = backends->matchers,
                            .matchers_problem = backends->matchers_problem,
                            .profiles_link = options->profiles_link,
                            .queries_max = options->evidence_queries,
                            .log_reads_max = options->evidence_log_reads,
                            .time_ms = options->evidence_time_ns / MS_NS,
                            .now_s = check->now_s};
    for (int i = 0; i < SOURCE_COUNT && enrich.time_ms > 0; i++)
        enrich.apis[i] = backends->apis[i];
    enrich_findings(findings, snapshot, &enrich);
}
