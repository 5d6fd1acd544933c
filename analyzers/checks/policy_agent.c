/* Agents of metrics, logs and profiles that NetworkPolicies keep from where they send to. */
#include <string.h>

#include "analyzers/checks/collector.h"
#include "analyzers/checks/policy_block.h"
#include "analyzers/checks/shipping_log.h"
#include "analyzers/checks/table.h"

static void run_policy_agents(CheckRun *run);

static const CheckRow rows[] = {
    {
        .id = "netpol-blocks-agent-egress",
        .kind = "NetworkPolicy",
        .severity = SEVERITY_HIGH,
        .stage = STAGE_POLICY,
        .tier = 1,
        .hold_s = 600,
        .symptom = "An agent sends no metrics, logs or profiles, because it may not.",
        .meaning = "NetworkPolicies limit what the pods of the agent may send, and let them "
                   "neither ask the cluster's DNS nor, where their log names it, reach the back "
                   "end; and their log says that sending fails, or nothing of them arrives.",
        .fix = "Allow egress to the cluster's DNS (UDP and TCP 53), and to the back end.",
        .run = run_policy_agents,
        .needs = {KIND_NETWORK_POLICY, KIND_POD, KIND_SERVICE, KIND_NAMESPACE},
    },
};

const CheckTopic check_topic_policy_agent = {rows, G_N_ELEMENTS(rows)};

static const char *const agents[] = {"alloy",    "cresset-agent", "opentelemetry-collector",
                                     "otelcol",  "grafana-agent", "fluent-bit",
                                     "fluentd",  "promtail",      "vector",
                                     "filebeat", "telegraf",      NULL};

/* What a log says when packets get no answer: policies drop, they do not refuse. */
static bool
is_of_network(const ShippingTrouble *trouble)
{
    static const char *const words[] = {
        "no such host",     "server misbehaving",     "name resolution",  "i/o timeout",
        "no route to host", "network is unreachable", "deadline exceeded"};
    for (size_t i = 0; trouble->line != NULL && i < G_N_ELEMENTS(words); i++) {
        if (strstr(trouble->line, words[i]) != NULL)
            return true;
    }
    return false;
}

/* A log of the workload's pods that says that sending fails. */
static bool
read_trouble(const PolicyRun *run, const Workload *workload, ShippingTrouble *ret_trouble)
{
    enum { PODS_MAX = 2 };
    for (guint i = 0; i < workload->pods->len && i < PODS_MAX; i++) {
        const Object *pod = workload->pods->pdata[i];
        const char *container = NULL;
        for (size_t k = 0; agents[k] != NULL && container == NULL; k++)
            container = pod_runs_image(pod, agents[k]) ? collector_container(pod, agents[k]) : NULL;
        if (shipping_trouble_read(run->run, pod, container, ret_trouble) &&
            is_of_network(ret_trouble))
            return true;
        shipping_trouble_clear(ret_trouble);
    }
    return false;
}

/* Whether heartbeats tell that nothing comes of one of its pods. */
static bool
is_silent(const PolicyRun *run, const Workload *workload)
{
    static const char *const silences[] = {"alloy-silent-on-fleet", "alloy-running-not-shipping",
                                           "cresset-agent-silent-on-fleet", NULL};
    const Findings *findings = run->run->findings;
    for (guint i = 0; i < findings->all->len; i++) {
        const Finding *finding = findings->all->pdata[i];
        if (g_strv_contains(silences, finding->check->id) &&
            (finding->object == workload->maker ||
             g_ptr_array_find(workload->pods, finding->object, NULL)))
            return true;
    }
    return false;
}

/* What it may not reach, in words; NULL when it may, or nobody can say. Free with g_free. */
static char *
blocked_text(const PolicyRun *run, const Workload *workload, const ShippingTrouble *trouble)
{
    enum { HTTPS = 443 };
    const FlowEnd source = {.pod = workload->pod};
    const Object *dns = policy_dns_service(run->run->snapshot);
    if (dns != NULL && policy_dns_flow(run, workload, dns, "UDP", NULL) == FLOW_DENIED)
        return g_strdup("the cluster's DNS");
    if (trouble->host == NULL)
        return NULL;
    const Object *service = shipping_service(run->run, workload->pod, trouble);
    const Value *port = shipping_service_port(service, trouble);
    if (port != NULL)
        return policies_service(run->policies, run->run->relations, source, service, port, NULL) ==
                       FLOW_DENIED
                   ? g_strdup_printf("Service %s/%s", service->ns, service->name)
                   : NULL;
    const Flow out = {source, {NULL, NULL}, "TCP", trouble->port > 0 ? trouble->port : HTTPS};
    bool is_outside = service == NULL && strchr(trouble->host, '.') != NULL;
    return is_outside && policies_side(run->policies, &out, POLICY_EGRESS) == FLOW_DENIED
               ? g_strdup_printf("%s", trouble->host)
               : NULL;
}

static bool
is_told_otherwise(const PolicyRun *run, const Object *maker)
{
    return policy_is_reported(run, "netpol-blocks-dns", maker) ||
           policy_is_reported(run, "netpol-egress-isolates-all", maker) ||
           policy_is_reported(run, "netpol-policytypes-empty-block", maker);
}

static void
report(const PolicyRun *run, const Workload *workload, const ShippingTrouble *trouble,
       const char *blocked)
{
    g_autoptr(GPtrArray) isolating =
        policies_isolating(run->policies, workload->pod, POLICY_EGRESS);
    bool is_new;
    Finding *finding =
        isolating->len > 0 ? policy_report(run, &rows[0], isolating, "", &is_new) : NULL;
    if (finding == NULL)
        return;
    policy_suffers(finding, workload);
    g_autofree char *who = policy_sufferers_text(finding);
    g_autofree char *lets = policies_text(isolating, POLICY_EGRESS);
    g_autofree char *names = policy_names_text(isolating);
    finding_title(finding, "NetworkPolicy %s keeps %s from %s", finding->object->name, who,
                  blocked);
    finding_cause(finding,
                  "%s let%s the pods of %s reach only %s, and not %s, so what they collect does "
                  "not arrive.",
                  names, isolating->len == 1 ? "s" : "", who, lets, blocked);
    if (trouble->line != NULL)
        finding_evidence(finding, "Log of %s: %s", who, trouble->line);
    if (is_new)
        check_advise(finding, finding->object);
}

static void
look_at(const PolicyRun *run, const Workload *workload)
{
    g_auto(ShippingTrouble) trouble = {0};
    bool is_agent = false;
    for (size_t i = 0; agents[i] != NULL; i++)
        is_agent = is_agent || pod_runs_image(workload->pod, agents[i]);
    if (!is_agent || is_told_otherwise(run, workload->maker))
        return;
    g_autoptr(GPtrArray) isolating =
        policies_isolating(run->policies, workload->pod, POLICY_EGRESS);
    if (isolating->len == 0 ||
        (!read_trouble(run, workload, &trouble) && !is_silent(run, workload)))
        return;
    g_autofree char *blocked = blocked_text(run, workload, &trouble);
    if (blocked != NULL)
        report(run, workload, &trouble, blocked);
}

static void
run_policy_agents(CheckRun *run)
{
    g_autoptr(PolicyRun) policy_run = policy_run_new(run);
    if (policy_run == NULL || !check_knows(run, &rows[0]))
        return;
    for (guint i = 0; i < policy_run->workloads->len; i++)
        look_at(policy_run, policy_run->workloads->pdata[i]);
}
