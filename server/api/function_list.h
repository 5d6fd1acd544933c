/* The functions of merged stacks in answers of querier.v1 (PROFILE_FORMAT_FUNCTIONS). */
#pragma once
#include "server/api/connect.h"
#include "server/query/diff.h"
#include "server/query/query.h"

/* A SelectMergeStacktracesResponse with the `max_functions` functions of the largest totals, which
 * are exact: nothing is folded before. A query that is NULL has no data. */
GBytes *
function_list_answer(RpcCall *call, const Query *query, int64_t max_functions, GError **error);

/* The same of two selections as a DiffResponse; `diff` has to be whole. */
GBytes *function_list_answer_diff(RpcCall *call, const TreeDiff *diff, int64_t max_functions);
