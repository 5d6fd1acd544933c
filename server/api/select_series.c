#include "server/api/select_series.h"

#include <querier.pb-c.h>

#include "lib/base/error.h"
#include "server/api/stacktraces.h"

static void
fill_series(RpcCall *call, const QueryTimeSeries *series, Types__V1__Series *message)
{
    *message = (Types__V1__Series)TYPES__V1__SERIES__INIT;
    size_t n_labels = series->labels->n_labels, n_points = series->points->len;
    Types__V1__LabelPair *pairs = rpc_alloc(call, n_labels, sizeof(*pairs));
    Types__V1__Point *points = rpc_alloc(call, n_points, sizeof(*points));
    message->labels = rpc_alloc_pointers(call, n_labels);
    message->points = rpc_alloc_pointers(call, n_points);
    message->n_labels = n_labels;
    message->n_points = n_points;
    for (size_t i = 0; i < n_labels; i++) {
        pairs[i] = (Types__V1__LabelPair)TYPES__V1__LABEL_PAIR__INIT;
        pairs[i].name = (char *)series->labels->labels[i].name;
        pairs[i].value = (char *)series->labels->labels[i].value;
        message->labels[i] = &pairs[i];
    }
    for (size_t i = 0; i < n_points; i++) {
        const QueryPoint *point = &g_array_index(series->points, QueryPoint, i);
        points[i] = (Types__V1__Point)TYPES__V1__POINT__INIT;
        points[i].value = point->value;
        points[i].timestamp = point->time_ms;
        message->points[i] = &points[i];
    }
}

static void
reply_series(RpcCall *call, const GPtrArray *list)
{
    Querier__V1__SelectSeriesResponse response = QUERIER__V1__SELECT_SERIES_RESPONSE__INIT;
    Types__V1__Series *messages = rpc_alloc(call, list->len, sizeof(*messages));
    response.series = rpc_alloc_pointers(call, list->len);
    response.n_series = list->len;
    for (guint i = 0; i < list->len; i++) {
        fill_series(call, g_ptr_array_index(list, i), &messages[i]);
        response.series[i] = &messages[i];
    }
    rpc_reply(call, &response.base);
}

/* The step in nanoseconds, at least a millisecond. */
static bool
step_of(const Querier__V1__SelectSeriesRequest *request, int64_t *ret_step_ns, GError **error)
{
    if (!(request->step >= 0.001))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "step must be >= 1ms");
    double step_ms = MIN(request->step * 1000, 1e12);
    *ret_step_ns = (int64_t)(step_ms + 0.5) * 1000000;
    return true;
}

static GPtrArray *
run_series(RpcCall *call, const Querier__V1__SelectSeriesRequest *request,
           const Selection *selection, int64_t step_ns, GError **error)
{
    const char **group_by = rpc_alloc_pointers(call, request->n_group_by + 1);
    for (size_t i = 0; i < request->n_group_by; i++)
        group_by[i] = request->group_by[i];
    bool average =
        request->aggregation_presence_case ==
            QUERIER__V1__SELECT_SERIES_REQUEST__AGGREGATION_PRESENCE_AGGREGATION &&
        request->aggregation ==
            QUERIER__V1__TIME_SERIES_AGGREGATION_TYPE__TIME_SERIES_AGGREGATION_TYPE_AVERAGE;
    bool limited =
        request->limit_presence_case == QUERIER__V1__SELECT_SERIES_REQUEST__LIMIT_PRESENCE_LIMIT;
    size_t limit = limited && request->limit > 0 ? (size_t)request->limit : 0;
    return query_time_series(&selection->query, group_by, step_ns,
                             average ? QUERY_AVERAGE : QUERY_SUM, limit, error);
}

static void
call_select_series(RpcCall *call)
{
    const Querier__V1__SelectSeriesRequest *request = (const void *)call->message;
    g_autoptr(GError) error = NULL;
    g_auto(Selection) selection = {0};
    g_autoptr(GPtrArray) list = NULL;
    int64_t step_ns = 0;
    if (request->exemplar_type == TYPES__V1__EXEMPLAR_TYPE__EXEMPLAR_TYPE_SPAN)
        error_set(&error, CRESSET_ERROR_UNIMPLEMENTED, "span exemplars are not supported");
    if (error != NULL || !step_of(request, &step_ns, &error)) {
        rpc_fail(call, error);
        return;
    }
    const SelectionInput input = {.profile_type = request->profile_typeid,
                                  .selector = request->label_selector,
                                  .start_ms = request->start,
                                  .end_ms = request->end,
                                  .call_site =
                                      stacktraces_call_site(request->stack_trace_selector)};
    switch (selection_init(&selection, call->api, call->http->tenant, &input, &error)) {
    case TIME_RANGE_OK:
        list = run_series(call, request, &selection, step_ns, &error);
        break;
    case TIME_RANGE_EMPTY:
        list = g_ptr_array_new();
        break;
    case TIME_RANGE_BAD:
        break;
    }
    if (list != NULL)
        reply_series(call, list);
    else
        rpc_fail(call, error);
}

const RpcMethod rpc_select_series = {.request = &querier__v1__select_series_request__descriptor,
                                     .call = call_select_series};
