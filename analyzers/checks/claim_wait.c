/* Claims whose volume is made only when a pod has a node, and whose pod gets none. */
#include <string.h>

#include "analyzers/checks/fit_text.h"
#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_waiting(CheckRun *run);

static const CheckRow rows[] = {
    {
        .id = "pvc-pending-waiting-scheduling",
        .kind = "PersistentVolumeClaim",
        .severity = SEVERITY_LOW,
        .stage = STAGE_ADVICE, /* it explains nothing: the pod's finding does */
        .tier = 1,
        .hold_s = 5 * 60,
        .symptom = "A claim has no volume yet because its pod has no node.",
        .meaning = "Its class makes volumes when a pod has a node (WaitForFirstConsumer), and the "
                   "pod that uses the claim has been unschedulable for five minutes for a reason "
                   "other than volumes.",
        .fix = "Get the pod placed; the volume comes by itself then.",
        .run = run_waiting,
        .needs = {KIND_PVC, KIND_POD, KIND_STORAGE_CLASS},
    },
};

const CheckTopic check_topic_claim_wait = {rows, G_N_ELEMENTS(rows)};

/* Whether the claim waits for a node to be chosen, and for nothing else. */
static bool
waits_for_node(const CheckRun *run, const Object *claim)
{
    const Object *class = snapshot_get(run->snapshot, KIND_STORAGE_CLASS, "",
                                       value_text(claim->value, "spec.storageClassName"));
    const Value *annotations = value_at(claim->value, "metadata.annotations");
    return class != NULL && value_is(claim->value, "status.phase", "Pending") &&
           !status_is_deleted(claim) &&
           value_is(class->value, "volumeBindingMode", "WaitForFirstConsumer") &&
           !value_is(class->value, "provisioner", "kubernetes.io/no-provisioner") &&
           value_text(claim->value, "spec.volumeName")[0] == '\0' &&
           value_get(annotations, "volume.kubernetes.io/selected-node") == NULL &&
           snapshot_event(run->snapshot, claim, "ProvisioningFailed|ExternalProvisioning", 0) ==
               NULL;
}

/* Whether no node takes the pod, for so long, and not for the sake of its volumes. */
static bool
is_unplaced(const CheckRun *run, const Object *pod)
{
    const Value *condition = condition_of(pod, "PodScheduled");
    g_autofree char *words = g_ascii_strdown(value_text(condition, "message"), -1);
    return pod_is_wanted(pod) && value_is(pod->value, "status.phase", "Pending") &&
           value_is(condition, "reason", "Unschedulable") && strstr(words, "volume") == NULL &&
           check_held(run, &rows[0], value_time(condition, "lastTransitionTime"));
}

static void
look_at(CheckRun *run, const Object *pod, const Object *claim)
{
    if (claim == NULL || !waits_for_node(run, claim))
        return;
    Finding *finding = check_report_once(run, &rows[0], claim, "");
    if (finding == NULL)
        return;
    g_autofree char *words =
        scheduler_words(value_text(condition_of(pod, "PodScheduled"), "message"));
    finding_since(finding, status_since(pod, "PodScheduled"));
    finding_title(finding, "PersistentVolumeClaim %s waits for Pod %s, which no node takes",
                  claim->name, pod->name);
    finding_cause(finding,
                  "Class %s makes the volume when the pod that uses the claim has a node, and the "
                  "scheduler finds none: %s.",
                  value_text(claim->value, "spec.storageClassName"), words);
    finding_blame(finding, pod);
    check_advise(finding, pod);
}

static void
run_waiting(CheckRun *run)
{
    const GPtrArray *pods = snapshot_objects(run->snapshot, KIND_POD);
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        if (!is_unplaced(run, pod))
            continue;
        for (const Value *v = value_first(pod->value, "spec.volumes"); v != NULL; v = v->next)
            look_at(run, pod,
                    snapshot_get(run->snapshot, KIND_PVC, pod->ns,
                                 value_text(v, "persistentVolumeClaim.claimName")));
    }
}
