/* What the template of pods refers to: ConfigMaps, Secrets, ServiceAccounts, claims. */
#include <string.h>

#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_references(CheckRun *run);

enum { ROW_CONFIG_MAP, ROW_SECRET, ROW_SERVICE_ACCOUNT, ROW_CLAIM };

static const CheckRow rows[] = {
    [ROW_CONFIG_MAP] =
        {
            .id = "missing-configmap-ref",
            .kind = "Pod template",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_REFERENCE,
            .tier = 1,
            .is_own_cause = true,
            .symptom =
                "Pods cannot start, or could not start again, because a ConfigMap is not there.",
            .meaning =
                "A volume, envFrom or env of the template names a ConfigMap, or a key of one, "
                "that its namespace does not have, and does not say that it is optional.",
            .fix = "Create the ConfigMap or the key, or correct the name.",
            .run = run_references,
            .needs = {KIND_CONFIG_MAP},
        },
    [ROW_SECRET] =
        {
            .id = "missing-secret-ref",
            .kind = "Pod template",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_REFERENCE,
            .tier = 1,
            .is_own_cause = true,
            .symptom =
                "Pods cannot start, or could not start again, because a Secret is not there.",
            .meaning =
                "A volume, envFrom or env of the template names a Secret that its namespace "
                "does not have, and does not say that it is optional. Values are never read.",
            .fix = "Create the Secret, or correct the name.",
            .run = run_references,
            .needs = {KIND_SECRET},
        },
    [ROW_SERVICE_ACCOUNT] =
        {
            .id = "missing-serviceaccount",
            .kind = "Pod template",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_REFERENCE,
            .tier = 1,
            .is_own_cause = true,
            .symptom = "No pod can be created because its ServiceAccount is not there.",
            .meaning =
                "spec.serviceAccountName of the template names an account that its namespace "
                "does not have.",
            .fix = "Create the ServiceAccount, or correct the name.",
            .run = run_references,
            .needs = {KIND_SERVICE_ACCOUNT},
        },
    [ROW_CLAIM] =
        {
            .id = "missing-pvc-ref",
            .kind = "Pod template",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_REFERENCE,
            .tier = 1,
            .is_own_cause = true,
            .symptom = "Pods cannot be scheduled because a claim is not there.",
            .meaning =
                "A volume of the template names a PersistentVolumeClaim that its namespace does "
                "not have.",
            .fix = "Create the claim, or correct claimName.",
            .run = run_references,
            .needs = {KIND_PVC},
        },
};

const CheckTopic check_topic_reference = {rows, G_N_ELEMENTS(rows)};

/* One template, and where it comes from. */
typedef struct {
    CheckRun *run;
    const Object *owner;
    const Value *template;
} Template;

/* Pods of it that wait to start, or without its account cannot be created; since when. */
static int64_t
waiting_since(const Template *t, Kind kind, guint *ret_n)
{
    g_autoptr(GPtrArray) pods = relations_pods(t->run->relations, t->owner);
    int64_t since_s = 0;
    *ret_n = 0;
    if (t->owner->kind == KIND_POD)
        g_ptr_array_add(pods, (gpointer)(uintptr_t)t->owner);
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        if (!value_is(pod->value, "status.phase", "Pending"))
            continue;
        ++*ret_n;
        since_s = since_s == 0 ? pod->created_s : MIN(since_s, pod->created_s);
    }
    if (kind == KIND_SERVICE_ACCOUNT && status_is(t->owner, "ReplicaFailure", "True"))
        return status_since(t->owner, "ReplicaFailure");
    return since_s;
}

/* Namespaces that have it, for a hint. */
static const Object *
elsewhere(const CheckRun *run, Kind kind, const char *name)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, kind);
    for (guint i = 0; i < all->len; i++) {
        const Object *object = all->pdata[i];
        if (strcmp(object->name, name) == 0)
            return object;
    }
    return NULL;
}

static void
report(const Template *t, const CheckRow *row, Kind kind, const char *name, const char *where)
{
    const char *word = kind_row(kind)->kind, *ns = t->owner->ns;
    guint n_waiting;
    int64_t since_s = waiting_since(t, kind, &n_waiting);
    Finding *finding = check_report_once(t->run, row, t->owner, name);
    if (finding == NULL)
        return;
    finding->severity = n_waiting > 0 || since_s > 0 ? row->severity : SEVERITY_MEDIUM;
    finding_since(finding, since_s);
    finding_misses(finding, kind, ns, name);
    finding_title(finding, "%s %s needs %s %s, which does not exist",
                  kind_row(t->owner->kind)->kind, t->owner->name, word, name);
    finding_cause(finding, "%s names %s %s, which namespace %s does not have; %s.", where, word,
                  name, ns,
                  n_waiting > 0 ? "pods wait for it and cannot start"
                  : since_s > 0 ? "no pod can be created"
                                : "a new pod could not start");
    const Object *other = elsewhere(t->run, kind, name);
    if (other != NULL)
        finding_evidence(finding, "Namespace %s has a %s of this name", other->ns, word);
    if (n_waiting > 0)
        finding_evidence(finding, "Pods that wait: %u", n_waiting);
    finding_fix(finding, "Create %s %s in namespace %s, or correct the name in %s.", word, name, ns,
                where);
    finding_fix(finding, "kubectl -n %s get %s", ns, kind_row(kind)->resource);
    g_autoptr(GPtrArray) pods = relations_pods(t->run->relations, t->owner);
    for (guint i = 0; i < pods->len; i++)
        finding_about(finding, pods->pdata[i]);
}

static void
look_for(const Template *t, size_t row, Kind kind, const char *name, const char *where)
{
    if (name[0] != '\0' &&
        snapshot_presence(t->run->snapshot, kind, t->owner->ns, name) == PRESENCE_MISSING)
        report(t, &rows[row], kind, name, where);
}

static void
look_at_source(const Template *t, const Value *source, const char *config_map, const char *secret,
               const char *where)
{
    const Value *map = value_at(source, config_map), *hidden = value_at(source, secret);
    if (!value_is_true(map, "optional"))
        look_for(t, ROW_CONFIG_MAP, KIND_CONFIG_MAP, value_text(map, "name"), where);
    if (!value_is_true(hidden, "optional")) {
        const char *name = value_text(hidden, "secretName");
        look_for(t, ROW_SECRET, KIND_SECRET, name[0] != '\0' ? name : value_text(hidden, "name"),
                 where);
    }
}

static void
look_at_container(const Template *t, const Value *container)
{
    g_autofree char *where = g_strdup_printf("container %s", value_text(container, "name"));
    for (const Value *from = value_first(container, "envFrom"); from != NULL; from = from->next)
        look_at_source(t, from, "configMapRef", "secretRef", where);
    for (const Value *env = value_first(container, "env"); env != NULL; env = env->next) {
        g_autofree char *variable = g_strdup_printf("%s of %s", value_text(env, "name"), where);
        look_at_source(t, env, "valueFrom.configMapKeyRef", "valueFrom.secretKeyRef", variable);
    }
}

static void
look_at_volume(const Template *t, const Value *volume)
{
    g_autofree char *where = g_strdup_printf("volume %s", value_text(volume, "name"));
    look_at_source(t, volume, "configMap", "secret", where);
    for (const Value *source = value_first(volume, "projected.sources"); source != NULL;
         source = source->next)
        look_at_source(t, source, "configMap", "secret", where);
    look_for(t, ROW_CLAIM, KIND_PVC, value_text(volume, "persistentVolumeClaim.claimName"), where);
}

static void
look_at_template(CheckRun *run, const Object *owner)
{
    const Template t = {run, owner, pod_template(owner)};
    const char *const containers[] = {"spec.initContainers", "spec.containers"};
    for (size_t i = 0; i < G_N_ELEMENTS(containers); i++) {
        for (const Value *c = value_first(t.template, containers[i]); c != NULL; c = c->next)
            look_at_container(&t, c);
    }
    for (const Value *volume = value_first(t.template, "spec.volumes"); volume != NULL;
         volume = volume->next)
        look_at_volume(&t, volume);
    look_for(&t, ROW_SERVICE_ACCOUNT, KIND_SERVICE_ACCOUNT,
             value_text(t.template, "spec.serviceAccountName"), "spec.serviceAccountName");
}

/* Templates in use: those of what is scaled to zero hurt nobody, nor do those of finished pods. */
static bool
is_in_use(const Object *owner)
{
    const char *phase = value_text(owner->value, "status.phase");
    if (owner->kind == KIND_POD)
        return strcmp(phase, "Succeeded") != 0 && strcmp(phase, "Failed") != 0;
    if (value_is_true(owner->value, "spec.suspend"))
        return false;
    return owner->kind == KIND_DAEMON_SET || owner->kind == KIND_CRON_JOB ||
           owner->kind == KIND_JOB || value_int(owner->value, "spec.replicas", 1) > 0;
}

static void
run_references(CheckRun *run)
{
    static const Kind kinds[] = {KIND_DEPLOYMENT,
                                 KIND_STATEFUL_SET,
                                 KIND_DAEMON_SET,
                                 KIND_CRON_JOB,
                                 KIND_REPLICA_SET,
                                 KIND_JOB,
                                 KIND_REPLICATION_CONTROLLER,
                                 KIND_POD};
    for (size_t k = 0; k < G_N_ELEMENTS(kinds); k++) {
        const GPtrArray *owners = snapshot_objects(run->snapshot, kinds[k]);
        for (guint i = 0; i < owners->len; i++) {
            const Object *owner = owners->pdata[i];
            if (relations_owner(run->relations, owner) == NULL && is_in_use(owner))
                look_at_template(run, owner);
        }
    }
}
