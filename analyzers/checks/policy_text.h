/* NetworkPolicies in words, and what is asked of several at once. */
#pragma once
#include "analyzers/collect/policy.h"

/* Whom a peer means: "app=web", "pods of namespaces with team=a", "10.0.0.0/8"; free with
 * g_free. */
char *peer_text(const Value *peer);
/* What the rules of policies (GPtrArray of Object) let through in a direction: "app=storefront on
 * TCP 8080; everybody on UDP 53"; "nothing" for no rule. Free with g_free. */
char *policies_text(const GPtrArray *policies, PolicyDirection direction);
/* Whether any of the policies lets something through in a direction. */
bool policies_have_rules(const GPtrArray *policies, PolicyDirection direction);
/* "NetworkPolicy a" or "NetworkPolicies a, b and 2 more"; free with g_free. */
char *policy_names_text(const GPtrArray *policies);
/* The one of several policies that was changed last; NULL for none. */
const Object *policy_newest(const GPtrArray *policies);
