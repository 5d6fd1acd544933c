/* Queries that run while no request waits for them: submitted, and asked about by an id. An answer
 * is kept for a while, in memory; a restart forgets everything. From any thread. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/api/codec.h"

/* As long as Pyroscope keeps an answer. */
#define ASYNC_QUERY_KEEP_US (INT64_C(30) * 60 * G_USEC_PER_SEC)

typedef struct AsyncQueries AsyncQueries;

typedef struct {
    const char *id;
    const char *tenant; /* or several, joined by '|' */
    Codec codec;
    GBytes *body; /* of the request */
} AsyncQuery;

/* Answers a query on a thread of its own: the body of the answer, or NULL with *error. */
typedef GBytes *(*AsyncQueryRun)(const AsyncQuery *query, void *data, GError **error);

typedef struct {
    AsyncQueryRun run;
    void *data; /* of `run` */
    int64_t threads;
    int64_t keep_us;   /* an answer, from when it was there */
    int64_t bytes_max; /* of queries and answers, all tenants together: async-query-memory */
} AsyncQueriesConfig;

AsyncQueries *async_queries_new(const AsyncQueriesConfig *config);
/* Waits for the queries that run; those that wait never do. NULL is allowed. */
void async_queries_free(AsyncQueries *queries);

/* Takes a query, with a reference to its body; its id is made: *ret_id, to be freed.
 * RESOURCE_EXHAUSTED when its tenant has `tenant_max` that run or wait, or when there is no
 * memory for it. */
bool async_queries_submit(AsyncQueries *queries, const AsyncQuery *query, int64_t tenant_max,
                          char **ret_id, GError **error);

typedef enum { ASYNC_QUERY_IN_PROGRESS, ASYNC_QUERY_SUCCESS, ASYNC_QUERY_FAILURE } AsyncQueryStatus;

typedef struct {
    AsyncQueryStatus status;
    Codec codec;
    GBytes *answer; /* of a success */
    char *failure;  /* what was wrong; of a failure */
} AsyncQueryResult;

/* How the query of this tenant stands. NOT_FOUND when there is none with this id, or no more. */
bool async_queries_get(AsyncQueries *queries, const char *tenant, const char *id,
                       AsyncQueryResult *ret_result, GError **error);
void async_query_result_clear(AsyncQueryResult *result);

/* Appends cresset_server_async_… as Prometheus text. */
void async_queries_write_metrics(AsyncQueries *queries, GString *out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(AsyncQueries, async_queries_free)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(AsyncQueryResult, async_query_result_clear)
