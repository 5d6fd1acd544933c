/* Nodes that differ where they should not: by the versions of their kubelets, within a pool. */
#include <string.h>

#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_versions(CheckRun *run);
static void run_pools(CheckRun *run);

/* Minor versions that a kubelet may be behind the API server
 * (https://kubernetes.io/releases/version-skew-policy/). */
enum { MINORS_MAX = 3 };

enum { ROW_SKEW, ROW_POOL };

static const CheckRow rows[] = {
    [ROW_SKEW] =
        {
            .id = "node-version-skew",
            .kind = "Node",
            .severity = SEVERITY_LOW,
            .stage = STAGE_ADVICE,
            .tier = 2,
            .hold_s = 86400,
            .symptom = "A node runs a kubelet that is too old for its API server.",
            .meaning =
                "Its kubelet is more than three minor versions behind the newest kubelet of the "
                "cluster; as no kubelet may be newer than the API server, it is out of what "
                "Kubernetes supports.",
            .fix = "Upgrade the node.",
            .run = run_versions,
            .needs = {KIND_NODE},
        },
    [ROW_POOL] =
        {
            .id = "node-runtime-mixed",
            .kind = "Node",
            .severity = SEVERITY_INFO,
            .stage = STAGE_ADVICE,
            .tier = 2,
            .hold_s = 86400,
            .symptom = "Nodes of one pool behave differently.",
            .meaning = "Nodes of one pool, all of them older than a day, have different kubelets, "
                       "operating systems or architectures: an upgrade has stopped halfway.",
            .fix = "Finish the upgrade of the pool.",
            .run = run_pools,
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
            !check_held(run, &rows[ROW_SKEW], newest->created_s))
            continue;
        Finding *finding = check_report(run, &rows[ROW_SKEW], node);
        const char *version = value_text(node->value, "status.nodeInfo.kubeletVersion");
        finding_title(finding, "The kubelet of node %s (%s) is too old for this cluster",
                      node->name, version);
        finding_cause(finding, "Node %s runs %s, %d minor versions newer; three are supported.",
                      newest->name, value_text(newest->value, "status.nodeInfo.kubeletVersion"),
                      minor_of(newest) - minor_of(node));
        check_advise(finding, node);
    }
}

/* ---- Pools. ---- */

/* The pool of a node that its cloud makes from one template; "" for none. */
static const char *
pool_of(const Object *node)
{
    static const char *const keys[] = {
        "cloud.google.com/gke-nodepool", "eks.amazonaws.com/nodegroup",
        "kubernetes.azure.com/agentpool", "doks.digitalocean.com/node-pool"};
    const Value *labels = value_at(node->value, "metadata.labels");
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        const char *pool = value_text(value_get(labels, keys[i]), "");
        if (pool[0] != '\0')
            return pool;
    }
    return "";
}

/* What differs between two nodes; NULL for nothing. */
static const char *
difference(const Object *a, const Object *b)
{
    static const struct {
        const char *path, *what;
    } facts[] = {{"status.nodeInfo.architecture", "architecture"},
                 {"status.nodeInfo.operatingSystem", "operating system"},
                 {"status.nodeInfo.kubeletVersion", "kubelet"}};
    for (size_t i = 0; i < G_N_ELEMENTS(facts); i++) {
        const char *one = value_text(a->value, facts[i].path);
        const char *other = value_text(b->value, facts[i].path);
        if (one[0] != '\0' && other[0] != '\0' && strcmp(one, other) != 0)
            return facts[i].what;
    }
    return NULL;
}

/* The first node of each pool stands for it. */
static void
look_at_pool(CheckRun *run, GHashTable *firsts, const Object *node)
{
    const char *pool = pool_of(node);
    const Object *first = g_hash_table_lookup(firsts, pool);
    if (pool[0] == '\0' || !check_held(run, &rows[ROW_POOL], node->created_s))
        return;
    if (first == NULL) {
        g_hash_table_insert(firsts, (gpointer)(uintptr_t)pool, (gpointer)(uintptr_t)node);
        return;
    }
    const char *what = difference(first, node);
    if (what == NULL)
        return;
    bool is_new;
    Finding *finding = check_report_part(run, &rows[ROW_POOL], first, pool, &is_new);
    finding_evidence(finding, "%s: %s, %s; %s: %s, %s", first->name,
                     value_text(first->value, "status.nodeInfo.kubeletVersion"),
                     value_text(first->value, "status.nodeInfo.architecture"), node->name,
                     value_text(node->value, "status.nodeInfo.kubeletVersion"),
                     value_text(node->value, "status.nodeInfo.architecture"));
    if (!is_new)
        return;
    finding_title(finding, "The nodes of pool %s differ in their %s", pool, what);
    finding_cause(finding,
                  "Nodes %s and %s are of one pool, older than a day, and differ in their %s.",
                  first->name, node->name, what);
    check_advise(finding, node);
}

static void
run_pools(CheckRun *run)
{
    const GPtrArray *nodes = snapshot_objects(run->snapshot, KIND_NODE);
    g_autoptr(GHashTable) firsts = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < nodes->len; i++)
        look_at_pool(run, firsts, nodes->pdata[i]);
}
