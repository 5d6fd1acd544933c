#include "analyzers/state/state_db.h"
#include "analyzers/state/state_sql.h"

static const char *const change_names[] = {
    [CHANGE_NEW] = "new",           [CHANGE_KNOWN] = "known",       [CHANGE_WORSE] = "worse",
    [CHANGE_AGAIN] = "again",       [CHANGE_FLAPPING] = "flapping", [CHANGE_REMINDER] = "reminder",
    [CHANGE_RESOLVED] = "resolved", [CHANGE_FOLDED] = "folded",
};

const char *
change_name(ChangeType type)
{
    return change_names[type];
}

void
change_free(Change *change)
{
    if (change == NULL)
        return;
    char *texts[] = {change->fingerprint, change->check, change->kind,   change->ns,
                     change->name,        change->title, change->cause,  change->evidence,
                     change->fix,         change->note,  change->ending, change->explained,
                     change->changes};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    g_free(change);
}

static Change *
read_change(sqlite3_stmt *statement)
{
    Change *change = g_new0(Change, 1);
    change->id = sqlite3_column_int64(statement, 0);
    change->type = (ChangeType)CLAMP(sqlite3_column_int64(statement, 1), CHANGE_NEW, CHANGE_FOLDED);
    change->severity =
        (Severity)CLAMP(sqlite3_column_int64(statement, 2), SEVERITY_INFO, SEVERITY_CRITICAL);
    change->at_s = sqlite3_column_int64(statement, 3);
    change->since_s = sqlite3_column_int64(statement, 4);
    change->first_seen_s = sqlite3_column_int64(statement, 5);
    change->n_explained = (uint32_t)sqlite3_column_int64(statement, 6);
    char **texts[] = {&change->fingerprint, &change->check, &change->kind,   &change->ns,
                      &change->name,        &change->title, &change->cause,  &change->evidence,
                      &change->fix,         &change->note,  &change->ending, &change->explained,
                      &change->changes};
    for (int i = 0; i < (int)G_N_ELEMENTS(texts); i++)
        *texts[i] = g_strdup(state_column(statement, 7 + i));
    return change;
}

/* Runs and frees a statement; NULL is one that could not be prepared. */
static GPtrArray *
read_changes(State *state, sqlite3_stmt *prepared, GError **error)
{
    g_autoptr(sqlite3_stmt) statement = prepared;
    if (statement == NULL)
        return NULL;
    g_autoptr(GPtrArray) changes = g_ptr_array_new_with_free_func((GDestroyNotify)change_free);
    int result;
    while ((result = sqlite3_step(statement)) == SQLITE_ROW)
        g_ptr_array_add(changes, read_change(statement));
    if (result == SQLITE_DONE)
        return g_steal_pointer(&changes);
    state_failed(state, error);
    return NULL;
}

GPtrArray *
state_outbox(State *state, const char *receiver, int64_t now_s, GError **error)
{
    return read_changes(state,
                        state_prepare(state, error, STATE_SQL_OUTBOX, "iis", now_s,
                                      (int64_t)CHANGE_RESOLVED, receiver),
                        error);
}

GPtrArray *
state_list_open(State *state, GError **error)
{
    return read_changes(
        state, state_prepare(state, error, STATE_SQL_LIST_OPEN, "i", (int64_t)CHANGE_REMINDER),
        error);
}

/* Does the same to each of the changes. */
static bool
for_each(State *state, const GPtrArray *changes, const char *sql, const int64_t *value,
         GError **error)
{
    bool ok = true;
    for (guint i = 0; ok && i < changes->len; i++) {
        const Change *change = changes->pdata[i];
        ok = value != NULL ? STATE_RUN(state, error, sql, "ii", change->id, *value)
                           : STATE_RUN(state, error, sql, "i", change->id);
    }
    return ok;
}

/* What is done to the outbox of a receiver. */
typedef struct {
    const char *receiver;
    const GPtrArray *changes;
    int64_t now_s, until_s; /* the second also: not before */
    bool is_told;
    GPtrArray *claimed;
} Taking;

static bool
claim(State *state, void *data, GError **error)
{
    Taking *taking = data;
    g_clear_pointer(&taking->claimed, g_ptr_array_unref);
    taking->claimed = state_outbox(state, taking->receiver, taking->now_s, error);
    return taking->claimed != NULL &&
           for_each(state, taking->claimed, STATE_SQL_CLAIM, &taking->until_s, error);
}

GPtrArray *
state_claim(State *state, const char *receiver, int64_t now_s, int64_t until_s, GError **error)
{
    Taking taking = {.receiver = receiver, .now_s = now_s, .until_s = until_s};
    if (!state_change(state, claim, &taking, error))
        g_clear_pointer(&taking.claimed, g_ptr_array_unref);
    return taking.claimed;
}

/* The receiver knows of an incident, or has heard its end. */
static bool
set_told(State *state, const char *receiver, const Change *change, GError **error)
{
    return change->type >= CHANGE_RESOLVED
               ? STATE_RUN(state, error, STATE_SQL_UNSET_TOLD, "ss", change->fingerprint, receiver)
               : STATE_RUN(state, error, STATE_SQL_SET_TOLD, "ssi", change->fingerprint, receiver,
                           (int64_t)change->severity);
}

/* Takes changes out of the outbox. */
static bool
take_out(State *state, void *data, GError **error)
{
    const Taking *taking = data;
    bool ok = for_each(state, taking->changes, STATE_SQL_DROP, NULL, error);
    for (guint i = 0; ok && i < taking->changes->len; i++) {
        const Change *change = taking->changes->pdata[i];
        if (taking->is_told || change->type >= CHANGE_RESOLVED)
            ok = set_told(state, taking->receiver, change, error);
    }
    return ok &&
           (!taking->is_told || STATE_RUN(state, error, STATE_SQL_SET_WELL, "s", taking->receiver));
}

bool
state_drop(State *state, const char *receiver, const GPtrArray *changes, GError **error)
{
    Taking taking = {.receiver = receiver, .changes = changes};
    return state_change(state, take_out, &taking, error);
}

bool
state_delivered(State *state, const char *receiver, const GPtrArray *changes, GError **error)
{
    Taking taking = {.receiver = receiver, .changes = changes, .is_told = true};
    return state_change(state, take_out, &taking, error);
}

static bool
release(State *state, void *data, GError **error)
{
    const Taking *taking = data;
    const int64_t unclaimed = 0;
    return for_each(state, taking->changes, STATE_SQL_CLAIM, &unclaimed, error) &&
           STATE_RUN(state, error, STATE_SQL_ADD_RECEIVER, "s", taking->receiver) &&
           STATE_RUN(state, error, STATE_SQL_SET_FAILED, "sii", taking->receiver, taking->now_s,
                     taking->until_s);
}

bool
state_release(State *state, const char *receiver, const GPtrArray *changes, int64_t now_s,
              int64_t retry_s, GError **error)
{
    Taking taking = {.receiver = receiver, .changes = changes, .now_s = now_s, .until_s = retry_s};
    return state_change(state, release, &taking, error);
}

bool
state_count_open(State *state, uint32_t *ret_n, GError **error)
{
    int64_t n = 0;
    bool ok = state_count(state, STATE_SQL_OPEN, &n, error);
    *ret_n = (uint32_t)n;
    return ok;
}
