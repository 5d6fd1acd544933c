/* What was found before: incidents in a SQLite file, so that people hear of each change once.
 *
 * An incident is opened by a finding and ends when its finding is gone: at once when the object is
 * gone, else after STATE_QUIET_RUNS runs or STATE_QUIET_S. What a check could not look at stays as
 * it was. Changes go into an outbox in the same transaction and stay there until they were
 * delivered. */
#pragma once
#include "analyzers/checks/check.h"

enum {
    STATE_QUIET_RUNS = 2,
    STATE_QUIET_S = 15 * 60,
    STATE_AGAIN_S = 30 * 60, /* what comes back within that is the same incident */
    STATE_FLAPS = 3, /* so many ends within STATE_FLAP_S: it is flapping, and heard of no more */
    STATE_FLAP_S = 6 * 60 * 60,
    STATE_BUSY_MS = 5000, /* how long to wait for another run that writes */
};

typedef struct State State;

/* Opens or creates the file. One that is damaged is set aside with its journals as
 * PATH.corrupt-TIME, *ret_notice (to be freed; NULL when nothing happened) says so, and a new one
 * begun, whose first findings are not told as new. Whatever else is wrong leaves the file as it is;
 * errors name it:
 *   UNAVAILABLE         another process has held it for STATE_BUSY_MS
 *   FAILED_PRECONDITION written by a newer program
 *   RESOURCE_EXHAUSTED  the disk is full
 *   INTERNAL            it cannot be opened, read or written */
State *state_open(const char *path, char **ret_notice, GError **error);
/* A copy in memory, to try something out: of the file as it was last committed, which it leaves as
 * it is; empty when there is no file. Errors as above, and DATA_LOSS when the file is damaged. */
State *state_open_copy(const char *path, GError **error);
void state_close(State *state);

typedef enum {
    CHANGE_NEW,
    CHANGE_KNOWN,    /* there already when the state began */
    CHANGE_WORSE,    /* its severity went up */
    CHANGE_AGAIN,    /* back soon after its end */
    CHANGE_FLAPPING, /* comes and goes */
    CHANGE_REMINDER,
    CHANGE_RESOLVED, /* this and what follows are ends */
    CHANGE_FOLDED,   /* another incident explains it now: news only to who keeps alerts open */
} ChangeType;

/* One thing that people should hear of. */
typedef struct {
    int64_t id; /* in the outbox */
    ChangeType type;
    Severity severity;     /* now; of an end the highest that was delivered before */
    int64_t at_s, since_s; /* since: 0 is not known */
    int64_t first_seen_s;  /* of the incident */
    char *fingerprint, *check, *kind, *ns, *name, *title, *cause, *evidence, *fix;
    uint32_t n_explained; /* findings that are its consequences */
} Change;

void change_free(Change *change);
/* "new", "worse" … */
const char *change_name(ChangeType type);

/* Takes what one run has found. Everything happens, or nothing. */
bool state_update(State *state, const Findings *findings, const Snapshot *snapshot, int64_t now_s,
                  GError **error);

/* Change that waits to be delivered and is due, the oldest first; the array frees them. A fault
 * that ended before anybody heard of it is one change: CHANGE_RESOLVED. */
GPtrArray *state_outbox(State *state, int64_t now_s, GError **error);
/* The same for a process that sends them: no other one gets them before that time, when they are
 * due again unless they were delivered or postponed. */
GPtrArray *state_claim(State *state, int64_t now_s, int64_t until_s, GError **error);
/* They were delivered. */
bool state_delivered(State *state, const GPtrArray *changes, GError **error);
/* They are not to be delivered. */
bool state_drop(State *state, const GPtrArray *changes, GError **error);
/* Nothing that is due is to be delivered, as there is no receiver. */
bool state_drop_due(State *state, int64_t now_s, GError **error);
/* They could not be: they are due again at that time. */
bool state_postpone(State *state, const GPtrArray *changes, int64_t until_s, GError **error);
/* What is open, a CHANGE_REMINDER each without an id, for receivers that want all of it every time;
 * the array frees them. */
GPtrArray *state_list_open(State *state, GError **error);
/* How many incidents are open. */
bool state_count_open(State *state, uint32_t *ret_n, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(State, state_close)
