#include "analyzers/state/state_db.h"

#include "analyzers/state/state_sql.h"
#include "lib/base/error.h"

bool
state_failed(State *state, GError **error)
{
    CressetError code = CRESSET_ERROR_INTERNAL;
    switch (sqlite3_errcode(state->db)) { /* primary ones: extended codes are not switched on */
    case SQLITE_FULL:
        code = CRESSET_ERROR_RESOURCE_EXHAUSTED;
        break;
    case SQLITE_BUSY:
        code = CRESSET_ERROR_UNAVAILABLE;
        break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        code = CRESSET_ERROR_DATA_LOSS;
        break;
    case SQLITE_CANTOPEN: /* an image in memory that says that it needs a journal beside it */
        code = state->server != NULL ? CRESSET_ERROR_DATA_LOSS : CRESSET_ERROR_INTERNAL;
        break;
    default:
        break;
    }
    return error_set(error, code, "state: %s: %s", state->path, sqlite3_errmsg(state->db));
}

bool
state_execute(State *state, const char *sql, GError **error)
{
    return sqlite3_exec(state->db, sql, NULL, NULL, NULL) == SQLITE_OK ||
           state_failed(state, error);
}

/* *ret_is_changed: whether it has written anything. */
static bool
transact(State *state, StateChange change, void *data, bool *ret_is_changed, GError **error)
{
    sqlite3_int64 n_before = sqlite3_total_changes64(state->db);
    if (!state_execute(state, "BEGIN IMMEDIATE", error))
        return false;
    bool ok = change(state, data, error);
    *ret_is_changed = sqlite3_total_changes64(state->db) != n_before;
    if (ok && *ret_is_changed && state->server != NULL)
        ok = STATE_RUN(state, error, STATE_SQL_SET_WRITER, "s", state->run);
    if (ok && state_execute(state, "COMMIT", error))
        return true;
    (void)state_execute(state, "ROLLBACK", NULL);
    return false;
}

bool
state_change(State *state, StateChange change, void *data, GError **error)
{
    for (int i = 0; i < STATE_RACES_MAX; i++) {
        g_autoptr(GError) failure = NULL;
        bool is_changed;
        if (!transact(state, change, data, &is_changed, error))
            return false;
        if (state->server == NULL || !is_changed || state_image_store(state, &failure))
            return true;
        if (!g_error_matches(failure, CRESSET_ERROR, CRESSET_ERROR_ABORTED)) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return false;
        }
        if (!state_image_load(state, error))
            return false;
    }
    return error_set(error, CRESSET_ERROR_UNAVAILABLE,
                     "state: %s: other runs have written it %d times in a row", state->path,
                     STATE_RACES_MAX);
}

sqlite3_stmt *
state_prepare(State *state, GError **error, const char *sql, const char *types, ...)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(state->db, sql, -1, &statement, NULL) != SQLITE_OK) {
        state_failed(state, error);
        return NULL;
    }
    va_list values;
    va_start(values, types);
    for (int i = 0; types[i] != '\0'; i++) {
        if (types[i] == 's')
            sqlite3_bind_text(statement, i + 1, va_arg(values, const char *), -1, SQLITE_TRANSIENT);
        else
            sqlite3_bind_int64(statement, i + 1, va_arg(values, int64_t));
    }
    va_end(values);
    return statement;
}

bool
state_step(State *state, sqlite3_stmt *statement, GError **error)
{
    if (statement == NULL)
        return false;
    int result = sqlite3_step(statement);
    sqlite3_finalize(statement);
    return result == SQLITE_DONE || state_failed(state, error);
}

bool
state_count(State *state, const char *sql, int64_t *ret_n, GError **error)
{
    g_autoptr(sqlite3_stmt) statement = state_prepare(state, error, sql, "");
    if (statement == NULL || sqlite3_step(statement) != SQLITE_ROW)
        return statement != NULL && state_failed(state, error);
    *ret_n = sqlite3_column_int64(statement, 0);
    return true;
}

const char *
state_column(sqlite3_stmt *statement, int at)
{
    const char *text = (const char *)sqlite3_column_text(statement, at);
    return text != NULL ? text : "";
}
