#include "analyzers/enrich/regression.h"

#include "analyzers/checks/rollout.h"
#include "analyzers/enrich/subject.h"

enum { WINDOW_S = 15 * 60, RECENT_S = 24 * 60 * 60 };

static FunctionShares *
ask_pods(Enquiry *enquiry, const ProfileTarget *target, const Object *set, ProfileWindow window)
{
    g_autofree char *why = NULL, *escaped = g_regex_escape_string(set->name, -1);
    g_autofree char *pattern = g_strconcat(escaped, "-[a-z0-9]+", NULL);
    g_autofree char *quoted = telemetry_quote(pattern);
    g_autofree char *matchers =
        g_strdup_printf("%s%s%s=~%s", target->surrounding, *target->surrounding != '\0' ? "," : "",
                        target->pod, quoted);
    return profile_query(enquiry, target, matchers, window, &why);
}

void
regression_tell(Enquiry *enquiry, const ProfileTarget *target, Finding *finding)
{
    int64_t now_s = enquiry->run->now_s;
    const Rollout rollout = rollout_of(enquiry->run, subject_workload(enquiry->run, finding));
    if (target->pod == NULL || rollout.now == NULL || rollout.now->kind != KIND_REPLICA_SET ||
        rollout.before == NULL || rollout.now->created_s == 0 ||
        now_s - rollout.now->created_s > RECENT_S)
        return;
    int64_t begin_s = rollout.now->created_s;
    const ProfileWindow window = {MAX(begin_s, now_s - WINDOW_S), now_s};
    const ProfileWindow former = {begin_s - WINDOW_S, begin_s};
    g_autoptr(FunctionShares) now = ask_pods(enquiry, target, rollout.now, window);
    g_autoptr(FunctionShares) before =
        now != NULL ? ask_pods(enquiry, target, rollout.before, former) : NULL;
    if (before == NULL)
        return;
    g_autofree char *when =
        g_strdup_printf("in revision %" G_GINT64_FORMAT, rollout_revision(rollout.before));
    g_autofree char *text = profile_query_text(now, before, when, true);
    if (*text != '\0')
        finding_evidence(finding, "Of the %s, revision %" G_GINT64_FORMAT " takes more for %s",
                         profile_query_unit(target->type), rollout_revision(rollout.now), text);
}
