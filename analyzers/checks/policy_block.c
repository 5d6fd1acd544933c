#include "analyzers/checks/policy_block.h"

#include <string.h>

#include "analyzers/checks/log_line.h"
#include "analyzers/collect/backend.h"
#include "analyzers/collect/change.h"
#include "analyzers/collect/dependency.h"
#include "lib/base/redact.h"

static void
workload_free(gpointer data)
{
    Workload *workload = data;
    g_ptr_array_unref(workload->pods);
    if (workload->dependencies != NULL)
        g_ptr_array_unref(workload->dependencies);
    g_free(workload);
}

PolicyRun *
policy_run_new(CheckRun *run)
{
    const Snapshot *snapshot = run->snapshot;
    if (snapshot_objects(snapshot, KIND_NETWORK_POLICY)->len == 0 ||
        !snapshot_knows(snapshot, KIND_NETWORK_POLICY) || !snapshot_knows(snapshot, KIND_POD))
        return NULL;
    PolicyRun *made = g_new0(PolicyRun, 1);
    made->run = run;
    made->policies = policies_new(snapshot);
    made->workloads = g_ptr_array_new_with_free_func(workload_free);
    g_autoptr(GHashTable) by_maker = g_hash_table_new(NULL, NULL);
    const GPtrArray *pods = snapshot_objects(snapshot, KIND_POD);
    for (guint i = 0; i < pods->len; i++) {
        Object *pod = pods->pdata[i];
        const Object *maker = relations_controller(run->relations, pod);
        Workload *workload = g_hash_table_lookup(by_maker, maker);
        if (!backend_is_live(pod))
            continue;
        if (workload == NULL) {
            workload = g_new0(Workload, 1);
            *workload = (Workload){maker, pod, g_ptr_array_new(), NULL};
            g_hash_table_insert(by_maker, (gpointer)(uintptr_t)maker, workload);
            g_ptr_array_add(made->workloads, workload);
        }
        g_ptr_array_add(workload->pods, pod);
    }
    return made;
}

void
policy_run_free(PolicyRun *run)
{
    if (run == NULL)
        return;
    g_ptr_array_unref(run->workloads);
    policies_free(run->policies);
    g_free(run);
}

GPtrArray *
policy_subjects(const CheckRun *run, const Object *policy)
{
    GPtrArray *pods =
        relations_select(run->relations, policy->ns, value_at(policy->value, "spec.podSelector"));
    for (guint k = pods->len; k > 0; k--) {
        const Object *pod = pods->pdata[k - 1];
        if (!backend_is_live(pod) || value_is_true(pod->value, "spec.hostNetwork"))
            g_ptr_array_remove_index(pods, k - 1);
    }
    return pods;
}

const GPtrArray *
workload_dependencies(const PolicyRun *run, Workload *workload)
{
    if (workload->dependencies == NULL)
        workload->dependencies =
            dependencies_of(run->run->snapshot, workload->pod->ns, workload->pod->value);
    return workload->dependencies;
}

bool
workload_is_troubled(const Workload *workload)
{
    for (guint i = 0; i < workload->pods->len; i++) {
        const Object *pod = workload->pods->pdata[i];
        if (value_is(pod->value, "status.phase", "Running") && !backend_is_ready(pod))
            return true;
    }
    return false;
}

static char *
last_line_with(const char *log, const char *const *words)
{
    g_auto(GStrv) lines = g_strsplit(log, "\n", -1);
    for (guint i = g_strv_length(lines); i > 0; i--) {
        for (size_t w = 0; words[w] != NULL; w++) {
            if (strstr(lines[i - 1], words[w]) != NULL)
                return redact(lines[i - 1]);
        }
    }
    return NULL;
}

char *
workload_log_line(const PolicyRun *run, const Workload *workload, const char *const *words)
{
    enum { PODS_MAX = 3 };
    for (guint i = 0; i < workload->pods->len && i < PODS_MAX; i++) {
        const Object *pod = workload->pods->pdata[i];
        if (backend_is_ready(pod))
            continue;
        for (const Value *c = value_first(pod->value, "spec.containers"); c != NULL; c = c->next) {
            for (int previous = 0; previous < 2; previous++) {
                g_autofree char *log =
                    snapshot_log(run->run->snapshot, pod, value_text(c, "name"), previous);
                char *line = log != NULL ? last_line_with(log, words) : NULL;
                if (line == NULL)
                    continue;
                findings_log_line(run->run->findings, line);
                return line;
            }
        }
    }
    return NULL;
}

/* ---- The cluster's DNS. ---- */

bool
policy_nodes_answer(const Snapshot *snapshot)
{
    const GPtrArray *system = snapshot_in_namespace(snapshot, KIND_DAEMON_SET, "kube-system");
    for (guint i = 0; i < system->len; i++) {
        const char *name = ((const Object *)system->pdata[i])->name;
        if (strstr(name, "node-local-dns") != NULL || strstr(name, "nodelocaldns") != NULL)
            return true;
    }
    return false;
}

const Object *
policy_dns_service(const Snapshot *snapshot)
{
    static const struct {
        const char *ns, *name;
    } places[] = {{"kube-system", "kube-dns"},
                  {"kube-system", "coredns"},
                  {"kube-system", "rke2-coredns-rke2-coredns"},
                  {"openshift-dns", "dns-default"}};
    if (policy_nodes_answer(snapshot))
        return NULL;
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

FlowVerdict
policy_dns_flow(const PolicyRun *run, const Workload *workload, const Object *dns,
                const char *protocol, Flow *ret_flow)
{
    const Value *port = dns_port(dns, protocol);
    return port != NULL ? policies_service(run->policies, run->run->relations,
                                           (FlowEnd){workload->pod, NULL}, dns, port, ret_flow)
                        : FLOW_UNKNOWN;
}

/* ---- Findings. ---- */

static void
say_policies(const PolicyRun *run, Finding *finding, const GPtrArray *isolating)
{
    const char *manager;
    int64_t changed_s = object_changed_s(finding->object, &manager);
    g_autofree char *span = span_text(run->run->now_s - changed_s);
    finding_evidence(finding, "NetworkPolicy %s was last changed %s ago%s%s", finding->object->name,
                     span, manager[0] != '\0' ? " by " : "", manager);
    if (isolating->len > 1) {
        g_autofree char *names = policy_names_text(isolating);
        finding_evidence(finding, "%s isolate these pods together; another of them could allow it",
                         names);
    }
    const char *other = policies_other(run->policies);
    const GPtrArray *crds = snapshot_objects(run->run->snapshot, KIND_CRD);
    if (other != NULL && crds->len > 0)
        finding_evidence(finding,
                         "The cluster also knows %s; such objects were not looked at and could let "
                         "more through",
                         other);
}

Finding *
policy_report_about(const PolicyRun *run, const CheckRow *row, const Object *policy,
                    const GPtrArray *isolating, const char *what, bool *ret_is_new)
{
    int64_t changed_s = policy != NULL ? object_changed_s(policy, NULL) : 0;
    *ret_is_new = false;
    if (policy == NULL || !check_held(run->run, row, changed_s))
        return NULL;
    Finding *finding = check_report_part(run->run, row, policy, what, ret_is_new);
    if (*ret_is_new) {
        finding_since(finding, changed_s);
        say_policies(run, finding, isolating);
    }
    return finding;
}

Finding *
policy_report(const PolicyRun *run, const CheckRow *row, const GPtrArray *isolating,
              const char *what, bool *ret_is_new)
{
    return policy_report_about(run, row, policy_newest(isolating), isolating, what, ret_is_new);
}

/* A pod that was there before the policy was changed, and ready until soon after. */
static bool
say_onset(Finding *finding, const Object *pod)
{
    enum { SOON_S = 15 * 60 };
    int64_t changed_s = object_changed_s(finding->object, NULL);
    int64_t unready_s = backend_unready_since(pod);
    if (pod->created_s == 0 || pod->created_s >= changed_s || unready_s < changed_s ||
        unready_s - changed_s > SOON_S)
        return false;
    g_autofree char *span = span_text(unready_s - changed_s);
    finding_evidence(finding, "Pod %s stopped being ready %s after NetworkPolicy %s was changed",
                     pod->name, span, finding->object->name);
    return true;
}

void
policy_suffers(Finding *finding, const Workload *workload)
{
    bool is_said = false;
    finding_about(finding, workload->maker);
    for (guint i = 0; i < workload->pods->len; i++) {
        finding_about(finding, workload->pods->pdata[i]);
        is_said = is_said || say_onset(finding, workload->pods->pdata[i]);
    }
    if (is_said && finding->severity == finding->check->severity) /* once for all workloads */
        finding->severity = MIN(finding->severity + 1, SEVERITY_CRITICAL);
}

char *
object_text(const Object *object)
{
    return g_strdup_printf("%s %s", kind_row(object->kind)->kind, object->name);
}

char *
policy_sufferers_text(const Finding *finding)
{
    const Object *first = NULL;
    guint n = 0;
    for (guint i = 0; i < finding->about->len; i++) {
        const Object *object = finding->about->pdata[i];
        if (object->kind == KIND_POD && first != NULL)
            continue;
        first = first != NULL ? first : object;
        n++;
    }
    if (first == NULL)
        return g_strdup("pods");
    if (n == 1)
        return object_text(first);
    return g_strdup_printf("%s %s and %u more", kind_row(first->kind)->kind, first->name, n - 1);
}

bool
policy_is_reported(const PolicyRun *run, const char *check, const Object *object)
{
    const Findings *findings = run->run->findings;
    for (guint i = 0; i < findings->all->len; i++) {
        const Finding *finding = findings->all->pdata[i];
        if (strcmp(finding->check->id, check) == 0 &&
            g_ptr_array_find(finding->about, object, NULL))
            return true;
    }
    return false;
}
