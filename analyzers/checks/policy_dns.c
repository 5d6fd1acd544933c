/* Pods that NetworkPolicies keep from DNS, or from everything. */
#include <string.h>

#include "analyzers/checks/policy_block.h"
#include "analyzers/checks/table.h"
#include "analyzers/collect/backend.h"
#include "analyzers/collect/dependency.h"

static void run_policy_dns(CheckRun *run);

enum { ROW_EGRESS_ALL, ROW_DNS, ROW_DNS_TCP };

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
            .fix = "Add egress rules for what the pods need, first of all DNS.",
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

/* The Service of the cluster's DNS; NULL when it is not known, or nodes answer themselves. */
static const Object *
find_dns(const Snapshot *snapshot)
{
    static const struct {
        const char *ns, *name;
    } places[] = {{"kube-system", "kube-dns"},
                  {"kube-system", "coredns"},
                  {"kube-system", "rke2-coredns-rke2-coredns"},
                  {"openshift-dns", "dns-default"}};
    const GPtrArray *system = snapshot_in_namespace(snapshot, KIND_DAEMON_SET, "kube-system");
    for (guint i = 0; i < system->len; i++) {
        if (strstr(((const Object *)system->pdata[i])->name, "node-local-dns") != NULL)
            return NULL;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
        const Object *service = snapshot_get(snapshot, KIND_SERVICE, places[i].ns, places[i].name);
        if (service != NULL)
            return service;
    }
    return NULL;
}

static const Value *
dns_port(const Object *dns, const char *protocol)
{
    for (const Value *port = value_first(dns->value, "spec.ports"); port != NULL;
         port = port->next) {
        if (value_int(port, "port", 0) == 53 && strcmp(port_protocol(port), protocol) == 0)
            return port;
    }
    return NULL;
}

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

static void
report_all(const PolicyRun *run, Workload *workload, const GPtrArray *isolating)
{
    bool is_new;
    Finding *finding = policy_report(run, &rows[ROW_EGRESS_ALL], isolating, "", &is_new);
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
    finding_fix(finding, "Add egress rules for what the pods need, first of all for DNS (UDP and "
                         "TCP 53).");
    finding_describe(finding, finding->object);
}

static void
report_dns(const PolicyRun *run, Workload *workload, const Flow *flow, const Object *dns)
{
    bool is_egress = policies_side(run->policies, flow, POLICY_EGRESS) == FLOW_DENIED, is_new;
    PolicyDirection direction = is_egress ? POLICY_EGRESS : POLICY_INGRESS;
    g_autoptr(GPtrArray) isolating = policies_isolating(
        run->policies, is_egress ? flow->source.pod : flow->target.pod, direction);
    Finding *finding = policy_report(run, &rows[ROW_DNS], isolating, "", &is_new);
    if (finding == NULL)
        return;
    policy_suffers(finding, workload);
    g_autofree char *who = policy_sufferers_text(finding);
    g_autofree char *allowed = policies_text(isolating, direction);
    g_autofree char *names = policy_names_text(isolating);
    finding_title(finding, "NetworkPolicy %s keeps %s from DNS", finding->object->name, who);
    finding_cause(finding,
                  "%s allow%s only %s, so look-ups at Service %s/%s (UDP 53) are blocked and the "
                  "pods of %s find nothing by name.",
                  names, isolating->len == 1 ? "s" : "", allowed, dns->ns, dns->name, who);
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

static FlowVerdict
reach(const PolicyRun *run, const Workload *workload, const Object *dns, const char *protocol,
      Flow *ret_flow)
{
    const Value *port = dns_port(dns, protocol);
    return port != NULL ? policies_service(run->policies, run->run->relations,
                                           (FlowEnd){workload->pod, NULL}, dns, port, ret_flow)
                        : FLOW_UNKNOWN;
}

static void
look_at_workload(const PolicyRun *run, Workload *workload, const Object *dns)
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
    FlowVerdict udp = reach(run, workload, dns, "UDP", &flow);
    if (udp == FLOW_DENIED && needs_names(run, workload))
        report_dns(run, workload, &flow, dns);
    else if (udp == FLOW_ALLOWED && isolating->len > 0 &&
             reach(run, workload, dns, "TCP", NULL) == FLOW_DENIED)
        report_tcp(run, workload);
}

static void
run_policy_dns(CheckRun *run)
{
    g_autoptr(PolicyRun) policy_run = policy_run_new(run);
    if (policy_run == NULL || !snapshot_knows(run->snapshot, KIND_SERVICE))
        return;
    const Object *dns = find_dns(run->snapshot);
    for (guint i = 0; i < policy_run->workloads->len; i++)
        look_at_workload(policy_run, policy_run->workloads->pdata[i], dns);
}
