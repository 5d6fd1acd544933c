#include "server/api/select_heatmap.h"

#include <querier.pb-c.h>

#include "lib/base/error.h"
#include "server/api/exemplar.h"
#include "server/api/selection.h"
#include "server/query/heatmap.h"

static void
fill_slot(RpcCall *call, Heatmap *heatmap, HeatmapSlot *slot, const char *const *group_by,
          Types__V1__HeatmapSlot *message)
{
    types__v1__heatmap_slot__init(message);
    message->timestamp = slot->time_ms;
    message->y_min = heatmap->y_min;
    message->n_y_min = HEATMAP_BUCKETS;
    message->counts = slot->counts;
    message->n_counts = HEATMAP_BUCKETS;
    for (size_t i = 0; i < HEATMAP_BUCKETS; i++) {
        if (slot->exemplars[i] == NULL)
            continue;
        if (message->exemplars == NULL)
            message->exemplars = rpc_alloc_pointers(call, HEATMAP_BUCKETS);
        message->exemplars[message->n_exemplars++] =
            exemplar_message(call, slot->exemplars[i], group_by);
    }
}

static Types__V1__HeatmapSeries *
make_series(RpcCall *call, Heatmap *heatmap, const HeatmapSeries *series,
            const char *const *group_by)
{
    size_t n = series->slots->len;
    Types__V1__HeatmapSeries *message = rpc_alloc(call, 1, sizeof(*message));
    Types__V1__HeatmapSlot *slots = rpc_alloc(call, n, sizeof(*slots));
    types__v1__heatmap_series__init(message);
    message->labels = exemplar_labels(call, series->labels, NULL, &message->n_labels);
    message->slots = rpc_alloc_pointers(call, n);
    message->n_slots = n;
    for (size_t i = 0; i < n; i++) {
        fill_slot(call, heatmap, g_ptr_array_index(series->slots, i), group_by, &slots[i]);
        message->slots[i] = &slots[i];
    }
    return message;
}

/* `heatmap` NULL is no data. */
static void
reply(RpcCall *call, Heatmap *heatmap, const char *const *group_by)
{
    Querier__V1__SelectHeatmapResponse response = QUERIER__V1__SELECT_HEATMAP_RESPONSE__INIT;
    size_t n = heatmap != NULL ? heatmap->series->len : 0;
    response.series = rpc_alloc_pointers(call, n);
    response.n_series = n;
    for (size_t i = 0; i < n; i++)
        response.series[i] =
            make_series(call, heatmap, g_ptr_array_index(heatmap->series, i), group_by);
    rpc_reply(call, &response.base);
}

static bool
read_types(const Querier__V1__SelectHeatmapRequest *request, HeatmapOptions *options,
           GError **error)
{
    bool individual =
        request->query_type == QUERIER__V1__HEATMAP_QUERY_TYPE__HEATMAP_QUERY_TYPE_INDIVIDUAL;
    options->by_span =
        request->query_type == QUERIER__V1__HEATMAP_QUERY_TYPE__HEATMAP_QUERY_TYPE_SPAN;
    if (!individual && !options->by_span)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "query_type must be HEATMAP_QUERY_TYPE_INDIVIDUAL or "
                         "HEATMAP_QUERY_TYPE_SPAN");
    switch (request->exemplar_type) {
    case TYPES__V1__EXEMPLAR_TYPE__EXEMPLAR_TYPE_UNSPECIFIED:
    case TYPES__V1__EXEMPLAR_TYPE__EXEMPLAR_TYPE_NONE:
        return true;
    default:
        options->with_exemplars = true;
        bool of_spans = request->exemplar_type == TYPES__V1__EXEMPLAR_TYPE__EXEMPLAR_TYPE_SPAN;
        return of_spans == options->by_span ||
               error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "exemplar_type must be EXEMPLAR_TYPE_NONE or match query_type");
    }
}

static bool
read_options(RpcCall *call, const Querier__V1__SelectHeatmapRequest *request,
             HeatmapOptions *options, GError **error)
{
    bool limited =
        request->limit_presence_case == QUERIER__V1__SELECT_HEATMAP_REQUEST__LIMIT_PRESENCE_LIMIT;
    if (limited && request->limit < 0)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "limit must not be negative");
    if (limited)
        options->limit = (size_t)request->limit;
    if (request->start != 0 && request->start == request->end)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "start must be before end");
    return exemplar_step(request->step, &options->step_ns, error) &&
           read_types(request, options, error) &&
           exemplar_group_by(call, "group_by", request->group_by, request->n_group_by,
                             &options->group_by, error);
}

static void
call_select_heatmap(RpcCall *call)
{
    const Querier__V1__SelectHeatmapRequest *request = (const void *)call->message;
    g_autoptr(GError) error = NULL;
    g_auto(Selection) selection = {0};
    g_autoptr(Heatmap) heatmap = NULL;
    HeatmapOptions options = {0};
    const SelectionInput input = {.profile_type = request->profile_typeid,
                                  .selector = request->label_selector,
                                  .start_ms = request->start,
                                  .end_ms = request->end};
    if (!read_options(call, request, &options, &error)) {
        rpc_fail(call, error);
        return;
    }
    switch (selection_init(&selection, call->api, call->http->tenant, &input, &error)) {
    case TIME_RANGE_OK:
        heatmap = query_heatmap(&selection.query, &options, &error);
        break;
    case TIME_RANGE_EMPTY:
    case TIME_RANGE_BAD:
        break;
    }
    if (error != NULL)
        rpc_fail(call, error);
    else
        reply(call, heatmap, options.group_by);
}

const RpcMethod rpc_select_heatmap = {.request = &querier__v1__select_heatmap_request__descriptor,
                                      .call = call_select_heatmap};
