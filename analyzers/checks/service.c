/* What Services select, and whether any of it answers. */
#include <string.h>

#include "analyzers/checks/label_hint.h"
#include "analyzers/checks/table.h"
#include "analyzers/collect/backend.h"
#include "analyzers/collect/change.h"

static void run_services(CheckRun *run);

enum { ROW_MISMATCH, ROW_NOT_READY, ROW_ZERO, ROW_PARTIAL, ROW_MANUAL };

static const CheckRow rows[] = {
    [ROW_MISMATCH] =
        {
            .id = "service-selector-mismatch",
            .kind = "Service",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_SERVICE,
            .tier = 1,
            .is_own_cause = true,
            .hold_s = 300,
            .symptom = "A Service answers nobody because its selector matches no pod.",
            .meaning =
                "The selector of the Service matches no pod of its namespace and no template of a "
                "controller there, not even of one that is scaled to zero.",
            .fix = "Make the selector of the Service and the labels of the pods agree.",
            .run = run_services,
            .needs = {KIND_POD, KIND_DEPLOYMENT, KIND_STATEFUL_SET, KIND_DAEMON_SET,
                      KIND_REPLICA_SET, KIND_CRON_JOB},
        },
    [ROW_NOT_READY] =
        {
            .id = "service-no-ready-endpoints",
            .kind = "Service",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_SERVICE,
            .tier = 1,
            .hold_s = 300,
            .is_umbrella = true,
            .symptom = "Connections to a Service are refused because none of its pods is ready.",
            .meaning = "The Service selects pods, or a controller that should have some, but its "
                       "EndpointSlices list no ready address.",
            .fix = "Look at the pods of the Service: why are they not ready?",
            .run = run_services,
            .needs = {KIND_POD, KIND_ENDPOINT_SLICE},
        },
    [ROW_ZERO] =
        {
            .id = "service-scaled-to-zero",
            .kind = "Service",
            .severity = SEVERITY_INFO,
            .stage = STAGE_SERVICE,
            .tier = 1,
            .is_own_cause = true,
            .hold_s = 1800,
            .symptom = "A Service has no pods because everything behind it is scaled to zero.",
            .meaning =
                "All controllers whose pods the Service selects have zero replicas. It is of "
                "medium severity when an Ingress sends requests to it.",
            .fix = "Scale the controller up, or remove what still sends requests to it.",
            .run = run_services,
            .needs = {KIND_POD, KIND_DEPLOYMENT, KIND_STATEFUL_SET},
        },
    [ROW_PARTIAL] =
        {
            .id = "service-partial-ready",
            .kind = "Service",
            .severity = SEVERITY_LOW,
            .stage = STAGE_SERVICE,
            .tier = 1,
            .hold_s = 600,
            .symptom = "Fewer than half of the pods of a Service take its requests.",
            .meaning = "Less than half of the addresses in the EndpointSlices are ready.",
            .fix = "Look at the pods that are not ready.",
            .run = run_services,
            .needs = {KIND_POD, KIND_ENDPOINT_SLICE},
        },
    [ROW_MANUAL] =
        {
            .id = "service-manual-no-endpoints",
            .kind = "Service",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_SERVICE,
            .tier = 1,
            .is_own_cause = true,
            .hold_s = 1800,
            .symptom = "A Service without a selector has no addresses.",
            .meaning = "A Service that has no selector gets its addresses from EndpointSlices that "
                       "somebody writes; there is none with an address.",
            .fix = "Create an EndpointSlice with the label kubernetes.io/service-name, or give "
                   "the Service a selector.",
            .run = run_services,
            .needs = {KIND_ENDPOINT_SLICE},
        },
};

const CheckTopic check_topic_service = {rows, G_N_ELEMENTS(rows)};

typedef struct {
    CheckRun *run;
    const Backends *backends;
    const Object *service;
    GPtrArray *pods; /* that it selects and that are not finished */
} Selection;

static void
say_users(const Selection *s, Finding *finding)
{
    g_autofree char *urls = service_urls_text(s->run->snapshot, s->service);
    if (urls[0] != '\0')
        finding_evidence(finding, "Ingresses send requests to it: %s", urls);
}

/* Whether an operator made it: those select pods by labels that come and go (the primary of a
 * database). */
static bool
is_of_operator(const Selection *s)
{
    for (const Value *ref = value_first(s->service->value, "metadata.ownerReferences"); ref != NULL;
         ref = ref->next) {
        g_autofree char *group = kind_group(value_text(ref, "apiVersion"));
        if (strchr(group, '.') != NULL)
            return true;
    }
    return false;
}

static void
report_mismatch(const Selection *s)
{
    const CheckRow *row = &rows[ROW_MISMATCH];
    const Object *service = s->service, *owner;
    int64_t changed_s = object_changed_s(service, NULL);
    if (!check_knows(s->run, row) || !check_held(s->run, row, changed_s))
        return;
    const Value *selector = value_at(service->value, "spec.selector");
    g_autofree char *wanted = selector_map_text(selector);
    g_autofree char *near = label_hint(s->run->snapshot, s->run->relations, service->ns, selector,
                                       service->name, &owner);
    Finding *finding = check_report(s->run, row, service);
    if (is_of_operator(s))
        finding->severity = SEVERITY_LOW;
    finding_title(finding, "Service %s selects no pod: none is labelled %s", service->name, wanted);
    if (near != NULL)
        finding_cause(finding,
                      "The Service looks for %s, but the pods of %s %s are labelled %s, so it has "
                      "no endpoints and nothing answers.",
                      wanted, kind_row(owner->kind)->kind, owner->name, near);
    else
        finding_cause(finding,
                      "The Service looks for %s, which no pod and no controller of namespace %s "
                      "has, so it has no endpoints and nothing answers.",
                      wanted, service->ns);
    say_users(s, finding);
    finding_fix(finding, "Correct spec.selector of the Service or the labels of the pods.");
    finding_fix(finding, "kubectl -n %s get pods --show-labels", service->ns);
}

static bool
is_on_purpose_elastic(const Selection *s, const Object *controller)
{
    const GPtrArray *scalers =
        snapshot_in_namespace(s->run->snapshot, KIND_SCALED_OBJECT, controller->ns);
    for (guint i = 0; i < scalers->len; i++) {
        const Object *scaler = scalers->pdata[i];
        if (value_is(scaler->value, "spec.scaleTargetRef.name", controller->name))
            return true;
    }
    return false;
}

static void
report_zero(const Selection *s, const Object *controller)
{
    const CheckRow *row = &rows[ROW_ZERO];
    const char *manager;
    int64_t changed_s = object_changed_s(controller, &manager);
    if (!check_knows(s->run, row) || !check_held(s->run, row, changed_s))
        return;
    g_autofree char *urls = service_urls_text(s->run->snapshot, s->service);
    Finding *finding = check_report(s->run, row, s->service);
    if (urls[0] != '\0' && !is_on_purpose_elastic(s, controller))
        finding->severity = SEVERITY_MEDIUM;
    finding_title(finding, "Service %s has no pods: %s %s is scaled to 0", s->service->name,
                  kind_row(controller->kind)->kind, controller->name);
    finding_cause(finding,
                  "All that the Service selects is scaled to zero replicas, so nothing "
                  "answers%s%s.",
                  urls[0] != '\0' ? " requests for " : "", urls);
    finding_evidence(finding, "spec.replicas of %s %s is 0", kind_row(controller->kind)->kind,
                     controller->name);
    finding_fix(finding, "If that is not intended, scale %s %s up.",
                kind_row(controller->kind)->kind, controller->name);
    finding_fix(finding, "kubectl -n %s get %s %s", controller->ns,
                kind_row(controller->kind)->resource, controller->name);
}

/* When the last of its pods stopped being ready; 0 when that is not known. *ret_held_s: since when
 * it surely is so. */
static int64_t
unready_since(const Selection *s, int64_t *ret_held_s)
{
    int64_t since_s = 0;
    bool is_known = true;
    *ret_held_s = 0;
    for (guint i = 0; i < s->pods->len; i++) {
        const Object *pod = s->pods->pdata[i];
        int64_t one_s = backend_unready_since(pod);
        is_known = is_known && one_s > 0;
        since_s = MAX(since_s, one_s);
        *ret_held_s = MAX(*ret_held_s, one_s > 0 ? one_s : pod->created_s);
    }
    return is_known ? since_s : 0;
}

/* `controller`: what should have pods and has none; NULL when there are pods. */
static void
report_not_ready(const Selection *s, const Object *controller)
{
    const CheckRow *row = &rows[ROW_NOT_READY];
    int64_t held_s, since_s = unready_since(s, &held_s);
    if (controller != NULL)
        held_s = MAX(s->service->created_s, object_changed_s(controller, NULL));
    if (!check_knows(s->run, row) || !check_held(s->run, row, held_s))
        return;
    Finding *finding = check_report(s->run, row, s->service);
    finding_since(finding, since_s);
    finding_title(finding, "Service %s has no ready endpoint", s->service->name);
    if (controller != NULL)
        finding_cause(finding, "%s %s should have pods and has none, so nothing answers.",
                      kind_row(controller->kind)->kind, controller->name);
    else
        finding_cause(finding,
                      "None of the %u pods that the Service selects is ready, so nothing "
                      "answers.",
                      s->pods->len);
    for (guint i = 0; i < s->pods->len && i < 3; i++)
        finding_evidence(finding, "Pod %s is not ready", ((Object *)s->pods->pdata[i])->name);
    say_users(s, finding);
    finding_fix(finding, "Look at why the pods are not ready.");
    finding_fix(finding, "kubectl -n %s get pods -o wide", s->service->ns);
}

static bool
is_scaled(const Object *maker)
{
    return maker->kind != KIND_JOB && maker->kind != KIND_CRON_JOB &&
           maker->kind != KIND_DAEMON_SET;
}

static bool
has_finished_pod(const Selection *s)
{
    const GPtrArray *all = relations_service_pods(s->run->relations, s->service);
    return all->len > 0;
}

/* No pod runs that it selects: because of what makes them, or because there is no such thing. */
static void
look_at_makers(const Selection *s)
{
    const Object *empty = NULL;
    g_autoptr(GPtrArray) makers = relations_templates(
        s->run->relations, s->service->ns, value_at(s->service->value, "spec.selector"), true);
    bool is_any = false;
    for (guint i = 0; i < makers->len; i++) {
        const Object *maker = makers->pdata[i];
        is_any = true;
        if (!is_scaled(maker))
            continue;
        if (relations_owner(s->run->relations, maker) != NULL)
            continue;
        if (value_int(maker->value, "spec.replicas", 1) > 0) {
            report_not_ready(s, maker);
            return;
        }
        empty = maker;
    }
    if (empty != NULL)
        report_zero(s, empty);
    else if (!is_any && !has_finished_pod(s))
        report_mismatch(s);
}

static void
report_partial(const Selection *s, guint n_ready, guint n_all)
{
    const CheckRow *row = &rows[ROW_PARTIAL];
    int64_t held_s;
    unready_since(s, &held_s);
    if (!check_held(s->run, row, held_s))
        return;
    Finding *finding = check_report(s->run, row, s->service);
    finding_title(finding, "Only %u of %u backends of Service %s are ready", n_ready, n_all,
                  s->service->name);
    finding_cause(finding,
                  "%u of the %u pods behind the Service take all of its requests and may "
                  "be overloaded.",
                  n_ready, n_all);
    finding_fix(finding, "Look at why the other pods are not ready.");
    finding_fix(finding, "kubectl -n %s get endpointslices -l kubernetes.io/service-name=%s",
                s->service->ns, s->service->name);
}

static void
look_at_backends(const Selection *s)
{
    guint n_ready, n_all, n_staying = 0;
    for (guint i = 0; i < s->pods->len; i++) {
        const Object *pod = s->pods->pdata[i];
        n_staying += value_time(pod->value, "metadata.deletionTimestamp") == 0;
    }
    if (n_staying == 0 || value_is_true(s->service->value, "spec.publishNotReadyAddresses") ||
        !backends_count(s->backends, s->service, &n_ready, &n_all))
        return;
    bool is_any_ready = false; /* a port without a target leaves no endpoints either */
    for (guint i = 0; i < s->pods->len; i++)
        is_any_ready = is_any_ready || backend_is_ready(s->pods->pdata[i]);
    if (n_ready == 0 && !is_any_ready)
        report_not_ready(s, NULL);
    else if (n_ready > 0 && n_ready * 2 < n_all)
        report_partial(s, n_ready, n_all);
}

static void
look_at_manual(const Selection *s)
{
    const CheckRow *row = &rows[ROW_MANUAL];
    guint n_ready, n_all;
    if (!backends_count(s->backends, s->service, &n_ready, &n_all) || n_all > 0 ||
        is_of_operator(s) || !check_held(s->run, row, object_changed_s(s->service, NULL)))
        return;
    Finding *finding = check_report(s->run, row, s->service);
    finding_title(finding, "Service %s has neither a selector nor endpoints", s->service->name);
    finding_cause(finding, "The Service has no selector, and nobody has written an EndpointSlice "
                           "with addresses for it, so nothing answers.");
    say_users(s, finding);
    finding_fix(finding, "Give the Service a selector, or create an EndpointSlice for it.");
    finding_fix(finding, "kubectl -n %s get endpointslices -l kubernetes.io/service-name=%s",
                s->service->ns, s->service->name);
}

static void
look_at_service(CheckRun *run, const Backends *backends, const Object *service)
{
    if (value_is(service->value, "spec.type", "ExternalName") ||
        value_time(service->value, "metadata.deletionTimestamp") > 0)
        return;
    g_autoptr(GPtrArray) pods = g_ptr_array_new();
    Selection s = {run, backends, service, pods};
    if (value_count(service->value, "spec.selector") == 0) {
        look_at_manual(&s);
        return;
    }
    if (!snapshot_knows(run->snapshot, KIND_POD))
        return;
    const GPtrArray *all = relations_service_pods(run->relations, service);
    for (guint i = 0; i < all->len; i++) {
        if (backend_is_live(all->pdata[i]))
            g_ptr_array_add(pods, all->pdata[i]);
    }
    if (pods->len == 0)
        look_at_makers(&s);
    else
        look_at_backends(&s);
}

static void
run_services(CheckRun *run)
{
    g_autoptr(Backends) backends = backends_new(run->snapshot);
    const GPtrArray *services = snapshot_objects(run->snapshot, KIND_SERVICE);
    for (guint i = 0; i < services->len; i++)
        look_at_service(run, backends, services->pdata[i]);
}
