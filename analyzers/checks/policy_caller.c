/* Callers that NetworkPolicies keep from Services: Ingress controllers, Gateways, other pods. */
#include <string.h>

#include "analyzers/checks/gateway_text.h"
#include "analyzers/checks/ingress_class.h"
#include "analyzers/checks/policy_block.h"
#include "analyzers/checks/table.h"
#include "analyzers/collect/backend.h"
#include "analyzers/collect/dependency.h"

static void run_policy_callers(CheckRun *run);

enum { ROW_ISOLATES_ALL, ROW_SERVICE_PORT, ROW_INGRESS, ROW_NOBODY, ROW_CALLER };

static const CheckRow rows[] = {
    [ROW_ISOLATES_ALL] =
        {
            .id = "netpol-isolates-all",
            .kind = "NetworkPolicy",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_POLICY,
            .tier = 1,
            .hold_s = 300,
            .symptom = "Nobody can reach the pods of a Service, though others depend on it.",
            .meaning =
                "NetworkPolicies isolate the pods for incoming traffic and none of them has a rule "
                "that lets anything in, though an Ingress or another pod calls their Service.",
            .fix = "Add a rule that lets the known callers in.",
            .run = run_policy_callers,
            .needs = {KIND_NETWORK_POLICY, KIND_POD, KIND_SERVICE},
        },
    [ROW_SERVICE_PORT] =
        {
            .id = "netpol-service-port-instead-of-target",
            .kind = "NetworkPolicy",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_POLICY,
            .tier = 1,
            .hold_s = 300,
            .symptom = "Calls of a Service time out though a policy seems to allow its port.",
            .meaning =
                "A rule opens the port of the Service, but traffic arrives at the port of the "
                "pods, which is another one and not open.",
            .fix = "Write the port of the pods (targetPort) into the rule.",
            .run = run_policy_callers,
            .needs = {KIND_NETWORK_POLICY, KIND_POD, KIND_SERVICE, KIND_NAMESPACE},
        },
    [ROW_INGRESS] =
        {
            .id = "netpol-blocks-ingress-controller",
            .kind = "NetworkPolicy",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_POLICY,
            .tier = 1,
            .hold_s = 300,
            .symptom = "Requests for an address time out (504).",
            .meaning =
                "The union of all NetworkPolicies does not let the pods of the Ingress controller "
                "or Gateway reach any ready pod of the Service on its target port.",
            .fix = "Allow the namespace of the Ingress controller on the port of the pods.",
            .run = run_policy_callers,
            .needs = {KIND_NETWORK_POLICY, KIND_POD, KIND_SERVICE, KIND_INGRESS, KIND_NAMESPACE},
        },
    [ROW_NOBODY] =
        {
            .id = "netpol-blocks-service-callers",
            .kind = "NetworkPolicy",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_POLICY,
            .tier = 1,
            .hold_s = 600,
            .symptom = "A Service has ready pods, but no pod of the cluster may reach them.",
            .meaning =
                "The rules of the NetworkPolicies match no pod that runs, though another pod "
                "names the Service in its environment or arguments.",
            .fix = "Correct the rule so that it matches the known callers.",
            .run = run_policy_callers,
            .needs = {KIND_NETWORK_POLICY, KIND_POD, KIND_SERVICE, KIND_NAMESPACE},
        },
    [ROW_CALLER] =
        {
            .id = "netpol-blocks-caller",
            .kind = "NetworkPolicy",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_POLICY,
            .tier = 1,
            .hold_s = 300,
            .symptom = "A pod cannot reach a Service that it depends on; its calls time out.",
            .meaning =
                "A pod names a Service in its environment or arguments, and NetworkPolicies do "
                "not let it reach any ready pod of that Service. When the pod runs well and the "
                "policy is older than a day, it is of medium severity.",
            .fix = "Allow this caller in the policy, or give it the label that the policy wants.",
            .run = run_policy_callers,
            .needs = {KIND_NETWORK_POLICY, KIND_POD, KIND_SERVICE, KIND_NAMESPACE},
        },
};

const CheckTopic check_topic_policy_caller = {rows, G_N_ELEMENTS(rows)};

/* One use of a Service. */
typedef struct {
    const PolicyRun *run;
    const Workload *source;
    const Object *service;
    const Value *port;   /* of the Service; NULL: all of them */
    const Object *route; /* Ingress or route that it is for, or NULL */
    const char *url;     /* of it, or "" */
    const char *where;   /* what says so */
} Call;

/* ---- Verdicts. ---- */

/* Denied only when each port that could be meant is. */
static FlowVerdict
verdict_of(const Call *call, FlowEnd source, Flow *ret_flow)
{
    const PolicyRun *run = call->run;
    if (call->port != NULL)
        return policies_service(run->policies, run->run->relations, source, call->service,
                                call->port, ret_flow);
    FlowVerdict verdict = FLOW_DENIED;
    bool is_any = false;
    for (const Value *port = value_first(call->service->value, "spec.ports");
         port != NULL && verdict == FLOW_DENIED; port = port->next) {
        verdict = policies_service(run->policies, run->run->relations, source, call->service, port,
                                   ret_flow);
        is_any = true;
    }
    return is_any ? verdict : FLOW_UNKNOWN;
}

/* Whether the policies would let it through to the port of the Service itself. */
static bool
is_service_port_open(const Call *call, const Flow *flow)
{
    Flow other = *flow;
    other.port = (int)value_int(call->port, "port", 0);
    return other.port > 0 && other.port != flow->port &&
           policies_side(call->run->policies, &other, POLICY_INGRESS) == FLOW_ALLOWED;
}

static bool
can_nobody_reach(const Call *call)
{
    const GPtrArray *workloads = call->run->workloads;
    for (guint i = 0; i < workloads->len; i++) {
        const Workload *workload = workloads->pdata[i];
        bool is_own =
            service_selects(call->service, value_at(workload->pod->value, "metadata.labels")) &&
            strcmp(workload->pod->ns, call->service->ns) == 0;
        if (!is_own && verdict_of(call, (FlowEnd){workload->pod, NULL}, NULL) != FLOW_DENIED)
            return false;
    }
    return true;
}

/* ---- Text. ---- */

static char *
source_text(const Call *call)
{
    const Object *maker = call->source->maker;
    return g_strdup_printf("%s %s/%s", kind_row(maker->kind)->kind, maker->ns, maker->name);
}

static void
say_call(const Call *call, Finding *finding)
{
    g_autofree char *who = source_text(call);
    if (call->route != NULL)
        finding_evidence(finding, "%s (%s %s/%s) goes through %s to Service %s", call->url,
                         kind_row(call->route->kind)->kind, call->route->ns, call->route->name, who,
                         call->service->name);
    else
        finding_evidence(finding, "%s uses Service %s/%s (%s)", who, call->service->ns,
                         call->service->name, call->where);
    if (call->route != NULL)
        finding_about(finding, call->route);
    else
        policy_suffers(finding, call->source);
}

static void
say_fix(const Call *call, Finding *finding, const Flow *flow, PolicyDirection direction)
{
    g_autofree char *who = source_text(call);
    if (direction == POLICY_EGRESS)
        finding_fix(
            finding,
            "Add an egress rule to NetworkPolicy %s for the pods of Service %s/%s on %s %d.",
            finding->object->name, call->service->ns, call->service->name, flow->protocol,
            flow->port);
    else
        finding_fix(
            finding, "Add an ingress rule to NetworkPolicy %s for the pods of %s on %s %d%s%s%s.",
            finding->object->name, who, flow->protocol, flow->port,
            strcmp(call->source->pod->ns, call->service->ns) != 0
                ? " (namespaceSelector kubernetes.io/metadata.name: "
                : "",
            strcmp(call->source->pod->ns, call->service->ns) != 0 ? call->source->pod->ns : "",
            strcmp(call->source->pod->ns, call->service->ns) != 0 ? ")" : "");
    finding_describe(finding, finding->object);
}

static void
set_text(const Call *call, Finding *finding, const GPtrArray *isolating, const Flow *flow,
         PolicyDirection direction)
{
    g_autofree char *who = source_text(call), *names = policy_names_text(isolating);
    g_autofree char *allowed = policies_text(isolating, direction);
    const char *policy = finding->object->name, *service = call->service->name;
    const char *s = isolating->len == 1 ? "s" : "";
    const char *times_out = call->route != NULL ? call->url : "its calls";
    const char *verb = call->route != NULL ? "times" : "time";
    if (finding->check == &rows[ROW_ISOLATES_ALL])
        finding_title(finding, "NetworkPolicy %s lets nobody reach Service %s", policy, service);
    else if (finding->check == &rows[ROW_SERVICE_PORT])
        finding_title(finding,
                      "NetworkPolicy %s opens port %s of Service %s instead of pod port %d", policy,
                      value_text(call->port, "port"), service, flow->port);
    else if (finding->check == &rows[ROW_INGRESS])
        finding_title(finding, "NetworkPolicy %s shuts %s out of Service %s", policy,
                      call->source->maker->name, service);
    else if (finding->check == &rows[ROW_NOBODY])
        finding_title(finding, "NetworkPolicy %s lets no existing pod reach Service %s", policy,
                      service);
    else
        finding_title(finding, "NetworkPolicy %s keeps %s from Service %s", policy, who, service);
    if (direction == POLICY_EGRESS)
        finding_cause(finding,
                      "%s let%s these pods reach only %s, not Service %s/%s on %s %d, so "
                      "%s %s out.",
                      names, s, allowed, call->service->ns, service, flow->protocol, flow->port,
                      times_out, verb);
    else
        finding_cause(finding,
                      "%s let%s in %s%s; %s may not reach the pods of Service %s on %s "
                      "%d, so %s %s out.",
                      names, s, policies_have_rules(isolating, POLICY_INGRESS) ? "only " : "",
                      allowed, who, service, flow->protocol, flow->port, times_out, verb);
}

/* ---- Findings. ---- */

static bool
is_quiet(const Call *call, const Finding *finding)
{
    return call->route == NULL && !workload_is_troubled(call->source) &&
           call->run->run->now_s - finding->since_s > 86400;
}

/* The finding about one of the policies that a selector of a rule was meant for the namespace of
 * the other end, or for the other end itself, and matches nothing; or NULL. */
static Finding *
find_wrong_selector(const Call *call, GPtrArray *isolating, const Object *other)
{
    const Findings *findings = call->run->run->findings;
    for (guint i = 0; i < findings->all->len; i++) {
        Finding *finding = findings->all->pdata[i];
        const char *check = finding->check->id;
        bool is_namespace =
            strcmp(check, "netpol-peer-ns-nothing") == 0 && strcmp(finding->what, other->ns) == 0;
        bool is_pod = strcmp(check, "netpol-peer-pod-nothing") == 0 &&
                      g_ptr_array_find(finding->about, other, NULL);
        if ((is_namespace || is_pod) && g_ptr_array_find(isolating, finding->object, NULL))
            return finding;
    }
    return NULL;
}

static bool
is_explained(const Call *call, GPtrArray *isolating, const Object *other)
{
    Finding *finding = find_wrong_selector(call, isolating, other);
    if (finding == NULL)
        return false;
    say_call(call, finding);
    if (!is_quiet(call, finding))
        finding->severity = MAX(finding->severity, SEVERITY_HIGH);
    return true;
}

/* Whether the Service sends to a port that its pods do not have, and policies let the caller reach
 * one that they have: then it is the Service that is wrong. */
static bool
is_wrong_target(const Call *call, const Flow *flow)
{
    const Object *pod = flow->target.pod;
    if (pod == NULL || port_numbered(pod->value, flow->port, NULL) != NULL)
        return false;
    for (const Value *c = value_first(pod->value, "spec.containers"); c != NULL; c = c->next) {
        for (const Value *port = value_first(c, "ports"); port != NULL; port = port->next) {
            Flow other = *flow;
            other.port = (int)value_int(port, "containerPort", 0);
            if (policies_flow(call->run->policies, &other) == FLOW_ALLOWED)
                return true;
        }
    }
    return false;
}

/* The finding of another row about the same policy which says it as well, or NULL. */
static Finding *
same_cause(const Call *call, const Object *policy)
{
    for (size_t i = ROW_ISOLATES_ALL; i < ROW_CALLER; i++) {
        Finding *finding = findings_find(call->run->run->findings, &rows[i], policy, "");
        if (finding != NULL)
            return finding;
    }
    return NULL;
}

static void
report(const Call *call, size_t row, const GPtrArray *isolating, const Flow *flow,
       PolicyDirection direction)
{
    bool is_new;
    const Object *policy = policy_newest(isolating);
    Finding *finding =
        policy != NULL && direction == POLICY_INGRESS ? same_cause(call, policy) : NULL;
    if (finding != NULL) {
        say_call(call, finding);
        return;
    }
    finding = policy_report(call->run, &rows[row], isolating, "", &is_new);
    if (finding == NULL)
        return;
    say_call(call, finding);
    if (!is_new)
        return;
    set_text(call, finding, isolating, flow, direction);
    say_fix(call, finding, flow, direction);
    if (row == ROW_CALLER && is_quiet(call, finding))
        finding->severity = SEVERITY_MEDIUM;
}

static void
report_ingress_side(const Call *call, const Flow *flow)
{
    g_autoptr(GPtrArray) isolating =
        policies_isolating(call->run->policies, flow->target.pod, POLICY_INGRESS);
    size_t row = ROW_CALLER;
    if (is_explained(call, isolating, call->source->maker))
        return;
    if (!policies_have_rules(isolating, POLICY_INGRESS))
        row = ROW_ISOLATES_ALL;
    else if (is_service_port_open(call, flow))
        row = ROW_SERVICE_PORT;
    else if (call->route != NULL)
        row = ROW_INGRESS;
    else if (can_nobody_reach(call))
        row = ROW_NOBODY;
    report(call, row, isolating, flow, POLICY_INGRESS);
}

static void
look_at_call(const Call *call)
{
    Flow flow;
    const PolicyRun *run = call->run;
    if (verdict_of(call, (FlowEnd){call->source->pod, NULL}, &flow) != FLOW_DENIED ||
        is_wrong_target(call, &flow))
        return;
    if (policies_side(run->policies, &flow, POLICY_EGRESS) != FLOW_DENIED) {
        report_ingress_side(call, &flow);
        return;
    }
    /* Who finds no name or may open no connection, reaches nothing else either. */
    if (policy_is_reported(run, "netpol-blocks-dns", call->source->maker) ||
        policy_is_reported(run, "netpol-egress-isolates-all", call->source->maker))
        return;
    g_autoptr(GPtrArray) isolating =
        policies_isolating(run->policies, flow.source.pod, POLICY_EGRESS);
    if (flow.target.pod != NULL &&
        is_explained(call, isolating, relations_controller(run->run->relations, flow.target.pod)))
        return;
    report(call, call->route != NULL ? ROW_INGRESS : ROW_CALLER, isolating, &flow, POLICY_EGRESS);
}

/* ---- Calls. ---- */

static const Workload *
workload_of(const PolicyRun *run, const Object *pod)
{
    const Object *maker = relations_controller(run->run->relations, pod);
    for (guint i = 0; i < run->workloads->len; i++) {
        const Workload *workload = run->workloads->pdata[i];
        if (workload->maker == maker)
            return workload;
    }
    return NULL;
}

/* From the pods that serve an Ingress or Gateway: all of them have to be denied. */
static void
look_at_route(const PolicyRun *run, const GPtrArray *pods, const Object *route,
              const Object *service, const Value *port, const char *url)
{
    if (pods->len == 0 || service == NULL || port == NULL)
        return;
    Call call = {run, NULL, service, port, route, url, ""};
    for (guint i = 0; i < pods->len; i++) {
        if (verdict_of(&call, (FlowEnd){pods->pdata[i], NULL}, NULL) != FLOW_DENIED)
            return;
    }
    call.source = workload_of(run, pods->pdata[0]);
    if (call.source != NULL)
        look_at_call(&call);
}

static void
look_at_ingress(const PolicyRun *run, const Object *ingress)
{
    const Snapshot *snapshot = run->run->snapshot;
    g_autoptr(GPtrArray) pods = ingress_pods(snapshot, ingress);
    for (const Value *rule = value_first(ingress->value, "spec.rules"); rule != NULL;
         rule = rule->next) {
        for (const Value *path = value_first(rule, "http.paths"); path != NULL; path = path->next) {
            const Value *backend = value_at(path, "backend.service");
            const Object *service =
                snapshot_get(snapshot, KIND_SERVICE, ingress->ns, value_text(backend, "name"));
            const Value *port =
                service != NULL ? service_port(service, (int)value_int(backend, "port.number", 0),
                                               value_text(backend, "port.name"))
                                : NULL;
            g_autofree char *url = ingress_url_text(ingress, rule, path);
            look_at_route(run, pods, ingress, service, port, url);
        }
    }
}

static GPtrArray *
pods_of_route(const PolicyRun *run, const Object *route)
{
    GPtrArray *pods = g_ptr_array_new();
    for (const Value *ref = value_first(route->value, "spec.parentRefs"); ref != NULL;
         ref = ref->next) {
        const Object *gateway = snapshot_get(run->run->snapshot, KIND_GATEWAY,
                                             ref_namespace(ref, route), value_text(ref, "name"));
        if (gateway == NULL)
            continue;
        g_autoptr(GPtrArray) own = gateway_pods(run->run->snapshot, gateway);
        g_ptr_array_extend(pods, own, NULL, NULL);
    }
    return pods;
}

static void
look_at_gateway_route(const PolicyRun *run, const Object *route)
{
    g_autoptr(GPtrArray) pods = pods_of_route(run, route);
    const char *host = value_text(value_first(route->value, "spec.hostnames"), "");
    for (const Value *rule = value_first(route->value, "spec.rules"); rule != NULL && pods->len > 0;
         rule = rule->next) {
        for (const Value *ref = value_first(rule, "backendRefs"); ref != NULL; ref = ref->next) {
            const Object *service =
                snapshot_get(run->run->snapshot, KIND_SERVICE, ref_namespace(ref, route),
                             value_text(ref, "name"));
            int number = (int)value_int(ref, "port", 0);
            const Value *port =
                service != NULL && number > 0 ? service_port(service, number, "") : NULL;
            look_at_route(run, pods, route, service, port, host[0] != '\0' ? host : route->name);
        }
    }
}

static void
look_at_workload(const PolicyRun *run, Workload *workload)
{
    const GPtrArray *needed = workload_dependencies(run, workload);
    for (guint i = 0; i < needed->len; i++) {
        const Dependency *dependency = needed->pdata[i];
        const Call call = {run,  workload, dependency->service, dependency->port,
                           NULL, "",       dependency->where};
        look_at_call(&call);
    }
}

static void
run_policy_callers(CheckRun *run)
{
    g_autoptr(PolicyRun) policy_run = policy_run_new(run);
    if (policy_run == NULL)
        return;
    const GPtrArray *ingresses = snapshot_objects(run->snapshot, KIND_INGRESS);
    for (guint i = 0; i < ingresses->len; i++)
        look_at_ingress(policy_run, ingresses->pdata[i]);
    for (size_t k = 0; k < G_N_ELEMENTS(route_kinds); k++) {
        const GPtrArray *all = snapshot_objects(run->snapshot, route_kinds[k]);
        for (guint i = 0; i < all->len; i++)
            look_at_gateway_route(policy_run, all->pdata[i]);
    }
    for (guint i = 0; i < policy_run->workloads->len; i++)
        look_at_workload(policy_run, policy_run->workloads->pdata[i]);
}
