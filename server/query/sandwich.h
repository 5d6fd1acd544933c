/* The surroundings of one function in a tree: what it calls and what calls it.
 *
 * Of a recursive function the outermost call of each stack counts, so that both views add up to the
 * function's total. */
#pragma once
#include "server/query/tree.h"

/* Steps up from a function that looking for its callers may take in all. */
enum { SANDWICH_STEPS_MAX = 32 * 1024 * 1024 };

/* The function at the top with the merged stacks below it; a tree without nodes but the root when
 * the name does not occur. */
Tree *tree_callees(const Tree *tree, const char *function);
/* The function at the top, below it its callers, theirs, and so on to the roots of the stacks: the
 * values are those of the calls, each on the last caller. RESOURCE_EXHAUSTED beyond
 * SANDWICH_STEPS_MAX. */
Tree *tree_callers(const Tree *tree, const char *function, GError **error);
/* What the function took itself, in all of its calls. */
int64_t tree_function_self(const Tree *tree, const char *function);
