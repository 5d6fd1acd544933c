/* What back ends of telemetry say about a cluster at one time: the answers to questions that stand
 * beside the checks that ask them. Filled once, then read by any number of threads. */
#pragma once
#include "analyzers/telemetry/api.h"
#include "analyzers/telemetry/series.h"

typedef enum {
    SOURCE_METRICS,  /* PromQL */
    SOURCE_LOGS,     /* LogQL whose answer is metrics */
    SOURCE_PROFILES, /* label values of profiles, see TelemetryQuery */
    SOURCE_COUNT,
} TelemetrySource;

/* "metrics", "logs", "profiles". */
const char *telemetry_source_name(TelemetrySource source);

/* A question. `text` is an instant query; in it, $S stands for the matchers of the cluster, last in
 * their braces and behind a comma: "kube_node_info{node!=\"\",$S}", and for logs $N for the label
 * that names namespaces. For profiles it is the name of
 * a label and how long ago the profiles begin and (if not now) end, as "node 24h 30m": the answer
 * is one series per value that the label has, without samples. */
typedef struct {
    const char *name; /* "container-throttled"; of its recorded answer too */
    TelemetrySource source;
    const char *families; /* metrics without which it cannot be answered, separated by spaces; NULL
                             or "": any answer will do, none as well */
    const char *text;
} TelemetryQuery;

enum {
    TELEMETRY_PARALLEL = 4,
    TELEMETRY_DELAY_S = 30, /* how long after their time samples may still arrive */
};

typedef enum {
    ANSWER_NOT_ASKED, /* no such back end is configured: nothing is to be said about it */
    ANSWER_GIVEN,
    ANSWER_ABSENT, /* the tenant has none of the families */
    ANSWER_FAILED,
} AnswerState;

typedef struct Telemetry Telemetry;

Telemetry *telemetry_new(void);
void telemetry_free(Telemetry *telemetry);

/* ---- Filling. ---- */

typedef struct {
    TelemetryApi *apis[SOURCE_COUNT]; /* NULL: not configured */
    const char *matchers;             /* of the cluster, for metrics and logs: cluster="prod" */
    const char *matchers_problem;     /* why they are not known, so that neither can be asked; or
                                         NULL */
    int64_t now_s;
    GCancellable *cancel; /* or NULL */
} TelemetryAsk;

/* Asks all; what fails is remembered as failed. */
void telemetry_ask(Telemetry *telemetry, const TelemetryAsk *ask,
                   const TelemetryQuery *const *queries, size_t n);
/* Takes the answers from files DIR/NAME.json as the HTTP API gave them; one that has no file counts
 * as not asked. False with *error when one cannot be read. */
bool telemetry_read_folder(Telemetry *telemetry, const char *dir,
                           const TelemetryQuery *const *queries, size_t n, GError **error);
/* Takes one answer, as the HTTP API gave it. False with *error, and the answer counts as failed. */
bool
telemetry_take(Telemetry *telemetry, const TelemetryQuery *query, GBytes *body, GError **error);
/* Says that there is none. */
void telemetry_fail(Telemetry *telemetry, const TelemetryQuery *query, AnswerState state,
                    const char *why);
/* Says how a back end as a whole is. */
void telemetry_set_backend(Telemetry *telemetry, TelemetrySource source, TelemetryResult result,
                           const char *why);
/* Says how its clock is against ours, as of telemetry_api_clock_skew. */
void telemetry_set_clock_skew(Telemetry *telemetry, TelemetrySource source, int64_t skew_s);

/* ---- Reading. NULL for the telemetry: nothing was asked. ---- */

AnswerState telemetry_state(const Telemetry *telemetry, const TelemetryQuery *query);
/* How the reason of ANSWER_ABSENT begins; the name of the metric follows. */
#define TELEMETRY_ABSENT "there is no metric "

/* Why it has no answer, one line; NULL when it has one or was not asked. */
const char *telemetry_problem(const Telemetry *telemetry, const TelemetryQuery *query);
/* Without series unless ANSWER_GIVEN; never NULL. */
const Answer *telemetry_answer(const Telemetry *telemetry, const TelemetryQuery *query);

typedef struct {
    bool is_configured;
    TelemetryResult result; /* why it answered nothing; TELEMETRY_OK when it did */
    const char *why;
    const char *url, *tenant; /* "" when not known */
    int64_t clock_skew_s;     /* as of telemetry_api_clock_skew */
} TelemetryBackend;

TelemetryBackend telemetry_backend(const Telemetry *telemetry, TelemetrySource source);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Telemetry, telemetry_free)
