/* The back ends of telemetry that are asked about a cluster: what verbs that look at one have in
 * common. */
#pragma once
#include "analyzers/enrich/enrich.h"
#include "analyzers/input.h"

typedef struct {
    char *url, *tenant, *token_file, *user, *password_file, *ca_file;
    char **headers;
    bool tls_unchecked;
} BackendOptions;

typedef struct {
    BackendOptions of[SOURCE_COUNT];
    char *tenant, *matchers, *node_label;
    char *profiles_link;
    int64_t evidence_queries, evidence_log_reads, evidence_time_ns;
} BackendsOptions;

#define BACKEND_ROW(type, name, option_type, argument, help, place)                                \
    {                                                                                              \
        name, option_type, option_type == OPTION_STRING ? "" : NULL, 0, 0, argument, help,         \
            offsetof(type, place)                                                                  \
    }
#define EVIDENCE_ROW(type, name, option_type, default_text, max, argument, help, place)            \
    {                                                                                              \
        name, option_type, default_text, 0, max, argument, help, offsetof(type, place)             \
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
                    field.matchers),                                                               \
        BACKEND_ROW(type, "node-label", OPTION_STRING, "NAME",                                     \
                    "Label that names nodes, or pods, in metrics of collectors; none: found by "   \
                    "its values.",                                                                 \
                    field.node_label),                                                             \
        BACKEND_ROW(type, "profiles-link", OPTION_STRING, "URL",                                   \
                    "Where people look at flame graphs: the address of Cresset, or a template "    \
                    "with {service}, {type}, {labels}, {selector}, {tenant}, {from} and {until}; " \
                    "none: --profiles-url.",                                                       \
                    field.profiles_link),                                                          \
        EVIDENCE_ROW(type, "evidence-queries", OPTION_INT, "60", 1000, "N",                        \
                     "Queries of metrics and profiles that a run may make for evidence.",          \
                     field.evidence_queries),                                                      \
        EVIDENCE_ROW(type, "evidence-log-reads", OPTION_INT, "60", 1000, "N",                      \
                     "Reads of logs, in the cluster and in Loki, that a run may make for "         \
                     "evidence.",                                                                  \
                     field.evidence_log_reads),                                                    \
        EVIDENCE_ROW(type, "evidence-time", OPTION_DURATION, "60s", 3600e9, "TIME",                \
                     "What gathering evidence may take of a run; 0s: there is none from back "     \
                     "ends.",                                                                      \
                     field.evidence_time_ns)

/* The back ends while a verb runs; zeroed before, cleared after. */
typedef struct {
    TelemetryApi *apis[SOURCE_COUNT]; /* NULL: not configured */
    char *matchers;
    char *matchers_problem; /* as of TelemetryAsk; NULL: none */
} Backends;

/* INVALID_ARGUMENT that names the option. */
bool backends_open(const BackendsOptions *options, Backends *ret_backends, GError **error);
void backends_clear(Backends *backends);
/* One of them, to be freed; NULL in *ret_api when it is not configured. `tenant` is that of others,
 * `name` what it has, `option` that of its URL. INVALID_ARGUMENT that names the option. */
bool backends_open_one(const BackendOptions *options, const char *tenant, const char *name,
                       const char *option, TelemetryApi **ret_api, GError **error);
/* The server of that URL, with the credentials of the one that findings are reported to, which
 * keeps the state; to be freed. NULL when the URL is none, else as above. */
TelemetryApi *
backends_open_state(const BackendOptions *findings, const char *tenant, char *url, GError **error);

/* Asks what the checks of the tier want to know; answers recorded beside the objects of
 * `input->input` (folder telemetry) are taken instead of asking. NULL in *ret_telemetry when there
 * is neither. */
bool backends_ask(Backends *backends, const InputOptions *input, const CheckOptions *check,
                  Telemetry **ret_telemetry, GError **error);
/* The same of these questions: TelemetryQuery. */
bool backends_ask_queries(Backends *backends, const InputOptions *input, const CheckOptions *check,
                          const GPtrArray *queries, Telemetry **ret_telemetry, GError **error);

/* Adds evidence to findings of a snapshot, see enrich_findings. */
void backends_enrich(const Backends *backends, const BackendsOptions *options,
                     const CheckOptions *check, const Snapshot *snapshot, Findings *findings);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Backends, backends_clear)
