/* What the analyzer itself was not let see. */
#include <string.h>

#include "analyzers/checks/table.h"
#include "analyzers/checks/telemetry_gate.h"

static void run_scan(CheckRun *run);

enum { NAMED_MAX = 4 };

static const CheckRow rows[] = {
    {
        .id = "analyzer-partial-scan",
        .kind = "Backend",
        .severity = SEVERITY_MEDIUM,
        .stage = STAGE_BACKEND,
        .tier = 1,
        .symptom = "The analyzer could not look at everything.",
        .meaning = "Lists of some kinds are forbidden, were not answered in time, or broke off, so "
                   "that checks which need them are off.",
        .fix = "Let the analyzer's ClusterRole list them, or find out why the API is slow.",
        .run = run_scan,
    },
};

const CheckTopic check_topic_partial_scan = {rows, G_N_ELEMENTS(rows)};

static bool
is_forbidden(const char *problem)
{
    return strstr(problem, "403") != NULL || strstr(problem, "forbidden") != NULL;
}

/* "- {apiGroups: [apps], resources: [daemonsets, deployments], verbs: [list]}" for what is
 * forbidden of one group; NULL for nothing. */
static char *
rule_text(const Snapshot *snapshot, const char *group)
{
    g_autoptr(GString) resources = g_string_new(NULL);
    for (int kind = KIND_NONE + 1; kind < KIND_COUNT; kind++) {
        const KindRow *row = kind_row((Kind)kind);
        if (snapshot_list_state(snapshot, (Kind)kind) != LIST_FAILED ||
            strcmp(row->group, group) != 0 ||
            !is_forbidden(snapshot_list_problem(snapshot, (Kind)kind)))
            continue;
        g_string_append_printf(resources, "%s%s", resources->len > 0 ? ", " : "", row->resource);
    }
    if (resources->len == 0)
        return NULL;
    return g_strdup_printf("- {apiGroups: [\"%s\"], resources: [%s], verbs: [list]}", group,
                           resources->str);
}

static void
tell_rules(const Snapshot *snapshot, Finding *finding)
{
    g_autoptr(GHashTable) groups = g_hash_table_new(g_str_hash, g_str_equal);
    for (int kind = KIND_NONE + 1; kind < KIND_COUNT; kind++) {
        const char *group = kind_row((Kind)kind)->group;
        g_autofree char *rule = g_hash_table_add(groups, (gpointer)(uintptr_t)group)
                                    ? rule_text(snapshot, group)
                                    : NULL;
        if (rule != NULL)
            finding_fix(finding, "%s", rule);
    }
}

static guint
count_blind(const CheckRun *run)
{
    size_t n;
    guint n_blind = 0;
    const CheckRow *const *all = check_rows(&n);
    for (size_t i = 0; i < n; i++) {
        bool is_blind = false;
        for (size_t k = 0; k < G_N_ELEMENTS(all[i]->needs); k++)
            is_blind =
                is_blind || (all[i]->needs[k] != KIND_NONE &&
                             snapshot_list_state(run->snapshot, all[i]->needs[k]) == LIST_FAILED);
        n_blind += is_blind;
    }
    return n_blind;
}

static void
run_scan(CheckRun *run)
{
    const Snapshot *snapshot = run->snapshot;
    g_autoptr(GString) names = g_string_new(NULL);
    Finding *finding = NULL;
    guint n = 0;
    for (int kind = KIND_NONE + 1; kind < KIND_COUNT; kind++) {
        if (snapshot_list_state(snapshot, (Kind)kind) != LIST_FAILED)
            continue;
        if (finding == NULL)
            finding = check_report(run, &rows[0], backend_api_server());
        if (n++ < NAMED_MAX)
            g_string_append_printf(names, "%s%s", n > 1 ? ", " : "",
                                   kind_row((Kind)kind)->resource);
        finding_evidence(finding, "%s: %s", kind_row((Kind)kind)->resource,
                         snapshot_list_problem(snapshot, (Kind)kind));
    }
    if (finding == NULL)
        return;
    if (n > NAMED_MAX)
        g_string_append_printf(names, " and %u more", n - NAMED_MAX);
    finding_title(finding, "The analyzer could not look at %s", names->str);
    finding_cause(finding,
                  "These lists were refused or not answered, so %u checks see less than they need; "
                  "what they found before stays open.",
                  count_blind(run));
    finding_fix(finding, "%s", rows[0].fix);
    tell_rules(snapshot, finding);
}
