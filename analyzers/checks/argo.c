/* Argo CD applications and Argo Rollouts (argoproj.io/v1alpha1). */
#include <string.h>

#include "analyzers/checks/refusal.h"
#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_applications(CheckRun *run);
static void run_rollouts(CheckRun *run);

enum { ROW_ERROR, ROW_SYNC_FAILED, ROW_DEGRADED, ROW_PROGRESSING, ROW_OUT_OF_SYNC, ROW_ROLLOUT };

#define ARGO_ROW(name, level, order, hold, umbrella, seen, told_by, step)                          \
    {                                                                                              \
        .id = name, .kind = "Application", .severity = level, .stage = order, .tier = 2,           \
        .hold_s = hold, .is_umbrella = umbrella, .symptom = seen, .meaning = told_by, .fix = step, \
        .run = run_applications, .needs = {                                                        \
            KIND_ARGO_APPLICATION                                                                  \
        }                                                                                          \
    }

static const CheckRow rows[] = {
    [ROW_ERROR] =
        ARGO_ROW("argocd-condition-error", SEVERITY_MEDIUM, STAGE_QUOTA, 10 * 60, false,
                 "Argo CD cannot render an application or compare it with the cluster.",
                 "The application has a condition ComparisonError, InvalidSpecError, SyncError or "
                 "RepeatedResourceWarning.",
                 "Look at the repository's credentials and at the manifests."),
    [ROW_SYNC_FAILED] =
        ARGO_ROW("argocd-sync-failed", SEVERITY_HIGH, STAGE_REFERENCE, 0, false,
                 "The newest version of an application was not put into the cluster.",
                 "status.operationState.phase of the application is Failed or Error.",
                 "Mend the manifest or the right that the message names, then sync again."),
    [ROW_DEGRADED] =
        ARGO_ROW("argocd-app-degraded", SEVERITY_HIGH, STAGE_WORKLOAD, 10 * 60, true,
                 "An application that Argo CD looks after is not healthy.",
                 "status.health.status of the application is Degraded, Missing or Unknown.",
                 "Look at the first object that is not healthy."),
    [ROW_PROGRESSING] =
        ARGO_ROW("argocd-app-stuck-progressing", SEVERITY_MEDIUM, STAGE_WORKLOAD, 30 * 60, true,
                 "An application does not become healthy after it was synced.",
                 "status.health.status of the application is Progressing for more than 30 minutes.",
                 "Look at the first object that still progresses."),
    [ROW_OUT_OF_SYNC] = ARGO_ROW(
        "argocd-app-outofsync", SEVERITY_LOW, STAGE_ADVICE, 60 * 60, true,
        "The cluster differs from git though it should follow it by itself.",
        "status.sync.status of the application is OutOfSync for an hour, and automated sync is "
        "on.",
        "Look at what the last sync says, and at what else changes these objects."),
    [ROW_ROLLOUT] =
        {
            .id = "argo-rollout-degraded",
            .kind = "Rollout",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_WORKLOAD,
            .tier = 2,
            .hold_s = 10 * 60,
            .is_umbrella = true,
            .symptom = "A canary or blue-green roll-out was given up.",
            .meaning = "status.phase of the Rollout is Degraded, or status.abort is true.",
            .fix = "Look at why the new pods or the analysis failed, then try again.",
            .run = run_rollouts,
            .needs = {KIND_ARGO_ROLLOUT},
        },
};

const CheckTopic check_topic_argo = {rows, G_N_ELEMENTS(rows)};

static bool
is_one_of(const char *text, const char *const *words)
{
    return text[0] != '\0' && g_strv_contains(words, text);
}

/* The end of its last operation: what its state was before then does not count. */
static int64_t
operated_at(const Object *app)
{
    int64_t finished_s = value_time(app->value, "status.operationState.finishedAt");
    return finished_s != 0 ? finished_s : value_time(app->value, "status.operationState.startedAt");
}

/* Whether an operation runs now. */
static bool
is_busy(const Object *app)
{
    return value_is(app->value, "status.operationState.phase", "Running") ||
           value_get(app->value, "operation") != NULL;
}

static void
add_fix(Finding *finding, const Object *object)
{
    check_advise(finding, object);
}

/* An object that the application lists: NULL when it is of no known kind, or not there. */
static const Object *
listed_object(const CheckRun *run, const Value *resource)
{
    Kind kind = kind_of(value_text(resource, "group"), value_text(resource, "kind"));
    const char *ns =
        kind != KIND_NONE && kind_row(kind)->is_namespaced ? value_text(resource, "namespace") : "";
    return kind != KIND_NONE ? snapshot_get(run->snapshot, kind, ns, value_text(resource, "name"))
                             : NULL;
}

/* Names those of its objects that have this health; the findings about them are its cause. Returns
 * the first one's name and message; free with g_free. */
static char *
add_unhealthy(const CheckRun *run, Finding *finding, const Object *app, const char *health)
{
    char *first = NULL;
    for (const Value *r = value_first(app->value, "status.resources"); r != NULL; r = r->next) {
        if (!value_is(r, "health.status", health))
            continue;
        const char *message = value_text(r, "health.message");
        g_autofree char *text =
            g_strdup_printf("%s %s/%s%s%s", value_text(r, "kind"), value_text(r, "namespace"),
                            value_text(r, "name"), message[0] != '\0' ? ": " : "", message);
        const Object *object = listed_object(run, r);
        finding_evidence(finding, "%s is %s", text, health);
        if (object != NULL)
            finding_blame(finding, object);
        if (first == NULL)
            first = g_steal_pointer(&text);
    }
    return first != NULL ? first : g_strdup("none of its objects says why");
}

static void
look_at_health(CheckRun *run, const Object *app)
{
    static const char *const bad[] = {"Degraded", "Missing", "Unknown", NULL};
    const char *health = value_text(app->value, "status.health.status");
    bool is_progressing = strcmp(health, "Progressing") == 0;
    const CheckRow *row = &rows[is_progressing ? ROW_PROGRESSING : ROW_DEGRADED];
    int64_t since_s = value_time(app->value, "status.health.lastTransitionTime");
    bool is_known = since_s != 0;
    bool is_automated = value_at(app->value, "spec.syncPolicy.automated") != NULL;
    since_s = MAX(since_s, operated_at(app)); /* old versions do not say since when */
    if ((!is_progressing && !is_one_of(health, bad)) || is_busy(app) ||
        !check_held(run, row, since_s) || (strcmp(health, "Missing") == 0 && !is_automated))
        return;
    Finding *finding = check_report(run, row, app);
    g_autofree char *first = add_unhealthy(run, finding, app, health);
    if (strcmp(health, "Degraded") != 0)
        finding->severity = SEVERITY_MEDIUM;
    finding_since(finding, is_known ? since_s : 0);
    finding_title(finding, "Application %s is %s", app->name, health);
    finding_cause(finding, "Argo CD says that the application in namespace %s is %s: %s.",
                  value_text(app->value, "spec.destination.namespace"), health, first);
    add_fix(finding, app);
}

/* The webhook that refused the objects is the cause. */
static void
blame_refusal(const CheckRun *run, Finding *finding, const char *message)
{
    const Kind kinds[] = {KIND_VALIDATING_WEBHOOK, KIND_MUTATING_WEBHOOK};
    g_autofree char *webhook = NULL;
    RefusalClass class = refusal_classify(message, &webhook);
    for (size_t k = 0; class == REFUSAL_WEBHOOK_FAILED && k < G_N_ELEMENTS(kinds); k++) {
        const GPtrArray *all = snapshot_objects(run->snapshot, kinds[k]);
        for (guint i = 0; webhook != NULL && i < all->len; i++) {
            const Object *configuration = all->pdata[i];
            if (value_find(configuration->value, "webhooks", "name", webhook) != NULL)
                finding_blame(finding, configuration);
        }
    }
}

static void
look_at_sync(CheckRun *run, const Object *app)
{
    static const char *const bad[] = {"Failed", "Error", NULL};
    const Value *operation = value_at(app->value, "status.operationState");
    const char *message = value_text(operation, "message");
    if (!is_one_of(value_text(operation, "phase"), bad))
        return;
    Finding *finding = check_report(run, &rows[ROW_SYNC_FAILED], app);
    finding_since(finding, operated_at(app));
    finding_title(finding, "The last sync of Application %s failed", app->name);
    finding_cause(finding, "Argo CD could not bring the application into the cluster: %s", message);
    for (const Value *r = value_first(operation, "syncResult.resources"); r != NULL; r = r->next) {
        if (value_is(r, "status", "SyncFailed"))
            finding_evidence(finding, "%s %s/%s: %s", value_text(r, "kind"),
                             value_text(r, "namespace"), value_text(r, "name"),
                             value_text(r, "message"));
    }
    finding_evidence(finding, "Revision %s", value_text(operation, "syncResult.revision"));
    blame_refusal(run, finding, message);
    add_fix(finding, app);
}

static void
look_at_conditions(CheckRun *run, const Object *app)
{
    static const char *const bad[] = {"ComparisonError", "InvalidSpecError", "SyncError",
                                      "RepeatedResourceWarning", NULL};
    const CheckRow *row = &rows[ROW_ERROR];
    for (const Value *c = value_first(app->value, "status.conditions"); c != NULL; c = c->next) {
        const char *type = value_text(c, "type");
        int64_t since_s = value_time(c, "lastTransitionTime");
        if (!is_one_of(type, bad) || !check_held(run, row, since_s))
            continue;
        Finding *finding = check_report_once(run, row, app, "");
        if (finding == NULL)
            return;
        finding_since(finding, since_s);
        finding_title(finding, "Argo CD reports %s for Application %s", type, app->name);
        finding_cause(finding, "Argo CD cannot bring the application up to date: %s",
                      value_text(c, "message"));
        finding_evidence(finding, "Repository %s", value_text(app->value, "spec.source.repoURL"));
        add_fix(finding, app);
    }
}

static void
look_at_difference(CheckRun *run, const Object *app)
{
    const CheckRow *row = &rows[ROW_OUT_OF_SYNC];
    int64_t since_s = operated_at(app);
    guint n = 0;
    if (!value_is(app->value, "status.sync.status", "OutOfSync") || is_busy(app) ||
        value_at(app->value, "spec.syncPolicy.automated") == NULL ||
        value_is(app->value, "spec.syncPolicy.automated.enabled", "false") ||
        !check_held(run, row, since_s))
        return;
    Finding *finding = check_report(run, row, app);
    for (const Value *r = value_first(app->value, "status.resources"); r != NULL; r = r->next) {
        if (!value_is(r, "status", "OutOfSync"))
            continue;
        finding_evidence(finding, "%s %s/%s differs", value_text(r, "kind"),
                         value_text(r, "namespace"), value_text(r, "name"));
        n++;
    }
    finding_title(finding, "Application %s differs from git though it syncs by itself", app->name);
    finding_cause(finding,
                  "%u objects of the application are not as git wants them, and the last sync "
                  "ended at %s.",
                  n, value_text(app->value, "status.operationState.finishedAt"));
    add_fix(finding, app);
}

static void
run_applications(CheckRun *run)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_ARGO_APPLICATION);
    for (guint i = 0; i < all->len; i++) {
        const Object *app = all->pdata[i];
        if (status_is_deleted(app))
            continue;
        look_at_conditions(run, app);
        look_at_sync(run, app);
        look_at_health(run, app);
        look_at_difference(run, app);
    }
}

static void
run_rollouts(CheckRun *run)
{
    const CheckRow *row = &rows[ROW_ROLLOUT];
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_ARGO_ROLLOUT);
    for (guint i = 0; i < all->len; i++) {
        const Object *rollout = all->pdata[i];
        const Value *status = value_at(rollout->value, "status");
        bool is_aborted = value_is_true(status, "abort");
        int64_t since_s =
            is_aborted ? value_time(status, "abortedAt") : status_since(rollout, "Progressing");
        if ((!is_aborted && !value_is(status, "phase", "Degraded")) || status_is_deleted(rollout) ||
            !check_held(run, row, since_s))
            continue;
        g_autoptr(GPtrArray) pods = relations_pods(run->relations, rollout);
        Finding *finding = check_report(run, row, rollout);
        finding_since(finding, since_s);
        for (guint k = 0; k < pods->len; k++)
            finding_about(finding, pods->pdata[k]);
        finding_title(finding, "Rollout %s %s", rollout->name,
                      is_aborted ? "was given up" : "is degraded");
        finding_cause(finding,
                      "The new version was not rolled out: %s. The old one serves, as far "
                      "as it has pods.",
                      value_text(status, "message"));
        add_fix(finding, rollout);
    }
}
