/* Findings that analyzers report of clusters, and how they came and went. Each has a tenant, a
 * cluster and a fingerprint; they lie in the metastore and are durable when a call returns. Any
 * thread. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/store/store.h"

/* As bad as can be is the last. */
enum { FINDING_SEVERITIES = 5 };

typedef struct {
    char *cluster, *fingerprint, *check, *kind, *ns, *name, *title, *cause;
    char *evidence, *fix, *explains; /* JSON arrays */
    char *changes, *links;           /* likewise: what was changed before, places to look further */
    char *note;                      /* of a model; "": none */
    int64_t severity;                /* below FINDING_SEVERITIES */
    int64_t since_ns;                /* when it began, as its check saw; 0: it cannot tell */
    int64_t opened_ns, seen_ns;      /* by the first report since it was opened, and the last */
    int64_t resolved_ns;             /* 0: it is open */
} Finding;

typedef enum {
    FINDING_OPENED,
    FINDING_CHANGED, /* its severity, title or cause */
    FINDING_RESOLVED,
    FINDING_REOPENED,
    FINDING_FOLDED, /* another finding explains it now */
    FINDING_TRANSITION_TYPES
} FindingTransitionType;

typedef struct {
    char *cluster, *fingerprint, *check, *kind, *ns, *name, *title;
    int64_t time_ns, severity, former_severity; /* -1: there was none */
    int64_t report;                             /* its number, of lists only */
    FindingTransitionType type;
} FindingTransition;

/* The last report about a cluster. */
typedef struct {
    char *cluster;
    int64_t clock_ns, received_ns; /* by the analyzer's clock and by ours */
    int64_t report;                /* its number, from 1 */
    int64_t n_unverified, n_open;  /* the latter of lists only */
} FindingCluster;

void finding_free(Finding *finding);
Finding *finding_copy(const Finding *finding);
void finding_transition_free(FindingTransition *transition);
void finding_cluster_free(FindingCluster *cluster);

/* A report on its way into the store: what is known, and what is to be written. */
typedef struct {
    const FindingCluster *old; /* NULL: nothing was reported of the cluster before */
    int64_t n_other_clusters;  /* of the tenant */
    GHashTable *known;         /* fingerprint → Finding: open ones, and those asked for */

    FindingCluster cluster; /* times and n_unverified; the rest is filled */
    GPtrArray *put;         /* Finding */
    GPtrArray *transitions; /* FindingTransition; of each finding one at most */
} FindingChange;

/* Fills what is to be written; false with *error changes nothing. */
typedef bool (*FindingChangeFunc)(FindingChange *change, void *data, GError **error);

typedef struct {
    const char *tenant, *cluster;
    GPtrArray *fingerprints; /* char *: findings to look up, resolved ones too */
    int64_t silent_since_ns; /* clusters of which nothing came since are forgotten */
    int64_t retention_ns;    /* of transitions, before the clock of the report */
    int64_t transitions_max; /* of the cluster, the newest */
} FindingReportKey;

/* Reads and writes what is known of a cluster in one transaction. */
bool store_finding_change(Store *store, const FindingReportKey *key, FindingChangeFunc change,
                          void *data, GError **error);

typedef enum { FINDING_STATE_RESOLVED, FINDING_STATE_OPEN, FINDING_STATE_ALL } FindingState;

/* A row of a list, which goes on behind it: of findings their severity and when they were opened,
 * of transitions their time and report. */
typedef struct {
    int64_t major, minor;
    const char *cluster, *fingerprint, *tenant;
} FindingPlace;

/* NULL is any. */
typedef struct {
    const char *cluster, *ns, *kind, *check, *fingerprint;
    int64_t severity_min;
    FindingState state;
    int64_t limit;
    const FindingPlace *after; /* NULL: from the beginning */
    bool *is_cut; /* set when there is more than FINDING_LIST_BYTES_MAX of texts; or NULL */
} FindingQuery;

enum { FINDING_LIST_BYTES_MAX = 32 * 1024 * 1024 };

/* Finding, the worst first, then the newest, by cluster and fingerprint; the array frees them. */
GPtrArray *
store_finding_list(Store *store, const char *tenant, const FindingQuery *query, GError **error);

typedef struct {
    const char *cluster, *fingerprint; /* NULL is any */
    int64_t from_ns, until_ns;         /* both inclusive */
    int64_t limit;
    const FindingPlace *after; /* NULL: from the beginning */
} FindingTransitionQuery;

/* FindingTransition, the newest first, by cluster, the newest report and fingerprint; the array
 * frees them. */
GPtrArray *store_finding_transitions(Store *store, const char *tenant,
                                     const FindingTransitionQuery *query, GError **error);
/* FindingCluster, sorted by name; the array frees them. */
GPtrArray *store_finding_clusters(Store *store, const char *tenant, GError **error);
/* The open findings of all tenants by severity. */
bool store_finding_count_open(Store *store, int64_t ret_counts[FINDING_SEVERITIES], GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Finding, finding_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FindingTransition, finding_transition_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FindingCluster, finding_cluster_free)
