/* Evidence from back ends for what was found: metrics, logs and profiles of the time and the
 * objects that a finding is about, and places to look further.
 *
 * Findings keep their severity, folding and fingerprint; lines of evidence and links are added.
 * What a back end does not answer is said at most once per finding, and takes at most the time that
 * the options give. */
#pragma once
#include "analyzers/checks/check.h"

typedef struct {
    TelemetryApi *apis[SOURCE_COUNT]; /* NULL: not configured */
    const char *matchers;             /* of the cluster, as of TelemetryAsk */
    const char *matchers_problem;     /* why they are not known; NULL: they are */
    const char *profiles_link;        /* where flame graphs are looked at, see flame_link.h; "": the
                                         back end of profiles */
    int64_t queries_max;              /* of metrics and profiles */
    int64_t log_reads_max;            /* of logs, in the cluster and in the back end */
    int64_t time_ms;                  /* for all of it */
    int64_t now_s;
} EnrichOptions;

/* Adds to the root findings, the worst first. */
void enrich_findings(Findings *findings, const Snapshot *snapshot, const EnrichOptions *options);
