#include "analyzers/checks/check.h"

#include <string.h>

#include "analyzers/checks/absence.h"
#include "analyzers/checks/fold.h"
#include "analyzers/checks/recent_change.h"
#include "analyzers/checks/table.h"
#include "analyzers/collect/change.h"

/* On an object or its namespace: "true" or ids separated by commas, and until when. */
#define IGNORE_ANNOTATION       "cresset.dev/ignore"
#define IGNORE_UNTIL_ANNOTATION "cresset.dev/ignore-until"

bool
check_knows(const CheckRun *run, const CheckRow *row)
{
    for (size_t i = 0; i < G_N_ELEMENTS(row->needs) && row->needs[i] != KIND_NONE; i++) {
        if (!snapshot_knows(run->snapshot, row->needs[i]))
            return false;
    }
    return true;
}

bool
check_held(const CheckRun *run, const CheckRow *row, int64_t since_s)
{
    return since_s > 0 && run->now_s - since_s >= row->hold_s;
}

Finding *
check_report(CheckRun *run, const CheckRow *row, const Object *object)
{
    Finding *finding = findings_add(run->findings, row, object, "");
    finding->severity = row->severity;
    return finding;
}

Finding *
check_report_part(CheckRun *run, const CheckRow *row, const Object *object, const char *what,
                  bool *ret_is_new)
{
    Finding *finding = findings_find(run->findings, row, object, what);
    *ret_is_new = finding == NULL;
    if (finding == NULL) {
        finding = findings_add(run->findings, row, object, what);
        finding->severity = row->severity;
    }
    return finding;
}

Finding *
check_report_once(CheckRun *run, const CheckRow *row, const Object *object, const char *what)
{
    bool is_new;
    Finding *finding = check_report_part(run, row, object, what, &is_new);
    return is_new ? finding : NULL;
}

void
check_advise(Finding *finding, const Object *object)
{
    finding_fix(finding, "%s", finding->check->fix);
    finding_describe(finding, object);
}

Finding *
check_report_written(CheckRun *run, const CheckRow *row, const Object *object, const char *what)
{
    if (!check_held(run, row, object_changed_s(object, NULL)))
        return NULL;
    Finding *finding = check_report_once(run, row, object, what);
    if (finding != NULL)
        check_advise(finding, object);
    return finding;
}

Finding *
check_report_pod(CheckRun *run, const CheckRow *row, const Object *pod, const char *what,
                 int64_t since_s, bool *ret_is_new)
{
    const Object *controller = relations_controller(run->relations, pod);
    Finding *finding = check_report_part(run, row, controller, what, ret_is_new);
    finding_about(finding, pod);
    finding_since(finding, since_s);
    return finding;
}

const CheckRow *
check_find(const char *id)
{
    size_t n;
    const CheckRow *const *rows = check_rows(&n);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(rows[i]->id, id) == 0)
            return rows[i];
    }
    return NULL;
}

/* ---- What could not be looked at. ---- */

static void
say_unknown(CheckRun *run, const CheckRow *row)
{
    for (size_t i = 0; i < G_N_ELEMENTS(row->needs) && row->needs[i] != KIND_NONE; i++) {
        const char *problem = snapshot_list_problem(run->snapshot, row->needs[i]);
        if (problem != NULL)
            findings_unverified(run->findings, row, row->needs[i], "", "", problem);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(row->asks) && row->asks[i] != NULL; i++) {
        const char *problem = telemetry_problem(run->telemetry, row->asks[i]);
        if (problem != NULL)
            findings_unverified(run->findings, row, KIND_NONE, "",
                                telemetry_source_name(row->asks[i]->source), problem);
    }
}

/* ---- Silences. ---- */

static bool
is_ignored_by(const Object *object, const Finding *finding, int64_t now_s)
{
    const Value *annotations =
        object != NULL ? value_at(object->value, "metadata.annotations") : NULL;
    const Value *ignore = value_get(annotations, IGNORE_ANNOTATION);
    const Value *until = value_get(annotations, IGNORE_UNTIL_ANNOTATION);
    if (ignore == NULL && until == NULL)
        return false;
    if (until != NULL && now_s >= time_parse(value_text(until, "")))
        return false;
    if (ignore == NULL || value_is(ignore, "", "true"))
        return true;
    g_auto(GStrv) ids = g_strsplit_set(value_text(ignore, ""), ", ", -1);
    return g_strv_contains((const char *const *)ids, finding->check->id);
}

static bool
is_silenced(const CheckRun *run, const Finding *finding)
{
    const Object *ns = finding->object->ns[0] != '\0'
                           ? snapshot_get(run->snapshot, KIND_NAMESPACE, "", finding->object->ns)
                           : NULL;
    return is_ignored_by(finding->object, finding, run->now_s) ||
           is_ignored_by(ns, finding, run->now_s);
}

/* ---- The end of a run. ---- */

static void
set_fingerprint(Finding *finding, const char *cluster)
{
    const KindRow *kind = kind_row(finding->object->kind);
    g_autofree char *facts =
        g_strjoin("\n", cluster != NULL ? cluster : "", finding->check->id, kind->group, kind->kind,
                  finding->object->ns, finding->object->name, finding->what, NULL);
    g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, facts, -1);
    g_strlcpy(finding->fingerprint, sum, sizeof finding->fingerprint);
}

static int
compare_names(const Object *a, const Object *b)
{
    int order = strcmp(a->ns, b->ns);
    if (order == 0)
        order = strcmp(kind_row(a->kind)->kind, kind_row(b->kind)->kind);
    return order != 0 ? order : strcmp(a->name, b->name);
}

/* Roots before consequences, the worst first; of equal ones by names. */
static gint
compare_findings(gconstpointer left, gconstpointer right)
{
    const Finding *a = *(Finding *const *)left, *b = *(Finding *const *)right;
    if ((a->root == NULL) != (b->root == NULL))
        return a->root == NULL ? -1 : 1;
    if (a->severity != b->severity)
        return a->severity > b->severity ? -1 : 1;
    int order = compare_names(a->object, b->object);
    if (order == 0)
        order = strcmp(a->check->id, b->check->id);
    return order != 0 ? order : strcmp(a->what, b->what);
}

static gint
compare_unverified(gconstpointer left, gconstpointer right)
{
    const Unverified *a = *(Unverified *const *)left, *b = *(Unverified *const *)right;
    int order = strcmp(a->check->id, b->check->id);
    if (order == 0 && a->kind != b->kind)
        order = a->kind < b->kind ? -1 : 1;
    if (order == 0)
        order = strcmp(a->ns, b->ns);
    return order != 0 ? order : strcmp(a->name, b->name);
}

typedef struct {
    const CheckRun *run;
    const char *ns; /* see CheckOptions */
    const Silences *silences;
    int tier; /* the highest one */
} Wanted;

/* A function that rows share reports those of other tiers as well. */
static bool
is_wanted(const Finding *finding, const void *data)
{
    const Wanted *wanted = data;
    return finding->check->tier <= wanted->tier &&
           (wanted->ns == NULL || strcmp(finding->object->ns, wanted->ns) == 0) &&
           !is_silenced(wanted->run, finding) &&
           !silences_cover(wanted->silences, finding, wanted->run->now_s);
}

static void
finish(CheckRun *run, const CheckOptions *options, int tier)
{
    Findings *findings = run->findings;
    const Wanted wanted = {run, options->ns, options->silences, tier};
    findings_filter(findings, is_wanted, &wanted);
    confirm_absences(findings, run->snapshot);
    fold_findings(findings, run->relations);
    g_ptr_array_sort(findings->all, compare_findings);
    g_ptr_array_sort(findings->unverified, compare_unverified);
    for (guint i = 0; i < findings->all->len; i++) {
        Finding *finding = findings->all->pdata[i];
        set_fingerprint(finding, options->cluster);
        g_ptr_array_sort(finding->explains, compare_findings);
        findings->n_roots += finding->root == NULL;
        if (finding->root == NULL)
            recent_changes_explain(run, finding);
    }
}

static int
tier_of(const CheckOptions *options)
{
    return options->tier > 0 ? options->tier : TIER_DEFAULT;
}

GPtrArray *
check_queries(const CheckOptions *options)
{
    size_t n;
    const CheckRow *const *rows = check_rows(&n);
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
    GPtrArray *queries = g_ptr_array_new();
    for (size_t i = 0; i < n; i++) {
        const CheckRow *row = rows[i];
        for (size_t k = 0; k < G_N_ELEMENTS(row->asks) && row->asks[k] != NULL; k++) {
            gpointer query = (gpointer)(uintptr_t)row->asks[k];
            if (row->tier <= tier_of(options) && g_hash_table_add(seen, query))
                g_ptr_array_add(queries, query);
        }
    }
    return queries;
}

Findings *
check_all(const Snapshot *snapshot, const CheckOptions *options)
{
    size_t n;
    const CheckRow *const *rows = check_rows(&n);
    int tier = tier_of(options);
    g_autoptr(Relations) relations = relations_new(snapshot);
    g_autoptr(GHashTable) done = g_hash_table_new(NULL, NULL); /* functions that have run */
    CheckRun run = {.snapshot = snapshot,
                    .relations = relations,
                    .telemetry = options->telemetry,
                    .now_s = options->now_s,
                    .findings = findings_new(),
                    .log_rules = options->log_rules,
                    .node_label = options->node_label};
    for (size_t i = 0; i < n; i++) {
        if (rows[i]->tier > tier)
            continue;
        say_unknown(&run, rows[i]);
        if (rows[i]->run != NULL && g_hash_table_add(done, (gpointer)(uintptr_t)rows[i]->run))
            rows[i]->run(&run);
    }
    finish(&run, options, tier);
    return run.findings;
}
