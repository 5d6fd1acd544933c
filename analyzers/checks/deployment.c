/* Deployments: copies that are missing, roll-outs that do not end. */
#include <string.h>

#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_deployments(CheckRun *run);

enum { ROW_UNAVAILABLE, ROW_DEGRADED, ROW_STUCK, ROW_PAUSED, ROW_LAG, ROW_ZERO };

static const CheckRow rows[] = {
    [ROW_UNAVAILABLE] =
        {
            .id = "deployment-unavailable",
            .kind = "Deployment",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_WORKLOAD,
            .tier = 1,
            .hold_s = 5 * 60,
            .is_umbrella = true,
            .symptom = "A Deployment has no working copy, or fewer than it must have.",
            .meaning = "The condition Available is False, or no pod is available though some are "
                       "wanted.",
            .fix = "Look at why its pods are not ready.",
            .run = run_deployments,
            .needs = {KIND_DEPLOYMENT},
        },
    [ROW_DEGRADED] =
        {
            .id = "deployment-degraded",
            .kind = "Deployment",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_WORKLOAD,
            .tier = 1,
            .hold_s = 10 * 60,
            .is_umbrella = true,
            .symptom = "Some copies of a Deployment do not work; the others still serve.",
            .meaning = "Fewer pods are available than wanted, a pod has been unready for ten "
                       "minutes, and no roll-out is going on.",
            .fix = "Look at why these pods are not ready.",
            .run = run_deployments,
            .needs = {KIND_DEPLOYMENT, KIND_POD},
        },
    [ROW_STUCK] =
        {
            .id = "deployment-rollout-stuck",
            .kind = "Deployment",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_WORKLOAD,
            .tier = 1,
            .is_umbrella = true,
            .symptom = "A new version does not come up; the old one still serves.",
            .meaning = "The condition Progressing is False with reason ProgressDeadlineExceeded, "
                       "or the newest ReplicaSet has been unready for longer than "
                       "progressDeadlineSeconds while old pods remain.",
            .fix = "Look at why the new pods are not ready, or go back to the old version.",
            .run = run_deployments,
            .needs = {KIND_DEPLOYMENT, KIND_REPLICA_SET},
        },
    [ROW_PAUSED] =
        {
            .id = "deployment-paused",
            .kind = "Deployment",
            .severity = SEVERITY_LOW,
            .stage = STAGE_ADVICE,
            .tier = 1,
            .hold_s = 86400,
            .is_own_cause = true,
            .symptom = "Changes of a Deployment are not rolled out.",
            .meaning = "spec.paused is set, and its pods are not all of the newest template.",
            .fix = "Resume the roll-out, or take the change back.",
            .run = run_deployments,
            .needs = {KIND_DEPLOYMENT},
        },
    [ROW_LAG] =
        {
            .id = "deployment-generation-lag",
            .kind = "Deployment",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_BACKEND,
            .tier = 1,
            .hold_s = 5 * 60,
            .symptom = "Changes of controllers have no effect.",
            .meaning = "status.observedGeneration is behind metadata.generation: the controller "
                       "manager does not process changes.",
            .fix = "Look at kube-controller-manager.",
            .run = run_deployments,
            .needs = {KIND_DEPLOYMENT},
        },
    [ROW_ZERO] =
        {
            .id = "deployment-zero-with-traffic",
            .kind = "Deployment",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_WORKLOAD,
            .tier = 1,
            .hold_s = 30 * 60,
            .symptom = "A URL has nothing behind it because its Deployment was scaled to zero.",
            .meaning = "An Ingress or HTTPRoute leads to a Service whose pods all come from "
                       "controllers with 0 replicas, and no autoscaler would start them.",
            .fix = "Scale the Deployment up, or remove the route.",
            .run = run_deployments,
            .needs = {KIND_DEPLOYMENT, KIND_SERVICE, KIND_INGRESS, KIND_POD},
        },
};

const CheckTopic check_topic_deployment = {rows, G_N_ELEMENTS(rows)};

/* One Deployment at work. */
typedef struct {
    CheckRun *run;
    const Object *object;
    int64_t want, available;
} Deployment;

static int64_t
progress_deadline(const Deployment *d)
{
    return value_int(d->object->value, "spec.progressDeadlineSeconds", 600);
}

/* ---- Text. ---- */

/* Adds its unready pods: what they say and since when. */
static guint
add_pods(const Deployment *d, Finding *finding, const Object *owner)
{
    enum { TOLD_MAX = 3, ABOUT_MAX = 100 };
    g_autoptr(GPtrArray) pods = relations_pods(d->run->relations, owner);
    guint n = 0;
    for (guint i = 0; i < pods->len && n < ABOUT_MAX; i++) {
        int64_t since_s;
        const Object *pod = pods->pdata[i];
        if (!pod_is_unready(pod, &since_s))
            continue;
        finding_about(finding, pod);
        finding_since(finding, since_s);
        g_autofree char *trouble = pod_trouble(pod);
        if (n++ < TOLD_MAX && trouble[0] != '\0')
            finding_evidence(finding, "Pod %s: %s", pod->name, trouble);
    }
    return n;
}

/* "; container app exited …": what the first of the told pods says. */
static const char *
first_evidence(const Finding *finding)
{
    const char *line = finding->evidence->len > 0 ? finding->evidence->pdata[0] : "";
    const char *at = strstr(line, ": ");
    return at != NULL ? at + 2 : "";
}

static void
add_fix(const Deployment *d, Finding *finding)
{
    g_autofree char *labels =
        selector_map_text(value_at(d->object->value, "spec.selector.matchLabels"));
    finding_fix(finding, "%s", finding->check->fix);
    finding_fix(finding, "kubectl -n %s describe pods -l %s", d->object->ns, labels);
}

/* ---- Copies that are missing. ---- */

static void
report_unavailable(const Deployment *d, int64_t since_s)
{
    guint n_services;
    Finding *finding = check_report(d->run, &rows[ROW_UNAVAILABLE], d->object);
    g_autofree char *served = served_text(d->run, d->object, &n_services);
    finding_since(finding, since_s);
    if (d->available == 0 && n_services > 0)
        finding->severity = SEVERITY_CRITICAL;
    add_pods(d, finding, d->object);
    const char *why = first_evidence(finding);
    if (d->available == 0)
        finding_title(finding, "Deployment %s has no working copy", d->object->name);
    else
        finding_title(finding,
                      "Deployment %s has only %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " copies",
                      d->object->name, d->available, d->want);
    finding_cause(finding,
                  "%" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " copies are available%s%s.%s%s%s",
                  d->available, d->want, why[0] != '\0' ? ": " : "", why,
                  n_services > 0 ? " It serves " : "", served, n_services > 0 ? "." : "");
    if (value_is(condition_of(d->object, "Progressing"), "reason", "ProgressDeadlineExceeded"))
        finding_evidence(finding, "Its roll-out has exceeded its deadline");
    add_fix(d, finding);
}

static bool
look_for_unavailable(const Deployment *d)
{
    bool is_false = status_is(d->object, "Available", "False");
    bool is_known = value_int(d->object->value, "status.unavailableReplicas", 0) > 0;
    if (!is_false && (d->available > 0 || !is_known))
        return false;
    int64_t since_s =
        is_false ? status_since(d->object, "Available") : object_changed_s(d->object, NULL);
    if (!check_held(d->run, &rows[ROW_UNAVAILABLE], since_s))
        return false;
    report_unavailable(d, is_false ? since_s : 0);
    return true;
}

/* Whether a roll-out has moved lately, or one is due. */
static bool
is_rolling(const Deployment *d)
{
    const Value *progress = condition_of(d->object, "Progressing");
    int64_t moved_s = value_time(progress, "lastUpdateTime");
    return value_int(d->object->value, "status.observedGeneration", 0) <
               value_int(d->object->value, "metadata.generation", 0) ||
           (moved_s > 0 && d->run->now_s - moved_s < rows[ROW_DEGRADED].hold_s);
}

static void
look_for_degraded(const Deployment *d)
{
    int64_t earliest_s = 0, since_s;
    if (d->available >= d->want || is_rolling(d))
        return;
    g_autoptr(GPtrArray) pods = relations_pods(d->run->relations, d->object);
    for (guint i = 0; i < pods->len; i++) {
        if (pod_is_unready(pods->pdata[i], &since_s) &&
            check_held(d->run, &rows[ROW_DEGRADED], since_s))
            earliest_s = earliest_s == 0 ? since_s : MIN(earliest_s, since_s);
    }
    if (earliest_s == 0)
        return;
    Finding *finding = check_report(d->run, &rows[ROW_DEGRADED], d->object);
    finding_since(finding, earliest_s);
    add_pods(d, finding, d->object);
    const char *why = first_evidence(finding);
    finding_title(finding,
                  "%" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " copies of Deployment %s are down",
                  d->want - d->available, d->want, d->object->name);
    finding_cause(finding,
                  "%" G_GINT64_FORMAT " of %" G_GINT64_FORMAT
                  " copies are available and still serve%s%s.",
                  d->available, d->want, why[0] != '\0' ? "; of the others: " : "", why);
    add_fix(d, finding);
}

/* ---- Roll-outs. ---- */

/* The ReplicaSet of the newest revision, or NULL. */
static const Object *
newest_set(const Deployment *d)
{
    const GPtrArray *sets = relations_owned(d->run->relations, d->object);
    const Object *newest = NULL;
    gint64 newest_revision = -1;
    for (guint i = 0; i < sets->len; i++) {
        const Object *set = sets->pdata[i];
        const Value *annotations = value_at(set->value, "metadata.annotations");
        const Value *revision = value_get(annotations, "deployment.kubernetes.io/revision");
        gint64 number = g_ascii_strtoll(value_text(revision, ""), NULL, 10);
        if (set->kind == KIND_REPLICA_SET && number > newest_revision) {
            newest = set;
            newest_revision = number;
        }
    }
    return newest;
}

/* Old pods remain although the new set has had its time. *ret_since_s: when it ran out. */
static bool
is_overdue(const Deployment *d, const Object *set, int64_t *ret_since_s)
{
    const Value *status = value_at(d->object->value, "status");
    int64_t old = value_int(status, "replicas", 0) - value_int(status, "updatedReplicas", 0);
    if (set == NULL || old <= 0 || is_rolling(d))
        return false;
    const Value *progress = condition_of(d->object, "Progressing");
    int64_t moved_s = MAX(set->created_s, value_time(progress, "lastUpdateTime"));
    *ret_since_s = moved_s + progress_deadline(d);
    return value_int(set->value, "status.readyReplicas", 0) <
               value_int(set->value, "spec.replicas", 1) &&
           moved_s > 0 && d->run->now_s > *ret_since_s;
}

static bool
look_for_stuck(const Deployment *d)
{
    const Object *set = newest_set(d);
    const Value *progress = condition_of(d->object, "Progressing");
    bool is_late = value_is(progress, "status", "False") &&
                   value_is(progress, "reason", "ProgressDeadlineExceeded");
    int64_t since_s = is_late ? value_time(progress, "lastTransitionTime") : 0;
    if (value_is_true(d->object->value, "spec.paused") ||
        (!is_late && !is_overdue(d, set, &since_s)))
        return false;
    Finding *finding = check_report(d->run, &rows[ROW_STUCK], d->object);
    finding_since(finding, since_s);
    add_pods(d, finding, set != NULL ? set : d->object);
    const char *why = first_evidence(finding);
    finding_title(finding, "Roll-out of Deployment %s is stuck", d->object->name);
    finding_cause(finding,
                  "The new version has not become ready within %" G_GINT64_FORMAT
                  " s%s%s. %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " copies still serve.",
                  progress_deadline(d), why[0] != '\0' ? ": " : "", why, d->available, d->want);
    add_fix(d, finding);
    finding_fix(finding, "Suggested, to go back: kubectl -n %s rollout undo deployment/%s",
                d->object->ns, d->object->name);
    return true;
}

static void
look_for_pause(const Deployment *d)
{
    const Value *value = d->object->value;
    if (!value_is_true(value, "spec.paused") ||
        value_int(value, "status.updatedReplicas", 0) >= d->want)
        return;
    int64_t since_s = value_time(condition_of(d->object, "Progressing"), "lastUpdateTime");
    if (since_s == 0)
        since_s = object_changed_s(d->object, NULL);
    if (!check_held(d->run, &rows[ROW_PAUSED], since_s))
        return;
    g_autofree char *span = span_text(d->run->now_s - since_s);
    Finding *finding = check_report(d->run, &rows[ROW_PAUSED], d->object);
    finding_since(finding, since_s);
    finding_title(finding, "Roll-out of Deployment %s is paused", d->object->name);
    finding_cause(finding,
                  "spec.paused is set, so changes have been waiting for %s: %s of %" G_GINT64_FORMAT
                  " copies are of the newest version.",
                  span, value_text(value, "status.updatedReplicas"), d->want);
    finding_fix(finding, "Resume the roll-out, or take the change back.");
    finding_fix(finding, "kubectl -n %s rollout status deployment/%s", d->object->ns,
                d->object->name);
}

/* ---- Changes that nobody processes. ---- */

static void
look_for_lag(CheckRun *run, const Object *object, Finding **finding)
{
    enum { MANY = 5 };
    int64_t since_s = object_changed_s(object, NULL);
    if (value_int(object->value, "status.observedGeneration", 0) >=
            value_int(object->value, "metadata.generation", 0) ||
        status_is_deleted(object) || !check_held(run, &rows[ROW_LAG], since_s))
        return;
    if (*finding == NULL) {
        *finding = check_report(run, &rows[ROW_LAG], object);
        finding_fix(*finding, "Look at kube-controller-manager: is it running, and is its lease "
                              "fresh?");
        finding_fix(*finding, "kubectl -n kube-system get lease kube-controller-manager -o yaml");
    }
    finding_about(*finding, object);
    finding_since(*finding, since_s);
    finding_evidence(*finding, "%s %s/%s: generation %s, observed %s", kind_row(object->kind)->kind,
                     object->ns, object->name, value_text(object->value, "metadata.generation"),
                     value_text(object->value, "status.observedGeneration"));
    guint n = (*finding)->about->len + 1;
    if (n >= MANY)
        (*finding)->severity = SEVERITY_HIGH;
    finding_title(*finding, "Changes of %u controllers are not processed", n);
    finding_cause(*finding,
                  "The controller manager has not taken up the newest generation of %u "
                  "objects, so changes have no effect.",
                  n);
}

/* ---- Scaled to zero. ---- */

/* An autoscaler that may have scaled it to zero and would scale it up. */
static bool
has_autoscaler(const CheckRun *run, const Object *object)
{
    const Kind kinds[] = {KIND_HPA, KIND_SCALED_OBJECT};
    for (size_t k = 0; k < G_N_ELEMENTS(kinds); k++) {
        const GPtrArray *all = snapshot_in_namespace(run->snapshot, kinds[k], object->ns);
        for (guint i = 0; i < all->len; i++) {
            const Object *scaler = all->pdata[i];
            if (value_is(scaler->value, "spec.scaleTargetRef.name", object->name))
                return true;
        }
    }
    return false;
}

static void
look_for_zero(const Deployment *d)
{
    guint n_services;
    g_autofree char *served = served_text(d->run, d->object, &n_services);
    /* Only a Service that a route leads to has its host in brackets. */
    if (n_services != 1 || strchr(served, '(') == NULL || has_autoscaler(d->run, d->object) ||
        !status_is_settled(d->run, d->object, rows[ROW_ZERO].hold_s))
        return;
    const GPtrArray *services =
        snapshot_in_namespace(d->run->snapshot, KIND_SERVICE, d->object->ns);
    const Value *labels = value_at(pod_template(d->object), "metadata.labels");
    for (guint i = 0; i < services->len; i++) {
        if (!service_selects(services->pdata[i], labels))
            continue;
        const GPtrArray *pods = relations_service_pods(d->run->relations, services->pdata[i]);
        if (pods->len > 0)
            return;
    }
    const char *by;
    int64_t changed_s = object_changed_s(d->object, &by);
    Finding *finding = check_report(d->run, &rows[ROW_ZERO], d->object);
    finding_since(finding, changed_s);
    finding_title(finding, "Deployment %s is scaled to 0, but requests still come in",
                  d->object->name);
    finding_cause(finding,
                  "%s leads to this Deployment, which has 0 copies%s%s, so every request "
                  "fails.",
                  served, by[0] != '\0' ? "; last changed by " : "", by);
    finding_fix(finding, "Scale it up, or remove the route.");
    finding_fix(finding, "kubectl -n %s get deployment %s", d->object->ns, d->object->name);
}

static void
run_deployments(CheckRun *run)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_DEPLOYMENT);
    Finding *lag = NULL;
    for (guint i = 0; i < all->len; i++) {
        const Object *object = all->pdata[i];
        const Deployment d = {run, object, value_int(object->value, "spec.replicas", 1),
                              value_int(object->value, "status.availableReplicas", 0)};
        look_for_lag(run, object, &lag);
        if (status_is_deleted(object))
            continue;
        if (d.want == 0) {
            look_for_zero(&d);
            continue;
        }
        look_for_pause(&d);
        if (!status_is(object, "ReplicaFailure", "True") && !look_for_unavailable(&d) &&
            !look_for_stuck(&d))
            look_for_degraded(&d);
    }
}
