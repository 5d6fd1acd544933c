/* One run, while it is taken in. Internal to analyzers/state. */
#pragma once
#include "analyzers/state/state.h"

typedef struct {
    State *state;
    const Findings *findings;
    const Snapshot *snapshot;
    const Routing *routing; /* NULL: nobody is told */
    int64_t now_s;
    bool is_first;
} Update;

/* Puts a change into the outboxes of all that should hear of it: an end of those that know of the
 * incident, or are about to; anything else of those that the routing names. */
bool update_tell(const Update *update, ChangeType type, const char *fingerprint,
                 const Incident *incident, GError **error);
/* Whether there is anybody to hear of it. */
bool update_is_heard(const Update *update, const Incident *incident);
/* Takes a finding of the run. */
bool update_take_finding(const Update *update, const Finding *finding, GError **error);
/* Takes as one that the run has looked at its cluster for too long. */
bool update_take_look(const Update *update, GError **error);
/* Tells of runs that should have been between the last one and this. */
bool update_take_gap(const Update *update, GError **error);
