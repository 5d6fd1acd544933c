#include "analyzers/collect/policy.h"

#include <gio/gio.h>
#include <string.h>

#include "analyzers/collect/backend.h"

struct Policies {
    const Snapshot *snapshot;
    GHashTable *nodes; /* addresses of nodes */
    const char *other;
};

/* Groups and kinds of other policies. */
static const struct {
    const char *group_suffix, *kind_suffix;
} other_kinds[] = {
    {"cilium.io", "NetworkPolicy"},
    {"projectcalico.org", "NetworkPolicy"},
    {"policy.networking.k8s.io", "NetworkPolicy"},
    {"antrea.io", "NetworkPolicy"},
};

static const char *
find_other(const Snapshot *snapshot)
{
    const GPtrArray *all = snapshot_objects(snapshot, KIND_CRD);
    for (guint i = 0; i < all->len; i++) {
        const Value *crd = ((const Object *)all->pdata[i])->value;
        for (size_t k = 0; k < G_N_ELEMENTS(other_kinds); k++) {
            if (g_str_has_suffix(value_text(crd, "spec.group"), other_kinds[k].group_suffix) &&
                g_str_has_suffix(value_text(crd, "spec.names.kind"), other_kinds[k].kind_suffix))
                return value_text(crd, "spec.names.kind");
        }
    }
    return NULL;
}

Policies *
policies_new(const Snapshot *snapshot)
{
    Policies *policies = g_new0(Policies, 1);
    policies->snapshot = snapshot;
    policies->nodes = g_hash_table_new(g_str_hash, g_str_equal);
    policies->other = find_other(snapshot);
    const GPtrArray *nodes = snapshot_objects(snapshot, KIND_NODE);
    for (guint i = 0; i < nodes->len; i++) {
        const Object *node = nodes->pdata[i];
        for (const Value *a = value_first(node->value, "status.addresses"); a != NULL; a = a->next)
            g_hash_table_add(policies->nodes, (gpointer)(uintptr_t)value_text(a, "address"));
    }
    return policies;
}

void
policies_free(Policies *policies)
{
    if (policies == NULL)
        return;
    g_hash_table_unref(policies->nodes);
    g_free(policies);
}

const char *
policies_other(const Policies *policies)
{
    return policies->other;
}

/* ---- One policy. ---- */

static const char *const type_names[] = {[POLICY_INGRESS] = "Ingress", [POLICY_EGRESS] = "Egress"};
static const char *const rule_paths[] = {
    [POLICY_INGRESS] = "spec.ingress", [POLICY_EGRESS] = "spec.egress"};
static const char *const peer_keys[] = {[POLICY_INGRESS] = "from", [POLICY_EGRESS] = "to"};

bool
policy_applies(const Object *policy, PolicyDirection direction)
{
    const Value *types = value_at(policy->value, "spec.policyTypes");
    if (value_count(types, "") == 0)
        return direction == POLICY_INGRESS || value_count(policy->value, "spec.egress") > 0;
    for (const Value *type = value_first(types, ""); type != NULL; type = type->next) {
        if (value_is(type, "", type_names[direction]))
            return true;
    }
    return false;
}

const Value *
policy_rules(const Object *policy, PolicyDirection direction)
{
    return value_first(policy->value, rule_paths[direction]);
}

static FlowVerdict
of_match(Match match)
{
    return match == MATCH_YES ? FLOW_ALLOWED : match == MATCH_NO ? FLOW_DENIED : FLOW_UNKNOWN;
}

static bool
is_host_network(const Object *pod)
{
    return value_is_true(pod->value, "spec.hostNetwork");
}

static FlowVerdict
selects(const Object *policy, const Object *pod)
{
    if (is_host_network(pod) || !backend_is_live(pod))
        return FLOW_DENIED;
    return of_match(selector_match(value_at(policy->value, "spec.podSelector"),
                                   value_at(pod->value, "metadata.labels")));
}

/* ---- Peers. ---- */

/* Whether a CIDR covers an address; -1 when they are of different families. */
static int
covers(const char *cidr, const char *address)
{
    g_autoptr(GInetAddressMask) mask = g_inet_address_mask_new_from_string(cidr, NULL);
    g_autoptr(GInetAddress) one = g_inet_address_new_from_string(address);
    if (mask == NULL || one == NULL ||
        g_inet_address_mask_get_family(mask) != g_inet_address_get_family(one))
        return -1;
    return g_inet_address_mask_matches(mask, one);
}

static bool
is_cidr(const char *text)
{
    g_autoptr(GInetAddressMask) mask = g_inet_address_mask_new_from_string(text, NULL);
    return mask != NULL;
}

/* The block without its exceptions; -1 when its family is another one. */
static int
block_covers(const Value *block, const char *address)
{
    int is_in = covers(value_text(block, "cidr"), address);
    for (const Value *except = value_first(block, "except"); is_in > 0 && except != NULL;
         except = except->next) {
        if (covers(value_text(except, ""), address) > 0)
            is_in = 0;
    }
    return is_in;
}

/* Plug-ins differ in whether blocks concern pods; none lets through what the block excludes. */
static FlowVerdict
block_of_pod(const Value *block, const Object *pod)
{
    bool is_same_family = false;
    const Value *addresses = value_at(pod->value, "status.podIPs");
    const char *only = value_text(pod->value, "status.podIP");
    if (value_count(addresses, "") == 0)
        return block_covers(block, only) == 0 ? FLOW_DENIED : FLOW_UNKNOWN;
    for (const Value *a = value_first(addresses, ""); a != NULL; a = a->next) {
        int is_in = block_covers(block, value_text(a, "ip"));
        if (is_in > 0)
            return FLOW_UNKNOWN;
        is_same_family = is_same_family || is_in == 0;
    }
    return is_same_family ? FLOW_DENIED : FLOW_UNKNOWN;
}

static FlowVerdict
block_allows(const Policies *policies, const Value *block, const FlowEnd *end)
{
    if (!is_cidr(value_text(block, "cidr")))
        return FLOW_UNKNOWN;
    if (end->pod != NULL)
        return block_of_pod(block, end->pod);
    if (end->address == NULL || g_hash_table_contains(policies->nodes, end->address))
        return FLOW_UNKNOWN;
    return block_covers(block, end->address) > 0 ? FLOW_ALLOWED : FLOW_DENIED;
}

static FlowVerdict
namespace_allows(const Policies *policies, const Value *selector, const char *ns)
{
    if (selector_is_empty(selector))
        return FLOW_ALLOWED;
    const Object *object = snapshot_get(policies->snapshot, KIND_NAMESPACE, "", ns);
    if (object == NULL)
        return FLOW_UNKNOWN;
    return of_match(selector_match(selector, value_at(object->value, "metadata.labels")));
}

/* The selector of a key; NULL when it is absent or null. */
static const Value *
selector_of(const Value *peer, const char *key)
{
    const Value *selector = value_get(peer, key);
    return selector != NULL && selector->type == VALUE_MAP ? selector : NULL;
}

FlowVerdict
policies_peer(const Policies *policies, const char *ns, const Value *peer, const FlowEnd *end)
{
    const Value *pods = selector_of(peer, "podSelector");
    const Value *namespaces = selector_of(peer, "namespaceSelector");
    const Value *block = selector_of(peer, "ipBlock");
    if (block != NULL)
        return block_allows(policies, block, end);
    if ((pods == NULL && namespaces == NULL) || end->pod == NULL)
        return FLOW_DENIED;
    FlowVerdict verdict = FLOW_ALLOWED;
    if (namespaces != NULL)
        verdict = namespace_allows(policies, namespaces, end->pod->ns);
    else if (strcmp(end->pod->ns, ns) != 0)
        verdict = FLOW_DENIED;
    if (pods != NULL)
        verdict = MIN(verdict,
                      of_match(selector_match(pods, value_at(end->pod->value, "metadata.labels"))));
    return verdict;
}

/* ---- Rules. ---- */

static FlowVerdict
port_allows(const Value *port, const Flow *flow)
{
    if (strcmp(port_protocol(port), flow->protocol) != 0)
        return FLOW_DENIED;
    const char *text = value_text(port, "port");
    if (text[0] == '\0')
        return FLOW_ALLOWED;
    if (flow->port == 0)
        return FLOW_UNKNOWN;
    guint64 number;
    if (g_ascii_string_to_unsigned(text, 10, 1, 65535, &number, NULL)) {
        int64_t end = value_int(port, "endPort", (int64_t)number);
        return flow->port >= (int64_t)number && flow->port <= end ? FLOW_ALLOWED : FLOW_DENIED;
    }
    if (flow->target.pod == NULL)
        return FLOW_DENIED; /* nobody declares names of ports there */
    return port_named(flow->target.pod->value, text, flow->protocol) == flow->port ? FLOW_ALLOWED
                                                                                   : FLOW_DENIED;
}

static FlowVerdict
rule_allows(const Policies *policies, const Object *policy, const Value *rule, const Flow *flow,
            PolicyDirection direction)
{
    const FlowEnd *end = direction == POLICY_INGRESS ? &flow->source : &flow->target;
    const Value *peers = value_get(rule, peer_keys[direction]), *ports = value_get(rule, "ports");
    FlowVerdict by_peer = value_count(peers, "") == 0 ? FLOW_ALLOWED : FLOW_DENIED;
    for (const Value *peer = value_first(peers, ""); peer != NULL; peer = peer->next)
        by_peer = MAX(by_peer, policies_peer(policies, policy->ns, peer, end));
    FlowVerdict by_port = value_count(ports, "") == 0 ? FLOW_ALLOWED : FLOW_DENIED;
    for (const Value *port = value_first(ports, ""); port != NULL; port = port->next)
        by_port = MAX(by_port, port_allows(port, flow));
    return MIN(by_peer, by_port);
}

/* ---- Flows. ---- */

GPtrArray *
policies_isolating(const Policies *policies, const Object *pod, PolicyDirection direction)
{
    GPtrArray *isolating = g_ptr_array_new();
    const GPtrArray *all = snapshot_in_namespace(policies->snapshot, KIND_NETWORK_POLICY, pod->ns);
    for (guint i = 0; i < all->len; i++) {
        if (policy_applies(all->pdata[i], direction) && selects(all->pdata[i], pod) == FLOW_ALLOWED)
            g_ptr_array_add(isolating, all->pdata[i]);
    }
    return isolating;
}

/* Policies of the pod at one end. Of those that may select it, a rule may let through and
 * isolating may forbid; so they leave open what the others forbid, or allow while there are no
 * others. */
static FlowVerdict
of_policies(const Policies *policies, const Object *pod, const Flow *flow,
            PolicyDirection direction)
{
    const GPtrArray *all = snapshot_in_namespace(policies->snapshot, KIND_NETWORK_POLICY, pod->ns);
    bool is_isolated = false, may_be = false;
    FlowVerdict verdict = FLOW_DENIED;
    for (guint i = 0; i < all->len; i++) {
        const Object *policy = all->pdata[i];
        FlowVerdict selected =
            policy_applies(policy, direction) ? selects(policy, pod) : FLOW_DENIED;
        is_isolated = is_isolated || selected == FLOW_ALLOWED;
        may_be = may_be || selected == FLOW_UNKNOWN;
        for (const Value *rule = policy_rules(policy, direction);
             rule != NULL && selected > FLOW_DENIED; rule = rule->next) {
            FlowVerdict allowed = rule_allows(policies, policy, rule, flow, direction);
            verdict = MAX(verdict, MIN(selected, allowed));
        }
    }
    if (!is_isolated)
        return may_be ? FLOW_UNKNOWN : FLOW_ALLOWED;
    return verdict;
}

FlowVerdict
policies_side(const Policies *policies, const Flow *flow, PolicyDirection direction)
{
    const Object *source = flow->source.pod, *target = flow->target.pod;
    const Object *pod = direction == POLICY_INGRESS ? target : source;
    if (source != NULL && source == target)
        return FLOW_ALLOWED;
    if (pod == NULL)
        return FLOW_ALLOWED;
    if ((source != NULL && is_host_network(source)) ||
        (target != NULL && is_host_network(target)) ||
        !snapshot_knows(policies->snapshot, KIND_NETWORK_POLICY))
        return FLOW_UNKNOWN;
    return of_policies(policies, pod, flow, direction);
}

FlowVerdict
policies_flow(const Policies *policies, const Flow *flow)
{
    return MIN(policies_side(policies, flow, POLICY_EGRESS),
               policies_side(policies, flow, POLICY_INGRESS));
}

/* Pods to look at: the ready ones; all that live when none is. */
static GPtrArray *
backends_of(const Relations *relations, const Object *service)
{
    GPtrArray *ready = g_ptr_array_new(), *live = g_ptr_array_new();
    const GPtrArray *all = relations_service_pods(relations, service);
    for (guint i = 0; i < all->len; i++) {
        if (backend_is_ready(all->pdata[i]))
            g_ptr_array_add(ready, all->pdata[i]);
        if (backend_is_live(all->pdata[i]))
            g_ptr_array_add(live, all->pdata[i]);
    }
    GPtrArray *chosen = ready->len > 0 ? ready : live;
    g_ptr_array_unref(chosen == ready ? live : ready);
    return chosen;
}

FlowVerdict
policies_service(const Policies *policies, const Relations *relations, FlowEnd source,
                 const Object *service, const Value *port, Flow *ret_flow)
{
    g_autoptr(GPtrArray) pods = backends_of(relations, service);
    FlowVerdict verdict = pods->len > 0 ? FLOW_DENIED : FLOW_UNKNOWN;
    bool is_first = true;
    for (guint i = 0; i < pods->len && verdict != FLOW_ALLOWED; i++) {
        const Object *pod = pods->pdata[i];
        Flow flow = {source, {pod, NULL}, port_protocol(port), service_target(port, pod)};
        FlowVerdict one = policies_flow(policies, &flow);
        if (ret_flow != NULL && (is_first || one > verdict))
            *ret_flow = flow;
        is_first = false;
        verdict = MAX(verdict, one);
    }
    return verdict;
}
