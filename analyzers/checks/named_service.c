/* Services that the environment of unready pods names in full and that are not there. */
#include <string.h>

#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"
#include "analyzers/collect/backend.h"
#include "analyzers/collect/service_host.h"

static void run_names(CheckRun *run);

enum { ROW_MISSING, ROW_PORT };

#define NAME_ROW(name, seen, told_by, step)                                                        \
    {                                                                                              \
        .id = name, .kind = "Pod", .severity = SEVERITY_MEDIUM, .stage = STAGE_READINESS,          \
        .tier = 2, .hold_s = 300, .is_umbrella = true, .symptom = seen, .meaning = told_by,        \
        .fix = step, .run = run_names, .needs = {                                                  \
            KIND_POD,                                                                              \
            KIND_SERVICE                                                                           \
        }                                                                                          \
    }

static const CheckRow rows[] = {
    [ROW_MISSING] = NAME_ROW(
        "env-service-missing",
        "A pod is not ready, and it is told to call a Service that is not "
        "there.",
        "A variable of a pod that is not ready names a Service in full (name.namespace.svc), and "
        "that namespace has no such Service.",
        "Correct the host, or create the Service."),
    [ROW_PORT] = NAME_ROW(
        "env-service-port-mismatch",
        "A pod is not ready, and it is told to call a port that the "
        "Service does not have.",
        "A variable of a pod that is not ready names a Service in full with a port, and the "
        "Service has no such port.",
        "Correct the port."),
};

const CheckTopic check_topic_named_service = {rows, G_N_ELEMENTS(rows)};

static gpointer
compile(gpointer data)
{
    (void)data;
    return g_regex_new("(?<![a-z0-9.-])([a-z0-9][a-z0-9.-]*\\.svc(?:\\.[a-z0-9.-]*[a-z0-9])?)"
                       "(?::([0-9]{1,5}))?(?![a-z0-9-])",
                       G_REGEX_DEFAULT, G_REGEX_MATCH_DEFAULT, NULL);
}

static void
report(CheckRun *run, size_t row, const Object *pod, const char *variable, const char *what)
{
    bool is_new;
    Finding *finding = check_report_pod(run, &rows[row], pod, what, 0, &is_new);
    if (!is_new)
        return;
    finding_title(finding, "Pod %s is told to call %s, which does not exist", pod->name, what);
    finding_cause(finding, "Variable %s names %s, and there is no such %s.", variable, what,
                  row == ROW_MISSING ? "Service" : "port of the Service");
    check_advise(finding, pod);
}

static void
look_at_variable(CheckRun *run, const Object *pod, const Value *env)
{
    static GOnce once = G_ONCE_INIT;
    const GRegex *pattern = g_once(&once, compile, NULL);
    g_autoptr(GMatchInfo) match = NULL;
    if (!g_regex_match(pattern, value_text(env, "value"), G_REGEX_MATCH_DEFAULT, &match))
        return;
    g_autofree char *found = g_match_info_fetch(match, 1), *port = g_match_info_fetch(match, 2);
    int number = port != NULL ? (int)g_ascii_strtoll(port, NULL, 10) : 0;
    ServiceName names[SERVICE_NAMES_MAX];
    size_t n = service_names_of(found, pod->ns, names);
    if (n == 0)
        return;
    const Object *service = service_of_host(run->snapshot, found, pod->ns);
    g_autofree char *host = g_strdup_printf("%s.%s.svc", names[0].name, names[0].ns);
    g_autofree char *with_port = g_strdup_printf("%s:%d", host, number);
    service_names_clear(names, n);
    if (service_host_is_missing(run->snapshot, found, pod->ns))
        report(run, ROW_MISSING, pod, value_text(env, "name"), host);
    else if (service != NULL && number > 0 && service_port(service, number, "") == NULL &&
             !value_is(service->value, "spec.clusterIP", "None") &&
             !value_is(service->value, "spec.type", "ExternalName"))
        report(run, ROW_PORT, pod, value_text(env, "name"), with_port);
}

static void
run_names(CheckRun *run)
{
    const GPtrArray *pods = snapshot_objects(run->snapshot, KIND_POD);
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        int64_t since_s;
        if (!pod_is_down(run, &rows[0], pod, &since_s) ||
            value_is(pod->value, "status.phase", "Pending"))
            continue;
        for (const Value *c = value_first(pod->value, "spec.containers"); c != NULL; c = c->next) {
            for (const Value *env = value_first(c, "env"); env != NULL; env = env->next)
                look_at_variable(run, pod, env);
        }
    }
}
