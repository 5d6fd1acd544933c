/* Namespaces that are flooded with warnings. */
#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_event_storms(CheckRun *run);

enum { WINDOW_S = 600, EVENTS_MAX = 500 };

static const CheckRow rows[] = {
    {
        .id = "orphan-events-storm",
        .kind = "Namespace",
        .severity = SEVERITY_LOW,
        .stage = STAGE_ADVICE,
        .tier = 2,
        .symptom = "The API server and etcd write hundreds of events for one namespace.",
        .meaning = "More than 500 warning events of a namespace in the last ten minutes, counting "
                   "repetitions. When one object has most of them, what is found about it explains "
                   "the storm.",
        .fix = "Mend, or stop, what the most frequent one is about.",
        .run = run_event_storms,
        .needs = {KIND_EVENT, KIND_NAMESPACE},
    },
};

const CheckTopic check_topic_event_storm = {rows, G_N_ELEMENTS(rows)};

/* The warnings of one namespace within the window. */
typedef struct {
    double n;
    GHashTable *reasons; /* reason -> double *, of the window */
    const char *reason;  /* the most frequent one */
    double n_of_reason;
    const Value *loudest; /* the event with the most repetitions */
    double n_of_loudest;
} Storm;

static void
storm_free(gpointer data)
{
    Storm *storm = data;
    g_hash_table_unref(storm->reasons);
    g_free(storm);
}

static int64_t
time_of(const Value *event, const char *path, const char *other)
{
    int64_t time_s = value_time(event, path);
    return time_s != 0 ? time_s : value_time(event, other);
}

/* How often it happened within the window, when its repetitions are spread evenly. */
static double
count_in_window(const CheckRun *run, const Value *event)
{
    int64_t first_s = time_of(event, "firstTimestamp", "eventTime");
    int64_t last_s = MAX(time_of(event, "lastTimestamp", "eventTime"),
                         value_time(event, "series.lastObservedTime"));
    double n = (double)MAX(value_int(event, "series.count", 1), value_int(event, "count", 1));
    int64_t begin_s = run->now_s - WINDOW_S;
    if (last_s < begin_s || first_s == 0)
        return 0;
    return first_s >= begin_s ? n : n * (double)(last_s - begin_s) / (double)(last_s - first_s);
}

static void
add_event(GHashTable *storms, const Object *object, double n)
{
    Storm *storm = g_hash_table_lookup(storms, object->ns);
    const char *reason = value_text(object->value, "reason");
    if (storm == NULL) {
        storm = g_new0(Storm, 1);
        storm->reasons = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
        g_hash_table_insert(storms, (gpointer)(uintptr_t)object->ns, storm);
    }
    double *of_reason = g_hash_table_lookup(storm->reasons, reason);
    if (of_reason == NULL) {
        of_reason = g_new0(double, 1);
        g_hash_table_insert(storm->reasons, (gpointer)(uintptr_t)reason, of_reason);
    }
    storm->n += n;
    *of_reason += n;
    if (*of_reason > storm->n_of_reason) {
        storm->n_of_reason = *of_reason;
        storm->reason = reason;
    }
    if (n > storm->n_of_loudest) {
        storm->n_of_loudest = n;
        storm->loudest = object->value;
    }
}

/* Of reasons that whoever wrote the event chose, commands hold only those that no shell minds. */
static bool
is_word(const char *reason)
{
    return reason[0] != '\0' &&
           reason[strspn(reason, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS)] == '\0';
}

static void
report(CheckRun *run, const Object *ns, const Storm *storm)
{
    const Value *about = value_get(storm->loudest, "involvedObject");
    Finding *finding = check_report(run, &rows[0], ns);
    finding_title(finding, "Namespace %s has had %.0f warning events in ten minutes", ns->name,
                  storm->n);
    finding_cause(finding, "%.0f of them are %s. Each one is written to etcd.", storm->n_of_reason,
                  storm->reason);
    finding_evidence(finding, "The loudest: %s %s: %s", value_text(about, "kind"),
                     value_text(about, "name"), value_text(storm->loudest, "message"));
    const Object *object = snapshot_by_uid(run->snapshot, value_text(about, "uid"));
    if (object != NULL && 2 * storm->n_of_loudest > storm->n)
        finding_blame(finding, object);
    finding_fix(finding, "%s", rows[0].fix);
    if (is_word(storm->reason))
        finding_fix(finding, "kubectl -n %s get events --field-selector reason=%s", ns->name,
                    storm->reason);
}

static void
run_event_storms(CheckRun *run)
{
    const GPtrArray *events = snapshot_objects(run->snapshot, KIND_EVENT);
    const GPtrArray *namespaces = snapshot_objects(run->snapshot, KIND_NAMESPACE);
    g_autoptr(GHashTable) storms = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, storm_free);
    for (guint i = 0; i < events->len; i++) {
        const Object *event = events->pdata[i];
        double n =
            value_is(event->value, "type", "Warning") ? count_in_window(run, event->value) : 0;
        if (n > 0)
            add_event(storms, event, n);
    }
    for (guint i = 0; i < namespaces->len; i++) {
        const Object *ns = namespaces->pdata[i];
        const Storm *storm = g_hash_table_lookup(storms, ns->name);
        if (storm != NULL && storm->n > EVENTS_MAX)
            report(run, ns, storm);
    }
}
