#include "server/api/select.h"

#include <profile.pb-c.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/pprof/wire.h"
#include "server/api/async_stacktraces.h"
#include "server/api/flame.h"
#include "server/api/function_list.h"
#include "server/api/protojson.h"
#include "server/api/sandwich.h"
#include "server/api/selection.h"
#include "server/api/stacktraces.h"

/* Fields of SelectMergeStacktracesResponse and PprofProfile. */
enum { FIELD_PPROF = 5, FIELD_PROFILE = 1 };

/* A decoded profile takes about five times its wire size; the rest is headroom. Its JSON takes as
 * much again, so large ones are for the binary form. */
#define PPROF_JSON_FACTOR    16
#define PPROF_JSON_BYTES_MAX (32 * 1024 * 1024)

/* Flame graphs */

static GBytes *
encode_flame_graph(Codec codec, const Tree *tree)
{
    g_auto(FlameLayout) layout = {0};
    flame_layout_init(&layout, tree);
    return stacktraces_encode(codec, &layout);
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
    if (size > PPROF_JSON_BYTES_MAX)
        return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                         "the profile has %zu bytes, as JSON at most %d are sent: ask for "
                         "application/proto",
                         size, PPROF_JSON_BYTES_MAX);
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
encode_dot(RpcCall *call, const Querier__V1__SelectMergeStacktracesRequest *request,
           const Query *query, int64_t max_nodes, GError **error)
{
    Querier__V1__SelectMergeStacktracesResponse response =
        QUERIER__V1__SELECT_MERGE_STACKTRACES_RESPONSE__INIT;
    if (request->max_nodes_presence_case !=
            QUERIER__V1__SELECT_MERGE_STACKTRACES_REQUEST__MAX_NODES_PRESENCE_MAX_NODES ||
        request->max_nodes == 0)
        max_nodes = DOT_MERGE_NODES;
    g_autoptr(GString) dot = selection_dot(query, max_nodes, DOT_DRAW_NODES, error);
    if (dot == NULL)
        return NULL;
    response.dot = dot->str;
    return codec_encode(call->codec, &response.base);
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
        return encode_dot(call, request, query, max_nodes, error);
    case QUERIER__V1__PROFILE_FORMAT__PROFILE_FORMAT_FUNCTIONS:
        return function_list_answer(call, query, max_nodes, error);
    case QUERIER__V1__PROFILE_FORMAT__PROFILE_FORMAT_SANDWICH:
        return sandwich_answer(call, query, request->sandwich_function, max_nodes, error);
    default:
        return encode_stacktraces(call, query, max_nodes, false, error);
    }
}

GBytes *
select_merge_stacktraces(RpcCall *call, const Querier__V1__SelectMergeStacktracesRequest *request,
                         GError **error)
{
    g_auto(Selection) selection = {0};
    int64_t max_nodes;
    switch (stacktraces_select(call, request, &selection, &max_nodes, error)) {
    case TIME_RANGE_OK:
        return answer_stacktraces(call, request, &selection.query, max_nodes, error);
    case TIME_RANGE_EMPTY:
        return answer_stacktraces(call, request, NULL, max_nodes, error);
    case TIME_RANGE_BAD:
        break;
    }
    return NULL;
}

static void
reply_stacktraces(RpcCall *call, const Querier__V1__SelectMergeStacktracesRequest *request)
{
    g_autoptr(GError) error = NULL;
    GBytes *body = select_merge_stacktraces(call, request, &error);
    if (body != NULL)
        rpc_reply_bytes(call, body);
    else
        rpc_fail(call, error);
}

static void
call_select_merge_stacktraces(RpcCall *call)
{
    const Querier__V1__SelectMergeStacktracesRequest *request = (const void *)call->message;
    if (async_stacktraces_wanted(request))
        async_stacktraces_reply(call, request);
    else
        reply_stacktraces(call, request);
}

/* The older way to ask for the stacks of spans; flamegraph and tree are the same fields of its
 * response. */
static void
call_select_merge_span_profile(RpcCall *call)
{
    const Querier__V1__SelectMergeSpanProfileRequest *from = (const void *)call->message;
    if (from->n_span_selector == 0) {
        g_autoptr(GError) error = NULL;
        error_set(&error, CRESSET_ERROR_INVALID_ARGUMENT, "span_selector is required");
        rpc_fail(call, error);
        return;
    }
    Querier__V1__SelectMergeStacktracesRequest request =
        QUERIER__V1__SELECT_MERGE_STACKTRACES_REQUEST__INIT;
    request.profile_typeid = from->profile_typeid;
    request.label_selector = from->label_selector;
    request.start = from->start;
    request.end = from->end;
    request.span_selector = from->span_selector;
    request.n_span_selector = from->n_span_selector;
    if (from->format == QUERIER__V1__PROFILE_FORMAT__PROFILE_FORMAT_TREE)
        request.format = from->format;
    if (from->max_nodes_presence_case ==
        QUERIER__V1__SELECT_MERGE_SPAN_PROFILE_REQUEST__MAX_NODES_PRESENCE_MAX_NODES) {
        request.max_nodes_presence_case =
            QUERIER__V1__SELECT_MERGE_STACKTRACES_REQUEST__MAX_NODES_PRESENCE_MAX_NODES;
        request.max_nodes = from->max_nodes;
    }
    reply_stacktraces(call, &request);
}

/* Profiles: the answer is the pprof itself, without a message around it. It is complete whatever
 * max_nodes says, as with Pyroscope, whose clients send it all the same. */

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
    SelectionInput input = {
        .profile_type = request->profile_typeid,
        .selector = request->label_selector,
        .start_ms = request->start,
        .end_ms = request->end,
        .profile_ids = (const char *const *)request->profile_id_selector,
        .n_profile_ids = request->n_profile_id_selector,
        .trace_ids = (const char *const *)request->trace_id_selector,
        .n_trace_ids = request->n_trace_id_selector,
    };
    stacktraces_fill(&input, request->stack_trace_selector);
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

const RpcMethod rpc_select_merge_stacktraces = {
    .request = &querier__v1__select_merge_stacktraces_request__descriptor,
    .call = call_select_merge_stacktraces};
const RpcMethod rpc_select_merge_span_profile = {
    .request = &querier__v1__select_merge_span_profile_request__descriptor,
    .call = call_select_merge_span_profile};
const RpcMethod rpc_select_merge_profile = {
    .request = &querier__v1__select_merge_profile_request__descriptor,
    .call = call_select_merge_profile};
