#include <string.h>

#include "analyzers/state/state_db.h"
#include "analyzers/state/state_sql.h"
#include "lib/base/error.h"

/* Statement i makes version i + 1 of version i. */
static const char *const upgrades[] = {STATE_SQL_TO_1, STATE_SQL_TO_2, STATE_SQL_TO_3,
                                       STATE_SQL_TO_4, STATE_SQL_TO_5, STATE_SQL_TO_6,
                                       STATE_SQL_TO_7, STATE_SQL_TO_8, STATE_SQL_TO_9};

bool
state_check_content(State *state, GError **error)
{
    g_autoptr(sqlite3_stmt) statement = state_prepare(state, error, "PRAGMA quick_check(1)", "");
    if (statement == NULL)
        return false;
    if (sqlite3_step(statement) != SQLITE_ROW)
        return state_failed(state, error);
    const char *verdict = state_column(statement, 0);
    return strcmp(verdict, "ok") == 0 ||
           error_set(error, CRESSET_ERROR_DATA_LOSS, "state: %s: %s", state->path, verdict);
}

static bool
upgrade(State *state, GError **error)
{
    int64_t version = 0;
    if (!state_execute(state, STATE_SQL_VERSIONS, error) ||
        !state_count(state, STATE_SQL_VERSION, &version, error))
        return false;
    if (version > (int64_t)G_N_ELEMENTS(upgrades))
        return error_set(error, CRESSET_ERROR_FAILED_PRECONDITION,
                         "state: %s: written by a newer cresset-analyzer (version %" G_GINT64_FORMAT
                         " of the tables; this one knows %zu)",
                         state->path, version, G_N_ELEMENTS(upgrades));
    for (; version < (int64_t)G_N_ELEMENTS(upgrades); version++) {
        if (!state_execute(state, upgrades[version], error) ||
            !STATE_RUN(state, error, STATE_SQL_ADD_VERSION, "i", version + 1))
            return false;
    }
    return true;
}

bool
state_set_up(State *state, GError **error)
{
    if (!state_execute(state, STATE_SQL_SETUP, error) ||
        !state_execute(state, "BEGIN IMMEDIATE", error))
        return false;
    if (upgrade(state, error) && state_execute(state, "COMMIT", error))
        return true;
    (void)state_execute(state, "ROLLBACK", NULL);
    return false;
}

State *
state_connect(const char *path, const char *file, int flags, GError **error)
{
    g_autoptr(State) state = g_new0(State, 1);
    state->path = g_strdup(path);
    if (sqlite3_open_v2(file, &state->db, flags, NULL) != SQLITE_OK) {
        state_failed(state, error);
        return NULL;
    }
    (void)sqlite3_busy_timeout(state->db, STATE_BUSY_MS);
    return g_steal_pointer(&state);
}

void
state_close(State *state)
{
    if (state == NULL)
        return;
    sqlite3_close(state->db);
    g_clear_pointer(&state->endings, g_ptr_array_unref);
    state_server_free(state->server);
    g_free(state->run);
    g_free(state->path);
    g_free(state);
}
