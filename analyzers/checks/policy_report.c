/* What policies of Kyverno say about objects that are there already (wgpolicyk8s.io). */
#include <string.h>

#include "analyzers/checks/table.h"

static void run_reports(CheckRun *run);

static const CheckRow rows[] = {
    {
        .id = "kyverno-policyreport",
        .kind = "PolicyReport",
        .severity = SEVERITY_INFO,
        .stage = STAGE_ADVICE,
        .tier = 3,
        .hold_s = 24 * 3600,
        .symptom = "Objects are there that a policy would not let in.",
        .meaning = "PolicyReports or ClusterPolicyReports of Kyverno have results \"fail\" or "
                   "\"error\" of a policy that are older than a day.",
        .fix = "Change the objects, or make an exception of the policy for them.",
        .run = run_reports,
        .needs = {KIND_POLICY_REPORT, KIND_CLUSTER_POLICY_REPORT},
    },
};

const CheckTopic check_topic_policy_report = {rows, G_N_ELEMENTS(rows)};

/* What all reports say about one policy. */
typedef struct {
    const Object *report; /* the first that names it */
    guint n_fail, n_error;
    int64_t since_s;    /* the oldest result; 0: none says */
    GPtrArray *objects; /* char *: "Pod shop/web", each once */
} Verdict;

static void
verdict_free(gpointer data)
{
    Verdict *verdict = data;
    g_ptr_array_unref(verdict->objects);
    g_free(verdict);
}

/* Other scanners write such reports too. */
static bool
is_of_kyverno(const Object *report, const Value *result)
{
    const Value *labels = value_at(report->value, "metadata.labels");
    const char *source = value_text(result, "source");
    return g_ascii_strncasecmp(source, "kyverno", strlen("kyverno")) == 0 ||
           (source[0] == '\0' &&
            value_is(value_get(labels, "app.kubernetes.io/managed-by"), "", "kyverno"));
}

/* One report is about its `scope`, or names objects in each result. */
static void
add_object(Verdict *verdict, const Object *report, const Value *result)
{
    const Value *about = value_first(result, "resources");
    if (about == NULL)
        about = value_at(report->value, "scope");
    const char *ns = value_text(about, "namespace"), *name = value_text(about, "name");
    g_autofree char *text =
        g_strdup_printf("%s %s%s%s", value_text(about, "kind"), ns, ns[0] != '\0' ? "/" : "", name);
    if (name[0] != '\0' &&
        !g_ptr_array_find_with_equal_func(verdict->objects, text, g_str_equal, NULL))
        g_ptr_array_add(verdict->objects, g_steal_pointer(&text));
}

static void
take_result(GHashTable *verdicts, const Object *report, const Value *result)
{
    const char *policy = value_text(result, "policy");
    bool has_failed = value_is(result, "result", "fail");
    if ((!has_failed && !value_is(result, "result", "error")) || policy[0] == '\0' ||
        !is_of_kyverno(report, result))
        return;
    Verdict *verdict = g_hash_table_lookup(verdicts, policy);
    if (verdict == NULL) {
        verdict = g_new0(Verdict, 1);
        verdict->report = report;
        verdict->objects = g_ptr_array_new_with_free_func(g_free);
        g_hash_table_insert(verdicts, (gpointer)(uintptr_t)policy, verdict);
    }
    int64_t at_s = value_int(result, "timestamp.seconds", 0);
    if (at_s > 0 && (verdict->since_s == 0 || at_s < verdict->since_s))
        verdict->since_s = at_s;
    verdict->n_fail += has_failed;
    verdict->n_error += !has_failed;
    add_object(verdict, report, result);
}

/* The policy of a name, "namespace/name" for one of a namespace; the report where it is gone. */
static const Object *
policy_of(const CheckRun *run, const char *name, const Verdict *verdict)
{
    g_auto(GStrv) parts = g_strsplit(name, "/", 2);
    const Object *policy =
        parts[1] != NULL ? snapshot_get(run->snapshot, KIND_KYVERNO_POLICY, parts[0], parts[1])
                         : snapshot_get(run->snapshot, KIND_KYVERNO_CLUSTER_POLICY, "", name);
    return policy != NULL ? policy : verdict->report;
}

static void
tell(CheckRun *run, const char *name, const Verdict *verdict)
{
    enum { SHOWN = 5 };
    const Object *policy = policy_of(run, name, verdict);
    Finding *finding = check_report_once(run, &rows[0], policy, name);
    if (finding == NULL)
        return;
    guint n = verdict->objects->len;
    finding_since(finding, verdict->since_s);
    finding_title(finding, "%u object%s violate%s policy %s", n, n == 1 ? "" : "s",
                  n == 1 ? "s" : "", name);
    finding_cause(finding, "Reports of the policy have %u results \"fail\" and %u \"error\".",
                  verdict->n_fail, verdict->n_error);
    for (guint i = 0; i < MIN(n, SHOWN); i++)
        finding_evidence(finding, "%s", (const char *)verdict->objects->pdata[i]);
    if (n > SHOWN)
        finding_evidence(finding, "and %u more", n - SHOWN);
    finding_fix(finding, "%s", rows[0].fix);
    finding_fix(finding, "kubectl get policyreports,clusterpolicyreports -A");
}

static void
run_reports(CheckRun *run)
{
    static const Kind kinds[] = {KIND_POLICY_REPORT, KIND_CLUSTER_POLICY_REPORT};
    g_autoptr(GHashTable) verdicts =
        g_hash_table_new_full(g_str_hash, g_str_equal, NULL, verdict_free);
    for (size_t k = 0; k < G_N_ELEMENTS(kinds); k++) {
        const GPtrArray *all = snapshot_objects(run->snapshot, kinds[k]);
        for (guint i = 0; i < all->len; i++) {
            const Object *report = all->pdata[i];
            for (const Value *r = value_first(report->value, "results"); r != NULL; r = r->next)
                take_result(verdicts, report, r);
        }
    }
    GHashTableIter iter;
    gpointer name, verdict;
    g_hash_table_iter_init(&iter, verdicts);
    while (g_hash_table_iter_next(&iter, &name, &verdict)) {
        if (check_held(run, &rows[0], ((const Verdict *)verdict)->since_s))
            tell(run, name, verdict);
    }
}
