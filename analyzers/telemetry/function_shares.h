/* What functions take of a profile by themselves, from a flame graph as SelectMergeStacktraces of
 * querier.v1 answers with. */
#pragma once
#include <glib.h>
#include <stdbool.h>

typedef struct {
    const char *name; /* owned by the FunctionShares */
    double share;     /* of the total, from 0 to 1 */
} FunctionShare;

typedef struct FunctionShares FunctionShares;

/* INVALID_ARGUMENT with the field that is wrong, RESOURCE_EXHAUSTED when it is too large. */
FunctionShares *function_shares_read(GBytes *body, GError **error);
void function_shares_free(FunctionShares *shares);

/* In the unit of the profile type; 0: there are no samples. */
double function_shares_total(const FunctionShares *shares);
/* All of them, the largest first, as many as *ret_n; borrowed. */
const FunctionShare *function_shares_all(const FunctionShares *shares, guint *ret_n);
/* 0 when it has none. NULL has no functions. */
double function_shares_of(const FunctionShares *shares, const char *name);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(FunctionShares, function_shares_free)
