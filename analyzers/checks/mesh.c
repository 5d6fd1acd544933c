/* Istio: routes to what is not there, and pods that are not in the mesh. */
#include <string.h>

#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"
#include "analyzers/collect/service_host.h"

static void run_routes(CheckRun *run);
static void run_sidecars(CheckRun *run);

enum { ROW_CONFIG, ROW_SIDECAR };

static const CheckRow rows[] = {
    [ROW_CONFIG] =
        {
            .id = "istio-config-invalid",
            .kind = "VirtualService",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_ROUTE,
            .tier = 2,
            .hold_s = 3600,
            .symptom = "Callers in the mesh get 503 for a route.",
            .meaning = "A destination of the VirtualService names a Service of this cluster that "
                       "does not exist, and no ServiceEntry stands for it, or a subset that no "
                       "DestinationRule of that host has.",
            .fix = "Correct the host or the subset.",
            .run = run_routes,
            .needs = {KIND_VIRTUAL_SERVICE, KIND_DESTINATION_RULE, KIND_SERVICE,
                      KIND_SERVICE_ENTRY},
        },
    [ROW_SIDECAR] =
        {
            .id = "mesh-sidecar-missing",
            .kind = "Pod",
            .severity = SEVERITY_LOW,
            .stage = STAGE_READINESS,
            .tier = 2,
            .hold_s = 3600,
            .symptom = "Pods of the mesh refuse calls of a pod, or it of theirs.",
            .meaning = "The namespace has istio-injection=enabled and other pods of it have the "
                       "sidecar, but this one does not, though it does not say that it wants none.",
            .fix = "Make the pod anew, and check the webhook that injects sidecars.",
            .run = run_sidecars,
            .needs = {KIND_POD, KIND_NAMESPACE},
        },
};

const CheckTopic check_topic_mesh = {rows, G_N_ELEMENTS(rows)};

/* ---- Routes. ---- */

/* "web" and "web.shop.svc…" are Services of the cluster. False for other hosts. */
static bool
service_name(const char *host, const char *ns, ServiceName *ret_name)
{
    ServiceName names[SERVICE_NAMES_MAX];
    size_t n = service_names_of(host, ns, names);
    if (n == 1 && (names[0].is_full || strchr(host, '.') == NULL)) {
        *ret_name = names[0];
        return true;
    }
    service_names_clear(names, n);
    return false;
}

/* Whether a host of a DestinationRule means a Service, or may do so. */
static bool
may_mean(const Object *rule, const ServiceName *service)
{
    const char *host = value_text(rule->value, "spec.host");
    ServiceName other;
    if (!service_name(host, rule->ns, &other))
        return strchr(host, '*') != NULL;
    bool is_same = strcmp(other.name, service->name) == 0 && strcmp(other.ns, service->ns) == 0;
    service_names_clear(&other, 1);
    return is_same;
}

static bool
has_subset(const CheckRun *run, const ServiceName *service, const char *subset)
{
    const GPtrArray *rules = snapshot_objects(run->snapshot, KIND_DESTINATION_RULE);
    for (guint i = 0; i < rules->len; i++) {
        const Object *rule = rules->pdata[i];
        if (may_mean(rule, service) &&
            value_find(rule->value, "spec.subsets", "name", subset) != NULL)
            return true;
    }
    return false;
}

static void
tell(CheckRun *run, const Object *route, const Value *destination, const ServiceName *service,
     bool is_missing)
{
    const char *host = value_text(destination, "host"), *subset = value_text(destination, "subset");
    Finding *finding = check_report_once(run, &rows[ROW_CONFIG], route, is_missing ? host : subset);
    if (finding == NULL)
        return;
    if (is_missing)
        finding_title(finding, "VirtualService %s sends to %s, which does not exist", route->name,
                      host);
    else
        finding_title(finding,
                      "VirtualService %s sends to subset %s of %s, which no "
                      "DestinationRule has",
                      route->name, subset, host);
    finding_cause(finding, "Requests that take this route fail with 503: there is no %s %s%s%s.",
                  is_missing ? "Service" : "subset", is_missing ? service->name : subset,
                  is_missing ? " in namespace " : " of Service ",
                  is_missing ? service->ns : service->name);
    check_advise(finding, route);
}

static void
look_at_destination(CheckRun *run, const Object *route, const Value *destination)
{
    const char *host = value_text(destination, "host"), *subset = value_text(destination, "subset");
    ServiceName service;
    if (!service_name(host, route->ns, &service))
        return;
    bool is_missing = service_host_is_missing(run->snapshot, host, route->ns);
    if (is_missing || (subset[0] != '\0' && !has_subset(run, &service, subset)))
        tell(run, route, destination, &service, is_missing);
    service_names_clear(&service, 1);
}

static void
run_routes(CheckRun *run)
{
    static const char *const protocols[] = {"spec.http", "spec.tcp", "spec.tls"};
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_VIRTUAL_SERVICE);
    if (!check_knows(run, &rows[ROW_CONFIG]))
        return;
    for (guint i = 0; i < all->len; i++) {
        const Object *route = all->pdata[i];
        if (!check_held(run, &rows[ROW_CONFIG], object_changed_s(route, NULL)))
            continue;
        for (size_t k = 0; k < G_N_ELEMENTS(protocols); k++) {
            for (const Value *r = value_first(route->value, protocols[k]); r != NULL; r = r->next) {
                for (const Value *to = value_first(r, "route"); to != NULL; to = to->next)
                    look_at_destination(run, route, value_get(to, "destination"));
            }
        }
    }
}

/* ---- Sidecars. ---- */

static bool
has_sidecar(const Object *pod)
{
    return value_find(pod->value, "spec.containers", "name", "istio-proxy") != NULL ||
           value_find(pod->value, "spec.initContainers", "name", "istio-proxy") != NULL;
}

static bool
wants_sidecar(const CheckRun *run, const Object *pod)
{
    static const char *const maps[] = {"metadata.labels", "metadata.annotations"};
    for (size_t i = 0; i < G_N_ELEMENTS(maps); i++) {
        const Value *said = value_get(value_at(pod->value, maps[i]), "sidecar.istio.io/inject");
        if (value_is(said, "", "false"))
            return false;
    }
    return !value_is_true(pod->value, "spec.hostNetwork") && pod_is_wanted(pod) &&
           relations_owner(run->relations, pod) != NULL &&
           relations_owner(run->relations, pod)->kind != KIND_JOB &&
           check_held(run, &rows[ROW_SIDECAR], pod->created_s);
}

static void
look_at_namespace(CheckRun *run, const Object *ns)
{
    const GPtrArray *pods = snapshot_in_namespace(run->snapshot, KIND_POD, ns->name);
    guint n_inside = 0;
    for (guint i = 0; i < pods->len; i++)
        n_inside += has_sidecar(pods->pdata[i]);
    for (guint i = 0; n_inside > 0 && i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        bool is_new;
        if (has_sidecar(pod) || !wants_sidecar(run, pod))
            continue;
        Finding *finding = check_report_pod(run, &rows[ROW_SIDECAR], pod, "", 0, &is_new);
        if (!is_new)
            continue;
        finding_title(finding, "Pod %s has no sidecar, though its namespace is in the mesh",
                      pod->name);
        finding_cause(finding,
                      "Namespace %s has istio-injection=enabled and %u pods with a sidecar; pods "
                      "that want mutual TLS refuse this one.",
                      ns->name, n_inside);
        check_advise(finding, pod);
    }
}

static void
run_sidecars(CheckRun *run)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_NAMESPACE);
    for (guint i = 0; i < all->len; i++) {
        const Object *ns = all->pdata[i];
        const Value *labels = value_at(ns->value, "metadata.labels");
        if (value_is(value_get(labels, "istio-injection"), "", "enabled"))
            look_at_namespace(run, ns);
    }
}
