/* What the selectors of NetworkPolicies match: nothing, or not what was meant. */
#include <string.h>

#include "analyzers/checks/label_hint.h"
#include "analyzers/checks/policy_text.h"
#include "analyzers/checks/table.h"
#include "analyzers/collect/backend.h"
#include "analyzers/collect/change.h"

#define NAME_LABEL "kubernetes.io/metadata.name"

static void run_policy_selectors(CheckRun *run);

enum { ROW_SELECTS_NOTHING, ROW_NAMESPACE, ROW_POD, ROW_HOST };

static const CheckRow rows[] = {
    [ROW_SELECTS_NOTHING] =
        {
            .id = "netpol-selects-nothing",
            .kind = "NetworkPolicy",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_POLICY,
            .tier = 1,
            .hold_s = 1800,
            .symptom = "A NetworkPolicy protects nobody.",
            .meaning =
                "podSelector matches no pod of the namespace and no template of a controller "
                "there, not even of one that is scaled to zero.",
            .fix = "Make spec.podSelector and the labels of the pods agree.",
            .run = run_policy_selectors,
            .needs = {KIND_POD, KIND_DEPLOYMENT, KIND_STATEFUL_SET, KIND_DAEMON_SET,
                      KIND_REPLICA_SET, KIND_CRON_JOB},
        },
    [ROW_NAMESPACE] =
        {
            .id = "netpol-peer-ns-nothing",
            .kind = "NetworkPolicy",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_POLICY,
            .tier = 1,
            .hold_s = 300,
            .symptom = "A whole namespace is shut out though a rule was written for it.",
            .meaning =
                "The namespaceSelector of a rule matches no Namespace. It is of high severity when "
                "a Namespace of that name exists, so that it was surely meant, and low otherwise.",
            .fix = "Select the Namespace by its label " NAME_LABEL ".",
            .run = run_policy_selectors,
            .needs = {KIND_NAMESPACE},
        },
    [ROW_POD] =
        {
            .id = "netpol-peer-pod-nothing",
            .kind = "NetworkPolicy",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_ADVICE,
            .tier = 1,
            .hold_s = 1800,
            .symptom = "A rule allows a caller that does not exist.",
            .meaning =
                "The podSelector of a rule matches no pod and no template in the namespaces that "
                "it is about. It is of medium severity when pods have nearly these labels, and low "
                "otherwise.",
            .fix = "Correct the labels in the rule.",
            .run = run_policy_selectors,
            .needs = {KIND_POD, KIND_NAMESPACE, KIND_DEPLOYMENT, KIND_STATEFUL_SET, KIND_DAEMON_SET,
                      KIND_CRON_JOB},
        },
    [ROW_HOST] =
        {
            .id = "netpol-hostnetwork-subject",
            .kind = "NetworkPolicy",
            .severity = SEVERITY_INFO,
            .stage = STAGE_ADVICE,
            .tier = 2,
            .hold_s = 86400,
            .symptom = "A NetworkPolicy has no defined effect on pods that use the host network.",
            .meaning = "podSelector names labels, and all pods that it matches use the host's "
                       "network.",
            .fix = "Protect these pods at the level of the nodes.",
            .run = run_policy_selectors,
            .needs = {KIND_POD},
        },
};

const CheckTopic check_topic_policy_selector = {rows, G_N_ELEMENTS(rows)};

static Finding *
report(CheckRun *run, size_t row, const Object *policy, const char *what)
{
    if (!check_held(run, &rows[row], object_changed_s(policy, NULL)))
        return NULL;
    return check_report_once(run, &rows[row], policy, what);
}

/* ---- Subjects. ---- */

/* Whether anything that it selects exists or could be made. A finished pod counts. */
static bool
has_any(const CheckRun *run, const char *ns, const Value *selector)
{
    g_autoptr(GPtrArray) pods = relations_select(run->relations, ns, selector);
    g_autoptr(GPtrArray) makers = relations_templates(run->relations, ns, selector, false);
    return pods->len > 0 || makers->len > 0;
}

static bool
is_well_formed(const Value *selector)
{
    return selector_match(selector, NULL) != MATCH_UNKNOWN;
}

static void
look_at_subject(CheckRun *run, const Object *policy)
{
    const Value *selector = value_at(policy->value, "spec.podSelector");
    if (selector_is_empty(selector) || !is_well_formed(selector) ||
        !check_knows(run, &rows[ROW_SELECTS_NOTHING]) || has_any(run, policy->ns, selector))
        return;
    Finding *finding = report(run, ROW_SELECTS_NOTHING, policy, "");
    if (finding == NULL)
        return;
    const Object *owner;
    g_autofree char *wanted = selector_text(selector);
    g_autofree char *near = label_hint(run->snapshot, run->relations, policy->ns,
                                       value_get(selector, "matchLabels"), policy->name, &owner);
    finding_title(finding, "NetworkPolicy %s selects no pod: none is labelled %s", policy->name,
                  wanted);
    if (near != NULL)
        finding_cause(finding,
                      "The policy looks for %s, but the pods of %s %s are labelled %s, so it "
                      "protects nobody.",
                      wanted, kind_row(owner->kind)->kind, owner->name, near);
    else
        finding_cause(finding,
                      "No pod and no controller of namespace %s is labelled %s, so the policy "
                      "protects nobody.",
                      policy->ns, wanted);
    finding_fix(finding, "Correct spec.podSelector of NetworkPolicy %s, or the labels of the pods.",
                policy->name);
    finding_fix(finding, "kubectl -n %s get pods --show-labels", policy->ns);
}

static void
look_at_host_network(CheckRun *run, const Object *policy)
{
    const Value *selector = value_at(policy->value, "spec.podSelector");
    g_autoptr(GPtrArray) pods = relations_select(run->relations, policy->ns, selector);
    for (guint i = 0; i < pods->len; i++) {
        if (!value_is_true(((const Object *)pods->pdata[i])->value, "spec.hostNetwork"))
            return;
    }
    if (pods->len == 0 || selector_is_empty(selector))
        return;
    Finding *finding = report(run, ROW_HOST, policy, "");
    if (finding == NULL)
        return;
    finding_title(finding, "NetworkPolicy %s is about pods that use the host network",
                  policy->name);
    finding_cause(finding,
                  "All %u pods that it selects use the network of their node, where "
                  "policies have no defined effect.",
                  pods->len);
    finding_fix(finding, "Protect these pods at the level of the nodes.");
    finding_describe(finding, finding->object);
}

/* ---- Peers. ---- */

static bool
is_any_namespace(const CheckRun *run, const Value *selector)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_NAMESPACE);
    for (guint i = 0; i < all->len; i++) {
        const Object *ns = all->pdata[i];
        if (selector_match(selector, value_at(ns->value, "metadata.labels")) == MATCH_YES)
            return true;
    }
    return false;
}

/* The Namespace that one of the wanted values is the name of, or NULL. */
static const Object *
meant_namespace(const CheckRun *run, const Value *selector)
{
    for (const Value *label = value_first(selector, "matchLabels"); label != NULL;
         label = label->next) {
        const char *text = value_text(label, "");
        const Object *ns =
            text[0] != '\0' ? snapshot_get(run->snapshot, KIND_NAMESPACE, "", text) : NULL;
        if (ns != NULL)
            return ns;
    }
    return NULL;
}

static void
report_namespace(CheckRun *run, const Object *policy, const Value *selector)
{
    const Object *meant = meant_namespace(run, selector);
    g_autofree char *wanted = selector_text(selector);
    Finding *finding = report(run, ROW_NAMESPACE, policy, meant != NULL ? meant->name : wanted);
    if (finding == NULL)
        return;
    finding_title(finding, "NetworkPolicy %s selects no namespace: none is labelled %s",
                  policy->name, wanted);
    if (meant != NULL) {
        finding_since(finding, object_changed_s(policy, NULL));
        finding_cause(finding,
                      "A rule is for namespaces labelled %s, which namespace %s does not have, so "
                      "everything in %s is shut out.",
                      wanted, meant->name, meant->name);
        g_autofree char *labels = selector_map_text(value_at(meant->value, "metadata.labels"));
        finding_evidence(finding, "Namespace %s is labelled %s", meant->name, labels);
        finding_fix(finding, "Use " NAME_LABEL ": %s in the namespaceSelector.", meant->name);
    } else {
        finding->severity = SEVERITY_LOW;
        finding_cause(finding,
                      "A rule is for namespaces labelled %s, and there is none, so the "
                      "rule allows nobody.",
                      wanted);
        finding_fix(finding, "Correct the namespaceSelector, or label the namespace.");
    }
    finding_describe(finding, finding->object);
}

/* Whether a peer selector matches anything in the namespaces that it is about. */
static bool
is_any_pod(const CheckRun *run, const Object *policy, const Value *namespaces, const Value *pods)
{
    if (namespaces == NULL)
        return has_any(run, policy->ns, pods);
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_NAMESPACE);
    for (guint i = 0; i < all->len; i++) {
        const Object *ns = all->pdata[i];
        if (selector_match(namespaces, value_at(ns->value, "metadata.labels")) == MATCH_YES &&
            has_any(run, ns->name, pods))
            return true;
    }
    return false;
}

/* Labels near to the wanted ones, in the first namespace that the peer is about. */
static char *
near_labels(const CheckRun *run, const Object *policy, const Value *namespaces, const Value *pods,
            const Object **ret_owner)
{
    const char *name = policy->ns;
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_NAMESPACE);
    for (guint i = 0; namespaces != NULL && i < all->len; i++) {
        const Object *ns = all->pdata[i];
        if (selector_match(namespaces, value_at(ns->value, "metadata.labels")) == MATCH_YES) {
            name = ns->name;
            break;
        }
    }
    return label_hint(run->snapshot, run->relations, name, value_get(pods, "matchLabels"), "",
                      ret_owner);
}

static void
report_pod(CheckRun *run, const Object *policy, const Value *peer, const Value *namespaces,
           const Value *pods)
{
    const Object *owner;
    g_autofree char *wanted = peer_text(peer);
    g_autofree char *near = near_labels(run, policy, namespaces, pods, &owner);
    Finding *finding = report(run, ROW_POD, policy, wanted);
    if (finding == NULL)
        return;
    finding_title(finding, "NetworkPolicy %s allows %s, which no pod is", policy->name, wanted);
    if (near != NULL) {
        finding_cause(finding,
                      "A rule is for %s and matches nothing; %s %s is labelled %s, so it is not "
                      "allowed.",
                      wanted, kind_row(owner->kind)->kind, owner->name, near);
        finding_about(finding, owner);
    } else {
        finding->severity = SEVERITY_LOW;
        finding_cause(finding, "A rule is for %s and matches nothing, so it allows nobody.",
                      wanted);
    }
    finding_fix(finding, "Correct the labels in the rule, or remove it.");
    finding_describe(finding, finding->object);
}

static void
look_at_peer(CheckRun *run, const Object *policy, const Value *peer)
{
    const Value *pods = value_get(peer, "podSelector");
    const Value *namespaces = value_get(peer, "namespaceSelector");
    pods = pods != NULL && pods->type == VALUE_MAP ? pods : NULL;
    namespaces = namespaces != NULL && namespaces->type == VALUE_MAP ? namespaces : NULL;
    if (!snapshot_knows(run->snapshot, KIND_NAMESPACE) ||
        (namespaces != NULL && !is_well_formed(namespaces)))
        return;
    if (namespaces != NULL && !selector_is_empty(namespaces) &&
        !is_any_namespace(run, namespaces)) {
        report_namespace(run, policy, namespaces);
        return;
    }
    if (pods != NULL && !selector_is_empty(pods) && is_well_formed(pods) &&
        check_knows(run, &rows[ROW_POD]) && !is_any_pod(run, policy, namespaces, pods))
        report_pod(run, policy, peer, namespaces, pods);
}

static void
look_at_peers(CheckRun *run, const Object *policy, PolicyDirection direction)
{
    const char *key = direction == POLICY_INGRESS ? "from" : "to";
    if (!policy_applies(policy, direction))
        return;
    for (const Value *rule = policy_rules(policy, direction); rule != NULL; rule = rule->next) {
        for (const Value *peer = value_first(rule, key); peer != NULL; peer = peer->next)
            look_at_peer(run, policy, peer);
    }
}

static void
run_policy_selectors(CheckRun *run)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_NETWORK_POLICY);
    for (guint i = 0; i < all->len; i++) {
        const Object *policy = all->pdata[i];
        if (value_time(policy->value, "metadata.deletionTimestamp") > 0)
            continue;
        look_at_subject(run, policy);
        if (snapshot_knows(run->snapshot, KIND_POD))
            look_at_host_network(run, policy);
        look_at_peers(run, policy, POLICY_INGRESS);
        look_at_peers(run, policy, POLICY_EGRESS);
    }
}
