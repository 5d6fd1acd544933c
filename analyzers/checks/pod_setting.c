/* Classes and pull secrets that the template of pods names and that do not exist. */
#include <string.h>

#include "analyzers/checks/container.h"
#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_settings(CheckRun *run);

enum { ROW_PRIORITY, ROW_RUNTIME, ROW_PULL_SECRET };

static const CheckRow rows[] = {
    [ROW_PRIORITY] =
        {
            .id = "pod-priority-missing",
            .kind = "Pod template",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_REFERENCE,
            .tier = 1,
            .is_own_cause = true,
            .symptom = "No pod can be created because its priority class does not exist.",
            .meaning = "priorityClassName of the template names a PriorityClass that the cluster "
                       "does not have. The severity is medium while all pods run.",
            .fix = "Create the PriorityClass, or correct priorityClassName.",
            .run = run_settings,
            .needs = {KIND_PRIORITY_CLASS},
        },
    [ROW_RUNTIME] =
        {
            .id = "pod-runtimeclass-missing",
            .kind = "Pod template",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_PLUGIN,
            .tier = 1,
            .is_own_cause = true,
            .symptom = "No pod can be created because its runtime class does not exist.",
            .meaning = "runtimeClassName of the template names a RuntimeClass that the cluster "
                       "does not have. The severity is medium while all pods run.",
            .fix = "Install the RuntimeClass and its handler on the nodes, or remove "
                   "runtimeClassName.",
            .run = run_settings,
            .needs = {KIND_RUNTIME_CLASS},
        },
    [ROW_PULL_SECRET] =
        {
            .id = "pull-secret-missing",
            .kind = "Pod template",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_REFERENCE,
            .tier = 1,
            .is_umbrella = true,
            .is_own_cause = true,
            .symptom = "A pull secret that pods name does not exist.",
            .meaning = "imagePullSecrets of the template, or of its ServiceAccount, names a Secret "
                       "that the namespace does not have. The severity is low while the images "
                       "can be pulled without it.",
            .fix = "Create the Secret in this namespace, or take the name out.",
            .run = run_settings,
            .needs = {KIND_SECRET},
        },
};

const CheckTopic check_topic_pod_setting = {rows, G_N_ELEMENTS(rows)};

static bool
waits_for_image(const CheckRun *run, const Object *owner)
{
    g_autoptr(GPtrArray) pods = relations_pods(run->relations, owner);
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        for (const Value *c = value_first(pod->value, "status.containerStatuses"); c != NULL;
             c = c->next) {
            const char *reason = value_text(c, "state.waiting.reason");
            if (strcmp(reason, "ErrImagePull") == 0 || strcmp(reason, "ImagePullBackOff") == 0)
                return true;
        }
    }
    return false;
}

/* Whether a controller has fewer pods than it wants. */
static bool
lacks_pods(const Object *owner)
{
    const Value *value = owner->value;
    if (owner->kind == KIND_DAEMON_SET)
        return value_int(value, "status.currentNumberScheduled", 0) <
               value_int(value, "status.desiredNumberScheduled", 0);
    return value_int(value, "status.replicas", 0) < value_int(value, "spec.replicas", 1);
}

static void
report(CheckRun *run, int row, const Object *owner, Kind kind, const char *name, const char *field)
{
    const char *word = kind_row(kind)->kind;
    Finding *finding = check_report_once(run, &rows[row], owner, name);
    if (finding == NULL)
        return;
    bool is_secret = row == ROW_PULL_SECRET;
    finding_misses(finding, kind, is_secret ? owner->ns : "", name);
    bool hurts = is_secret ? waits_for_image(run, owner) : lacks_pods(owner);
    finding->severity = hurts ? SEVERITY_HIGH : (is_secret ? SEVERITY_LOW : SEVERITY_MEDIUM);
    finding_title(finding, "%s %s names %s %s, which does not exist", kind_row(owner->kind)->kind,
                  owner->name, word, name);
    if (is_secret)
        finding_cause(finding, "%s names pull secret %s, which namespace %s does not have; %s.",
                      field, name, owner->ns,
                      hurts ? "its images cannot be pulled" : "its images are pulled without it");
    else
        finding_cause(finding, "%s names %s %s, which does not exist; %s.", field, word, name,
                      hurts ? "the API server refuses its pods" : "a new pod would be refused");
    finding_fix(finding, "%s", rows[row].fix);
    if (is_secret)
        finding_fix(finding, "kubectl -n %s get secrets", owner->ns);
    else
        finding_fix(finding, "kubectl get %s", kind_row(kind)->resource);
}

static bool
is_missing(const CheckRun *run, Kind kind, const char *ns, const char *name)
{
    return name[0] != '\0' && snapshot_presence(run->snapshot, kind, ns, name) == PRESENCE_MISSING;
}

static void
look_at_pull_secrets(CheckRun *run, const Object *owner, const Value *holder, const char *path,
                     const char *field)
{
    for (const Value *ref = value_first(holder, path); ref != NULL; ref = ref->next) {
        const char *name = value_text(ref, "name");
        if (is_missing(run, KIND_SECRET, owner->ns, name))
            report(run, ROW_PULL_SECRET, owner, KIND_SECRET, name, field);
    }
}

static void
look_at(CheckRun *run, const Object *owner)
{
    const Value *template = pod_template(owner);
    const char *priority = value_text(template, "spec.priorityClassName");
    const char *runtime = value_text(template, "spec.runtimeClassName");
    const char *account = value_text(template, "spec.serviceAccountName");
    if (is_missing(run, KIND_PRIORITY_CLASS, "", priority))
        report(run, ROW_PRIORITY, owner, KIND_PRIORITY_CLASS, priority, "priorityClassName");
    if (is_missing(run, KIND_RUNTIME_CLASS, "", runtime))
        report(run, ROW_RUNTIME, owner, KIND_RUNTIME_CLASS, runtime, "runtimeClassName");
    const Object *robot = snapshot_get(run->snapshot, KIND_SERVICE_ACCOUNT, owner->ns,
                                       account[0] != '\0' ? account : "default");
    look_at_pull_secrets(run, owner, template, "spec.imagePullSecrets", "imagePullSecrets");
    if (value_count(template, "spec.imagePullSecrets") == 0 && robot != NULL)
        look_at_pull_secrets(run, owner, robot->value, "imagePullSecrets",
                             "imagePullSecrets of its ServiceAccount");
}

static void
run_settings(CheckRun *run)
{
    static const Kind kinds[] = {KIND_DEPLOYMENT, KIND_STATEFUL_SET, KIND_DAEMON_SET,
                                 KIND_REPLICA_SET};
    for (size_t k = 0; k < G_N_ELEMENTS(kinds); k++) {
        const GPtrArray *owners = snapshot_objects(run->snapshot, kinds[k]);
        for (guint i = 0; i < owners->len; i++) {
            const Object *owner = owners->pdata[i];
            bool is_off =
                owner->kind != KIND_DAEMON_SET && value_int(owner->value, "spec.replicas", 1) == 0;
            if (relations_owner(run->relations, owner) == NULL && !is_off &&
                !status_is_deleted(owner))
                look_at(run, owner);
        }
    }
}
