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

/* Takes the other incidents out of the list. */
static void
keep_endings(GPtrArray *open, const Findings *findings)
{
    for (guint i = open->len; i > 0; i--) {
        const Change *change = open->pdata[i - 1];
        if (!backfill_is_about(change->check) || is_found(findings, change->fingerprint))
            g_ptr_array_remove_index(open, i - 1);
    }
}

static bool
note_all(State *state, const Look *look, const GPtrArray *endings, GError **error)
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
    bool ok = true;
    for (guint i = 0; ok && i < MIN(endings->len, ENDINGS_MAX); i++) {
        const Change *change = endings->pdata[i];
        const Gap gap = {.check = change->check,
                         .kind = change->kind,
                         .ns = change->ns,
                         .name = change->name,
                         .from_s = change->since_s > 0 ? change->since_s : change->first_seen_s,
                         .until_s = change->at_s};
        g_autofree char *text = backfill_text(&run, &ask, &gap);
        ok = text == NULL || state_set_ending(state, change->fingerprint, text, error);
    }
    return ok;
}

bool
endings_note(State *state, const Look *look, GError **error)
{
    if (look->backends.apis[SOURCE_METRICS] == NULL)
        return true;
    g_autoptr(GPtrArray) open = state_list_open(state, error);
    if (open == NULL)
        return false;
    keep_endings(open, look->findings);
    return open->len == 0 || note_all(state, look, open, error);
}
