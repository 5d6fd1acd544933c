/* Argo Workflows that failed (argoproj.io/v1alpha1). */
#include <string.h>

#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_workflows(CheckRun *run);

enum { RECENT_S = 24 * 3600 }; /* what failed before is history */

/* Labels that Argo puts on workflows and their pods. */
#define CRON_LABEL     "workflows.argoproj.io/cron-workflow"
#define WORKFLOW_LABEL "workflows.argoproj.io/workflow"

static const CheckRow rows[] = {
    {
        .id = "argo-workflow-failed",
        .kind = "Workflow",
        .severity = SEVERITY_MEDIUM,
        .stage = STAGE_WORKLOAD,
        .tier = 2,
        .is_umbrella = true,
        .symptom = "A workflow of Argo did not come to its end.",
        .meaning = "status.phase of the Workflow is Failed or Error since a day or less; of those "
                   "that a CronWorkflow makes, only the newest counts.",
        .fix = "Read the log of the step that failed.",
        .run = run_workflows,
        .needs = {KIND_ARGO_WORKFLOW},
    },
};

const CheckTopic check_topic_workflow = {rows, G_N_ELEMENTS(rows)};

static const char *
label_of(const Object *object, const char *label)
{
    return value_text(value_get(value_at(object->value, "metadata.labels"), label), "");
}

/* Whether its CronWorkflow has made a newer one. */
static bool
is_outdated(const CheckRun *run, const Object *workflow)
{
    const char *cron = label_of(workflow, CRON_LABEL);
    const GPtrArray *all = snapshot_in_namespace(run->snapshot, KIND_ARGO_WORKFLOW, workflow->ns);
    for (guint i = 0; *cron != '\0' && i < all->len; i++) {
        const Object *other = all->pdata[i];
        if (other->created_s > workflow->created_s &&
            strcmp(label_of(other, CRON_LABEL), cron) == 0)
            return true;
    }
    return false;
}

/* The step that failed: of those that are no mere groups of others the first one; NULL when it is
 * not said. */
static const Value *
failed_step(const Object *workflow)
{
    for (const Value *step = value_first(workflow->value, "status.nodes"); step != NULL;
         step = step->next) {
        if (value_is(step, "type", "Pod") &&
            (value_is(step, "phase", "Failed") || value_is(step, "phase", "Error")))
            return step;
    }
    return NULL;
}

static void
add_pods(const CheckRun *run, Finding *finding, const Object *workflow)
{
    const GPtrArray *pods = snapshot_in_namespace(run->snapshot, KIND_POD, workflow->ns);
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        if (strcmp(label_of(pod, WORKFLOW_LABEL), workflow->name) == 0 &&
            value_is(pod->value, "status.phase", "Failed"))
            finding_about(finding, pod);
    }
}

static void
look_at(CheckRun *run, const Object *workflow)
{
    const char *phase = value_text(workflow->value, "status.phase");
    int64_t finished_s = value_time(workflow->value, "status.finishedAt");
    bool is_failed = strcmp(phase, "Failed") == 0 || strcmp(phase, "Error") == 0;
    if (!is_failed || finished_s == 0 || run->now_s - finished_s > RECENT_S ||
        status_is_deleted(workflow) || is_outdated(run, workflow))
        return;
    Finding *finding = check_report(run, &rows[0], workflow);
    const Value *step = failed_step(workflow);
    const char *message = value_text(workflow->value, "status.message");
    const char *why = step != NULL ? value_text(step, "message") : message;
    finding_since(finding, finished_s);
    finding_title(finding, "Workflow %s failed%s%s", workflow->name,
                  step != NULL ? " in step " : "", value_text(step, "displayName"));
    finding_cause(finding, "The workflow ended with phase %s%s%s%s%s.", phase,
                  step != NULL ? " in step " : "", value_text(step, "displayName"),
                  why[0] != '\0' ? ": " : "", why);
    if (step != NULL && message[0] != '\0')
        finding_evidence(finding, "The workflow says: %s", message);
    add_pods(run, finding, workflow);
    check_advise(finding, workflow);
}

static void
run_workflows(CheckRun *run)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_ARGO_WORKFLOW);
    for (guint i = 0; i < all->len; i++)
        look_at(run, all->pdata[i]);
}
