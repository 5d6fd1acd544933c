#include "analyzers/state/state.h"

#include <string.h>

#include "analyzers/state/state_db.h"
#include "analyzers/state/state_sql.h"
#include "analyzers/state/state_update.h"

/* How long after it was told an open incident is told again; 0: never. */
static const int64_t reminder_s[] = {
    [SEVERITY_INFO] = 0,
    [SEVERITY_LOW] = 0,
    [SEVERITY_MEDIUM] = 24 * 60 * 60,
    [SEVERITY_HIGH] = 6 * 60 * 60,
    [SEVERITY_CRITICAL] = 60 * 60,
};

/* ---- A run. ---- */

/* An incident as it was. */
typedef struct {
    bool is_known;
    int64_t severity, told_s, ended_s, flaps, flaps_since_s, first_seen_s;
} Former;

static bool
find_former(const Update *update, const char *fingerprint, Former *ret_former, GError **error)
{
    *ret_former = (Former){0};
    g_autoptr(sqlite3_stmt) statement =
        state_prepare(update->state, error, STATE_SQL_FIND, "s", fingerprint);
    if (statement == NULL)
        return false;
    int result = sqlite3_step(statement);
    if (result == SQLITE_ROW)
        *ret_former = (Former){true,
                               sqlite3_column_int64(statement, 0),
                               sqlite3_column_int64(statement, 1),
                               sqlite3_column_int64(statement, 2),
                               sqlite3_column_int64(statement, 3),
                               sqlite3_column_int64(statement, 4),
                               sqlite3_column_int64(statement, 5)};
    return result == SQLITE_ROW || result == SQLITE_DONE || state_failed(update->state, error);
}

/* Whether there is something to tell of a finding, and what. */
static bool
choose_change(const Update *update, const Finding *finding, const Former *former,
              ChangeType *ret_type)
{
    int64_t after_s = reminder_s[finding->severity];
    if (!former->is_known ||
        (former->ended_s > 0 && update->now_s - former->ended_s > STATE_AGAIN_S)) {
        *ret_type = update->is_first ? CHANGE_KNOWN : CHANGE_NEW;
        return former->flaps < STATE_FLAPS;
    }
    if (former->ended_s > 0) {
        *ret_type = former->flaps == STATE_FLAPS ? CHANGE_FLAPPING : CHANGE_AGAIN;
        return former->flaps <= STATE_FLAPS;
    }
    if ((int64_t)finding->severity > former->severity) {
        *ret_type = CHANGE_WORSE;
        return true;
    }
    /* There was nobody to tell. */
    *ret_type = former->told_s == 0 ? CHANGE_KNOWN : CHANGE_REMINDER;
    if (former->told_s == 0)
        return former->flaps < STATE_FLAPS;
    return after_s > 0 && update->now_s - former->told_s >= after_s;
}

static char *
join_lines(const GPtrArray *lines, guint max)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < MIN(lines->len, max); i++)
        g_string_append_printf(text, "%s%s", i > 0 ? "\n" : "", (const char *)lines->pdata[i]);
    return g_string_free(text, FALSE);
}

/* Evidence and links of a finding, as a Change has them. */
static char *
evidence_text(const Finding *finding, guint max)
{
    g_autofree char *lines = join_lines(finding->evidence, max);
    g_autoptr(GString) text = g_string_new(lines);
    for (guint i = 0; i < finding->links->len; i++) {
        const FindingLink *link = finding->links->pdata[i];
        g_string_append_printf(text, "%s\t%s\t%s", text->len > 0 ? "\n" : "", link->label,
                               link->url);
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* The titles of the first of a finding's consequences. */
static char *
consequences_text(const Finding *finding, guint max)
{
    g_autoptr(GPtrArray) titles = g_ptr_array_new();
    for (guint i = 0; i < MIN(finding->explains->len, max); i++)
        g_ptr_array_add(titles, ((const Finding *)finding->explains->pdata[i])->title);
    return join_lines(titles, max);
}

static bool
put_incident(const Update *update, const Finding *finding, const Former *former, bool is_told,
             GError **error)
{
    enum { EVIDENCE_LINES = 3, FIX_LINES = 2, CONSEQUENCES = 3, CHANGES = 2 };
    bool is_same = former->is_known &&
                   (former->ended_s == 0 || update->now_s - former->ended_s <= STATE_AGAIN_S);
    g_autofree char *evidence = evidence_text(finding, EVIDENCE_LINES);
    g_autofree char *fix = join_lines(finding->fix, FIX_LINES);
    g_autofree char *consequences = consequences_text(finding, CONSEQUENCES);
    g_autofree char *changes = join_lines(finding->changes, CHANGES);
    return STATE_RUN(update->state, error, STATE_SQL_PUT, "sssssiiiiiiissssisss",
                     finding->fingerprint, finding->check->id,
                     kind_row(finding->object->kind)->kind, finding->object->ns,
                     finding->object->name, (int64_t)finding->severity, finding->since_s,
                     is_same ? former->first_seen_s : update->now_s, update->now_s,
                     is_told ? update->now_s : former->told_s, former->flaps, former->flaps_since_s,
                     finding->title, finding->cause, evidence, fix, (int64_t)finding->explains->len,
                     finding->note != NULL ? finding->note : "", consequences, changes);
}

bool
update_take_finding(const Update *update, const Finding *finding, GError **error)
{
    Former former;
    ChangeType type;
    if (!find_former(update, finding->fingerprint, &former, error))
        return false;
    if (former.flaps_since_s > 0 && update->now_s - former.flaps_since_s > STATE_FLAP_S)
        former.flaps = former.flaps_since_s = 0;
    const Incident incident = {.check = finding->check->id,
                               .kind = kind_row(finding->object->kind)->kind,
                               .ns = finding->object->ns,
                               .name = finding->object->name,
                               .severity = finding->severity,
                               .snapshot = update->snapshot,
                               .object = finding->object};
    bool is_told =
        choose_change(update, finding, &former, &type) && update_is_heard(update, &incident);
    return put_incident(update, finding, &former, is_told, error) &&
           (!is_told || update_tell(update, type, finding->fingerprint, &incident, error));
}

/* ---- What is quiet now. ---- */

typedef struct {
    char *fingerprint, *check, *kind, *ns, *name;
    int64_t last_seen_s, quiet_runs, flaps, flaps_since_s;
    Severity severity;
} Quiet;

static void
quiet_free(gpointer data)
{
    Quiet *quiet = data;
    g_free(quiet->fingerprint);
    g_free(quiet->check);
    g_free(quiet->kind);
    g_free(quiet->ns);
    g_free(quiet->name);
    g_free(quiet);
}

/* Open incidents that this run has not seen. */
static GPtrArray *
list_quiet(const Update *update, GError **error)
{
    g_autoptr(sqlite3_stmt) statement =
        state_prepare(update->state, error, STATE_SQL_QUIET, "i", update->now_s);
    if (statement == NULL)
        return NULL;
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(quiet_free);
    int result;
    while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
        Quiet *quiet = g_new0(Quiet, 1);
        quiet->fingerprint = g_strdup(state_column(statement, 0));
        quiet->check = g_strdup(state_column(statement, 1));
        quiet->kind = g_strdup(state_column(statement, 2));
        quiet->ns = g_strdup(state_column(statement, 3));
        quiet->name = g_strdup(state_column(statement, 4));
        quiet->last_seen_s = sqlite3_column_int64(statement, 5);
        quiet->quiet_runs = sqlite3_column_int64(statement, 6) + 1;
        quiet->flaps = sqlite3_column_int64(statement, 7);
        quiet->flaps_since_s = sqlite3_column_int64(statement, 8);
        quiet->severity = (Severity)sqlite3_column_int64(statement, 9);
        g_ptr_array_add(list, quiet);
    }
    if (result == SQLITE_DONE)
        return g_steal_pointer(&list);
    state_failed(update->state, error);
    return NULL;
}

/* Whether the check could look at everything that it needs: only then is silence good news. */
static bool
was_verified(const Update *update, const Quiet *quiet)
{
    for (guint i = 0; i < update->findings->unverified->len; i++) {
        const Unverified *unverified = update->findings->unverified->pdata[i];
        if (strcmp(unverified->check->id, quiet->check) == 0)
            return false;
    }
    return true;
}

/* Whether a finding explains it now: then it has not ended, its cause is told. */
static bool
is_folded(const Update *update, const Quiet *quiet)
{
    for (guint i = update->findings->n_roots; i < update->findings->all->len; i++) {
        const Finding *finding = update->findings->all->pdata[i];
        if (strcmp(finding->fingerprint, quiet->fingerprint) == 0)
            return true;
    }
    return false;
}

static Incident
incident_of(const Update *update, const Quiet *quiet)
{
    const Change change = {.check = quiet->check,
                           .kind = quiet->kind,
                           .ns = quiet->ns,
                           .name = quiet->name,
                           .severity = quiet->severity};
    return state_incident(&change, update->snapshot);
}

/* Tells who knows of it. */
static bool
tell_end(const Update *update, ChangeType type, const Quiet *quiet, GError **error)
{
    const Incident incident = incident_of(update, quiet);
    return update_tell(update, type, quiet->fingerprint, &incident, error);
}

static bool
end_incident(const Update *update, const Quiet *quiet, GError **error)
{
    bool is_recent =
        quiet->flaps_since_s > 0 && update->now_s - quiet->flaps_since_s <= STATE_FLAP_S;
    int64_t flaps = is_recent ? quiet->flaps + 1 : 1;
    int64_t since_s = is_recent ? quiet->flaps_since_s : update->now_s;
    return STATE_RUN(update->state, error, STATE_SQL_END, "siii", quiet->fingerprint, update->now_s,
                     flaps, since_s) &&
           (flaps > STATE_FLAPS || tell_end(update, CHANGE_RESOLVED, quiet, error));
}

static bool
take_quiet(const Update *update, GError **error)
{
    g_autoptr(GPtrArray) list = list_quiet(update, error);
    if (list == NULL)
        return false;
    for (guint i = 0; i < list->len; i++) {
        const Quiet *quiet = list->pdata[i];
        const Incident incident = incident_of(update, quiet);
        Presence presence = state_incident_presence(&incident);
        if (presence == PRESENCE_UNKNOWN ||
            (presence == PRESENCE_THERE && !was_verified(update, quiet)))
            continue;
        bool is_over = presence == PRESENCE_MISSING || quiet->quiet_runs >= STATE_QUIET_RUNS ||
                       update->now_s - quiet->last_seen_s >= STATE_QUIET_S;
        if (is_over && is_folded(update, quiet)) {
            if (!STATE_RUN(update->state, error, STATE_SQL_END, "siii", quiet->fingerprint,
                           update->now_s, quiet->flaps, quiet->flaps_since_s) ||
                !tell_end(update, CHANGE_FOLDED, quiet, error))
                return false;
        } else if (is_over ? !end_incident(update, quiet, error)
                           : !STATE_RUN(update->state, error, STATE_SQL_SET_QUIET, "si",
                                        quiet->fingerprint, quiet->quiet_runs)) {
            return false;
        }
    }
    return true;
}

static bool
take_endings(const Update *update, GError **error)
{
    const GPtrArray *changes = update->state->endings;
    bool ok = true;
    for (guint i = 0; changes != NULL && ok && i < changes->len; i++) {
        const Change *change = changes->pdata[i];
        ok = change->ending[0] == '\0' || STATE_RUN(update->state, error, STATE_SQL_SET_ENDING,
                                                    "ss", change->fingerprint, change->ending);
    }
    return ok;
}

static bool
take_run(Update *update, GError **error)
{
    int64_t n_runs = 0;
    if (!state_count(update->state, STATE_SQL_IS_FIRST, &n_runs, error))
        return false;
    update->is_first = n_runs == 0;
    for (guint i = 0; i < update->findings->n_roots; i++) {
        if (!update_take_finding(update, update->findings->all->pdata[i], error))
            return false;
    }
    return update_take_look(update, error) && take_endings(update, error) &&
           take_quiet(update, error) && update_take_gap(update, error) &&
           STATE_RUN(update->state, error, STATE_SQL_ADD_RUN, "i", update->now_s) &&
           STATE_RUN(update->state, error, STATE_SQL_FORGET_RUNS, "i", update->now_s) &&
           STATE_RUN(update->state, error, STATE_SQL_FORGET, "i", update->now_s) &&
           STATE_RUN(update->state, error, STATE_SQL_FORGET_TOLD, "");
}

static bool
update_change(State *state, void *data, GError **error)
{
    (void)state;
    return take_run(data, error);
}

void
state_set_look(State *state, int64_t seconds)
{
    state->look_s = seconds;
}

void
state_set_endings(State *state, GPtrArray *changes)
{
    g_clear_pointer(&state->endings, g_ptr_array_unref);
    state->endings = changes;
}

bool
state_update(State *state, const Findings *findings, const Snapshot *snapshot,
             const Routing *routing, int64_t now_s, GError **error)
{
    Update update = {state, findings, snapshot, routing, now_s, false};
    bool ok = state_change(state, update_change, &update, error);
    state_set_endings(state, NULL);
    return ok;
}
