/* Flux: sources, and what is applied from them (toolkit.fluxcd.io). */
#include <string.h>

#include "analyzers/checks/container.h"
#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_flux(CheckRun *run);

static const CheckRow rows[] = {
    {
        .id = "flux-not-ready",
        .kind = "Kustomization, HelmRelease, sources",
        .severity = SEVERITY_HIGH,
        .stage = STAGE_WORKLOAD,
        .tier = 2,
        .hold_s = 10 * 60,
        .is_umbrella = true,
        .symptom = "What is in git does not get into the cluster.",
        .meaning = "The condition Ready of a Flux object is False, and it does not say that it is "
                   "at work, or Stalled is True.",
        .fix = "Mend what the reason names: the source, its credentials, the manifests.",
        .run = run_flux,
        .needs = {KIND_FLUX_KUSTOMIZATION, KIND_FLUX_HELM_RELEASE, KIND_FLUX_GIT_REPOSITORY,
                  KIND_FLUX_HELM_REPOSITORY, KIND_FLUX_OCI_REPOSITORY},
    },
    {
        .id = "flux-suspended",
        .kind = "Kustomization, HelmRelease, sources",
        .severity = SEVERITY_INFO,
        .stage = STAGE_ADVICE,
        .tier = 3,
        .hold_s = 7 * 86400,
        .symptom = "Changes in git are not applied because somebody has suspended it.",
        .meaning = "spec.suspend of a Flux object is true, and it was not changed for a week.",
        .fix = "Resume it when the reason is gone.",
        .run = run_flux,
        .needs = {KIND_FLUX_KUSTOMIZATION, KIND_FLUX_HELM_RELEASE},
    },
};

const CheckTopic check_topic_flux = {rows, G_N_ELEMENTS(rows)};

static const Kind kinds[] = {
    KIND_FLUX_GIT_REPOSITORY, KIND_FLUX_HELM_REPOSITORY, KIND_FLUX_OCI_REPOSITORY, KIND_FLUX_BUCKET,
    KIND_FLUX_HELM_CHART,     KIND_FLUX_KUSTOMIZATION,   KIND_FLUX_HELM_RELEASE};

/* An object that a reference {kind, namespace, name} names; NULL when it is not there. */
static const Object *
referred(const CheckRun *run, const Object *from, const Value *ref, Kind otherwise)
{
    const char *kind_name = value_text(ref, "kind"), *ns = value_text(ref, "namespace");
    Kind kind = otherwise;
    for (size_t i = 0; i < G_N_ELEMENTS(kinds) && kind_name[0] != '\0'; i++) {
        if (strcmp(kind_row(kinds[i])->kind, kind_name) == 0)
            kind = kinds[i];
    }
    return kind != KIND_NONE ? snapshot_get(run->snapshot, kind, ns[0] != '\0' ? ns : from->ns,
                                            value_text(ref, "name"))
                             : NULL;
}

static bool
is_bad(const Object *object)
{
    return status_is(object, "Ready", "False") || status_is(object, "Stalled", "True");
}

/* What it takes from, and what it waits for: when those are not ready, they are its cause. */
static void
blame_sources(const CheckRun *run, Finding *finding, const Object *object)
{
    const char *const refs[] = {"spec.sourceRef", "spec.chart.spec.sourceRef", "spec.chartRef"};
    for (size_t i = 0; i < G_N_ELEMENTS(refs); i++) {
        const Object *source = referred(run, object, value_at(object->value, refs[i]), KIND_NONE);
        if (source != NULL && is_bad(source))
            finding_blame(finding, source);
    }
    for (const Value *ref = value_first(object->value, "spec.dependsOn"); ref != NULL;
         ref = ref->next) {
        const Object *other = referred(run, object, ref, object->kind);
        if (other != NULL && is_bad(other))
            finding_blame(finding, other);
    }
}

/* An object of the inventory, whose ids are "namespace_name_group_Kind". */
static const Object *
inventory_object(const CheckRun *run, const char *id)
{
    g_auto(GStrv) parts = g_strsplit(id, "_", -1);
    if (g_strv_length(parts) != 4)
        return NULL;
    Kind kind = kind_of(parts[2], parts[3]);
    return kind != KIND_NONE ? snapshot_get(run->snapshot, kind, parts[0], parts[1]) : NULL;
}

/* Objects that its health check waits for are named in its message. */
static void
blame_waited_for(const CheckRun *run, Finding *finding, const Object *object, const char *message)
{
    for (const Value *e = value_first(object->value, "status.inventory.entries"); e != NULL;
         e = e->next) {
        const Object *one = inventory_object(run, value_text(e, "id"));
        if (one == NULL)
            continue;
        g_autofree char *name =
            g_strdup_printf("%s/%s/%s", kind_row(one->kind)->kind, one->ns, one->name);
        if (strstr(message, name) != NULL)
            finding_blame(finding, one);
    }
}

/* The workloads of a Helm release carry its name. */
static void
blame_release(const CheckRun *run, Finding *finding, const Object *release, const char *message)
{
    const Kind makers[] = {KIND_DEPLOYMENT, KIND_STATEFUL_SET, KIND_DAEMON_SET, KIND_JOB};
    const char *ns = value_text(release->value, "spec.targetNamespace");
    bool has_waited = strstr(message, "timed out") != NULL ||
                      strstr(message, "context deadline exceeded") != NULL ||
                      strstr(message, "not ready") != NULL;
    for (size_t k = 0; has_waited && k < G_N_ELEMENTS(makers); k++) {
        const GPtrArray *all =
            snapshot_in_namespace(run->snapshot, makers[k], ns[0] != '\0' ? ns : release->ns);
        for (guint i = 0; i < all->len; i++) {
            const Object *maker = all->pdata[i];
            const Value *labels = value_at(maker->value, "metadata.labels");
            const Value *owner = value_get(labels, "helm.toolkit.fluxcd.io/name");
            if (value_is(owner, "", release->name))
                finding_blame(finding, maker);
        }
    }
}

/* It tries for the first time, or again after something has changed. */
static bool
is_at_work(const Object *object)
{
    const Value *reconciling = condition_of(object, "Reconciling");
    int64_t generation = value_int(object->value, "metadata.generation", 0);
    return (value_is(reconciling, "status", "True") &&
            !value_is(reconciling, "reason", "ProgressingWithRetry")) ||
           value_int(object->value, "status.observedGeneration", generation) < generation;
}

static void
look_at(CheckRun *run, const Object *object)
{
    const CheckRow *row = &rows[0];
    const char *type = status_is(object, "Stalled", "True") ? "Stalled" : "Ready";
    const Value *condition = condition_of(object, type);
    const char *message = value_text(condition, "message"), *kind = kind_row(object->kind)->kind;
    int64_t since_s = value_time(condition, "lastTransitionTime");
    if (!is_bad(object) || is_at_work(object) || !check_held(run, row, since_s))
        return;
    const char *revision = value_text(object->value, "status.lastAttemptedRevision");
    Finding *finding = check_report(run, row, object);
    finding_since(finding, since_s);
    finding_title(finding, "%s %s is not ready: %s", kind, object->name,
                  value_text(condition, "reason"));
    finding_cause(finding, "Flux cannot apply %s %s, so changes in git do not arrive: %s", kind,
                  object->name, message);
    if (revision[0] != '\0')
        finding_evidence(finding, "It tried revision %s; applied is %s", revision,
                         value_text(object->value, "status.lastAppliedRevision"));
    if (value_text(object->value, "spec.url")[0] != '\0')
        finding_evidence(finding, "Source %s", value_text(object->value, "spec.url"));
    blame_sources(run, finding, object);
    blame_waited_for(run, finding, object, message);
    if (object->kind == KIND_FLUX_HELM_RELEASE)
        blame_release(run, finding, object, message);
    check_advise(finding, object);
}

static void
look_at_suspended(CheckRun *run, const Object *object)
{
    const CheckRow *row = &rows[1];
    const char *by;
    int64_t changed_s = object_changed_s(object, &by);
    if (!check_held(run, row, changed_s))
        return;
    Finding *finding = check_report(run, row, object);
    finding_title(finding, "%s %s is suspended", kind_row(object->kind)->kind, object->name);
    finding_cause(finding,
                  "Changes in git are not applied: spec.suspend is true, and was last "
                  "changed by %s.",
                  by);
    finding_fix(finding, "%s", row->fix);
    finding_fix(finding, "kubectl -n %s get %s.%s %s", object->ns, kind_row(object->kind)->resource,
                kind_row(object->kind)->group, object->name);
}

static void
run_flux(CheckRun *run)
{
    for (size_t k = 0; k < G_N_ELEMENTS(kinds); k++) {
        const GPtrArray *all = snapshot_objects(run->snapshot, kinds[k]);
        for (guint i = 0; i < all->len; i++) {
            const Object *object = all->pdata[i];
            if (status_is_deleted(object))
                continue;
            if (value_is_true(object->value, "spec.suspend"))
                look_at_suspended(run, object);
            else
                look_at(run, object);
        }
    }
}
