/* The controllers of clouds: load balancers, routes, the life of nodes. */
#include <string.h>

#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_cloud_controllers(CheckRun *run);

static const CheckRow rows[] = {
    {
        .id = "cloud-controller-down",
        .kind = "Deployment, DaemonSet",
        .severity = SEVERITY_HIGH,
        .stage = STAGE_PLUGIN,
        .tier = 1,
        .hold_s = 5 * 60,
        .is_umbrella = true,
        .symptom = "Load balancers, routes and new nodes are not looked after any more.",
        .meaning = "No pod of the cloud controller manager (or of the manager of cloud nodes) is "
                   "ready, for five minutes.",
        .fix = "Look at why its pods are not ready: mostly credentials of the cloud.",
        .run = run_cloud_controllers,
        .needs = {KIND_POD, KIND_DEPLOYMENT, KIND_DAEMON_SET},
    },
};

const CheckTopic check_topic_cloud_controller = {rows, G_N_ELEMENTS(rows)};

static bool
is_cloud_controller(const Object *object)
{
    return strstr(object->name, "cloud-controller-manager") != NULL ||
           strstr(object->name, "cloud-node-manager") != NULL;
}

/* A pod that has been unready for long enough, when none is ready; NULL otherwise. */
static const Object *
find_unready(const CheckRun *run, const GPtrArray *pods)
{
    const Object *found = NULL;
    for (guint i = 0; i < pods->len; i++) {
        int64_t since_s;
        if (status_is(pods->pdata[i], "Ready", "True"))
            return NULL;
        if (pod_is_unready(pods->pdata[i], &since_s) && check_held(run, &rows[0], since_s))
            found = found != NULL ? found : pods->pdata[i];
    }
    return found;
}

static void
look_at(CheckRun *run, const Object *object)
{
    if (!is_cloud_controller(object) || status_is_deleted(object) ||
        relations_owner(run->relations, object) != NULL)
        return;
    g_autoptr(GPtrArray) pods = relations_pods(run->relations, object);
    const Object *pod = find_unready(run, pods);
    if (pod == NULL)
        return;
    int64_t since_s;
    (void)pod_is_unready(pod, &since_s);
    g_autofree char *trouble = pod_trouble(pod);
    Finding *finding = check_report(run, &rows[0], object);
    for (guint i = 0; i < pods->len; i++)
        finding_about(finding, pods->pdata[i]);
    finding_since(finding, since_s);
    finding_title(finding, "The cloud controller %s is down", object->name);
    finding_cause(finding,
                  "None of its pods is ready (%s%s%s), so load balancers and routes are not made, "
                  "and nodes neither come nor go.",
                  pod->name, trouble[0] != '\0' ? ": " : "", trouble);
    check_advise(finding, pod);
}

static void
run_cloud_controllers(CheckRun *run)
{
    static const Kind kinds[] = {KIND_DEPLOYMENT, KIND_DAEMON_SET};
    for (size_t k = 0; check_knows(run, &rows[0]) && k < G_N_ELEMENTS(kinds); k++) {
        const GPtrArray *all = snapshot_objects(run->snapshot, kinds[k]);
        for (guint i = 0; i < all->len; i++)
            look_at(run, all->pdata[i]);
    }
}
