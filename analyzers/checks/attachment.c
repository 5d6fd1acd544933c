/* Volumes that are to be attached to nodes or detached from them, and snapshots of them. */
#include <string.h>

#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"
#include "analyzers/collect/driver.h"

static void run_attachments(CheckRun *run);
static void run_snapshots(CheckRun *run);

enum { ROW_STUCK, ROW_BLOCKED, ROW_SNAPSHOT };

static const CheckRow rows[] = {
    [ROW_STUCK] =
        {
            .id = "volumeattachment-stuck",
            .kind = "VolumeAttachment",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_PLUGIN,
            .tier = 2,
            .hold_s = 5 * 60,
            .symptom = "A disk does not get to the node of its pod, or not away from it.",
            .meaning = "The attachment has an error, or is not made for five minutes, or its "
                       "node does not exist.",
            .fix = "Look at the storage driver's controller, and at the disk in the cloud.",
            .run = run_attachments,
            .needs = {KIND_VOLUME_ATTACHMENT},
        },
    [ROW_BLOCKED] =
        {
            .id = "volume-detach-blocked",
            .kind = "VolumeAttachment",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_PLUGIN,
            .tier = 2,
            .hold_s = 6 * 60,
            .symptom = "A pod cannot move because its disk is still at a dead node.",
            .meaning = "The disk is attached to a node that is not ready for six minutes, and a "
                       "pod elsewhere waits for it.",
            .fix = "When the machine is surely off, mark the node with the taint "
                   "node.kubernetes.io/out-of-service.",
            .run = run_attachments,
            .needs = {KIND_VOLUME_ATTACHMENT, KIND_NODE, KIND_POD},
        },
    [ROW_SNAPSHOT] =
        {
            .id = "volumesnapshot-not-ready",
            .kind = "VolumeSnapshot",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_REFERENCE,
            .tier = 2,
            .hold_s = 30 * 60,
            .symptom = "A snapshot of a volume cannot be used.",
            .meaning = "status.readyToUse is not true for half an hour, or status.error is set.",
            .fix = "Look at the snapshot controller and at the class of the snapshot.",
            .run = run_snapshots,
            .needs = {KIND_VOLUME_SNAPSHOT},
        },
};

const CheckTopic check_topic_attachment = {rows, G_N_ELEMENTS(rows)};

/* An attachment, and what hangs on it; each may be NULL. */
typedef struct {
    const Object *attachment, *volume, *claim, *node;
    const char *driver, *node_name;
} Attachment;

static Attachment
resolve(const CheckRun *run, const Object *object)
{
    const Value *spec = value_at(object->value, "spec");
    Attachment a = {.attachment = object,
                    .driver = value_text(spec, "attacher"),
                    .node_name = value_text(spec, "nodeName")};
    a.volume =
        snapshot_get(run->snapshot, KIND_PV, "", value_text(spec, "source.persistentVolumeName"));
    a.node = snapshot_get(run->snapshot, KIND_NODE, "", a.node_name);
    if (a.volume != NULL)
        a.claim = snapshot_get(run->snapshot, KIND_PVC,
                               value_text(a.volume->value, "spec.claimRef.namespace"),
                               value_text(a.volume->value, "spec.claimRef.name"));
    return a;
}

/* Pods that use the claim: on the node, or (`is_elsewhere`) not. */
static void
add_pods(const CheckRun *run, const Attachment *a, GPtrArray *pods, bool is_elsewhere)
{
    const GPtrArray *all =
        snapshot_in_namespace(run->snapshot, KIND_POD, a->claim != NULL ? a->claim->ns : "");
    for (guint i = 0; a->claim != NULL && i < all->len; i++) {
        const Object *pod = all->pdata[i];
        bool is_here = value_is(pod->value, "spec.nodeName", a->node_name);
        if (is_here == is_elsewhere || pod_is_finished(pod) || status_is_deleted(pod))
            continue;
        for (const Value *v = value_first(pod->value, "spec.volumes"); v != NULL; v = v->next) {
            if (value_is(v, "persistentVolumeClaim.claimName", a->claim->name))
                g_ptr_array_add(pods, all->pdata[i]);
        }
    }
}

/* One finding for all disks of a driver at a node; the pods of the driver are its cause. */
static Finding *
report(CheckRun *run, const CheckRow *row, const Attachment *a, const char *says, int64_t since_s)
{
    for (guint i = 0; i < run->findings->all->len; i++) {
        Finding *other = run->findings->all->pdata[i];
        if (other->check == row && strcmp(other->what, "") == 0 &&
            value_is(other->object->value, "spec.nodeName", a->node_name) &&
            value_is(other->object->value, "spec.attacher", a->driver)) {
            finding_evidence(other, "%s: %s", a->attachment->name, says);
            finding_since(other, since_s);
            return other;
        }
    }
    g_autoptr(GPtrArray) pods = driver_pods(run->relations, run->snapshot, a->driver);
    Finding *finding = check_report(run, row, a->attachment);
    finding_since(finding, since_s);
    finding_title(finding, "Disk %s and node %s: %s",
                  a->volume != NULL ? a->volume->name : a->attachment->name, a->node_name, says);
    for (guint i = 0; i < pods->len; i++) {
        if (!status_is(pods->pdata[i], "Ready", "True") && !pod_is_finished(pods->pdata[i]))
            finding_blame(finding, pods->pdata[i]);
    }
    check_advise(finding, a->attachment);
    return finding;
}

static void
add_users(const CheckRun *run, Finding *finding, const Attachment *a, bool is_elsewhere)
{
    g_autoptr(GPtrArray) pods = g_ptr_array_new();
    add_pods(run, a, pods, is_elsewhere);
    finding_about(finding, a->volume);
    finding_about(finding, a->claim);
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        finding_about(finding, pod);
        finding_evidence(finding, "Pod %s/%s uses it", pod->ns, pod->name);
    }
}

/* Its error and since when; NULL: it has none. */
static const char *
error_of(const Object *attachment, int64_t *ret_since_s)
{
    const char *const errors[] = {"status.attachError", "status.detachError"};
    for (size_t i = 0; i < G_N_ELEMENTS(errors); i++) {
        const Value *error = value_at(attachment->value, errors[i]);
        const char *message = value_text(error, "message");
        *ret_since_s = value_time(error, "time");
        if (message[0] != '\0')
            return message;
    }
    return NULL;
}

static void
look_at_stuck(CheckRun *run, const Attachment *a)
{
    const CheckRow *row = &rows[ROW_STUCK];
    const Object *object = a->attachment;
    int64_t error_s, deleted_s = value_time(object->value, "metadata.deletionTimestamp");
    bool is_attached = value_is_true(object->value, "status.attached");
    bool is_node_gone = a->node == NULL && snapshot_knows(run->snapshot, KIND_NODE);
    const char *message = error_of(object, &error_s);
    /* Errors are written anew at every try: what it waits for tells since when. */
    int64_t since_s = deleted_s != 0 ? deleted_s : object->created_s;
    if (is_attached && deleted_s == 0 && !is_node_gone)
        return;
    if (!check_held(run, row, since_s))
        return;
    const char *says = deleted_s != 0 ? "it cannot be detached" : "it cannot be attached";
    if (is_node_gone)
        says = "the node does not exist any more";
    Finding *finding = report(run, row, a, says, is_node_gone ? 0 : since_s);
    if (finding->object == object)
        finding_cause(finding, "Driver %s: %s%s%s. A pod that needs the disk waits.", a->driver,
                      says, message != NULL ? ": " : "", message != NULL ? message : "");
    finding_blame(finding, a->node);
    add_users(run, finding, a, is_node_gone);
}

static void
look_at_blocked(CheckRun *run, const Attachment *a)
{
    const CheckRow *row = &rows[ROW_BLOCKED];
    const Value *ready = a->node != NULL ? condition_of(a->node, "Ready") : NULL;
    int64_t since_s = value_time(ready, "lastTransitionTime");
    g_autoptr(GPtrArray) pods = g_ptr_array_new();
    if (ready == NULL || value_is(ready, "status", "True") || !check_held(run, row, since_s) ||
        !value_is_true(a->attachment->value, "status.attached"))
        return;
    add_pods(run, a, pods, true);
    if (pods->len == 0)
        return;
    const Object *pod = pods->pdata[0];
    Finding *finding = report(run, row, a, "the node is down and keeps the disk", since_s);
    if (finding->object == a->attachment)
        finding_cause(finding,
                      "Node %s is not ready, so the disk is not detached from it, and pod "
                      "%s/%s cannot have it.",
                      a->node_name, pod->ns, pod->name);
    finding_blame(finding, a->node);
    add_users(run, finding, a, true);
}

static void
run_attachments(CheckRun *run)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_VOLUME_ATTACHMENT);
    for (guint i = 0; i < all->len; i++) {
        const Attachment a = resolve(run, all->pdata[i]);
        look_at_stuck(run, &a);
        look_at_blocked(run, &a);
    }
}

static void
run_snapshots(CheckRun *run)
{
    const CheckRow *row = &rows[ROW_SNAPSHOT];
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_VOLUME_SNAPSHOT);
    for (guint i = 0; i < all->len; i++) {
        const Object *snapshot = all->pdata[i];
        const char *message = value_text(snapshot->value, "status.error.message");
        if (value_is_true(snapshot->value, "status.readyToUse") || status_is_deleted(snapshot) ||
            !check_held(run, row, snapshot->created_s))
            continue;
        const char *claim = value_text(snapshot->value, "spec.source.persistentVolumeClaimName");
        Finding *finding = check_report(run, row, snapshot);
        finding_since(finding, snapshot->created_s);
        finding_blame(finding, snapshot_get(run->snapshot, KIND_PVC, snapshot->ns, claim));
        finding_title(finding, "VolumeSnapshot %s is not ready to use", snapshot->name);
        finding_cause(finding,
                      "The snapshot%s%s has not been made: %s. What is restored from it "
                      "waits, and backups that need it are at risk.",
                      claim[0] != '\0' ? " of claim " : "", claim,
                      message[0] != '\0' ? message : "the driver gives no reason");
        check_advise(finding, snapshot);
    }
}
