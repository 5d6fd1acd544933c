#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "analyzers/state/state_db.h"
#include "analyzers/state/state_sql.h"
#include "lib/base/error.h"

/* Statement i makes version i + 1 of version i. */
static const char *const upgrades[] = {STATE_SQL_TO_1, STATE_SQL_TO_2, STATE_SQL_TO_3,
                                       STATE_SQL_TO_4, STATE_SQL_TO_5};

/* ---- Opening. ---- */

static bool
check_content(State *state, GError **error)
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

/* Brings the tables to this program's version. */
static bool
set_up(State *state, GError **error)
{
    if (!state_execute(state, STATE_SQL_SETUP, error) ||
        !state_execute(state, "BEGIN IMMEDIATE", error))
        return false;
    if (upgrade(state, error) && state_execute(state, "COMMIT", error))
        return true;
    (void)state_execute(state, "ROLLBACK", NULL);
    return false;
}

/* `path` is what errors name, `file` what SQLite opens. */
static State *
connect_to(const char *path, const char *file, int flags, GError **error)
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

static State *
open_file(const char *path, GError **error)
{
    g_autoptr(State) state =
        connect_to(path, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, error);
    return state != NULL && check_content(state, error) && set_up(state, error)
               ? g_steal_pointer(&state)
               : NULL;
}

/* ---- A copy. ---- */

/* The transaction keeps others from writing until all is read. */
static bool
copy_content(State *from, State *to, GError **error)
{
    if (!state_execute(from, "BEGIN", error) || !check_content(from, error))
        return false;
    sqlite3_backup *backup = sqlite3_backup_init(to->db, "main", from->db, "main");
    if (backup == NULL)
        return state_failed(to, error);
    (void)sqlite3_backup_step(backup, -1); /* the end has its error */
    return sqlite3_backup_finish(backup) == SQLITE_OK || state_failed(to, error);
}

State *
state_open_copy(const char *path, GError **error)
{
    g_autoptr(State) copy =
        connect_to(path, ":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, error);
    if (copy == NULL)
        return NULL;
    if (g_access(path, F_OK) == 0) {
        g_autoptr(State) file = connect_to(path, path, SQLITE_OPEN_READWRITE, error);
        if (file == NULL || !copy_content(file, copy, error))
            return NULL;
    } else if (errno != ENOENT) {
        error_set_errno(error, errno, "state: %s", path);
        return NULL;
    }
    return set_up(copy, error) ? g_steal_pointer(&copy) : NULL;
}

/* ---- A damaged file. ---- */

/* The journals first: one that stayed would be played into the new file. */
static bool
set_aside(const char *path, const char *aside, GError **error)
{
    static const char *const ends[] = {"-journal", "-wal", ""};
    for (size_t i = 0; i < G_N_ELEMENTS(ends); i++) {
        g_autofree char *from = g_strconcat(path, ends[i], NULL);
        g_autofree char *to = g_strconcat(aside, ends[i], NULL);
        if (rename(from, to) != 0 && (errno != ENOENT || ends[i][0] == '\0'))
            return error_set_errno(error, errno, "state: %s is damaged and cannot be set aside",
                                   from);
    }
    return true;
}

State *
state_open(const char *path, char **ret_notice, GError **error)
{
    g_autoptr(GError) why = NULL;
    *ret_notice = NULL;
    State *state = open_file(path, &why);
    if (state != NULL)
        return state;
    if (!g_error_matches(why, CRESSET_ERROR, CRESSET_ERROR_DATA_LOSS)) {
        g_propagate_error(error, g_steal_pointer(&why));
        return NULL;
    }
    g_autofree char *aside =
        g_strdup_printf("%s.corrupt-%" G_GINT64_FORMAT, path, g_get_real_time() / G_USEC_PER_SEC);
    if (!set_aside(path, aside, error) || (state = open_file(path, error)) == NULL)
        return NULL;
    *ret_notice = g_strdup_printf("%s: it is kept as %s, and what is found now counts as known",
                                  why->message, aside);
    return state;
}

void
state_close(State *state)
{
    if (state == NULL)
        return;
    sqlite3_close(state->db);
    g_free(state->path);
    g_free(state);
}
