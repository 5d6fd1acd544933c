/* Claims that get no volume. */
#include <string.h>

#include "analyzers/checks/container.h"
#include "analyzers/checks/storage_class.h"
#include "analyzers/checks/table.h"
#include "analyzers/collect/driver.h"
#include "lib/base/nearest.h"
#include "lib/k8s/quantity.h"

static void run_claims(CheckRun *run);

enum { RECENT_S = 60 * 60 }; /* of events */

enum {
    ROW_NO_DEFAULT,
    ROW_CLASS_MISSING,
    ROW_STATIC,
    ROW_TAKEN,
    ROW_PROVISION,
    ROW_ACCESS_MODE,
    ROW_NO_PROVISIONER,
    ROW_PENDING,
    ROW_LOST,
    ROW_TERMINATING,
    ROW_COUNT
};

#define CLAIM_ROW(name, level, hold, own, umbrella, seen, told_by, step)                           \
    {                                                                                              \
        .id = name, .kind = "PersistentVolumeClaim", .severity = level, .stage = STAGE_REFERENCE,  \
        .tier = 1, .hold_s = hold, .is_own_cause = own, .is_umbrella = umbrella, .symptom = seen,  \
        .meaning = told_by, .fix = step, .run = run_claims, .needs = {                             \
            KIND_PVC,                                                                              \
            KIND_STORAGE_CLASS                                                                     \
        }                                                                                          \
    }

static const CheckRow rows[ROW_COUNT] = {
    [ROW_NO_DEFAULT] = CLAIM_ROW(
        "pvc-pending-no-default-class", SEVERITY_HIGH, 0, true, false,
        "A claim gets no volume: it names no storage class, and the cluster has no default.",
        "The claim is pending without storageClassName, and no StorageClass is marked as the "
        "default.",
        "Name a class in the claim, or mark one as the default."),
    [ROW_CLASS_MISSING] =
        CLAIM_ROW("pvc-pending-class-missing", SEVERITY_HIGH, 0, true, false,
                  "A claim gets no volume: its storage class does not exist.",
                  "The claim is pending, and no StorageClass has the name that it asks for.",
                  "Make the claim again with a class that exists; the field cannot be changed."),
    [ROW_STATIC] =
        CLAIM_ROW("pvc-pending-static-no-pv", SEVERITY_HIGH, 300, true, false,
                  "A claim gets no volume: it wants one that somebody has made, and none fits.",
                  "The claim is pending, its class makes no volumes, and no available volume has "
                  "the class, size "
                  "and access modes that it wants.",
                  "Make a volume that fits, or change the claim."),
    [ROW_TAKEN] = CLAIM_ROW(
        "pvc-pending-volume-taken", SEVERITY_HIGH, 0, true, false,
        "A claim gets no volume: the one that it names is not there or belongs to another.",
        "The claim is pending, and its volumeName is of no volume or of one that is bound to "
        "another claim.",
        "Choose another volume."),
    [ROW_PROVISION] =
        CLAIM_ROW("pvc-pending-provision-failed", SEVERITY_HIGH, 120, true, false,
                  "A claim gets no volume: the storage driver tried and failed.",
                  "The claim is pending, and its driver reports ProvisioningFailed.",
                  "Read the driver's message: quota, rights, zone, parameters of the class."),
    [ROW_ACCESS_MODE] = CLAIM_ROW(
        "pvc-pending-access-mode", SEVERITY_HIGH, 0, true, false,
        "A claim gets no volume: its driver cannot do what the access mode wants.",
        "The claim is pending, and its driver refuses the access mode, mostly ReadWriteMany of a "
        "block device.",
        "Ask for ReadWriteOnce, or use a class of shared files."),
    [ROW_NO_PROVISIONER] = CLAIM_ROW(
        "pvc-pending-no-provisioner", SEVERITY_HIGH, 300, true, false,
        "A claim gets no volume: its storage driver is not installed.",
        "The claim is pending, waits for a driver, and the cluster has no CSIDriver of that name.",
        "Install the driver, or use another class."),
    [ROW_PENDING] =
        CLAIM_ROW("pvc-pending", SEVERITY_HIGH, 300, false, true, "A claim waits for its volume.",
                  "The claim is pending, and none of the other checks knows why.",
                  "Read the events of the claim, and look at the storage driver."),
    [ROW_LOST] = CLAIM_ROW("pvc-lost", SEVERITY_CRITICAL, 0, true, false,
                           "The volume of a claim is gone.", "The claim's phase is Lost.",
                           "Bring the PersistentVolume back, or restore from a backup."),
    [ROW_TERMINATING] = CLAIM_ROW(
        "pvc-stuck-terminating", SEVERITY_MEDIUM, 600, true, false,
        "A claim is to be deleted, and pods still use it.",
        "The claim has a deletionTimestamp older than ten minutes and its protection finalizer.",
        "Remove the pods that use it, or give up the deletion's plan."),
};

const CheckTopic check_topic_claim = {rows, G_N_ELEMENTS(rows)};

/* ---- Classes. ---- */

static bool
has_default(const CheckRun *run)
{
    const GPtrArray *classes = snapshot_objects(run->snapshot, KIND_STORAGE_CLASS);
    for (guint i = 0; i < classes->len; i++) {
        if (storage_class_is_default(classes->pdata[i]))
            return true;
    }
    return false;
}

/* "gp3, standard": the classes that there are, and which is the nearest. */
static char *
class_names(const CheckRun *run, const char *wanted)
{
    const GPtrArray *classes = snapshot_objects(run->snapshot, KIND_STORAGE_CLASS);
    g_autofree const char **names = g_new0(const char *, classes->len + 1);
    for (guint i = 0; i < classes->len; i++)
        names[i] = ((const Object *)classes->pdata[i])->name;
    int nearest = nearest_name(wanted, names, classes->len);
    g_autofree char *list = g_strjoinv(", ", (GStrv)(uintptr_t)names);
    return nearest >= 0 ? g_strdup_printf("%s (nearest: %s)", list, names[nearest])
                        : g_steal_pointer(&list);
}

/* ---- Who waits. ---- */

static char *
waiting_pods(const CheckRun *run, const Object *claim, Finding *finding)
{
    GString *names = g_string_new(NULL);
    const GPtrArray *pods = snapshot_in_namespace(run->snapshot, KIND_POD, claim->ns);
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        const Value *v = value_first(pod->value, "spec.volumes");
        while (v != NULL && !value_is(v, "persistentVolumeClaim.claimName", claim->name))
            v = v->next;
        if (v == NULL || !pod_is_wanted(pod))
            continue;
        finding_about(finding, pod);
        g_string_append_printf(names, "%s%s", names->len > 0 ? ", " : "", pod->name);
    }
    return g_string_free(names, FALSE);
}

/* ---- Reports. ---- */

typedef struct {
    CheckRun *run;
    const Object *claim, *class; /* class may be NULL */
    const char *class_name;      /* "" when the claim names none */
} Claim;

/* NULL when it has not been so for long enough. */
static Finding *
report(const Claim *claim, int row, const char *title, const char *cause)
{
    const Object *object = claim->claim;
    if (!check_held(claim->run, &rows[row], object->created_s))
        return NULL;
    Finding *finding = check_report(claim->run, &rows[row], object);
    g_autofree char *pods = waiting_pods(claim->run, object, finding);
    const Event *event =
        snapshot_event(claim->run->snapshot, object,
                       "ProvisioningFailed|FailedBinding|ExternalProvisioning|VolumeMismatch", 0);
    finding_since(finding, object->created_s);
    finding_title(finding, "PersistentVolumeClaim %s: %s", object->name, title);
    finding_cause(finding, "%s%s%s%s", cause, pods[0] != '\0' ? " Pods wait for it: " : "", pods,
                  pods[0] != '\0' ? "." : "");
    if (event != NULL)
        finding_evidence(finding, "%s: %s", event->reason, event->message);
    check_advise(finding, object);
    return finding;
}

static void
report_class_missing(const Claim *claim)
{
    g_autofree char *names = class_names(claim->run, claim->class_name);
    g_autofree char *title = g_strdup_printf("storage class %s does not exist", claim->class_name);
    g_autofree char *cause =
        g_strdup_printf("The claim asks for storage class %s, which does not exist; there is %s.",
                        claim->class_name, names[0] != '\0' ? names : "none at all");
    Finding *finding = report(claim, ROW_CLASS_MISSING, title, cause);
    if (finding != NULL)
        finding_misses(finding, KIND_STORAGE_CLASS, "", claim->class_name);
}

/* Whether a volume would do: class, size, access modes. */
static bool
fits(const Object *volume, const Claim *claim)
{
    double wanted = 0, has = 0;
    const Value *spec = value_at(claim->claim->value, "spec");
    if (!value_is(volume->value, "status.phase", "Available") ||
        !value_is(volume->value, "spec.storageClassName", claim->class_name))
        return false;
    (void)quantity_parse(value_text(spec, "resources.requests.storage"), &wanted);
    (void)quantity_parse(value_text(volume->value, "spec.capacity.storage"), &has);
    for (const Value *mode = value_first(spec, "accessModes"); mode != NULL; mode = mode->next) {
        const Value *own = value_first(volume->value, "spec.accessModes");
        while (own != NULL && !value_is(own, "", value_text(mode, "")))
            own = own->next;
        if (own == NULL)
            return false;
    }
    return has >= wanted;
}

static void
look_at_static(const Claim *claim)
{
    const GPtrArray *volumes = snapshot_objects(claim->run->snapshot, KIND_PV);
    guint n = 0;
    if (!snapshot_knows(claim->run->snapshot, KIND_PV))
        return;
    for (guint i = 0; i < volumes->len; i++) {
        if (fits(volumes->pdata[i], claim))
            return;
        n += value_is(((const Object *)volumes->pdata[i])->value, "status.phase", "Available");
    }
    g_autofree char *cause = g_strdup_printf(
        "The claim asks for %s of class '%s', whose volumes are made by hand; %u volumes are "
        "available, and none fits.",
        value_text(claim->claim->value, "spec.resources.requests.storage"), claim->class_name, n);
    report(claim, ROW_STATIC, "no volume fits", cause);
}

static void
look_at_volume_name(const Claim *claim, const char *name)
{
    const Object *volume = snapshot_get(claim->run->snapshot, KIND_PV, "", name);
    if (volume == NULL && !snapshot_knows(claim->run->snapshot, KIND_PV))
        return;
    const Value *ref = volume != NULL ? value_at(volume->value, "spec.claimRef") : NULL;
    if (volume != NULL && (ref == NULL || (value_is(ref, "name", claim->claim->name) &&
                                           value_is(ref, "namespace", claim->claim->ns))))
        return;
    g_autofree char *title = g_strdup_printf(
        "volume %s %s", name, volume == NULL ? "does not exist" : "belongs to another claim");
    g_autofree char *cause =
        volume == NULL
            ? g_strdup_printf("The claim names volume %s, which does not exist.", name)
            : g_strdup_printf("The claim names volume %s, which is bound to claim %s/%s.", name,
                              value_text(ref, "namespace"), value_text(ref, "name"));
    Finding *finding = report(claim, ROW_TAKEN, title, cause);
    if (finding != NULL && volume == NULL)
        finding_misses(finding, KIND_PV, "", name);
}

/* What the words of a driver are about; "" when they are of none of these. */
static const char *
failure_class(const char *message)
{
    static const struct {
        const char *word, *class;
    } words[] = {
        {"quota", ": its quota is used up"},
        {"limit exceeded", ": its quota is used up"},
        {"LimitExceeded", ": its quota is used up"},
        {"permission", ": it lacks rights"},
        {"denied", ": it lacks rights"},
        {"nauthorized", ": it lacks rights"},
        {"forbidden", ": it lacks rights"},
        {"access mode", ": it cannot serve this access mode"},
        {"MULTI_NODE", ": it cannot serve this access mode"},
        {"not found", ": something that it needs does not exist"},
        {"zone", ": the zone does not fit"},
        {"topology", ": the zone does not fit"},
        {"parameter", ": a parameter of the class is wrong"},
        {"DeadlineExceeded", ": its back end does not answer"},
        {"timed out", ": its back end does not answer"},
        {"connection", ": its back end does not answer"},
        {"no space", ": its back end is full"},
        {"insufficient", ": its back end is full"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        if (strstr(message, words[i].word) != NULL)
            return words[i].class;
    }
    return "";
}

static void
report_failure(const Claim *claim, const char *driver, const char *message)
{
    const char *class = failure_class(message);
    bool is_access_mode = strstr(class, "access mode") != NULL;
    g_autofree char *title = g_strdup_printf("the storage driver failed%s", class);
    g_autofree char *cause =
        g_strdup_printf("Driver %s tried to make the volume and failed: %s.", driver, message);
    report(claim, is_access_mode ? ROW_ACCESS_MODE : ROW_PROVISION, title, cause);
}

/* The pods of the driver that are not ready are its cause. */
static void
report_waiting(const Claim *claim, const char *driver, const GPtrArray *pods)
{
    GString *down = g_string_new(NULL);
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        if (pod_is_wanted(pod) && !value_is(condition_of(pod, "Ready"), "status", "True"))
            g_string_append_printf(down, "%s%s/%s", down->len > 0 ? ", " : "", pod->ns, pod->name);
    }
    g_autofree char *cause = g_strdup_printf(
        "The claim waits for driver %s of class %s%s%s.", driver, claim->class->name,
        down->len > 0 ? ", whose pods are not ready: " : "", down->str);
    Finding *finding = report(claim, ROW_PENDING, "it waits for its volume", cause);
    for (guint i = 0; finding != NULL && i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        if (pod_is_wanted(pod) && !value_is(condition_of(pod, "Ready"), "status", "True"))
            finding_blame(finding, pod);
    }
    g_string_free(down, TRUE);
}

static void
report_driver_missing(const Claim *claim, const char *driver)
{
    g_autofree char *cause =
        g_strdup_printf("The claim's class %s needs driver %s, which is not installed.",
                        claim->class->name, driver);
    Finding *finding =
        report(claim, ROW_NO_PROVISIONER, "its storage driver is not installed", cause);
    if (finding != NULL)
        finding_misses(finding, KIND_CSI_DRIVER, "", driver);
}

/* Whether the volume is to be made now: at once, or when its pod has a node. */
static bool
is_due(const Claim *claim)
{
    const Value *annotations = value_at(claim->claim->value, "metadata.annotations");
    return !value_is(claim->class->value, "volumeBindingMode", "WaitForFirstConsumer") ||
           value_get(annotations, "volume.kubernetes.io/selected-node") != NULL ||
           snapshot_event(claim->run->snapshot, claim->claim, "ExternalProvisioning",
                          claim->run->now_s - RECENT_S) != NULL;
}

static void
look_at_driver(const Claim *claim)
{
    const Snapshot *snapshot = claim->run->snapshot;
    const char *driver = value_text(claim->class->value, "provisioner");
    const Event *failed =
        snapshot_event(snapshot, claim->claim, "ProvisioningFailed", claim->run->now_s - RECENT_S);
    if (failed != NULL) {
        report_failure(claim, driver, failed->message);
        return;
    }
    if (!is_due(claim))
        return;
    g_autoptr(GPtrArray) pods = driver_pods(claim->run->relations, snapshot, driver);
    if (pods->len == 0 && !g_str_has_prefix(driver, "kubernetes.io/") &&
        snapshot_presence(snapshot, KIND_CSI_DRIVER, "", driver) == PRESENCE_MISSING)
        report_driver_missing(claim, driver);
    else
        report_waiting(claim, driver, pods);
}

static void
look_at_pending(const Claim *claim)
{
    const Value *spec = value_at(claim->claim->value, "spec");
    const char *volume = value_text(spec, "volumeName");
    bool names_class = value_get(spec, "storageClassName") != NULL;
    bool knows_classes = snapshot_knows(claim->run->snapshot, KIND_STORAGE_CLASS);
    if (volume[0] != '\0')
        look_at_volume_name(claim, volume);
    else if (!names_class && knows_classes && !has_default(claim->run))
        report(claim, ROW_NO_DEFAULT, "it names no storage class, and there is no default",
               "The claim names no storage class, and the cluster has no default class, so nobody "
               "makes its volume.");
    else if (names_class && claim->class_name[0] == '\0')
        look_at_static(claim);
    else if (claim->class == NULL && names_class && knows_classes)
        report_class_missing(claim);
    else if (claim->class != NULL &&
             value_is(claim->class->value, "provisioner", "kubernetes.io/no-provisioner"))
        look_at_static(claim);
    else if (claim->class != NULL)
        look_at_driver(claim);
}

static void
look_at(CheckRun *run, const Object *object)
{
    const Value *value = object->value;
    const char *class_name = value_text(value, "spec.storageClassName");
    const Claim claim = {
        run, object, snapshot_get(run->snapshot, KIND_STORAGE_CLASS, "", class_name), class_name};
    int64_t deleted_s = value_time(value, "metadata.deletionTimestamp");
    if (deleted_s != 0) {
        Finding *finding = check_held(run, &rows[ROW_TERMINATING], deleted_s)
                               ? check_report(run, &rows[ROW_TERMINATING], object)
                               : NULL;
        if (finding == NULL)
            return;
        g_autofree char *pods = waiting_pods(run, object, finding);
        finding_since(finding, deleted_s);
        finding_title(finding, "PersistentVolumeClaim %s cannot be deleted while it is in use",
                      object->name);
        finding_cause(finding,
                      "The claim is to be deleted, and waits for the pods that use it: %s.",
                      pods[0] != '\0' ? pods : "none are known");
        check_advise(finding, object);
    } else if (value_is(value, "status.phase", "Lost")) {
        report(&claim, ROW_LOST, "its volume is gone",
               "The volume that the claim was bound to does not exist any more; its data cannot be "
               "reached.");
    } else if (value_is(value, "status.phase", "Pending")) {
        look_at_pending(&claim);
    }
}

static void
run_claims(CheckRun *run)
{
    const GPtrArray *claims = snapshot_objects(run->snapshot, KIND_PVC);
    for (guint i = 0; i < claims->len; i++)
        look_at(run, claims->pdata[i]);
}
