/* Jobs that failed, keep failing, wait or hang. */
#include "analyzers/checks/job.h"

#include <string.h>

#include "analyzers/checks/log_line.h"
#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_jobs(CheckRun *run);

enum { ROW_FAILED, ROW_RETRYING, ROW_ACTIVE, ROW_PENDING, ROW_SUSPENDED };

enum { DAY_S = 86400, HALF_DAY_S = 12 * 3600 };

static const CheckRow rows[] = {
    [ROW_FAILED] =
        {
            .id = "job-failed",
            .kind = "Job",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_WORKLOAD,
            .tier = 1,
            .is_umbrella = true,
            .symptom = "A Job has given up.",
            .meaning = "The condition Failed has been True for less than a day, and no later run "
                       "of the same CronJob has succeeded.",
            .fix = "Correct what the log says, then create the Job anew.",
            .run = run_jobs,
            .needs = {KIND_JOB},
        },
    [ROW_RETRYING] =
        {
            .id = "job-retrying",
            .kind = "Job",
            .severity = SEVERITY_LOW,
            .stage = STAGE_WORKLOAD,
            .tier = 1,
            .hold_s = 10 * 60,
            .is_umbrella = true,
            .symptom = "A Job fails again and again and is still trying.",
            .meaning = "At least two of its pods have failed, and another one is active.",
            .fix = "Look at the log of the failed pods before the Job gives up.",
            .run = run_jobs,
            .needs = {KIND_JOB},
        },
    [ROW_ACTIVE] =
        {
            .id = "job-stuck-active",
            .kind = "Job",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_WORKLOAD,
            .tier = 1,
            .hold_s = HALF_DAY_S,
            .symptom = "A run of a CronJob does not end.",
            .meaning = "It has been active for twelve hours and for five times as long as the "
                       "earlier runs took.",
            .fix = "See whether it hangs; set activeDeadlineSeconds so that it ends by itself.",
            .run = run_jobs,
            .needs = {KIND_JOB},
        },
    [ROW_PENDING] =
        {
            .id = "job-pods-pending",
            .kind = "Job",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_WORKLOAD,
            .tier = 1,
            .hold_s = 15 * 60,
            .is_umbrella = true,
            .symptom = "A Job has started, but none of its pods runs.",
            .meaning = "It has active pods, none is ready, and one has been pending for a quarter "
                       "of an hour.",
            .fix = "Look at why its pod does not start.",
            .run = run_jobs,
            .needs = {KIND_JOB, KIND_POD},
        },
    [ROW_SUSPENDED] =
        {
            .id = "job-suspended",
            .kind = "Job",
            .severity = SEVERITY_INFO,
            .stage = STAGE_ADVICE,
            .tier = 3,
            .hold_s = DAY_S,
            .symptom = "A Job does not start because it is suspended.",
            .meaning = "spec.suspend is set for more than a day, and no queue controls the Job.",
            .fix = "Resume the Job, or delete it.",
            .run = run_jobs,
            .needs = {KIND_JOB},
        },
};

const CheckTopic check_topic_job = {rows, G_N_ELEMENTS(rows)};

/* ---- Runs of a CronJob. ---- */

int64_t
job_finished(const Object *job, bool *ret_is_failed)
{
    *ret_is_failed = status_is(job, "Failed", "True");
    if (*ret_is_failed)
        return status_since(job, "Failed");
    if (!status_is(job, "Complete", "True"))
        return 0;
    int64_t completed_s = value_time(job->value, "status.completionTime");
    return completed_s > 0 ? completed_s : status_since(job, "Complete");
}

static int64_t
completed_at(const Object *job)
{
    bool is_failed;
    int64_t finished_s = job_finished(job, &is_failed);
    return is_failed ? 0 : finished_s;
}

/* Whether a later run of the same CronJob has succeeded. */
static bool
is_superseded(const CheckRun *run, const Object *job, int64_t failed_s)
{
    const Object *cron = relations_owner(run->relations, job);
    if (cron == NULL || cron->kind != KIND_CRON_JOB)
        return false;
    if (value_time(cron->value, "status.lastSuccessfulTime") > failed_s)
        return true;
    const GPtrArray *runs = relations_owned(run->relations, cron);
    for (guint i = 0; i < runs->len; i++) {
        if (completed_at(runs->pdata[i]) > failed_s)
            return true;
    }
    return false;
}

static gint
compare_times(gconstpointer a, gconstpointer b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return left < right ? -1 : left > right;
}

/* The median time that the completed runs of the CronJob of a Job took; 0: none is known. */
static int64_t
usual_time(const CheckRun *run, const Object *job)
{
    const Object *cron = relations_owner(run->relations, job);
    if (cron == NULL || cron->kind != KIND_CRON_JOB)
        return 0;
    g_autoptr(GArray) times = g_array_new(FALSE, FALSE, sizeof(int64_t));
    const GPtrArray *runs = relations_owned(run->relations, cron);
    for (guint i = 0; i < runs->len; i++) {
        const Object *other = runs->pdata[i];
        int64_t start_s = value_time(other->value, "status.startTime");
        int64_t took_s = completed_at(other) - start_s;
        if (start_s > 0 && took_s > 0)
            g_array_append_val(times, took_s);
    }
    if (times->len == 0)
        return 0;
    g_array_sort(times, compare_times);
    return g_array_index(times, int64_t, times->len / 2);
}

/* ---- Pods. ---- */

/* The failed pod that ended last, or NULL. */
static const Object *
failed_pod(const GPtrArray *pods)
{
    const Object *last = NULL;
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        if (value_is(pod->value, "status.phase", "Failed") &&
            (last == NULL || pod->created_s > last->created_s))
            last = pod;
    }
    return last;
}

char *
job_failure(const CheckRun *run, Finding *finding, const Object *job)
{
    g_autoptr(GPtrArray) pods = relations_pods(run->relations, job);
    const Object *pod = failed_pod(pods);
    if (pod == NULL)
        return g_strdup("");
    finding_about(finding, pod);
    g_autofree char *trouble = pod_trouble(pod);
    GString *text = g_string_new(NULL);
    if (trouble[0] != '\0') {
        finding_evidence(finding, "Pod %s: %s", pod->name, trouble);
        g_string_append_printf(text, " Its last pod: %s.", trouble);
    }
    for (const Value *c = value_first(pod->value, "spec.containers"); c != NULL; c = c->next) {
        const Container container = {.pod = pod, .name = value_text(c, "name"), .spec = c};
        g_autofree char *line = log_line(run, &container, false);
        if (line == NULL)
            continue;
        finding_evidence(finding, "Log of %s: %s", pod->name, line);
        g_string_append_printf(text, " Its log says “%s”.", line);
        break;
    }
    return g_string_free(text, FALSE);
}

/* ---- Checks. ---- */

static void
look_for_failure(CheckRun *run, const Object *job)
{
    const Value *failed = condition_of(job, "Failed");
    int64_t since_s = value_time(failed, "lastTransitionTime");
    if (!value_is(failed, "status", "True") || since_s == 0 || run->now_s - since_s > DAY_S ||
        is_superseded(run, job, since_s))
        return;
    const Object *about = relations_controller(run->relations, job);
    if (about->kind == KIND_CRON_JOB && value_is_true(about->value, "spec.suspend"))
        return;
    bool is_new;
    Finding *finding = check_report_part(run, &rows[ROW_FAILED], about, "", &is_new);
    finding_about(finding, job);
    finding_since(finding, since_s);
    const char *reason = value_text(failed, "reason");
    finding_evidence(finding, "Job %s: %s: %s", job->name, reason, value_text(failed, "message"));
    g_autofree char *says = job_failure(run, finding, job);
    if (!is_new)
        return;
    finding_title(finding, "Job %s failed: %s", job->name, reason);
    finding_cause(finding, "Job %s has given up: %s.%s", job->name, value_text(failed, "message"),
                  says);
    finding_fix(finding, "%s", rows[ROW_FAILED].fix);
    finding_fix(finding, "kubectl -n %s logs job/%s", job->ns, job->name);
}

static void
look_for_retries(CheckRun *run, const Object *job)
{
    int64_t failed = value_int(job->value, "status.failed", 0);
    int64_t start_s = value_time(job->value, "status.startTime");
    if (failed < 2 || !check_held(run, &rows[ROW_RETRYING], start_s))
        return;
    Finding *finding = check_report(run, &rows[ROW_RETRYING], job);
    finding_since(finding, start_s);
    g_autofree char *says = job_failure(run, finding, job);
    finding_title(finding, "Job %s has failed %" G_GINT64_FORMAT " times and is still trying",
                  job->name, failed);
    finding_cause(finding,
                  "%" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " allowed attempts have failed.%s",
                  failed, value_int(job->value, "spec.backoffLimit", 6) + 1, says);
    finding_fix(finding, "%s", rows[ROW_RETRYING].fix);
    finding_fix(finding, "kubectl -n %s logs job/%s", job->ns, job->name);
}

/* The CronJob that cannot run for this one, which says so itself; or NULL. */
static const Object *
overlapping_cron(const CheckRun *run, const Object *job)
{
    const Object *cron = relations_controller(run->relations, job);
    return cron->kind == KIND_CRON_JOB && value_is(cron->value, "spec.concurrencyPolicy", "Forbid")
               ? cron
               : NULL;
}

static void
look_for_hang(CheckRun *run, const Object *job)
{
    int64_t start_s = value_time(job->value, "status.startTime");
    int64_t usual_s = usual_time(run, job), age_s = run->now_s - start_s;
    if (usual_s == 0 || !check_held(run, &rows[ROW_ACTIVE], start_s) || age_s < 5 * usual_s)
        return;
    g_autofree char *age = span_text(age_s), *usual = span_text(usual_s);
    Finding *finding = check_report(run, &rows[ROW_ACTIVE], job);
    finding_since(finding, start_s + usual_s);
    finding_title(finding, "Job %s has been running for %s", job->name, age);
    finding_cause(finding,
                  "Earlier runs took %s, this one has been active for %s: it seems to "
                  "hang.",
                  usual, age);
    finding_blame(finding, overlapping_cron(run, job));
    finding_fix(finding, "%s", rows[ROW_ACTIVE].fix);
    finding_fix(finding, "kubectl -n %s logs job/%s --tail=20", job->ns, job->name);
}

static void
look_for_pending(CheckRun *run, const Object *job)
{
    g_autoptr(GPtrArray) pods = relations_pods(run->relations, job);
    if (value_int(job->value, "status.ready", 0) > 0)
        return;
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        if (!value_is(pod->value, "status.phase", "Pending") || status_is_deleted(pod) ||
            !check_held(run, &rows[ROW_PENDING], pod->created_s))
            continue;
        g_autofree char *trouble = pod_trouble(pod);
        const Object *about = relations_controller(run->relations, job);
        Finding *finding = check_report_once(run, &rows[ROW_PENDING], about, "");
        if (finding == NULL)
            return;
        finding_about(finding, pod);
        finding_about(finding, job);
        finding_since(finding, pod->created_s);
        finding_title(finding, "Job %s has started, but its pod does not run", job->name);
        finding_cause(finding, "Pod %s is pending%s%s.", pod->name, trouble[0] != '\0' ? ": " : "",
                      trouble);
        check_advise(finding, pod);
        return;
    }
}

static void
look_for_suspension(CheckRun *run, const Object *job)
{
    const Value *labels = value_at(job->value, "metadata.labels");
    int64_t since_s = status_since(job, "Suspended");
    if (!value_is_true(job->value, "spec.suspend") ||
        value_get(labels, "kueue.x-k8s.io/queue-name") != NULL ||
        relations_owner(run->relations, job) != NULL ||
        value_count(job->value, "metadata.ownerReferences") > 0 ||
        !check_held(run, &rows[ROW_SUSPENDED], since_s))
        return;
    Finding *finding = check_report(run, &rows[ROW_SUSPENDED], job);
    finding_since(finding, since_s);
    finding_title(finding, "Job %s is suspended", job->name);
    finding_cause(finding, "spec.suspend is set and no queue owns the Job, so nothing resumes it.");
    check_advise(finding, job);
}

static void
run_jobs(CheckRun *run)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_JOB);
    for (guint i = 0; i < all->len; i++) {
        const Object *job = all->pdata[i];
        if (status_is_deleted(job))
            continue;
        look_for_failure(run, job);
        look_for_suspension(run, job);
        if (value_int(job->value, "status.active", 0) == 0)
            continue;
        look_for_retries(run, job);
        look_for_hang(run, job);
        look_for_pending(run, job);
    }
}
