#include "analyzers/checks/recent_change.h"

#include "analyzers/checks/container.h"
#include "analyzers/checks/rollout.h"
#include "analyzers/checks/status.h"
#include "analyzers/collect/change.h"
#include "analyzers/collect/reference.h"

/* How long after a change trouble may still be its. */
enum { SOON_S = 30 * 60 };

static bool
is_recent(const Finding *finding, int64_t at_s)
{
    return at_s > 0 && at_s <= finding->since_s && finding->since_s - at_s <= SOON_S;
}

/* ---- What its pods read. ---- */

typedef struct {
    const CheckRun *run;
    Finding *finding;
    const char *ns;
} Reader;

static void
tell_written(Finding *finding, const Object *object)
{
    const char *manager;
    int64_t changed_s = object_changed_s(object, &manager);
    if (!is_recent(finding, changed_s))
        return;
    finding_changed(finding, changed_s, "%s %s was %s%s%s", kind_row(object->kind)->kind,
                    object->name, changed_s == object->created_s ? "made" : "changed",
                    manager[0] != '\0' ? " by " : "", manager);
}

static void
look_at_reference(void *data, Kind kind, const char *name)
{
    const Reader *reader = data;
    const Object *object = snapshot_get(reader->run->snapshot, kind, reader->ns, name);
    if (object != NULL)
        tell_written(reader->finding, object);
}

/* ---- Its object. ---- */

/* Kinds that people write, or what they deploy with; others are written by controllers. */
static bool
is_written_by_people(Kind kind)
{
    static const Kind kinds[] = {
        KIND_DEPLOYMENT,
        KIND_STATEFUL_SET,
        KIND_DAEMON_SET,
        KIND_CRON_JOB,
        KIND_SERVICE,
        KIND_INGRESS,
        KIND_INGRESS_CLASS,
        KIND_GATEWAY,
        KIND_HTTP_ROUTE,
        KIND_GRPC_ROUTE,
        KIND_PDB,
        KIND_NETWORK_POLICY,
        KIND_HPA,
        KIND_VALIDATING_WEBHOOK,
        KIND_MUTATING_WEBHOOK,
        KIND_STORAGE_CLASS,
    };
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (kinds[i] == kind)
            return true;
    }
    return false;
}

/* Some begin when their object was changed, which says nothing new. */
static void
look_at_object(Finding *finding)
{
    const Object *object = finding->object;
    if (is_written_by_people(object->kind) && object_changed_s(object, NULL) != finding->since_s)
        tell_written(finding, object);
}

/* ---- The nodes of its pods. ---- */

static void
look_at_node(Finding *finding, const Object *node)
{
    const Value *ready = condition_of(node, "Ready");
    int64_t ready_s = value_time(ready, "lastTransitionTime");
    if (is_recent(finding, node->created_s))
        finding_changed(finding, node->created_s, "node %s joined the cluster", node->name);
    else if (is_recent(finding, ready_s))
        finding_changed(finding, ready_s, "node %s became %s", node->name,
                        value_is(ready, "status", "True") ? "ready" : "unready");
    for (const Value *taint = value_first(node->value, "spec.taints"); taint != NULL;
         taint = taint->next) {
        int64_t added_s = value_time(taint, "timeAdded");
        if (is_recent(finding, added_s))
            finding_changed(finding, added_s, "node %s was given the taint %s", node->name,
                            value_text(taint, "key"));
    }
}

/* Pods that the check names, else all of the object. */
static GPtrArray *
pods_of(const CheckRun *run, const Finding *finding)
{
    GPtrArray *pods = relations_pods(run->relations, finding->object);
    if (finding->about->len > 0)
        g_ptr_array_set_size(pods, 0);
    for (guint i = 0; i < finding->about->len; i++)
        g_ptr_array_add(pods, finding->about->pdata[i]);
    if (finding->object->kind == KIND_POD)
        g_ptr_array_add(pods, (gpointer)(uintptr_t)finding->object);
    return pods;
}

static void
look_at_nodes(const CheckRun *run, Finding *finding)
{
    g_autoptr(GPtrArray) pods = pods_of(run, finding);
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        const Object *node = pod->kind == KIND_POD
                                 ? snapshot_get(run->snapshot, KIND_NODE, "", pod_node(pod))
                                 : NULL;
        if (node != NULL && g_hash_table_add(seen, (gpointer)(uintptr_t)node))
            look_at_node(finding, node);
    }
}

/* ---- Its roll-out. ---- */

/* Whether there was one. */
static bool
look_at_rollout(const CheckRun *run, Finding *finding)
{
    const Object *object = finding->object;
    const Rollout rollout = rollout_of(run, object);
    if (rollout.before == NULL || !is_recent(finding, rollout.now->created_s))
        return false;
    g_autofree char *changes = rollout_changes(&rollout);
    g_autofree char *kind = g_ascii_strdown(kind_row(object->kind)->kind, -1);
    finding_changed(finding, rollout.now->created_s,
                    "roll-out of revision %" G_GINT64_FORMAT "%s%s", rollout_revision(rollout.now),
                    *changes != '\0' ? ", which changed " : "", changes);
    finding_fix(finding,
                "kubectl -n %s rollout history %s/%s (suggestion to go back: "
                "kubectl -n %s rollout undo %s/%s)",
                object->ns, kind, object->name, object->ns, kind, object->name);
    return true;
}

void
recent_changes_explain(const CheckRun *run, Finding *finding)
{
    const Object *object = finding->object;
    if (finding->since_s == 0)
        return;
    bool is_rolled_out = look_at_rollout(run, finding);
    const Reader reader = {run, finding, object->ns};
    template_each_reference(pod_template(object), look_at_reference, (void *)(uintptr_t)&reader);
    if (!is_rolled_out)
        look_at_object(finding);
    look_at_nodes(run, finding);
}
