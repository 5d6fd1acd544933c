/* What the templates of unhealthy workloads have that makes it worse: speaks only of pods that
 * another check has found. */
#include <string.h>

#include "analyzers/checks/last_resort.h"
#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_templates(CheckRun *run);

enum { ROW_PROBES, ROW_VARIABLE, ROW_STALE };

#define TEMPLATE_ROW(name, on, seen, told_by, step, ...)                                           \
    {                                                                                              \
        .id = name, .kind = on, .severity = SEVERITY_INFO, .stage = STAGE_ADVICE, .tier = 3,       \
        .symptom = seen, .meaning = told_by, .fix = step, .run = run_templates, .needs = {         \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

static const CheckRow rows[] = {
    [ROW_PROBES] = TEMPLATE_ROW(
        "probes-identical", "Container",
        "A slow dependency restarts the program instead of only taking it out of service.",
        "The liveness probe of a container asks the same as its readiness probe, and another check "
        "has found that its pod is not well.",
        "Let the liveness probe ask only whether the program itself works.", KIND_POD),
    [ROW_VARIABLE] = TEMPLATE_ROW(
        "duplicate-env-var", "Container",
        "A variable does not have the value that one reads first.",
        "The environment of a container sets the same variable twice, and another check has found "
        "that its pod is not well; the last one counts.",
        "Remove one of them.", KIND_POD),
    [ROW_STALE] = TEMPLATE_ROW(
        "config-stale", "Pod", "A change of a ConfigMap has no effect on a pod that is not well.",
        "Another check has found that the pod is not well, and a ConfigMap that its environment "
        "comes from was changed after its container had started; variables are read only at the "
        "start.",
        "Restart the roll-out.", KIND_POD, KIND_CONFIG_MAP),
};

const CheckTopic check_topic_template = {rows, G_N_ELEMENTS(rows)};

static Finding *
report(CheckRun *run, size_t row, const Object *pod, const char *what)
{
    const Object *maker = relations_controller(run->relations, pod);
    Finding *finding = check_report_once(run, &rows[row], maker, what);
    if (finding != NULL)
        check_advise(finding, pod);
    return finding;
}

/* ---- Probes. ---- */

static bool
is_same(const Value *a, const Value *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    if (value_count(a, "") != value_count(b, "") ||
        strcmp(value_text(a, ""), value_text(b, "")) != 0)
        return false;
    const Value *x = value_first(a, ""), *y = value_first(b, "");
    for (; x != NULL && y != NULL; x = x->next, y = y->next) {
        if (!is_same(x, x->key != NULL ? value_get(b, x->key) : y))
            return false;
    }
    return true;
}

static void
look_at_probes(CheckRun *run, const Object *pod, const Value *container)
{
    static const char *const handlers[] = {"httpGet", "tcpSocket", "exec", "grpc"};
    const char *name = value_text(container, "name");
    for (size_t i = 0; i < G_N_ELEMENTS(handlers); i++) {
        const Value *live = value_get(value_get(container, "livenessProbe"), handlers[i]);
        const Value *ready = value_get(value_get(container, "readinessProbe"), handlers[i]);
        if (live == NULL || !is_same(live, ready))
            continue;
        Finding *finding = report(run, ROW_PROBES, pod, name);
        if (finding == NULL)
            return;
        finding_title(finding, "Container %s asks the same for liveness and readiness", name);
        finding_cause(finding,
                      "Both probes are the same %s, so whatever makes the container not "
                      "ready also restarts it.",
                      handlers[i]);
    }
}

/* ---- Environment. ---- */

static void
look_at_variables(CheckRun *run, const Object *pod, const Value *container)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    const char *name = value_text(container, "name");
    for (const Value *env = value_first(container, "env"); env != NULL; env = env->next) {
        const char *variable = value_text(env, "name");
        Finding *finding = g_hash_table_add(names, (gpointer)(uintptr_t)variable)
                               ? NULL
                               : report(run, ROW_VARIABLE, pod, name);
        if (finding == NULL)
            continue;
        finding_title(finding, "Container %s sets %s twice", name, variable);
        finding_cause(finding, "Of two variables of one name the last one counts.");
    }
}

static void
look_at_map(CheckRun *run, const Object *pod, const char *name, int64_t started_s)
{
    const Object *map =
        name[0] != '\0' ? snapshot_get(run->snapshot, KIND_CONFIG_MAP, pod->ns, name) : NULL;
    int64_t changed_s = map != NULL ? object_changed_s(map, NULL) : 0;
    if (started_s == 0 || changed_s <= started_s)
        return;
    Finding *finding = report(run, ROW_STALE, pod, name);
    if (finding == NULL)
        return;
    g_autofree char *span = span_text(changed_s - started_s);
    finding_since(finding, changed_s);
    finding_title(finding, "ConfigMap %s was changed after Pod %s had read it", name, pod->name);
    finding_cause(finding,
                  "It was changed %s after the start, and the environment of the pod "
                  "still has the old values.",
                  span);
}

static void
look_at_sources(CheckRun *run, const Object *pod, const Value *container)
{
    const Value *status =
        value_find(pod->value, "status.containerStatuses", "name", value_text(container, "name"));
    int64_t started_s = value_time(status, "state.running.startedAt");
    for (const Value *from = value_first(container, "envFrom"); from != NULL; from = from->next)
        look_at_map(run, pod, value_text(from, "configMapRef.name"), started_s);
    for (const Value *env = value_first(container, "env"); env != NULL; env = env->next)
        look_at_map(run, pod, value_text(env, "valueFrom.configMapKeyRef.name"), started_s);
}

static void
run_templates(CheckRun *run)
{
    const GPtrArray *pods = snapshot_objects(run->snapshot, KIND_POD);
    g_autoptr(GHashTable) known = last_resort_known(run->findings, true);
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        int64_t since_s;
        if (!pod_is_unready(pod, &since_s) || !g_hash_table_contains(known, pod))
            continue;
        for (const Value *c = value_first(pod->value, "spec.containers"); c != NULL; c = c->next) {
            look_at_probes(run, pod, c);
            look_at_variables(run, pod, c);
            look_at_sources(run, pod, c);
        }
    }
}
