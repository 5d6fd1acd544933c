/* What a program needs and cannot reach, by a line of its log. Internal to analyzers/checks. */
#pragma once
#include "analyzers/checks/finding.h"
#include "analyzers/collect/relations.h"

typedef struct {
    char *host;            /* as the line names it; never NULL */
    int64_t port;          /* 0: not named */
    const Object *service; /* the Service that it is; NULL: none is known */
    bool is_missing;       /* it can only be a Service of this cluster, and there is none */
    const Object *dns;     /* the cluster's DNS, when look-ups get no answer; NULL: not so */
    const char *dns_fault; /* a name of the cluster is not found for what the pod asks instead of
                              the cluster's DNS, and why it does; NULL: not so */
} Unreachable;

/* The dependency that a line of a pod names; NULL when it names none. Names are looked up as a pod
 * of the namespace would. */
Unreachable *unreachable_of(const Snapshot *snapshot, const Object *pod, const char *line);
void unreachable_free(Unreachable *dependency);
/* "Service db has no ready pods": what is wrong with it, as far as objects say; NULL when nothing
 * is. Free with g_free. */
char *unreachable_fault(const Relations *relations, const Snapshot *snapshot,
                        const Unreachable *dependency);
/* Makes a finding the consequence of those about the Service and about its pods, when the Service
 * has no ready one; and so for the cluster's DNS. */
void unreachable_blame(const Relations *relations, const Unreachable *dependency, Finding *finding);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Unreachable, unreachable_free)
