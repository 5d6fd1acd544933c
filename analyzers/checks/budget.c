/* Disruption budgets that never allow a disruption, or protect nothing. */
#include <string.h>

#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_budgets(CheckRun *run);

enum { ROW_UNHEALTHY, ROW_ALWAYS, ROW_NOTHING, ROW_SYNC, ROW_OVERLAP };

static const CheckRow rows[] = {
    [ROW_UNHEALTHY] =
        {
            .id = "pdb-no-healthy",
            .kind = "PodDisruptionBudget",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_SCALING,
            .tier = 1,
            .hold_s = 15 * 60,
            .symptom = "Drains of nodes wait because too few pods are healthy.",
            .meaning = "currentHealthy is below desiredHealthy for a quarter of an hour.",
            .fix = "Repair the pods that are not ready.",
            .run = run_budgets,
            .needs = {KIND_PDB},
        },
    [ROW_ALWAYS] =
        {
            .id = "pdb-blocks-always",
            .kind = "PodDisruptionBudget",
            .severity = SEVERITY_LOW,
            .stage = STAGE_SCALING,
            .tier = 1,
            .hold_s = 86400,
            .is_own_cause = true,
            .symptom = "Drains of nodes never end.",
            .meaning = "All pods are healthy, and still no disruption is allowed: minAvailable is "
                       "not below the number of pods, or maxUnavailable is 0.",
            .fix = "Allow at least one disruption, or run one more copy.",
            .run = run_budgets,
            .needs = {KIND_PDB, KIND_NODE, KIND_POD},
        },
    [ROW_NOTHING] =
        {
            .id = "pdb-selects-nothing",
            .kind = "PodDisruptionBudget",
            .severity = SEVERITY_LOW,
            .stage = STAGE_SCALING,
            .tier = 1,
            .hold_s = 3600,
            .is_own_cause = true,
            .symptom = "A disruption budget protects no pod.",
            .meaning = "Its selector matches neither pods nor the template of any controller.",
            .fix = "Correct the selector, or delete the budget.",
            .run = run_budgets,
            .needs = {KIND_PDB, KIND_POD, KIND_DEPLOYMENT, KIND_STATEFUL_SET},
        },
    [ROW_SYNC] =
        {
            .id = "pdb-sync-failed",
            .kind = "PodDisruptionBudget",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_SCALING,
            .tier = 1,
            .hold_s = 10 * 60,
            .symptom = "A disruption budget allows nothing because it cannot be computed.",
            .meaning = "The condition DisruptionAllowed is False with reason SyncFailed.",
            .fix = "Give minAvailable as a number: the owner of the pods cannot be asked how many "
                   "there should be.",
            .run = run_budgets,
            .needs = {KIND_PDB},
        },
    [ROW_OVERLAP] =
        {
            .id = "pdb-overlap",
            .kind = "PodDisruptionBudget",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_SCALING,
            .tier = 1,
            .is_own_cause = true,
            .symptom = "Pods cannot be evicted because two budgets cover them.",
            .meaning = "The API refuses the eviction of a pod that more than one "
                       "PodDisruptionBudget selects.",
            .fix = "Keep one of the budgets.",
            .run = run_budgets,
            .needs = {KIND_PDB, KIND_POD},
        },
};

const CheckTopic check_topic_budget = {rows, G_N_ELEMENTS(rows)};

/* "minAvailable 2" as it is written. */
static char *
rule_text(const Object *budget)
{
    const char *least = value_text(budget->value, "spec.minAvailable");
    const char *most = value_text(budget->value, "spec.maxUnavailable");
    return least[0] != '\0' ? g_strdup_printf("minAvailable %s", least)
                            : g_strdup_printf("maxUnavailable %s", most);
}

static void
add_fix(Finding *finding, const Object *budget)
{
    check_advise(finding, budget);
}

/* A cordoned node, best one on which a pod of the budget runs, or NULL: somebody drains nodes. */
static const Object *
drained_node(const CheckRun *run, const GPtrArray *pods, bool *ret_has_pod)
{
    *ret_has_pod = true;
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        const Object *node = snapshot_get(run->snapshot, KIND_NODE, "", pod_node(pod));
        if (!pod_is_finished(pod) && node != NULL &&
            value_is_true(node->value, "spec.unschedulable"))
            return node;
    }
    *ret_has_pod = false;
    const GPtrArray *nodes = snapshot_objects(run->snapshot, KIND_NODE);
    for (guint i = 0; i < nodes->len; i++) {
        const Object *node = nodes->pdata[i];
        if (value_is_true(node->value, "spec.unschedulable") && !status_is_deleted(node))
            return node;
    }
    return NULL;
}

static void
report_always(CheckRun *run, const Object *budget, int64_t since_s, const GPtrArray *pods)
{
    bool has_pod;
    const Object *node = drained_node(run, pods, &has_pod);
    g_autofree char *rule = rule_text(budget);
    const char *expected = value_text(budget->value, "status.expectedPods");
    Finding *finding = check_report(run, &rows[ROW_ALWAYS], budget);
    finding_since(finding, since_s);
    finding_title(finding, "Disruption budget %s never allows a disruption", budget->name);
    finding_cause(finding,
                  "All %s pods are healthy, but with %s none of them may ever be evicted, so %s%s "
                  "cannot be drained.",
                  expected, rule, has_pod ? "node " : "a node that runs one of them",
                  has_pod ? node->name : "");
    if (node != NULL) {
        /* Drains go from node to node: it matters now. */
        finding->severity = SEVERITY_MEDIUM;
        finding_evidence(finding, "Node %s is cordoned: nodes are being drained", node->name);
    }
    add_fix(finding, budget);
}

static void
report_unhealthy(CheckRun *run, const Object *budget, int64_t since_s, const GPtrArray *pods)
{
    const Value *status = value_at(budget->value, "status");
    Finding *finding = check_report(run, &rows[ROW_UNHEALTHY], budget);
    finding_since(finding, since_s);
    for (guint i = 0; i < pods->len; i++) {
        int64_t unready_s;
        if (pod_is_unready(pods->pdata[i], &unready_s))
            finding_about(finding, pods->pdata[i]);
    }
    finding_title(finding, "Disruption budget %s has %s of %s healthy pods", budget->name,
                  value_text(status, "currentHealthy"), value_text(status, "desiredHealthy"));
    finding_cause(finding,
                  "It demands %s healthy pods, but only %s are, so drains of their nodes "
                  "will wait.",
                  value_text(status, "desiredHealthy"), value_text(status, "currentHealthy"));
    add_fix(finding, budget);
}

static void
look_at_numbers(CheckRun *run, const Object *budget)
{
    const Value *status = value_at(budget->value, "status");
    int64_t expected = value_int(status, "expectedPods", 0);
    int64_t healthy = value_int(status, "currentHealthy", 0);
    int64_t desired = value_int(status, "desiredHealthy", 0);
    int64_t since_s = status_since(budget, "DisruptionAllowed");
    if (expected == 0 || value_int(status, "disruptionsAllowed", 0) > 0 ||
        value_is(condition_of(budget, "DisruptionAllowed"), "reason", "SyncFailed"))
        return;
    const Value *selector = value_at(budget->value, "spec.selector");
    g_autoptr(GPtrArray) pods = relations_select(run->relations, budget->ns, selector);
    if (healthy >= expected && desired >= expected) {
        if (check_held(run, &rows[ROW_ALWAYS], since_s))
            report_always(run, budget, since_s, pods);
    } else if (healthy < desired && check_held(run, &rows[ROW_UNHEALTHY], since_s)) {
        report_unhealthy(run, budget, since_s, pods);
    }
}

/* Whether pods of a kind that nobody here knows the template of may come and go. */
static bool
has_unknown_makers(const CheckRun *run, const char *ns)
{
    return snapshot_in_namespace(run->snapshot, KIND_ARGO_ROLLOUT, ns)->len > 0 ||
           !snapshot_knows(run->snapshot, KIND_POD) ||
           !snapshot_knows(run->snapshot, KIND_DEPLOYMENT) ||
           !snapshot_knows(run->snapshot, KIND_STATEFUL_SET);
}

static void
look_for_nothing(CheckRun *run, const Object *budget)
{
    const Value *selector = value_at(budget->value, "spec.selector");
    if (value_int(budget->value, "status.expectedPods", -1) != 0 ||
        !status_is_settled(run, budget, rows[ROW_NOTHING].hold_s) ||
        has_unknown_makers(run, budget->ns))
        return;
    g_autoptr(GPtrArray) pods = relations_select(run->relations, budget->ns, selector);
    g_autoptr(GPtrArray) makers = relations_templates(run->relations, budget->ns, selector, false);
    if (pods->len > 0 || makers->len > 0)
        return;
    g_autofree char *text = selector_text(selector);
    Finding *finding = check_report(run, &rows[ROW_NOTHING], budget);
    finding_title(finding, "Disruption budget %s selects no pod", budget->name);
    finding_cause(finding,
                  "Neither pods nor controllers of namespace %s have the labels %s, so it protects "
                  "nothing.",
                  budget->ns, text);
    add_fix(finding, budget);
}

static void
look_for_sync(CheckRun *run, const Object *budget)
{
    const Value *allowed = condition_of(budget, "DisruptionAllowed");
    int64_t since_s = value_time(allowed, "lastTransitionTime");
    if (!value_is(allowed, "status", "False") || !value_is(allowed, "reason", "SyncFailed") ||
        !check_held(run, &rows[ROW_SYNC], since_s))
        return;
    Finding *finding = check_report(run, &rows[ROW_SYNC], budget);
    finding_since(finding, since_s);
    finding_title(finding, "Disruption budget %s cannot be computed", budget->name);
    finding_cause(finding, "The controller says: %s. Until then no pod of it may be evicted.",
                  value_text(allowed, "message"));
    add_fix(finding, budget);
}

/* Pods that are already covered: Pod -> the first budget that does. */
static void
look_for_overlap(CheckRun *run, const Object *budget, GHashTable *covered)
{
    const Value *selector = value_at(budget->value, "spec.selector");
    g_autoptr(GPtrArray) pods = relations_select(run->relations, budget->ns, selector);
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        if (pod_is_finished(pod))
            continue;
        const Object *other = g_hash_table_lookup(covered, pod);
        if (other == NULL) {
            g_hash_table_insert(covered, (gpointer)(uintptr_t)pod, (gpointer)(uintptr_t)budget);
            continue;
        }
        Finding *finding = check_report(run, &rows[ROW_OVERLAP], budget);
        finding_about(finding, other);
        finding_title(finding, "Budgets %s and %s cover the same pods", other->name, budget->name);
        finding_cause(finding,
                      "Pod %s is selected by both; the API refuses the eviction of a pod that more "
                      "than one budget covers, so its node cannot be drained.",
                      pod->name);
        add_fix(finding, budget);
        return;
    }
}

static void
run_budgets(CheckRun *run)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_PDB);
    g_autoptr(GHashTable) covered = g_hash_table_new(NULL, NULL);
    for (guint i = 0; i < all->len; i++) {
        const Object *budget = all->pdata[i];
        if (status_is_deleted(budget))
            continue;
        look_at_numbers(run, budget);
        look_for_nothing(run, budget);
        look_for_sync(run, budget);
        if (snapshot_in_namespace(run->snapshot, KIND_PDB, budget->ns)->len > 1)
            look_for_overlap(run, budget, covered);
    }
}
