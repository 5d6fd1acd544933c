/* Kubelets of different versions. */
#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_versions(CheckRun *run);

/* Minor versions that a kubelet may be behind the API server
 * (https://kubernetes.io/releases/version-skew-policy/). */
enum { MINORS_MAX = 3 };

static const CheckRow rows[] = {
    {
        .id = "node-version-skew",
        .kind = "Node",
        .severity = SEVERITY_LOW,
        .stage = STAGE_ADVICE,
        .tier = 2,
        .hold_s = 86400,
        .symptom = "A node runs a kubelet that is too old for its API server.",
        .meaning = "Its kubelet is more than three minor versions behind the newest kubelet of the "
                   "cluster; as no kubelet may be newer than the API server, it is out of what "
                   "Kubernetes supports.",
        .fix = "Upgrade the node.",
        .run = run_versions,
        .needs = {KIND_NODE},
    },
};

const CheckTopic check_topic_node_version = {rows, G_N_ELEMENTS(rows)};

/* The minor version of "v1.29.3+k3s1"; -1 when it is no version 1. */
static int
minor_of(const Object *node)
{
    const char *text = value_text(node->value, "status.nodeInfo.kubeletVersion");
    if (!g_str_has_prefix(text, "v1.") || !g_ascii_isdigit(text[3]))
        return -1;
    return (int)MIN(g_ascii_strtoull(text + 3, NULL, 10), G_MAXINT);
}

static void
run_versions(CheckRun *run)
{
    const GPtrArray *nodes = snapshot_objects(run->snapshot, KIND_NODE);
    const Object *newest = nodes->len > 0 ? nodes->pdata[0] : NULL;
    for (guint i = 1; i < nodes->len; i++) {
        if (minor_of(nodes->pdata[i]) > minor_of(newest))
            newest = nodes->pdata[i];
    }
    for (guint i = 0; newest != NULL && i < nodes->len; i++) {
        const Object *node = nodes->pdata[i];
        if (minor_of(node) < 0 || minor_of(newest) - minor_of(node) <= MINORS_MAX ||
            !check_held(run, &rows[0], newest->created_s))
            continue;
        Finding *finding = check_report(run, &rows[0], node);
        const char *version = value_text(node->value, "status.nodeInfo.kubeletVersion");
        finding_title(finding, "The kubelet of node %s (%s) is too old for this cluster",
                      node->name, version);
        finding_cause(finding, "Node %s runs %s, %d minor versions newer; three are supported.",
                      newest->name, value_text(newest->value, "status.nodeInfo.kubeletVersion"),
                      minor_of(newest) - minor_of(node));
        check_advise(finding, node);
    }
}
