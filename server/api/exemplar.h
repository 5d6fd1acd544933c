/* What the time series and heat map methods of querier.v1 share: their grouping labels, their step
 * and the messages of labels and exemplars. Messages live as long as the call; they point into what
 * they are made from. */
#pragma once
#include <querier.pb-c.h>

#include "server/api/connect.h"
#include "server/query/query.h"

/* A NULL-terminated list of label names; INVALID_ARGUMENT, naming `field`, when there are too many.
 */
bool exemplar_group_by(RpcCall *call, const char *field, char **names, size_t n,
                       const char *const **ret_names, GError **error);
/* A step given in seconds; INVALID_ARGUMENT below a millisecond. */
bool exemplar_step(double step_s, int64_t *ret_step_ns, GError **error);

/* The label pairs but those among `without` (NULL is none). */
Types__V1__LabelPair **
exemplar_labels(RpcCall *call, const Labels *labels, const char *const *without, size_t *ret_n);
Types__V1__Exemplar *
exemplar_message(RpcCall *call, const QueryExemplar *exemplar, const char *const *group_by);
