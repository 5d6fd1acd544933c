/* Kinds of Services: load balancers, node ports, external names, headless ones. */
#include <string.h>

#include "analyzers/checks/table.h"
#include "analyzers/collect/backend.h"
#include "analyzers/collect/change.h"
#include "analyzers/collect/service_host.h"

static void run_service_kinds(CheckRun *run);

enum { ROW_LB_PENDING, ROW_LB_LOCAL, ROW_EXTERNAL_NAME, ROW_NODE_PORT, ROW_HEADLESS, ROW_MULTI };

static const CheckRow rows[] = {
    [ROW_LB_PENDING] =
        {
            .id = "service-lb-pending",
            .kind = "Service",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_SERVICE,
            .tier = 1,
            .hold_s = 600,
            .is_own_cause = true,
            .symptom = "A Service cannot be reached from outside: it has no external address.",
            .meaning =
                "The Service is of type LoadBalancer, and nothing has written an address into its "
                "status.",
            .fix = "Read the events of the Service; is there a load-balancer controller at all?",
            .run = run_service_kinds,
        },
    [ROW_LB_LOCAL] =
        {
            .id = "service-lb-local-no-node",
            .kind = "Service",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_SERVICE,
            .tier = 1,
            .hold_s = 600,
            .symptom = "Traffic from outside is dropped on every node.",
            .meaning =
                "externalTrafficPolicy is Local, so that a node only serves its own pods, and no "
                "node that is ready has a ready pod of the Service.",
            .fix = "Run ready pods of the Service, or set externalTrafficPolicy to Cluster.",
            .run = run_service_kinds,
            .needs = {KIND_ENDPOINT_SLICE, KIND_NODE},
        },
    [ROW_EXTERNAL_NAME] =
        {
            .id = "service-externalname-invalid",
            .kind = "Service",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_SERVICE,
            .tier = 1,
            .is_own_cause = true,
            .symptom = "A name in the cluster leads to no usable host.",
            .meaning =
                "externalName is empty, an IP address, or names a Service of this cluster that "
                "does not exist.",
            .fix = "Use a host name; for an address, a Service without selector and an "
                   "EndpointSlice.",
            .run = run_service_kinds,
        },
    [ROW_NODE_PORT] =
        {
            .id = "service-nodeport-conflict",
            .kind = "Service",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_SERVICE,
            .tier = 1,
            .is_own_cause = true,
            .symptom = "A Service does not get the node port that it asks for.",
            .meaning = "An event says that the port could not be allocated.",
            .fix = "Leave the choice of the node port to Kubernetes.",
            .run = run_service_kinds,
            .needs = {KIND_EVENT},
        },
    [ROW_HEADLESS] =
        {
            .id = "service-headless-sts",
            .kind = "Service",
            .severity = SEVERITY_INFO,
            .stage = STAGE_ADVICE,
            .tier = 1,
            .hold_s = 3600,
            .symptom = "The pods of a StatefulSet have no DNS names of their own.",
            .meaning = "The Service that spec.serviceName of a StatefulSet names has a cluster "
                       "address.",
            .fix = "Give the StatefulSet a governing Service with clusterIP None.",
            .run = run_service_kinds,
            .needs = {KIND_STATEFUL_SET},
        },
    [ROW_MULTI] =
        {
            .id = "service-multi-workload",
            .kind = "Service",
            .severity = SEVERITY_LOW,
            .stage = STAGE_ADVICE,
            .tier = 1,
            .hold_s = 3600,
            .symptom = "Requests to one Service are answered by two different programs.",
            .meaning =
                "The selector matches ready pods of several controllers whose images differ by "
                "more than the tag.",
            .fix = "Make the selector narrower.",
            .run = run_service_kinds,
            .needs = {KIND_POD},
        },
};

const CheckTopic check_topic_service_kind = {rows, G_N_ELEMENTS(rows)};

/* ---- Load balancers. ---- */

static void
look_at_balancer(CheckRun *run, const Object *service)
{
    const CheckRow *row = &rows[ROW_LB_PENDING];
    int64_t changed_s = object_changed_s(service, NULL);
    if (!value_is(service->value, "spec.type", "LoadBalancer") ||
        value_count(service->value, "status.loadBalancer.ingress") > 0 ||
        !check_held(run, row, changed_s))
        return;
    const Event *event =
        snapshot_event(run->snapshot, service,
                       "SyncLoadBalancerFailed|CreatingLoadBalancerFailed|UpdateLoadBalancerFailed|"
                       "AllocationFailed|FailedDeployModel|FailedBuildModel",
                       0);
    g_autofree char *span = span_text(run->now_s - changed_s);
    Finding *finding = check_report(run, row, service);
    finding_since(finding, service->created_s == changed_s ? changed_s : 0);
    finding_title(finding, "LoadBalancer Service %s has had no external address for %s",
                  service->name, span);
    if (event != NULL)
        finding_cause(finding,
                      "The load balancer cannot be made: \"%s\". So nobody reaches the "
                      "Service from outside.",
                      event->message);
    else
        finding_cause(finding, "No load-balancer controller has given the Service an address, and "
                               "no event says why: there may be none in this cluster. So nobody "
                               "reaches it from outside.");
    finding_fix(finding, "%s",
                event != NULL ? "Correct what the message names."
                              : "Install a load-balancer controller (a cloud's, MetalLB), or "
                                "use another type of Service.");
    finding_describe(finding, finding->object);
}

static bool
is_node_ready(const Snapshot *snapshot, const char *name)
{
    const Object *node = snapshot_get(snapshot, KIND_NODE, "", name);
    return node != NULL && value_is(value_find(node->value, "status.conditions", "type", "Ready"),
                                    "status", "True");
}

/* Ready addresses, and those of them on nodes that are ready. */
static guint
count_on_ready_nodes(const CheckRun *run, const Backends *backends, const Object *service)
{
    guint n = 0;
    const GPtrArray *slices = backends_slices(backends, service);
    for (guint i = 0; i < slices->len; i++) {
        const Object *slice = slices->pdata[i];
        for (const Value *endpoint = value_first(slice->value, "endpoints"); endpoint != NULL;
             endpoint = endpoint->next)
            n += !value_is(endpoint, "conditions.ready", "false") &&
                 is_node_ready(run->snapshot, value_text(endpoint, "nodeName"));
    }
    return n;
}

static void
look_at_local(CheckRun *run, const Backends *backends, const Object *service)
{
    const CheckRow *row = &rows[ROW_LB_LOCAL];
    guint n_ready, n_all;
    if (!value_is(service->value, "spec.externalTrafficPolicy", "Local") ||
        !snapshot_knows(run->snapshot, KIND_NODE) ||
        !backends_count(backends, service, &n_ready, &n_all) || n_ready == 0 ||
        !check_held(run, row, object_changed_s(service, NULL)) ||
        count_on_ready_nodes(run, backends, service) > 0)
        return;
    Finding *finding = check_report(run, row, service);
    finding_title(finding, "No ready node has a pod of Service %s", service->name);
    finding_cause(finding,
                  "externalTrafficPolicy is Local and none of the %u ready pods is on a "
                  "node that is ready, so traffic from outside is dropped.",
                  n_ready);
    finding_fix(finding, "Move the pods to ready nodes, or set externalTrafficPolicy to Cluster.");
    finding_describe(finding, finding->object);
}

/* ---- External names. ---- */

/* The Service of "web.shop.svc.cluster.local", when it surely does not exist. */
static bool
is_missing_service(const CheckRun *run, const char *name)
{
    return strstr(name, ".svc.cluster.local") != NULL &&
           service_host_is_missing(run->snapshot, name, "");
}

static void
look_at_name(CheckRun *run, const Object *service)
{
    const char *name = value_text(service->value, "spec.externalName"), *why = NULL;
    if (!value_is(service->value, "spec.type", "ExternalName"))
        return;
    if (name[0] == '\0')
        why = "is empty";
    else if (g_hostname_is_ip_address(name))
        why = "is an IP address, which DNS cannot give as another name";
    else if (is_missing_service(run, name))
        why = "names a Service that does not exist";
    if (why == NULL)
        return;
    Finding *finding = check_report(run, &rows[ROW_EXTERNAL_NAME], service);
    finding_title(finding, "Service %s leads to no host: externalName %s", service->name, why);
    finding_cause(finding, "externalName \"%s\" %s, so who looks up %s.%s gets no usable answer.",
                  name, why, service->name, service->ns);
    finding_fix(finding, "Use a host name; for an address, a Service without selector and an "
                         "EndpointSlice.");
    finding_describe(finding, finding->object);
}

/* ---- Node ports. ---- */

static void
look_at_node_port(CheckRun *run, const Object *service)
{
    enum { RECENT_S = 3600 };
    /* …NotAllocated is repaired by the API server itself. */
    const Event *event = snapshot_event(run->snapshot, service,
                                        "PortAllocationFailed|PortAlreadyAllocated|PortOutOfRange|"
                                        "ClusterIPAlreadyAllocated|ClusterIPOutOfRange",
                                        run->now_s - RECENT_S);
    if (event == NULL)
        return;
    Finding *finding = check_report(run, &rows[ROW_NODE_PORT], service);
    finding_since(finding, event->first_s);
    finding_title(finding, "Service %s does not get its port or address (%s)", service->name,
                  event->reason);
    finding_cause(finding, "Kubernetes could not allocate what the Service asks for: \"%s\".",
                  event->message);
    finding_fix(finding, "Remove nodePort or clusterIP from the Service, so that Kubernetes "
                         "chooses.");
    finding_describe(finding, finding->object);
}

/* ---- Governing Services. ---- */

static void
look_at_governor(CheckRun *run, const Object *set)
{
    const Object *service = snapshot_get(run->snapshot, KIND_SERVICE, set->ns,
                                         value_text(set->value, "spec.serviceName"));
    if (service == NULL || value_is(service->value, "spec.clusterIP", "None") ||
        value_is(service->value, "spec.type", "ExternalName") ||
        !check_held(run, &rows[ROW_HEADLESS], set->created_s))
        return;
    Finding *finding = check_report_once(run, &rows[ROW_HEADLESS], service, "");
    if (finding == NULL)
        return;
    finding_title(finding, "Governing Service %s of StatefulSet %s is not headless", service->name,
                  set->name);
    finding_cause(finding, "The Service has a cluster address, so the pods of the StatefulSet get "
                           "no DNS names of their own.");
    finding_fix(finding, "Give the StatefulSet a Service with clusterIP None.");
    finding_describe(finding, finding->object);
}

/* ---- Several programs. ---- */

/* The image of the first container without its tag and digest. */
static char *
image_name(const Object *pod)
{
    const char *image = value_text(value_first(pod->value, "spec.containers"), "image");
    const char *slash = strrchr(image, '/');
    size_t length = (size_t)(slash != NULL ? slash - image : 0);
    return g_strndup(image, length + strcspn(image + length, ":@"));
}

static void
look_at_programs(CheckRun *run, const Object *service)
{
    const GPtrArray *pods = relations_service_pods(run->relations, service);
    const Object *first = NULL;
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        if (!backend_is_ready(pod))
            continue;
        first = first != NULL ? first : pod;
        const Object *a = relations_controller(run->relations, first);
        const Object *b = relations_controller(run->relations, pod);
        g_autofree char *one = image_name(first), *other = image_name(pod);
        if (a == b || strcmp(one, other) == 0 ||
            !check_held(run, &rows[ROW_MULTI], MAX(pod->created_s, first->created_s)))
            continue;
        Finding *finding = check_report(run, &rows[ROW_MULTI], service);
        finding_title(finding, "Service %s mixes pods of %s %s and %s %s", service->name,
                      kind_row(a->kind)->kind, a->name, kind_row(b->kind)->kind, b->name);
        finding_cause(finding,
                      "The selector matches pods with different images (%s and %s), so "
                      "requests go to either of them.",
                      one, other);
        finding_fix(finding, "Make the selector of the Service narrower.");
        finding_describe(finding, finding->object);
        return;
    }
}

static void
run_service_kinds(CheckRun *run)
{
    g_autoptr(Backends) backends = backends_new(run->snapshot);
    const GPtrArray *services = snapshot_objects(run->snapshot, KIND_SERVICE);
    for (guint i = 0; i < services->len; i++) {
        const Object *service = services->pdata[i];
        if (value_time(service->value, "metadata.deletionTimestamp") > 0)
            continue;
        look_at_balancer(run, service);
        look_at_local(run, backends, service);
        look_at_name(run, service);
        look_at_node_port(run, service);
        look_at_programs(run, service);
    }
    const GPtrArray *sets = snapshot_objects(run->snapshot, KIND_STATEFUL_SET);
    for (guint i = 0; i < sets->len; i++)
        look_at_governor(run, sets->pdata[i]);
}
