/* StatefulSets: which ordinal blocks the set, and what its template lacks. */
#include <string.h>

#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_sets(CheckRun *run);

enum { ROW_NOT_READY, ROW_UPDATE, ROW_SERVICE, ROW_CLASS };

static const CheckRow rows[] = {
    [ROW_NOT_READY] =
        {
            .id = "statefulset-not-ready",
            .kind = "StatefulSet",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_WORKLOAD,
            .tier = 1,
            .hold_s = 10 * 60,
            .is_umbrella = true,
            .symptom = "A StatefulSet has fewer working copies than it wants.",
            .meaning = "A pod of the set has been unready for ten minutes. With the pod management "
                       "policy OrderedReady no later pod is created before it is ready.",
            .fix = "Look at why the first blocked pod is not ready.",
            .run = run_sets,
            .needs = {KIND_STATEFUL_SET, KIND_POD},
        },
    [ROW_UPDATE] =
        {
            .id = "statefulset-update-stuck",
            .kind = "StatefulSet",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_WORKLOAD,
            .tier = 1,
            .hold_s = 15 * 60,
            .symptom = "The roll-out of a StatefulSet stops in the middle.",
            .meaning = "A pod of the new revision has been unready for a quarter of an hour, so "
                       "the older ones are not replaced. A set cannot repair this by itself.",
            .fix = "Correct the template, then delete the broken pod so that it is made anew.",
            .run = run_sets,
            .needs = {KIND_STATEFUL_SET, KIND_POD},
        },
    [ROW_SERVICE] =
        {
            .id = "statefulset-service-missing",
            .kind = "StatefulSet",
            .severity = SEVERITY_LOW,
            .stage = STAGE_ADVICE,
            .tier = 1,
            .is_own_cause = true,
            .symptom = "The DNS names of the pods of a StatefulSet do not resolve.",
            .meaning = "spec.serviceName names a Service that its namespace does not have.",
            .fix = "Create the headless Service.",
            .run = run_sets,
            .needs = {KIND_STATEFUL_SET, KIND_SERVICE},
        },
    [ROW_CLASS] =
        {
            .id = "statefulset-storageclass-missing",
            .kind = "StatefulSet",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_REFERENCE,
            .tier = 1,
            .is_own_cause = true,
            .symptom = "The claims of a StatefulSet stay pending.",
            .meaning = "A volumeClaimTemplate names a storage class that does not exist.",
            .fix = "Create the class, or create the set anew with one that exists: the field "
                   "cannot be changed.",
            .run = run_sets,
            .needs = {KIND_STATEFUL_SET, KIND_STORAGE_CLASS},
        },
};

const CheckTopic check_topic_statefulset = {rows, G_N_ELEMENTS(rows)};

/* The ordinal at the end of the name of a pod; -1 when it has none. */
static int64_t
ordinal_of(const Object *pod)
{
    const char *dash = strrchr(pod->name, '-');
    return dash != NULL && g_ascii_isdigit(dash[1]) ? g_ascii_strtoll(dash + 1, NULL, 10) : -1;
}

/* The unready pod with the lowest ordinal that has been so for as long as the row wants; only those
 * of a revision when it is not NULL. */
static const Object *
first_blocked(CheckRun *run, const CheckRow *row, const Object *set, const char *revision,
              int64_t *ret_since_s)
{
    g_autoptr(GPtrArray) pods = relations_pods(run->relations, set);
    const Object *first = NULL;
    for (guint i = 0; i < pods->len; i++) {
        int64_t since_s;
        const Object *pod = pods->pdata[i];
        const Value *labels = value_at(pod->value, "metadata.labels");
        const char *of = value_text(value_get(labels, "controller-revision-hash"), "");
        if ((revision != NULL && strcmp(of, revision) != 0) || !pod_is_unready(pod, &since_s) ||
            !check_held(run, row, since_s))
            continue;
        if (first == NULL || ordinal_of(pod) < ordinal_of(first)) {
            first = pod;
            *ret_since_s = since_s;
        }
    }
    return first;
}

static void
look_for_update(CheckRun *run, const Object *set)
{
    const Value *value = set->value;
    const char *revision = value_text(value, "status.updateRevision");
    int64_t partition = value_int(value, "spec.updateStrategy.rollingUpdate.partition", 0);
    int64_t due = value_int(value, "spec.replicas", 1) - partition, since_s;
    if (value_is(value, "spec.updateStrategy.type", "OnDelete") || revision[0] == '\0' ||
        value_is(value, "status.currentRevision", revision) ||
        value_int(value, "status.updatedReplicas", 0) >= due)
        return;
    const Object *pod = first_blocked(run, &rows[ROW_UPDATE], set, revision, &since_s);
    if (pod == NULL)
        return;
    g_autofree char *trouble = pod_trouble(pod);
    Finding *finding = check_report(run, &rows[ROW_UPDATE], set);
    finding_about(finding, pod);
    finding_since(finding, since_s);
    finding_title(finding, "Roll-out of StatefulSet %s stops at %s", set->name, pod->name);
    finding_cause(finding,
                  "Pod %s of the new revision is not ready%s%s, so the other pods keep the old "
                  "revision: %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " are updated.",
                  pod->name, trouble[0] != '\0' ? ": " : "", trouble,
                  value_int(value, "status.updatedReplicas", 0), due);
    check_advise(finding, pod);
}

static void
look_for_blocked(CheckRun *run, const Object *set)
{
    const Value *value = set->value;
    int64_t want = value_int(value, "spec.replicas", 1);
    int64_t ready = value_int(value, "status.readyReplicas", 0), since_s;
    if (ready >= want)
        return;
    const Object *pod = first_blocked(run, &rows[ROW_NOT_READY], set, NULL, &since_s);
    if (pod == NULL)
        return;
    guint n_services;
    g_autofree char *served = served_text(run, set, &n_services);
    g_autofree char *trouble = pod_trouble(pod);
    bool is_ordered = !value_is(value, "spec.podManagementPolicy", "Parallel");
    Finding *finding = check_report(run, &rows[ROW_NOT_READY], set);
    finding_about(finding, pod);
    finding_since(finding, since_s);
    finding_title(finding,
                  "StatefulSet %s has %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT
                  " copies ready: %s is blocked",
                  set->name, ready, want, pod->name);
    finding_cause(finding, "Pod %s is not ready%s%s%s.%s%s%s", pod->name,
                  trouble[0] != '\0' ? ": " : "", trouble,
                  is_ordered ? "; the pods after it wait for it" : "",
                  n_services > 0 ? " The set serves " : "", served, n_services > 0 ? "." : "");
    check_advise(finding, pod);
}

static void
look_for_service(CheckRun *run, const Object *set)
{
    const char *service = value_text(set->value, "spec.serviceName");
    if (service[0] == '\0' ||
        snapshot_presence(run->snapshot, KIND_SERVICE, set->ns, service) != PRESENCE_MISSING)
        return;
    Finding *finding = check_report(run, &rows[ROW_SERVICE], set);
    finding_title(finding, "StatefulSet %s names Service %s, which does not exist", set->name,
                  service);
    finding_cause(finding,
                  "spec.serviceName is %s, but namespace %s has no such Service, so names like "
                  "%s-0.%s do not resolve.",
                  service, set->ns, set->name, service);
    finding_fix(finding, "Create the headless Service %s.", service);
    finding_fix(finding, "kubectl -n %s get services", set->ns);
}

/* Its claims of a template, so that whatever is said about them is the cause. */
static void
blame_claims(CheckRun *run, Finding *finding, const Object *set, const char *template)
{
    g_autofree char *prefix = g_strdup_printf("%s-%s-", template, set->name);
    const GPtrArray *claims = snapshot_in_namespace(run->snapshot, KIND_PVC, set->ns);
    for (guint i = 0; i < claims->len; i++) {
        const Object *claim = claims->pdata[i];
        if (g_str_has_prefix(claim->name, prefix) &&
            !value_is(claim->value, "status.phase", "Bound"))
            finding_blame(finding, claim);
    }
}

static void
look_for_class(CheckRun *run, const Object *set)
{
    for (const Value *claim = value_first(set->value, "spec.volumeClaimTemplates"); claim != NULL;
         claim = claim->next) {
        const char *class = value_text(claim, "spec.storageClassName");
        const char *template = value_text(claim, "metadata.name");
        if (class[0] == '\0' ||
            snapshot_presence(run->snapshot, KIND_STORAGE_CLASS, "", class) != PRESENCE_MISSING)
            continue;
        /* A class of that name may only tie claims to volumes made by hand. */
        g_autofree char *first = g_strdup_printf("%s-%s-0", template, set->name);
        const Object *bound = snapshot_get(run->snapshot, KIND_PVC, set->ns, first);
        if (bound != NULL && value_is(bound->value, "status.phase", "Bound"))
            continue;
        Finding *finding = check_report_once(run, &rows[ROW_CLASS], set, template);
        if (finding == NULL)
            continue;
        finding_since(finding, bound != NULL ? bound->created_s : 0);
        blame_claims(run, finding, set, template);
        finding_misses(finding, KIND_STORAGE_CLASS, "", class);
        finding_title(finding, "StatefulSet %s asks for storage class %s, which does not exist",
                      set->name, class);
        finding_cause(finding,
                      "The claims of volumeClaimTemplate %s name storage class %s. No such class "
                      "exists, so they stay pending and the pods cannot start.",
                      template, class);
        finding_fix(finding, "%s", rows[ROW_CLASS].fix);
        finding_fix(finding, "kubectl get storageclass");
    }
}

static void
run_sets(CheckRun *run)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_STATEFUL_SET);
    for (guint i = 0; i < all->len; i++) {
        const Object *set = all->pdata[i];
        if (status_is_deleted(set) || value_int(set->value, "spec.replicas", 1) == 0)
            continue;
        look_for_update(run, set);
        look_for_blocked(run, set);
        look_for_service(run, set);
        look_for_class(run, set);
    }
}
