/* What was found before: incidents in a SQLite file, so that people hear of each change once.
 *
 * An incident is opened by a finding and ends when its finding is gone: at once when the object is
 * gone, else after STATE_QUIET_RUNS runs or STATE_QUIET_S. What a check could not look at stays as
 * it was, unless its object is known to be gone. Changes go into an outbox in the same transaction
 * and stay there until they were delivered. */
#pragma once
#include "analyzers/checks/check.h"
#include "analyzers/telemetry/api.h"

enum {
    STATE_QUIET_RUNS = 2,
    STATE_QUIET_S = 15 * 60,
    STATE_AGAIN_S = 30 * 60, /* what comes back within that is the same incident */
    STATE_FLAPS = 3, /* so many ends within STATE_FLAP_S: it is flapping, and heard of no more */
    STATE_FLAP_S = 6 * 60 * 60,
    STATE_BUSY_MS = 5000,      /* how long to wait for another run that writes */
    STATE_RACES_MAX = 20,      /* how often other runs may write a state on a server first */
    STATE_LATE_S = 15 * 60,    /* a gap between runs of more than that and two usual ones is told */
    STATE_LOOK_MAX_S = 8 * 60, /* a run that looks at its cluster for longer is told */
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
/* The state of a cluster that a server of Cresset keeps (`server` is borrowed until the end):
 * worked on in memory, and brought to the server by each function that changes it, before it
 * returns. What is damaged is kept there as the state of the cluster NAME.corrupt-TIME (in
 * microseconds); else as of a file. Further errors, here and of what changes the state: UNAVAILABLE
 * the server is away or busy, or other runs are always first FAILED_PRECONDITION the server refuses
 * it; its words */
State *
state_open_server(TelemetryApi *server, const char *cluster, char **ret_notice, GError **error);
/* A copy of it in memory, to try something out. */
State *state_open_server_copy(TelemetryApi *server, const char *cluster, GError **error);
void state_close(State *state);

typedef enum {
    CHANGE_NEW,
    CHANGE_KNOWN,    /* there already when the state began, or when there was nobody to tell */
    CHANGE_WORSE,    /* its severity went up */
    CHANGE_AGAIN,    /* back soon after its end */
    CHANGE_FLAPPING, /* comes and goes */
    CHANGE_REMINDER,
    CHANGE_RESOLVED, /* this and what follows are ends */
    CHANGE_FOLDED,   /* another incident explains it now: news only to who keeps alerts open */
} ChangeType;

/* One thing that people should hear of. A line of `evidence` that begins with a tab is a link: its
 * label, a tab, and its URL. */
typedef struct {
    int64_t id; /* in the outbox */
    ChangeType type;
    Severity severity;     /* now; of an end the highest that was delivered before */
    int64_t at_s, since_s; /* since: 0 is not known */
    int64_t first_seen_s;  /* of the incident */
    char *fingerprint, *check, *kind, *ns, *name, *title, *cause, *evidence, *fix;
    char *note;           /* of a model; "": none */
    char *ending;         /* of an end, what became of what was missing; "": nothing is known */
    char *changes;        /* what was changed shortly before it began, a line each */
    char *explained;      /* titles of the first of its consequences, a line each */
    uint32_t n_explained; /* findings that are its consequences */
} Change;

void change_free(Change *change);
/* "new", "worse" … */
const char *change_name(ChangeType type);

/* An incident, as far as who hears of it, and when, depends on it. */
typedef struct {
    const char *check, *kind, *ns, *name;
    Severity severity;
    const Snapshot *snapshot;
    const Object *object; /* in the snapshot; NULL: gone or not known */
} Incident;

/* Who is to hear of what. */
typedef struct {
    /* Appends the names of receivers, each once, which live as long as the routing. */
    void (*find)(const void *data, const Incident *incident, GPtrArray *receivers);
    /* From when on a receiver may hear of it: `now_s`, or the end of its quiet hours. */
    int64_t (*due)(const void *data, const Incident *incident, const char *receiver, int64_t now_s);
    const void *data;
} Routing;

/* What a change is about, in a snapshot (NULL: not known); borrows from both. */
Incident state_incident(const Change *change, const Snapshot *snapshot);
/* Whether its object is there. What is in no list, as a back end, is there always; the analyzer's
 * own CronJob, whose namespace nobody knows, never. The snapshot must be known. */
Presence state_incident_presence(const Incident *incident);

/* Takes what one run has found: what changes goes into the outboxes of its receivers, and an end to
 * who knows of the incident. A NULL routing: nobody is told. Everything happens, or nothing. */
bool state_update(State *state, const Findings *findings, const Snapshot *snapshot,
                  const Routing *routing, int64_t now_s, GError **error);

/* Says how long the run has looked at its cluster. */
void state_set_look(State *state, int64_t seconds);
/* Says something about the end of open incidents, should the next update end them: a few words, the
 * `ending` of each change where that is not "". Takes the changes. */
void state_set_endings(State *state, GPtrArray *changes);

/* ---- The outbox of a receiver. ---- */

/* Change that waits to be delivered and is due, the oldest first, 500 at most; the array frees
 * them. A fault that ended before the receiver heard of it is one change: CHANGE_RESOLVED. */
GPtrArray *state_outbox(State *state, const char *receiver, int64_t now_s, GError **error);
/* The same for a process that sends them: no other one gets them before that time, unless they were
 * released. */
GPtrArray *
state_claim(State *state, const char *receiver, int64_t now_s, int64_t until_s, GError **error);
/* They were delivered: the receiver fares well. */
bool state_delivered(State *state, const char *receiver, const GPtrArray *changes, GError **error);
/* They are not to be delivered. */
bool state_drop(State *state, const char *receiver, const GPtrArray *changes, GError **error);
/* They could not be delivered and wait on: the receiver has failed, and wants nothing before
 * `retry_s`. */
bool state_release(State *state, const char *receiver, const GPtrArray *changes, int64_t now_s,
                   int64_t retry_s, GError **error);
/* What is open, a CHANGE_REMINDER each without an id, for receivers that want all of it every time;
 * the array frees them. */
GPtrArray *state_list_open(State *state, GError **error);
/* How many incidents are open. */
bool state_count_open(State *state, uint32_t *ret_n, GError **error);

/* ---- How receivers fare. ---- */

typedef struct {
    int64_t retry_s;           /* nothing is to be sent before */
    int64_t failures, since_s; /* tries in a row that have failed, and the first of them */
    int64_t daily_s;           /* the last daily message; 0: none */
    int64_t n_waiting;         /* in the outbox, due or not */
} StateReceiver;

bool
state_receiver(State *state, const char *receiver, StateReceiver *ret_receiver, GError **error);
/* Counts an answer with a status of this class ("2xx"). */
bool state_answered(State *state, const char *receiver, const char *status_class, GError **error);
/* Notes the daily message of `now_s` in the place of that of `former_s`. *ret_is_noted: whether
 * that was still the last one, else another run has noted its own. */
bool state_note_daily(State *state, const char *receiver, int64_t former_s, int64_t now_s,
                      bool *ret_is_noted, GError **error);
/* Visits how many answers of each class each receiver has given, ever. */
typedef void (*StateAnswersFunc)(void *data, const char *receiver, const char *status_class,
                                 int64_t n);
bool state_each_answers(State *state, StateAnswersFunc func, void *data, GError **error);
/* These are the receivers (NULL at the end): what waits for others, and what they know, is the
 * fallback's from now on. Without any, nothing is to be delivered. */
bool state_settle(State *state, const char *const *receivers, const char *fallback, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(State, state_close)
