#include "server/api/select_series.h"

#include <querier.pb-c.h>

#include "lib/base/error.h"
#include "server/api/exemplar.h"
#include "server/api/stacktraces.h"

static void
fill_annotations(RpcCall *call, const GPtrArray *annotations, Types__V1__Point *message)
{
    Types__V1__ProfileAnnotation *list = rpc_alloc(call, annotations->len, sizeof(*list));
    message->annotations = rpc_alloc_pointers(call, annotations->len);
    message->n_annotations = annotations->len;
    for (guint i = 0; i < annotations->len; i++) {
        const Label *pair = ((const Labels *)annotations->pdata[i])->labels;
        types__v1__profile_annotation__init(&list[i]);
        list[i].key = (char *)(uintptr_t)pair->name;
        list[i].value = (char *)(uintptr_t)pair->value;
        message->annotations[i] = &list[i];
    }
}

static void
fill_point(RpcCall *call, const QueryPoint *point, const QueryTimeSeriesOptions *options,
           Types__V1__Point *message)
{
    types__v1__point__init(message);
    message->value = point->value;
    message->timestamp = point->time_ms;
    if (point->annotations != NULL)
        fill_annotations(call, point->annotations, message);
    if (point->exemplar == NULL)
        return;
    message->exemplars = rpc_alloc_pointers(call, 1);
    message->exemplars[0] = exemplar_message(call, point->exemplar, options->group_by);
    message->n_exemplars = 1;
}

static void
fill_series(RpcCall *call, const QueryTimeSeries *series, const QueryTimeSeriesOptions *options,
            Types__V1__Series *message)
{
    size_t n_points = series->points->len;
    Types__V1__Point *points = rpc_alloc(call, n_points, sizeof(*points));
    types__v1__series__init(message);
    message->labels = exemplar_labels(call, series->labels, NULL, &message->n_labels);
    message->points = rpc_alloc_pointers(call, n_points);
    message->n_points = n_points;
    for (size_t i = 0; i < n_points; i++) {
        fill_point(call, &g_array_index(series->points, QueryPoint, i), options, &points[i]);
        message->points[i] = &points[i];
    }
}

static void
reply_series(RpcCall *call, const GPtrArray *list, const QueryTimeSeriesOptions *options)
{
    Querier__V1__SelectSeriesResponse response = QUERIER__V1__SELECT_SERIES_RESPONSE__INIT;
    Types__V1__Series *messages = rpc_alloc(call, list->len, sizeof(*messages));
    response.series = rpc_alloc_pointers(call, list->len);
    response.n_series = list->len;
    for (guint i = 0; i < list->len; i++) {
        fill_series(call, g_ptr_array_index(list, i), options, &messages[i]);
        response.series[i] = &messages[i];
    }
    rpc_reply(call, &response.base);
}

static bool
read_options(RpcCall *call, const Querier__V1__SelectSeriesRequest *request,
             QueryTimeSeriesOptions *options, GError **error)
{
    if (request->exemplar_type == TYPES__V1__EXEMPLAR_TYPE__EXEMPLAR_TYPE_SPAN)
        return error_set(error, CRESSET_ERROR_UNIMPLEMENTED,
                         "exemplars of spans are given by SelectHeatmap only");
    if (!exemplar_step(request->step, &options->step_ns, error) ||
        !exemplar_group_by(call, "group_by", request->group_by, request->n_group_by,
                           &options->group_by, error))
        return false;
    if (request->aggregation_presence_case ==
            QUERIER__V1__SELECT_SERIES_REQUEST__AGGREGATION_PRESENCE_AGGREGATION &&
        request->aggregation ==
            QUERIER__V1__TIME_SERIES_AGGREGATION_TYPE__TIME_SERIES_AGGREGATION_TYPE_AVERAGE)
        options->aggregation = QUERY_AVERAGE;
    if (request->limit_presence_case == QUERIER__V1__SELECT_SERIES_REQUEST__LIMIT_PRESENCE_LIMIT)
        options->limit = (size_t)MAX(request->limit, 0);
    options->with_annotations = true;
    options->with_exemplars =
        request->exemplar_type == TYPES__V1__EXEMPLAR_TYPE__EXEMPLAR_TYPE_INDIVIDUAL;
    return true;
}

static void
call_select_series(RpcCall *call)
{
    const Querier__V1__SelectSeriesRequest *request = (const void *)call->message;
    g_autoptr(GError) error = NULL;
    g_auto(Selection) selection = {0};
    g_autoptr(GPtrArray) list = NULL;
    QueryTimeSeriesOptions options = {0};
    if (!read_options(call, request, &options, &error)) {
        rpc_fail(call, error);
        return;
    }
    SelectionInput input = {.profile_type = request->profile_typeid,
                            .selector = request->label_selector,
                            .start_ms = request->start,
                            .end_ms = request->end};
    stacktraces_fill(&input, request->stack_trace_selector);
    switch (selection_init(&selection, call->api, call->http->tenant, &input, &error)) {
    case TIME_RANGE_OK:
        list = query_time_series(&selection.query, &options, &error);
        break;
    case TIME_RANGE_EMPTY:
        list = g_ptr_array_new();
        break;
    case TIME_RANGE_BAD:
        break;
    }
    if (list != NULL)
        reply_series(call, list, &options);
    else
        rpc_fail(call, error);
}

const RpcMethod rpc_select_series = {.request = &querier__v1__select_series_request__descriptor,
                                     .call = call_select_series};
