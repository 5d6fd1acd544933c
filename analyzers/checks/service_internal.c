/* Services whose callers are on nodes without a pod of it, and are kept to these. */
#include <string.h>

#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"
#include "analyzers/collect/backend.h"
#include "analyzers/collect/dependency.h"

static void run_internal(CheckRun *run);

static const CheckRow rows[] = {
    {
        .id = "service-internal-local-gap",
        .kind = "Service",
        .severity = SEVERITY_LOW,
        .stage = STAGE_SERVICE,
        .tier = 2,
        .hold_s = 3600,
        .symptom = "Calls of a Service fail from some nodes, and work from others.",
        .meaning = "internalTrafficPolicy of the Service is Local, so that a node only calls its "
                   "own pods, and pods that name the Service run for an hour on nodes that have "
                   "no ready one. Nothing is said while pods of the Service come, go or become "
                   "ready.",
        .fix = "Run a pod of the Service on each node (a DaemonSet), or set internalTrafficPolicy "
               "to Cluster.",
        .run = run_internal,
        .needs = {KIND_SERVICE, KIND_POD, KIND_ENDPOINT_SLICE},
    },
};

const CheckTopic check_topic_service_internal = {rows, G_N_ELEMENTS(rows)};

/* Names of the nodes with a ready endpoint; NULL when an endpoint does not say where it is. */
static GHashTable *
nodes_of(const Backends *backends, const Object *service)
{
    g_autoptr(GHashTable) nodes = g_hash_table_new(g_str_hash, g_str_equal);
    const GPtrArray *slices = backends_slices(backends, service);
    for (guint i = 0; i < slices->len; i++) {
        const Object *slice = slices->pdata[i];
        for (const Value *e = value_first(slice->value, "endpoints"); e != NULL; e = e->next) {
            const char *node = value_text(e, "nodeName");
            if (value_is(e, "conditions.ready", "false"))
                continue;
            if (node[0] == '\0')
                return NULL;
            g_hash_table_add(nodes, (gpointer)(uintptr_t)node);
        }
    }
    return g_steal_pointer(&nodes);
}

/* Whether its pods were made, moved or rolled out a short time ago, and may have been elsewhere. */
static bool
is_moving(const CheckRun *run, const Object *service)
{
    const GPtrArray *pods = relations_service_pods(run->relations, service);
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        int64_t since_s;
        if (!pod_is_finished(pod) &&
            (status_is_deleted(pod) || !check_held(run, &rows[0], pod->created_s) ||
             (pod_is_unready(pod, &since_s) && !check_held(run, &rows[0], since_s))))
            return true;
    }
    return false;
}

static bool
calls(const CheckRun *run, const Object *pod, const Object *service)
{
    g_autoptr(GPtrArray) all = dependencies_of(run->snapshot, pod->ns, pod->value);
    for (guint i = 0; i < all->len; i++) {
        if (((const Dependency *)all->pdata[i])->service == service)
            return true;
    }
    return false;
}

static void
report(CheckRun *run, const Object *service, const Object *pod)
{
    const Object *maker = relations_controller(run->relations, pod);
    bool is_new;
    Finding *finding = check_report_part(run, &rows[0], service, "", &is_new);
    finding_evidence(finding, "Pod %s on node %s", pod->name, pod_node(pod));
    if (!is_new)
        return;
    finding_title(finding, "Service %s cannot be called from node %s", service->name,
                  pod_node(pod));
    finding_cause(finding,
                  "internalTrafficPolicy is Local, and node %s has no ready pod of the Service, so "
                  "calls of %s %s/%s from there fail.",
                  pod_node(pod), kind_row(maker->kind)->kind, maker->ns, maker->name);
    check_advise(finding, service);
}

static void
look_at(CheckRun *run, const Backends *backends, const Object *service)
{
    g_autoptr(GHashTable) nodes = nodes_of(backends, service);
    const GPtrArray *pods = snapshot_objects(run->snapshot, KIND_POD);
    /* Without any ready one, others say so. */
    for (guint i = 0; nodes != NULL && g_hash_table_size(nodes) > 0 && i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        const char *node = pod_node(pod);
        if (backend_is_live(pod) && node[0] != '\0' && !g_hash_table_contains(nodes, node) &&
            check_held(run, &rows[0], pod->created_s) && calls(run, pod, service))
            report(run, service, pod);
    }
}

static void
run_internal(CheckRun *run)
{
    const GPtrArray *services = snapshot_objects(run->snapshot, KIND_SERVICE);
    if (!check_knows(run, &rows[0]))
        return;
    g_autoptr(Backends) backends = backends_new(run->snapshot);
    for (guint i = 0; i < services->len; i++) {
        const Object *service = services->pdata[i];
        if (value_is(service->value, "spec.internalTrafficPolicy", "Local") &&
            status_is_settled(run, service, rows[0].hold_s) && !is_moving(run, service))
            look_at(run, backends, service);
    }
}
