/* Checks: rows of a table, each a pure function of a snapshot and a clock. */
#pragma once
#include "analyzers/checks/finding.h"
#include "analyzers/checks/log_rule.h"
#include "analyzers/checks/silence.h"
#include "analyzers/collect/relations.h"
#include "analyzers/telemetry/telemetry.h"

/* Causes before their consequences: of two findings that hang together, the one of the later stage
 * is folded into the other. */
typedef enum {
    STAGE_BACKEND,   /* the API server, a metrics back end */
    STAGE_NODE,      /* the machine */
    STAGE_PLUGIN,    /* network, storage and DNS plug-ins */
    STAGE_ADMISSION, /* webhooks and policies */
    STAGE_QUOTA,     /* quotas, rights */
    STAGE_REFERENCE, /* what a pod needs before it starts: claims, ConfigMaps, images */
    STAGE_POLICY,    /* NetworkPolicies */
    STAGE_CONTAINER, /* containers that end */
    STAGE_READINESS, /* containers that run and are not ready */
    STAGE_WORKLOAD,  /* controllers of pods */
    STAGE_SERVICE,   /* Services and endpoints */
    STAGE_ROUTE,     /* Ingress and Gateway API */
    STAGE_SCALING,   /* autoscalers, disruption budgets */
    STAGE_ADVICE,    /* nothing is broken */
} Stage;

/* Check ids are on by default up to tier 2; those of tier 3 are to be asked for. */
enum { TIER_DEFAULT = 2 };

typedef struct CheckRun CheckRun;

struct CheckRow {
    const char *id; /* "pod-unschedulable" */
    const char *kind;
    Severity severity;
    Stage stage;
    int tier;
    int64_t hold_s;      /* how long it must have been so; 0: at first sight */
    bool is_umbrella;    /* any other finding of its object and stage says it better */
    bool is_own_cause;   /* says why itself: only what shares its objects can be its cause */
    const char *symptom; /* what a person sees; one sentence */
    const char *meaning; /* the condition, and what it is told by */
    const char *fix;     /* what to do first */
    /* Looks at the snapshot and reports. Several rows may share one: it runs once. */
    void (*run)(CheckRun *run);
    Kind needs[6]; /* kinds that must be known, ended by KIND_NONE: unknown ones are said */
    const TelemetryQuery *asks[4]; /* what must be known of back ends, where they are configured;
                                      ended by NULL: what they do not answer is said */
};

/* One run of all checks. */
struct CheckRun {
    const Snapshot *snapshot;
    const Relations *relations;
    const Telemetry *telemetry; /* NULL: no back end is configured */
    int64_t now_s;
    Findings *findings;
    const LogRules *log_rules; /* NULL: none */
    const char *node_label; /* of collectors' metrics, that names nodes; NULL or "": to be found */
};

/* Whether every kind that the check needs could be listed to its end. */
bool check_knows(const CheckRun *run, const CheckRow *row);
/* Whether something has been so for as long as the check wants. A time of 0 is not known: no. */
bool check_held(const CheckRun *run, const CheckRow *row, int64_t since_s);

/* A new finding about an object; text is added by finding_…. */
Finding *check_report(CheckRun *run, const CheckRow *row, const Object *object);
/* The one finding about a part of an object (a container; "": the whole). *ret_is_new: it has no
 * text yet. */
Finding *check_report_part(CheckRun *run, const CheckRow *row, const Object *object,
                           const char *what, bool *ret_is_new);
/* The same for who has nothing to add to it: NULL when it is there already. */
Finding *
check_report_once(CheckRun *run, const CheckRow *row, const Object *object, const char *what);
/* The same about how an object was written, with what to do first: NULL too when it was changed
 * more recently than the row holds. */
Finding *
check_report_written(CheckRun *run, const CheckRow *row, const Object *object, const char *what);
/* What to do first, by the row of its check, and the command that shows an object. */
void check_advise(Finding *finding, const Object *object);
/* The finding about the controller of a pod, one for all of its pods that have the same trouble
 * (`what`: a container, or ""). *ret_is_new: it has no text yet. The pod is added to it, and
 * `since_s` (0: not known) taken when it is earlier. */
Finding *check_report_pod(CheckRun *run, const CheckRow *row, const Object *pod, const char *what,
                          int64_t since_s, bool *ret_is_new);

/* Every row there is; *ret_n of them. */
const CheckRow *const *check_rows(size_t *ret_n);
/* NULL when there is none. */
const CheckRow *check_find(const char *id);

typedef struct {
    int tier;       /* 0: TIER_DEFAULT */
    const char *ns; /* only findings of this namespace; NULL: all */
    const char *cluster;
    int64_t now_s;
    const Telemetry *telemetry; /* answers to check_queries; NULL: no back end is configured */
    const Silences *silences;   /* NULL: none */
    const LogRules *log_rules;  /* NULL: none */
    const char *node_label;     /* as of CheckRun */
} CheckOptions;

/* What the checks ask back ends of telemetry: TelemetryQuery, each once. Free the array. */
GPtrArray *check_queries(const CheckOptions *options);

/* Runs all checks, folds consequences into their causes, drops what is silenced, sorts. The
 * snapshot must outlive the result. */
Findings *check_all(const Snapshot *snapshot, const CheckOptions *options);
