/* Webhooks, peers of one StatefulSet and scrapers that NetworkPolicies shut out; plug-ins that do
 * not enforce policies. */
#include <string.h>

#include "analyzers/checks/policy_block.h"
#include "analyzers/checks/table.h"
#include "analyzers/collect/backend.h"

static void run_policy_services(CheckRun *run);

enum { ROW_WEBHOOK, ROW_PEER, ROW_SCRAPE, ROW_API, ROW_NOT_ENFORCED };

static const CheckRow rows[] = {
    [ROW_WEBHOOK] =
        {
            .id = "netpol-blocks-webhook",
            .kind = "NetworkPolicy",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_PLUGIN, /* before the failed calls of the webhook */
            .tier = 1,
            .hold_s = 300,
            .symptom = "The API server cannot call a webhook; creating objects fails or is slow.",
            .meaning =
                "The pods of the webhook's Service are isolated for incoming traffic, and their "
                "rules name only pods; the API server calls from addresses of the control plane, "
                "or out of the pods of konnectivity-agent, which the rules do not let in either.",
            .fix = "Allow everybody, or the addresses of the control plane, on the webhook's port.",
            .run = run_policy_services,
            .needs = {KIND_NETWORK_POLICY, KIND_POD, KIND_SERVICE, KIND_NAMESPACE},
        },
    [ROW_PEER] =
        {
            .id = "netpol-blocks-peer",
            .kind = "NetworkPolicy",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_POLICY,
            .tier = 2,
            .hold_s = 600,
            .symptom = "The replicas of a StatefulSet do not find together.",
            .meaning =
                "Pods of the StatefulSet run and are not ready, and NetworkPolicies let them reach "
                "none of each other's declared ports.",
            .fix = "Allow pods with the same labels as peers.",
            .run = run_policy_services,
            .needs = {KIND_NETWORK_POLICY, KIND_POD, KIND_STATEFUL_SET, KIND_NAMESPACE},
        },
    [ROW_SCRAPE] =
        {
            .id = "netpol-blocks-metrics-scrape",
            .kind = "NetworkPolicy",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_POLICY,
            .tier = 2,
            .hold_s = 900,
            .symptom = "Metrics of pods are missing.",
            .meaning =
                "Pods ask to be scraped (prometheus.io/scrape), and NetworkPolicies do not let any "
                "collector of the cluster reach the port that they name.",
            .fix = "Allow the namespace of the collector on the port of the metrics.",
            .run = run_policy_services,
            .needs = {KIND_NETWORK_POLICY, KIND_POD, KIND_NAMESPACE},
        },
    [ROW_API] =
        {
            .id = "netpol-blocks-apiserver-egress",
            .kind = "NetworkPolicy",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_POLICY,
            .tier = 2,
            .hold_s = 300,
            .symptom = "An operator cannot reach the API of the cluster.",
            .meaning =
                "The log of a pod that is not ready says that connections to the API time out, and "
                "the rules that isolate the pod for outgoing traffic name only pods.",
            .fix = "Allow egress to the addresses of the API servers.",
            .run = run_policy_services,
            .needs = {KIND_NETWORK_POLICY, KIND_POD, KIND_SERVICE},
        },
    [ROW_NOT_ENFORCED] =
        {
            .id = "netpol-not-enforced",
            .kind = "DaemonSet",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_ADVICE,
            .tier = 2,
            .hold_s = 86400,
            .symptom = "NetworkPolicies exist and protect nothing.",
            .meaning =
                "The network plug-in is flannel, which does not enforce policies, and no other "
                "plug-in that does is there.",
            .fix = "Add a plug-in that enforces policies.",
            .run = run_policy_services,
            .needs = {KIND_DAEMON_SET, KIND_NETWORK_POLICY},
        },
};

const CheckTopic check_topic_policy_service = {rows, G_N_ELEMENTS(rows)};

/* A finding about the policies of one end of a flow, with a title and a cause of its own. */
static Finding *
report(const PolicyRun *run, size_t row, const Object *pod, PolicyDirection direction,
       const char *what, char **ret_allowed)
{
    bool is_new;
    g_autoptr(GPtrArray) isolating = policies_isolating(run->policies, pod, direction);
    Finding *finding = policy_report(run, &rows[row], isolating, what, &is_new);
    if (finding == NULL || !is_new)
        return NULL;
    *ret_allowed = policies_text(isolating, direction);
    check_advise(finding, finding->object);
    return finding;
}

/* ---- Webhooks. ---- */

/* The pod that calls of the API server come out of where the control plane is elsewhere; NULL for
 * none. */
static const Object *
find_tunnel(const PolicyRun *run)
{
    const GPtrArray *all = snapshot_in_namespace(run->run->snapshot, KIND_POD, "kube-system");
    for (guint i = 0; i < all->len; i++) {
        const Object *pod = all->pdata[i];
        if (g_str_has_prefix(pod->name, "konnectivity-agent") && backend_is_live(pod))
            return pod;
    }
    return NULL;
}

static void
look_at_hook(const PolicyRun *run, const Object *configuration, const Value *hook)
{
    const Value *ref = value_at(hook, "clientConfig.service");
    const Object *service = snapshot_get(run->run->snapshot, KIND_SERVICE,
                                         value_text(ref, "namespace"), value_text(ref, "name"));
    const Value *port =
        service != NULL ? service_port(service, (int)value_int(ref, "port", 443), "") : NULL;
    Flow flow;
    const Object *tunnel = find_tunnel(run);
    FlowEnd api = {tunnel, NULL}; /* without it an address that is not known */
    if (port == NULL ||
        policies_service(run->policies, run->run->relations, api, service, port, &flow) !=
            FLOW_DENIED ||
        !backend_is_ready(flow.target.pod))
        return;
    g_autofree char *allowed = NULL;
    Finding *finding = report(run, ROW_WEBHOOK, flow.target.pod, POLICY_INGRESS, "", &allowed);
    if (finding == NULL)
        return;
    finding_about(finding, configuration);
    finding_title(finding, "NetworkPolicy %s keeps the API server from webhook Service %s",
                  finding->object->name, service->name);
    finding_cause(finding,
                  "The policy lets in only %s; the API server calls webhook %s (%s) on "
                  "port %d from %s, so its calls probably time out.",
                  allowed, value_text(hook, "name"), configuration->name, flow.port,
                  tunnel != NULL ? "the pods of konnectivity-agent"
                                 : "an address outside of the pods");
}

static void
look_at_hooks(const PolicyRun *run)
{
    const Kind kinds[] = {KIND_VALIDATING_WEBHOOK, KIND_MUTATING_WEBHOOK};
    for (size_t k = 0; k < G_N_ELEMENTS(kinds); k++) {
        const GPtrArray *all = snapshot_objects(run->run->snapshot, kinds[k]);
        for (guint i = 0; i < all->len; i++) {
            const Object *configuration = all->pdata[i];
            for (const Value *hook = value_first(configuration->value, "webhooks"); hook != NULL;
                 hook = hook->next)
                look_at_hook(run, configuration, hook);
        }
    }
}

/* ---- Peers. ---- */

/* Whether the second pod of a set is denied every declared TCP port of the first. */
static bool
is_peer_denied(const PolicyRun *run, const Workload *workload, Flow *ret_flow)
{
    bool is_any = false;
    *ret_flow =
        (Flow){{workload->pods->pdata[1], NULL}, {workload->pods->pdata[0], NULL}, "TCP", 0};
    for (const Value *c = value_first(workload->pod->value, "spec.containers"); c != NULL;
         c = c->next) {
        for (const Value *port = value_first(c, "ports"); port != NULL; port = port->next) {
            if (strcmp(port_protocol(port), "TCP") != 0)
                continue;
            ret_flow->port = (int)value_int(port, "containerPort", 0);
            is_any = true;
            if (policies_flow(run->policies, ret_flow) != FLOW_DENIED)
                return false;
        }
    }
    return is_any;
}

static void
look_at_peers(const PolicyRun *run, const Workload *workload)
{
    Flow flow;
    if (workload->maker->kind != KIND_STATEFUL_SET || workload->pods->len < 2 ||
        !workload_is_troubled(workload) || !is_peer_denied(run, workload, &flow))
        return;
    bool is_egress = policies_side(run->policies, &flow, POLICY_EGRESS) == FLOW_DENIED;
    g_autofree char *allowed = NULL;
    Finding *finding =
        report(run, ROW_PEER, is_egress ? flow.source.pod : flow.target.pod,
               is_egress ? POLICY_EGRESS : POLICY_INGRESS, workload->maker->name, &allowed);
    if (finding == NULL)
        return;
    policy_suffers(finding, workload);
    finding_title(finding, "NetworkPolicy %s keeps the replicas of StatefulSet %s from each other",
                  finding->object->name, workload->maker->name);
    finding_cause(finding,
                  "The policy lets %s only %s, so the replicas do not reach each other on "
                  "port %d and cannot form a cluster.",
                  is_egress ? "these pods reach" : "in", allowed, flow.port);
}

/* ---- Scrapers. ---- */

static bool
is_collector(const Object *pod)
{
    static const char *const names[] = {"prometheus", "alloy", "grafana-agent", "vmagent", NULL};
    const Value *labels = value_at(pod->value, "metadata.labels");
    return g_strv_contains(names, value_text(value_get(labels, "app.kubernetes.io/name"), "")) &&
           backend_is_live(pod);
}

static bool
is_scrape_denied(const PolicyRun *run, const Object *pod, int port, const Object **ret_collector)
{
    *ret_collector = NULL;
    for (guint i = 0; i < run->workloads->len; i++) {
        const Workload *workload = run->workloads->pdata[i];
        Flow flow = {{workload->pod, NULL}, {pod, NULL}, "TCP", port};
        if (!is_collector(workload->pod) || workload->pod == pod)
            continue;
        if (policies_flow(run->policies, &flow) != FLOW_DENIED ||
            policies_side(run->policies, &flow, POLICY_INGRESS) != FLOW_DENIED)
            return false;
        *ret_collector = workload->maker;
    }
    return *ret_collector != NULL;
}

static void
look_at_scrape(const PolicyRun *run, const Workload *workload)
{
    const Value *annotations = value_at(workload->pod->value, "metadata.annotations");
    int port = (int)g_ascii_strtoull(value_text(value_get(annotations, "prometheus.io/port"), ""),
                                     NULL, 10);
    const Object *collector;
    if (!value_is(value_get(annotations, "prometheus.io/scrape"), "", "true") || port == 0 ||
        !is_scrape_denied(run, workload->pod, port, &collector))
        return;
    g_autofree char *allowed = NULL, *who = object_text(workload->maker);
    Finding *finding =
        report(run, ROW_SCRAPE, workload->pod, POLICY_INGRESS, workload->maker->name, &allowed);
    if (finding == NULL)
        return;
    finding_title(finding, "NetworkPolicy %s keeps the metrics of %s from %s",
                  finding->object->name, who, collector->name);
    finding_cause(finding,
                  "The pods ask to be scraped on port %d, and the policy lets in only %s, "
                  "not %s %s/%s.",
                  port, allowed, kind_row(collector->kind)->kind, collector->ns, collector->name);
}

/* ---- The API. ---- */

static void
look_at_api(const PolicyRun *run, const Workload *workload, const char *address)
{
    g_autofree char *dial = g_strdup_printf("%s:443: i/o timeout", address);
    g_autofree char *connect = g_strdup_printf("%s:443: connect: connection timed out", address);
    const char *const words[] = {dial, connect, NULL};
    Flow flow = {{workload->pod, NULL}, {NULL, NULL}, "TCP", 0};
    if (!workload_is_troubled(workload) ||
        policies_side(run->policies, &flow, POLICY_EGRESS) != FLOW_DENIED ||
        policy_is_reported(run, "netpol-egress-isolates-all", workload->maker))
        return;
    g_autofree char *line = workload_log_line(run, workload, words);
    g_autofree char *allowed = NULL, *who = object_text(workload->maker);
    Finding *finding =
        line != NULL ? report(run, ROW_API, workload->pod, POLICY_EGRESS, "", &allowed) : NULL;
    if (finding == NULL)
        return;
    policy_suffers(finding, workload);
    finding_evidence(finding, "Log of %s: %s", who, line);
    finding_title(finding, "NetworkPolicy %s keeps %s from the cluster's API",
                  finding->object->name, who);
    finding_cause(finding,
                  "The pods may reach only %s, which are no addresses of API servers, and "
                  "their calls to %s time out.",
                  allowed, address);
}

/* ---- The plug-in. ---- */

static void
look_at_plugin(CheckRun *run)
{
    static const char *const enforcing[] = {"calico",
                                            "cilium",
                                            "canal",
                                            "kube-router",
                                            "weave-net",
                                            "antrea",
                                            "kube-ovn",
                                            "ovnkube",
                                            "azure-npm",
                                            "aws-node",
                                            "kube-network-policies"};
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_DAEMON_SET);
    const GPtrArray *policies = snapshot_objects(run->snapshot, KIND_NETWORK_POLICY);
    const Object *flannel = NULL;
    for (guint i = 0; i < all->len; i++) {
        const Object *set = all->pdata[i];
        flannel = g_str_has_prefix(set->name, "kube-flannel") ? set : flannel;
        for (size_t k = 0; k < G_N_ELEMENTS(enforcing); k++) {
            if (strstr(set->name, enforcing[k]) != NULL)
                return;
        }
    }
    if (flannel == NULL || policies->len == 0 || !snapshot_knows(run->snapshot, KIND_DAEMON_SET) ||
        !check_held(run, &rows[ROW_NOT_ENFORCED], flannel->created_s))
        return;
    Finding *finding = check_report(run, &rows[ROW_NOT_ENFORCED], flannel);
    finding_title(finding, "The network plug-in enforces no NetworkPolicy");
    finding_cause(finding,
                  "DaemonSet %s/%s (flannel) does not enforce policies, so the %u of this "
                  "cluster protect nothing.",
                  flannel->ns, flannel->name, policies->len);
    finding_fix(finding, "Add a plug-in that enforces policies.");
    finding_fix(finding, "kubectl get networkpolicies -A");
}

static void
run_policy_services(CheckRun *run)
{
    g_autoptr(PolicyRun) policy_run = policy_run_new(run);
    const Object *api = snapshot_get(run->snapshot, KIND_SERVICE, "default", "kubernetes");
    look_at_plugin(run);
    if (policy_run == NULL)
        return;
    look_at_hooks(policy_run);
    for (guint i = 0; i < policy_run->workloads->len; i++) {
        const Workload *workload = policy_run->workloads->pdata[i];
        look_at_peers(policy_run, workload);
        look_at_scrape(policy_run, workload);
        if (api != NULL)
            look_at_api(policy_run, workload, value_text(api->value, "spec.clusterIP"));
    }
}
