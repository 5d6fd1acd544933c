/* What NetworkPolicies let through, told from objects alone (networking.k8s.io/v1).
 *
 * Three-valued: where network plug-ins differ or something is not known, the answer is unknown.
 * So it is when an end uses the host network or is a node, when policies or Namespaces could not be
 * listed, when a selector makes no sense, when only an ipBlock that covers the address of a pod
 * could decide, and when the port is not known and rules name ports. A pod always reaches itself.
 */
#pragma once
#include "analyzers/collect/relations.h"

/* In this order: of two hurdles the lower one counts, of two ways the higher. */
typedef enum { FLOW_DENIED, FLOW_UNKNOWN, FLOW_ALLOWED } FlowVerdict;

typedef enum { POLICY_INGRESS, POLICY_EGRESS } PolicyDirection;

/* A pod, or else an address outside of the cluster ("192.0.2.1"). */
typedef struct {
    const Object *pod;
    const char *address;
} FlowEnd;

/* `port` is that of the target itself, after a Service has been translated; 0 when it is not
 * known. `protocol` is "TCP", "UDP" or "SCTP". */
typedef struct {
    FlowEnd source, target;
    const char *protocol;
    int port;
} Flow;

typedef struct Policies Policies;

/* Borrows a finished snapshot. */
Policies *policies_new(const Snapshot *snapshot);
void policies_free(Policies *policies);

/* Whether a policy speaks about a direction: policyTypes, and their default. */
bool policy_applies(const Object *policy, PolicyDirection direction);
/* Its rules for a direction: the first one, to be followed by ->next; NULL for none. */
const Value *policy_rules(const Object *policy, PolicyDirection direction);
/* Whether a peer ("from", "to") selects a pod, for a policy of a namespace. */
FlowVerdict
policies_peer(const Policies *policies, const char *ns, const Value *peer, const FlowEnd *end);

/* Policies that surely isolate a pod in a direction: Object; free with g_ptr_array_unref. Empty for
 * pods that no policy can be about (host network, finished). */
GPtrArray *
policies_isolating(const Policies *policies, const Object *pod, PolicyDirection direction);
/* What the policies of one end say: POLICY_INGRESS of the target, POLICY_EGRESS of the source. */
FlowVerdict policies_side(const Policies *policies, const Flow *flow, PolicyDirection direction);
/* Both sides. */
FlowVerdict policies_flow(const Policies *policies, const Flow *flow);
/* A flow from an end to a port of a Service (`port` is one of its spec.ports): to its ready pods,
 * or all of them when none is ready. Denied only when all of them are; unknown without pods.
 * *ret_flow (may be NULL): one that the verdict is about. */
FlowVerdict policies_service(const Policies *policies, const Relations *relations, FlowEnd source,
                             const Object *service, const Value *port, Flow *ret_flow);

/* Kinds of policies beside NetworkPolicy that this cluster has ("CiliumNetworkPolicy"), which
 * could let through or forbid more; NULL for none. */
const char *policies_other(const Policies *policies);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Policies, policies_free)
