/* The back ends of telemetry that are asked about a cluster: what verbs that look at one have in
 * common. */
#pragma once
#include "analyzers/checks/check.h"
#include "analyzers/input.h"

typedef struct {
    char *url, *tenant, *token_file, *user, *password_file, *ca_file;
    char **headers;
    bool tls_unchecked;
} BackendOptions;

typedef struct {
    BackendOptions of[SOURCE_COUNT];
    char *tenant, *matchers;
} BackendsOptions;

#define BACKEND_ROW(type, name, option_type, argument, help, place)                                \
    {                                                                                              \
        name, option_type, option_type == OPTION_STRING ? "" : NULL, 0, 0, argument, help,         \
            offsetof(type, place)                                                                  \
    }
/* Rows of one back end. */
#define BACKEND_ROWS(type, field, prefix, what, url_help)                                          \
    BACKEND_ROW(type, prefix "-url", OPTION_STRING, "URL", url_help, field.url),                   \
        BACKEND_ROW(type, prefix "-tenant", OPTION_STRING, "NAME",                                 \
                    "X-Scope-OrgID for " what "; none: that of --tenant.", field.tenant),          \
        BACKEND_ROW(type, prefix "-token-file", OPTION_STRING, "FILE",                             \
                    "Bearer token for " what ", read for each request.", field.token_file),        \
        BACKEND_ROW(type, prefix "-user", OPTION_STRING, "NAME",                                   \
                    "User of basic authentication for " what ".", field.user),                     \
        BACKEND_ROW(type, prefix "-password-file", OPTION_STRING, "FILE",                          \
                    "Password of that user.", field.password_file),                                \
        BACKEND_ROW(type, prefix "-header", OPTION_LIST, "LINE",                                   \
                    "Further header for " what ", \"Name: value\".", field.headers),               \
        BACKEND_ROW(type, prefix "-ca-file", OPTION_STRING, "FILE",                                \
                    "Authorities that are trusted for " what "; none: those of the system.",       \
                    field.ca_file),                                                                \
        BACKEND_ROW(type, prefix "-insecure", OPTION_BOOL, NULL,                                   \
                    "Take any certificate for " what ".", field.tls_unchecked)

/* Rows of the server that findings are reported to, for a BackendOptions that is member `field` of
 * `type`, which has a BackendsOptions too. */
#define FINDINGS_OPTION_ROWS(type, field)                                                          \
    BACKEND_ROWS(type, field, "findings", "findings",                                              \
                 "Server of Cresset that is told what was found, to keep and show it.")

/* Rows of an option table for a BackendsOptions that is member `field` of `type`. */
#define BACKENDS_OPTION_ROWS(type, field)                                                          \
    BACKEND_ROWS(type, field.of[SOURCE_METRICS], "prometheus", "metrics",                          \
                 "Prometheus or Mimir that is asked for metrics, with its prefix: "                \
                 "http://mimir/prometheus."),                                                      \
        BACKEND_ROWS(type, field.of[SOURCE_LOGS], "loki", "logs", "Loki that is asked for logs."), \
        BACKEND_ROWS(type, field.of[SOURCE_PROFILES], "profiles", "profiles",                      \
                     "Cresset or Pyroscope that is asked for profiles."),                          \
        BACKEND_ROW(type, "tenant", OPTION_STRING, "NAME", "X-Scope-OrgID for all of these.",      \
                    field.tenant),                                                                 \
        BACKEND_ROW(type, "telemetry-matchers", OPTION_STRING, "MATCHERS",                         \
                    "What series and logs of the cluster have: cluster=\"prod\"; none: found by "  \
                    "the name that --cluster gives.",                                              \
                    field.matchers)

/* The back ends while a verb runs; zeroed before, cleared after. */
typedef struct {
    TelemetryApi *apis[SOURCE_COUNT]; /* NULL: not configured */
    char *matchers;
} Backends;

/* INVALID_ARGUMENT that names the option. */
bool backends_open(const BackendsOptions *options, Backends *ret_backends, GError **error);
void backends_clear(Backends *backends);
/* The server that findings are reported to, to be freed; NULL in *ret_api when none is configured.
 * `tenant` is that of other back ends. INVALID_ARGUMENT that names the option. */
bool backends_open_findings(const BackendOptions *options, const char *tenant,
                            TelemetryApi **ret_api, GError **error);

/* Asks what the checks of the tier want to know; answers recorded beside the objects of
 * `input->input` (folder telemetry) are taken instead of asking. NULL in *ret_telemetry when there
 * is neither. */
bool backends_ask(Backends *backends, const InputOptions *input, const CheckOptions *check,
                  Telemetry **ret_telemetry, GError **error);
/* The same of these questions: TelemetryQuery. */
bool backends_ask_queries(Backends *backends, const InputOptions *input, const CheckOptions *check,
                          const GPtrArray *queries, Telemetry **ret_telemetry, GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Backends, backends_clear)
