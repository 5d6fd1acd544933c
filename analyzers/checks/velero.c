/* Backups that Velero makes (velero.io/v1). */
#include <string.h>

#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_locations(CheckRun *run);
static void run_backups(CheckRun *run);

enum { ROW_LOCATION, ROW_BACKUP };

static const CheckRow rows[] = {
    [ROW_LOCATION] =
        {
            .id = "velero-location-unavailable",
            .kind = "BackupStorageLocation",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_PLUGIN,
            .tier = 2,
            .symptom = "No backup can be written or restored.",
            .meaning = "status.phase of the storage location is Unavailable.",
            .fix = "Look at the bucket and the credentials of the location.",
            .run = run_locations,
            .needs = {KIND_VELERO_LOCATION},
        },
    [ROW_BACKUP] =
        {
            .id = "velero-backup-failed",
            .kind = "Backup",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_WORKLOAD,
            .tier = 2,
            .symptom = "The newest backup did not work.",
            .meaning = "status.phase of the newest finished backup of its schedule is Failed, "
                       "PartiallyFailed or FailedValidation.",
            .fix = "Read the log of the backup.",
            .run = run_backups,
            .needs = {KIND_VELERO_BACKUP},
        },
};

const CheckTopic check_topic_velero = {rows, G_N_ELEMENTS(rows)};

static void
run_locations(CheckRun *run)
{
    const CheckRow *row = &rows[ROW_LOCATION];
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_VELERO_LOCATION);
    for (guint i = 0; i < all->len; i++) {
        const Object *location = all->pdata[i];
        const char *message = value_text(location->value, "status.message");
        if (!value_is(location->value, "status.phase", "Unavailable") ||
            status_is_deleted(location))
            continue;
        Finding *finding = check_report(run, row, location);
        finding_title(finding, "BackupStorageLocation %s is not available", location->name);
        finding_cause(finding,
                      "Velero cannot reach bucket %s%s%s; backups can neither be written "
                      "nor restored.",
                      value_text(location->value, "spec.objectStorage.bucket"),
                      message[0] != '\0' ? ": " : "", message);
        finding_evidence(finding, "Last looked at %s",
                         value_text(location->value, "status.lastValidationTime"));
        check_advise(finding, location);
    }
}

/* The backups of a schedule, or one that somebody has asked for. */
typedef struct {
    const Object *newest; /* that has ended */
    int64_t newest_s, good_s;
    guint n_failed; /* since the last good one */
} Series;

static bool
is_good(const Object *backup)
{
    return value_is(backup->value, "status.phase", "Completed");
}

static int64_t
ended_at(const Object *backup)
{
    static const char *const ended[] = {"Completed", "Failed", "PartiallyFailed",
                                        "FailedValidation", NULL};
    int64_t ended_s = value_time(backup->value, "status.completionTimestamp");
    if (!g_strv_contains(ended, value_text(backup->value, "status.phase")))
        return 0;
    return ended_s != 0 ? ended_s : backup->created_s;
}

static const char *
schedule_of(const Object *backup)
{
    const Value *labels = value_at(backup->value, "metadata.labels");
    return value_text(value_get(labels, "velero.io/schedule-name"), "");
}

static GHashTable *
collect_series(const GPtrArray *backups)
{
    GHashTable *all = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (guint i = 0; i < backups->len; i++) {
        const Object *backup = backups->pdata[i];
        const char *schedule = schedule_of(backup);
        g_autofree char *key = g_strdup_printf("%s/%s", backup->ns, schedule);
        Series *series = g_hash_table_lookup(all, key);
        int64_t ended_s = ended_at(backup);
        if (ended_s == 0 || schedule[0] == '\0')
            continue;
        if (series == NULL) {
            series = g_new0(Series, 1);
            g_hash_table_insert(all, g_steal_pointer(&key), series);
        }
        if (ended_s > series->newest_s) {
            series->newest = backup;
            series->newest_s = ended_s;
        }
        if (is_good(backup))
            series->good_s = MAX(series->good_s, ended_s);
    }
    return all;
}

static void
report(CheckRun *run, const Series *series)
{
    const CheckRow *row = &rows[ROW_BACKUP];
    const Object *backup = series->newest;
    const char *reason = value_text(backup->value, "status.failureReason");
    const char *phase = value_text(backup->value, "status.phase");
    Finding *finding = check_report(run, row, backup);
    g_autofree char *good = span_text(run->now_s - series->good_s);
    if (strcmp(phase, "PartiallyFailed") == 0)
        finding->severity = SEVERITY_MEDIUM;
    finding_since(finding, series->newest_s);
    finding_blame(finding, snapshot_get(run->snapshot, KIND_VELERO_LOCATION, backup->ns,
                                        value_text(backup->value, "spec.storageLocation")));
    finding_title(finding, "The newest backup of schedule %s is %s", schedule_of(backup), phase);
    finding_cause(finding,
                  "Backup %s has %" G_GINT64_FORMAT " errors%s%s; the last good backup of "
                  "the schedule %s%s%s.",
                  backup->name, value_int(backup->value, "status.errors", 0),
                  reason[0] != '\0' ? ": " : "", reason,
                  series->good_s != 0 ? "is " : "is not there any more",
                  series->good_s != 0 ? good : "", series->good_s != 0 ? " old" : "");
    for (const Value *e = value_first(backup->value, "status.validationErrors"); e != NULL;
         e = e->next)
        finding_evidence(finding, "%s", value_text(e, ""));
    check_advise(finding, backup);
}

static void
run_backups(CheckRun *run)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_VELERO_BACKUP);
    g_autoptr(GHashTable) series = collect_series(all);
    for (guint i = 0; i < all->len; i++) {
        const Object *backup = all->pdata[i];
        g_autofree char *key = g_strdup_printf("%s/%s", backup->ns, schedule_of(backup));
        const Series *one = g_hash_table_lookup(series, key);
        if (one != NULL && one->newest == backup && !is_good(backup))
            report(run, one);
    }
}
