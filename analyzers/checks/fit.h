/* Whether the nodes of a snapshot could take a pod, as the scheduler sees it: labels, taints, room,
 * host ports. Not volumes, nor rules about other pods. Internal to analyzers/checks. */
#pragma once
#include "analyzers/collect/snapshot.h"

typedef struct Fit Fit;

/* Borrows the snapshot; adds up what is used on each node. */
Fit *fit_new(const Snapshot *snapshot);
void fit_free(Fit *fit);

typedef struct {
    guint n_nodes, n_selected; /* nodes; those that its selector and affinity choose */
    guint n_cordoned, n_tainted, n_full, n_short, n_port, n_fits; /* of the chosen ones */
    const char *resource;   /* that is short on most of them; NULL: none is */
    double wanted;          /* of it, in units (quantity.h) */
    double largest;         /* what the largest chosen and tolerated node has in all */
    double most_free;       /* what the emptiest open one has left */
    const Object *emptiest; /* that one; NULL: none */
    int64_t port;           /* a host port that is in use everywhere; 0: none */
    GPtrArray *barriers;    /* Value: the taints that keep it off, of each key one */
    GPtrArray *sick;        /* Object: nodes closed by taints of their own conditions */
    GPtrArray *cordoned;    /* Object: nodes */
} FitResult;

/* Looks at every node for a pod; free with fit_result_clear. */
FitResult fit_evaluate(const Fit *fit, const Object *pod);
void fit_result_clear(FitResult *result);
/* Whether it could never be placed, were the nodes empty. */
bool fit_is_impossible(const FitResult *result);

/* What a pod asks for of a resource ("cpu"), in units (quantity.h), as the scheduler counts: the
 * sum of its containers, or a step of its start that takes more; sidecars add to both. */
double fit_request(const Value *pod, const char *resource);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Fit, fit_free)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(FitResult, fit_result_clear)
