#include <string.h>

#include "analyzers/state/state_db.h"
#include "analyzers/state/state_sql.h"
#include "analyzers/state/state_update.h"

/* What waits for a receiver about an incident and is not being sent; -1: nothing. */
static bool
find_pending(const Update *update, const char *fingerprint, const char *receiver, int64_t *ret_type,
             GError **error)
{
    g_autoptr(sqlite3_stmt) statement = state_prepare(update->state, error, STATE_SQL_PENDING,
                                                      "ssi", fingerprint, receiver, update->now_s);
    if (statement == NULL)
        return false;
    int result = sqlite3_step(statement);
    *ret_type = result == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : -1;
    return result == SQLITE_ROW || result == SQLITE_DONE || state_failed(update->state, error);
}

/* What waits is told with the incident as it is when it goes out: only an end, or what comes after
 * one, takes its place, also of what is being sent and may fail. It goes out earlier when what
 * comes now may. */
static bool
tell_one(const Update *update, ChangeType type, const char *fingerprint, const char *receiver,
         int64_t due_s, GError **error)
{
    int64_t pending;
    if (!find_pending(update, fingerprint, receiver, &pending, error))
        return false;
    if (pending >= 0 && type < CHANGE_RESOLVED && pending < CHANGE_RESOLVED)
        return STATE_RUN(update->state, error, STATE_SQL_HASTEN, "ssi", fingerprint, receiver,
                         due_s);
    bool goes_on = type == CHANGE_WORSE || type == CHANGE_REMINDER;
    if (!goes_on && !STATE_RUN(update->state, error, STATE_SQL_UNTELL, "ss", fingerprint, receiver))
        return false;
    return STATE_RUN(update->state, error, STATE_SQL_TELL, "iiiss", (int64_t)type, update->now_s,
                     due_s, fingerprint, receiver);
}

/* Who knows of an incident, or is about to; the array frees the names. NULL with *error. */
static GPtrArray *
list_hearers(const Update *update, const char *fingerprint, GError **error)
{
    g_autoptr(sqlite3_stmt) statement =
        state_prepare(update->state, error, STATE_SQL_HEARERS, "s", fingerprint);
    if (statement == NULL)
        return NULL;
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    int result;
    while ((result = sqlite3_step(statement)) == SQLITE_ROW)
        g_ptr_array_add(names, g_strdup(state_column(statement, 0)));
    if (result == SQLITE_DONE)
        return g_steal_pointer(&names);
    state_failed(update->state, error);
    return NULL;
}

bool
update_is_heard(const Update *update, const Incident *incident)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    if (update->routing != NULL)
        update->routing->find(update->routing->data, incident, names);
    return names->len > 0;
}

bool
update_tell(const Update *update, ChangeType type, const char *fingerprint,
            const Incident *incident, GError **error)
{
    const Routing *routing = update->routing;
    if (routing == NULL)
        return true;
    g_autoptr(GPtrArray) names =
        type >= CHANGE_RESOLVED ? list_hearers(update, fingerprint, error) : g_ptr_array_new();
    if (names == NULL)
        return false;
    if (type < CHANGE_RESOLVED)
        routing->find(routing->data, incident, names);
    for (guint i = 0; i < names->len; i++) {
        const char *receiver = names->pdata[i];
        int64_t due_s = routing->due(routing->data, incident, receiver, update->now_s);
        if (!tell_one(update, type, fingerprint, receiver, due_s, error))
            return false;
    }
    return true;
}

/* An object of a kind of that name; several kinds may share one. */
static const Object *
find_object(const Snapshot *snapshot, const char *kind, const char *ns, const char *name)
{
    for (int at = KIND_NONE + 1; snapshot != NULL && at < KIND_COUNT; at++) {
        const Object *object = strcmp(kind_row((Kind)at)->kind, kind) == 0
                                   ? snapshot_get(snapshot, (Kind)at, ns, name)
                                   : NULL;
        if (object != NULL)
            return object;
    }
    return NULL;
}

Incident
state_incident(const Change *change, const Snapshot *snapshot)
{
    return (Incident){
        .check = change->check,
        .kind = change->kind,
        .ns = change->ns,
        .name = change->name,
        .severity = change->severity,
        .snapshot = snapshot,
        .object = find_object(snapshot, change->kind, change->ns, change->name),
    };
}

/* Kinds of several groups share names: the one that its check needs, else the first. */
static Kind
kind_of_incident(const Incident *incident)
{
    const CheckRow *row = check_find(incident->check);
    for (size_t i = 0; row != NULL && i < G_N_ELEMENTS(row->needs); i++) {
        if (row->needs[i] != KIND_NONE &&
            strcmp(kind_row(row->needs[i])->kind, incident->kind) == 0)
            return row->needs[i];
    }
    int kind = KIND_NONE + 1;
    while (kind < KIND_COUNT && strcmp(kind_row((Kind)kind)->kind, incident->kind) != 0)
        kind++;
    return kind < KIND_COUNT ? (Kind)kind : KIND_NONE;
}

Presence
state_incident_presence(const Incident *incident)
{
    Kind kind = kind_of_incident(incident);
    if (kind == KIND_NONE)
        return PRESENCE_THERE;
    if (kind_row(kind)->is_namespaced && incident->ns[0] == '\0')
        return PRESENCE_MISSING;
    return snapshot_presence(incident->snapshot, kind, incident->ns, incident->name);
}
