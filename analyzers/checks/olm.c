/* Operators that the Operator Lifecycle Manager cannot install. */
#include <string.h>

#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_installs(CheckRun *run);

static const CheckRow rows[] = {
    {
        .id = "olm-install-stuck",
        .kind = "ClusterServiceVersion, Subscription, InstallPlan, CatalogSource",
        .severity = SEVERITY_MEDIUM,
        .stage = STAGE_SCALING,
        .tier = 2,
        .hold_s = 30 * 60,
        .symptom = "An operator cannot be installed or upgraded.",
        .meaning = "For 30 minutes its ClusterServiceVersion has been failed or not come to an "
                   "end, its InstallPlan failed, its Subscription cannot be resolved, or its "
                   "catalog is not reached. Copies in other namespaces, and InstallPlans that no "
                   "Subscription of their namespace refers to any more, are left out.",
        .fix = "Read the message: resolve the dependency, or mend the catalog.",
        .run = run_installs,
        .needs = {KIND_OLM_CSV, KIND_OLM_SUBSCRIPTION, KIND_OLM_INSTALL_PLAN, KIND_OLM_CATALOG},
    },
};

const CheckTopic check_topic_olm = {rows, G_N_ELEMENTS(rows)};

static void
report(CheckRun *run, const Object *object, const char *says, const char *message, int64_t since_s)
{
    if (status_is_deleted(object) || !check_held(run, &rows[0], since_s))
        return;
    Finding *finding = check_report_once(run, &rows[0], object, "");
    if (finding == NULL)
        return;
    const char *kind = kind_row(object->kind)->kind;
    finding_since(finding, since_s);
    finding_title(finding, "%s %s: %s", kind, object->name, says);
    finding_cause(finding, "The Operator Lifecycle Manager says of %s %s: %s%s%s", kind,
                  object->name, says, message[0] != '\0' ? ": " : ".", message);
    check_advise(finding, object);
}

static void
look_at_version(CheckRun *run, const Object *version)
{
    static const char *const bad[] = {"Failed", "Pending", "InstallReady", "Installing", NULL};
    const char *phase = value_text(version->value, "status.phase");
    const Value *labels = value_at(version->value, "metadata.labels");
    if (g_strv_contains(bad, phase) && value_get(labels, "olm.copiedFrom") == NULL &&
        !value_is(version->value, "status.reason", "Copied"))
        report(run, version, phase, value_text(version->value, "status.message"),
               value_time(version->value, "status.lastTransitionTime"));
}

static void
look_at_subscription(CheckRun *run, const Object *subscription)
{
    static const char *const bad[] = {"ResolutionFailed", "CatalogSourcesUnhealthy",
                                      "InstallPlanFailed"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        if (status_is(subscription, bad[i], "True"))
            report(run, subscription, bad[i],
                   value_text(condition_of(subscription, bad[i]), "message"),
                   status_since(subscription, bad[i]));
    }
}

/* Whether the Subscriptions of its namespace have gone on to other plans; failed ones stay. */
static bool
is_outdated(const CheckRun *run, const Object *plan)
{
    const GPtrArray *all = snapshot_in_namespace(run->snapshot, KIND_OLM_SUBSCRIPTION, plan->ns);
    for (guint i = 0; i < all->len; i++) {
        if (value_is(((const Object *)all->pdata[i])->value, "status.installPlanRef.name",
                     plan->name))
            return false;
    }
    return all->len > 0;
}

static void
look_at_plan(CheckRun *run, const Object *plan)
{
    if (value_is(plan->value, "status.phase", "Failed") && !is_outdated(run, plan))
        report(run, plan, "Failed", value_text(condition_of(plan, "Installed"), "message"),
               status_since(plan, "Installed"));
}

static void
look_at_catalog(CheckRun *run, const Object *catalog)
{
    const Value *state = value_at(catalog->value, "status.connectionState");
    if (value_is(state, "lastObservedState", "TRANSIENT_FAILURE"))
        report(run, catalog, "the catalog is not reached", value_text(state, "address"),
               value_time(state, "lastConnect"));
}

static void
run_installs(CheckRun *run)
{
    static const struct {
        Kind kind;
        void (*look)(CheckRun *run, const Object *object);
    } kinds[] = {{KIND_OLM_CSV, look_at_version},
                 {KIND_OLM_SUBSCRIPTION, look_at_subscription},
                 {KIND_OLM_INSTALL_PLAN, look_at_plan},
                 {KIND_OLM_CATALOG, look_at_catalog}};
    for (size_t k = 0; k < G_N_ELEMENTS(kinds); k++) {
        const GPtrArray *all = snapshot_objects(run->snapshot, kinds[k].kind);
        for (guint i = 0; i < all->len; i++)
            kinds[k].look(run, all->pdata[i]);
    }
}
