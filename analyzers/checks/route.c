/* Routes of the Gateway API: their parents, and what they send to. */
#include <string.h>

#include "analyzers/checks/gateway_text.h"
#include "analyzers/checks/label_hint.h"
#include "analyzers/checks/table.h"
#include "analyzers/collect/backend.h"
#include "analyzers/collect/change.h"

static void run_routes(CheckRun *run);

enum {
    ROW_NOT_ACCEPTED,
    ROW_NO_STATUS,
    ROW_UNRESOLVED,
    ROW_GRANT,
    ROW_PORT,
    ROW_ENDPOINTS,
    ROW_WEIGHTS,
    ROW_TLS,
};

static const CheckRow rows[] = {
    [ROW_NOT_ACCEPTED] =
        {
            .id = "route-not-accepted",
            .kind = "Route",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_ROUTE,
            .tier = 2,
            .hold_s = 300,
            .is_own_cause = true,
            .symptom = "A Gateway does not serve a route.",
            .meaning = "The condition Accepted that the Gateway has written into the route is "
                       "false.",
            .fix = "Correct parentRefs or hostnames of the route, or allowedRoutes of the Gateway.",
            .run = run_routes,
        },
    [ROW_NO_STATUS] =
        {
            .id = "route-no-status",
            .kind = "Route",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_ROUTE,
            .tier = 2,
            .hold_s = 300,
            .symptom = "A route is served by nobody.",
            .meaning = "No controller has written a status for any parent of the route.",
            .fix = "Correct parentRefs: does the Gateway exist, and its class?",
            .run = run_routes,
        },
    [ROW_UNRESOLVED] =
        {
            .id = "route-refs-unresolved",
            .kind = "Route",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_ROUTE,
            .tier = 2,
            .hold_s = 300,
            .is_umbrella = true,
            .symptom = "Requests that a route matches are answered with an error.",
            .meaning = "The condition ResolvedRefs of the route is false: a backend is missing, or "
                       "may not be referred to.",
            .fix = "Correct the reference that the message names.",
            .run = run_routes,
        },
    [ROW_GRANT] =
        {
            .id = "route-referencegrant-missing",
            .kind = "Route",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_ROUTE,
            .tier = 2,
            .is_own_cause = true,
            .symptom = "Requests that a route matches are answered with an error.",
            .meaning = "The route sends to a Service of another namespace, where no ReferenceGrant "
                       "permits routes of its namespace.",
            .fix = "Create a ReferenceGrant in the namespace of the Service.",
            .run = run_routes,
        },
    [ROW_PORT] =
        {
            .id = "route-backend-port",
            .kind = "Route",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_ROUTE,
            .tier = 2,
            .is_own_cause = true,
            .symptom = "Requests that a route matches are answered with an error.",
            .meaning = "The Service of a backendRef exists and has no port of that number.",
            .fix = "Give one of the Service's ports in the backendRef.",
            .run = run_routes,
            .needs = {KIND_SERVICE},
        },
    [ROW_ENDPOINTS] =
        {
            .id = "route-backend-no-endpoints",
            .kind = "Route",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_ROUTE,
            .tier = 2,
            .hold_s = 300,
            .symptom = "Requests that a route matches are answered with 503.",
            .meaning = "None of the Services that a rule sends to has a ready pod.",
            .fix = "Look at the pods of the Services.",
            .run = run_routes,
            .needs = {KIND_SERVICE, KIND_ENDPOINT_SLICE},
        },
    [ROW_WEIGHTS] =
        {
            .id = "route-all-weights-zero",
            .kind = "Route",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_ROUTE,
            .tier = 2,
            .hold_s = 3600,
            .is_own_cause = true,
            .symptom = "Requests that a route matches are answered with an error.",
            .meaning = "Every backendRef of a rule has weight 0.",
            .fix = "Give one of them a weight.",
            .run = run_routes,
        },
    [ROW_TLS] =
        {
            .id = "backendtlspolicy-invalid",
            .kind = "BackendTLSPolicy",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_ROUTE,
            .tier = 2,
            .hold_s = 300,
            .is_own_cause = true,
            .symptom = "A Gateway cannot check the certificate of its backend.",
            .meaning = "The condition Accepted or ResolvedRefs of the policy is false.",
            .fix = "Create the ConfigMap with the CA that the policy refers to.",
            .run = run_routes,
        },
};

const CheckTopic check_topic_route = {rows, G_N_ELEMENTS(rows)};

static Finding *
report(CheckRun *run, size_t row, const Object *route, const char *what)
{
    Finding *finding = check_report_once(run, &rows[row], route, what);
    if (finding != NULL)
        check_advise(finding, route);
    return finding;
}

static const char *
word_of(const Object *route)
{
    return kind_row(route->kind)->kind;
}

/* ---- What the controllers say. ---- */

static void
look_at_condition(CheckRun *run, const Object *route, const Value *parent, size_t row,
                  const char *type)
{
    const Value *condition = value_find(parent, "conditions", "type", type);
    int64_t since_s = condition_since(condition);
    if (!value_is(condition, "status", "False") || !check_held(run, &rows[row], since_s))
        return;
    const char *gateway = value_text(parent, "parentRef.name");
    g_autofree char *name =
        g_strdup(gateway[0] != '\0' ? gateway : value_text(parent, "ancestorRef.name"));
    Finding *finding = report(run, row, route, name);
    if (finding == NULL)
        return;
    g_autofree char *why = condition_text(condition);
    finding_since(finding, since_s);
    finding_title(finding, "%s %s: %s is false for %s (%s)", word_of(route), route->name, type,
                  name, value_text(condition, "reason"));
    finding_cause(finding, "The controller of %s says: %s. What the %s asks for is not done.", name,
                  why, word_of(route));
}

static void
look_at_parents(CheckRun *run, const Object *route)
{
    for (const Value *parent = value_first(route->value, "status.parents"); parent != NULL;
         parent = parent->next) {
        look_at_condition(run, route, parent, ROW_NOT_ACCEPTED, "Accepted");
        look_at_condition(run, route, parent, ROW_UNRESOLVED, "ResolvedRefs");
    }
    if (value_count(route->value, "status.parents") > 0 ||
        !check_held(run, &rows[ROW_NO_STATUS], object_changed_s(route, NULL)))
        return;
    Finding *finding = report(run, ROW_NO_STATUS, route, "");
    if (finding == NULL)
        return;
    const Value *ref = value_first(route->value, "spec.parentRefs");
    const char *ns = ref_namespace(ref, route), *name = value_text(ref, "name");
    bool is_missing =
        snapshot_presence(run->snapshot, KIND_GATEWAY, ns, name) == PRESENCE_MISSING &&
        (value_get(ref, "kind") == NULL || value_is(ref, "kind", "Gateway"));
    finding_title(finding, "No controller has looked at %s %s", word_of(route), route->name);
    if (name[0] == '\0')
        finding_cause(finding, "The route names no parent, so nobody serves it.");
    else
        finding_cause(finding,
                      "The route names Gateway %s/%s as its parent, %s, so nobody serves "
                      "it.",
                      ns, name,
                      is_missing ? "which does not exist" : "whose controller has not answered");
}

/* ---- Backends. ---- */

/* Whether a ReferenceGrant lets a route refer to a Service of another namespace. */
static bool
is_granted(const CheckRun *run, const Object *route, const char *ns, const char *service)
{
    const GPtrArray *grants = snapshot_in_namespace(run->snapshot, KIND_REFERENCE_GRANT, ns);
    for (guint i = 0; i < grants->len; i++) {
        const Value *grant = ((const Object *)grants->pdata[i])->value;
        bool is_from = false, is_to = false;
        for (const Value *from = value_first(grant, "spec.from"); from != NULL; from = from->next)
            is_from = is_from || (value_is(from, "namespace", route->ns) &&
                                  value_is(from, "kind", word_of(route)));
        for (const Value *to = value_first(grant, "spec.to"); to != NULL; to = to->next) {
            const char *name = value_text(to, "name");
            is_to = is_to || (value_is(to, "kind", "Service") &&
                              (name[0] == '\0' || strcmp(name, service) == 0));
        }
        if (is_from && is_to)
            return true;
    }
    return false;
}

static void
look_at_grant(CheckRun *run, const Object *route, const char *ns, const char *name)
{
    bool is_known = snapshot_knows(run->snapshot, KIND_REFERENCE_GRANT);
    if (strcmp(ns, route->ns) == 0)
        return;
    if (!is_known)
        findings_unverified(run->findings, &rows[ROW_GRANT], KIND_REFERENCE_GRANT, "", "",
                            snapshot_list_problem(run->snapshot, KIND_REFERENCE_GRANT));
    if (!is_known || is_granted(run, route, ns, name))
        return;
    Finding *finding = report(run, ROW_GRANT, route, name);
    if (finding == NULL)
        return;
    finding_title(finding, "%s %s may not send to Service %s of namespace %s", word_of(route),
                  route->name, name, ns);
    finding_cause(finding,
                  "No ReferenceGrant in namespace %s permits a %s of namespace %s to refer "
                  "to Service %s, so its requests are answered with an error.",
                  ns, word_of(route), route->ns, name);
}

static void
look_at_port(CheckRun *run, const Object *route, const Object *service, const Value *ref)
{
    int number = (int)value_int(ref, "port", 0);
    if (number == 0 || service_port(service, number, "") != NULL)
        return;
    Finding *finding = report(run, ROW_PORT, route, service->name);
    if (finding == NULL)
        return;
    g_autofree char *ports = service_ports_text(service);
    finding_title(finding, "%s %s sends to port %d of Service %s, which has none such",
                  word_of(route), route->name, number, service->name);
    finding_cause(finding,
                  "Service %s offers %s, but not port %d, so requests are answered with "
                  "an error.",
                  service->name, ports[0] != '\0' ? ports : "no port", number);
}

typedef struct {
    guint n_weighted, n_zero, n_down, n_other;
    int64_t held_s;
} RuleState;

static void
count_service(CheckRun *run, const Backends *backends, const Object *service, RuleState *state)
{
    guint n_ready, n_all;
    const GPtrArray *pods = relations_service_pods(run->relations, service);
    if (value_count(service->value, "spec.selector") == 0 ||
        !backends_count(backends, service, &n_ready, &n_all) || n_ready > 0 || pods->len == 0) {
        state->n_other++;
        return;
    }
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        int64_t since_s = backend_unready_since(pod);
        state->held_s = MAX(state->held_s, since_s > 0 ? since_s : pod->created_s);
    }
    state->n_down++;
}

static void
look_at_backend(CheckRun *run, const Backends *backends, const Object *route, const Value *ref,
                RuleState *state)
{
    const char *ns = ref_namespace(ref, route), *name = value_text(ref, "name");
    bool is_zero = value_int(ref, "weight", 1) == 0;
    state->n_zero += is_zero;
    state->n_weighted += !is_zero;
    const char *kind = value_text(ref, "kind"), *group = value_text(ref, "group");
    if ((kind[0] != '\0' && strcmp(kind, "Service") != 0) || group[0] != '\0') {
        state->n_other++;
        return;
    }
    look_at_grant(run, route, ns, name);
    const Object *service = snapshot_get(run->snapshot, KIND_SERVICE, ns, name);
    if (service == NULL) {
        state->n_other++;
        return;
    }
    look_at_port(run, route, service, ref);
    if (!is_zero)
        count_service(run, backends, service, state);
}

static void
look_at_rule(CheckRun *run, const Backends *backends, const Object *route, const Value *rule)
{
    RuleState state = {0};
    for (const Value *ref = value_first(rule, "backendRefs"); ref != NULL; ref = ref->next)
        look_at_backend(run, backends, route, ref, &state);
    if (state.n_zero > 0 && state.n_weighted == 0 &&
        check_held(run, &rows[ROW_WEIGHTS], object_changed_s(route, NULL))) {
        Finding *finding = report(run, ROW_WEIGHTS, route, "");
        if (finding != NULL) {
            finding_title(finding, "All backends of a rule of %s %s have weight 0", word_of(route),
                          route->name);
            finding_cause(finding, "No backend takes a part of the requests, so they are answered "
                                   "with an error.");
        }
    }
    if (state.n_down > 0 && state.n_other == 0 &&
        check_held(run, &rows[ROW_ENDPOINTS], state.held_s)) {
        Finding *finding = report(run, ROW_ENDPOINTS, route, "");
        const char *host = value_text(value_first(route->value, "spec.hostnames"), "");
        if (finding != NULL) {
            finding_title(finding, "%s %s%s%s%s is down: no backend has a ready pod",
                          word_of(route), route->name, host[0] != '\0' ? " (" : "", host,
                          host[0] != '\0' ? ")" : "");
            finding_cause(finding, "None of the Services that a rule of the route sends to has a "
                                   "ready pod, so requests get 503.");
        }
    }
}

static void
run_routes(CheckRun *run)
{
    g_autoptr(Backends) backends = backends_new(run->snapshot);
    for (size_t k = 0; k < G_N_ELEMENTS(route_kinds); k++) {
        const GPtrArray *all = snapshot_objects(run->snapshot, route_kinds[k]);
        for (guint i = 0; i < all->len; i++) {
            const Object *route = all->pdata[i];
            if (value_time(route->value, "metadata.deletionTimestamp") > 0)
                continue;
            look_at_parents(run, route);
            for (const Value *rule = value_first(route->value, "spec.rules"); rule != NULL;
                 rule = rule->next)
                look_at_rule(run, backends, route, rule);
        }
    }
    const GPtrArray *policies = snapshot_objects(run->snapshot, KIND_BACKEND_TLS_POLICY);
    for (guint i = 0; i < policies->len; i++) {
        const Object *policy = policies->pdata[i];
        for (const Value *parent = value_first(policy->value, "status.ancestors"); parent != NULL;
             parent = parent->next) {
            look_at_condition(run, policy, parent, ROW_TLS, "Accepted");
            look_at_condition(run, policy, parent, ROW_TLS, "ResolvedRefs");
        }
    }
}
