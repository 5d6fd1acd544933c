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
    char *texts[] = {change->fingerprint, change->check, change->kind,     change->ns, change->name,
                     change->title,       change->cause, change->evidence, change->fix};
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
    char **texts[] = {&change->fingerprint, &change->check,    &change->kind,
                      &change->ns,          &change->name,     &change->title,
                      &change->cause,       &change->evidence, &change->fix};
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
state_outbox(State *state, int64_t now_s, GError **error)
{
    return read_changes(
        state, state_prepare(state, error, STATE_SQL_OUTBOX, "ii", now_s, (int64_t)CHANGE_RESOLVED),
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

/* Commits when all went well. */
static bool
end_transaction(State *state, bool ok, GError **error)
{
    if (ok && state_execute(state, "COMMIT", error))
        return true;
    (void)state_execute(state, "ROLLBACK", NULL);
    return false;
}

GPtrArray *
state_claim(State *state, int64_t now_s, int64_t until_s, GError **error)
{
    if (!state_execute(state, "BEGIN IMMEDIATE", error))
        return NULL;
    g_autoptr(GPtrArray) changes = state_outbox(state, now_s, error);
    bool ok = changes != NULL && for_each(state, changes, STATE_SQL_CLAIM, &until_s, error);
    return end_transaction(state, ok, error) ? g_steal_pointer(&changes) : NULL;
}

/* All or nothing. */
static bool
for_changes(State *state, const GPtrArray *changes, const char *sql, const int64_t *value,
            GError **error)
{
    return state_execute(state, "BEGIN IMMEDIATE", error) &&
           end_transaction(state, for_each(state, changes, sql, value, error), error);
}

bool
state_drop(State *state, const GPtrArray *changes, GError **error)
{
    return for_changes(state, changes, STATE_SQL_DROP, NULL, error);
}

bool
state_drop_due(State *state, int64_t now_s, GError **error)
{
    return STATE_RUN(state, error, STATE_SQL_DROP_DUE, "i", now_s);
}

bool
state_delivered(State *state, const GPtrArray *changes, GError **error)
{
    if (!state_execute(state, "BEGIN IMMEDIATE", error))
        return false;
    bool ok = for_each(state, changes, STATE_SQL_DROP, NULL, error);
    for (guint i = 0; ok && i < changes->len; i++) {
        const Change *change = changes->pdata[i];
        ok = STATE_RUN(state, error, STATE_SQL_SET_TOLD, "si", change->fingerprint,
                       (int64_t)change->severity);
    }
    return end_transaction(state, ok, error);
}

bool
state_postpone(State *state, const GPtrArray *changes, int64_t until_s, GError **error)
{
    return for_changes(state, changes, STATE_SQL_POSTPONE, &until_s, error);
}

bool
state_count_open(State *state, uint32_t *ret_n, GError **error)
{
    int64_t n = 0;
    bool ok = state_count(state, STATE_SQL_OPEN, &n, error);
    *ret_n = (uint32_t)n;
    return ok;
}
