/* Runs that should have been and were not: what came and went meanwhile nobody has seen. And those
 * that take so long that they will be ended, or that the next one is due. */
#include "analyzers/state/state_db.h"
#include "analyzers/state/state_sql.h"
#include "analyzers/state/state_update.h"

#define LATE_CHECK "analyzer-late"

/* How many gaps between runs say what is usual, and how many there must be. */
enum { GAPS_MAX = 15, GAPS_MIN = 3 };

static gint
compare_gaps(gconstpointer left, gconstpointer right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

/* The time of the last run, and the usual gap: the median. Both are 0 when too few are known. */
static bool
find_usual(const Update *update, int64_t *ret_last_s, int64_t *ret_gap_s, GError **error)
{
    int64_t gaps[GAPS_MAX], newer_s = 0;
    int n = 0, result;
    *ret_last_s = *ret_gap_s = 0;
    g_autoptr(sqlite3_stmt) statement = state_prepare(update->state, error, STATE_SQL_LAST_RUNS,
                                                      "ii", update->now_s, (int64_t)GAPS_MAX + 1);
    if (statement == NULL)
        return false;
    while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
        int64_t at_s = sqlite3_column_int64(statement, 0);
        if (newer_s == 0)
            *ret_last_s = at_s;
        else if (n < GAPS_MAX)
            gaps[n++] = newer_s - at_s;
        newer_s = at_s;
    }
    if (result != SQLITE_DONE)
        return state_failed(update->state, error);
    if (n >= GAPS_MIN) {
        g_qsort_with_data(gaps, n, sizeof(gaps[0]), (GCompareDataFunc)(void (*)(void))compare_gaps,
                          NULL);
        *ret_gap_s = gaps[n / 2];
    }
    return true;
}

/* As long as those of findings; free with g_free. */
static char *
fingerprint_of(const char *facts)
{
    char *fingerprint = g_compute_checksum_for_string(G_CHECKSUM_SHA256, facts, -1);
    fingerprint[sizeof((Finding *)NULL)->fingerprint - 1] = '\0';
    return fingerprint;
}

static char *
time_text(int64_t seconds)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(seconds);
    return time != NULL ? g_date_time_format(time, "%Y-%m-%d %H:%M") : g_strdup("");
}

/* An incident that is over at once: it is told, and nobody waits for its end. */
static bool
put_gap(const Update *update, const char *fingerprint, int64_t last_s, int64_t gap_s,
        const Incident *incident, GError **error)
{
    g_autofree char *from = time_text(last_s), *to = time_text(update->now_s),
                    *usual = span_text(gap_s), *missed = span_text(update->now_s - last_s);
    g_autofree char *title =
                        g_strdup_printf("The analyzer did not run from %s to %s UTC", from, to),
                    *cause = g_strdup_printf("It runs about every %s. What came and went in these "
                                             "%s was not seen.",
                                             usual, missed);
    return STATE_RUN(update->state, error, STATE_SQL_PUT, "sssssiiiiiiissssisss", fingerprint,
                     incident->check, incident->kind, incident->ns, incident->name,
                     (int64_t)incident->severity, last_s, last_s, update->now_s, update->now_s,
                     (int64_t)0, (int64_t)0, title, cause, "",
                     "Look at the schedule of its CronJob, and at what became of its last Jobs.\n"
                     "kubectl get cronjobs,jobs -A",
                     (int64_t)0, "", "", "") &&
           STATE_RUN(update->state, error, STATE_SQL_END, "siii", fingerprint, update->now_s,
                     (int64_t)0, (int64_t)0);
}

bool
update_take_gap(const Update *update, GError **error)
{
    int64_t last_s, gap_s;
    if (!find_usual(update, &last_s, &gap_s, error))
        return false;
    int64_t missed_s = update->now_s - last_s;
    if (gap_s == 0 || missed_s <= 2 * gap_s || missed_s <= STATE_LATE_S)
        return true;
    const Incident incident = {.check = LATE_CHECK,
                               .kind = "CronJob",
                               .ns = "",
                               .name = "cresset-analyzer",
                               .severity = SEVERITY_MEDIUM,
                               .snapshot = update->snapshot};
    g_autofree char *facts = g_strdup_printf(LATE_CHECK " %" G_GINT64_FORMAT, last_s);
    g_autofree char *fingerprint = fingerprint_of(facts);
    return put_gap(update, fingerprint, last_s, gap_s, &incident, error) &&
           update_tell(update, CHANGE_NEW, fingerprint, &incident, error);
}

bool
update_take_look(const Update *update, GError **error)
{
    int64_t look_s = update->state->look_s;
    if (look_s <= STATE_LOOK_MAX_S)
        return true;
    const CheckRow *row = check_find(LATE_CHECK);
    const Object self = {.kind = KIND_CRON_JOB, .ns = "", .name = "cresset-analyzer", .uid = ""};
    g_autoptr(Findings) findings = findings_new();
    Finding *finding = findings_add(findings, row, &self, "look");
    g_autofree char *span = span_text(look_s), *fingerprint = fingerprint_of(LATE_CHECK " look");
    (void)g_strlcpy(finding->fingerprint, fingerprint, sizeof finding->fingerprint);
    finding_since(finding, update->now_s);
    finding_title(finding, "The analyzer takes %s to look at the cluster", span);
    finding_cause(finding, "Its runs should take a few minutes at most: one that takes longer than "
                           "its deadline is ended, and tells nothing.");
    finding_fix(finding, "Look at the limits of its pod, at how fast the API server and the back "
                         "ends answer, and at --evidence-time.");
    finding_fix(finding, "kubectl get cronjobs,jobs -A");
    return update_take_finding(update, finding, error);
}
