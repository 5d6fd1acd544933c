/* The database of the state. Internal to analyzers/state. */
#pragma once
#include <sqlite3.h>

#include "analyzers/state/state.h"

struct State {
    sqlite3 *db;
    char *path;
};

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
