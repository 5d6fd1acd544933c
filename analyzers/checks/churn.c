/* Controllers whose pods do not stay. */
#include <string.h>

#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_churn(CheckRun *run);

enum { WINDOW_S = 30 * 60, LOST_MIN = 10 };

static const CheckRow rows[] = {
    {
        .id = "pod-restart-policy-burst",
        .kind = "ReplicaSet, StatefulSet, DaemonSet",
        .severity = SEVERITY_HIGH,
        .stage = STAGE_WORKLOAD,
        .tier = 2,
        .symptom = "A controller makes pods, and they vanish, again and again.",
        .meaning = "Within half an hour a controller made ten pods more than it has now of that "
                   "age, as its events SuccessfulCreate say: something deletes them. Nothing is "
                   "said of what an autoscaler scales, of what was changed within that half hour, "
                   "nor of DaemonSets whose nodes come and go.",
        .fix = "Find who deletes them: two controllers of the same pods, an operator, a job that "
               "cleans up, evictions.",
        .run = run_churn,
        .needs = {KIND_POD, KIND_EVENT, KIND_HPA, KIND_NODE},
    },
};

const CheckTopic check_topic_churn = {rows, G_N_ELEMENTS(rows)};

/* Pods that the controller made within the window, by its events; *ret_first_s: since when. */
static int64_t
count_made(const CheckRun *run, const Object *owner, int64_t *ret_first_s)
{
    const GPtrArray *events = snapshot_events(run->snapshot, owner);
    int64_t n = 0;
    *ret_first_s = 0;
    for (guint i = 0; i < events->len; i++) {
        const Event *event = events->pdata[i];
        if (strcmp(event->reason, "SuccessfulCreate") != 0 ||
            event->first_s < run->now_s - WINDOW_S)
            continue;
        n += event->count;
        *ret_first_s = *ret_first_s == 0 ? event->first_s : MIN(*ret_first_s, event->first_s);
    }
    return n;
}

/* Its pods that are not older than the window. */
static guint
count_young(const CheckRun *run, const Object *owner, const Object **ret_pod)
{
    g_autoptr(GPtrArray) pods = relations_pods(run->relations, owner);
    guint n = 0;
    *ret_pod = NULL;
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        if (pod->created_s < run->now_s - WINDOW_S)
            continue;
        *ret_pod = pod;
        n++;
    }
    return n;
}

/* Whether an autoscaler may have taken the pods away. */
static bool
is_scaled(const CheckRun *run, const Object *controller)
{
    const GPtrArray *all = snapshot_in_namespace(run->snapshot, KIND_HPA, controller->ns);
    for (guint i = 0; i < all->len; i++) {
        const Value *target =
            value_at(((const Object *)all->pdata[i])->value, "spec.scaleTargetRef");
        if (value_is(target, "name", controller->name) &&
            value_is(target, "kind", kind_row(controller->kind)->kind))
            return true;
    }
    return false;
}

/* Whether nodes that came and went may be why: less than three pods for each that there is. */
static bool
may_be_nodes(const CheckRun *run, const Object *owner, int64_t made)
{
    enum { PER_NODE = 3 };
    return owner->kind == KIND_DAEMON_SET &&
           made < PER_NODE * (int64_t)snapshot_objects(run->snapshot, KIND_NODE)->len;
}

static void
look_at(CheckRun *run, const Object *owner)
{
    int64_t first_s;
    const Object *pod;
    int64_t made = count_made(run, owner, &first_s);
    if (made < LOST_MIN || status_is_deleted(owner) ||
        value_int(owner->value, "spec.replicas", 1) == 0)
        return;
    guint left = count_young(run, owner, &pod);
    const Object *controller = relations_controller(run->relations, owner);
    /* What is rolled out or scaled down takes pods away itself. */
    if (made - left < LOST_MIN || !status_is_settled(run, controller, WINDOW_S) ||
        is_scaled(run, controller) || may_be_nodes(run, owner, made))
        return;
    Finding *finding = check_report_once(run, &rows[0], controller, "");
    if (finding == NULL)
        return;
    g_autofree char *span = span_text(run->now_s - first_s);
    finding_since(finding, first_s);
    if (pod != NULL)
        finding_about(finding, pod);
    finding_title(finding, "%s %s made %" G_GINT64_FORMAT " pods in %s, and %u of them are left",
                  kind_row(controller->kind)->kind, controller->name, made, span, left);
    finding_cause(finding, "Its pods are made and go away again: something deletes them as fast as "
                           "the controller makes them.");
    check_advise(finding, owner);
}

static void
run_churn(CheckRun *run)
{
    static const Kind kinds[] = {KIND_REPLICA_SET, KIND_STATEFUL_SET, KIND_DAEMON_SET};
    for (size_t k = 0; check_knows(run, &rows[0]) && k < G_N_ELEMENTS(kinds); k++) {
        const GPtrArray *all = snapshot_objects(run->snapshot, kinds[k]);
        for (guint i = 0; i < all->len; i++)
            look_at(run, all->pdata[i]);
    }
}
