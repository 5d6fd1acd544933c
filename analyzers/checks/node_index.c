#include "analyzers/checks/node_index.h"

#include <string.h>

#include "analyzers/checks/status.h"

struct NodeIndex {
    const CheckRun *run;
    GHashTable *places; /* text -> NodePlace */
};

/* The first that a text names is kept: nodes come first, as pods of the host network have their
 * addresses. */
static void
add(NodeIndex *index, const char *text, NodePlace place)
{
    if (*text != '\0' && !g_hash_table_contains(index->places, text))
        g_hash_table_insert(index->places, g_strdup(text), g_memdup2(&place, sizeof place));
}

static void
add_node(NodeIndex *index, const Object *node)
{
    const NodePlace place = {.node = node};
    const Value *labels = value_at(node->value, "metadata.labels");
    add(index, node->name, place);
    add(index, value_text(value_get(labels, "kubernetes.io/hostname"), ""), place);
    for (const Value *a = value_first(node->value, "status.addresses"); a != NULL; a = a->next)
        add(index, value_text(a, "address"), place);
}

static void
add_pod(NodeIndex *index, const Object *pod)
{
    const Object *owner = relations_owner(index->run->relations, pod);
    const NodePlace place = {.node =
                                 snapshot_get(index->run->snapshot, KIND_NODE, "", pod_node(pod)),
                             .pod = pod,
                             .set = owner != NULL && owner->kind == KIND_DAEMON_SET ? owner : NULL};
    if (pod_is_finished(pod))
        return;
    add(index, pod->name, place);
    add(index, value_text(pod->value, "status.podIP"), place);
}

NodeIndex *
node_index_new(const CheckRun *run)
{
    NodeIndex *index = g_new0(NodeIndex, 1);
    const GPtrArray *nodes = snapshot_objects(run->snapshot, KIND_NODE);
    const GPtrArray *pods = snapshot_objects(run->snapshot, KIND_POD);
    index->run = run;
    index->places = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (guint i = 0; i < nodes->len; i++)
        add_node(index, nodes->pdata[i]);
    for (guint i = 0; i < pods->len; i++)
        add_pod(index, pods->pdata[i]);
    return index;
}

void
node_index_free(NodeIndex *index)
{
    if (index == NULL)
        return;
    g_hash_table_unref(index->places);
    g_free(index);
}

void
node_index_add_pods(NodeIndex *index, const Answer *pods)
{
    const Snapshot *snapshot = index->run->snapshot;
    for (uint32_t i = 0; i < pods->n; i++) {
        const MetricSeries *series = &pods->series[i];
        const NodePlace place = {
            .node = snapshot_get(snapshot, KIND_NODE, "", series_label(series, "node")),
            .set = snapshot_get(snapshot, KIND_DAEMON_SET, series_label(series, "namespace"),
                                series_label(series, "created_by_name"))};
        add(index, series_label(series, "pod"), place);
    }
}

const NodePlace *
node_index_find(const NodeIndex *index, const char *value)
{
    const NodePlace *place = g_hash_table_lookup(index->places, value);
    const char *colon = strrchr(value, ':');
    if (place != NULL || colon == NULL)
        return place;
    bool is_bracketed = value[0] == '[' && colon[-1] == ']';
    g_autofree char *host = is_bracketed ? g_strndup(value + 1, (gsize)(colon - value) - 2)
                                         : g_strndup(value, (gsize)(colon - value));
    return g_hash_table_lookup(index->places, host);
}

NodeLabel
node_label_of(const NodeIndex *index, const Answer *answer, const char *label, double from)
{
    NodeLabel judged = {.label = label};
    for (uint32_t i = 0; i < answer->n; i++) {
        const MetricSeries *series = &answer->series[i];
        if (series->n > 0 && series_last(series).value < from)
            continue;
        judged.n_all++;
        judged.n_known += node_index_find(index, series_label(series, label)) != NULL;
    }
    return judged;
}

NodeLabel
node_label_find(const NodeIndex *index, const Answer *answer, double from)
{
    static const char *const labels[] = {"node", "k8s_node_name", "nodename", "node_name",
                                         "host", "hostname",      "instance", "pod"};
    NodeLabel best = {0};
    for (size_t k = 0; k < G_N_ELEMENTS(labels); k++) {
        NodeLabel judged = node_label_of(index, answer, labels[k], from);
        if (best.label == NULL || judged.n_known > best.n_known)
            best = judged;
    }
    if (best.n_known == 0 || 100 * best.n_known < NODE_LABEL_SHARE_MIN * best.n_all)
        best.label = NULL;
    return best;
}

const NodePlace *
node_index_place(const NodeIndex *index, const MetricSeries *series, const char *label)
{
    const char *const by_pod[] = {"pod", "instance"};
    for (size_t i = 0; i < G_N_ELEMENTS(by_pod); i++) {
        const NodePlace *place = node_index_find(index, series_label(series, by_pod[i]));
        if (place != NULL && (place->pod != NULL || place->set != NULL))
            return place;
    }
    return node_index_find(index, series_label(series, label));
}
