#include "tests/harness/policy_model.h"

#include "analyzers/collect/policy.h"
#include "tests/harness/cluster.h"

enum { NAMESPACES = 3, PODS = 7, POLICIES_MAX = 4, RULES_MAX = 2, PEERS_MAX = 2, PORTS_MAX = 2 };

/* Labels are x and y with values 0 to 2; 0 is none. */
typedef struct {
    int x, y; /* wanted values; 0: not wanted, -1: only that there is one */
} ModelSelector;

typedef struct {
    int ns, x, y, address, port; /* 10.0.0.<address>; container port "main" */
    bool is_host, is_finished;
} ModelPod;

typedef struct {
    bool has_pods, has_namespaces, has_block;
    ModelSelector pods;
    int ns; /* label of the namespace; 0: any */
    int block_bits, except;
} ModelPeer;

typedef struct {
    int low, high; /* 0: named "main"; -1: any */
    bool is_udp;
} ModelPort;

typedef struct {
    ModelPeer peers[PEERS_MAX];
    ModelPort ports[PORTS_MAX];
    int n_peers, n_ports;
} ModelRule;

typedef struct {
    int ns, n_rules;
    bool is_egress;
    ModelSelector subject;
    ModelRule rules[RULES_MAX];
} ModelPolicy;

typedef struct {
    ModelPod pods[PODS];
    ModelPolicy policies[POLICIES_MAX];
    int n_policies;
} Model;

/* Bytes that decide; 0 behind their end. */
typedef struct {
    const uint8_t *data;
    size_t size;
} Choices;

static int
pick(Choices *choices, int n)
{
    if (choices->size == 0)
        return 0;
    choices->size--;
    return *choices->data++ % n;
}

static ModelPeer
choose_peer(Choices *choices)
{
    ModelPeer peer = {.pods = {pick(choices, 4) - 1, pick(choices, 3)},
                      .ns = pick(choices, NAMESPACES + 1)};
    int form = pick(choices, 8);
    peer.has_block = form == 7;
    peer.has_pods = form < 5 && form != 3;
    peer.has_namespaces = form >= 3 && form < 7;
    peer.block_bits = 24 + pick(choices, 8);
    peer.except = pick(choices, 3) == 0 ? pick(choices, PODS) : -1;
    return peer;
}

static ModelRule
choose_rule(Choices *choices)
{
    ModelRule rule = {.n_peers = pick(choices, PEERS_MAX + 1),
                      .n_ports = pick(choices, PORTS_MAX + 1)};
    for (int i = 0; i < rule.n_peers; i++)
        rule.peers[i] = choose_peer(choices);
    for (int i = 0; i < rule.n_ports; i++) {
        int low = pick(choices, 5) - 1;
        rule.ports[i] =
            (ModelPort){low, low > 0 ? low + pick(choices, 2) : low, pick(choices, 4) == 0};
    }
    return rule;
}

static Model
choose_model(Choices *choices)
{
    Model model = {.n_policies = pick(choices, POLICIES_MAX + 1)};
    for (int i = 0; i < PODS; i++)
        model.pods[i] =
            (ModelPod){pick(choices, NAMESPACES), pick(choices, 3),      pick(choices, 3),      i,
                       1 + pick(choices, 3),      pick(choices, 8) == 0, pick(choices, 10) == 0};
    for (int i = 0; i < model.n_policies; i++) {
        ModelPolicy *policy = &model.policies[i];
        *policy = (ModelPolicy){.ns = pick(choices, NAMESPACES),
                                .n_rules = pick(choices, RULES_MAX + 1),
                                .is_egress = pick(choices, 2),
                                .subject = {pick(choices, 4) - 1, pick(choices, 2)}};
        for (int r = 0; r < policy->n_rules; r++)
            policy->rules[r] = choose_rule(choices);
    }
    return model;
}

static void
write_label(GString *text, const char *key, int wanted)
{
    if (wanted > 0)
        g_string_append_printf(text, "%s{key: %s, operator: In, values: ['%d']}",
                               g_str_has_suffix(text->str, "[") ? "" : ", ", key, wanted);
    else if (wanted < 0)
        g_string_append_printf(text, "%s{key: %s, operator: Exists}",
                               g_str_has_suffix(text->str, "[") ? "" : ", ", key);
}

static void
write_selector(GString *text, const ModelSelector *selector)
{
    g_string_append(text, "{matchExpressions: [");
    write_label(text, "x", selector->x);
    write_label(text, "y", selector->y);
    g_string_append(text, "]}");
}

static void
write_peer(GString *text, const ModelPeer *peer)
{
    g_string_append_c(text, '{');
    if (peer->has_block) {
        g_string_append_printf(text, "ipBlock: {cidr: 10.0.0.0/%d", peer->block_bits);
        if (peer->except >= 0)
            g_string_append_printf(text, ", except: [10.0.0.%d/32]", peer->except);
        g_string_append_c(text, '}');
    }
    if (peer->has_pods) {
        g_string_append(text, "podSelector: ");
        write_selector(text, &peer->pods);
    }
    if (peer->has_namespaces && peer->ns == 0)
        g_string_append_printf(text, "%snamespaceSelector: {}", peer->has_pods ? ", " : "");
    else if (peer->has_namespaces)
        g_string_append_printf(text, "%snamespaceSelector: {matchLabels: {n: n%d}}",
                               peer->has_pods ? ", " : "", peer->ns - 1);
    g_string_append_c(text, '}');
}

static void
write_port(GString *text, const ModelPort *port)
{
    g_string_append_printf(text, "{protocol: %s", port->is_udp ? "UDP" : "TCP");
    if (port->low == 0)
        g_string_append(text, ", port: main");
    else if (port->low > 0)
        g_string_append_printf(text, ", port: %d, endPort: %d", port->low, port->high);
    g_string_append_c(text, '}');
}

static void
write_policy(GString *text, const ModelPolicy *policy, int number)
{
    g_string_append_printf(text,
                           "---\n{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: "
                           "{namespace: n%d, name: p%d}, spec: {podSelector: ",
                           policy->ns, number);
    write_selector(text, &policy->subject);
    g_string_append_printf(text, ", policyTypes: [%s], %s: [",
                           policy->is_egress ? "Egress" : "Ingress",
                           policy->is_egress ? "egress" : "ingress");
    for (int r = 0; r < policy->n_rules; r++) {
        const ModelRule *rule = &policy->rules[r];
        g_string_append_printf(text, "%s{%s: [", r > 0 ? ", " : "",
                               policy->is_egress ? "to" : "from");
        for (int i = 0; i < rule->n_peers; i++) {
            g_string_append(text, i > 0 ? ", " : "");
            write_peer(text, &rule->peers[i]);
        }
        g_string_append(text, "], ports: [");
        for (int i = 0; i < rule->n_ports; i++) {
            g_string_append(text, i > 0 ? ", " : "");
            write_port(text, &rule->ports[i]);
        }
        g_string_append(text, "]}");
    }
    g_string_append(text, "]}}\n");
}

static char *
write_model(const Model *model)
{
    GString *text = g_string_new(NULL);
    for (int i = 0; i < NAMESPACES; i++)
        g_string_append_printf(
            text,
            "---\n{apiVersion: v1, kind: Namespace, metadata: {name: n%d, labels: {n: n%d}}}\n", i,
            i);
    for (int i = 0; i < PODS; i++) {
        const ModelPod *pod = &model->pods[i];
        g_string_append_printf(text,
                               "---\n{apiVersion: v1, kind: Pod, metadata: {namespace: n%d, name: "
                               "p%d, labels: {",
                               pod->ns, i);
        if (pod->x > 0)
            g_string_append_printf(text, "x: '%d'%s", pod->x, pod->y > 0 ? ", " : "");
        if (pod->y > 0)
            g_string_append_printf(text, "y: '%d'", pod->y);
        g_string_append_printf(text,
                               "}}, spec: {hostNetwork: %s, containers: [{name: c, ports: [{name: "
                               "main, containerPort: %d}]}]}, status: {phase: %s, podIPs: [{ip: "
                               "10.0.0.%d}]}}\n",
                               pod->is_host ? "true" : "false", pod->port,
                               pod->is_finished ? "Succeeded" : "Running", pod->address);
    }
    for (int i = 0; i < model->n_policies; i++)
        write_policy(text, &model->policies[i], i);
    return g_string_free(text, FALSE);
}

static bool
model_selects(const ModelSelector *selector, const ModelPod *pod)
{
    bool x = selector->x == 0 || (selector->x < 0 ? pod->x > 0 : pod->x == selector->x);
    bool y = selector->y == 0 || (selector->y < 0 ? pod->y > 0 : pod->y == selector->y);
    return x && y;
}

/* What is open is taken for allowed by one run, for denied by the other. */
static bool
model_peer(const ModelPeer *peer, int ns, const ModelPod *pod, bool is_hopeful)
{
    if (peer->has_block) {
        bool is_in = pod->address < 1 << (32 - peer->block_bits) && pod->address != peer->except;
        return is_in && is_hopeful;
    }
    bool is_ns = peer->has_namespaces ? peer->ns == 0 || peer->ns - 1 == pod->ns : pod->ns == ns;
    return (peer->has_pods || peer->has_namespaces) && is_ns &&
           (!peer->has_pods || model_selects(&peer->pods, pod));
}

static bool
model_rule(const ModelRule *rule, int ns, const ModelPod *peer, const ModelPod *target, int port,
           bool is_hopeful)
{
    bool peers = rule->n_peers == 0, ports = rule->n_ports == 0;
    for (int i = 0; i < rule->n_peers; i++)
        peers = peers || model_peer(&rule->peers[i], ns, peer, is_hopeful);
    for (int i = 0; i < rule->n_ports; i++) {
        const ModelPort *p = &rule->ports[i];
        bool is_it =
            p->low < 0 || (p->low == 0 ? target->port == port : p->low <= port && port <= p->high);
        ports = ports || (is_it && !p->is_udp);
    }
    return peers && ports;
}

static bool
model_allows(const Model *model, int source, int target, int port, bool is_hopeful)
{
    const ModelPod *from = &model->pods[source], *to = &model->pods[target];
    bool isolated[2] = {false, false}, open[2] = {false, false};
    if (source == target)
        return true;
    if (from->is_host || to->is_host)
        return is_hopeful;
    for (int i = 0; i < model->n_policies; i++) {
        const ModelPolicy *policy = &model->policies[i];
        const ModelPod *own = policy->is_egress ? from : to, *other = policy->is_egress ? to : from;
        if (own->ns != policy->ns || own->is_finished || !model_selects(&policy->subject, own))
            continue;
        isolated[policy->is_egress] = true;
        for (int r = 0; r < policy->n_rules; r++)
            open[policy->is_egress] =
                open[policy->is_egress] ||
                model_rule(&policy->rules[r], policy->ns, other, to, port, is_hopeful);
    }
    return (!isolated[0] || open[0]) && (!isolated[1] || open[1]);
}

static FlowVerdict
model_verdict(const Model *model, int source, int target, int port)
{
    if (model_allows(model, source, target, port, false))
        return FLOW_ALLOWED;
    return model_allows(model, source, target, port, true) ? FLOW_UNKNOWN : FLOW_DENIED;
}

/* The first pair of pods of which both say different things. */
static char *
compare(const Model *model, const char *text, const Object *const *pods, const Policies *policies,
        guint counts[3])
{
    for (int i = 0; i < PODS * PODS * 4; i++) {
        int source = i / 4 / PODS, target = i / 4 % PODS, port = i % 4 + 1;
        Flow flow = {{pods[source], NULL}, {pods[target], NULL}, "TCP", port};
        FlowVerdict verdict = policies_flow(policies, &flow);
        FlowVerdict wanted = model_verdict(model, source, target, port);
        counts[wanted]++;
        if (verdict != wanted)
            return g_strdup_printf("p%d to p%d port %d: %d instead of %d in\n%s", source, target,
                                   port, verdict, wanted, text);
    }
    return NULL;
}

char *
policy_model_disagreement(const guint8 *bytes, size_t size, guint counts[3])
{
    Choices choices = {bytes, size};
    Model model = choose_model(&choices);
    const Object *pods[PODS];
    g_autofree char *text = write_model(&model);
    g_autoptr(TestCluster) cluster = test_cluster_new(text);
    const Snapshot *snapshot = test_cluster_snapshot(cluster);
    g_autoptr(Policies) policies = policies_new(snapshot);
    for (int i = 0; i < PODS; i++) {
        g_autofree char *ns = g_strdup_printf("n%d", model.pods[i].ns);
        g_autofree char *name = g_strdup_printf("p%d", i);
        pods[i] = snapshot_get(snapshot, KIND_POD, ns, name);
    }
    return compare(&model, text, pods, policies, counts);
}
