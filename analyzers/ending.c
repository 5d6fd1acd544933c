#include "analyzers/ending.h"

#include <string.h>

#include "analyzers/enrich/backfill.h"

static bool
is_found(const Findings *findings, const char *fingerprint)
{
    for (guint i = 0; i < findings->all->len; i++) {
        const Finding *finding = findings->all->pdata[i];
        if (strcmp(finding->fingerprint, fingerprint) == 0)
            return true;
    }
    return false;
}

static void
set_text(Change *change, char *text)
{
    g_free(change->ending);
    change->ending = text;
}

/* Takes the incidents out of the list that a look still sees; of the others nothing is said yet. */
static void
keep_unseen(GPtrArray *open, const Findings *findings)
{
    for (guint i = open->len; i > 0; i--) {
        Change *change = open->pdata[i - 1];
        if (is_found(findings, change->fingerprint))
            g_ptr_array_remove_index(open, i - 1);
        else
            set_text(change, g_strdup(""));
    }
}

static void
note_removed(GPtrArray *endings, const Snapshot *snapshot)
{
    for (guint i = 0; i < endings->len; i++) {
        Change *change = endings->pdata[i];
        const Incident incident = state_incident(change, snapshot);
        if (state_incident_presence(&incident) == PRESENCE_MISSING)
            set_text(change, g_strdup_printf("the %s was removed", change->kind));
    }
}

/* What became of the data of collectors that are back. */
static void
note_backfilled(GPtrArray *endings, const Look *look)
{
    g_autoptr(Relations) relations = relations_new(look->snapshot);
    const CheckRun run = {.snapshot = look->snapshot,
                          .relations = relations,
                          .telemetry = look->telemetry,
                          .now_s = look->check.now_s,
                          .node_label = look->check.node_label};
    const TelemetryAsk ask = {.apis[SOURCE_METRICS] = look->backends.apis[SOURCE_METRICS],
                              .matchers = look->backends.matchers,
                              .matchers_problem = look->backends.matchers_problem};
    int n_asked = 0;
    for (guint i = 0; i < endings->len && n_asked < ENDINGS_MAX; i++) {
        Change *change = endings->pdata[i];
        if (change->ending[0] != '\0' || !backfill_is_about(change->check))
            continue;
        const Gap gap = {.check = change->check,
                         .kind = change->kind,
                         .ns = change->ns,
                         .name = change->name,
                         .from_s = change->since_s > 0 ? change->since_s : change->first_seen_s,
                         .until_s = change->at_s};
        char *text = backfill_text(&run, &ask, &gap);
        set_text(change, text != NULL ? text : g_strdup(""));
        n_asked++;
    }
}

bool
endings_note(State *state, const Look *look, GError **error)
{
    g_autoptr(GPtrArray) endings = state_list_open(state, error);
    if (endings == NULL)
        return false;
    keep_unseen(endings, look->findings);
    note_removed(endings, look->snapshot);
    if (look->backends.apis[SOURCE_METRICS] != NULL)
        note_backfilled(endings, look);
    state_set_endings(state, g_steal_pointer(&endings));
    return true;
}
