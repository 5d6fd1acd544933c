/* Ceph storage clusters that Rook looks after (ceph.rook.io/v1). */
#include <string.h>

#include "analyzers/checks/container.h"
#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_clusters(CheckRun *run);
static void run_phases(CheckRun *run);
static void run_daemons(CheckRun *run);

enum { ROW_HEALTH, ROW_PHASE, ROW_CAPACITY, ROW_OSD };

enum { ERROR_HOLD_S = 5 * 60, WARNING_HOLD_S = 30 * 60 };

static const CheckRow rows[] = {
    [ROW_HEALTH] =
        {
            .id = "rook-ceph-health",
            .kind = "CephCluster",
            .severity = SEVERITY_CRITICAL,
            .stage = STAGE_SERVICE,
            .tier = 2,
            .hold_s = ERROR_HOLD_S,
            .symptom = "The storage cluster is not well.",
            .meaning = "status.ceph.health is HEALTH_ERR for five minutes, or HEALTH_WARN for "
                       "half an hour.",
            .fix = "Look at the first of the checks that Ceph names.",
            .run = run_clusters,
            .needs = {KIND_CEPH_CLUSTER},
        },
    [ROW_PHASE] =
        {
            .id = "rook-ceph-phase",
            .kind = "CephCluster, CephBlockPool, CephFilesystem, CephObjectStore",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_SERVICE,
            .tier = 2,
            .hold_s = 10 * 60,
            .symptom = "A part of the storage cluster is not set up.",
            .meaning = "status.phase is Failure or Error, or has not become Ready for half an "
                       "hour.",
            .fix = "Read the log of the Rook operator about this object.",
            .run = run_phases,
            .needs = {KIND_CEPH_CLUSTER, KIND_CEPH_BLOCK_POOL, KIND_CEPH_FILESYSTEM,
                      KIND_CEPH_OBJECT_STORE},
        },
    [ROW_CAPACITY] =
        {
            .id = "rook-ceph-capacity",
            .kind = "CephCluster",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_SERVICE,
            .tier = 2,
            .symptom = "The storage cluster fills up; writes stop near 95 %.",
            .meaning = "More than three quarters of status.ceph.capacity are used; high from 85 % "
                       "on.",
            .fix = "Add disks, or delete data.",
            .run = run_clusters,
            .needs = {KIND_CEPH_CLUSTER},
        },
    [ROW_OSD] =
        {
            .id = "rook-osd-down",
            .kind = "Deployment",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_WORKLOAD,
            .tier = 2,
            .hold_s = 10 * 60,
            .symptom = "A disk of the storage cluster is away.",
            .meaning = "A Deployment labelled app=rook-ceph-osd has no available pod.",
            .fix = "Look at the pod of the disk, and at its node.",
            .run = run_daemons,
            .needs = {KIND_DEPLOYMENT},
        },
};

const CheckTopic check_topic_ceph = {rows, G_N_ELEMENTS(rows)};

static bool
is_daemon(const Object *deployment, const char *app)
{
    return value_is(value_get(value_at(deployment->value, "metadata.labels"), "app"), "", app);
}

static bool
is_down(const Object *deployment)
{
    return value_int(deployment->value, "spec.replicas", 1) > 0 &&
           value_int(deployment->value, "status.availableReplicas", 0) == 0;
}

/* Daemons of the cluster that are down explain its warnings. */
static void
blame_daemons(const CheckRun *run, Finding *finding, const Object *cluster, const char *check)
{
    static const struct {
        const char *prefix, *app;
    } daemons[] = {{"OSD_", "rook-ceph-osd"},   {"PG_", "rook-ceph-osd"},
                   {"MON_", "rook-ceph-mon"},   {"MGR_", "rook-ceph-mgr"},
                   {"MDS_", "rook-ceph-mds"},   {"FS_", "rook-ceph-mds"},
                   {"OBJECT_", "rook-ceph-osd"}};
    const GPtrArray *all = snapshot_in_namespace(run->snapshot, KIND_DEPLOYMENT, cluster->ns);
    for (guint i = 0; i < all->len; i++) {
        for (size_t k = 0; k < G_N_ELEMENTS(daemons); k++) {
            if (g_str_has_prefix(check, daemons[k].prefix) &&
                is_daemon(all->pdata[i], daemons[k].app) && is_down(all->pdata[i]))
                finding_blame(finding, all->pdata[i]);
        }
    }
}

static void
look_at_health(CheckRun *run, const Object *cluster)
{
    const CheckRow *row = &rows[ROW_HEALTH];
    const Value *ceph = value_at(cluster->value, "status.ceph"), *first = NULL;
    int64_t since_s = value_time(ceph, "lastChanged");
    bool is_error = value_is(ceph, "health", "HEALTH_ERR");
    if ((!is_error && !value_is(ceph, "health", "HEALTH_WARN")) || since_s == 0 ||
        run->now_s - since_s < (is_error ? ERROR_HOLD_S : WARNING_HOLD_S))
        return;
    Finding *finding = check_report(run, row, cluster);
    finding->severity = is_error ? SEVERITY_CRITICAL : SEVERITY_MEDIUM;
    finding_since(finding, since_s);
    for (const Value *d = value_first(ceph, "details"); d != NULL; d = d->next) {
        bool is_worse = value_is(d, "severity", "HEALTH_ERR");
        if (first == NULL || (is_worse && !value_is(first, "severity", "HEALTH_ERR")))
            first = d;
        finding_evidence(finding, "%s: %s", d->key, value_text(d, "message"));
        blame_daemons(run, finding, cluster, d->key);
    }
    finding_title(finding, "CephCluster %s reports %s%s%s", cluster->name,
                  value_text(ceph, "health"), first != NULL ? ": " : "",
                  first != NULL ? first->key : "");
    finding_cause(finding,
                  "The storage cluster says: %s. Volumes of its classes may be slow or "
                  "refuse writes.",
                  first != NULL ? value_text(first, "message") : "no reason");
    check_advise(finding, cluster);
}

static void
look_at_capacity(CheckRun *run, const Object *cluster)
{
    enum { NEAR = 75, HIGH = 85 };
    const CheckRow *row = &rows[ROW_CAPACITY];
    int64_t total = value_int(cluster->value, "status.ceph.capacity.bytesTotal", 0);
    int64_t used = value_int(cluster->value, "status.ceph.capacity.bytesUsed", 0);
    int64_t percent = total > 0 ? (int64_t)((double)used * 100 / (double)total) : 0;
    if (percent <= NEAR)
        return;
    Finding *finding = check_report(run, row, cluster);
    finding->severity = percent > HIGH ? SEVERITY_HIGH : SEVERITY_MEDIUM;
    finding_title(finding, "CephCluster %s is %" G_GINT64_FORMAT " %% full", cluster->name,
                  percent);
    finding_cause(finding,
                  "%" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " GiB are used; Ceph stops "
                  "writing when a disk reaches 95 %%.",
                  used >> 30, total >> 30);
    check_advise(finding, cluster);
}

static void
run_clusters(CheckRun *run)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_CEPH_CLUSTER);
    for (guint i = 0; i < all->len; i++) {
        if (status_is_deleted(all->pdata[i]))
            continue;
        look_at_health(run, all->pdata[i]);
        look_at_capacity(run, all->pdata[i]);
    }
}

/* When it last said something else: the newest change of a condition. */
static int64_t
changed_at(const Object *object)
{
    int64_t changed_s = 0;
    for (const Value *c = value_first(object->value, "status.conditions"); c != NULL; c = c->next)
        changed_s = MAX(changed_s, value_time(c, "lastTransitionTime"));
    return changed_s;
}

static void
look_at_phase(CheckRun *run, const Object *object)
{
    static const char *const failed[] = {"Failure", "Error", NULL};
    static const char *const slow[] = {"Progressing", "Connecting", NULL};
    const CheckRow *row = &rows[ROW_PHASE];
    const char *phase = value_text(object->value, "status.phase");
    bool is_failed = g_strv_contains(failed, phase);
    int64_t since_s = changed_at(object);
    const char *message = value_text(object->value, "status.message");
    if ((!is_failed && !g_strv_contains(slow, phase)) || status_is_deleted(object))
        return;
    if (since_s == 0)
        since_s = object_changed_s(object, NULL);
    if (!check_held(run, row, since_s) || (!is_failed && run->now_s - since_s < WARNING_HOLD_S))
        return;
    if (message[0] == '\0')
        message = value_text(condition_of(object, phase), "message");
    Finding *finding = check_report(run, row, object);
    finding_since(finding, changed_at(object));
    finding_title(finding, "%s %s is in phase %s", kind_row(object->kind)->kind, object->name,
                  phase);
    finding_cause(finding, "The Rook operator has not brought it into order%s%s.",
                  message[0] != '\0' ? ": " : "", message);
    check_advise(finding, object);
}

static void
run_phases(CheckRun *run)
{
    const Kind kinds[] = {KIND_CEPH_CLUSTER, KIND_CEPH_BLOCK_POOL, KIND_CEPH_FILESYSTEM,
                          KIND_CEPH_OBJECT_STORE};
    for (size_t k = 0; k < G_N_ELEMENTS(kinds); k++) {
        const GPtrArray *all = snapshot_objects(run->snapshot, kinds[k]);
        for (guint i = 0; i < all->len; i++)
            look_at_phase(run, all->pdata[i]);
    }
}

static void
run_daemons(CheckRun *run)
{
    const CheckRow *row = &rows[ROW_OSD];
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_DEPLOYMENT);
    for (guint i = 0; i < all->len; i++) {
        const Object *deployment = all->pdata[i];
        const Value *available = condition_of(deployment, "Available");
        int64_t since_s = value_time(available, "lastTransitionTime");
        if (!is_daemon(deployment, "rook-ceph-osd") || status_is_deleted(deployment) ||
            !is_down(deployment) || !value_is(available, "status", "False") ||
            !check_held(run, row, since_s))
            continue;
        const char *osd =
            value_text(value_get(value_at(deployment->value, "metadata.labels"), "osd"), "");
        Finding *finding = check_report(run, row, deployment);
        finding_since(finding, since_s);
        finding_title(finding, "OSD %s of the Ceph cluster is down", osd);
        finding_cause(finding,
                      "Deployment %s has no available pod, so the disk of OSD %s is away; "
                      "Ceph copies its data to other disks, as far as there is room.",
                      deployment->name, osd);
        finding_fix(finding, "%s", row->fix);
        finding_fix(
            finding, "kubectl -n %s get pods -l ceph-osd-id=%s -o wide", deployment->ns,
            value_text(value_get(value_at(deployment->value, "metadata.labels"), "ceph-osd-id"),
                       ""));
    }
}
