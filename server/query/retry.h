/* Queries whose debug files are on their way. Private to server/query.
 *
 * Data is visited with locks held, so that waiting is for afterwards: a query that met build ids
 * without a file waits for those of them that are being fetched, and is made once more when one has
 * come. */
#pragma once
#include "server/query/query.h"

/* One attempt at a query: its result, or NULL with *error. */
typedef void *(*QueryAttempt)(const Query *query, const void *data, GError **error);

/* The result of the last attempt; `result_free` frees that of the first. */
void *query_retry(const Query *query, QueryAttempt attempt, const void *data,
                  GDestroyNotify result_free, GError **error);
