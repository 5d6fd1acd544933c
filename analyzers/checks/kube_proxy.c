/* The agent that keeps the rules of Services on each node. */
#include <string.h>

#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_proxies(CheckRun *run);

static const CheckRow rows[] = {
    {
        .id = "kube-proxy-unhealthy",
        .kind = "DaemonSet",
        .severity = SEVERITY_HIGH,
        .stage = STAGE_PLUGIN,
        .tier = 1,
        .hold_s = 600,
        .symptom = "Services are not reached, or only old backends are, from some nodes.",
        .meaning = "The pod of kube-proxy on a node that is ready is itself not ready or restarts "
                   "again and again, so nobody keeps the rules of Services on that node.",
        .fix = "Look at the pod of kube-proxy on that node, and at its log.",
        .run = run_proxies,
        .needs = {KIND_POD, KIND_NODE},
    },
};

const CheckTopic check_topic_kube_proxy = {rows, G_N_ELEMENTS(rows)};

static void
report(CheckRun *run, const Object *pod, int64_t since_s)
{
    bool is_new;
    Finding *finding = check_report_pod(run, &rows[0], pod, "", since_s, &is_new);
    g_autofree char *trouble = pod_trouble(pod);
    const char *node = pod_node(pod);
    finding_evidence(finding, "Node %s: Pod %s%s%s", node, pod->name,
                     trouble[0] != '\0' ? ": " : " is not ready", trouble);
    if (!is_new)
        return;
    finding_title(finding, "kube-proxy does not work on node %s", node);
    finding_cause(finding, "Nobody refreshes the rules of Services on node %s: %s.", node,
                  trouble[0] != '\0' ? trouble : "its pod is not ready");
    check_advise(finding, pod);
}

/* By the label of kubeadm and EKS, or that of AKS and of static pods (GKE, RKE2). */
static bool
is_proxy(const Object *pod)
{
    const Value *labels = value_at(pod->value, "metadata.labels");
    return value_is(value_get(labels, "k8s-app"), "", "kube-proxy") ||
           value_is(value_get(labels, "component"), "", "kube-proxy");
}

static void
run_proxies(CheckRun *run)
{
    const GPtrArray *pods = snapshot_in_namespace(run->snapshot, KIND_POD, "kube-system");
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        const Object *node = snapshot_get(run->snapshot, KIND_NODE, "", pod_node(pod));
        int64_t since_s;
        if (is_proxy(pod) && node != NULL && status_is(node, "Ready", "True") &&
            pod_is_down(run, &rows[0], pod, &since_s))
            report(run, pod, since_s);
    }
}
