#include "analyzers/backends.h"

#include "analyzers/telemetry/matchers.h"

void
backends_clear(Backends *backends)
{
    for (int i = 0; i < SOURCE_COUNT; i++)
        telemetry_api_free(backends->apis[i]);
    g_free(backends->matchers);
    *backends = (Backends){0};
}

bool
backends_open(const BackendsOptions *options, Backends *ret_backends, GError **error)
{
    static const char *const prefixes[] = {"prometheus", "loki", "profiles"};
    *ret_backends = (Backends){.matchers = g_strdup(options->matchers)};
    for (int i = 0; i < SOURCE_COUNT; i++) {
        const BackendOptions *of = &options->of[i];
        const TelemetryConfig config = {.name = telemetry_source_name((TelemetrySource)i),
                                        .url = of->url,
                                        .tenant =
                                            *of->tenant != '\0' ? of->tenant : options->tenant,
                                        .headers = (const char *const *)of->headers,
                                        .token_file = of->token_file,
                                        .user = of->user,
                                        .password_file = of->password_file,
                                        .ca_file = of->ca_file,
                                        .tls_unchecked = of->tls_unchecked};
        if (*of->url == '\0')
            continue;
        if ((ret_backends->apis[i] = telemetry_api_new(&config, error)) == NULL) {
            g_prefix_error(error, "--%s-url: ", prefixes[i]);
            backends_clear(ret_backends);
            return false;
        }
    }
    return true;
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
        backends->matchers = telemetry_find_matchers(metrics, check->cluster, check->now_s, NULL);
    }
    TelemetryAsk asked = {.matchers = backends->matchers, .now_s = check->now_s};
    for (int i = 0; i < SOURCE_COUNT; i++)
        asked.apis[i] = backends->apis[i];
    telemetry_ask(telemetry, &asked, queries, n);
}

bool
backends_ask(Backends *backends, const InputOptions *input, const CheckOptions *check,
             Telemetry **ret_telemetry, GError **error)
{
    bool is_any = false;
    g_autofree char *recorded = recorded_folder(input);
    *ret_telemetry = NULL;
    for (int i = 0; i < SOURCE_COUNT; i++)
        is_any = is_any || backends->apis[i] != NULL;
    if (!is_any && recorded == NULL)
        return true;
    g_autoptr(Telemetry) telemetry = telemetry_new();
    g_autoptr(GPtrArray) queries = check_queries(check);
    const TelemetryQuery *const *all = (const TelemetryQuery *const *)queries->pdata;
    if (recorded != NULL && !telemetry_read_folder(telemetry, recorded, all, queries->len, error))
        return false;
    if (is_any)
        ask(backends, check, telemetry, all, queries->len);
    *ret_telemetry = g_steal_pointer(&telemetry);
    return true;
}
