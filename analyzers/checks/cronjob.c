/* CronJobs that do not start, do not succeed, or wait for themselves. */
#include <string.h>

#include "analyzers/checks/job.h"
#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"
#include "lib/k8s/cron.h"

static void run_cron_jobs(CheckRun *run);

enum { ROW_MISSED, ROW_FAILING, ROW_NEVER, ROW_STALE, ROW_SUSPENDED, ROW_OVERLAP, ROW_INVALID };

enum { GRACE_S = 10 * 60, PERIODS = 3, GAPS = 8 };

static const CheckRow rows[] = {
    [ROW_MISSED] =
        {
            .id = "cronjob-missed",
            .kind = "CronJob",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_WORKLOAD,
            .tier = 1,
            .symptom = "A CronJob should have started and has not.",
            .meaning = "The next time of its schedule after the last start is longer ago than "
                       "startingDeadlineSeconds, and than ten minutes.",
            .fix = "Look at kube-controller-manager, and whether startingDeadlineSeconds is too "
                   "short.",
            .run = run_cron_jobs,
            .needs = {KIND_CRON_JOB, KIND_JOB},
        },
    [ROW_FAILING] =
        {
            .id = "cronjob-failing",
            .kind = "CronJob",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_WORKLOAD,
            .tier = 1,
            .symptom = "The last runs of a CronJob have all failed.",
            .meaning = "At least two runs in a row have failed; none has succeeded since.",
            .fix = "Correct what the log of the last run says.",
            .run = run_cron_jobs,
            .needs = {KIND_CRON_JOB, KIND_JOB},
        },
    [ROW_NEVER] =
        {
            .id = "cronjob-never-succeeded",
            .kind = "CronJob",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_WORKLOAD,
            .tier = 2,
            .is_umbrella = true,
            .symptom = "A CronJob has never had a good run.",
            .meaning = "It has started and is older than three periods of its schedule, but has "
                       "no lastSuccessfulTime.",
            .fix = "Look at its command, its image and its rights.",
            .run = run_cron_jobs,
            .needs = {KIND_CRON_JOB, KIND_JOB},
        },
    [ROW_STALE] =
        {
            .id = "cronjob-stale-success",
            .kind = "CronJob",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_WORKLOAD,
            .tier = 2,
            .is_umbrella = true,
            .symptom = "The last good run of a CronJob is too long ago.",
            .meaning = "Three or more times of its schedule have passed since lastSuccessfulTime.",
            .fix = "Look at the newest run.",
            .run = run_cron_jobs,
            .needs = {KIND_CRON_JOB, KIND_JOB},
        },
    [ROW_SUSPENDED] =
        {
            .id = "cronjob-suspended",
            .kind = "CronJob",
            .severity = SEVERITY_INFO,
            .stage = STAGE_ADVICE,
            .tier = 3,
            .hold_s = 7 * 86400,
            .symptom = "A CronJob is suspended; nothing runs.",
            .meaning = "spec.suspend has been set for a week.",
            .fix = "Resume it, or remove it.",
            .run = run_cron_jobs,
            .needs = {KIND_CRON_JOB},
        },
    [ROW_OVERLAP] =
        {
            .id = "cronjob-overlap-blocked",
            .kind = "CronJob",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_WORKLOAD,
            .tier = 1,
            .symptom = "Runs of a CronJob are left out because an earlier one has not ended.",
            .meaning = "concurrencyPolicy is Forbid, and a run has been active for longer than a "
                       "period of the schedule and for an hour.",
            .fix = "End the run that hangs, and give the Job an activeDeadlineSeconds.",
            .run = run_cron_jobs,
            .needs = {KIND_CRON_JOB, KIND_JOB},
        },
    [ROW_INVALID] =
        {
            .id = "cronjob-invalid",
            .kind = "CronJob",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_WORKLOAD,
            .tier = 1,
            .symptom = "A CronJob never starts because its schedule cannot be read.",
            .meaning = "The controller says that it cannot read the schedule or the time zone.",
            .fix = "Correct spec.schedule or spec.timeZone.",
            .run = run_cron_jobs,
            .needs = {KIND_CRON_JOB, KIND_EVENT},
        },
};

const CheckTopic check_topic_cronjob = {rows, G_N_ELEMENTS(rows)};

/* One CronJob at work. */
typedef struct {
    CheckRun *run;
    const Object *object;
    CronSchedule schedule;
    GTimeZone *zone;
    bool is_zone_sure;         /* it says which; else it is that of the controller, mostly UTC */
    int64_t last_s, success_s; /* 0: never */
    const Object *active;      /* its oldest run that has not ended */
    GPtrArray *finished;       /* Object of its runs that have, the newest first */
} Cron;

/* ---- Times. ---- */

/* How many times of the schedule lie after `from_s` and are longer ago than the grace, up to
 * `max`. */
static guint
times_since(const Cron *c, int64_t from_s, guint max)
{
    guint n = 0;
    int64_t time_s = from_s;
    while (n < max) {
        time_s = cron_next(&c->schedule, c->zone, time_s);
        if (time_s == 0 || time_s + GRACE_S > c->run->now_s)
            break;
        n++;
    }
    return n;
}

/* The longest time between two of the next starts. */
static int64_t
period_of(const Cron *c, int64_t from_s)
{
    int64_t longest = 0, time_s = cron_next(&c->schedule, c->zone, from_s);
    for (int i = 0; i < GAPS && time_s > 0; i++) {
        int64_t next_s = cron_next(&c->schedule, c->zone, time_s);
        longest = MAX(longest, next_s - time_s);
        time_s = next_s;
    }
    return longest;
}

/* Whether nobody has changed it for some periods. */
static bool
is_settled(const Cron *c)
{
    return object_changed_s(c->object, NULL) > 0 &&
           times_since(c, object_changed_s(c->object, NULL), PERIODS) >= PERIODS;
}

/* ---- Runs. ---- */

static int64_t
finished_at(const Object *job)
{
    bool is_failed;
    return job_finished(job, &is_failed);
}

static gint
compare_finished(gconstpointer left, gconstpointer right)
{
    int64_t a = finished_at(*(const Object *const *)left);
    int64_t b = finished_at(*(const Object *const *)right);
    return a > b ? -1 : a < b;
}

static void
collect_runs(Cron *c)
{
    const GPtrArray *jobs = relations_owned(c->run->relations, c->object);
    for (guint i = 0; i < jobs->len; i++) {
        Object *job = jobs->pdata[i];
        if (job->kind != KIND_JOB)
            continue;
        if (finished_at(job) > 0)
            g_ptr_array_add(c->finished, job);
        else if (c->active == NULL || job->created_s < c->active->created_s)
            c->active = job;
    }
    g_ptr_array_sort(c->finished, compare_finished);
}

/* How many of the newest runs have failed in a row. */
static guint
failures_in_a_row(const Cron *c)
{
    guint n = 0;
    bool is_failed = true;
    while (n < c->finished->len) {
        int64_t at_s = job_finished(c->finished->pdata[n], &is_failed);
        if (!is_failed || at_s <= c->success_s)
            break;
        n++;
    }
    return n;
}

/* ---- Checks. ---- */

static void
add_fix(Finding *finding, const Object *cron)
{
    check_advise(finding, cron);
}

/* "the last good run was 5 d ago" */
static char *
success_text(const Cron *c)
{
    if (c->success_s == 0)
        return g_strdup("it has never had a good run");
    g_autofree char *span = span_text(c->run->now_s - c->success_s);
    return g_strdup_printf("the last good run was %s ago", span);
}

static bool
look_for_failing(const Cron *c)
{
    guint n = failures_in_a_row(c);
    /* With a failedJobsHistoryLimit of 1 only one is kept: the times since the last good run tell.
     */
    int64_t good_s = c->success_s > 0 ? c->success_s : c->object->created_s;
    bool is_one_kept = n == 1 && c->finished->len == 1 && good_s > 0 && is_settled(c) &&
                       value_int(c->object->value, "spec.failedJobsHistoryLimit", 1) <= 1 &&
                       times_since(c, good_s, PERIODS) >= PERIODS;
    if (n < 2 && !is_one_kept)
        return false;
    Finding *finding = check_report(c->run, &rows[ROW_FAILING], c->object);
    for (guint i = 0; i < n; i++) {
        finding_about(finding, c->finished->pdata[i]);
        finding_since(finding, finished_at(c->finished->pdata[i]));
    }
    if (is_one_kept)
        finding_since(finding, cron_next(&c->schedule, c->zone, good_s));
    g_autofree char *says = job_failure(c->run, finding, c->finished->pdata[0]);
    g_autofree char *good = success_text(c);
    if (is_one_kept)
        finding_title(finding, "CronJob %s has failed in its last runs", c->object->name);
    else
        finding_title(finding, "CronJob %s has failed in its last %u runs", c->object->name, n);
    finding_cause(finding, "CronJob %s keeps failing; %s.%s", c->object->name, good, says);
    finding_evidence(finding, "Schedule %s", value_text(c->object->value, "spec.schedule"));
    const Object *job = c->finished->pdata[0];
    finding_fix(finding, "%s", rows[ROW_FAILING].fix);
    finding_fix(finding, "kubectl -n %s logs job/%s", job->ns, job->name);
    return true;
}

static void
look_for_never(const Cron *c)
{
    if (c->success_s > 0 || c->last_s == 0 || c->active != NULL || !is_settled(c))
        return;
    for (guint i = 0; i < c->finished->len; i++) {
        bool is_failed;
        job_finished(c->finished->pdata[i], &is_failed);
        if (!is_failed)
            return;
    }
    Finding *finding = check_report(c->run, &rows[ROW_NEVER], c->object);
    g_autofree char *age = span_text(c->run->now_s - c->object->created_s);
    finding_since(finding, c->object->created_s);
    finding_title(finding, "CronJob %s has never succeeded", c->object->name);
    finding_cause(finding,
                  "It was created %s ago and has been started since, but no run of it has "
                  "ever succeeded.",
                  age);
    add_fix(finding, c->object);
}

static void
look_for_stale(const Cron *c)
{
    if (c->success_s == 0 || c->last_s <= c->success_s || c->active != NULL || !is_settled(c) ||
        times_since(c, c->success_s, PERIODS) < PERIODS)
        return;
    Finding *finding = check_report(c->run, &rows[ROW_STALE], c->object);
    g_autofree char *good = success_text(c);
    finding_since(finding, cron_next(&c->schedule, c->zone, c->success_s));
    finding_title(finding, "CronJob %s has not succeeded for a long time", c->object->name);
    finding_cause(finding, "Its schedule is %s, but %s.",
                  value_text(c->object->value, "spec.schedule"), good);
    add_fix(finding, c->object);
}

/* When it should have started next; 0: nobody can say. */
static int64_t
due_at(const Cron *c)
{
    int64_t changed_s = object_changed_s(c->object, NULL);
    int64_t from_s = MAX(changed_s, c->last_s);
    if (from_s == 0)
        return 0;
    int64_t due_s = cron_next(&c->schedule, c->zone, from_s);
    if (due_s == 0 || c->is_zone_sure)
        return due_s;
    /* By the clocks of the controller, wherever they are. */
    if (from_s == c->last_s)
        return cron_matches(&c->schedule, c->zone, from_s) ? due_s : 0;
    return MAX(due_s, from_s + period_of(c, from_s));
}

static void
look_for_missed(const Cron *c)
{
    const Value *value = c->object->value;
    int64_t due_s = due_at(c);
    int64_t deadline_s = value_int(value, "spec.startingDeadlineSeconds", 0);
    bool is_waiting = c->active != NULL && value_is(value, "spec.concurrencyPolicy", "Forbid");
    if (due_s == 0 || is_waiting || c->run->now_s - due_s <= MAX(deadline_s, GRACE_S) ||
        !snapshot_knows(c->run->snapshot, KIND_JOB))
        return;
    Finding *finding = check_report(c->run, &rows[ROW_MISSED], c->object);
    g_autofree char *late = span_text(c->run->now_s - due_s);
    finding_since(finding, due_s);
    finding_title(finding, "CronJob %s has not started although it is due", c->object->name);
    finding_cause(finding, "By its schedule (%s) it should have started %s ago, but it has not.",
                  value_text(value, "spec.schedule"), late);
    const Event *event =
        snapshot_event(c->run->snapshot, c->object,
                       "MissSchedule|TooManyMissedTimes|FailedNeedsStart|FailedCreate", 0);
    if (event != NULL)
        finding_evidence(finding, "%s: %s", event->reason, event->message);
    add_fix(finding, c->object);
}

static void
look_for_overlap(const Cron *c)
{
    enum { HOUR_S = 3600 };
    if (c->active == NULL || !value_is(c->object->value, "spec.concurrencyPolicy", "Forbid"))
        return;
    int64_t start_s = c->active->created_s, age_s = c->run->now_s - start_s;
    if (start_s == 0 || age_s < HOUR_S || age_s <= period_of(c, start_s))
        return;
    Finding *finding = check_report(c->run, &rows[ROW_OVERLAP], c->object);
    g_autofree char *age = span_text(age_s);
    finding_about(finding, c->active);
    finding_since(finding, cron_next(&c->schedule, c->zone, start_s));
    finding_title(finding, "CronJob %s is blocked by its own run", c->object->name);
    finding_cause(finding,
                  "Job %s has been active for %s. concurrencyPolicy is Forbid, so the runs that "
                  "were due since then are left out.",
                  c->active->name, age);
    check_advise(finding, c->active);
}

static void
look_for_suspension(const Cron *c)
{
    const char *by;
    int64_t since_s = object_changed_s(c->object, &by);
    if (!check_held(c->run, &rows[ROW_SUSPENDED], since_s))
        return;
    g_autofree char *span = span_text(c->run->now_s - since_s);
    Finding *finding = check_report(c->run, &rows[ROW_SUSPENDED], c->object);
    finding_since(finding, since_s);
    finding_title(finding, "CronJob %s is suspended", c->object->name);
    finding_cause(finding,
                  "spec.suspend is set%s%s, and nobody has changed it for %s; nothing runs.",
                  by[0] != '\0' ? " by " : "", by, span);
    add_fix(finding, c->object);
}

/* Whether the controller can read it. */
static bool
look_for_invalid(CheckRun *run, const Object *cron)
{
    const Event *event =
        snapshot_event(run->snapshot, cron, "InvalidSchedule|UnparseableSchedule|UnknownTimeZone",
                       object_changed_s(cron, NULL));
    if (event == NULL)
        return true;
    Finding *finding = check_report(run, &rows[ROW_INVALID], cron);
    finding_since(finding, event->first_s);
    finding_title(finding, "CronJob %s has a schedule that cannot be read", cron->name);
    finding_cause(finding, "The controller says “%s”, so the CronJob never starts.",
                  event->message);
    add_fix(finding, cron);
    return false;
}

static void
look_at(Cron *c)
{
    const char *zone = value_text(c->object->value, "spec.timeZone");
    c->is_zone_sure = zone[0] != '\0';
    g_autoptr(GTimeZone) named =
        c->is_zone_sure ? g_time_zone_new_identifier(zone) : g_time_zone_new_utc();
    if (!look_for_invalid(c->run, c->object) || named == NULL ||
        !cron_parse(value_text(c->object->value, "spec.schedule"), &c->schedule))
        return;
    c->zone = named;
    if (value_is_true(c->object->value, "spec.suspend")) {
        look_for_suspension(c);
        return;
    }
    collect_runs(c);
    if (!look_for_failing(c)) {
        look_for_never(c);
        look_for_stale(c);
    }
    look_for_missed(c);
    look_for_overlap(c);
}

static void
run_cron_jobs(CheckRun *run)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_CRON_JOB);
    for (guint i = 0; i < all->len; i++) {
        const Object *object = all->pdata[i];
        if (status_is_deleted(object))
            continue;
        g_autoptr(GPtrArray) finished = g_ptr_array_new();
        Cron c = {.run = run,
                  .object = object,
                  .last_s = value_time(object->value, "status.lastScheduleTime"),
                  .success_s = value_time(object->value, "status.lastSuccessfulTime"),
                  .finished = finished};
        look_at(&c);
    }
}
