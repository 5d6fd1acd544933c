/* Pods that nothing makes anew. */
#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_pods(CheckRun *run);

static const CheckRow rows[] = {
    {
        .id = "pod-naked",
        .kind = "Pod",
        .severity = SEVERITY_INFO,
        .stage = STAGE_ADVICE,
        .tier = 3,
        .hold_s = 24 * 3600,
        .symptom = "A pod that is lost with its node, and that nobody makes anew.",
        .meaning = "For more than a day a pod runs that no object owns and no file of its node "
                   "makes.",
        .fix = "Let a Deployment make it.",
        .run = run_pods,
        .needs = {KIND_POD},
    },
};

const CheckTopic check_topic_naked_pod = {rows, G_N_ELEMENTS(rows)};

static void
run_pods(CheckRun *run)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_POD);
    for (guint i = 0; i < all->len; i++) {
        const Object *pod = all->pdata[i];
        bool is_owned = value_count(pod->value, "metadata.ownerReferences") > 0;
        if (is_owned || pod_is_static(pod) || pod_is_finished(pod) || status_is_deleted(pod) ||
            pod->created_s == 0 || run->now_s - pod->created_s <= rows[0].hold_s)
            continue;
        g_autofree char *age = span_text(run->now_s - pod->created_s);
        Finding *finding = check_report(run, &rows[0], pod);
        finding_since(finding, pod->created_s);
        finding_title(finding, "Nothing would make pod %s anew", pod->name);
        finding_cause(finding,
                      "It has been there for %s and no controller owns it: when its node goes or "
                      "it is evicted, it is gone.",
                      age);
        check_advise(finding, pod);
    }
}
