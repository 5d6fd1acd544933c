#include "analyzers/checks/refusal.h"

#include <string.h>

#include "analyzers/checks/status.h"

/* What the API server and its admission plug-ins say. The subject stands behind the words, up to
 * one of `ends`; NULL: none. */
static const struct {
    RefusalClass class;
    const char *words, *ends;
} texts[] = {
    {REFUSAL_QUOTA, "exceeded quota: ", ", "},
    {REFUSAL_QUOTA_DEMANDS, "failed quota: ", ": "},
    {REFUSAL_POD_SECURITY, "violates PodSecurity \"", "\""},
    {REFUSAL_SERVICE_ACCOUNT, "error looking up service account ", ": "},
    {REFUSAL_WEBHOOK_FAILED, "failed calling webhook \"", "\""},
    {REFUSAL_WEBHOOK_DENIED, "admission webhook \"", "\""},
    {REFUSAL_POLICY_DENIED, "ValidatingAdmissionPolicy '", "'"},
    {REFUSAL_PRIORITY_CLASS, "no PriorityClass with name ", " "},
    {REFUSAL_NAMESPACE_GOES, "because it is being terminated", NULL},
    {REFUSAL_LIMIT_RANGE, " usage per Container is ", NULL},
    {REFUSAL_LIMIT_RANGE, " usage per Pod is ", NULL},
    {REFUSAL_LIMIT_RANGE, " usage per PersistentVolumeClaim is ", NULL},
    {REFUSAL_LIMIT_RANGE, " max limit to request ratio per ", NULL},
    {REFUSAL_FORBIDDEN, "is forbidden: ", NULL},
    {REFUSAL_FORBIDDEN, "denied the request", NULL},
};

static const char *const class_texts[] = {
    [REFUSAL_OTHER] = "the API server refuses it",
    [REFUSAL_QUOTA] = "a quota is used up",
    [REFUSAL_QUOTA_DEMANDS] = "a quota demands requests and limits",
    [REFUSAL_LIMIT_RANGE] = "it is outside a LimitRange",
    [REFUSAL_POD_SECURITY] = "it violates the pod security level of its namespace",
    [REFUSAL_SERVICE_ACCOUNT] = "its ServiceAccount does not exist",
    [REFUSAL_WEBHOOK_FAILED] = "an admission webhook does not answer",
    [REFUSAL_WEBHOOK_DENIED] = "an admission webhook denies it",
    [REFUSAL_POLICY_DENIED] = "an admission policy denies it",
    [REFUSAL_PRIORITY_CLASS] = "its PriorityClass does not exist",
    [REFUSAL_NAMESPACE_GOES] = "its namespace is being deleted",
    [REFUSAL_FORBIDDEN] = "it is forbidden",
};

const char *
refusal_class_text(RefusalClass class)
{
    return class_texts[class];
}

RefusalClass
refusal_classify(const char *message, char **ret_subject)
{
    *ret_subject = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        const char *at = strstr(message, texts[i].words);
        if (at == NULL)
            continue;
        if (texts[i].ends != NULL) {
            at += strlen(texts[i].words);
            const char *end = strstr(at, texts[i].ends);
            *ret_subject = end != NULL ? g_strndup(at, (gsize)(end - at)) : g_strdup(at);
        }
        return texts[i].class;
    }
    return REFUSAL_OTHER;
}

const char *
refusal_reason(const char *message)
{
    static const char forbidden[] = "is forbidden: ", creating[] = "rror creating: ";
    const char *at = strstr(message, forbidden);
    if (at != NULL)
        return at + strlen(forbidden);
    at = strstr(message, creating);
    return at != NULL ? at + strlen(creating) : message;
}

/* ---- Whose objects are refused. ---- */

static void
free_refusal(gpointer data)
{
    Refusal *refusal = data;
    g_free(refusal->subject);
    g_free(refusal);
}

/* Whether a controller has fewer objects than it wants, so that what was refused still is. */
static bool
lacks_objects(const Object *by)
{
    const Value *value = by->value;
    switch (by->kind) {
    case KIND_DAEMON_SET:
        return value_int(value, "status.currentNumberScheduled", 0) <
               value_int(value, "status.desiredNumberScheduled", 0);
    case KIND_JOB:
        return !value_is_true(value, "spec.suspend") &&
               value_int(value, "status.active", 0) < value_int(value, "spec.parallelism", 1) &&
               !status_is(by, "Complete", "True") && !status_is(by, "Failed", "True") &&
               !status_is(by, "SuccessCriteriaMet", "True");
    default:
        return value_int(value, "status.replicas", 0) < value_int(value, "spec.replicas", 1);
    }
}

/* The newest event of a refusal; *ret_first_s is the time of the first one. Controllers try again
 * at least every 17 minutes. */
static const Event *
refusal_event(const CheckRun *run, const Object *by, int64_t *ret_first_s)
{
    enum { FRESH_S = 30 * 60 };
    const GPtrArray *events = snapshot_events(run->snapshot, by);
    const Event *newest = NULL;
    *ret_first_s = 0;
    for (guint i = 0; i < events->len; i++) {
        const Event *event = events->pdata[i];
        if (strcmp(event->reason, "FailedCreate") != 0 || strcmp(event->type, "Warning") != 0)
            continue;
        if (newest == NULL && run->now_s - event->last_s <= FRESH_S)
            newest = event;
        if (event->first_s > 0 && (*ret_first_s == 0 || event->first_s < *ret_first_s))
            *ret_first_s = event->first_s;
    }
    return newest;
}

static void
look_at_maker(const CheckRun *run, const Object *by, GPtrArray *refusals)
{
    const Value *failure = condition_of(by, "ReplicaFailure");
    int64_t since_s;
    if (status_is_deleted(by) || !lacks_objects(by))
        return;
    const Event *event = refusal_event(run, by, &since_s);
    bool is_failing = value_is(failure, "status", "True");
    if (is_failing)
        since_s = value_time(failure, "lastTransitionTime");
    if (!is_failing && event == NULL)
        return;
    Refusal *refusal = g_new0(Refusal, 1);
    *refusal = (Refusal){.maker = relations_controller(run->relations, by),
                         .by = by,
                         .message = event != NULL ? event->message : value_text(failure, "message"),
                         .since_s = since_s};
    refusal->class = refusal_classify(refusal->message, &refusal->subject);
    if (refusal->subject == NULL)
        refusal->subject = g_strdup("");
    g_ptr_array_add(refusals, refusal);
}

GPtrArray *
refusals_find(const CheckRun *run)
{
    static const Kind kinds[] = {KIND_REPLICA_SET, KIND_STATEFUL_SET, KIND_DAEMON_SET, KIND_JOB,
                                 KIND_REPLICATION_CONTROLLER};
    GPtrArray *refusals = g_ptr_array_new_with_free_func(free_refusal);
    for (size_t k = 0; k < G_N_ELEMENTS(kinds); k++) {
        const GPtrArray *all = snapshot_objects(run->snapshot, kinds[k]);
        for (guint i = 0; i < all->len; i++)
            look_at_maker(run, all->pdata[i], refusals);
    }
    return refusals;
}
