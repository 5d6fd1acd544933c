/* Clusters with collectors on their nodes, and what metrics say of them. */
#pragma once
#include "tests/unit/analyzers/checks/cases.h"

#define READY "'True', " CASE_SINCE
#define DOWN  "'False', " CASE_SINCE
#define NODE_IN(name, ready, zone)                                                                 \
    "---\napiVersion: v1\nkind: Node\n"                                                            \
    "metadata: {name: " name ", labels: {topology.kubernetes.io/zone: " zone "}}\n"                \
    "status: {addresses: [{type: InternalIP, address: ip-" name "}], conditions: [{type: Ready, "  \
    "status: " ready "}]}\n"
#define NODE(name, ready) NODE_IN(name, ready, "a")
#define SET(name, image)                                                                           \
    "---\napiVersion: apps/v1\nkind: DaemonSet\nmetadata: {namespace: mon, name: " name "}\n"      \
    "spec: {template: {spec: {containers: [{name: app, image: '" image ":v1'}]}}}\nstatus: {}\n"
#define ALLOY SET("alloy", "grafana/alloy")
#define AGENT SET("profiler", "cresset/cresset-agent")
#define POD_OF(set, name, node, ready)                                                             \
    "---\napiVersion: v1\nkind: Pod\nmetadata: {namespace: mon, name: " name ", "                  \
    "labels: {app: alloy}, ownerReferences: [{kind: DaemonSet, name: " set ", uid: "               \
    "DaemonSet/mon/" set ", controller: true}]}\n"                                                 \
    "spec: {nodeName: " node ", containers: [{name: app, image: 'grafana/alloy:v1'}]}\n"           \
    "status: {phase: Running, podIP: ip-" name ", conditions: [{type: Ready, status: " ready       \
    "}]}\n"
#define POD(name, node, ready) POD_OF("alloy", name, node, ready)
#define THREE                                                                                      \
    ALLOY NODE("n1", READY) NODE("n2", READY) NODE("n3", READY) POD("p1", "n1", READY)             \
        POD("p2", "n2", READY) POD("p3", "n3", READY)

enum { MINUTE = 60, HOUR = 3600, NEVER = -1 };

typedef struct {
    const char *value; /* of the label */
    int age_s;         /* of the newest sample; NEVER: none */
} Sample;

/* What is answered to NAME-newest and NAME-seen, by a label. */
static inline void
collectors_answer(TestCluster *cluster, const char *name, const char *label, const Sample *samples,
                  size_t n)
{
    g_autoptr(GString) newest = g_string_new("["), seen = g_string_new("[");
    for (size_t i = 0; i < n; i++) {
        const char *comma = newest->len > 1 ? "," : "";
        if (samples[i].age_s == NEVER)
            continue;
        g_string_append_printf(newest, "%s{\"metric\":{\"%s\":\"%s\"},\"value\":[1,\"%d\"]}", comma,
                               label, samples[i].value, TEST_NOW_S - samples[i].age_s);
        g_string_append_printf(seen, "%s{\"metric\":{\"%s\":\"%s\"},\"value\":[1,\"1\"]}", comma,
                               label, samples[i].value);
    }
    g_string_append_c(newest, ']');
    g_string_append_c(seen, ']');
    g_autofree char *of_newest = g_strconcat(name, "-newest", NULL);
    g_autofree char *of_seen = g_strconcat(name, "-seen", NULL);
    test_cluster_answer(cluster, of_newest, newest->str);
    test_cluster_answer(cluster, of_seen, seen->str);
}

static inline void
collectors_answer_gates(TestCluster *cluster)
{
    g_autofree char *newest =
        g_strdup_printf("[{\"metric\":{},\"value\":[1,\"%d\"]}]", TEST_NOW_S - MINUTE);
    test_cluster_answer(cluster, "metrics-canary", "[{\"metric\":{},\"value\":[1,\"9\"]}]");
    test_cluster_answer(cluster, "metrics-newest", newest);
}

#define ANSWER(cluster, label, ...)                                                                \
    do {                                                                                           \
        const Sample samples[] = {__VA_ARGS__};                                                    \
        collectors_answer_gates(cluster);                                                          \
        collectors_answer(cluster, "alloy", label, samples, G_N_ELEMENTS(samples));                \
    } while (0)

#define OTHERS(node) "[{\"metric\":{\"node\":\"" node "\"},\"value\":[1,\"1\"]}]"
