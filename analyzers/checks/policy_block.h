/* Flows that NetworkPolicies block, as findings about the policies. */
#pragma once
#include "analyzers/checks/check.h"
#include "analyzers/checks/policy_text.h"

/* Pods of one controller, of which one stands for all. */
typedef struct {
    const Object *maker; /* its uppermost controller, or the pod */
    const Object *pod;
    GPtrArray *pods;         /* Object: those that live */
    GPtrArray *dependencies; /* Dependency; made when it is asked for */
} Workload;

typedef struct {
    CheckRun *run;
    Policies *policies;
    GPtrArray *workloads; /* Workload */
} PolicyRun;

/* NULL when there are no policies, or pods or policies are not known: nothing can be said. */
PolicyRun *policy_run_new(CheckRun *run);
void policy_run_free(PolicyRun *run);

/* Pods that a policy is about and that live, those of the host network left out: Object; free with
 * g_ptr_array_unref. */
GPtrArray *policy_subjects(const CheckRun *run, const Object *policy);

/* Dependency: Services that the workload says it uses. */
const GPtrArray *workload_dependencies(const PolicyRun *run, Workload *workload);
/* Whether one of its pods runs and is not ready. */
bool workload_is_troubled(const Workload *workload);
/* The last line of the logs of its pods that are not ready which has one of the words (ended by
 * NULL), or NULL; free with g_free. */
char *workload_log_line(const PolicyRun *run, const Workload *workload, const char *const *words);

/* Whether a cache on each node answers for the cluster's DNS (NodeLocal DNSCache), under the
 * address of its Service too. */
bool policy_nodes_answer(const Snapshot *snapshot);
/* The Service of the cluster's DNS; NULL when it is not known, or nodes answer themselves. */
const Object *policy_dns_service(const Snapshot *snapshot);
/* Whether the workload may ask it by a protocol, "UDP" or "TCP"; *ret_flow as of
 * policies_service. */
FlowVerdict policy_dns_flow(const PolicyRun *run, const Workload *workload, const Object *dns,
                            const char *protocol, Flow *ret_flow);

/* The finding about the policy that was changed last of those that isolate an end: one per policy,
 * check and `what`. NULL when it was changed too recently. *ret_is_new: it has no text yet. */
Finding *policy_report(const PolicyRun *run, const CheckRow *row, const GPtrArray *isolating,
                       const char *what, bool *ret_is_new);
/* The same about a chosen one of them; NULL is allowed for `policy`. */
Finding *policy_report_about(const PolicyRun *run, const CheckRow *row, const Object *policy,
                             const GPtrArray *isolating, const char *what, bool *ret_is_new);
/* Says that the pods of a workload suffer from it, and when one stopped being ready within a
 * quarter of an hour after the policy was changed, which makes it worse (netpol-new-blocks). */
void policy_suffers(Finding *finding, const Workload *workload);
/* "Deployment a", "Deployment a and 2 more": who suffers; free with g_free. */
char *policy_sufferers_text(const Finding *finding);
/* Whether a finding of a check says already that an object suffers. */
bool policy_is_reported(const PolicyRun *run, const char *check, const Object *object);

/* "Deployment web"; free with g_free. */
char *object_text(const Object *object);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(PolicyRun, policy_run_free)
