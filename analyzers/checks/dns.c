/* The cluster's DNS, the addresses of its API, and what EndpointSlices point to. */
#include <string.h>

#include "analyzers/checks/table.h"
#include "analyzers/collect/backend.h"
#include "analyzers/collect/change.h"

static void run_dns(CheckRun *run);
static void run_endpoints(CheckRun *run);

enum { ROW_DNS_DOWN, ROW_OVERRIDE, ROW_STALE, ROW_NODE, ROW_API };

static const CheckRow rows[] = {
    [ROW_DNS_DOWN] =
        {
            .id = "dns-down",
            .kind = "Service",
            .severity = SEVERITY_CRITICAL,
            .stage = STAGE_PLUGIN,
            .tier = 1,
            .hold_s = 60,
            .symptom = "Nothing in the cluster finds anything by name.",
            .meaning = "The Service of the cluster's DNS in kube-system has no ready endpoint.",
            .fix = "Look at the pods of the cluster's DNS.",
            .run = run_dns,
            .needs = {KIND_SERVICE, KIND_POD, KIND_ENDPOINT_SLICE},
        },
    [ROW_OVERRIDE] =
        {
            .id = "coredns-override",
            .kind = "ConfigMap",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_PLUGIN,
            .tier = 1,
            .hold_s = 3600,
            .is_own_cause = true,
            .symptom = "Names of Services lead somewhere else, or nowhere.",
            .meaning =
                "The configuration of CoreDNS has a template that answers NXDOMAIN for, or a "
                "rewrite of, names of the cluster's domain.",
            .fix = "Review the rule in the ConfigMap of CoreDNS.",
            .run = run_dns,
            .needs = {KIND_CONFIG_MAP},
        },
    [ROW_STALE] =
        {
            .id = "endpoints-stale",
            .kind = "EndpointSlice",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_SERVICE,
            .tier = 1,
            .hold_s = 600,
            .is_own_cause = true,
            .symptom = "A part of the requests to a Service goes to a pod that is gone.",
            .meaning =
                "An EndpointSlice lists a pod as ready whose name does not exist, or exists with "
                "another uid.",
            .fix = "Does the controller manager run, or did somebody write the slice by hand?",
            .run = run_endpoints,
            .needs = {KIND_POD},
        },
    [ROW_NODE] =
        {
            .id = "endpoints-node-notready",
            .kind = "Service",
            .severity = SEVERITY_LOW,
            .stage = STAGE_SERVICE,
            .tier = 1,
            .hold_s = 120,
            .is_umbrella = true,
            .symptom = "A part of the requests to a Service goes to a node that does not answer.",
            .meaning = "A ready endpoint of the Service is on a node that is not ready.",
            .fix = "Look at the node.",
            .run = run_endpoints,
            .needs = {KIND_NODE},
        },
    [ROW_API] =
        {
            .id = "apiserver-service-endpoints",
            .kind = "Service",
            .severity = SEVERITY_CRITICAL,
            .stage = STAGE_BACKEND,
            .tier = 1,
            .hold_s = 300,
            .symptom = "Pods cannot reach the API of the cluster.",
            .meaning = "The EndpointSlice of Service default/kubernetes lists no address.",
            .fix = "Look at the API servers.",
            .run = run_endpoints,
            .needs = {KIND_ENDPOINT_SLICE},
        },
};

const CheckTopic check_topic_dns = {rows, G_N_ELEMENTS(rows)};

/* ---- The servers. ---- */

static void
look_at_servers(CheckRun *run, const Backends *backends, const Object *service)
{
    guint n_ready, n_all;
    int64_t since_s = 0, held_s = service->created_s;
    bool is_known = true;
    const GPtrArray *pods = relations_service_pods(run->relations, service);
    if (!snapshot_knows(run->snapshot, KIND_POD) ||
        value_count(service->value, "spec.selector") == 0 ||
        !backends_count(backends, service, &n_ready, &n_all) || n_ready > 0)
        return;
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        int64_t one_s = backend_unready_since(pod);
        if (backend_is_ready(pod))
            return;
        is_known = is_known && one_s > 0;
        since_s = MAX(since_s, one_s);
        held_s = MAX(held_s, one_s > 0 ? one_s : pod->created_s);
    }
    if (!check_held(run, &rows[ROW_DNS_DOWN], held_s))
        return;
    Finding *finding = check_report(run, &rows[ROW_DNS_DOWN], service);
    finding_since(finding, is_known ? since_s : 0);
    for (guint i = 0; i < pods->len; i++)
        finding_blame(finding, pods->pdata[i]);
    finding_title(finding, "The cluster's DNS has no working server");
    g_autofree char *none =
        pods->len > 0 ? g_strdup_printf("None of the %u pods of Service %s/%s is ready", pods->len,
                                        service->ns, service->name)
                      : g_strdup_printf("Service %s/%s has no pod", service->ns, service->name);
    finding_cause(finding, "%s, so everything in the cluster that looks up a name fails.", none);
    finding_fix(finding, "Look at the pods of the cluster's DNS.");
    finding_fix(finding, "kubectl -n %s get pods -l k8s-app=kube-dns -o wide", service->ns);
}

/* ---- The configuration. ---- */

static const char *
skip_blanks(const char *line)
{
    while (g_ascii_isspace(*line))
        line++;
    return line;
}

static bool
is_about_cluster(const char *line)
{
    return strstr(line, ".svc") != NULL || strstr(line, "svc\\.") != NULL ||
           strstr(line, "cluster.local") != NULL || strstr(line, "cluster\\.local") != NULL;
}

/* The line that overrides names of the cluster, or NULL; free with g_free. */
static char *
find_override(const char *corefile)
{
    g_auto(GStrv) lines = g_strsplit(corefile, "\n", -1);
    bool is_template = false;
    for (guint i = 0; lines[i] != NULL; i++) {
        const char *line = skip_blanks(lines[i]);
        if (g_str_has_prefix(line, "rewrite ") && is_about_cluster(line))
            return g_strdup(line);
        if (g_str_has_prefix(line, "template "))
            is_template = true;
        if (is_template && g_str_has_prefix(line, "match ") && !is_about_cluster(line))
            is_template = false;
        if (is_template && strstr(line, "NXDOMAIN") != NULL)
            return g_strdup(line);
        if (line[0] == '}')
            is_template = false;
    }
    return NULL;
}

static void
look_at_corefile(CheckRun *run, const Object *map)
{
    const Value *data = value_get(map->value, "data");
    const char *manager;
    int64_t changed_s = object_changed_s(map, &manager);
    for (const Value *file = value_first(data, ""); file != NULL; file = file->next) {
        g_autofree char *line = find_override(value_text(file, ""));
        if (line == NULL || !check_held(run, &rows[ROW_OVERRIDE], changed_s))
            continue;
        Finding *finding = check_report(run, &rows[ROW_OVERRIDE], map);
        finding_since(finding, changed_s);
        finding_title(finding, "CoreDNS overrides names of the cluster (ConfigMap %s)", map->name);
        finding_cause(finding,
                      "The rule \"%s\" answers for names of Services instead of the "
                      "cluster's own data.",
                      line);
        if (manager[0] != '\0')
            finding_evidence(finding, "ConfigMap %s was last changed by %s", map->name, manager);
        finding_fix(finding, "Review the rule, and remove it when it is not intended.");
        finding_fix(finding, "kubectl -n %s get configmap %s -o yaml", map->ns, map->name);
        return;
    }
}

static void
run_dns(CheckRun *run)
{
    g_autoptr(Backends) backends = backends_new(run->snapshot);
    const GPtrArray *services = snapshot_in_namespace(run->snapshot, KIND_SERVICE, "kube-system");
    for (guint i = 0; i < services->len; i++) {
        const Object *service = services->pdata[i];
        const Value *labels = value_at(service->value, "metadata.labels");
        if (strcmp(service->name, "kube-dns") == 0 ||
            (value_is(value_get(labels, "k8s-app"), "", "kube-dns") &&
             value_is(value_get(labels, "kubernetes.io/cluster-service"), "", "true")))
            look_at_servers(run, backends, service);
    }
    const GPtrArray *maps = snapshot_in_namespace(run->snapshot, KIND_CONFIG_MAP, "kube-system");
    for (guint i = 0; i < maps->len; i++) {
        const Object *map = maps->pdata[i];
        if (g_str_has_prefix(map->name, "coredns"))
            look_at_corefile(run, map);
    }
}

/* ---- Endpoints. ---- */

static void
report_stale(CheckRun *run, const Object *slice, const char *pod)
{
    Finding *finding = check_report_once(run, &rows[ROW_STALE], slice, "");
    if (finding == NULL)
        return;
    finding_title(finding, "EndpointSlice %s sends traffic to Pod %s, which is gone", slice->name,
                  pod);
    finding_cause(finding,
                  "The slice lists Pod %s as ready, and no pod of that name and uid "
                  "exists, so a part of the requests is lost.",
                  pod);
    finding_fix(finding, "Find out who maintains the slice: the controller manager, or a person.");
    finding_fix(finding, "kubectl -n %s get endpointslice %s -o yaml", slice->ns, slice->name);
}

/* Whether a slice, as old as it must be, names a pod that is not there. */
static void
look_at_target(CheckRun *run, const Object *slice, const Value *endpoint)
{
    const Value *ref = value_get(endpoint, "targetRef");
    const char *ns = value_text(ref, "namespace"), *name = value_text(ref, "name");
    if (!value_is(ref, "kind", "Pod") || value_is(endpoint, "conditions.ready", "false") ||
        name[0] == '\0')
        return;
    const Value *annotations = value_at(slice->value, "metadata.annotations");
    int64_t changed_s =
        MAX(object_written_s(slice),
            time_parse(value_text(
                value_get(annotations, "endpoints.kubernetes.io/last-change-trigger-time"), "")));
    const Object *pod = snapshot_get(run->snapshot, KIND_POD, ns[0] != '\0' ? ns : slice->ns, name);
    const char *uid = value_text(ref, "uid");
    bool is_gone = pod == NULL ? snapshot_knows(run->snapshot, KIND_POD)
                               : uid[0] != '\0' && strcmp(uid, pod->uid) != 0;
    if (is_gone && check_held(run, &rows[ROW_STALE], changed_s))
        report_stale(run, slice, name);
}

/* Since when a node is not ready; 0: it is, or nobody knows. */
static int64_t
node_down_since(const CheckRun *run, const char *name)
{
    const Object *node = snapshot_get(run->snapshot, KIND_NODE, "", name);
    const Value *ready =
        node != NULL ? value_find(node->value, "status.conditions", "type", "Ready") : NULL;
    return ready != NULL && !value_is(ready, "status", "True")
               ? value_time(ready, "lastTransitionTime")
               : 0;
}

static void
look_at_place(CheckRun *run, const Object *slice, const Value *endpoint)
{
    const char *node = value_text(endpoint, "nodeName");
    int64_t since_s = node_down_since(run, node);
    const Value *labels = value_at(slice->value, "metadata.labels");
    const Object *service =
        snapshot_get(run->snapshot, KIND_SERVICE, slice->ns,
                     value_text(value_get(labels, "kubernetes.io/service-name"), ""));
    if (since_s == 0 || service == NULL || value_is(endpoint, "conditions.ready", "false") ||
        !check_held(run, &rows[ROW_NODE], since_s))
        return;
    Finding *finding = check_report_once(run, &rows[ROW_NODE], service, "");
    if (finding == NULL)
        return;
    finding_since(finding, since_s);
    finding_about(finding, snapshot_get(run->snapshot, KIND_NODE, "", node));
    finding_title(finding, "Service %s still sends to node %s, which is not ready", service->name,
                  node);
    finding_cause(finding,
                  "A backend of the Service is on node %s, so a part of the requests "
                  "fails until it is moved.",
                  node);
    finding_fix(finding, "Look at node %s.", node);
    finding_fix(finding, "kubectl describe node %s", node);
}

static void
look_at_api(CheckRun *run, const Backends *backends)
{
    guint n_ready, n_all;
    const Object *service = snapshot_get(run->snapshot, KIND_SERVICE, "default", "kubernetes");
    if (service == NULL || !backends_count(backends, service, &n_ready, &n_all) || n_all > 0 ||
        backends_slices(backends, service)->len == 0 ||
        !check_held(run, &rows[ROW_API], service->created_s))
        return;
    Finding *finding = check_report(run, &rows[ROW_API], service);
    finding_title(finding, "The cluster's API has no address inside of the cluster");
    finding_cause(finding, "The EndpointSlice of Service default/kubernetes is empty, so no pod "
                           "reaches the API.");
    finding_fix(finding, "Look at the API servers and their leases.");
    finding_fix(finding, "kubectl get endpointslices -l kubernetes.io/service-name=kubernetes");
}

static void
run_endpoints(CheckRun *run)
{
    g_autoptr(Backends) backends = backends_new(run->snapshot);
    const GPtrArray *slices = snapshot_objects(run->snapshot, KIND_ENDPOINT_SLICE);
    for (guint i = 0; i < slices->len; i++) {
        const Object *slice = slices->pdata[i];
        for (const Value *endpoint = value_first(slice->value, "endpoints"); endpoint != NULL;
             endpoint = endpoint->next) {
            look_at_target(run, slice, endpoint);
            look_at_place(run, slice, endpoint);
        }
    }
    look_at_api(run, backends);
}
