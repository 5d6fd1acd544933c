#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <unistd.h>

#include "analyzers/state/state_db.h"
#include "lib/base/error.h"

static State *
open_file(const char *path, GError **error)
{
    g_autoptr(State) state =
        state_connect(path, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, error);
    return state != NULL && state_check_content(state, error) && state_set_up(state, error)
               ? g_steal_pointer(&state)
               : NULL;
}

/* ---- A copy. ---- */

/* The transaction keeps others from writing until all is read. */
static bool
copy_content(State *from, State *to, GError **error)
{
    if (!state_execute(from, "BEGIN", error) || !state_check_content(from, error))
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
        state_connect(path, ":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, error);
    if (copy == NULL)
        return NULL;
    if (g_access(path, F_OK) == 0) {
        g_autoptr(State) file = state_connect(path, path, SQLITE_OPEN_READWRITE, error);
        if (file == NULL || !copy_content(file, copy, error))
            return NULL;
    } else if (errno != ENOENT) {
        error_set_errno(error, errno, "state: %s", path);
        return NULL;
    }
    return state_set_up(copy, error) ? g_steal_pointer(&copy) : NULL;
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
