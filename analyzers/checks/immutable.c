/* Updates that the API server refuses because a field cannot change. */
#include <string.h>

#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_immutable(CheckRun *run);

static const CheckRow rows[] = {
    {
        .id = "config-immutable-change",
        .kind = "any object",
        .severity = SEVERITY_LOW,
        .stage = STAGE_ADMISSION,
        .tier = 2,
        .is_own_cause = true,
        .symptom = "A new version of an object does not get into the cluster.",
        .meaning = "A warning event of the last hour, or a condition that is not well now, has the "
                   "words of the API server for a field that cannot be changed.",
        .fix = "Take the change back, or delete the object and let it be made anew.",
        .run = run_immutable,
        .needs = {KIND_EVENT},
    },
};

const CheckTopic check_topic_immutable = {rows, G_N_ELEMENTS(rows)};

/* Words of the API server (apimachinery's validation, pkg/apis/apps/validation, and the rules of
 * custom types by convention). */
static bool
is_of_immutable(const char *message)
{
    static const char *const words[] = {"field is immutable",
                                        "updates to statefulset spec for fields other than",
                                        "pod updates may not change fields other than",
                                        "may not change once set", "Value is immutable"};
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        if (strstr(message, words[i]) != NULL)
            return true;
    }
    return false;
}

static void
report(CheckRun *run, const Object *object, const char *message, int64_t since_s)
{
    Finding *finding = check_report_once(run, &rows[0], object, "");
    if (finding == NULL)
        return;
    const char *kind = kind_row(object->kind)->kind;
    finding_since(finding, since_s);
    finding_title(finding, "%s %s: an update is refused because a field cannot change", kind,
                  object->name);
    finding_cause(finding,
                  "The API server refuses the change of a field that cannot be changed: %s",
                  message);
    check_advise(finding, object);
}

static void
look_at_events(CheckRun *run, const Object *object)
{
    enum { RECENT_S = 3600 };
    const GPtrArray *events = snapshot_events(run->snapshot, object);
    for (guint i = 0; i < events->len; i++) {
        const Event *event = events->pdata[i];
        if (run->now_s - event->last_s < RECENT_S && strcmp(event->type, "Normal") != 0 &&
            is_of_immutable(event->message)) {
            report(run, object, event->message, event->first_s);
            return;
        }
    }
}

static void
look_at_conditions(CheckRun *run, const Object *object)
{
    static const char *const bad_types[] = {"Failed", "Stalled", "Error", "SyncError", NULL};
    for (const Value *c = value_first(object->value, "status.conditions"); c != NULL; c = c->next) {
        const char *message = value_text(c, "message");
        bool is_bad =
            value_is(c, "status", "False") || (g_strv_contains(bad_types, value_text(c, "type")) &&
                                               !value_is(c, "status", "Unknown"));
        if (is_bad && is_of_immutable(message)) {
            report(run, object, message, value_time(c, "lastTransitionTime"));
            return;
        }
    }
}

static void
run_immutable(CheckRun *run)
{
    for (int kind = KIND_NONE + 1; kind < KIND_COUNT; kind++) {
        const GPtrArray *all = snapshot_objects(run->snapshot, (Kind)kind);
        for (guint i = 0; kind != KIND_EVENT && i < all->len; i++) {
            const Object *object = all->pdata[i];
            if (status_is_deleted(object))
                continue;
            look_at_events(run, object);
            look_at_conditions(run, object);
        }
    }
}
