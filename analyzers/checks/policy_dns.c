/* Pods that NetworkPolicies keep from DNS, or from everything. */
#include <string.h>

#include "analyzers/checks/policy_block.h"
#include "analyzers/checks/table.h"
#include "analyzers/collect/backend.h"
#include "analyzers/collect/dependency.h"

static void run_policy_dns(CheckRun *run);

enum { ROW_EGRESS_ALL, ROW_EMPTY, ROW_DNS, ROW_DNS_TCP };

static const CheckRow rows[] = {
    [ROW_EGRESS_ALL] =
        {
            .id = "netpol-egress-isolates-all",
            .kind = "NetworkPolicy",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_POLICY,
            .tier = 1,
            .hold_s = 300,
            .symptom = "Pods can open no connection at all, not even to DNS.",
            .meaning =
                "NetworkPolicies isolate the pods for outgoing traffic and have no rule that "
                "allows any, though the environment of the pods names what they connect to, or "
                "they are in trouble.",
            .fix =
                "Add egress rules for what the pods need, first of all for DNS (UDP and TCP 53).",
            .run = run_policy_dns,
            .needs = {KIND_NETWORK_POLICY, KIND_POD, KIND_SERVICE},
        },
    [ROW_EMPTY] =
        {
            .id = "netpol-policytypes-empty-block",
            .kind = "NetworkPolicy",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_POLICY,
            .tier = 1,
            .hold_s = 300,
            .symptom = "Pods can open no connection at all, because a policy about who may call "
                       "them names Egress as well.",
            .meaning =
                "The policy has rules for incoming traffic, policyTypes names Egress beside "
                "Ingress, and there is no egress rule, here nor in other policies of the pods; the "
                "environment of the pods names what they connect to, or they are in trouble.",
            .fix = "Take Egress out of policyTypes, or add egress rules for what the pods need, "
                   "first of all DNS.",
            .run = run_policy_dns,
            .needs = {KIND_NETWORK_POLICY, KIND_POD, KIND_SERVICE},
        },
    [ROW_DNS] =
        {
            .id = "netpol-blocks-dns",
            .kind = "NetworkPolicy",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_POLICY,
            .tier = 1,
            .hold_s = 300,
            .symptom = "Pods find nothing by name, so everything that they need seems to be down.",
            .meaning =
                "The union of all NetworkPolicies that concern the pods does not let them reach "
                "the cluster's DNS on port 53, though their environment names hosts, or they are "
                "in trouble.",
            .fix = "Allow egress to the pods of the cluster's DNS on UDP and TCP 53.",
            .run = run_policy_dns,
            .needs = {KIND_NETWORK_POLICY, KIND_POD, KIND_SERVICE, KIND_NAMESPACE},
        },
    [ROW_DNS_TCP] =
        {
            .id = "netpol-dns-tcp-missing",
            .kind = "NetworkPolicy",
            .severity = SEVERITY_INFO,
            .stage = STAGE_ADVICE,
            .tier = 1,
            .hold_s = 86400,
            .symptom = "Large DNS answers do not arrive.",
            .meaning =
                "NetworkPolicies let the pods reach the cluster's DNS by UDP, but not by TCP, "
                "which is used when an answer is too large.",
            .fix = "Allow TCP 53 beside UDP 53.",
            .run = run_policy_dns,
            .needs = {KIND_NETWORK_POLICY, KIND_POD, KIND_SERVICE, KIND_NAMESPACE},
        },
};

const CheckTopic check_topic_policy_dns = {rows, G_N_ELEMENTS(rows)};

/* What resolvers say that get no answer. */
static const char *const dns_words[] = {"no such host",
                                        ":53: i/o timeout",
                                        "EAI_AGAIN",
                                        "Temporary failure in name resolution",
                                        "Name or service not known",
                                        "could not translate host name",
                                        "UnknownHostException",
                                        "getaddrinfo",
                                        NULL};

static bool
uses_cluster_dns(const Object *pod)
{
    const char *policy = value_text(pod->value, "spec.dnsPolicy");
    return policy[0] == '\0' || strcmp(policy, "ClusterFirst") == 0;
}

static void
say_needs(const PolicyRun *run, Workload *workload, Finding *finding)
{
    const GPtrArray *needed = workload_dependencies(run, workload);
    g_autofree char *line = workload_log_line(run, workload, dns_words);
    g_autofree char *who = object_text(workload->maker);
    if (line != NULL)
        finding_evidence(finding, "Log of %s: %s", who, line);
    for (guint i = 0; i < needed->len && i < 3; i++) {
        const Dependency *dependency = needed->pdata[i];
        finding_evidence(finding, "%s uses Service %s (%s)", who, dependency->service->name,
                         dependency->where);
    }
}

static bool
needs_names(const PolicyRun *run, Workload *workload)
{
    return workload_dependencies(run, workload)->len > 0 || workload_is_troubled(workload) ||
           names_hosts(run->run->snapshot, workload->pod->ns, workload->pod->value);
}

/* Whether Egress was probably not meant: all of the policies are about who may come in. */
static bool
is_empty_block(const GPtrArray *isolating)
{
    bool is_about_ingress = isolating->len > 0;
    for (guint i = 0; i < isolating->len; i++)
        is_about_ingress =
            is_about_ingress && policy_rules(isolating->pdata[i], POLICY_INGRESS) != NULL;
    return is_about_ingress;
}

static void
report_all(const PolicyRun *run, Workload *workload, const GPtrArray *isolating)
{
    bool is_new;
    const CheckRow *row = &rows[is_empty_block(isolating) ? ROW_EMPTY : ROW_EGRESS_ALL];
    Finding *finding = policy_report(run, row, isolating, "", &is_new);
    if (finding == NULL)
        return;
    policy_suffers(finding, workload);
    g_autofree char *who = policy_sufferers_text(finding);
    g_autofree char *names = policy_names_text(isolating);
    finding_title(finding, "NetworkPolicy %s lets %s open no connection", finding->object->name,
                  who);
    finding_cause(
        finding,
        "%s isolate%s the pods of %s for outgoing traffic and allow%s none, not even DNS, "
        "so everything that they connect to seems to be down.",
        names, isolating->len == 1 ? "s" : "", who, isolating->len == 1 ? "s" : "");
    say_needs(run, workload, finding);
    if (is_new)
        check_advise(finding, finding->object);
}

/* A workload that may not ask the DNS. */
typedef struct {
    Workload *workload;
    Flow flow;
    PolicyDirection direction;
    GPtrArray *isolating; /* Object: the policies of the end that is to blame */
} Deaf;

static void
deaf_free(gpointer data)
{
    Deaf *deaf = data;
    g_ptr_array_unref(deaf->isolating);
    g_free(deaf);
}

static void
add_deaf(const PolicyRun *run, GPtrArray *all, Workload *workload, const Flow *flow)
{
    Deaf *deaf = g_new(Deaf, 1);
    bool is_egress = policies_side(run->policies, flow, POLICY_EGRESS) == FLOW_DENIED;
    *deaf = (Deaf){workload, *flow, is_egress ? POLICY_EGRESS : POLICY_INGRESS, NULL};
    deaf->isolating = policies_isolating(
        run->policies, is_egress ? flow->source.pod : flow->target.pod, deaf->direction);
    g_ptr_array_add(all, deaf);
}

static guint
count_isolated(const GPtrArray *all, const Object *policy)
{
    guint n = 0;
    for (guint i = 0; i < all->len; i++)
        n += g_ptr_array_find(((const Deaf *)all->pdata[i])->isolating, policy, NULL);
    return n;
}

/* What a workload has in common with most others that suffer: one rule there helps all of them, and
 * a policy of its own that came later took nothing away, as pods that are isolated already only
 * gain by further policies. Of several, what was changed last. */
static const Object *
common_policy(const GPtrArray *all, const Deaf *deaf)
{
    g_autoptr(GPtrArray) widest = g_ptr_array_new();
    guint n_widest = 0;
    for (guint i = 0; i < deaf->isolating->len; i++) {
        guint n = count_isolated(all, deaf->isolating->pdata[i]);
        if (n < n_widest)
            continue;
        if (n > n_widest)
            g_ptr_array_set_size(widest, 0);
        n_widest = n;
        g_ptr_array_add(widest, deaf->isolating->pdata[i]);
    }
    return policy_newest(widest);
}

static void
report_dns(const PolicyRun *run, const GPtrArray *all, const Deaf *deaf, const Object *dns)
{
    bool is_new;
    Workload *workload = deaf->workload;
    const GPtrArray *isolating = deaf->isolating;
    PolicyDirection direction = deaf->direction;
    Finding *finding =
        policy_report_about(run, &rows[ROW_DNS], common_policy(all, deaf), isolating, "", &is_new);
    if (finding == NULL)
        return;
    policy_suffers(finding, workload);
    g_autofree char *who = policy_sufferers_text(finding);
    g_autofree char *allowed = policies_text(isolating, direction);
    g_autofree char *names = policy_names_text(isolating);
    finding_title(finding, "NetworkPolicy %s keeps %s from DNS", finding->object->name, who);
    if (is_new)
        finding_cause(finding,
                      "%s allow%s only %s, so look-ups at Service %s/%s (UDP 53) are blocked and "
                      "the pods of %s find nothing by name.",
                      names, isolating->len == 1 ? "s" : "", allowed, dns->ns, dns->name, who);
    else
        finding_cause(finding,
                      "It isolates these pods, and no policy allows them look-ups at Service %s/%s "
                      "(UDP 53), so the pods of %s find nothing by name.",
                      dns->ns, dns->name, who);
    say_needs(run, workload, finding);
    finding_fix(finding,
                "Add an egress rule to NetworkPolicy %s: namespace %s, the pods of Service %s, UDP "
                "and TCP 53.",
                finding->object->name, dns->ns, dns->name);
    finding_describe(finding, finding->object);
}

static void
report_tcp(const PolicyRun *run, const Workload *workload)
{
    bool is_new;
    g_autoptr(GPtrArray) isolating =
        policies_isolating(run->policies, workload->pod, POLICY_EGRESS);
    Finding *finding = policy_report(run, &rows[ROW_DNS_TCP], isolating, "", &is_new);
    if (finding == NULL)
        return;
    policy_suffers(finding, workload);
    g_autofree char *who = policy_sufferers_text(finding);
    finding_title(finding, "NetworkPolicy %s lets %s reach DNS by UDP only", finding->object->name,
                  who);
    finding_cause(finding, "Large DNS answers fall back to TCP 53, which is blocked, so look-ups "
                           "of names with many addresses fail.");
    finding_fix(finding, "Allow TCP 53 beside UDP 53.");
    finding_describe(finding, finding->object);
}

static void
look_at_workload(const PolicyRun *run, GPtrArray *deaf, Workload *workload, const Object *dns)
{
    g_autoptr(GPtrArray) isolating =
        policies_isolating(run->policies, workload->pod, POLICY_EGRESS);
    if (value_is_true(workload->pod->value, "spec.hostNetwork"))
        return;
    if (isolating->len > 0 && !policies_have_rules(isolating, POLICY_EGRESS)) {
        /* A selector that makes no sense may allow more. */
        Flow any = {{workload->pod, NULL}, {NULL, NULL}, "TCP", 0};
        if (policies_side(run->policies, &any, POLICY_EGRESS) == FLOW_DENIED &&
            needs_names(run, workload))
            report_all(run, workload, isolating);
        return;
    }
    Flow flow;
    if (dns == NULL || !uses_cluster_dns(workload->pod))
        return;
    FlowVerdict udp = policy_dns_flow(run, workload, dns, "UDP", &flow);
    if (udp == FLOW_DENIED && needs_names(run, workload))
        add_deaf(run, deaf, workload, &flow);
    else if (udp == FLOW_ALLOWED && isolating->len > 0 &&
             policy_dns_flow(run, workload, dns, "TCP", NULL) == FLOW_DENIED)
        report_tcp(run, workload);
}

static void
run_policy_dns(CheckRun *run)
{
    g_autoptr(PolicyRun) policy_run = policy_run_new(run);
    if (policy_run == NULL || !snapshot_knows(run->snapshot, KIND_SERVICE))
        return;
    const Object *dns = policy_dns_service(run->snapshot);
    g_autoptr(GPtrArray) deaf = g_ptr_array_new_with_free_func(deaf_free);
    for (guint i = 0; i < policy_run->workloads->len; i++)
        look_at_workload(policy_run, deaf, policy_run->workloads->pdata[i], dns);
    for (guint i = 0; i < deaf->len; i++)
        report_dns(policy_run, deaf, deaf->pdata[i], dns);
}
