/* Quotas that are nearly, or more than, used up. What they refuse is in creation.c. */
#include <string.h>

#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"
#include "lib/k8s/quantity.h"

static void run_quotas(CheckRun *run);

enum { ROW_OVER, ROW_NEAR, ROW_FULL };

static const CheckRow rows[] = {
    [ROW_OVER] =
        {
            .id = "quota-over",
            .kind = "ResourceQuota",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_QUOTA,
            .tier = 1,
            .hold_s = 3600,
            .is_umbrella = true,
            .symptom = "New objects of a namespace will be refused.",
            .meaning = "A quota counts more than it allows: it was lowered below what is used.",
            .fix = "Raise the quota, or free what the namespace does not need.",
            .run = run_quotas,
            .needs = {KIND_RESOURCE_QUOTA},
        },
    [ROW_NEAR] =
        {
            .id = "quota-near",
            .kind = "ResourceQuota",
            .severity = SEVERITY_LOW,
            .stage = STAGE_ADVICE,
            .tier = 1,
            .hold_s = 3600,
            .is_umbrella = true,
            .is_own_cause = true,
            .symptom = "A namespace will soon not be able to grow.",
            .meaning = "At least 90 % of a quota are used.",
            .fix = "Plan before it blocks: raise the quota, or free something.",
            .run = run_quotas,
            .needs = {KIND_RESOURCE_QUOTA},
        },
    [ROW_FULL] =
        {
            .id = "quota-count-full",
            .kind = "ResourceQuota",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_QUOTA,
            .tier = 1,
            .hold_s = 3600,
            .symptom = "No new pods or Jobs can be created because finished ones fill a quota.",
            .meaning = "A quota on the number of pods or Jobs is used up, and most of what it "
                       "counts has finished.",
            .fix = "Delete finished objects, and set ttlSecondsAfterFinished on Jobs.",
            .run = run_quotas,
            .needs = {KIND_RESOURCE_QUOTA, KIND_POD, KIND_JOB},
        },
};

const CheckTopic check_topic_quota = {rows, G_N_ELEMENTS(rows)};

/* Finished objects of a kind in a namespace. */
static guint
count_finished(const CheckRun *run, Kind kind, const char *ns)
{
    const GPtrArray *all = snapshot_in_namespace(run->snapshot, kind, ns);
    guint n = 0;
    for (guint i = 0; i < all->len; i++) {
        const Object *object = all->pdata[i];
        n += kind == KIND_POD
                 ? pod_is_finished(object)
                 : status_is(object, "Complete", "True") || status_is(object, "Failed", "True");
    }
    return n;
}

/* Of what a resource of a quota counts ("count/pods"); KIND_NONE for others. The resource "pods"
 * counts no finished ones. */
static Kind
counted_kind(const char *resource)
{
    if (strcmp(resource, "count/pods") == 0)
        return KIND_POD;
    return strcmp(resource, "count/jobs.batch") == 0 ? KIND_JOB : KIND_NONE;
}

static void
report(CheckRun *run, const CheckRow *row, const Object *quota, const Value *hard, const char *used)
{
    bool is_new;
    Finding *finding = check_report_part(run, row, quota, "", &is_new);
    finding_evidence(finding, "%s: %s used, %s allowed", hard->key, used, value_text(hard, ""));
    if (!is_new)
        return;
    finding_title(finding, "Quota %s: %s of %s %s are used", quota->name, used,
                  value_text(hard, ""), hard->key);
    finding_cause(finding, "%s Namespace %s now uses %s of %s %s.", row->meaning, quota->ns, used,
                  value_text(hard, ""), hard->key);
    check_advise(finding, quota);
}

static void
look_at_resource(CheckRun *run, const Object *quota, const Value *hard)
{
    static const double near = 0.9;
    const char *used = value_text(value_get(value_at(quota->value, "status.used"), hard->key), "");
    double have, limit;
    if (!quantity_parse(used, &have) || !quantity_parse(value_text(hard, ""), &limit) || have <= 0)
        return;
    Kind kind = counted_kind(hard->key);
    if (have >= limit && kind != KIND_NONE && count_finished(run, kind, quota->ns) * 2.0 > have)
        report(run, &rows[ROW_FULL], quota, hard, used);
    else if (have > limit)
        report(run, &rows[ROW_OVER], quota, hard, used);
    else if (limit > 1 && have >= near * limit)
        report(run, &rows[ROW_NEAR], quota, hard, used);
}

static void
run_quotas(CheckRun *run)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_RESOURCE_QUOTA);
    for (guint i = 0; i < all->len; i++) {
        const Object *quota = all->pdata[i];
        if (status_is_deleted(quota) || !status_is_settled(run, quota, rows[ROW_NEAR].hold_s))
            continue;
        for (const Value *hard = value_first(quota->value, "status.hard"); hard != NULL;
             hard = hard->next)
            look_at_resource(run, quota, hard);
    }
}
