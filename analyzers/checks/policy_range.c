/* Ranges of addresses in NetworkPolicies. */
#include <gio/gio.h>
#include <string.h>

#include "analyzers/checks/policy_block.h"
#include "analyzers/checks/table.h"
#include "analyzers/collect/backend.h"
#include "analyzers/collect/change.h"

static void run_ranges(CheckRun *run);

enum { ROW_CLUSTER_IP, ROW_EXCEPT };

static const CheckRow rows[] = {
    [ROW_CLUSTER_IP] =
        {
            .id = "netpol-ipblock-service-cidr",
            .kind = "NetworkPolicy",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_ADVICE,
            .tier = 2,
            .hold_s = 3600,
            .symptom = "An egress rule for the address of a Service allows nothing.",
            .meaning = "An ipBlock is the cluster address of a Service, and nothing else lets the "
                       "pods reach it; policies usually see the addresses of the pods behind it.",
            .fix = "Select the pods of the Service instead.",
            .run = run_ranges,
            .needs = {KIND_SERVICE, KIND_POD},
        },
    [ROW_EXCEPT] =
        {
            .id = "netpol-except-outside-cidr",
            .kind = "NetworkPolicy",
            .severity = SEVERITY_LOW,
            .stage = STAGE_ADVICE,
            .tier = 2,
            .symptom = "The exceptions of an ipBlock exclude nothing or everything.",
            .meaning = "A range of `except` lies outside of the block's CIDR, or is the same.",
            .fix = "Correct the ranges.",
            .run = run_ranges,
        },
};

const CheckTopic check_topic_policy_range = {rows, G_N_ELEMENTS(rows)};

/* A policy, and the pods that it selects and that policies are about. */
typedef struct {
    CheckRun *run;
    const Policies *policies;
    const Object *policy;
    GPtrArray *pods;
} PolicyRanges;

/* Whether the agent of the VPC plug-in of AWS is there, which sees packets before their address is
 * translated. */
static bool
is_seen_before_translation(const CheckRun *run)
{
    return snapshot_get(run->snapshot, KIND_DAEMON_SET, "kube-system", "aws-node") != NULL;
}

/* Whether the pods of the policy reach a Service anyway, or its rule for the address works. */
static bool
is_reached(const PolicyRanges *p, const Object *service)
{
    const Value *port = value_first(service->value, "spec.ports");
    bool is_dns = value_find(service->value, "spec.ports", "port", "53") != NULL;
    if (is_seen_before_translation(p->run) || (is_dns && policy_nodes_answer(p->run->snapshot)))
        return true;
    const GPtrArray *behind = relations_service_pods(p->run->relations, service);
    for (guint i = 0; i < p->pods->len; i++) {
        const FlowEnd source = {p->pods->pdata[i], NULL};
        if (!g_ptr_array_find((GPtrArray *)(uintptr_t)behind, source.pod, NULL))
            return policies_service(p->policies, p->run->relations, source, service, port, NULL) ==
                   FLOW_ALLOWED;
    }
    return false; /* pods always reach themselves */
}

/* Whether an egress rule of the policy allows an address of a Service without selector, as that of
 * the API server. */
static bool
has_endpoint_allowed(const PolicyRanges *p, const Object *service)
{
    const GPtrArray *slices =
        snapshot_in_namespace(p->run->snapshot, KIND_ENDPOINT_SLICE, service->ns);
    for (guint i = 0; p->pods->len > 0 && i < slices->len; i++) {
        const Object *slice = slices->pdata[i];
        const Value *labels = value_at(slice->value, "metadata.labels");
        if (!value_is(value_get(labels, "kubernetes.io/service-name"), "", service->name))
            continue;
        int port = (int)value_int(value_first(slice->value, "ports"), "port", 0);
        for (const Value *e = value_first(slice->value, "endpoints"); e != NULL; e = e->next) {
            const char *address = value_text(value_first(e, "addresses"), "");
            const Flow flow = {{p->pods->pdata[0], NULL}, {NULL, address}, "TCP", port};
            if (policies_side(p->policies, &flow, POLICY_EGRESS) == FLOW_ALLOWED)
                return true;
        }
    }
    return false;
}

static const Object *
service_at(const CheckRun *run, const char *cidr)
{
    g_autofree char *address = g_strndup(cidr, strcspn(cidr, "/"));
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_SERVICE);
    if (!g_str_has_suffix(cidr, "/32") && !g_str_has_suffix(cidr, "/128"))
        return NULL;
    for (guint i = 0; i < all->len; i++) {
        const Object *service = all->pdata[i];
        if (value_is(service->value, "spec.clusterIP", address))
            return service;
    }
    return NULL;
}

/* Whether a range excludes a part of a block, and not all of it. */
static bool
is_proper_part(const char *cidr, const char *except)
{
    g_autoptr(GInetAddressMask) block = g_inet_address_mask_new_from_string(cidr, NULL);
    g_autoptr(GInetAddressMask) part = g_inet_address_mask_new_from_string(except, NULL);
    if (block == NULL || part == NULL)
        return true; /* nobody can say */
    return g_inet_address_mask_get_family(block) == g_inet_address_mask_get_family(part) &&
           g_inet_address_mask_get_length(part) > g_inet_address_mask_get_length(block) &&
           g_inet_address_mask_matches(block, g_inet_address_mask_get_address(part));
}

static void
look_at_block(const PolicyRanges *p, const Value *block, PolicyDirection direction)
{
    const char *cidr = value_text(block, "cidr");
    const Object *service = direction == POLICY_EGRESS ? service_at(p->run, cidr) : NULL;
    bool is_useless =
        service != NULL && !is_reached(p, service) && !has_endpoint_allowed(p, service);
    Finding *finding =
        is_useless ? check_report_written(p->run, &rows[ROW_CLUSTER_IP], p->policy, cidr) : NULL;
    if (finding != NULL) {
        finding_title(finding, "NetworkPolicy %s allows the cluster address of Service %s/%s",
                      p->policy->name, service->ns, service->name);
        finding_cause(finding,
                      "Policies usually see the addresses of the pods behind %s, so the "
                      "rule allows nothing.",
                      cidr);
    }
    for (const Value *except = value_first(block, "except"); except != NULL;
         except = except->next) {
        const char *range = value_text(except, "");
        finding = is_proper_part(cidr, range)
                      ? NULL
                      : check_report_written(p->run, &rows[ROW_EXCEPT], p->policy, range);
        if (finding == NULL)
            continue;
        finding_title(finding, "NetworkPolicy %s excepts %s, which is no part of %s",
                      p->policy->name, range, cidr);
        finding_cause(finding, "The exception excludes nothing or everything of the block.");
    }
}

static void
look_at_peers(const PolicyRanges *p, PolicyDirection direction, const char *key)
{
    if (!policy_applies(p->policy, direction))
        return;
    for (const Value *rule = policy_rules(p->policy, direction); rule != NULL; rule = rule->next) {
        for (const Value *peer = value_first(rule, key); peer != NULL; peer = peer->next) {
            if (value_get(peer, "ipBlock") != NULL)
                look_at_block(p, value_get(peer, "ipBlock"), direction);
        }
    }
}

static void
run_ranges(CheckRun *run)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_NETWORK_POLICY);
    g_autoptr(Policies) policies = policies_new(run->snapshot);
    for (guint i = 0; i < all->len; i++) {
        const Object *policy = all->pdata[i];
        g_autoptr(GPtrArray) pods = policy_subjects(run, policy);
        const PolicyRanges p = {run, policies, policy, pods};
        look_at_peers(&p, POLICY_INGRESS, "from");
        look_at_peers(&p, POLICY_EGRESS, "to");
    }
}
