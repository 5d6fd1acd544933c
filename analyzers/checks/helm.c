/* Helm releases, by the labels of the Secrets that keep them: their content is never read. */
#include <string.h>

#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_releases(CheckRun *run);

static const CheckRow rows[] = {
    {
        .id = "helm-release-failed",
        .kind = "Secret (Helm release)",
        .severity = SEVERITY_MEDIUM,
        .stage = STAGE_SCALING,
        .tier = 2,
        .hold_s = 15 * 60,
        .symptom = "A Helm release failed, or blocks every further upgrade.",
        .meaning = "The newest revision of the release has the status failed, or has been pending "
                   "for 15 minutes, as the labels of its Secret say.",
        .fix = "Read the history of the release, and roll back to a revision that was deployed.",
        .run = run_releases,
        .needs = {KIND_SECRET},
    },
};

const CheckTopic check_topic_helm = {rows, G_N_ELEMENTS(rows)};

static const char *
label(const Object *secret, const char *key)
{
    return value_text(value_get(value_at(secret->value, "metadata.labels"), key), "");
}

static int64_t
revision(const Object *secret)
{
    return g_ascii_strtoll(label(secret, "version"), NULL, 10);
}

/* Whether a later revision of the same release is there. */
static bool
is_superseded(const GPtrArray *secrets, const Object *secret)
{
    for (guint i = 0; i < secrets->len; i++) {
        const Object *other = secrets->pdata[i];
        if (strcmp(label(other, "owner"), "helm") == 0 &&
            strcmp(label(other, "name"), label(secret, "name")) == 0 &&
            revision(other) > revision(secret))
            return true;
    }
    return false;
}

static void
look_at_release(CheckRun *run, const Object *secret)
{
    const char *status = label(secret, "status"), *name = label(secret, "name");
    int64_t since_s = object_changed_s(secret, NULL);
    if (strcmp(label(secret, "owner"), "helm") != 0 || name[0] == '\0' ||
        (strcmp(status, "failed") != 0 && !g_str_has_prefix(status, "pending-")) ||
        !check_held(run, &rows[0], since_s) ||
        is_superseded(snapshot_in_namespace(run->snapshot, KIND_SECRET, secret->ns), secret))
        return;
    Finding *finding = check_report(run, &rows[0], secret);
    finding_since(finding, since_s);
    finding_title(finding, "Helm release %s is %s", name, status);
    finding_cause(finding, "Revision %s of the release has the status %s%s.",
                  label(secret, "version"), status,
                  strcmp(status, "failed") == 0
                      ? ""
                      : ": helm was interrupted, and refuses to upgrade until that is cleared");
    finding_fix(finding, "%s", rows[0].fix);
    finding_fix(finding, "helm -n %s history %s", secret->ns, name);
}

static void
run_releases(CheckRun *run)
{
    const GPtrArray *secrets = snapshot_objects(run->snapshot, KIND_SECRET);
    for (guint i = 0; i < secrets->len; i++)
        look_at_release(run, secrets->pdata[i]);
}
