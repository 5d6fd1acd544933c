/* Custom resources that say by their conditions that they do not work. */
#include <string.h>

#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_customs(CheckRun *run);

enum {
    ROW_ANY,
    ROW_DATABASE,
    ROW_KNATIVE,
    ROW_CLUSTER_API,
    ROW_NODES,
    ROW_KYVERNO,
    ROW_CILIUM,
    ROW_MANAGED
};

#define CUSTOM_ROW(name, what, level, hold, seen, told_by, step, ...)                              \
    {                                                                                              \
        .id = name, .kind = what, .severity = level, .stage = STAGE_SCALING, .tier = 2,            \
        .hold_s = hold, .is_umbrella = true, .symptom = seen, .meaning = told_by, .fix = step,     \
        .run = run_customs, .needs = {                                                             \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

static const CheckRow rows[] = {
    [ROW_ANY] = CUSTOM_ROW(
        "cr-condition-bad", "custom resources", SEVERITY_MEDIUM, 15 * 60,
        "An operator says that one of its objects is not well.",
        "A condition such as Ready or Available is False, or one such as Degraded or Failed is "
        "True, for the present generation of the object.",
        "Read the message of the condition, and the log of the operator.",
        KIND_ARGO_APPLICATION_SET, KIND_SCALED_JOB, KIND_PROMETHEUS, KIND_ALERTMANAGER),
    [ROW_DATABASE] =
        CUSTOM_ROW("db-operator-unhealthy", "Cluster, Kafka, postgresql", SEVERITY_HIGH, 15 * 60,
                   "A database or message broker is not well, as its operator says.",
                   "The condition Ready is False, or the status is one of failure.",
                   "Look at the message of the operator, then at the pods of the cluster.",
                   KIND_CNPG_CLUSTER, KIND_STRIMZI_KAFKA, KIND_ZALANDO_POSTGRESQL),
    [ROW_KNATIVE] = CUSTOM_ROW("knative-service", "Service (serving.knative.dev)", SEVERITY_MEDIUM,
                               10 * 60, "A Knative service does not serve its newest revision.",
                               "The condition Ready of the service is False.",
                               "Look at the revision that the message names, and at its pods.",
                               KIND_KNATIVE_SERVICE),
    [ROW_CLUSTER_API] = CUSTOM_ROW("cluster-api", "Cluster, Machine (cluster.x-k8s.io)",
                                   SEVERITY_HIGH, 15 * 60, "A machine or cluster was not made.",
                                   "The condition Ready is False, or status.phase is Failed.",
                                   "Look at the bootstrap log of the machine, and at the provider.",
                                   KIND_CAPI_CLUSTER, KIND_CAPI_MACHINE),
    [ROW_NODES] = CUSTOM_ROW(
        "autoscaler-unhealthy", "NodePool, NodeClaim", SEVERITY_HIGH, 15 * 60,
        "No new nodes come when pods need them.",
        "The condition Ready of a NodePool, or Launched, Registered or Initialized of a NodeClaim, "
        "is False.",
        "Look at the quota, the subnets and the launch template.", KIND_KARPENTER_NODE_POOL,
        KIND_KARPENTER_NODE_CLAIM),
    [ROW_KYVERNO] =
        CUSTOM_ROW("kyverno-policy-not-ready", "ClusterPolicy, Policy", SEVERITY_MEDIUM, 10 * 60,
                   "A policy is not in force.", "The condition Ready of the policy is False.",
                   "Look at the message, and at the webhooks of Kyverno.",
                   KIND_KYVERNO_CLUSTER_POLICY, KIND_KYVERNO_POLICY),
    [ROW_CILIUM] = CUSTOM_ROW(
        "netpol-cilium-invalid", "CiliumNetworkPolicy", SEVERITY_MEDIUM, 5 * 60,
        "A network policy of Cilium is not in force.",
        "The condition Valid of a CiliumNetworkPolicy or CiliumClusterwideNetworkPolicy is False: "
        "Cilium cannot read it.",
        "Correct the selector or the rule that the message names.", KIND_CILIUM_POLICY,
        KIND_CILIUM_CLUSTER_POLICY),
    [ROW_MANAGED] = CUSTOM_ROW(
        "crossplane-managed", "managed resources of Crossplane", SEVERITY_MEDIUM, 15 * 60,
        "Something outside of the cluster is not as an object wants it.",
        "The condition Synced or Ready of a managed resource is False; one that is being created "
        "or deleted has an hour. They are listed for the API groups of --managed-groups.",
        "Look at the credentials of the provider's configuration, at limits of the account, and "
        "at what the message names.",
        KIND_MANAGED),
};

const CheckTopic check_topic_custom = {rows, G_N_ELEMENTS(rows)};

/* Conditions that are to be True, and those that are not. */
static const char *const good_types[] = {"Ready",      "Available",   "Healthy",   "Synced",
                                         "Reconciled", "Established", "Succeeded", "Launched",
                                         "Registered", "Initialized", "Valid",     NULL};
static const char *const bad_types[] = {"Degraded", "Failed",        "Stalled", "NotReady",
                                        "Error",    "ErrorOccurred", NULL};

/* The kinds; `path` and `words`, when given, are a status and what is bad about it. */
static const struct {
    Kind kind;
    size_t row;
    const char *path, *words;
} customs[] = {
    {KIND_ARGO_APPLICATION_SET, ROW_ANY, NULL, NULL},
    {KIND_SCALED_JOB, ROW_ANY, NULL, NULL},
    {KIND_PROMETHEUS, ROW_ANY, NULL, NULL},
    {KIND_ALERTMANAGER, ROW_ANY, NULL, NULL},
    {KIND_LONGHORN_VOLUME, ROW_ANY, "status.robustness", "degraded|faulted"},
    {KIND_CNPG_CLUSTER, ROW_DATABASE, NULL, NULL},
    {KIND_STRIMZI_KAFKA, ROW_DATABASE, NULL, NULL},
    {KIND_ZALANDO_POSTGRESQL, ROW_DATABASE, "status.PostgresClusterStatus",
     "CreateFailed|UpdateFailed|SyncFailed|Invalid"},
    {KIND_KNATIVE_SERVICE, ROW_KNATIVE, NULL, NULL},
    {KIND_CAPI_CLUSTER, ROW_CLUSTER_API, "status.phase", "Failed"},
    {KIND_CAPI_MACHINE, ROW_CLUSTER_API, "status.phase", "Failed"},
    {KIND_KARPENTER_NODE_POOL, ROW_NODES, NULL, NULL},
    {KIND_KARPENTER_NODE_CLAIM, ROW_NODES, NULL, NULL},
    {KIND_KYVERNO_CLUSTER_POLICY, ROW_KYVERNO, NULL, NULL},
    {KIND_KYVERNO_POLICY, ROW_KYVERNO, NULL, NULL},
    {KIND_CILIUM_POLICY, ROW_CILIUM, NULL, NULL},
    {KIND_CILIUM_CLUSTER_POLICY, ROW_CILIUM, NULL, NULL},
    {KIND_MANAGED, ROW_MANAGED, NULL, NULL},
};

/* Whether a resource outside still has time to come or go: a database takes longer than most. */
static bool
is_in_progress(const CheckRun *run, const Object *object, const Value *condition, int64_t since_s)
{
    enum { CREATION_S = 3600 };
    bool is_moving =
        value_is(condition, "reason", "Creating") || value_is(condition, "reason", "Deleting");
    return object->kind == KIND_MANAGED && is_moving && run->now_s - since_s < CREATION_S;
}

/* Somebody has stopped it, or its operator has not looked at its newest form yet. */
static bool
is_not_meant(const Object *object)
{
    int64_t generation = value_int(object->value, "metadata.generation", 0);
    const Value *annotations = value_at(object->value, "metadata.annotations");
    return value_is(value_get(annotations, "crossplane.io/paused"), "", "true") ||
           status_is_deleted(object) || value_is_true(object->value, "spec.suspend") ||
           value_is_true(object->value, "spec.paused") || status_is(object, "Paused", "True") ||
           status_is(object, "Suspended", "True") || status_is(object, "Reconciling", "True") ||
           value_int(object->value, "status.observedGeneration", generation) < generation;
}

static bool
is_bad(const Object *object, const Value *condition)
{
    const char *type = value_text(condition, "type");
    int64_t generation = value_int(object->value, "metadata.generation", 0);
    if (value_int(condition, "observedGeneration", generation) < generation)
        return false;
    return value_is(condition, "status", "False")  ? g_strv_contains(good_types, type)
           : value_is(condition, "status", "True") ? g_strv_contains(bad_types, type)
                                                   : false;
}

/* The pods and claims that carry its name are what it is made of. */
static void
add_parts(const CheckRun *run, Finding *finding, const Object *object)
{
    static const char *const labels_of[] = {"cnpg.io/cluster", "strimzi.io/cluster", "cluster-name",
                                            "serving.knative.dev/service"};
    const GPtrArray *pods = snapshot_in_namespace(run->snapshot, KIND_POD, object->ns);
    for (guint i = 0; finding->check == &rows[ROW_DATABASE] && i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        const Value *labels = value_at(pod->value, "metadata.labels");
        for (size_t k = 0; k < G_N_ELEMENTS(labels_of); k++) {
            if (value_is(value_get(labels, labels_of[k]), "", object->name))
                finding_about(finding, pod);
        }
    }
}

static void
report(CheckRun *run, const CheckRow *row, const Object *object, const char *says,
       const char *message, int64_t since_s)
{
    const KindRow *kind = kind_row(object->kind);
    Finding *finding = check_report_once(run, row, object, "");
    if (finding == NULL)
        return;
    finding_since(finding, since_s);
    finding_title(finding, "%s %s is not well: %s", kind->kind, object->name, says);
    finding_cause(finding, "The operator of %s says of %s %s: %s%s%s", kind->group, kind->kind,
                  object->name, says, message[0] != '\0' ? ": " : ".", message);
    const char *phase = value_text(object->value, "status.phase");
    const char *why = value_text(object->value, "status.phaseReason");
    if (why[0] != '\0')
        finding_evidence(finding, "Its phase is %s: %s", phase, why);
    add_parts(run, finding, object);
    check_advise(finding, object);
}

static void
look_at_conditions(CheckRun *run, const CheckRow *row, const Object *object)
{
    for (const Value *c = value_first(object->value, "status.conditions"); c != NULL; c = c->next) {
        int64_t since_s = value_time(c, "lastTransitionTime");
        const char *reason = value_text(c, "reason");
        if (!is_bad(object, c) || is_in_progress(run, object, c, since_s) ||
            !check_held(run, row, since_s != 0 ? since_s : object_changed_s(object, NULL)))
            continue;
        g_autofree char *says =
            g_strdup_printf("%s is %s%s%s%s", value_text(c, "type"), value_text(c, "status"),
                            reason[0] != '\0' ? " (" : "", reason, reason[0] != '\0' ? ")" : "");
        report(run, row, object, says, value_text(c, "message"), since_s);
    }
}

static void
look_at_word(CheckRun *run, size_t custom, const Object *object)
{
    const CheckRow *row = &rows[customs[custom].row];
    const char *word = value_text(object->value, customs[custom].path);
    g_auto(GStrv) bad = g_strsplit(customs[custom].words, "|", -1);
    if (word[0] == '\0' || !g_strv_contains((const char *const *)bad, word) ||
        !check_held(run, row, object_changed_s(object, NULL)))
        return;
    g_autofree char *says = g_strdup_printf("%s is %s", customs[custom].path, word);
    report(run, row, object, says, value_text(object->value, "status.message"), 0);
}

static void
run_customs(CheckRun *run)
{
    for (size_t k = 0; k < G_N_ELEMENTS(customs); k++) {
        const GPtrArray *all = snapshot_objects(run->snapshot, customs[k].kind);
        for (guint i = 0; i < all->len; i++) {
            const Object *object = all->pdata[i];
            if (is_not_meant(object))
                continue;
            if (customs[k].path != NULL)
                look_at_word(run, k, object);
            look_at_conditions(run, &rows[customs[k].row], object);
        }
    }
}
