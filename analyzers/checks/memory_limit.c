/* Containers that ran out of a memory limit which is not the one of their template. */
#include <string.h>

#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"
#include "lib/k8s/quantity.h"

static void run_memory_limits(CheckRun *run);

static const CheckRow rows[] = {
    {
        .id = "oom-limit-discrepancy",
        .kind = "Pod",
        .severity = SEVERITY_MEDIUM,
        .stage = STAGE_ADMISSION,
        .tier = 1,
        .is_own_cause = true,
        .symptom = "A container is killed at a memory limit that nobody wrote into its template.",
        .meaning = "The container was killed for its memory within a day, and the limit of the "
                   "pod, or the one that the kubelet has put into effect, is smaller than that of "
                   "the template of its ReplicaSet or Job: a VerticalPodAutoscaler, an admission "
                   "webhook or a resize has changed it.",
        .fix = "Look at what changes the pods on their way, not at the template.",
        .run = run_memory_limits,
        .needs = {KIND_POD, KIND_REPLICA_SET},
    },
};

const CheckTopic check_topic_memory_limit = {rows, G_N_ELEMENTS(rows)};

enum { RECENT_S = 24 * 3600 };

/* When it was killed for its memory; 0: it was not. */
static int64_t
killed_at(const Value *status)
{
    static const char *const states[] = {"state.terminated", "lastState.terminated"};
    for (size_t i = 0; i < G_N_ELEMENTS(states); i++) {
        const Value *end = value_at(status, states[i]);
        if (value_is(end, "reason", "OOMKilled"))
            return value_time(end, "finishedAt");
    }
    return 0;
}

/* Bytes of a memory limit; 0 when there is none. */
static double
limit_of(const Value *holder)
{
    double bytes = 0;
    (void)quantity_parse(value_text(holder, "resources.limits.memory"), &bytes);
    return bytes;
}

/* The VerticalPodAutoscaler of a controller, or NULL. */
static const Object *
autoscaler_of(const CheckRun *run, const Object *controller)
{
    const GPtrArray *all = snapshot_in_namespace(run->snapshot, KIND_VPA, controller->ns);
    for (guint i = 0; i < all->len; i++) {
        const Object *vpa = all->pdata[i];
        if (value_is(vpa->value, "spec.targetRef.name", controller->name) &&
            value_is(vpa->value, "spec.targetRef.kind", kind_row(controller->kind)->kind))
            return vpa;
    }
    return NULL;
}

/* The limits in the words of their objects. */
typedef struct {
    const char *enacted, *of_template;
    bool is_resized; /* the kubelet has another one than the pod's specification */
} Limits;

static void
report(CheckRun *run, const Container *container, const Limits *limits, int64_t killed_s)
{
    bool is_new;
    Finding *finding =
        check_report_pod(run, &rows[0], container->pod, container->name, killed_s, &is_new);
    if (!is_new)
        return;
    const Object *controller = finding->object;
    const char *kind = kind_row(controller->kind)->kind;
    const Object *vpa = autoscaler_of(run, controller);
    finding_title(finding,
                  "Container %s of %s %s has %s of memory instead of %s, and ran out of it",
                  container->name, kind, controller->name, limits->enacted, limits->of_template);
    finding_cause(finding,
                  "The template says %s, but %s of pod %s is %s: %s changed it. The container was "
                  "killed at that limit.",
                  limits->of_template,
                  limits->is_resized ? "the limit in effect" : "the limit in the specification",
                  container->pod->name, limits->enacted,
                  vpa != NULL          ? "a VerticalPodAutoscaler"
                  : limits->is_resized ? "a resize"
                                       : "a webhook of admission");
    if (vpa != NULL)
        finding_evidence(finding, "VerticalPodAutoscaler %s is about %s %s", vpa->name, kind,
                         controller->name);
    check_advise(finding, container->pod);
}

static void
look_at(CheckRun *run, const Container *container)
{
    const Object *owner = relations_owner(run->relations, container->pod);
    int64_t killed_s = killed_at(container->status);
    if (owner == NULL || (owner->kind != KIND_REPLICA_SET && owner->kind != KIND_JOB) ||
        killed_s == 0 || run->now_s - killed_s > RECENT_S)
        return;
    const char *list = container->is_init ? "spec.initContainers" : "spec.containers";
    const Value *template = value_find(pod_template(owner), list, "name", container->name);
    bool is_resized = limit_of(container->status) > 0;
    const Value *holder = is_resized ? container->status : container->spec;
    double enacted = limit_of(holder), wanted = limit_of(template);
    const Limits limits = {value_text(holder, "resources.limits.memory"),
                           value_text(template, "resources.limits.memory"),
                           is_resized && enacted != limit_of(container->spec)};
    if (enacted > 0 && enacted < wanted)
        report(run, container, &limits, killed_s);
}

static void
run_memory_limits(CheckRun *run)
{
    containers_visit(run, look_at);
}
