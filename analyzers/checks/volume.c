/* PersistentVolumes: that cannot be used, or that nobody uses. */
#include <string.h>

#include "analyzers/checks/container.h"
#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_volumes(CheckRun *run);

enum { ROW_FAILED, ROW_RELEASED, ROW_TERMINATING, ROW_NODE_GONE, ROW_ZONE };

#define VOLUME_ROW(name, level, order, hold, seen, told_by, step, ...)                             \
    {                                                                                              \
        .id = name, .kind = "PersistentVolume", .severity = level, .stage = order, .tier = 2,      \
        .hold_s = hold, .symptom = seen, .meaning = told_by, .fix = step, .run = run_volumes,      \
        .needs = {                                                                                 \
            KIND_PV,                                                                               \
            ##__VA_ARGS__                                                                          \
        }                                                                                          \
    }

static const CheckRow rows[] = {
    [ROW_FAILED] = VOLUME_ROW("pv-failed", SEVERITY_HIGH, STAGE_PLUGIN, 5 * 60,
                              "A volume could not be cleaned up after its claim was deleted.",
                              "The phase of the volume is Failed.",
                              "Look at the disk itself; delete it and the volume by hand after "
                              "its data has been checked."),
    [ROW_RELEASED] = VOLUME_ROW(
        "pv-released-retained", SEVERITY_INFO, STAGE_ADVICE, 7 * 86400,
        "A disk costs money though nobody can use it.",
        "The volume is Released for a week, and its policy is Retain.",
        "Use the volume again, or delete it and its disk after its data has been checked."),
    [ROW_TERMINATING] = VOLUME_ROW("pv-stuck-terminating", SEVERITY_MEDIUM, STAGE_PLUGIN, 10 * 60,
                                   "A volume is to be deleted, and stays.",
                                   "metadata.deletionTimestamp is older than ten minutes.",
                                   "Look at what its finalizers wait for: a claim, an attachment, "
                                   "the storage driver."),
    [ROW_NODE_GONE] = VOLUME_ROW(
        "pv-node-gone", SEVERITY_HIGH, STAGE_PLUGIN, 5 * 60,
        "Pods cannot start because their disk was in a machine that is not there any more.",
        "The node affinity of the volume wants a host name that no node has.",
        "Bring the node back, or restore the data from a backup into a new claim.", KIND_NODE),
    [ROW_ZONE] = VOLUME_ROW(
        "pv-zone-mismatch", SEVERITY_HIGH, STAGE_PLUGIN, 10 * 60,
        "Pods cannot start because their disk is in a zone in which no node takes them.",
        "The node affinity of the volume wants a zone without a node that is ready and not "
        "cordoned, and a pod waits for the volume.",
        "Add a node in this zone, or uncordon one.", KIND_NODE, KIND_POD),
};

const CheckTopic check_topic_volume = {rows, G_N_ELEMENTS(rows)};

static void
finish(Finding *finding, const Object *volume)
{
    const Value *claim = value_at(volume->value, "spec.claimRef");
    if (claim != NULL)
        finding_evidence(finding, "It belongs to claim %s/%s", value_text(claim, "namespace"),
                         value_text(claim, "name"));
    check_advise(finding, volume);
}

/* ---- Where it can be used. ---- */

/* The values of a label that its node affinity demands, in the only term; NULL: none. */
static const Value *
demanded(const Object *volume, const char *const *labels)
{
    const Value *terms = value_first(volume->value, "spec.nodeAffinity.required.nodeSelectorTerms");
    if (terms == NULL || terms->next != NULL)
        return NULL;
    for (const Value *e = value_first(terms, "matchExpressions"); e != NULL; e = e->next) {
        if (value_is(e, "operator", "In") && g_strv_contains(labels, value_text(e, "key")))
            return e;
    }
    return NULL;
}

static bool
node_has(const Object *node, const Value *expression)
{
    const Value *labels = value_at(node->value, "metadata.labels");
    const char *own = value_text(value_get(labels, value_text(expression, "key")), "");
    for (const Value *v = value_first(expression, "values"); v != NULL; v = v->next) {
        if (value_is(v, "", own))
            return true;
    }
    return false;
}

static bool
takes_pods(const Object *node)
{
    return status_is(node, "Ready", "True") && !value_is_true(node->value, "spec.unschedulable");
}

/* Nodes that the expression chooses; those that take no pods are blamed when none does. */
static guint
count_nodes(const CheckRun *run, Finding *finding, const Value *expression, guint *ret_usable)
{
    const GPtrArray *nodes = snapshot_objects(run->snapshot, KIND_NODE);
    guint n = 0;
    *ret_usable = 0;
    for (guint i = 0; i < nodes->len; i++) {
        if (!node_has(nodes->pdata[i], expression))
            continue;
        n++;
        *ret_usable += takes_pods(nodes->pdata[i]);
        if (finding != NULL)
            finding_blame(finding, nodes->pdata[i]);
    }
    return n;
}

/* What many volumes are asked about. */
typedef struct {
    GHashTable *hosts;   /* host names of nodes */
    GHashTable *waiting; /* "namespace/claim" -> a pod that wants it and has no node */
} Places;

static Places
collect_places(const CheckRun *run)
{
    Places places = {g_hash_table_new(g_str_hash, g_str_equal),
                     g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL)};
    const GPtrArray *nodes = snapshot_objects(run->snapshot, KIND_NODE);
    for (guint i = 0; i < nodes->len; i++) {
        const Value *labels = value_at(((const Object *)nodes->pdata[i])->value, "metadata.labels");
        g_hash_table_add(places.hosts,
                         (gpointer)value_text(value_get(labels, "kubernetes.io/hostname"), ""));
    }
    const GPtrArray *pods = snapshot_objects(run->snapshot, KIND_POD);
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        if (!pod_is_wanted(pod) || value_text(pod->value, "spec.nodeName")[0] != '\0')
            continue;
        for (const Value *v = value_first(pod->value, "spec.volumes"); v != NULL; v = v->next) {
            const char *claim = value_text(v, "persistentVolumeClaim.claimName");
            if (claim[0] != '\0')
                g_hash_table_insert(places.waiting, g_strconcat(pod->ns, "/", claim, NULL),
                                    pods->pdata[i]);
        }
    }
    return places;
}

/* NULL: none. */
static const Object *
waiting_pod(const Places *places, const Object *volume)
{
    const Value *ref = value_at(volume->value, "spec.claimRef");
    g_autofree char *key =
        g_strconcat(value_text(ref, "namespace"), "/", value_text(ref, "name"), NULL);
    return g_hash_table_lookup(places->waiting, key);
}

static bool
has_host(const Places *places, const Value *expression)
{
    for (const Value *v = value_first(expression, "values"); v != NULL; v = v->next) {
        if (g_hash_table_contains(places->hosts, value_text(v, "")))
            return true;
    }
    return false;
}

static void
look_at_host(CheckRun *run, const Places *places, const Object *volume)
{
    static const char *const labels[] = {"kubernetes.io/hostname", NULL};
    const CheckRow *row = &rows[ROW_NODE_GONE];
    const Value *host = demanded(volume, labels);
    if (host == NULL || !snapshot_knows(run->snapshot, KIND_NODE) ||
        !value_is(volume->value, "status.phase", "Bound") ||
        !check_held(run, row, volume->created_s) || has_host(places, host))
        return;
    const Object *pod = waiting_pod(places, volume);
    const char *name = value_text(value_first(host, "values"), "");
    Finding *finding = check_report(run, row, volume);
    if (pod == NULL)
        finding->severity = SEVERITY_LOW;
    else
        finding_about(finding, pod);
    finding_title(finding, "PersistentVolume %s is on node %s, which does not exist any more",
                  volume->name, name);
    finding_cause(finding, "The disk of the volume is in node %s, and no node is called so%s%s%s.",
                  name, pod != NULL ? "; pod " : "", pod != NULL ? pod->name : "",
                  pod != NULL ? " waits for it and cannot be placed anywhere else" : "");
    finish(finding, volume);
}

static void
look_at_zone(CheckRun *run, const Places *places, const Object *volume)
{
    static const char *const labels[] = {
        "topology.kubernetes.io/zone",      "failure-domain.beta.kubernetes.io/zone",
        "topology.ebs.csi.aws.com/zone",    "topology.gke.io/zone",
        "topology.disk.csi.azure.com/zone", NULL};
    const CheckRow *row = &rows[ROW_ZONE];
    const Value *zone = demanded(volume, labels);
    guint n_usable;
    const Object *pod = zone != NULL ? waiting_pod(places, volume) : NULL;
    if (pod == NULL || !snapshot_knows(run->snapshot, KIND_NODE) ||
        !check_held(run, row, pod->created_s))
        return;
    (void)count_nodes(run, NULL, zone, &n_usable);
    if (n_usable > 0)
        return;
    const char *name = value_text(value_first(zone, "values"), "");
    Finding *finding = check_report(run, row, volume);
    guint n = count_nodes(run, finding, zone, &n_usable);
    finding_about(finding, pod);
    finding_since(finding, pod->created_s);
    finding_title(finding, "PersistentVolume %s is in zone %s, where no node takes pods",
                  volume->name, name);
    finding_cause(finding,
                  "Pod %s waits for this volume; zone %s has %u nodes, and none of them "
                  "is ready and not cordoned.",
                  pod->name, name, n);
    finish(finding, volume);
}

/* ---- What has become of it. ---- */

static void
report_failed(CheckRun *run, const Object *volume)
{
    const CheckRow *row = &rows[ROW_FAILED];
    int64_t since_s = value_time(volume->value, "status.lastPhaseTransitionTime");
    const Event *event =
        snapshot_event(run->snapshot, volume, "VolumeFailedDelete|VolumeFailedRecycle", 0);
    if (since_s == 0 && event != NULL)
        since_s = event->first_s;
    if (!check_held(run, row, since_s))
        return;
    const char *message = value_text(volume->value, "status.message");
    if (message[0] == '\0' && event != NULL)
        message = event->message;
    Finding *finding = check_report(run, row, volume);
    finding_since(finding, since_s);
    finding_title(finding, "PersistentVolume %s could not be cleaned up", volume->name);
    finding_cause(finding, "Its claim is gone, and its disk could not be deleted: %s.", message);
    finish(finding, volume);
}

static void
report_released(CheckRun *run, const Object *volume)
{
    const CheckRow *row = &rows[ROW_RELEASED];
    int64_t since_s = value_time(volume->value, "status.lastPhaseTransitionTime");
    if (!value_is(volume->value, "spec.persistentVolumeReclaimPolicy", "Retain") ||
        !check_held(run, row, since_s))
        return;
    g_autofree char *span = span_text(run->now_s - since_s);
    Finding *finding = check_report(run, row, volume);
    finding_since(finding, since_s);
    finding_title(finding, "PersistentVolume %s is kept for nobody", volume->name);
    finding_cause(finding,
                  "Its claim was deleted %s ago, and its policy Retain keeps the disk of "
                  "%s.",
                  span, value_text(volume->value, "spec.capacity.storage"));
    finish(finding, volume);
}

static void
report_terminating(CheckRun *run, const Object *volume)
{
    const CheckRow *row = &rows[ROW_TERMINATING];
    int64_t since_s = value_time(volume->value, "metadata.deletionTimestamp");
    /* Deleting it takes until its claim is gone: that is as it should be. */
    if (!check_held(run, row, since_s) || value_is(volume->value, "status.phase", "Bound"))
        return;
    GString *finalizers = g_string_new(NULL);
    for (const Value *f = value_first(volume->value, "metadata.finalizers"); f != NULL; f = f->next)
        g_string_append_printf(finalizers, "%s%s", finalizers->len > 0 ? ", " : "",
                               value_text(f, ""));
    Finding *finding = check_report(run, row, volume);
    finding_since(finding, since_s);
    finding_title(finding, "PersistentVolume %s is not deleted", volume->name);
    finding_cause(finding, "Its deletion waits for %s.",
                  finalizers->len > 0 ? finalizers->str : "the storage driver");
    finish(finding, volume);
    g_string_free(finalizers, TRUE);
}

static void
run_volumes(CheckRun *run)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_PV);
    Places places = collect_places(run);
    for (guint i = 0; i < all->len; i++) {
        const Object *volume = all->pdata[i];
        const char *phase = value_text(volume->value, "status.phase");
        if (status_is_deleted(volume)) {
            report_terminating(run, volume);
            continue;
        }
        if (strcmp(phase, "Failed") == 0)
            report_failed(run, volume);
        else if (strcmp(phase, "Released") == 0)
            report_released(run, volume);
        look_at_host(run, &places, volume);
        look_at_zone(run, &places, volume);
    }
    g_hash_table_unref(places.hosts);
    g_hash_table_unref(places.waiting);
}
