/* Peers of NetworkPolicies that mean more, or less, than they seem to. */
#include <gio/gio.h>
#include <string.h>

#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"
#include "analyzers/collect/policy.h"

static void run_peers(CheckRun *run);

enum { ROW_ALL_NAMESPACES, ROW_POD_RANGE };

static const CheckRow rows[] = {
    [ROW_ALL_NAMESPACES] =
        {
            .id = "netpol-peer-empty-ns-selector",
            .kind = "NetworkPolicy",
            .severity = SEVERITY_INFO,
            .stage = STAGE_ADVICE,
            .tier = 3,
            .hold_s = 86400,
            .symptom = "Pods of every namespace may reach a database.",
            .meaning = "An ingress rule for the port of a database or message broker has a peer "
                       "with an empty namespaceSelector and no podSelector.",
            .fix = "Narrow the peer to the namespaces that need the port.",
            .run = run_peers,
            .needs = {KIND_NETWORK_POLICY},
        },
    [ROW_POD_RANGE] =
        {
            .id = "netpol-ipblock-covers-pods",
            .kind = "NetworkPolicy",
            .severity = SEVERITY_LOW,
            .stage = STAGE_ADVICE,
            .tier = 3,
            .hold_s = 86400,
            .symptom = "A rule for addresses of pods stops working when they are made anew.",
            .meaning = "An ipBlock lies within the range of pods of a node (spec.podCIDRs), and "
                       "the addresses of pods change.",
            .fix = "Name the pods by podSelector and namespaceSelector.",
            .run = run_peers,
            .needs = {KIND_NETWORK_POLICY, KIND_NODE},
        },
};

const CheckTopic check_topic_policy_peer = {rows, G_N_ELEMENTS(rows)};

/* The port of a database or message broker that a rule opens; 0: none. */
static int
sensitive_port(const Value *rule)
{
    static const int known[] = {1433, 1521, 2379, 2380, 3306,  5432, 5672,
                                6379, 9042, 9092, 9200, 11211, 27017};
    for (const Value *port = value_first(rule, "ports"); port != NULL; port = port->next) {
        int64_t number = value_int(port, "port", 0);
        for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
            if (number == known[i])
                return known[i];
        }
    }
    return 0;
}

static void
look_at_namespaces(CheckRun *run, const Object *policy, const Value *rule, const Value *peer)
{
    const Value *selector = value_get(peer, "namespaceSelector");
    int port = sensitive_port(rule);
    if (port == 0 || selector == NULL || !selector_is_empty(selector) ||
        value_get(peer, "podSelector") != NULL)
        return;
    g_autofree char *what = g_strdup_printf("%d", port);
    Finding *finding = check_report_written(run, &rows[ROW_ALL_NAMESPACES], policy, what);
    if (finding == NULL)
        return;
    finding_title(finding, "NetworkPolicy %s lets every namespace in on port %d", policy->name,
                  port);
    finding_cause(finding, "Its peer has an empty namespaceSelector, which means all pods of all "
                           "namespaces.");
}

static bool
lies_within(const char *inner, const char *outer)
{
    g_autoptr(GInetAddressMask) block = g_inet_address_mask_new_from_string(inner, NULL);
    g_autoptr(GInetAddressMask) range = g_inet_address_mask_new_from_string(outer, NULL);
    return block != NULL && range != NULL &&
           g_inet_address_mask_get_family(block) == g_inet_address_mask_get_family(range) &&
           g_inet_address_mask_get_length(block) >= g_inet_address_mask_get_length(range) &&
           g_inet_address_mask_matches(range, g_inet_address_mask_get_address(block));
}

/* The node whose range of pods has the block, or NULL. */
static const Object *
find_node(const CheckRun *run, const char *cidr)
{
    const GPtrArray *nodes = snapshot_objects(run->snapshot, KIND_NODE);
    for (guint i = 0; i < nodes->len; i++) {
        const Object *node = nodes->pdata[i];
        for (const Value *range = value_first(node->value, "spec.podCIDRs"); range != NULL;
             range = range->next) {
            if (lies_within(cidr, value_text(range, "")))
                return node;
        }
    }
    return NULL;
}

static void
look_at_block(CheckRun *run, const Object *policy, const Value *peer)
{
    const char *cidr = value_text(peer, "ipBlock.cidr");
    const Object *node = cidr[0] != '\0' ? find_node(run, cidr) : NULL;
    Finding *finding =
        node != NULL ? check_report_written(run, &rows[ROW_POD_RANGE], policy, cidr) : NULL;
    if (finding == NULL)
        return;
    finding_title(finding, "NetworkPolicy %s names addresses of pods (%s)", policy->name, cidr);
    finding_cause(finding,
                  "The block lies in the range of pods of node %s; a pod that is made "
                  "anew has another address.",
                  node->name);
}

static void
look_at_rules(CheckRun *run, const Object *policy, PolicyDirection direction, const char *key)
{
    for (const Value *rule = policy_rules(policy, direction); rule != NULL; rule = rule->next) {
        for (const Value *peer = value_first(rule, key); peer != NULL; peer = peer->next) {
            if (direction == POLICY_INGRESS)
                look_at_namespaces(run, policy, rule, peer);
            look_at_block(run, policy, peer);
        }
    }
}

static void
run_peers(CheckRun *run)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_NETWORK_POLICY);
    for (guint i = 0; i < all->len; i++) {
        look_at_rules(run, all->pdata[i], POLICY_INGRESS, "from");
        look_at_rules(run, all->pdata[i], POLICY_EGRESS, "to");
    }
}
