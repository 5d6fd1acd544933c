/* One function between its callers and its callees in answers of querier.v1
 * (PROFILE_FORMAT_SANDWICH). */
#pragma once
#include "server/api/connect.h"
#include "server/query/query.h"

/* Levels of each side. Readers of protobuf commonly stop at 100 nested messages; those of JSON at
 * 1000 nested values, and a node is two. */
enum { SANDWICH_LEVELS_PROTO = 90, SANDWICH_LEVELS_JSON = 400 };

/* A SelectMergeStacktracesResponse. Each side is made of whole stacks and then keeps about its
 * `max_nodes` largest nodes; a node that lost children says so. A query that is NULL, and a
 * function that does not occur, give a sandwich without values. INVALID_ARGUMENT without a
 * function. */
GBytes *sandwich_answer(RpcCall *call, const Query *query, const char *function, int64_t max_nodes,
                        GError **error);
