#include <string.h>

#include "analyzers/checks/crash.h"
#include "analyzers/checks/exit_code.h"
#include "analyzers/checks/status.h"

/* "48 s after its start", or nothing when it is not known. */
static char *
run_length(const Value *ended)
{
    int64_t from_s = value_time(ended, "startedAt"), to_s = value_time(ended, "finishedAt");
    if (from_s == 0 || to_s < from_s)
        return g_strdup("");
    g_autofree char *span = span_text(to_s - from_s);
    return g_strdup_printf(" %s after its start", span);
}

/* Of a DaemonSet it matters where. */
static char *
place_text(const Finding *finding, const Container *container)
{
    Kind kind = finding->object->kind;
    const char *node = value_text(container->pod->value, "spec.nodeName");
    return (kind == KIND_DAEMON_SET || kind == KIND_POD) && node[0] != '\0'
               ? g_strdup_printf(" on node %s", node)
               : g_strdup("");
}

/* "exit code 1, an error of the program". */
static char *
code_text(const Value *ended)
{
    int64_t code = value_int(ended, "exitCode", -1);
    return code < 0
               ? g_strdup("a status that is not known")
               : g_strdup_printf("exit code %" G_GINT64_FORMAT " (%s)", code, exit_code_text(code));
}

/* ---- Titles. ---- */

static const char *const what_happens[CRASH_KINDS] = {
    [CRASH_PLAIN] = "crashes again and again",
    [CRASH_DEPENDENCY] = "crashes because it cannot reach what it needs",
    [CRASH_CONFIG] = "crashes because of its configuration",
    [CRASH_PERMISSION] = "crashes because it lacks a permission",
    [CRASH_PORT] = "crashes because it cannot open its port",
    [CRASH_LOCK] = "crashes because it waits for a lock",
    [CRASH_MEMORY] = "runs out of memory again and again",
    [CRASH_LIVENESS] = "is restarted by its liveness probe",
    [CRASH_STARTUP] = "is restarted by its startup probe",
    [CRASH_FINISHED] = "finishes and is started again and again",
    [CRASH_COMMAND] = "cannot run its command",
    [CRASH_SIGNAL] = "crashes natively",
    [CRASH_INIT] = "fails, so the pod never starts",
    [CRASH_ARCHITECTURE] = "has a program for another kind of machine",
    [CRASH_MEMORY_ONCE] = "was killed for its memory",
    [CRASH_SELDOM] = "is restarted several times a day",
};

static const Event *
probe_failure(const CheckRun *run, const Crash *crash)
{
    return crash->kind == CRASH_LIVENESS || crash->kind == CRASH_STARTUP
               ? snapshot_event(run->snapshot, crash->container->pod, "Unhealthy|ProbeError", 0)
               : NULL;
}

static void
write_title(const CheckRun *run, Finding *finding, const Crash *crash)
{
    const Container *container = crash->container;
    const char *limit = value_text(container->spec, "resources.limits.memory");
    const char *code = value_text(crash->ended, "exitCode");
    g_autoptr(GString) more = g_string_new(NULL);
    bool is_memory = crash->kind == CRASH_MEMORY || crash->kind == CRASH_MEMORY_ONCE;
    const Event *failure = probe_failure(run, crash);
    if (failure != NULL)
        g_string_append_printf(more, ": %s", probe_words(failure));
    else if (is_memory && limit[0] != '\0')
        g_string_append_printf(more, " (limit %s)", limit);
    else if (crash->line != NULL && !is_memory)
        g_string_append_printf(more, ": %s", crash->line);
    else if (!is_memory && code[0] != '\0')
        g_string_append_printf(more, " (exit code %s)", code);
    finding_title(finding, "%s %s: %scontainer %s %s%s", kind_row(finding->object->kind)->kind,
                  finding->object->name, container->is_init ? "init " : "", container->name,
                  what_happens[crash->kind], more->str);
}

/* ---- Causes. ---- */

/* How long a probe lets the container live. */
static char *
patience_text(const Value *probe)
{
    int64_t delay_s = value_int(probe, "initialDelaySeconds", 0);
    int64_t period_s = value_int(probe, "periodSeconds", 10);
    int64_t times = value_int(probe, "failureThreshold", 3);
    return g_strdup_printf("the probe asks every %" G_GINT64_FORMAT " s from %" G_GINT64_FORMAT
                           " s after the start on and gives up after %" G_GINT64_FORMAT " failures",
                           period_s, delay_s, times);
}

static void
write_probe_cause(CheckRun *run, Finding *finding, const Crash *crash)
{
    const Container *container = crash->container;
    bool is_liveness = crash->kind == CRASH_LIVENESS;
    const Value *probe = value_get(container->spec, is_liveness ? "livenessProbe" : "startupProbe");
    const Event *event = probe_failure(run, crash);
    g_autofree char *length = run_length(crash->ended), *patience = patience_text(probe);
    if (crash->is_inferred)
        finding_evidence(finding, "No event tells of the probe: it is known by the exit code and "
                                  "the time of the end");
    finding_cause(finding,
                  "Container %s does not end by itself: the kubelet kills it%s because its %s "
                  "probe fails%s%s; %s.",
                  container->name, length, is_liveness ? "liveness" : "startup",
                  event != NULL ? ": " : "", event != NULL ? event->message : "", patience);
}

static void
write_memory_cause(Finding *finding, const Crash *crash)
{
    const Container *container = crash->container;
    const char *limit = value_text(container->spec, "resources.limits.memory");
    g_autofree char *length = run_length(crash->ended), *place = place_text(finding, container);
    finding_cause(finding,
                  "Container %s%s %s killed%s because it takes more memory than %s%s allows "
                  "(OOMKilled).",
                  container->name, place, crash->kind == CRASH_MEMORY ? "is" : "was", length,
                  limit[0] != '\0' ? "its limit of " : "its node", limit);
    const char *path = container->is_init ? "spec.initContainers" : "spec.containers";
    const Value *template =
        value_find(pod_template(finding->object), path, "name", container->name);
    const char *other = value_text(template, "resources.limits.memory");
    if (other[0] != '\0' && strcmp(other, limit) != 0)
        finding_evidence(finding,
                         "The template of the %s sets a limit of %s: something else (a "
                         "VerticalPodAutoscaler, an admission webhook, a resize) has changed it",
                         kind_row(finding->object->kind)->kind, other);
}

static void
write_cause(CheckRun *run, Finding *finding, const Crash *crash)
{
    const Container *container = crash->container;
    g_autofree char *length = run_length(crash->ended), *place = place_text(finding, container),
                    *code = code_text(crash->ended),
                    *fault =
                        crash->dependency != NULL
                            ? unreachable_fault(run->relations, run->snapshot, crash->dependency)
                            : NULL;
    const char *sign = crash->line != NULL ? log_signature_text(log_signature(crash->line)) : NULL;
    if (crash->line == NULL) {
        finding_cause(finding, "Container %s%s ends%s with %s.", container->name, place, length,
                      code);
        return;
    }
    finding_cause(finding, "Container %s%s ends%s with %s%s%s; its log says \"%s\"%s%s.",
                  container->name, place, length, code, sign != NULL ? ": " : "",
                  sign != NULL ? sign : "", crash->line, fault != NULL ? ", and " : "",
                  fault != NULL ? fault : "");
}

/* ---- Evidence. ---- */

static void
add_security(Finding *finding, const Container *container)
{
    const Value *own = value_get(container->spec, "securityContext");
    const Value *all = value_at(container->pod->value, "spec.securityContext");
    const char *user = value_text(own, "runAsUser"), *group = value_text(all, "fsGroup");
    if (user[0] == '\0')
        user = value_text(all, "runAsUser");
    finding_evidence(finding, "It runs as user %s, with fsGroup %s%s",
                     user[0] != '\0' ? user : "of its image", group[0] != '\0' ? group : "not set",
                     value_is_true(own, "readOnlyRootFilesystem") ? " and a read-only root" : "");
}

static void
add_evidence(CheckRun *run, Finding *finding, const Crash *crash)
{
    const Container *container = crash->container;
    const Object *pod = container->pod;
    const char *reason = value_text(crash->ended, "reason");
    const char *node = value_text(pod->value, "spec.nodeName");
    guint n;
    g_autofree char *served = served_text(run, finding->object, &n);
    finding_evidence(finding, "%s restarts; the last run ended with exit code %s (%s) on node %s",
                     value_text(container->status, "restartCount"),
                     value_text(crash->ended, "exitCode"), reason, node);
    if (crash->line != NULL && (crash->kind == CRASH_MEMORY || crash->kind == CRASH_LIVENESS ||
                                crash->kind == CRASH_STARTUP || crash->kind == CRASH_MEMORY_ONCE))
        finding_evidence(finding, "Its log says: %s", crash->line);
    if (crash->kind == CRASH_PERMISSION || crash->kind == CRASH_PORT)
        add_security(finding, container);
    if (n > 0)
        finding_evidence(finding, "%s %s traffic to these pods", served, n > 1 ? "send" : "sends");
}

void
crash_write(CheckRun *run, Finding *finding, const Crash *crash)
{
    const Object *pod = crash->container->pod;
    write_title(run, finding, crash);
    if (crash->kind == CRASH_LIVENESS || crash->kind == CRASH_STARTUP)
        write_probe_cause(run, finding, crash);
    else if (crash->kind == CRASH_MEMORY || crash->kind == CRASH_MEMORY_ONCE)
        write_memory_cause(finding, crash);
    else
        write_cause(run, finding, crash);
    add_evidence(run, finding, crash);
    if (crash->dependency != NULL)
        unreachable_blame(run->relations, crash->dependency, finding);
    finding_fix(
        finding, "%s",
        crash->dependency != NULL && crash->dependency->dns_fault != NULL
            ? "Set dnsPolicy in its template to ClusterFirst, or to ClusterFirstWithHostNet "
              "on the host's network."
            : finding->check->fix);
    finding_fix(finding, "kubectl -n %s logs --previous -c %s %s", pod->ns, crash->container->name,
                pod->name);
}
