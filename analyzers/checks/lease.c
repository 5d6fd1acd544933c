/* Leases: who leads, and whether he still lives (coordination.k8s.io/v1). */
#include "analyzers/checks/lease.h"

#include <string.h>

#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_control_plane(CheckRun *run);
static void run_leaders(CheckRun *run);

enum { ROW_SCHEDULER, ROW_CONTROLLERS, ROW_LEADER };

static const CheckRow rows[] = {
    [ROW_SCHEDULER] =
        {
            .id = "scheduler-down",
            .kind = "Lease",
            .severity = SEVERITY_CRITICAL,
            .stage = STAGE_BACKEND,
            .tier = 1,
            .hold_s = 2 * 60,
            .symptom = "No new pod is placed on a node.",
            .meaning = "The lease kube-system/kube-scheduler was not renewed for two minutes, and "
                       "no pod has been placed since then.",
            .fix = "Look at kube-scheduler on the control plane.",
            .run = run_control_plane,
            .needs = {KIND_LEASE, KIND_POD},
        },
    [ROW_CONTROLLERS] =
        {
            .id = "controller-manager-down",
            .kind = "Lease",
            .severity = SEVERITY_CRITICAL,
            .stage = STAGE_BACKEND,
            .tier = 1,
            .hold_s = 2 * 60,
            .symptom = "Roll-outs, endpoints and jobs stand still.",
            .meaning = "The lease kube-system/kube-controller-manager was not renewed for two "
                       "minutes, and no controller has made a pod since then.",
            .fix = "Look at kube-controller-manager on the control plane.",
            .run = run_control_plane,
            .needs = {KIND_LEASE, KIND_POD},
        },
    [ROW_LEADER] =
        {
            .id = "leader-lease-stale",
            .kind = "Lease",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_SCALING,
            .tier = 2,
            .hold_s = 5 * 60,
            .is_umbrella = true,
            .symptom = "An operator does nothing, because none of its pods leads.",
            .meaning = "The pod that holds the lease is gone, the lease was renewed within a day "
                       "and not for five minutes, and the operator's Deployment is there.",
            .fix = "Look at the pods of the operator, and at their rights to change the lease.",
            .run = run_leaders,
            .needs = {KIND_LEASE, KIND_POD, KIND_DEPLOYMENT},
        },
};

const CheckTopic check_topic_lease = {rows, G_N_ELEMENTS(rows)};

static int64_t
renewed_at(const Object *lease)
{
    return value_time(lease->value, "spec.renewTime");
}

int64_t
leases_newest(const CheckRun *run)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_LEASE);
    int64_t newest_s = 0;
    for (guint i = 0; i < all->len; i++)
        newest_s = MAX(newest_s, renewed_at(all->pdata[i]));
    return all->len > 1 ? MIN(newest_s, run->now_s) : run->now_s;
}

/* ---- The control plane. ---- */

/* Whether a pod was placed, or (`is_made`) made by a controller, after a time. */
static bool
has_worked_since(const CheckRun *run, bool is_made, int64_t since_s)
{
    const GPtrArray *pods = snapshot_objects(run->snapshot, KIND_POD);
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        int64_t time_s = pod->created_s;
        if (is_made && relations_owner(run->relations, pod) == NULL)
            continue;
        if (!is_made)
            time_s = status_is(pod, "PodScheduled", "True") ? status_since(pod, "PodScheduled") : 0;
        if (time_s > since_s)
            return true;
    }
    return false;
}

/* Pods that nobody has looked at are the consequence. */
static void
add_waiting(const CheckRun *run, Finding *finding)
{
    const GPtrArray *pods = snapshot_objects(run->snapshot, KIND_POD);
    guint n = 0;
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        if (!value_is(pod->value, "status.phase", "Pending") ||
            value_text(pod->value, "spec.nodeName")[0] != '\0' || status_is_deleted(pod))
            continue;
        finding_about(finding, pod);
        n++;
    }
    if (n > 0)
        finding_evidence(finding, "Pods that wait for a node: %u", n);
}

static void
look_at_component(CheckRun *run, size_t which, const char *name, const char *stands_still)
{
    enum { GRACE_S = 60 }; /* clocks and caches */
    const CheckRow *row = &rows[which];
    const Object *lease = snapshot_get(run->snapshot, KIND_LEASE, "kube-system", name);
    int64_t renewed_s = lease != NULL ? renewed_at(lease) : 0;
    if (renewed_s == 0 || leases_newest(run) - renewed_s < row->hold_s ||
        has_worked_since(run, which == ROW_CONTROLLERS, renewed_s + GRACE_S))
        return;
    g_autofree char *span = span_text(run->now_s - renewed_s);
    Finding *finding = check_report(run, row, lease);
    finding_since(finding, renewed_s);
    finding_title(finding, "%s has not renewed its lease for %s", name, span);
    finding_cause(finding, "No %s leads since then, so %s.", name, stands_still);
    finding_evidence(finding, "The last leader was %s",
                     value_text(lease->value, "spec.holderIdentity"));
    if (which == ROW_SCHEDULER)
        add_waiting(run, finding);
    finding_fix(finding, "%s", row->fix);
    finding_fix(finding, "kubectl -n kube-system get lease %s -o yaml", name);
}

static void
run_control_plane(CheckRun *run)
{
    look_at_component(run, ROW_SCHEDULER, "kube-scheduler", "no new pod gets a node");
    look_at_component(run, ROW_CONTROLLERS, "kube-controller-manager",
                      "Deployments, Jobs, endpoints and volumes are not brought to what is wanted");
}

/* ---- Operators. ---- */

/* The Deployment whose pod the holder was: "NAME-HASH-HASH", perhaps with more behind it. */
static const Object *
deployment_of(const CheckRun *run, const Object *lease)
{
    const char *holder = value_text(lease->value, "spec.holderIdentity");
    const GPtrArray *all = snapshot_in_namespace(run->snapshot, KIND_DEPLOYMENT, lease->ns);
    const Object *best = NULL;
    for (guint i = 0; i < all->len; i++) {
        const Object *deployment = all->pdata[i];
        g_autofree char *prefix = g_strconcat(deployment->name, "-", NULL);
        if (g_str_has_prefix(holder, prefix) &&
            (best == NULL || strlen(deployment->name) > strlen(best->name)))
            best = deployment;
    }
    return best;
}

static bool
is_holder_there(const CheckRun *run, const Object *lease)
{
    const char *holder = value_text(lease->value, "spec.holderIdentity");
    const GPtrArray *pods = snapshot_in_namespace(run->snapshot, KIND_POD, lease->ns);
    for (guint i = 0; i < pods->len; i++) {
        if (g_str_has_prefix(holder, ((const Object *)pods->pdata[i])->name))
            return true;
    }
    return false;
}

static void
look_at_leader(CheckRun *run, const Object *lease, int64_t newest_s)
{
    enum { DAY_S = 86400 };
    const CheckRow *row = &rows[ROW_LEADER];
    int64_t renewed_s = renewed_at(lease);
    int64_t age_s = newest_s - renewed_s;
    if (renewed_s == 0 || age_s < row->hold_s || age_s > DAY_S ||
        !snapshot_knows(run->snapshot, KIND_POD) || is_holder_there(run, lease))
        return;
    const Object *deployment = deployment_of(run, lease);
    if (deployment == NULL || value_int(deployment->value, "spec.replicas", 1) == 0)
        return;
    g_autofree char *span = span_text(run->now_s - renewed_s);
    Finding *finding = check_report(run, row, lease);
    finding_since(finding, renewed_s);
    finding_blame(finding, deployment);
    finding_title(finding, "Nobody has led %s for %s", deployment->name, span);
    finding_cause(finding,
                  "Pod %s, which held lease %s, is gone, and no pod of Deployment %s has taken it, "
                  "so the operator does nothing.",
                  value_text(lease->value, "spec.holderIdentity"), lease->name, deployment->name);
    finding_fix(finding, "%s", row->fix);
    finding_fix(finding, "kubectl -n %s get lease %s -o yaml", lease->ns, lease->name);
}

static void
run_leaders(CheckRun *run)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_LEASE);
    int64_t newest_s = leases_newest(run);
    for (guint i = 0; i < all->len; i++) {
        const Object *lease = all->pdata[i];
        if (strcmp(lease->ns, "kube-node-lease") != 0 && strcmp(lease->ns, "kube-system") != 0)
            look_at_leader(run, lease, newest_s);
    }
}
