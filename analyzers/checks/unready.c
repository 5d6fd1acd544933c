/* Pods that are not ready, of which no other check knows why. */
#include <string.h>

#include "analyzers/checks/container.h"
#include "analyzers/checks/last_resort.h"
#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_unready(CheckRun *run);

static const CheckRow rows[] = {
    {
        .id = "not-ready-generic",
        .kind = "Pod",
        .severity = SEVERITY_MEDIUM,
        .stage = STAGE_READINESS,
        .tier = 1,
        .hold_s = 15 * 60,
        .is_umbrella = true,
        .symptom = "A pod has been running but not ready, and nothing tells why.",
        .meaning = "The pod's Ready condition has been False for a quarter of an hour, its node is "
                   "well, and no other check has found anything about it.",
        .fix = "Read the conditions of the pod and the log of its containers.",
        .run = run_unready,
        .needs = {KIND_POD},
    },
};

const CheckTopic check_topic_unready = {rows, G_N_ELEMENTS(rows)};

static bool
has_sick_node(const CheckRun *run, const Object *pod)
{
    const Object *node =
        snapshot_get(run->snapshot, KIND_NODE, "", value_text(pod->value, "spec.nodeName"));
    return node != NULL && !status_is(node, "Ready", "True");
}

/* What its log says, when that is known. */
static void
add_log(const CheckRun *run, Finding *finding)
{
    const CheckRow *row = check_find("log-signature");
    for (guint i = 0; i < run->findings->all->len; i++) {
        const Finding *log = run->findings->all->pdata[i];
        if (log->check == row && log->object == finding->object && log->evidence->len > 0)
            finding_evidence(finding, "%s", (const char *)log->evidence->pdata[0]);
    }
}

static void
report(CheckRun *run, const Object *pod, int64_t since_s)
{
    const Value *ready = condition_of(pod, "Ready");
    bool is_new;
    Finding *finding = check_report_pod(run, &rows[0], pod, "", since_s, &is_new);
    if (!is_new)
        return;
    g_autofree char *trouble = pod_trouble(pod);
    finding_title(finding, "%s %s: pod %s runs but is not ready",
                  kind_row(finding->object->kind)->kind, finding->object->name, pod->name);
    finding_cause(finding, "The pod is not ready (%s), and nothing in its state says why%s%s.",
                  value_text(ready, "reason"), trouble[0] != '\0' ? ": " : "", trouble);
    if (value_text(ready, "message")[0] != '\0')
        finding_evidence(finding, "%s", value_text(ready, "message"));
    add_log(run, finding);
    check_advise(finding, pod);
}

static void
run_unready(CheckRun *run)
{
    const GPtrArray *pods = snapshot_objects(run->snapshot, KIND_POD);
    g_autoptr(GHashTable) known = last_resort_known(run->findings, true);
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        int64_t since_s = status_since(pod, "Ready");
        if (value_is(pod->value, "status.phase", "Running") && status_is(pod, "Ready", "False") &&
            pod_is_wanted(pod) && check_held(run, &rows[0], since_s) &&
            !value_is(condition_of(pod, "Ready"), "reason", "PodCompleted") &&
            pod_has_running(pod) && !has_sick_node(run, pod) &&
            !last_resort_is_known(run, known, pod))
            report(run, pod, since_s);
    }
}
