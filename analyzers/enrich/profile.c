#include "analyzers/enrich/profile.h"

#include "analyzers/enrich/flame_link.h"
#include "analyzers/enrich/profile_query.h"
#include "analyzers/enrich/regression.h"
#include "analyzers/enrich/subject.h"

enum { WINDOW_S = 15 * 60, DAY_S = 24 * 60 * 60 };

#define CPU_TYPE   "process_cpu:cpu:nanoseconds:cpu:nanoseconds"
#define INUSE_TYPE "memory:inuse_space:bytes:space:bytes"
#define ALLOC_TYPE "memory:alloc_space:bytes:space:bytes"

/* Of which type profiles tell about which findings, the best first. */
static const struct {
    const char *checks;
    const char *types[4];
} rows[] = {
    {"crashloop-oom container-oomkilled oom-invisible near-memory-limit memory-leak-trend "
     "node-memory-* node-systemoom",
     {INUSE_TYPE, ALLOC_TYPE, CPU_TYPE}},
    {"cpu-throttled cpu-starved-noderequest readiness-timeout readiness-failing "
     "readiness-flapping liveness-failing startup-failing crashloop-liveness crashloop-startup "
     "node-cpu-saturated node-pleg-slow crashloop-segfault hpa-maxed-out deployment-unavailable "
     "deployment-degraded deployment-rollout-stuck",
     {CPU_TYPE}},
};

static const char *const *
types_of(const Finding *finding)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (enquiry_is_about(finding, rows[i].checks))
            return rows[i].types;
    }
    return NULL;
}

/* Up to the end of a container that ended lately, else up to now. */
static ProfileWindow
window_of(const Enquiry *enquiry, const Finding *finding)
{
    int64_t until_s = subject_ended(enquiry->run, finding);
    if (until_s == 0 || until_s > enquiry->run->now_s ||
        enquiry->run->now_s - until_s > 2 * 60 * 60)
        until_s = enquiry->run->now_s;
    return (ProfileWindow){until_s - WINDOW_S, until_s};
}

static void
add_link(const Enquiry *enquiry, const ProfileTarget *target, ProfileWindow window,
         Finding *finding)
{
    TelemetryApi *api = enquiry->options->apis[SOURCE_PROFILES];
    const char *base = enquiry->options->profiles_link;
    const FlameView view = {.tenant = telemetry_api_tenant(api),
                            .service = target->service,
                            .type = target->type,
                            .labels = target->labels,
                            .from_ms = window.from_s * 1000,
                            .until_ms = window.until_s * 1000};
    g_autofree char *url =
        flame_link(base != NULL && *base != '\0' ? base : telemetry_api_url(api), &view);
    g_autofree char *label = g_strdup_printf("Flame graph of %s", profile_query_unit(target->type));
    finding_link(finding, label, url);
}

/* The same window a day before: of all pods that the workload has had. */
static FunctionShares *
ask_former(Enquiry *enquiry, const ProfileTarget *target, ProfileWindow window,
           const Finding *finding, char **ret_why)
{
    const ProfileWindow former = {window.from_s - DAY_S, window.until_s - DAY_S};
    g_autofree char *pattern =
        subject_pod_pattern(enquiry->run, subject_workload(enquiry->run, finding));
    if (target->pod == NULL || pattern == NULL)
        return profile_query(enquiry, target, target->labels, former, ret_why);
    g_autofree char *quoted = telemetry_quote(pattern);
    g_autofree char *matchers =
        g_strdup_printf("%s%s%s=~%s", target->surrounding, *target->surrounding != '\0' ? "," : "",
                        target->pod, quoted);
    return profile_query(enquiry, target, matchers, former, ret_why);
}

static void
tell_functions(Enquiry *enquiry, const ProfileTarget *target, Finding *finding)
{
    g_autofree char *why = NULL, *former_why = NULL;
    ProfileWindow window = window_of(enquiry, finding);
    g_autoptr(FunctionShares) now = profile_query(enquiry, target, target->labels, window, &why);
    if (why != NULL)
        enquiry_say_failed(finding, SOURCE_PROFILES, why);
    if (now == NULL)
        return;
    g_autoptr(FunctionShares) before = ask_former(enquiry, target, window, finding, &former_why);
    g_autofree char *text = profile_query_text(now, before, "a day before", false);
    bool is_end = window.until_s != enquiry->run->now_s;
    finding_evidence(finding, "Functions by %s in the %s: %s", profile_query_unit(target->type),
                     is_end ? "15 min before the end of the container" : "last 15 min", text);
    add_link(enquiry, target, window, finding);
}

void
profile_enrich(Enquiry *enquiry)
{
    g_auto(ProfileIndex) index = {0};
    g_autofree char *why = NULL;
    bool is_asked = false;
    for (guint i = 0; i < enquiry->findings->n_roots; i++) {
        g_auto(ProfileTarget) target = {0};
        Finding *finding = enquiry->findings->all->pdata[i];
        const char *const *types = types_of(finding);
        if (enquiry->options->apis[SOURCE_PROFILES] == NULL || types == NULL)
            continue;
        if (!is_asked)
            (void)profile_index_ask(enquiry, &index, &why);
        is_asked = true;
        if (why != NULL) {
            enquiry_say_failed(finding, SOURCE_PROFILES, why);
        } else if (profile_index_find(&index, enquiry->run, finding, types, &target)) {
            tell_functions(enquiry, &target, finding);
            regression_tell(enquiry, &target, finding);
        }
    }
}
