/* Pods that get requests before they can answer. */
#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_readiness(CheckRun *run);

enum { RECENT_S = 24 * 3600 };

static const CheckRow rows[] = {
    {
        .id = "readiness-missing",
        .kind = "Controller of pods",
        .severity = SEVERITY_INFO,
        .stage = STAGE_ADVICE,
        .tier = 3,
        .hold_s = 24 * 3600,
        .symptom = "Requests fail whenever a pod starts.",
        .meaning = "A Service sends to the pods, none of their containers has a readinessProbe, so "
                   "that they get requests as soon as they run, and one has restarted within a "
                   "day.",
        .fix = "Give the container that serves a readinessProbe.",
        .run = run_readiness,
        .needs = {KIND_POD, KIND_SERVICE},
    },
};

const CheckTopic check_topic_readiness = {rows, G_N_ELEMENTS(rows)};

/* A container that was started anew within a day; NULL when none was, or one has a probe. */
static const Value *
restarted_without_probe(const CheckRun *run, const Object *pod)
{
    for (const Value *c = value_first(pod->value, "spec.containers"); c != NULL; c = c->next) {
        if (value_get(c, "readinessProbe") != NULL)
            return NULL;
    }
    for (const Value *s = value_first(pod->value, "status.containerStatuses"); s != NULL;
         s = s->next) {
        int64_t ended_s = value_time(s, "lastState.terminated.finishedAt");
        if (value_is_true(s, "ready") && ended_s > 0 && run->now_s - ended_s < RECENT_S)
            return s;
    }
    return NULL;
}

static void
look_at(CheckRun *run, const Object *pod)
{
    const Object *controller = relations_controller(run->relations, pod);
    const Value *status = restarted_without_probe(run, pod);
    if (status == NULL || pod_is_finished(pod) || controller->kind == KIND_POD ||
        controller->kind == KIND_JOB || controller->kind == KIND_CRON_JOB ||
        !check_held(run, &rows[0], controller->created_s))
        return;
    g_autofree char *services = pod_service_names(run, pod);
    bool is_new;
    if (services == NULL)
        return;
    Finding *finding = check_report_pod(run, &rows[0], pod, "", 0, &is_new);
    if (!is_new)
        return;
    finding_title(finding, "%s %s has no readiness probe, and its pods restart",
                  kind_row(controller->kind)->kind, controller->name);
    finding_cause(finding,
                  "Service %s sends requests to a pod as soon as its containers run, whether they "
                  "can answer or not; container %s of pod %s was started anew within a day.",
                  services, value_text(status, "name"), pod->name);
    check_advise(finding, controller);
}

static void
run_readiness(CheckRun *run)
{
    const GPtrArray *pods = snapshot_objects(run->snapshot, KIND_POD);
    for (guint i = 0; i < pods->len; i++)
        look_at(run, pods->pdata[i]);
}
