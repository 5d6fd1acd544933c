/* Claims that grow, that are made from others, and that nobody uses. */
#include <string.h>

#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_claims(CheckRun *run);

enum { ROW_RESIZE, ROW_SOURCE, ROW_ABNORMAL, ROW_CONSUMER, ROW_UNUSED };

enum { PROGRESS_S = 3600 }; /* growing may take so long */

static const CheckRow rows[] = {
    [ROW_RESIZE] =
        {
            .id = "pvc-resize-stuck",
            .kind = "PersistentVolumeClaim",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_REFERENCE,
            .tier = 2,
            .hold_s = 5 * 60,
            .symptom = "A volume does not get the size that its claim asks for.",
            .meaning = "The claim has a condition that its growing failed, or is still growing "
                       "after an hour, or its driver calls the size infeasible.",
            .fix = "Follow the driver's message; a volume that waits for its file system needs "
                   "its pod started anew.",
            .run = run_claims,
            .needs = {KIND_PVC},
        },
    [ROW_SOURCE] =
        {
            .id = "pvc-pending-datasource",
            .kind = "PersistentVolumeClaim",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_REFERENCE,
            .tier = 1,
            .hold_s = 5 * 60,
            .symptom = "A claim gets no volume: what it is to be filled from is not there.",
            .meaning = "The claim is pending, and the snapshot or claim that its dataSource names "
                       "does not exist or is not ready.",
            .fix = "Make the source ready, or correct its name.",
            .run = run_claims,
            .needs = {KIND_PVC, KIND_VOLUME_SNAPSHOT},
        },
    [ROW_ABNORMAL] =
        {
            .id = "pvc-volume-abnormal",
            .kind = "PersistentVolumeClaim",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_PLUGIN,
            .tier = 2,
            .symptom = "The storage driver says that a disk is not well.",
            .meaning = "An event VolumeConditionAbnormal of the last hour is about the claim.",
            .fix = "Back up the data, then look at the storage.",
            .run = run_claims,
            .needs = {KIND_PVC, KIND_EVENT},
        },
    [ROW_CONSUMER] =
        {
            .id = "pvc-pending-waiting-consumer",
            .kind = "PersistentVolumeClaim",
            .severity = SEVERITY_INFO,
            .stage = STAGE_ADVICE,
            .tier = 3,
            .hold_s = 86400,
            .symptom = "A claim has no volume because no pod uses it.",
            .meaning = "The class makes volumes when a pod needs them, and no pod uses the claim "
                       "for a day.",
            .fix = "Delete the claim if it is not needed.",
            .run = run_claims,
            .needs = {KIND_PVC, KIND_POD, KIND_STORAGE_CLASS},
        },
    [ROW_UNUSED] =
        {
            .id = "pvc-unused",
            .kind = "PersistentVolumeClaim",
            .severity = SEVERITY_INFO,
            .stage = STAGE_ADVICE,
            .tier = 3,
            .hold_s = 14 * 86400,
            .symptom = "A disk costs money though nothing uses it.",
            .meaning = "The claim is bound for two weeks, and neither a pod nor a template uses "
                       "it.",
            .fix = "Delete the claim if its data is not needed any more; that deletes the data.",
            .run = run_claims,
            .needs = {KIND_PVC, KIND_POD},
        },
};

const CheckTopic check_topic_claim_state = {rows, G_N_ELEMENTS(rows)};

static Finding *
report(CheckRun *run, size_t which, const Object *claim, int64_t since_s)
{
    Finding *finding = check_report(run, &rows[which], claim);
    finding_since(finding, since_s);
    check_advise(finding, claim);
    return finding;
}

/* ---- Growing. ---- */

/* The condition that says that it does not grow; NULL: it does, or need not. */
static const Value *
resize_trouble(const CheckRun *run, const Object *claim)
{
    const char *const errors[] = {"ControllerResizeError", "NodeResizeError", "ModifyVolumeError"};
    const char *const waits[] = {"FileSystemResizePending", "Resizing"};
    for (size_t i = 0; i < G_N_ELEMENTS(errors); i++) {
        if (status_is(claim, errors[i], "True") &&
            check_held(run, &rows[ROW_RESIZE], status_since(claim, errors[i])))
            return condition_of(claim, errors[i]);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(waits); i++) {
        int64_t since_s = status_since(claim, waits[i]);
        if (status_is(claim, waits[i], "True") && since_s > 0 && run->now_s - since_s >= PROGRESS_S)
            return condition_of(claim, waits[i]);
    }
    return NULL;
}

static const char *
infeasible_resource(const Object *claim)
{
    for (const Value *r = value_first(claim->value, "status.allocatedResourceStatuses"); r != NULL;
         r = r->next) {
        if (g_str_has_suffix(value_text(r, ""), "Infeasible"))
            return value_text(r, "");
    }
    return NULL;
}

static void
look_at_size(CheckRun *run, const Object *claim)
{
    const Value *trouble = resize_trouble(run, claim);
    const char *infeasible = infeasible_resource(claim);
    if (trouble == NULL && infeasible == NULL)
        return;
    const Event *event =
        snapshot_event(run->snapshot, claim, "VolumeResizeFailed|FileSystemResizeFailed", 0);
    const char *message = value_text(trouble, "message");
    if (event != NULL)
        message = event->message;
    Finding *finding = report(run, ROW_RESIZE, claim, value_time(trouble, "lastTransitionTime"));
    finding_title(finding, "PersistentVolumeClaim %s does not grow to %s", claim->name,
                  value_text(claim->value, "spec.resources.requests.storage"));
    finding_cause(finding, "The claim asks for %s and has %s: %s%s%s.",
                  value_text(claim->value, "spec.resources.requests.storage"),
                  value_text(claim->value, "status.capacity.storage"),
                  trouble != NULL ? value_text(trouble, "type") : infeasible,
                  message[0] != '\0' ? ": " : "", message);
    finding_blame(finding, snapshot_get(run->snapshot, KIND_PV, "",
                                        value_text(claim->value, "spec.volumeName")));
}

/* ---- Where it comes from. ---- */

/* KIND_NONE: one that is not looked at. */
static Kind
source_kind(const Value *source)
{
    return value_is(source, "kind", "VolumeSnapshot")          ? KIND_VOLUME_SNAPSHOT
           : value_is(source, "kind", "PersistentVolumeClaim") ? KIND_PVC
                                                               : KIND_NONE;
}

static const char *
source_namespace(const Object *claim, const Value *source)
{
    const char *ns = value_text(source, "namespace");
    return ns[0] != '\0' ? ns : claim->ns;
}

/* "does not exist", "is not ready"; NULL when the source is well, or nobody knows. *ret_object: the
 * source, NULL when it does not exist. */
static const char *
source_trouble(const CheckRun *run, const Object *claim, const Value *source,
               const Object **ret_object)
{
    const char *name = value_text(source, "name"), *ns = source_namespace(claim, source);
    Kind kind = source_kind(source);
    *ret_object = NULL;
    if (kind == KIND_NONE)
        return NULL;
    const Object *object = *ret_object = snapshot_get(run->snapshot, kind, ns, name);
    if (object == NULL)
        return snapshot_presence(run->snapshot, kind, ns, name) == PRESENCE_MISSING
                   ? "does not exist"
                   : NULL;
    bool is_ready = kind == KIND_VOLUME_SNAPSHOT ? value_is_true(object->value, "status.readyToUse")
                                                 : value_is(object->value, "status.phase", "Bound");
    return is_ready ? NULL : "is not ready";
}

static void
look_at_source(CheckRun *run, const Object *claim)
{
    const Value *source = value_at(claim->value, "spec.dataSourceRef");
    if (source == NULL)
        source = value_at(claim->value, "spec.dataSource");
    const Object *object = NULL;
    const char *trouble = source != NULL ? source_trouble(run, claim, source, &object) : NULL;
    if (trouble == NULL || !check_held(run, &rows[ROW_SOURCE], claim->created_s))
        return;
    Finding *finding = report(run, ROW_SOURCE, claim, claim->created_s);
    finding_title(finding, "PersistentVolumeClaim %s: its source %s %s", claim->name,
                  value_text(source, "name"), trouble);
    finding_cause(finding, "The claim is to be filled from %s %s, which %s, so it gets no volume.",
                  value_text(source, "kind"), value_text(source, "name"), trouble);
    finding_blame(finding, object);
    if (object == NULL)
        finding_misses(finding, source_kind(source), source_namespace(claim, source),
                       value_text(source, "name"));
}

static void
look_at_health(CheckRun *run, const Object *claim)
{
    enum { RECENT_S = 3600 };
    const Event *event =
        snapshot_event(run->snapshot, claim, "VolumeConditionAbnormal", run->now_s - RECENT_S);
    if (event == NULL)
        return;
    Finding *finding = report(run, ROW_ABNORMAL, claim, event->first_s);
    finding_title(finding, "The disk of PersistentVolumeClaim %s is not well", claim->name);
    finding_cause(finding, "The storage driver says: %s", event->message);
}

/* ---- Who uses it. ---- */

static void
add_claims(GHashTable *used, const char *ns, const Value *template)
{
    for (const Value *v = value_first(template, "spec.volumes"); v != NULL; v = v->next) {
        const char *name = value_text(v, "persistentVolumeClaim.claimName");
        if (name[0] != '\0')
            g_hash_table_add(used, g_strconcat(ns, "/", name, NULL));
    }
}

/* "namespace/name" of claims that a pod or a template names. Claims of StatefulSets stay when these
 * are small or gone on purpose, and are not in it. */
static GHashTable *
used_claims(const CheckRun *run)
{
    static const Kind kinds[] = {KIND_POD, KIND_DEPLOYMENT, KIND_STATEFUL_SET, KIND_DAEMON_SET,
                                 KIND_JOB, KIND_CRON_JOB,   KIND_REPLICA_SET};
    GHashTable *used = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (size_t k = 0; k < G_N_ELEMENTS(kinds); k++) {
        const GPtrArray *all = snapshot_objects(run->snapshot, kinds[k]);
        for (guint i = 0; i < all->len; i++) {
            const Object *object = all->pdata[i];
            add_claims(used, object->ns, pod_template(object));
        }
    }
    return used;
}

static void
look_at_use(CheckRun *run, const Object *claim, GHashTable *used)
{
    g_autofree char *key = g_strconcat(claim->ns, "/", claim->name, NULL);
    bool is_bound = value_is(claim->value, "status.phase", "Bound");
    size_t which = is_bound ? ROW_UNUSED : ROW_CONSUMER;
    const Object *class = snapshot_get(run->snapshot, KIND_STORAGE_CLASS, "",
                                       value_text(claim->value, "spec.storageClassName"));
    if (g_hash_table_contains(used, key) || !snapshot_knows(run->snapshot, KIND_POD) ||
        !check_held(run, &rows[which], claim->created_s))
        return;
    if (!is_bound &&
        (class == NULL || !value_is(class->value, "volumeBindingMode", "WaitForFirstConsumer")))
        return;
    Finding *finding = report(run, which, claim, 0);
    finding_title(finding, "PersistentVolumeClaim %s is used by nothing", claim->name);
    finding_cause(finding,
                  is_bound ? "No pod and no template names the claim; its disk of %s is "
                             "paid for."
                           : "The class makes its disk of %s when a pod uses the claim, "
                             "and none does.",
                  value_text(claim->value, "spec.resources.requests.storage"));
}

static void
run_claims(CheckRun *run)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_PVC);
    g_autoptr(GHashTable) used = used_claims(run);
    for (guint i = 0; i < all->len; i++) {
        const Object *claim = all->pdata[i];
        if (status_is_deleted(claim))
            continue;
        if (value_is(claim->value, "status.phase", "Pending"))
            look_at_source(run, claim);
        look_at_size(run, claim);
        look_at_health(run, claim);
        look_at_use(run, claim, used);
    }
}
