/* A cluster as it was at one time: the objects of every kind that could be listed, and what could
 * not. All of it lives in one arena. Filled by one thread, then read by any number. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "analyzers/collect/kind.h"
#include "lib/k8s/value.h"

/* What one snapshot may take: a list of 20,000 pods is about a quarter of it. */
#define SNAPSHOT_BYTES_MAX ((size_t)1024 * 1024 * 1024)

typedef struct {
    Kind kind;
    /* ns is "" for what has none. KIND_MANAGED are of many types, so that the name has the type:
     * "bucket.s3.aws.upbound.io/logs", as kubectl takes it. */
    const char *ns, *name, *uid;
    const Value *value; /* the whole object */
    int64_t created_s;  /* 0: not known */
} Object;

/* What happened to an object, from core/v1 or events.k8s.io. */
typedef struct {
    const char *type, *reason, *message;
    int64_t first_s, last_s; /* 0: not known */
    int64_t count;
    const char *container; /* of a pod, that it is about; "" for none */
} Event;

typedef enum {
    LIST_NOT_READ, /* nobody has tried: the input does not have it */
    LIST_READ,
    LIST_ABSENT, /* the API server does not know the kind: there are none */
    LIST_FAILED, /* it could not be read, or not to its end */
} ListState;

/* What the API server says of itself, and is no object. */
typedef enum {
    FACT_READYZ,      /* the text of /readyz?verbose: "[-]etcd failed: …" */
    FACT_CERTIFICATE, /* its own, that our connection has shown, PEM */
    FACT_COUNT,
} Fact;

typedef enum { PRESENCE_UNKNOWN, PRESENCE_MISSING, PRESENCE_THERE } Presence;

typedef struct Snapshot Snapshot;

Snapshot *snapshot_new(void);
void snapshot_free(Snapshot *snapshot);

/* ---- Filling. ---- */

/* Where values for this snapshot are to be read into. */
Arena *snapshot_arena(Snapshot *snapshot);
/* Takes one object. What is of no known kind, has no name, or was there already, is ignored. False
 * when SNAPSHOT_BYTES_MAX are taken: the list of its kind has failed then, and stays so. */
bool snapshot_add(Snapshot *snapshot, Kind kind, const Value *value);
/* Whether an object of no known kind stands for something outside of the cluster that Crossplane
 * manages: it says what is wanted there, and by which provider's configuration. */
bool snapshot_is_managed(const Value *value);
/* Says what has become of the list of a kind; `why` (copied) when it failed. */
void snapshot_set_list(Snapshot *snapshot, Kind kind, ListState state, const char *why);
/* Takes a fact (copied), or says why it is not known (NULL for the fact then). */
void snapshot_set_fact(Snapshot *snapshot, Fact fact, const char *text, const char *why);
/* Who has logs: returns that of a container, at most its last 64 KiB, to be freed, valid UTF-8, or
 * NULL. `data` is freed with the snapshot. */
typedef char *(*SnapshotLogFunc)(void *data, const Object *pod, const char *container,
                                 bool previous);
void snapshot_set_log_source(Snapshot *snapshot, SnapshotLogFunc func, void *data,
                             GDestroyNotify free_data);
/* Says why logs that were asked for have not been read; `why` is static. */
void snapshot_set_logs_problem(Snapshot *snapshot, const char *why);
/* Who can say whether an object is there now, for one that its list lacks: lists are made one after
 * the other, and what was made in between is named in the later one and not in the earlier.
 * PRESENCE_UNKNOWN with *ret_why (to be freed) when it could not be asked. `data` is freed with the
 * snapshot. */
typedef Presence (*SnapshotLookupFunc)(void *data, Kind kind, const char *ns, const char *name,
                                       char **ret_why);
void snapshot_set_lookup(Snapshot *snapshot, SnapshotLookupFunc func, void *data,
                         GDestroyNotify free_data);
/* Sorts and indexes: reading begins. */
void snapshot_finish(Snapshot *snapshot);

/* ---- Reading. ---- */

/* Object of a kind, by namespace and name; never NULL. */
const GPtrArray *snapshot_objects(const Snapshot *snapshot, Kind kind);
/* Object of a kind in one namespace; never NULL. */
const GPtrArray *snapshot_in_namespace(const Snapshot *snapshot, Kind kind, const char *ns);
/* NULL when it is not there, or nobody knows. `ns` is "" for what has none. */
const Object *snapshot_get(const Snapshot *snapshot, Kind kind, const char *ns, const char *name);
/* Only a kind that was listed to its end can miss something. */
Presence snapshot_presence(const Snapshot *snapshot, Kind kind, const char *ns, const char *name);
/* The same for what is told to people: what its list lacks is looked up now, when somebody can.
 * *ret_why: why nobody knows, to be freed; else NULL. */
Presence snapshot_lookup(const Snapshot *snapshot, Kind kind, const char *ns, const char *name,
                         char **ret_why);
const Object *snapshot_by_uid(const Snapshot *snapshot, const char *uid);

ListState snapshot_list_state(const Snapshot *snapshot, Kind kind);
/* "pods could not be listed: 403 …", or why it was not read; NULL when it was. */
const char *snapshot_list_problem(const Snapshot *snapshot, Kind kind);
/* Whether everything of the kind is known. */
bool snapshot_knows(const Snapshot *snapshot, Kind kind);

/* NULL when it is not known. */
const char *snapshot_fact(const Snapshot *snapshot, Fact fact);
/* Why it is not known; NULL when it is. */
const char *snapshot_fact_problem(const Snapshot *snapshot, Fact fact);

/* Event of an object, the newest first; never NULL. */
const GPtrArray *snapshot_events(const Snapshot *snapshot, const Object *object);
/* The newest event of an object with one of the reasons (separated by '|') that is not older than
 * `since_s`, or NULL. */
const Event *snapshot_event(const Snapshot *snapshot, const Object *object, const char *reasons,
                            int64_t since_s);

/* The log of a container, or NULL; free with g_free. At most its last 64 KiB, valid UTF-8. */
char *
snapshot_log(const Snapshot *snapshot, const Object *pod, const char *container, bool previous);
/* Why logs that were asked for so far have not been read; NULL: each that there is was. */
const char *snapshot_logs_problem(const Snapshot *snapshot);

/* Seconds since 1970 of a time of the API (RFC 3339, with or without fractions); 0 for others. */
int64_t time_parse(const char *text);
/* The same at a path of an object. */
int64_t value_time(const Value *value, const char *path);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Snapshot, snapshot_free)
