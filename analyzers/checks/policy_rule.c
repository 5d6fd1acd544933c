/* Rules of NetworkPolicies that do not do what they seem to. */
#include <string.h>

#include "analyzers/checks/policy_block.h"
#include "analyzers/checks/table.h"
#include "analyzers/collect/backend.h"
#include "analyzers/collect/change.h"

static void run_policy_rules(CheckRun *run);

enum {
    ROW_EGRESS_IGNORED,
    ROW_NAMED_PORT,
    ROW_PROTOCOL,
    ROW_PORT,
    ROW_AND_OR,
    ROW_EVERYTHING,
};

static const CheckRow rows[] = {
    [ROW_EGRESS_IGNORED] =
        {
            .id = "netpol-egress-rules-ignored",
            .kind = "NetworkPolicy",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_ADVICE,
            .tier = 1,
            .symptom = "Rules of a NetworkPolicy have no effect.",
            .meaning =
                "The policy has rules for a direction that its policyTypes do not name, so that "
                "this direction stays open.",
            .fix = "Add the direction to policyTypes, or remove the rules.",
            .run = run_policy_rules,
        },
    [ROW_NAMED_PORT] =
        {
            .id = "netpol-named-port-missing",
            .kind = "NetworkPolicy",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_ADVICE,
            .tier = 1,
            .symptom = "A rule of a NetworkPolicy opens nothing.",
            .meaning = "The rule names a port, and none of the pods that the policy is about "
                       "declares a port of this name and protocol.",
            .fix = "Write the name that the containers declare, or the number.",
            .run = run_policy_rules,
            .needs = {KIND_POD},
        },
    [ROW_PROTOCOL] =
        {
            .id = "netpol-protocol-mismatch",
            .kind = "NetworkPolicy",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_ADVICE,
            .tier = 2,
            .symptom = "A NetworkPolicy opens a port for the wrong protocol.",
            .meaning =
                "The pods declare the number of the rule's port with another protocol only, and "
                "no rule of the policy opens that one.",
            .fix = "Set the protocol that the container speaks.",
            .run = run_policy_rules,
            .needs = {KIND_POD},
        },
    [ROW_PORT] =
        {
            .id = "netpol-port-not-exposed",
            .kind = "NetworkPolicy",
            .severity = SEVERITY_LOW,
            .stage = STAGE_ADVICE,
            .tier = 1,
            .hold_s = 3600,
            .symptom = "A NetworkPolicy opens a port on which probably nothing listens.",
            .meaning = "No pod that the policy is about declares the port, though all of them "
                       "declare others, and no probe, annotation, variable, argument or Service "
                       "of them names it.",
            .fix = "Compare the port of the rule with those of the containers.",
            .run = run_policy_rules,
            .needs = {KIND_POD},
        },
    [ROW_AND_OR] =
        {
            .id = "netpol-and-or-confusion",
            .kind = "NetworkPolicy",
            .severity = SEVERITY_LOW,
            .stage = STAGE_ADVICE,
            .tier = 2,
            .hold_s = 86400,
            .symptom = "A rule lets in whole namespaces where single pods were probably meant.",
            .meaning =
                "A namespaceSelector and a podSelector stand in one list as two items, which "
                "means \"or\"; written as one item, they would match pods as well.",
            .fix = "Put both selectors into one item, without the second dash.",
            .run = run_policy_rules,
            .needs = {KIND_POD, KIND_NAMESPACE},
        },
    [ROW_EVERYTHING] =
        {
            .id = "netpol-allows-everything",
            .kind = "NetworkPolicy",
            .severity = SEVERITY_INFO,
            .stage = STAGE_ADVICE,
            .tier = 2,
            .hold_s = 86400,
            .symptom = "One NetworkPolicy makes stricter ones on the same pods pointless.",
            .meaning = "An empty ingress rule admits everything, and other policies that select "
                       "the same pods have stricter rules.",
            .fix = "Remove the empty rule or the stricter policies.",
            .run = run_policy_rules,
            .needs = {KIND_POD},
        },
};

const CheckTopic check_topic_policy_rule = {rows, G_N_ELEMENTS(rows)};

/* A policy, and the pods that it selects and that run. */
typedef struct {
    CheckRun *run;
    const Object *policy;
    GPtrArray *pods;
} PolicyRules;

/* ---- Directions. ---- */

static void
look_at_types(const PolicyRules *p)
{
    static const char *const names[] = {[POLICY_INGRESS] = "ingress", [POLICY_EGRESS] = "egress"};
    for (int d = POLICY_INGRESS; d <= POLICY_EGRESS; d++) {
        Finding *finding =
            policy_rules(p->policy, (PolicyDirection)d) != NULL &&
                    !policy_applies(p->policy, (PolicyDirection)d)
                ? check_report_written(p->run, &rows[ROW_EGRESS_IGNORED], p->policy, names[d])
                : NULL;
        if (finding == NULL)
            continue;
        finding_title(finding, "The %s rules of NetworkPolicy %s have no effect", names[d],
                      p->policy->name);
        finding_cause(finding,
                      "The policy has %s rules, and its policyTypes do not name that "
                      "direction, so it stays open.",
                      names[d]);
    }
}

/* ---- Ports. ---- */

/* Whether another rule of the policy opens a port for the protocol that is declared. */
static bool
is_opened(const PolicyRules *p, int number, const char *protocol)
{
    for (const Value *rule = policy_rules(p->policy, POLICY_INGRESS); rule != NULL;
         rule = rule->next) {
        for (const Value *port = value_first(rule, "ports"); port != NULL; port = port->next) {
            if (strcmp(port_protocol(port), protocol) == 0 &&
                (value_text(port, "port")[0] == '\0' || value_int(port, "port", 0) == number))
                return true;
        }
    }
    return false;
}

static void
look_at_name(const PolicyRules *p, const Value *port, const char *name)
{
    for (guint i = 0; i < p->pods->len; i++) {
        const Object *pod = p->pods->pdata[i];
        if (port_named(pod->value, name, port_protocol(port)) > 0)
            return;
    }
    Finding *finding = check_report_written(p->run, &rows[ROW_NAMED_PORT], p->policy, name);
    if (finding == NULL)
        return;
    g_autofree char *offered = port_list_text(((const Object *)p->pods->pdata[0])->value);
    finding_title(finding, "NetworkPolicy %s opens port \"%s\", which no pod of it has",
                  p->policy->name, name);
    finding_cause(finding,
                  "None of the %u pods that the policy selects declares port \"%s\" (%s); "
                  "they have: %s. The rule opens nothing.",
                  p->pods->len, name, port_protocol(port), offered[0] != '\0' ? offered : "none");
}

/* Whether a Service sends to this number. */
static bool
is_target(const CheckRun *run, const Object *pod, int number)
{
    g_autoptr(GPtrArray) services = relations_pod_services(run->relations, pod);
    for (guint i = 0; i < services->len; i++) {
        const Object *service = services->pdata[i];
        for (const Value *port = value_first(service->value, "spec.ports"); port != NULL;
             port = port->next) {
            if (service_target(port, pod) == number)
                return true;
        }
    }
    return false;
}

static void
look_at_number(const PolicyRules *p, const Value *port, int number)
{
    const Value *declared = NULL;
    for (guint i = 0; i < p->pods->len; i++) {
        const Object *pod = p->pods->pdata[i];
        if (port_count(pod->value) == 0 ||
            port_numbered(pod->value, number, port_protocol(port)) != NULL ||
            port_is_mentioned(pod, number) || is_target(p->run, pod, number))
            return;
        const Value *one = port_numbered(pod->value, number, NULL);
        declared = one != NULL ? one : declared;
    }
    bool is_protocol = declared != NULL;
    if (is_protocol && is_opened(p, number, port_protocol(declared)))
        return;
    Finding *finding = check_report_written(p->run, &rows[is_protocol ? ROW_PROTOCOL : ROW_PORT],
                                            p->policy, value_text(port, "port"));
    if (finding == NULL)
        return;
    g_autofree char *offered = port_list_text(((const Object *)p->pods->pdata[0])->value);
    finding_title(finding, "NetworkPolicy %s opens %s %d, which its pods do not declare",
                  p->policy->name, port_protocol(port), number);
    if (is_protocol)
        finding_cause(finding, "The containers listen on %s %d, and the rule opens %s %d.",
                      port_protocol(declared), number, port_protocol(port), number);
    else
        finding_cause(finding,
                      "The pods that the policy selects declare %s; probably nothing "
                      "listens on %d.",
                      offered, number);
}

static void
look_at_port(const PolicyRules *p, const Value *port)
{
    const char *text = value_text(port, "port");
    guint64 number;
    if (text[0] == '\0' || value_text(port, "endPort")[0] != '\0' || p->pods->len == 0)
        return;
    if (g_ascii_string_to_unsigned(text, 10, 1, 65535, &number, NULL))
        look_at_number(p, port, (int)number);
    else
        look_at_name(p, port, text);
}

/* ---- Peers. ---- */

static const Value *
selector_of(const Value *peer, const char *key)
{
    const Value *selector = value_get(peer, key);
    return selector != NULL && selector->type == VALUE_MAP && !selector_is_empty(selector)
               ? selector
               : NULL;
}

/* Whether pods with both properties exist outside of the policy's own namespace. */
static bool
is_and_possible(const PolicyRules *p, const Value *namespaces, const Value *pods)
{
    const GPtrArray *all = snapshot_objects(p->run->snapshot, KIND_NAMESPACE);
    for (guint i = 0; i < all->len; i++) {
        const Object *ns = all->pdata[i];
        if (strcmp(ns->name, p->policy->ns) == 0 ||
            selector_match(namespaces, value_at(ns->value, "metadata.labels")) != MATCH_YES)
            continue;
        g_autoptr(GPtrArray) both = relations_select(p->run->relations, ns->name, pods);
        if (both->len > 0)
            return true;
    }
    return false;
}

static void
look_at_neighbours(const PolicyRules *p, const Value *peer)
{
    const Value *next = peer->next;
    if (next == NULL || value_get(peer, "podSelector") != NULL ||
        value_get(next, "namespaceSelector") != NULL)
        return;
    const Value *namespaces = selector_of(peer, "namespaceSelector");
    const Value *pods = selector_of(next, "podSelector");
    if (namespaces == NULL || pods == NULL || !is_and_possible(p, namespaces, pods))
        return;
    g_autofree char *of_ns = selector_text(namespaces), *of_pods = selector_text(pods);
    Finding *finding = check_report_written(p->run, &rows[ROW_AND_OR], p->policy, of_ns);
    if (finding == NULL)
        return;
    finding_title(finding, "NetworkPolicy %s lets in every pod of namespaces with %s",
                  p->policy->name, of_ns);
    finding_cause(finding,
                  "The two selectors are separate items, so every pod of namespaces with "
                  "%s is allowed, and %s only of this namespace; probably pods with both "
                  "were meant.",
                  of_ns, of_pods);
}

static void
look_at_rules(const PolicyRules *p, PolicyDirection direction)
{
    const char *key = direction == POLICY_INGRESS ? "from" : "to";
    if (!policy_applies(p->policy, direction))
        return;
    for (const Value *rule = policy_rules(p->policy, direction); rule != NULL; rule = rule->next) {
        for (const Value *peer = value_first(rule, key); peer != NULL; peer = peer->next)
            look_at_neighbours(p, peer);
        for (const Value *port = direction == POLICY_INGRESS ? value_first(rule, "ports") : NULL;
             port != NULL; port = port->next)
            look_at_port(p, port);
    }
}

/* ---- Open ones. ---- */

static bool
has_open_rule(const Object *policy)
{
    for (const Value *rule = policy_rules(policy, POLICY_INGRESS); rule != NULL;
         rule = rule->next) {
        if (value_count(rule, "from") == 0 && value_count(rule, "ports") == 0)
            return true;
    }
    return false;
}

static void
look_at_others(const PolicyRules *p, const Policies *policies)
{
    if (p->pods->len == 0 || !has_open_rule(p->policy))
        return;
    g_autoptr(GPtrArray) all = policies_isolating(policies, p->pods->pdata[0], POLICY_INGRESS);
    for (guint i = 0; i < all->len; i++) {
        const Object *other = all->pdata[i];
        if (other == p->policy || has_open_rule(other) ||
            policy_rules(other, POLICY_INGRESS) == NULL)
            continue;
        Finding *finding = check_report_written(p->run, &rows[ROW_EVERYTHING], p->policy, "");
        if (finding == NULL)
            return;
        finding_title(finding, "NetworkPolicy %s admits everything and undoes %s", p->policy->name,
                      other->name);
        finding_cause(finding,
                      "An empty rule admits all traffic, so the stricter rules of %s on "
                      "the same pods have no effect.",
                      other->name);
        return;
    }
}

static void
run_policy_rules(CheckRun *run)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_NETWORK_POLICY);
    g_autoptr(Policies) policies = policies_new(run->snapshot);
    for (guint i = 0; i < all->len; i++) {
        const Object *policy = all->pdata[i];
        g_autoptr(GPtrArray) pods = policy_subjects(run, policy);
        const PolicyRules p = {run, policy, pods};
        look_at_types(&p);
        look_at_rules(&p, POLICY_INGRESS);
        look_at_rules(&p, POLICY_EGRESS);
        look_at_others(&p, policies);
    }
}
