/* What a report changes: which findings are new, different, back, gone, or explained by others. */
#pragma once
#include "server/findings/report.h"
#include "server/store/finding.h"

typedef struct {
    int64_t n[FINDING_TRANSITION_TYPES];
    int64_t kept; /* not in the report, but their checks could not look: unknown is not healthy */
    int64_t open; /* afterwards */
} FindingDiff;

/* Fills `put` and `transitions` of a change from what it knows; of the known ones only those that
 * are open or in the report count. */
void finding_diff(const FindingReport *report, FindingChange *change, FindingDiff *ret_diff);
