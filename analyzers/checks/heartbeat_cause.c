#include "analyzers/checks/heartbeat_cause.h"

#include <string.h>

#include "analyzers/checks/collector.h"
#include "analyzers/checks/policy_text.h"
#include "analyzers/checks/shipping_log.h"
#include "analyzers/checks/telemetry_gate.h"

/* The policies that keep the pod from a Service that it sends to, on one of the sides. */
static char *
blocking_text(const CheckRun *run, Finding *finding, const Object *pod, const Policies *policies,
              const ShippingTrouble *trouble)
{
    Flow flow;
    const Object *service = shipping_service(run, pod, trouble);
    const Value *port = shipping_service_port(service, trouble);
    const FlowEnd source = {.pod = pod};
    if (port == NULL ||
        policies_service(policies, run->relations, source, service, port, &flow) != FLOW_DENIED)
        return NULL;
    bool is_egress = policies_side(policies, &flow, POLICY_EGRESS) == FLOW_DENIED;
    PolicyDirection direction = is_egress ? POLICY_EGRESS : POLICY_INGRESS;
    g_autoptr(GPtrArray) isolating =
        policies_isolating(policies, is_egress ? pod : flow.target.pod, direction);
    if (isolating->len == 0)
        return NULL;
    g_autofree char *names = policy_names_text(isolating);
    g_autofree char *lets = policies_text(isolating, direction);
    for (guint i = 0; i < isolating->len; i++)
        finding_blame(finding, isolating->pdata[i]);
    finding_evidence(finding, "%s lets through %s %s", names, is_egress ? "to" : "from", lets);
    return g_strdup_printf("%s does not let it reach Service %s/%s", names, service->ns,
                           service->name);
}

/* What may be sent at all, for a host that is outside of the cluster. */
static void
tell_isolation(Finding *finding, const Object *pod, const Policies *policies)
{
    g_autoptr(GPtrArray) isolating = policies_isolating(policies, pod, POLICY_EGRESS);
    if (isolating->len == 0)
        return;
    g_autofree char *names = policy_names_text(isolating);
    g_autofree char *lets = policies_text(isolating, POLICY_EGRESS);
    finding_evidence(finding, "%s limits what pod %s may send to: %s", names, pod->name, lets);
}

static char *
trouble_text(const CheckRun *run, const ShippingTrouble *trouble)
{
    GString *text = g_string_new(trouble->why);
    g_autofree char *at =
        trouble->since_s > 0 ? clock_text(trouble->since_s, run->now_s) : g_strdup("");
    const char *host = trouble->host != NULL ? trouble->host : "";
    if (host[0] != '\0' || at[0] != '\0')
        g_string_append_printf(text, " (%s%s%s%s)", host,
                               host[0] != '\0' && at[0] != '\0' ? ", " : "",
                               at[0] != '\0' ? "since " : "", at);
    return g_string_free(text, FALSE);
}

char *
heartbeat_cause(const CheckRun *run, Finding *finding, const Collector *collector,
                const Object *pod, const Policies *policies)
{
    g_auto(ShippingTrouble) trouble = {0};
    const char *container = collector_container(pod, collector->image);
    if (!shipping_trouble_read(run, pod, container, &trouble)) {
        tell_isolation(finding, pod, policies);
        return NULL;
    }
    finding_evidence(finding, "Log of pod %s: %s", pod->name, trouble.line);
    char *blocked = blocking_text(run, finding, pod, policies, &trouble);
    if (blocked != NULL) {
        finding_fix(finding, "Let the pods of %s through to it in the NetworkPolicy.",
                    collector->name);
        return blocked;
    }
    tell_isolation(finding, pod, policies);
    finding_fix(finding, "%s", trouble.step);
    return trouble_text(run, &trouble);
}
