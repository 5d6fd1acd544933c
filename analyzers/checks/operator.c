/* Objects of operators that say by a condition that they do not work: secrets from elsewhere,
 * scalers. */
#include <string.h>

#include "analyzers/checks/secret_user.h"
#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_operators(CheckRun *run);

enum { ROW_EXTERNAL_SECRET, ROW_SEALED_SECRET, ROW_SCALED_OBJECT, ROW_VPA };

static const CheckRow rows[] = {
    [ROW_EXTERNAL_SECRET] =
        {
            .id = "externalsecret-not-ready",
            .kind = "ExternalSecret",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_QUOTA,
            .tier = 2,
            .hold_s = 10 * 60,
            .symptom = "A Secret is not fetched from its store.",
            .meaning = "The condition Ready of an ExternalSecret or SecretStore is False.",
            .fix = "Look at the credentials of the store and the path of the secret.",
            .run = run_operators,
            .needs = {KIND_EXTERNAL_SECRET, KIND_SECRET_STORE},
        },
    [ROW_SEALED_SECRET] =
        {
            .id = "sealedsecret-failed",
            .kind = "SealedSecret",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_QUOTA,
            .tier = 2,
            .hold_s = 10 * 60,
            .symptom = "A sealed secret cannot be opened.",
            .meaning = "The condition Synced of a SealedSecret is False.",
            .fix = "Seal the secret anew with the key of this cluster.",
            .run = run_operators,
            .needs = {KIND_SEALED_SECRET},
        },
    [ROW_SCALED_OBJECT] =
        {
            .id = "keda-scaledobject",
            .kind = "ScaledObject",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_SCALING,
            .tier = 2,
            .hold_s = 10 * 60,
            .symptom = "A scaler does not scale, or only by its fallback.",
            .meaning = "The condition Ready of a ScaledObject is not True, or Fallback is.",
            .fix = "Look at the credentials and the source of its triggers.",
            .run = run_operators,
            .needs = {KIND_SCALED_OBJECT},
        },
    [ROW_VPA] =
        {
            .id = "vpa-problem",
            .kind = "VerticalPodAutoscaler",
            .severity = SEVERITY_LOW,
            .stage = STAGE_SCALING,
            .tier = 2,
            .hold_s = 3600,
            .symptom = "A vertical autoscaler gives no recommendation.",
            .meaning = "The condition RecommendationProvided is False, or ConfigUnsupported is "
                       "True.",
            .fix = "Look at its target, and at the metrics.",
            .run = run_operators,
            .needs = {KIND_VPA},
        },
};

const CheckTopic check_topic_operator = {rows, G_N_ELEMENTS(rows)};

/* A condition with this status is a fault. */
static const struct {
    Kind kind;
    size_t row;
    const char *type, *status, *what;
} faults[] = {
    {KIND_SECRET_STORE, ROW_EXTERNAL_SECRET, "Ready", "False", "cannot be reached"},
    {KIND_CLUSTER_SECRET_STORE, ROW_EXTERNAL_SECRET, "Ready", "False", "cannot be reached"},
    {KIND_EXTERNAL_SECRET, ROW_EXTERNAL_SECRET, "Ready", "False", "is not fetched"},
    {KIND_SEALED_SECRET, ROW_SEALED_SECRET, "Synced", "False", "cannot be opened"},
    {KIND_SCALED_OBJECT, ROW_SCALED_OBJECT, "Ready", "False", "is not ready"},
    {KIND_SCALED_OBJECT, ROW_SCALED_OBJECT, "Fallback", "True", "scales by its fallback only"},
    {KIND_VPA, ROW_VPA, "RecommendationProvided", "False", "gives no recommendation"},
    {KIND_VPA, ROW_VPA, "ConfigUnsupported", "True", "is configured wrongly"},
};

/* The Secret that it makes; "" for none. */
static const char *
secret_of(const Object *object)
{
    const char *name = "";
    if (object->kind == KIND_EXTERNAL_SECRET)
        name = value_text(object->value, "spec.target.name");
    else if (object->kind == KIND_SEALED_SECRET)
        name = value_text(object->value, "spec.template.metadata.name");
    else
        return "";
    return name[0] != '\0' ? name : object->name;
}

static void
look_at(CheckRun *run, const Object *object, size_t fault)
{
    const CheckRow *row = &rows[faults[fault].row];
    const Value *condition = condition_of(object, faults[fault].type);
    int64_t since_s = value_time(condition, "lastTransitionTime");
    if (since_s == 0) /* KEDA gives no times */
        since_s = object_changed_s(object, NULL);
    if (status_is(object, "Paused", "True") ||
        !value_is(condition, "status", faults[fault].status) || !check_held(run, row, since_s))
        return;
    const char *kind = kind_row(object->kind)->kind, *reason = value_text(condition, "reason");
    const char *message = value_text(condition, "message");
    Finding *finding = check_report_once(run, row, object, "");
    if (finding == NULL)
        return;
    finding_since(finding, value_time(condition, "lastTransitionTime"));
    if (object->kind == KIND_EXTERNAL_SECRET) {
        const Value *ref = value_at(object->value, "spec.secretStoreRef");
        bool is_cluster = value_is(ref, "kind", "ClusterSecretStore");
        const Object *from =
            snapshot_get(run->snapshot, is_cluster ? KIND_CLUSTER_SECRET_STORE : KIND_SECRET_STORE,
                         is_cluster ? "" : object->ns, value_text(ref, "name"));
        if (from != NULL && value_is(condition_of(from, "Ready"), "status", "False"))
            finding_blame(finding, from);
    }
    finding_title(finding, "%s %s %s%s%s", kind, object->name, faults[fault].what,
                  reason[0] != '\0' ? ": " : "", reason);
    finding_cause(finding, "%s %s %s: %s", kind, object->name, faults[fault].what,
                  message[0] != '\0' ? message : reason);
    secret_users_add(run, finding, object->ns, secret_of(object));
    check_advise(finding, object);
}

static void
run_operators(CheckRun *run)
{
    for (size_t fault = 0; fault < G_N_ELEMENTS(faults); fault++) {
        const GPtrArray *all = snapshot_objects(run->snapshot, faults[fault].kind);
        for (guint i = 0; i < all->len; i++) {
            if (!status_is_deleted(all->pdata[i]))
                look_at(run, all->pdata[i], fault);
        }
    }
}
