/* Pods (and claims) that the API server refuses to create for a controller. */
#include <string.h>

#include "analyzers/checks/refusal.h"
#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_creation(CheckRun *run);

enum {
    ROW_DEPLOYMENT,
    ROW_REPLICA_SET,
    ROW_STATEFUL_SET,
    ROW_FORBIDDEN,
    ROW_LIMIT_RANGE,
    ROW_POD_SECURITY,
    ROW_QUOTA,
    ROW_CLAIM_QUOTA,
    ROW_QUOTA_DEMANDS,
};

enum { HOLD_S = 120 };

static const CheckRow rows[] = {
    [ROW_DEPLOYMENT] =
        {
            .id = "deployment-replica-failure",
            .kind = "Deployment",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_WORKLOAD,
            .tier = 1,
            .hold_s = HOLD_S,
            .is_umbrella = true,
            .symptom = "A Deployment has fewer pods than it wants, and no new ones appear.",
            .meaning =
                "The API server refuses the pods of its ReplicaSet: the condition ReplicaFailure "
                "is True, or the ReplicaSet has fresh events FailedCreate.",
            .fix = "Remove the obstacle that the text of the refusal names.",
            .run = run_creation,
            .needs = {KIND_DEPLOYMENT, KIND_REPLICA_SET},
        },
    [ROW_REPLICA_SET] =
        {
            .id = "replicaset-failed-create",
            .kind = "ReplicaSet",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_WORKLOAD,
            .tier = 1,
            .hold_s = HOLD_S,
            .is_umbrella = true,
            .symptom = "A ReplicaSet has fewer pods than it wants, and no new ones appear.",
            .meaning = "The API server refuses the pods of a ReplicaSet or ReplicationController "
                       "that no Deployment controls.",
            .fix = "Remove the obstacle that the text of the refusal names.",
            .run = run_creation,
            .needs = {KIND_REPLICA_SET},
        },
    [ROW_STATEFUL_SET] =
        {
            .id = "statefulset-failed-create",
            .kind = "StatefulSet",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_WORKLOAD,
            .tier = 1,
            .hold_s = HOLD_S,
            .is_umbrella = true,
            .symptom = "A StatefulSet does not get its next pod or claim.",
            .meaning = "The API server refuses the pod or the claim: the set has fresh events "
                       "FailedCreate and fewer pods than it wants.",
            .fix = "Remove the obstacle that the text of the refusal names.",
            .run = run_creation,
            .needs = {KIND_STATEFUL_SET, KIND_EVENT},
        },
    [ROW_FORBIDDEN] =
        {
            .id = "controller-forbidden",
            .kind = "Controller of pods",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_ADMISSION,
            .tier = 1,
            .hold_s = HOLD_S,
            .is_own_cause = true,
            .symptom = "A controller cannot create its pods because a rule of the cluster forbids "
                       "them.",
            .meaning = "An admission webhook, an admission policy or the API server itself refuses "
                       "the pods; the refusal is in the events or the conditions of the "
                       "controller.",
            .fix = "Change the object so that the rule accepts it, or change the rule.",
            .run = run_creation,
            .needs = {KIND_EVENT},
        },
    [ROW_LIMIT_RANGE] =
        {
            .id = "limitrange-violation",
            .kind = "LimitRange",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_ADMISSION,
            .tier = 1,
            .hold_s = HOLD_S,
            .is_own_cause = true,
            .symptom = "A controller cannot create its pods because they ask for too much or too "
                       "little.",
            .meaning = "A LimitRange of the namespace sets a minimum, a maximum or a ratio of "
                       "limit to request, and the pods are outside of it.",
            .fix = "Adjust the requests and limits of the container, or the LimitRange.",
            .run = run_creation,
            .needs = {KIND_EVENT},
        },
    [ROW_POD_SECURITY] =
        {
            .id = "psa-violation",
            .kind = "Controller of pods",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_ADMISSION,
            .tier = 1,
            .hold_s = HOLD_S,
            .is_own_cause = true,
            .symptom = "A controller cannot create its pods because the security level of the "
                       "namespace forbids them.",
            .meaning = "The label pod-security.kubernetes.io/enforce of the namespace names a "
                       "level that the pods violate.",
            .fix = "Change the securityContext of the template as the refusal says, or the level.",
            .run = run_creation,
            .needs = {KIND_EVENT},
        },
    [ROW_QUOTA] =
        {
            .id = "quota-exceeded-blocking",
            .kind = "ResourceQuota",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_QUOTA,
            .tier = 1,
            .hold_s = HOLD_S,
            .is_own_cause = true,
            .symptom = "A controller cannot create its pods because a quota is used up.",
            .meaning = "The API server refuses objects with the text “exceeded quota”, and the "
                       "controller still lacks them.",
            .fix = "Free what the namespace does not need, or raise the quota.",
            .run = run_creation,
            .needs = {KIND_EVENT, KIND_RESOURCE_QUOTA},
        },
    [ROW_CLAIM_QUOTA] =
        {
            .id = "pvc-pending-quota",
            .kind = "ResourceQuota",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_QUOTA,
            .tier = 1,
            .hold_s = HOLD_S,
            .is_own_cause = true,
            .symptom = "A claim is not made because the storage quota of its namespace is used up.",
            .meaning = "The API server refuses a PersistentVolumeClaim with the text “exceeded "
                       "quota”, for its size or for the number of claims, and the controller still "
                       "lacks it.",
            .fix = "Delete claims that nothing uses, or raise the quota.",
            .run = run_creation,
            .needs = {KIND_EVENT, KIND_RESOURCE_QUOTA},
        },
    [ROW_QUOTA_DEMANDS] =
        {
            .id = "quota-requires-limits",
            .kind = "ResourceQuota",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_QUOTA,
            .tier = 1,
            .hold_s = HOLD_S,
            .is_own_cause = true,
            .symptom = "A controller cannot create its pods because they state no requests or "
                       "limits.",
            .meaning = "A quota counts requests or limits, so every container of the namespace "
                       "must state them.",
            .fix = "State the resources in the template, or give defaults with a LimitRange.",
            .run = run_creation,
            .needs = {KIND_EVENT, KIND_RESOURCE_QUOTA},
        },
};

const CheckTopic check_topic_creation = {rows, G_N_ELEMENTS(rows)};

/* "1 of 3 pods exist" */
static char *
count_text(const Object *by)
{
    const Value *value = by->value;
    int64_t want = value_int(value, "spec.replicas", 1),
            have = value_int(value, "status.replicas", 0);
    if (by->kind == KIND_DAEMON_SET) {
        want = value_int(value, "status.desiredNumberScheduled", 0);
        have = value_int(value, "status.currentNumberScheduled", 0);
    } else if (by->kind == KIND_JOB) {
        want = value_int(value, "spec.parallelism", 1);
        have = value_int(value, "status.active", 0);
    }
    return g_strdup_printf("%" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " pods exist", have, want);
}

/* "name=1,other=2" between two words of the text of a quota; "" when they are not there. */
static char *
part_of(const char *reason, const char *from, const char *to)
{
    const char *start = strstr(reason, from);
    if (start == NULL)
        return g_strdup("");
    start += strlen(from);
    const char *end = to != NULL ? strstr(start, to) : NULL;
    return end != NULL ? g_strndup(start, (gsize)(end - start)) : g_strdup(start);
}

/* Whether a quota refuses a claim: for its size, or because there are too many. */
static bool
is_about_claims(const Refusal *refusal)
{
    g_autofree char *asked = part_of(refusal->message, "requested: ", ", used: ");
    return strstr(asked, "requests.storage") != NULL ||
           strstr(asked, "persistentvolumeclaims") != NULL;
}

static void
tell_quota(Finding *finding, const Refusal *refusal)
{
    const char *what = is_about_claims(refusal) ? "claims" : "pods";
    const char *reason = refusal_reason(refusal->message), *maker = refusal->maker->name;
    const char *kind = kind_row(refusal->maker->kind)->kind;
    g_autofree char *asked = part_of(reason, "requested: ", ", used: ");
    g_autofree char *used = part_of(reason, ", used: ", ", limited: ");
    g_autofree char *limit = part_of(reason, ", limited: ", NULL);
    g_autofree char *counts = count_text(refusal->by);
    finding_title(finding, "Quota %s is used up: %s %s cannot create its %s", refusal->subject,
                  kind, maker, what);
    if (limit[0] != '\0')
        finding_cause(finding,
                      "%s %s needs another %s, but namespace %s already uses %s and quota %s "
                      "allows %s; %s.",
                      kind, maker, asked, refusal->maker->ns, used, refusal->subject, limit,
                      counts);
    else
        finding_cause(finding, "Quota %s refuses the %s of %s %s: %s; %s.", refusal->subject, what,
                      kind, maker, reason, counts);
    finding_fix(finding,
                "Delete what namespace %s does not need, lower its requests, or raise quota %s.",
                refusal->maker->ns, refusal->subject);
    finding_fix(finding, "kubectl -n %s describe resourcequota %s", refusal->maker->ns,
                refusal->subject);
}

static void
tell_other(Finding *finding, const Refusal *refusal)
{
    const char *kind = kind_row(refusal->maker->kind)->kind, *maker = refusal->maker->name;
    g_autofree char *counts = count_text(refusal->by);
    bool is_named = refusal->subject[0] != '\0';
    finding_title(finding, "%s %s cannot create pods: %s%s%s%s", kind, maker,
                  refusal_class_text(refusal->class), is_named ? " (" : "", refusal->subject,
                  is_named ? ")" : "");
    finding_cause(finding, "The API server refuses the pods of %s %s: %s. %s.", kind, maker,
                  refusal_reason(refusal->message), counts);
    check_advise(finding, refusal->by);
}

static void
add_suffering(const CheckRun *run, Finding *finding, const Object *maker)
{
    guint n_services;
    g_autofree char *served = served_text(run, maker, &n_services);
    if (n_services > 0)
        finding_evidence(finding, "Its pods serve %s", served);
}

/* The configurations that have the webhook, and the Services that answer for it, to be blamed. */
static void
blame_webhook(const CheckRun *run, Finding *finding, const char *webhook)
{
    const Kind kinds[] = {KIND_VALIDATING_WEBHOOK, KIND_MUTATING_WEBHOOK};
    for (size_t k = 0; k < G_N_ELEMENTS(kinds); k++) {
        const GPtrArray *all = snapshot_objects(run->snapshot, kinds[k]);
        for (guint i = 0; i < all->len; i++) {
            const Object *object = all->pdata[i];
            const Value *hook = value_find(object->value, "webhooks", "name", webhook);
            const Value *service = value_at(hook, "clientConfig.service");
            const Object *answers =
                snapshot_get(run->snapshot, KIND_SERVICE, value_text(service, "namespace"),
                             value_text(service, "name"));
            if (hook != NULL)
                finding_blame(finding, object);
            if (answers != NULL)
                finding_blame(finding, answers);
        }
    }
}

/* What says no to several controllers has a finding of its own. */
static void
blame_policy(const CheckRun *run, Finding *finding, const Refusal *refusal)
{
    if (refusal->class == REFUSAL_WEBHOOK_DENIED)
        blame_webhook(run, finding, refusal->subject);
    else if (refusal->class == REFUSAL_POLICY_DENIED)
        finding_blame(finding, snapshot_get(run->snapshot, KIND_VALIDATING_ADMISSION_POLICY, "",
                                            refusal->subject));
}

static Finding *
report(CheckRun *run, const CheckRow *row, const Object *object, const Refusal *refusal)
{
    bool is_new;
    Finding *finding = check_report_part(run, row, object, "", &is_new);
    finding_since(finding, refusal->since_s);
    if (!is_new) {
        if (refusal->maker != object && !g_ptr_array_find(finding->about, refusal->maker, NULL))
            finding_evidence(finding, "Also refused: pods of %s %s",
                             kind_row(refusal->maker->kind)->kind, refusal->maker->name);
        finding_about(finding, refusal->maker);
        return finding;
    }
    finding_about(finding, refusal->maker);
    if (refusal->class == REFUSAL_QUOTA)
        tell_quota(finding, refusal);
    else
        tell_other(finding, refusal);
    finding_evidence(finding, "%s", refusal->message);
    add_suffering(run, finding, refusal->maker);
    return finding;
}

/* The row that says why, and the object that is to blame; NULL when the class has none. */
static const CheckRow *
special_row(const CheckRun *run, const Refusal *refusal, const Object **ret_object)
{
    *ret_object = refusal->maker;
    const Object *quota =
        snapshot_get(run->snapshot, KIND_RESOURCE_QUOTA, refusal->maker->ns, refusal->subject);
    switch (refusal->class) {
    case REFUSAL_QUOTA:
        *ret_object = quota != NULL ? quota : refusal->maker;
        return &rows[is_about_claims(refusal) ? ROW_CLAIM_QUOTA : ROW_QUOTA];
    case REFUSAL_QUOTA_DEMANDS:
        *ret_object = quota != NULL ? quota : refusal->maker;
        return &rows[ROW_QUOTA_DEMANDS];
    case REFUSAL_LIMIT_RANGE:
        return &rows[ROW_LIMIT_RANGE];
    case REFUSAL_POD_SECURITY:
        return &rows[ROW_POD_SECURITY];
    case REFUSAL_WEBHOOK_DENIED:
    case REFUSAL_POLICY_DENIED:
    case REFUSAL_FORBIDDEN:
        return &rows[ROW_FORBIDDEN];
    default:
        return NULL;
    }
}

static const CheckRow *
general_row(const Object *maker)
{
    switch (maker->kind) {
    case KIND_DEPLOYMENT:
        return &rows[ROW_DEPLOYMENT];
    case KIND_STATEFUL_SET:
        return &rows[ROW_STATEFUL_SET];
    case KIND_REPLICA_SET:
    case KIND_REPLICATION_CONTROLLER:
        return &rows[ROW_REPLICA_SET];
    default:
        return &rows[ROW_FORBIDDEN];
    }
}

static void
run_creation(CheckRun *run)
{
    g_autoptr(GPtrArray) refusals = refusals_find(run);
    for (guint i = 0; i < refusals->len; i++) {
        const Refusal *refusal = refusals->pdata[i];
        const Object *to_blame;
        if (refusal->class == REFUSAL_NAMESPACE_GOES ||
            !check_held(run, &rows[ROW_DEPLOYMENT], refusal->since_s))
            continue;
        const CheckRow *special = special_row(run, refusal, &to_blame);
        if (special != NULL)
            blame_policy(run, report(run, special, to_blame, refusal), refusal);
        const CheckRow *general = general_row(refusal->maker);
        if (general == special || (special != NULL && general == &rows[ROW_FORBIDDEN]))
            continue;
        Finding *finding = report(run, general, refusal->maker, refusal);
        if (special != NULL)
            finding_blame(finding, to_blame);
        if (refusal->class == REFUSAL_WEBHOOK_FAILED || refusal->class == REFUSAL_WEBHOOK_DENIED)
            blame_webhook(run, finding, refusal->subject);
    }
}
