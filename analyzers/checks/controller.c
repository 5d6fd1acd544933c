/* Controllers of the old kind. */
#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_controllers(CheckRun *run);

static const CheckRow rows[] = {
    {
        .id = "rc-failed",
        .kind = "ReplicationController",
        .severity = SEVERITY_MEDIUM,
        .stage = STAGE_WORKLOAD,
        .tier = 1,
        .hold_s = 5 * 60,
        .is_umbrella = true,
        .symptom = "A ReplicationController has fewer working copies than it wants.",
        .meaning = "Fewer pods are ready than wanted, and one has been unready for five minutes.",
        .fix = "Look at why its pods are not ready; plan to replace it by a Deployment.",
        .run = run_controllers,
        .needs = {KIND_REPLICATION_CONTROLLER, KIND_POD},
    },
};

const CheckTopic check_topic_controller = {rows, G_N_ELEMENTS(rows)};

static void
look_at(CheckRun *run, const Object *controller)
{
    int64_t want = value_int(controller->value, "spec.replicas", 1), since_s;
    int64_t ready = value_int(controller->value, "status.readyReplicas", 0);
    if (ready >= want || status_is_deleted(controller))
        return;
    g_autoptr(GPtrArray) pods = relations_pods(run->relations, controller);
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        if (!pod_is_unready(pod, &since_s) || !check_held(run, &rows[0], since_s))
            continue;
        g_autofree char *trouble = pod_trouble(pod);
        Finding *finding = check_report(run, &rows[0], controller);
        finding_about(finding, pod);
        finding_since(finding, since_s);
        finding_title(finding,
                      "ReplicationController %s has %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT
                      " copies ready",
                      controller->name, ready, want);
        finding_cause(finding, "Pod %s is not ready%s%s.", pod->name,
                      trouble[0] != '\0' ? ": " : "", trouble);
        check_advise(finding, pod);
        return;
    }
}

static void
run_controllers(CheckRun *run)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_REPLICATION_CONTROLLER);
    for (guint i = 0; i < all->len; i++)
        look_at(run, all->pdata[i]);
}
