/* Which nodes their collectors are silent about: what Kubernetes expects, against what metrics say.
 *
 * A collector is expected on every node that its DaemonSet chooses and whose taints it tolerates.
 * Its age is told by its newest sample, looked for at each minute of three hours in one question,
 * so that a single late or missing answer is no silence. */
#pragma once
#include "analyzers/checks/node_index.h"

enum {
    HEARTBEAT_HOLD_S = 10 * 60,     /* silent for less is late; longer where samples are rare */
    HEARTBEAT_INTERVALS = 5,        /* so many intervals between samples */
    HEARTBEAT_WINDOW_S = 3 * 3600,  /* how far back the newest sample is looked for */
    HEARTBEAT_ESCALATE_S = 30 * 60, /* a node that is silent so long is a high finding */
};

/* What collectors are asked about. */
typedef struct {
    const char *name;   /* "Alloy" */
    const char *image;  /* a word in the name of its image */
    const char *family; /* its build info: the metric that is its heartbeat */
    const char *series; /* the series of it in a question: "alloy_build_info{$S}" */
    bool (*is_set)(const Object *set);
    const TelemetryQuery *newest; /* value: the time of the newest sample */
    const TelemetryQuery *seen;   /* any sample within a day, or three or seven days ago */
    const TelemetryQuery *rate;   /* samples within an hour */
    const TelemetryQuery *pods;   /* NODE_INDEX_PODS */
} Collector;

extern const TelemetryQuery alloy_newest_query, alloy_seen_query, alloy_rate_query,
    alloy_pods_query;
extern const TelemetryQuery agent_newest_query, agent_seen_query, agent_rate_query,
    agent_pods_query;
extern const Collector collector_alloy, collector_cresset_agent;
/* Series that say that a node lives, whoever collects them: of its kubelet and node-exporter. */
extern const TelemetryQuery heartbeat_others_query;

typedef enum {
    VERDICT_UNKNOWN, /* nothing can be said: no pod of its DaemonSet was ever seen */
    VERDICT_REPORTS,
    VERDICT_LATE,         /* silent, but not for long enough */
    VERDICT_NODE_DOWN,    /* silent, and the node is not Ready */
    VERDICT_NO_POD,       /* silent, and there is no pod */
    VERDICT_POD_UNREADY,  /* silent, and the pod does not work */
    VERDICT_NOT_SHIPPING, /* silent, the pod is Ready, and others say that the node lives */
    VERDICT_SILENT,       /* silent, the pod is Ready, and nobody else speaks of the node */
    VERDICT_COUNT
} Verdict;

/* "reports", "not shipping" … */
const char *verdict_name(Verdict verdict);
/* Whether the node is not heard of for longer than it may be, whatever the reason. */
bool verdict_is_silent(Verdict verdict);

/* One collector on one node. */
typedef struct {
    const Object *set, *node;
    const Object *pod; /* NULL: none */
    int64_t newest_s;  /* of its newest sample; 0: none within HEARTBEAT_WINDOW_S */
    bool was_seen;     /* within a day, or three or seven days ago */
    bool has_others;   /* others say that the node lives */
    Verdict verdict;
} Beat;

typedef struct {
    const Collector *collector;
    char *why;       /* it cannot be judged, so that all verdicts are unknown; or NULL */
    bool is_unheard; /* because none of them was seen within a week */
    NodeLabel label; /* of its series, that names nodes */
    int64_t hold_s;
    GArray *beats; /* Beat, by DaemonSet and node */
} Heartbeat;

/* Everything that heartbeats are told by: TelemetryQuery. Free the array. */
GPtrArray *heartbeat_queries(void);

/* NULL when no back end of metrics is configured, there are no such DaemonSets, or pods, nodes or
 * DaemonSets are not known. */
Heartbeat *heartbeat_new(const CheckRun *run, const Collector *collector);
void heartbeat_free(Heartbeat *heartbeat);

/* Visits each series of an answer with each beat that it is of. */
typedef void (*BeatFunc)(Beat *beat, const MetricSeries *series, void *data);
void heartbeat_visit(const Heartbeat *heartbeat, const CheckRun *run, const Answer *answer,
                     BeatFunc func, void *data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Heartbeat, heartbeat_free)
