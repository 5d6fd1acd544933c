/* Autoscalers that cannot see, cannot act, or have nothing left to give. */
#include <string.h>

#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_autoscalers(CheckRun *run);

enum {
    ROW_BLIND,
    ROW_STUCK,
    ROW_TARGET,
    ROW_MAX,
    ROW_NOT_REACHING,
    ROW_REQUESTS,
    ROW_AMBIGUOUS,
    ROW_DISABLED,
};

static const CheckRow rows[] = {
    [ROW_BLIND] =
        {
            .id = "hpa-cannot-read-metric",
            .kind = "HorizontalPodAutoscaler",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_SCALING,
            .tier = 1,
            .hold_s = 10 * 60,
            .is_umbrella = true,
            .symptom = "An autoscaler does nothing because it cannot read its metric.",
            .meaning = "The condition ScalingActive is False with a reason that says that metrics "
                       "could not be read or make no sense.",
            .fix = "Look at the API that serves the metric, and whether every container of the "
                   "target states requests.",
            .run = run_autoscalers,
            .needs = {KIND_HPA},
        },
    [ROW_STUCK] =
        {
            .id = "hpa-cannot-scale",
            .kind = "HorizontalPodAutoscaler",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_SCALING,
            .tier = 1,
            .hold_s = 10 * 60,
            .is_umbrella = true,
            .symptom = "An autoscaler cannot change the number of copies.",
            .meaning = "The condition AbleToScale is False: the scale of the target cannot be read "
                       "or written.",
            .fix = "Look at the target of the autoscaler and at the rights of the controller.",
            .run = run_autoscalers,
            .needs = {KIND_HPA},
        },
    [ROW_TARGET] =
        {
            .id = "hpa-target-missing",
            .kind = "HorizontalPodAutoscaler",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_SCALING,
            .tier = 1,
            .hold_s = 5 * 60,
            .is_own_cause = true,
            .symptom = "An autoscaler scales nothing.",
            .meaning = "spec.scaleTargetRef names an object that does not exist.",
            .fix = "Correct spec.scaleTargetRef, or delete the autoscaler.",
            .run = run_autoscalers,
            .needs = {KIND_HPA, KIND_DEPLOYMENT, KIND_STATEFUL_SET},
        },
    [ROW_MAX] =
        {
            .id = "hpa-maxed-out",
            .kind = "HorizontalPodAutoscaler",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_SCALING,
            .tier = 1,
            .hold_s = 30 * 60,
            .symptom = "An autoscaler is at its maximum and would need more copies.",
            .meaning = "The number of copies equals maxReplicas, and the condition ScalingLimited "
                       "says TooManyReplicas for half an hour.",
            .fix = "Raise maxReplicas, or make the application need less.",
            .run = run_autoscalers,
            .needs = {KIND_HPA},
        },
    [ROW_NOT_REACHING] =
        {
            .id = "hpa-not-reaching",
            .kind = "HorizontalPodAutoscaler",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_SCALING,
            .tier = 1,
            .hold_s = 15 * 60,
            .symptom = "An autoscaler wants more copies than it gets.",
            .meaning = "desiredReplicas has been above currentReplicas for a quarter of an hour.",
            .fix = "Look at why the new pods are not created or do not start.",
            .run = run_autoscalers,
            .needs = {KIND_HPA},
        },
    [ROW_REQUESTS] =
        {
            .id = "hpa-missing-requests",
            .kind = "HorizontalPodAutoscaler",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_SCALING,
            .tier = 1,
            .is_own_cause = true,
            .symptom = "An autoscaler with a target in percent has nothing to take the percent of.",
            .meaning = "Utilization is the share of what pods request; a container of the target "
                       "requests nothing of the resource.",
            .fix = "State the request on every container of the target.",
            .run = run_autoscalers,
            .needs = {KIND_HPA, KIND_POD},
        },
    [ROW_AMBIGUOUS] =
        {
            .id = "hpa-selector-ambiguous",
            .kind = "HorizontalPodAutoscaler",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_SCALING,
            .tier = 1,
            .is_own_cause = true,
            .symptom = "Two autoscalers control the same pods.",
            .meaning = "They have the same target, or the controller says AmbiguousSelector.",
            .fix = "Remove one of the autoscalers.",
            .run = run_autoscalers,
            .needs = {KIND_HPA},
        },
    [ROW_DISABLED] =
        {
            .id = "hpa-disabled",
            .kind = "HorizontalPodAutoscaler",
            .severity = SEVERITY_INFO,
            .stage = STAGE_ADVICE,
            .tier = 3,
            .hold_s = 86400,
            .symptom = "An autoscaler is off because its target was scaled to 0.",
            .meaning = "The condition ScalingActive is False with reason ScalingDisabled for a "
                       "day.",
            .fix = "Scale the target to at least 1 to switch the autoscaler on again.",
            .run = run_autoscalers,
            .needs = {KIND_HPA},
        },
};

const CheckTopic check_topic_autoscaler = {rows, G_N_ELEMENTS(rows)};

static const char *
target_kind(const Object *hpa)
{
    return value_text(hpa->value, "spec.scaleTargetRef.kind");
}

static const char *
target_name(const Object *hpa)
{
    return value_text(hpa->value, "spec.scaleTargetRef.name");
}

static Kind
kind_of_target(const Object *hpa)
{
    g_autofree char *group = kind_group(value_text(hpa->value, "spec.scaleTargetRef.apiVersion"));
    return kind_of(group, target_kind(hpa));
}

static void
add_fix(Finding *finding, const Object *hpa)
{
    check_advise(finding, hpa);
}

/* ---- Conditions. ---- */

static bool
is_failed_metric(const char *reason)
{
    return (g_str_has_prefix(reason, "FailedGet") && strstr(reason, "Metric") != NULL) ||
           strcmp(reason, "FailedComputeMetricsReplicas") == 0 ||
           strcmp(reason, "InvalidMetricSourceType") == 0;
}

static void
look_for_blindness(CheckRun *run, const Object *hpa)
{
    const Value *active = condition_of(hpa, "ScalingActive");
    const char *reason = value_text(active, "reason"), *message = value_text(active, "message");
    int64_t since_s = status_since(hpa, "ScalingActive");
    if (!value_is(active, "status", "False") || !is_failed_metric(reason) ||
        !check_held(run, &rows[ROW_BLIND], since_s))
        return;
    Finding *finding = check_report(run, &rows[ROW_BLIND], hpa);
    finding_since(finding, since_s);
    finding_title(finding, "Autoscaler %s cannot read its metric", hpa->name);
    finding_cause(finding, "%s, so %s %s keeps its %s copies whatever the load is.", message,
                  target_kind(hpa), target_name(hpa),
                  value_text(hpa->value, "status.currentReplicas"));
    finding_evidence(finding, "ScalingActive is False: %s", reason);
    add_fix(finding, hpa);
}

static void
look_for_stuck(CheckRun *run, const Object *hpa)
{
    const Value *able = condition_of(hpa, "AbleToScale");
    int64_t since_s = status_since(hpa, "AbleToScale");
    const char *reason = value_text(able, "reason");
    if (!value_is(able, "status", "False") || !check_held(run, &rows[ROW_STUCK], since_s) ||
        !g_str_has_prefix(reason, "Failed"))
        return;
    Finding *finding = check_report(run, &rows[ROW_STUCK], hpa);
    finding_since(finding, since_s);
    finding_title(finding, "Autoscaler %s cannot scale %s %s", hpa->name, target_kind(hpa),
                  target_name(hpa));
    finding_cause(finding, "%s: %s.", reason, value_text(able, "message"));
    add_fix(finding, hpa);
}

static void
look_for_target(CheckRun *run, const Object *hpa)
{
    Kind kind = kind_of_target(hpa);
    int64_t since_s = status_is(hpa, "AbleToScale", "False") ? status_since(hpa, "AbleToScale")
                                                             : object_changed_s(hpa, NULL);
    if (kind == KIND_NONE || target_name(hpa)[0] == '\0' ||
        snapshot_presence(run->snapshot, kind, hpa->ns, target_name(hpa)) != PRESENCE_MISSING ||
        !check_held(run, &rows[ROW_TARGET], since_s))
        return;
    Finding *finding = check_report(run, &rows[ROW_TARGET], hpa);
    finding_since(finding, since_s);
    finding_title(finding, "Autoscaler %s points to %s %s, which does not exist", hpa->name,
                  target_kind(hpa), target_name(hpa));
    finding_misses(finding, kind, hpa->ns, target_name(hpa));
    finding_cause(finding, "Namespace %s has no %s %s, so the autoscaler scales nothing.", hpa->ns,
                  target_kind(hpa), target_name(hpa));
    add_fix(finding, hpa);
}

static void
look_for_rest(CheckRun *run, const Object *hpa)
{
    const Value *active = condition_of(hpa, "ScalingActive");
    int64_t since_s = value_time(active, "lastTransitionTime");
    if (!value_is(active, "reason", "ScalingDisabled") ||
        !check_held(run, &rows[ROW_DISABLED], since_s))
        return;
    Finding *finding = check_report(run, &rows[ROW_DISABLED], hpa);
    finding_since(finding, since_s);
    finding_title(finding, "Autoscaler %s is off: its target has 0 copies", hpa->name);
    finding_cause(finding, "%s %s was scaled to 0, which switches its autoscaler off.",
                  target_kind(hpa), target_name(hpa));
    add_fix(finding, hpa);
}

/* ---- At the limit. ---- */

/* "cpu at 195 %, target 70 %" of the first metric in percent; "" when there is none. */
static char *
unit_text(const Object *hpa)
{
    for (const Value *spec = value_first(hpa->value, "spec.metrics"); spec != NULL;
         spec = spec->next) {
        const char *name = value_text(spec, "resource.name");
        const char *target = value_text(spec, "resource.target.averageUtilization");
        if (name[0] == '\0' || target[0] == '\0')
            continue;
        for (const Value *now = value_first(hpa->value, "status.currentMetrics"); now != NULL;
             now = now->next) {
            const char *current = value_text(now, "resource.current.averageUtilization");
            if (value_is(now, "resource.name", name) && current[0] != '\0')
                return g_strdup_printf(": %s is at %s %%, the target is %s %%", name, current,
                                       target);
        }
    }
    return g_strdup("");
}

static void
look_for_maximum(CheckRun *run, const Object *hpa)
{
    const Value *value = hpa->value, *limited = condition_of(hpa, "ScalingLimited");
    int64_t max = value_int(value, "spec.maxReplicas", 0);
    int64_t since_s = value_time(limited, "lastTransitionTime");
    if (max == 0 || value_int(value, "status.currentReplicas", 0) < max ||
        value_int(value, "spec.minReplicas", 1) == max || !value_is(limited, "status", "True") ||
        !value_is(limited, "reason", "TooManyReplicas") ||
        !check_held(run, &rows[ROW_MAX], since_s))
        return;
    g_autofree char *metric = unit_text(hpa), *span = span_text(run->now_s - since_s);
    Finding *finding = check_report(run, &rows[ROW_MAX], hpa);
    finding_since(finding, since_s);
    finding_title(finding, "Autoscaler %s is at its maximum of %" G_GINT64_FORMAT " copies%s",
                  hpa->name, max, metric);
    finding_cause(finding,
                  "%s %s has had all %" G_GINT64_FORMAT
                  " copies that maxReplicas allows for %s and "
                  "would need more%s. It cannot grow further with the load.",
                  target_kind(hpa), target_name(hpa), max, span, metric);
    add_fix(finding, hpa);
}

static void
look_for_gap(CheckRun *run, const Object *hpa)
{
    int64_t desired = value_int(hpa->value, "status.desiredReplicas", 0);
    int64_t current = value_int(hpa->value, "status.currentReplicas", 0);
    int64_t since_s = value_time(hpa->value, "status.lastScaleTime");
    if (desired <= current || !check_held(run, &rows[ROW_NOT_REACHING], since_s))
        return;
    Finding *finding = check_report(run, &rows[ROW_NOT_REACHING], hpa);
    finding_since(finding, since_s);
    finding_title(finding,
                  "Autoscaler %s wants %" G_GINT64_FORMAT " copies and has %" G_GINT64_FORMAT,
                  hpa->name, desired, current);
    finding_cause(finding,
                  "%s %s was to have %" G_GINT64_FORMAT " copies, but only %" G_GINT64_FORMAT
                  " have been created.",
                  target_kind(hpa), target_name(hpa), desired, current);
    add_fix(finding, hpa);
}

/* ---- Requests. ---- */

/* The first container of a pod that requests nothing of a resource, or NULL. */
static const char *
container_without(const Value *pod, const char *resource, const char *only)
{
    for (const Value *c = value_first(pod, "spec.containers"); c != NULL; c = c->next) {
        if (only[0] != '\0' && !value_is(c, "name", only))
            continue;
        if (value_get(value_at(c, "resources.requests"), resource) == NULL &&
            value_get(value_at(c, "resources.limits"), resource) == NULL)
            return value_text(c, "name");
    }
    return NULL;
}

static void
report_requests(CheckRun *run, const Object *hpa, const char *container, const char *resource)
{
    Finding *finding = check_report_once(run, &rows[ROW_REQUESTS], hpa, container);
    if (finding == NULL)
        return;
    finding_title(finding, "Autoscaler %s needs a %s request that container %s does not state",
                  hpa->name, resource, container);
    finding_cause(finding,
                  "Its target is a share of what pods request, but container %s of %s %s requests "
                  "no %s, so it cannot compute anything.",
                  container, target_kind(hpa), target_name(hpa), resource);
    add_fix(finding, hpa);
}

/* Whether the controller names another reason for which it computes nothing. */
static bool
is_blind_otherwise(const Object *hpa)
{
    const Value *active = condition_of(hpa, "ScalingActive");
    return value_is(active, "status", "False") && is_failed_metric(value_text(active, "reason")) &&
           strstr(value_text(active, "message"), "missing request") == NULL;
}

static void
look_for_requests(CheckRun *run, const Object *hpa)
{
    Kind kind = kind_of_target(hpa);
    const Object *target =
        kind != KIND_NONE ? snapshot_get(run->snapshot, kind, hpa->ns, target_name(hpa)) : NULL;
    if (target == NULL || is_blind_otherwise(hpa))
        return;
    /* Pods have what a LimitRange adds; the template has not. */
    g_autoptr(GPtrArray) pods = relations_pods(run->relations, target);
    if (pods->len == 0)
        return;
    const Value *pod = ((const Object *)pods->pdata[0])->value;
    for (const Value *metric = value_first(hpa->value, "spec.metrics"); metric != NULL;
         metric = metric->next) {
        const Value *of = value_at(metric, "resource");
        if (of == NULL)
            of = value_at(metric, "containerResource");
        if (!value_is(of, "target.type", "Utilization"))
            continue;
        const char *resource = value_text(of, "name");
        const char *container = container_without(pod, resource, value_text(of, "container"));
        if (container != NULL)
            report_requests(run, hpa, container, resource);
    }
}

/* ---- Two of them. ---- */

static void
report_ambiguity(CheckRun *run, const Object *hpa, const Object *other, const char *message)
{
    Finding *finding = check_report(run, &rows[ROW_AMBIGUOUS], hpa);
    finding_title(finding, "%s %s has two autoscalers", target_kind(hpa), target_name(hpa));
    if (other != NULL)
        finding_cause(finding,
                      "Autoscalers %s and %s both scale %s %s, so they undo what the other does.",
                      hpa->name, other->name, target_kind(hpa), target_name(hpa));
    else
        finding_cause(finding, "The controller says: %s", message);
    if (other != NULL)
        finding_about(finding, other);
    add_fix(finding, hpa);
}

static void
look_for_others(CheckRun *run, const Object *hpa, GHashTable *targets)
{
    const Value *active = condition_of(hpa, "ScalingActive");
    char *key = g_strjoin("\n", hpa->ns, target_kind(hpa), target_name(hpa), NULL);
    const Object *other = g_hash_table_lookup(targets, key);
    if (other != NULL)
        report_ambiguity(run, hpa, other, "");
    else if (value_is(active, "reason", "AmbiguousSelector"))
        report_ambiguity(run, hpa, NULL, value_text(active, "message"));
    g_hash_table_insert(targets, key, (gpointer)(uintptr_t)hpa);
}

static void
run_autoscalers(CheckRun *run)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_HPA);
    g_autoptr(GHashTable) targets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < all->len; i++) {
        const Object *hpa = all->pdata[i];
        if (status_is_deleted(hpa))
            continue;
        look_for_blindness(run, hpa);
        look_for_stuck(run, hpa);
        look_for_target(run, hpa);
        look_for_rest(run, hpa);
        look_for_maximum(run, hpa);
        look_for_gap(run, hpa);
        look_for_requests(run, hpa);
        look_for_others(run, hpa, targets);
    }
}
