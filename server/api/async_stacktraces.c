#include "server/api/async_stacktraces.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/pprof/wire.h"
#include "server/api/select.h"
#include "server/api/stacktraces.h"

/* Of an answer that goes into the other codec: its text or wire size may be so large, and decoded
 * takes so many times as much. */
#define OTHER_CODEC_BYTES_MAX (32 * 1024 * 1024)
#define OTHER_CODEC_FACTOR    16

bool
async_stacktraces_wanted(const Querier__V1__SelectMergeStacktracesRequest *request)
{
    const Querier__V1__AsyncQueryRequest *async = request->async;
    return async != NULL && (async->type == QUERIER__V1__ASYNC_QUERY_TYPE__ASYNC_QUERY_TYPE_FORCE ||
                             async->request_id[0] != '\0');
}

/* A response with nothing but `async`; strings are borrowed. */
static GBytes *
encode_status(Codec codec, const char *id, Querier__V1__AsyncQueryStatus status,
              const char *failure)
{
    Querier__V1__AsyncQueryResponse async = QUERIER__V1__ASYNC_QUERY_RESPONSE__INIT;
    Querier__V1__SelectMergeStacktracesResponse response =
        QUERIER__V1__SELECT_MERGE_STACKTRACES_RESPONSE__INIT;
    async.request_id = (char *)id;
    async.status = status;
    if (failure != NULL)
        async.error_message = (char *)failure;
    response.async = &async;
    return codec_encode(codec, &response.base);
}

/* Fields of protobuf follow each other, in their order: an answer has one beside `async`. */
static GBytes *
join_proto(GBytes *answer, GBytes *status)
{
    gsize answer_size, status_size;
    const uint8_t *answer_data = g_bytes_get_data(answer, &answer_size);
    const uint8_t *status_data = g_bytes_get_data(status, &status_size);
    WireBuffer out = {0};
    bool is_first = answer_size > 0 && answer_data[0] < status_data[0]; /* their tags */
    if (is_first)
        wire_put_raw(&out, answer_data, answer_size);
    wire_put_raw(&out, status_data, status_size);
    if (!is_first)
        wire_put_raw(&out, answer_data, answer_size);
    return g_bytes_new_take(out.data, out.size);
}

/* The members of both objects, with a comma between them. */
static GBytes *
join_json(GBytes *answer, GBytes *status)
{
    gsize answer_size, status_size;
    const char *answer_data = g_bytes_get_data(answer, &answer_size);
    const char *status_data = g_bytes_get_data(status, &status_size);
    GString *out = g_string_sized_new(answer_size + status_size);
    g_string_append_len(out, answer_data, (gssize)answer_size - 1);
    if (answer_size > strlen("{}"))
        g_string_append_c(out, ',');
    g_string_append_len(out, status_data + 1, (gssize)status_size - 1);
    return g_string_free_to_bytes(out);
}

GBytes *
async_stacktraces_run(const AsyncQuery *query, void *api, GError **error)
{
    g_autoptr(RpcCall) call = rpc_call_new(api, query->tenant, query->codec, query->body,
                                           &rpc_select_merge_stacktraces, error);
    if (call == NULL)
        return NULL;
    g_autoptr(GBytes) answer = select_merge_stacktraces(call, (const void *)call->message, error);
    if (answer == NULL)
        return NULL;
    g_autoptr(GBytes) status = encode_status(
        query->codec, query->id, QUERIER__V1__ASYNC_QUERY_STATUS__ASYNC_QUERY_STATUS_SUCCESS, NULL);
    return query->codec == CODEC_JSON ? join_json(answer, status) : join_proto(answer, status);
}

/* What is wrong with the request is said at once. */
static bool
check(const RpcCall *call, const Querier__V1__SelectMergeStacktracesRequest *request,
      GError **error)
{
    g_auto(Selection) selection = {0};
    int64_t max_nodes;
    return stacktraces_select(call, request, &selection, &max_nodes, error) != TIME_RANGE_BAD;
}

static GBytes *
submit(const RpcCall *call, const Querier__V1__SelectMergeStacktracesRequest *request,
       GError **error)
{
    TenantLimits limits;
    g_autofree char *id = NULL;
    if (!check(call, request, error))
        return NULL;
    g_autoptr(GBytes) body = g_bytes_new(call->http->body, call->http->body_size);
    const AsyncQuery query = {.tenant = call->http->tenant, .codec = call->codec, .body = body};
    tenant_overrides_get(call->api->overrides, query.tenant, &limits);
    if (!async_queries_submit(call->api->async_queries, &query, limits.async_queries_max, &id,
                              error))
        return NULL;
    return encode_status(call->codec, id,
                         QUERIER__V1__ASYNC_QUERY_STATUS__ASYNC_QUERY_STATUS_IN_PROGRESS, NULL);
}

/* An answer in this codec, whichever the query was submitted in. */
static GBytes *
answer_in(Codec codec, const AsyncQueryResult *result, GError **error)
{
    if (result->codec == codec)
        return g_bytes_ref(result->answer);
    gsize size;
    const uint8_t *data = g_bytes_get_data(result->answer, &size);
    if (size > OTHER_CODEC_BYTES_MAX) {
        error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                  "the answer has %zu bytes, of which at most %d are sent in another codec than "
                  "the query came in: ask for %s",
                  size, OTHER_CODEC_BYTES_MAX, codec_media_type(result->codec));
        return NULL;
    }
    g_autoptr(Arena) arena = arena_new(size * OTHER_CODEC_FACTOR + 65536);
    const ProtobufCMessage *message =
        codec_decode(result->codec, &querier__v1__select_merge_stacktraces_response__descriptor,
                     data, size, arena, error);
    return message != NULL ? codec_encode(codec, message) : NULL;
}

static GBytes *
get_answer(const RpcCall *call, const char *id, GError **error)
{
    g_auto(AsyncQueryResult) result = {0};
    if (!async_queries_get(call->api->async_queries, call->http->tenant, id, &result, error))
        return NULL;
    switch (result.status) {
    case ASYNC_QUERY_SUCCESS:
        return answer_in(call->codec, &result, error);
    case ASYNC_QUERY_FAILURE:
        return encode_status(call->codec, id,
                             QUERIER__V1__ASYNC_QUERY_STATUS__ASYNC_QUERY_STATUS_FAILURE,
                             result.failure);
    case ASYNC_QUERY_IN_PROGRESS:
        break;
    }
    return encode_status(call->codec, id,
                         QUERIER__V1__ASYNC_QUERY_STATUS__ASYNC_QUERY_STATUS_IN_PROGRESS, NULL);
}

void
async_stacktraces_reply(RpcCall *call, const Querier__V1__SelectMergeStacktracesRequest *request)
{
    g_autoptr(GError) error = NULL;
    const char *id = request->async->request_id;
    GBytes *body = id[0] != '\0' ? get_answer(call, id, &error) : submit(call, request, &error);
    if (body != NULL)
        rpc_reply_bytes(call, body);
    else
        rpc_fail(call, error);
}
