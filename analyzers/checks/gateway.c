/* GatewayClasses, Gateways and their listeners (gateway.networking.k8s.io). */
#include <string.h>

#include "analyzers/checks/gateway_text.h"
#include "analyzers/checks/label_hint.h"
#include "analyzers/checks/table.h"
#include "analyzers/collect/backend.h"
#include "analyzers/collect/change.h"

static void run_gateways(CheckRun *run);

enum { ROW_CLASS, ROW_CLASS_MISSING, ROW_GATEWAY, ROW_ADDRESS, ROW_LISTENER, ROW_NO_ROUTES };

static const CheckRow rows[] = {
    [ROW_CLASS] =
        {
            .id = "gatewayclass-not-accepted",
            .kind = "GatewayClass",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_ROUTE,
            .tier = 2,
            .hold_s = 300,
            .is_own_cause = true,
            .symptom = "No Gateway of a class works.",
            .meaning = "The condition Accepted of the GatewayClass is not true.",
            .fix = "Install the controller that the class names, or correct parametersRef.",
            .run = run_gateways,
        },
    [ROW_CLASS_MISSING] =
        {
            .id = "gatewayclass-missing",
            .kind = "Gateway",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_ROUTE,
            .tier = 2,
            .is_own_cause = true,
            .symptom = "A Gateway is served by nobody because its class does not exist.",
            .meaning = "spec.gatewayClassName names a GatewayClass that the cluster does not have.",
            .fix = "Correct the name, or create the class.",
            .run = run_gateways,
        },
    [ROW_GATEWAY] =
        {
            .id = "gateway-not-programmed",
            .kind = "Gateway",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_ROUTE,
            .tier = 2,
            .hold_s = 300,
            .is_umbrella = true,
            .symptom = "A Gateway does not work, nor do the routes that are attached to it.",
            .meaning = "The condition Accepted or Programmed of the Gateway is not true.",
            .fix = "Correct what the message of the condition names.",
            .run = run_gateways,
        },
    [ROW_ADDRESS] =
        {
            .id = "gateway-no-address",
            .kind = "Gateway",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_ROUTE,
            .tier = 2,
            .hold_s = 600,
            .is_umbrella = true,
            .symptom = "A Gateway cannot be reached: it has no address.",
            .meaning = "The Gateway is accepted, and status.addresses is empty.",
            .fix = "Look at the Service of type LoadBalancer that belongs to the Gateway.",
            .run = run_gateways,
        },
    [ROW_LISTENER] =
        {
            .id = "gateway-listener-problem",
            .kind = "Gateway",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_ROUTE,
            .tier = 2,
            .hold_s = 300,
            .is_own_cause = true,
            .symptom = "One listener of a Gateway does not work.",
            .meaning =
                "A condition of the listener says so: its references are not resolved, it is in "
                "conflict with another one, or it is not accepted.",
            .fix = "Correct what the message of the condition names.",
            .run = run_gateways,
        },
    [ROW_NO_ROUTES] =
        {
            .id = "gateway-listener-no-routes",
            .kind = "Gateway",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_ROUTE,
            .tier = 2,
            .hold_s = 600,
            .is_umbrella = true,
            .symptom = "Routes name a listener, and none of them is attached to it.",
            .meaning =
                "attachedRoutes of the listener is 0 though a route has it as sectionName of a "
                "parent; hostnames or allowedRoutes exclude it.",
            .fix = "Compare hostnames and allowedRoutes of the listener with the routes.",
            .run = run_gateways,
        },
};

const CheckTopic check_topic_gateway = {rows, G_N_ELEMENTS(rows)};

static Finding *
report(CheckRun *run, size_t row, const Object *object, const char *what)
{
    return check_report_once(run, &rows[row], object, what);
}

/* ---- Classes. ---- */

static void
look_at_class(CheckRun *run, const Object *class)
{
    const Value *accepted = value_find(class->value, "status.conditions", "type", "Accepted");
    int64_t since_s = accepted != NULL ? condition_since(accepted) : class->created_s;
    if (value_is(accepted, "status", "True") || !check_held(run, &rows[ROW_CLASS], since_s))
        return;
    Finding *finding = report(run, ROW_CLASS, class, "");
    if (finding == NULL)
        return;
    g_autofree char *why = condition_text(accepted);
    finding_since(finding, condition_since(accepted));
    finding_title(finding, "No controller accepts GatewayClass %s", class->name);
    finding_cause(finding,
                  "Controller %s has not accepted the class (%s), so no Gateway of it "
                  "works.",
                  value_text(class->value, "spec.controllerName"), why);
    finding_fix(finding, "Install the controller, or correct parametersRef of the class.");
    finding_describe(finding, finding->object);
}

static void
look_for_class(CheckRun *run, const Object *gateway)
{
    const char *name = value_text(gateway->value, "spec.gatewayClassName");
    Presence presence = snapshot_presence(run->snapshot, KIND_GATEWAY_CLASS, "", name);
    /* Only a cluster that has Gateways has to know their classes. */
    if (presence == PRESENCE_UNKNOWN)
        findings_unverified(run->findings, &rows[ROW_CLASS_MISSING], KIND_GATEWAY_CLASS, "", "",
                            snapshot_list_problem(run->snapshot, KIND_GATEWAY_CLASS));
    if (name[0] == '\0' || presence != PRESENCE_MISSING)
        return;
    const Object *near = name_hint(snapshot_objects(run->snapshot, KIND_GATEWAY_CLASS), name);
    Finding *finding = report(run, ROW_CLASS_MISSING, gateway, "");
    if (finding == NULL)
        return;
    finding_misses(finding, KIND_GATEWAY_CLASS, "", name);
    finding_title(finding, "Gateway %s names class %s, which does not exist", gateway->name, name);
    finding_cause(finding,
                  "There is no GatewayClass %s%s%s%s, so no controller serves the Gateway "
                  "and its routes.",
                  name, near != NULL ? " (there is " : "", near != NULL ? near->name : "",
                  near != NULL ? ")" : "");
    finding_fix(finding, "Correct spec.gatewayClassName, or create the class.");
    finding_fix(finding, "kubectl get gatewayclass");
}

/* ---- Gateways. ---- */

static void
look_at_condition(CheckRun *run, const Object *gateway, const char *type)
{
    const Value *condition = value_find(gateway->value, "status.conditions", "type", type);
    int64_t since_s = condition_since(condition);
    /* The condition that the API server writes at first has the time of the epoch. */
    if (condition == NULL || value_is(condition, "status", "True") ||
        !check_held(run, &rows[ROW_GATEWAY], MAX(since_s, gateway->created_s)))
        return;
    Finding *finding = report(run, ROW_GATEWAY, gateway, "");
    if (finding == NULL)
        return;
    g_autofree char *why = condition_text(condition);
    finding_since(finding, since_s >= gateway->created_s ? since_s : 0);
    finding_title(finding, "Gateway %s is not active: %s is not true", gateway->name, type);
    finding_cause(finding, "Condition %s says: %s. The routes of the Gateway do not work.", type,
                  why);
    finding_fix(finding, "Correct what the message names.");
    finding_describe(finding, finding->object);
}

static void
look_at_address(CheckRun *run, const Object *gateway)
{
    const Value *accepted = value_find(gateway->value, "status.conditions", "type", "Accepted");
    int64_t since_s = condition_since(accepted);
    if (!value_is(accepted, "status", "True") ||
        value_count(gateway->value, "status.addresses") > 0 ||
        !check_held(run, &rows[ROW_ADDRESS], since_s))
        return;
    Finding *finding = report(run, ROW_ADDRESS, gateway, "");
    if (finding == NULL)
        return;
    g_autofree char *span = span_text(run->now_s - since_s);
    finding_title(finding, "Gateway %s has had no address for %s", gateway->name, span);
    finding_cause(finding, "The Gateway is accepted and has no address, probably because its "
                           "LoadBalancer Service is pending, so nobody reaches it.");
    finding_fix(finding, "Look at the Services in namespace %s.", gateway->ns);
    finding_describe(finding, finding->object);
}

/* ---- Listeners. ---- */

typedef struct {
    const char *type, *bad;
} BadCondition;

static const Value *
bad_condition(const Value *listener)
{
    static const BadCondition bad[] = {
        {"ResolvedRefs", "False"}, {"Conflicted", "True"}, {"Accepted", "False"}};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        const Value *condition = value_find(listener, "conditions", "type", bad[i].type);
        if (value_is(condition, "status", bad[i].bad))
            return condition;
    }
    return NULL;
}

static void
look_at_listener(CheckRun *run, const Object *gateway, const Value *listener)
{
    const Value *condition = bad_condition(listener);
    const char *name = value_text(listener, "name");
    if (condition == NULL || !check_held(run, &rows[ROW_LISTENER], condition_since(condition)))
        return;
    Finding *finding = report(run, ROW_LISTENER, gateway, name);
    if (finding == NULL)
        return;
    g_autofree char *why = condition_text(condition);
    finding_since(finding, condition_since(condition));
    finding_title(finding, "Listener %s of Gateway %s does not work (%s)", name, gateway->name,
                  value_text(condition, "reason"));
    finding_cause(finding, "Condition %s of the listener says: %s. Nothing is served there.",
                  value_text(condition, "type"), why);
    finding_fix(finding, "Correct what the message names.");
    finding_describe(finding, finding->object);
}

/* Whether a route has a listener of a Gateway as its parent, by name. */
static const Object *
route_of(const CheckRun *run, const Object *gateway, const char *listener)
{
    for (size_t k = 0; k < G_N_ELEMENTS(route_kinds); k++) {
        const GPtrArray *all = snapshot_objects(run->snapshot, route_kinds[k]);
        for (guint i = 0; i < all->len; i++) {
            const Object *route = all->pdata[i];
            for (const Value *ref = value_first(route->value, "spec.parentRefs"); ref != NULL;
                 ref = ref->next) {
                if (value_is(ref, "sectionName", listener) &&
                    value_is(ref, "name", gateway->name) &&
                    strcmp(ref_namespace(ref, route), gateway->ns) == 0)
                    return route;
            }
        }
    }
    return NULL;
}

static void
look_at_attached(CheckRun *run, const Object *gateway, const Value *listener)
{
    const char *name = value_text(listener, "name");
    const Object *route =
        value_is(listener, "attachedRoutes", "0") ? route_of(run, gateway, name) : NULL;
    if (route == NULL ||
        !check_held(run, &rows[ROW_NO_ROUTES],
                    MAX(object_changed_s(gateway, NULL), object_changed_s(route, NULL))))
        return;
    Finding *finding = report(run, ROW_NO_ROUTES, gateway, name);
    if (finding == NULL)
        return;
    finding_about(finding, route);
    finding_title(finding, "No route is attached to listener %s of Gateway %s", name,
                  gateway->name);
    finding_cause(finding,
                  "%s %s/%s names the listener, and its hostnames or allowedRoutes "
                  "exclude it.",
                  kind_row(route->kind)->kind, route->ns, route->name);
    finding_fix(finding, "Compare hostname and allowedRoutes of the listener with the route.");
    finding_describe(finding, finding->object);
}

static void
run_gateways(CheckRun *run)
{
    const GPtrArray *classes = snapshot_objects(run->snapshot, KIND_GATEWAY_CLASS);
    for (guint i = 0; i < classes->len; i++)
        look_at_class(run, classes->pdata[i]);
    const GPtrArray *gateways = snapshot_objects(run->snapshot, KIND_GATEWAY);
    for (guint i = 0; i < gateways->len; i++) {
        const Object *gateway = gateways->pdata[i];
        if (value_time(gateway->value, "metadata.deletionTimestamp") > 0)
            continue;
        look_for_class(run, gateway);
        look_at_condition(run, gateway, "Accepted");
        look_at_condition(run, gateway, "Programmed");
        look_at_address(run, gateway);
        for (const Value *l = value_first(gateway->value, "status.listeners"); l != NULL;
             l = l->next) {
            look_at_listener(run, gateway, l);
            look_at_attached(run, gateway, l);
        }
    }
}
