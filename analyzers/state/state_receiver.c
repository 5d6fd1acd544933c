#include "analyzers/state/state_db.h"
#include "analyzers/state/state_sql.h"

static bool
count_waiting(State *state, const char *receiver, int64_t *ret_n, GError **error)
{
    g_autoptr(sqlite3_stmt) statement =
        state_prepare(state, error, STATE_SQL_WAITING, "s", receiver);
    if (statement == NULL || sqlite3_step(statement) != SQLITE_ROW)
        return statement != NULL && state_failed(state, error);
    *ret_n = sqlite3_column_int64(statement, 0);
    return true;
}

bool
state_receiver(State *state, const char *receiver, StateReceiver *ret_receiver, GError **error)
{
    *ret_receiver = (StateReceiver){0};
    g_autoptr(sqlite3_stmt) statement =
        state_prepare(state, error, STATE_SQL_RECEIVER, "s", receiver);
    if (statement == NULL)
        return false;
    int result = sqlite3_step(statement);
    if (result == SQLITE_ROW)
        *ret_receiver = (StateReceiver){.retry_s = sqlite3_column_int64(statement, 0),
                                        .failures = sqlite3_column_int64(statement, 1),
                                        .since_s = sqlite3_column_int64(statement, 2),
                                        .daily_s = sqlite3_column_int64(statement, 3)};
    else if (result != SQLITE_DONE)
        return state_failed(state, error);
    return count_waiting(state, receiver, &ret_receiver->n_waiting, error);
}

/* What is noted of a receiver. */
typedef struct {
    const char *receiver, *status_class;
    int64_t former_s, now_s;
    bool is_noted;
} Note;

static bool
add_answer(State *state, void *data, GError **error)
{
    const Note *note = data;
    return STATE_RUN(state, error, STATE_SQL_ADD_DELIVERY, "ss", note->receiver,
                     note->status_class);
}

bool
state_answered(State *state, const char *receiver, const char *status_class, GError **error)
{
    Note note = {.receiver = receiver, .status_class = status_class};
    return state_change(state, add_answer, &note, error);
}

static bool
set_daily(State *state, void *data, GError **error)
{
    Note *note = data;
    if (!STATE_RUN(state, error, STATE_SQL_ADD_RECEIVER, "s", note->receiver) ||
        !STATE_RUN(state, error, STATE_SQL_SET_DAILY, "sii", note->receiver, note->former_s,
                   note->now_s))
        return false;
    note->is_noted = sqlite3_changes(state->db) > 0;
    return true;
}

bool
state_note_daily(State *state, const char *receiver, int64_t former_s, int64_t now_s,
                 bool *ret_is_noted, GError **error)
{
    Note note = {.receiver = receiver, .former_s = former_s, .now_s = now_s};
    bool is_ok = state_change(state, set_daily, &note, error);
    *ret_is_noted = is_ok && note.is_noted;
    return is_ok;
}

bool
state_each_answers(State *state, StateAnswersFunc func, void *data, GError **error)
{
    g_autoptr(sqlite3_stmt) statement = state_prepare(state, error, STATE_SQL_DELIVERIES, "");
    if (statement == NULL)
        return false;
    int result;
    while ((result = sqlite3_step(statement)) == SQLITE_ROW)
        func(data, state_column(statement, 0), state_column(statement, 1),
             sqlite3_column_int64(statement, 2));
    return result == SQLITE_DONE || state_failed(state, error);
}

/* Names that something waits for, or that know something; free with g_ptr_array_unref. */
static GPtrArray *
list_names(State *state, GError **error)
{
    g_autoptr(sqlite3_stmt) statement = state_prepare(state, error, STATE_SQL_NAMES, "");
    if (statement == NULL)
        return NULL;
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    int result;
    while ((result = sqlite3_step(statement)) == SQLITE_ROW)
        g_ptr_array_add(names, g_strdup(state_column(statement, 0)));
    if (result == SQLITE_DONE)
        return g_steal_pointer(&names);
    state_failed(state, error);
    return NULL;
}

/* Without receivers what was told stays known: there may be some again. */
static bool
settle_one(State *state, const char *name, const char *fallback, GError **error)
{
    if (fallback == NULL)
        return STATE_RUN(state, error, STATE_SQL_DROP_ALL, "s", name);
    return STATE_RUN(state, error, STATE_SQL_MOVE, "ss", name, fallback) &&
           STATE_RUN(state, error, STATE_SQL_DROP_ALL, "s", name) &&
           STATE_RUN(state, error, STATE_SQL_MOVE_TOLD, "ss", name, fallback) &&
           STATE_RUN(state, error, STATE_SQL_FORGET_NAME, "s", name);
}

/* The receivers that there are. */
typedef struct {
    const char *const *receivers;
    const char *fallback;
} Settling;

static bool
settle(State *state, void *data, GError **error)
{
    const Settling *settling = data;
    g_autoptr(GPtrArray) names = list_names(state, error);
    bool ok = names != NULL;
    for (guint i = 0; ok && i < names->len; i++) {
        if (!g_strv_contains(settling->receivers, names->pdata[i]))
            ok = settle_one(state, names->pdata[i], settling->fallback, error);
    }
    return ok;
}

bool
state_settle(State *state, const char *const *receivers, const char *fallback, GError **error)
{
    Settling settling = {receivers, fallback};
    return state_change(state, settle, &settling, error);
}
