#include "server/api/select.h"

#include <profile.pb-c.h>
#include <querier.pb-c.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/pprof/wire.h"
#include "server/api/flame.h"
#include "server/api/protojson.h"
#include "server/api/selection.h"

/* Fields of SelectMergeStacktracesResponse and PprofProfile. */
enum { FIELD_FLAMEGRAPH = 1, FIELD_TREE = 2, FIELD_PPROF = 5, FIELD_PROFILE = 1 };

/* About what a node of a flame graph takes as JSON. */
#define JSON_BYTES_PER_NODE 28

/* A decoded profile takes about five times its wire size; the rest is headroom. */
#define PPROF_JSON_FACTOR 16

static GStrv
call_site_of(const Types__V1__StackTraceSelector *selector)
{
    if (selector == NULL || selector->n_call_site == 0)
        return NULL;
    GStrv names = g_new0(char *, selector->n_call_site + 1);
    for (size_t i = 0; i < selector->n_call_site; i++)
        names[i] = g_strdup(selector->call_site[i]->name);
    return names;
}

/* Refuses what a request asks for and this server cannot do, rather than ignoring it. */
static bool
refuse_selectors(size_t profile_ids, size_t trace_ids, size_t span_ids, GError **error)
{
    const char *name = profile_ids > 0 ? "profile_id_selector"
                       : trace_ids > 0 ? "trace_id_selector"
                       : span_ids > 0  ? "span_selector"
                                       : NULL;
    return name == NULL ||
           error_set(error, CRESSET_ERROR_UNIMPLEMENTED, "%s is not supported", name);
}

/* Series */

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
                                  .call_site = call_site_of(request->stack_trace_selector)};
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

/* Flame graphs */

static GBytes *
encode_flame_graph(Codec codec, const Tree *tree)
{
    g_auto(FlameLayout) layout = {0};
    flame_layout_init(&layout, tree);
    if (codec == CODEC_PROTO)
        return flame_encode_proto(&layout, FIELD_FLAMEGRAPH);
    JsonWriter json;
    jsonw_init(&json, 4096 + JSON_BYTES_PER_NODE * (size_t)layout.tree->n_nodes);
    jsonw_object_begin(&json);
    jsonw_key(&json, "flamegraph");
    flame_write_json(&layout, FLAME_PROTOJSON, &json);
    jsonw_object_end(&json);
    return jsonw_finish(&json);
}

static GBytes *
encode_tree(Codec codec, const Tree *tree)
{
    g_autoptr(GBytes) bytes = flame_encode_tree(tree);
    Querier__V1__SelectMergeStacktracesResponse response =
        QUERIER__V1__SELECT_MERGE_STACKTRACES_RESPONSE__INIT;
    response.tree.data = (uint8_t *)g_bytes_get_data(bytes, &response.tree.len);
    return codec_encode(codec, &response.base);
}

static GBytes *
encode_stacktraces(RpcCall *call, const Query *query, int64_t max_nodes, bool as_tree,
                   GError **error)
{
    g_autoptr(Tree) tree = NULL;
    if (query != NULL) {
        tree = selection_tree(query, max_nodes, NULL, error);
        if (tree == NULL)
            return NULL;
    }
    return as_tree ? encode_tree(call->codec, tree) : encode_flame_graph(call->codec, tree);
}

/* Writes a pprof as JSON: the object alone. */
static bool
write_pprof_json(GBytes *pprof, JsonWriter *json, GError **error)
{
    size_t size;
    const uint8_t *data = g_bytes_get_data(pprof, &size);
    g_autoptr(Arena) arena = arena_new(size * PPROF_JSON_FACTOR + 65536);
    ProtobufCMessage *message =
        codec_decode(CODEC_PROTO, &google__v1__profile__descriptor, data, size, arena, error);
    if (message == NULL)
        return false;
    protojson_encode(json, message);
    return true;
}

/* The profile inside SelectMergeStacktracesResponse.pprof. */
static GBytes *
wrap_pprof(Codec codec, GBytes *pprof, GError **error)
{
    if (codec == CODEC_JSON) {
        g_auto(JsonWriter) json;
        jsonw_init(&json, 4096);
        jsonw_object_begin(&json);
        jsonw_key(&json, "pprof");
        jsonw_object_begin(&json);
        jsonw_key(&json, "profile");
        if (!write_pprof_json(pprof, &json, error))
            return NULL;
        jsonw_object_end(&json);
        jsonw_object_end(&json);
        return jsonw_finish(&json);
    }
    size_t size;
    const void *data = g_bytes_get_data(pprof, &size);
    WireBuffer out = {0};
    wire_put_varint(&out, WIRE_TAG(FIELD_PPROF, WIRE_BYTES));
    wire_put_varint(&out, 1 + wire_varint_size(size) + size);
    wire_put_bytes(&out, FIELD_PROFILE, data, size);
    return g_bytes_new_take(out.data, out.size);
}

static GBytes *
empty_pprof(void)
{
    Google__V1__Profile profile = GOOGLE__V1__PROFILE__INIT;
    return codec_encode(CODEC_PROTO, &profile.base);
}

static GBytes *
answer_stacktraces(RpcCall *call, const Querier__V1__SelectMergeStacktracesRequest *request,
                   const Query *query, int64_t max_nodes, GError **error)
{
    switch (request->format) {
    case QUERIER__V1__PROFILE_FORMAT__PROFILE_FORMAT_TREE:
        return encode_stacktraces(call, query, max_nodes, true, error);
    case QUERIER__V1__PROFILE_FORMAT__PROFILE_FORMAT_PPROF: {
        g_autoptr(GBytes) pprof = query != NULL ? query_pprof(query, error) : empty_pprof();
        return pprof != NULL ? wrap_pprof(call->codec, pprof, error) : NULL;
    }
    case QUERIER__V1__PROFILE_FORMAT__PROFILE_FORMAT_DOT:
        error_set(error, CRESSET_ERROR_UNIMPLEMENTED, "format DOT is not supported");
        return NULL;
    default:
        return encode_stacktraces(call, query, max_nodes, false, error);
    }
}

static bool
check_stacktraces(const RpcCall *call, const Querier__V1__SelectMergeStacktracesRequest *request,
                  int64_t *ret_max_nodes, GError **error)
{
    if (request->async != NULL &&
        request->async->type == QUERIER__V1__ASYNC_QUERY_TYPE__ASYNC_QUERY_TYPE_FORCE)
        return error_set(error, CRESSET_ERROR_UNIMPLEMENTED, "async queries are not supported");
    bool given = request->max_nodes_presence_case ==
                 QUERIER__V1__SELECT_MERGE_STACKTRACES_REQUEST__MAX_NODES_PRESENCE_MAX_NODES;
    return refuse_selectors(request->n_profile_id_selector, request->n_trace_id_selector,
                            request->n_span_selector, error) &&
           selection_max_nodes(call->api, call->http->tenant, given, request->max_nodes,
                               ret_max_nodes, error);
}

static void
call_select_merge_stacktraces(RpcCall *call)
{
    const Querier__V1__SelectMergeStacktracesRequest *request = (const void *)call->message;
    g_autoptr(GError) error = NULL;
    g_auto(Selection) selection = {0};
    GBytes *body = NULL;
    int64_t max_nodes;
    if (!check_stacktraces(call, request, &max_nodes, &error)) {
        rpc_fail(call, error);
        return;
    }
    const SelectionInput input = {.profile_type = request->profile_typeid,
                                  .selector = request->label_selector,
                                  .start_ms = request->start,
                                  .end_ms = request->end,
                                  .call_site = call_site_of(request->stack_trace_selector)};
    switch (selection_init(&selection, call->api, call->http->tenant, &input, &error)) {
    case TIME_RANGE_OK:
        body = answer_stacktraces(call, request, &selection.query, max_nodes, &error);
        break;
    case TIME_RANGE_EMPTY:
        body = answer_stacktraces(call, request, NULL, max_nodes, &error);
        break;
    case TIME_RANGE_BAD:
        break;
    }
    if (body != NULL)
        rpc_reply_bytes(call, body);
    else
        rpc_fail(call, error);
}

/* Profiles: the answer is the pprof itself, without a message around it. */

static GBytes *
encode_profile(Codec codec, GBytes *pprof, GError **error)
{
    if (codec == CODEC_PROTO)
        return g_bytes_ref(pprof);
    g_auto(JsonWriter) json;
    jsonw_init(&json, 4096);
    return write_pprof_json(pprof, &json, error) ? jsonw_finish(&json) : NULL;
}

static void
call_select_merge_profile(RpcCall *call)
{
    const Querier__V1__SelectMergeProfileRequest *request = (const void *)call->message;
    g_autoptr(GError) error = NULL;
    g_auto(Selection) selection = {0};
    g_autoptr(GBytes) pprof = NULL;
    if (!refuse_selectors(request->n_profile_id_selector, request->n_trace_id_selector, 0,
                          &error)) {
        rpc_fail(call, error);
        return;
    }
    const SelectionInput input = {.profile_type = request->profile_typeid,
                                  .selector = request->label_selector,
                                  .start_ms = request->start,
                                  .end_ms = request->end,
                                  .call_site = call_site_of(request->stack_trace_selector)};
    switch (selection_init(&selection, call->api, call->http->tenant, &input, &error)) {
    case TIME_RANGE_OK:
        pprof = query_pprof(&selection.query, &error);
        break;
    case TIME_RANGE_EMPTY:
        pprof = empty_pprof();
        break;
    case TIME_RANGE_BAD:
        break;
    }
    GBytes *body = pprof != NULL ? encode_profile(call->codec, pprof, &error) : NULL;
    if (body != NULL)
        rpc_reply_bytes(call, body);
    else
        rpc_fail(call, error);
}

const RpcMethod rpc_select_series = {.request = &querier__v1__select_series_request__descriptor,
                                     .call = call_select_series};
const RpcMethod rpc_select_merge_stacktraces = {
    .request = &querier__v1__select_merge_stacktraces_request__descriptor,
    .call = call_select_merge_stacktraces};
const RpcMethod rpc_select_merge_profile = {
    .request = &querier__v1__select_merge_profile_request__descriptor,
    .call = call_select_merge_profile};
