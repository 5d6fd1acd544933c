/* SelectMergeStacktraces as an asynchronous query: its field `async` submits the query, and asks
 * about it later by its id. */
#pragma once
#include <querier.pb-c.h>

#include "server/api/async_queries.h"
#include "server/api/connect.h"

/* Whether a request submits a query or asks about one. */
bool async_stacktraces_wanted(const Querier__V1__SelectMergeStacktracesRequest *request);

/* Submits the query, or answers with how it stands and, once it is there, with its answer, in the
 * codec of this call. */
void
async_stacktraces_reply(RpcCall *call, const Querier__V1__SelectMergeStacktracesRequest *request);

/* For AsyncQueriesConfig, with the Api as data. */
GBytes *async_stacktraces_run(const AsyncQuery *query, void *api, GError **error);
