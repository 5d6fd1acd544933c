/* The database of the state. Internal to analyzers/state. */
#pragma once
#include <sqlite3.h>

#include "analyzers/state/state.h"
#include "analyzers/state/state_server.h"

struct State {
    sqlite3 *db;
    char *path;          /* what errors name */
    StateServer *server; /* that keeps its image; NULL: SQLite keeps the file */
    int64_t look_s;      /* how long the run has looked at its cluster */
    GPtrArray *endings;  /* Change: what is said of them if they end; NULL: nothing */
    char *run;           /* an id of this one that no other has, where there is a server */
};

/* ---- Opening. ---- */

/* `path` is what errors name, `file` what SQLite opens. */
State *state_connect(const char *path, const char *file, int flags, GError **error);
/* DATA_LOSS when the database is damaged. */
bool state_check_content(State *state, GError **error);
/* Brings the tables to this program's version. */
bool state_set_up(State *state, GError **error);
/* Takes the image that the server has now into memory. */
bool state_image_load(State *state, GError **error);
/* Brings the image in memory to the server; ABORTED when another run has written it since. */
bool state_image_store(State *state, GError **error);

/* ---- Statements. ---- */

/* A transaction: everything that `change` writes is kept, or nothing. Of a state on a server it is
 * done once more, on what is there then, each time that another run has come first; so `change`
 * begins anew each time that it is called. UNAVAILABLE after STATE_RACES_MAX times. */
typedef bool (*StateChange)(State *state, void *data, GError **error);
bool state_change(State *state, StateChange change, void *data, GError **error);

/* Sets the database's error, which names the path; returns false. UNAVAILABLE: another process
 * holds the file; RESOURCE_EXHAUSTED: no room; DATA_LOSS: the file is damaged; else INTERNAL. */
bool state_failed(State *state, GError **error);
bool state_execute(State *state, const char *sql, GError **error);
/* A statement with its values bound, by `types`: 's' text, 'i' int64_t. NULL with *error. */
sqlite3_stmt *state_prepare(State *state, GError **error, const char *sql, const char *types, ...);
/* Runs a prepared statement that gives no rows, and frees it; NULL is one that could not be
 * prepared. */
bool state_step(State *state, sqlite3_stmt *statement, GError **error);
#define STATE_RUN(state, error, ...)                                                               \
    state_step(state, state_prepare(state, error, __VA_ARGS__), error)
/* The one number that a statement gives. */
bool state_count(State *state, const char *sql, int64_t *ret_n, GError **error);
/* Text of a column; "" for NULL. */
const char *state_column(sqlite3_stmt *statement, int at);

static inline void
state_finalize(sqlite3_stmt *statement)
{
    sqlite3_finalize(statement);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(sqlite3_stmt, state_finalize)
