/* Copies of a Deployment that get in each other's way, or stand on one node. */
#include <string.h>

#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_copies(CheckRun *run);

enum { ROW_DISK, ROW_OVERLAP, ROW_ONE_NODE };

static const CheckRow rows[] = {
    [ROW_DISK] =
        {
            .id = "deployment-rwo-shared",
            .kind = "Deployment",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_WORKLOAD,
            .tier = 1,
            .hold_s = 10 * 60,
            .symptom = "A copy of a Deployment does not start because another one has its disk.",
            .meaning = "Pods of the Deployment on different nodes mount one claim that only one "
                       "node at a time can use, and one of them has been waiting for ten minutes.",
            .fix = "Use the strategy Recreate with one copy, a volume with ReadWriteMany, or a "
                   "StatefulSet.",
            .run = run_copies,
            .needs = {KIND_DEPLOYMENT, KIND_POD, KIND_PVC},
        },
    [ROW_OVERLAP] =
        {
            .id = "deployment-selector-overlap",
            .kind = "Deployment",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_WORKLOAD,
            .tier = 1,
            .is_own_cause = true,
            .symptom = "Two Deployments count each other's pods.",
            .meaning = "The selector of each matches the pods of the other.",
            .fix = "Give them different labels; a selector cannot be changed, so create one anew.",
            .run = run_copies,
            .needs = {KIND_DEPLOYMENT},
        },
    [ROW_ONE_NODE] =
        {
            .id = "deployment-all-on-one-node",
            .kind = "Deployment",
            .severity = SEVERITY_INFO,
            .stage = STAGE_ADVICE,
            .tier = 3,
            .hold_s = 86400,
            .symptom = "The failure of one node would stop a Deployment.",
            .meaning = "All of its copies have run on one node for a day, though there are at "
                       "least three.",
            .fix = "Add a topology spread constraint to the template.",
            .run = run_copies,
            .needs = {KIND_DEPLOYMENT, KIND_POD, KIND_NODE},
        },
};

const CheckTopic check_topic_copies = {rows, G_N_ELEMENTS(rows)};

/* ---- One disk for several nodes. ---- */

/* A claim of the pod that is bound and that one node at a time can use; NULL: none. */
static const Object *
single_claim(const CheckRun *run, const Object *pod)
{
    for (const Value *v = value_first(pod->value, "spec.volumes"); v != NULL; v = v->next) {
        const char *name = value_text(v, "persistentVolumeClaim.claimName");
        const Object *claim = snapshot_get(run->snapshot, KIND_PVC, pod->ns, name);
        bool is_single = claim != NULL && value_is(claim->value, "status.phase", "Bound");
        for (const Value *mode = claim != NULL ? value_first(claim->value, "spec.accessModes")
                                               : NULL;
             mode != NULL; mode = mode->next)
            is_single = is_single && g_str_has_prefix(value_text(mode, ""), "ReadWriteOnce");
        if (is_single)
            return claim;
    }
    return NULL;
}

static bool
mounts(const Object *pod, const Object *claim)
{
    for (const Value *v = value_first(pod->value, "spec.volumes"); v != NULL; v = v->next) {
        if (value_is(v, "persistentVolumeClaim.claimName", claim->name))
            return true;
    }
    return false;
}

/* A running pod on another node that mounts the claim, or NULL. */
static const Object *
holder_of(const GPtrArray *pods, const Object *claim, const Object *waiting)
{
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        if (value_is(pod->value, "status.phase", "Running") && mounts(pod, claim) &&
            strcmp(pod_node(pod), pod_node(waiting)) != 0)
            return pod;
    }
    return NULL;
}

static void
look_for_disk(CheckRun *run, const Object *deployment, const GPtrArray *pods)
{
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        int64_t since_s = status_since(pod, "PodScheduled");
        const Object *claim = single_claim(run, pod);
        if (claim == NULL || !value_is(pod->value, "status.phase", "Pending") ||
            value_text(pod->value, "spec.nodeName")[0] == '\0' ||
            !check_held(run, &rows[ROW_DISK], since_s))
            continue;
        const Object *holder = holder_of(pods, claim, pod);
        if (holder == NULL)
            continue;
        Finding *finding = check_report(run, &rows[ROW_DISK], deployment);
        finding_about(finding, pod);
        finding_since(finding, since_s);
        finding_title(finding, "Copies of Deployment %s want one disk on two nodes",
                      deployment->name);
        finding_cause(finding,
                      "Claim %s is ReadWriteOnce and in use by pod %s on %s, so pod %s on %s "
                      "cannot have it and does not start.",
                      claim->name, holder->name, pod_node(holder), pod->name, pod_node(pod));
        check_advise(finding, pod);
        return;
    }
}

/* ---- Selectors. ---- */

static bool
selects(const Object *one, const Object *other)
{
    return selector_match(value_at(one->value, "spec.selector"),
                          value_at(pod_template(other), "metadata.labels")) == MATCH_YES;
}

static void
look_for_overlap(CheckRun *run, const Object *deployment)
{
    const GPtrArray *all = snapshot_in_namespace(run->snapshot, KIND_DEPLOYMENT, deployment->ns);
    for (guint i = 0; i < all->len; i++) {
        const Object *other = all->pdata[i];
        if (strcmp(other->name, deployment->name) <= 0 || status_is_deleted(other) ||
            !selects(deployment, other) || !selects(other, deployment))
            continue;
        g_autofree char *text = selector_text(value_at(deployment->value, "spec.selector"));
        Finding *finding = check_report(run, &rows[ROW_OVERLAP], deployment);
        finding_title(finding, "Deployments %s and %s select each other's pods", deployment->name,
                      other->name);
        finding_cause(finding,
                      "The selector %s of Deployment %s matches the pods of Deployment %s, and the "
                      "other way round, so both, and autoscalers and budgets of them, count wrong.",
                      text, deployment->name, other->name);
        finding_fix(finding, "%s", rows[ROW_OVERLAP].fix);
        finding_fix(finding, "kubectl -n %s get deployments -o wide", deployment->ns);
        return;
    }
}

/* ---- One node. ---- */

static void
look_for_one_node(CheckRun *run, const Object *deployment, const GPtrArray *pods)
{
    const char *node = NULL;
    enum { NODES_MIN = 3 };
    if (pods->len < 2 || snapshot_objects(run->snapshot, KIND_NODE)->len < NODES_MIN)
        return;
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        if (!status_is(pod, "Ready", "True") ||
            !check_held(run, &rows[ROW_ONE_NODE], status_since(pod, "Ready")) ||
            (node != NULL && strcmp(node, pod_node(pod)) != 0))
            return;
        node = pod_node(pod);
    }
    Finding *finding = check_report(run, &rows[ROW_ONE_NODE], deployment);
    finding_title(finding, "All %u copies of Deployment %s are on node %s", pods->len,
                  deployment->name, node);
    finding_cause(finding, "When node %s fails, no copy of %s is left.", node, deployment->name);
    finding_fix(finding, "%s", rows[ROW_ONE_NODE].fix);
    finding_fix(finding, "kubectl -n %s get pods -o wide", deployment->ns);
}

static void
run_copies(CheckRun *run)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_DEPLOYMENT);
    for (guint i = 0; i < all->len; i++) {
        const Object *deployment = all->pdata[i];
        if (status_is_deleted(deployment))
            continue;
        g_autoptr(GPtrArray) pods = relations_pods(run->relations, deployment);
        look_for_disk(run, deployment, pods);
        look_for_overlap(run, deployment);
        look_for_one_node(run, deployment, pods);
    }
}
