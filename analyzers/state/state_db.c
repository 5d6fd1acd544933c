#include "analyzers/state/state_db.h"

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
