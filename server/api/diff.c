#include "server/api/diff.h"

#include <querier.pb-c.h>

#include "server/api/flame.h"
#include "server/api/function_list.h"
#include "server/api/stacktraces.h"

static GBytes *
encode(Codec codec, const TreeDiff *diff)
{
    g_auto(FlameLayout) layout = {0};
    flame_layout_init_diff(&layout, diff);
    return stacktraces_encode(codec, &layout);
}

/* Selects one side. *ret_query is NULL when its range holds nothing. Its `async` does not count: a
 * DiffResponse has no field that could say how a query stands, so both sides are answered here. */
static bool
select_side(const RpcCall *call, const char *name,
            const Querier__V1__SelectMergeStacktracesRequest *request, Selection *selection,
            int64_t *max_nodes, const Query **ret_query, GError **error)
{
    static const Querier__V1__SelectMergeStacktracesRequest empty =
        QUERIER__V1__SELECT_MERGE_STACKTRACES_REQUEST__INIT;
    int64_t wanted = 0;
    TimeRangeResult result =
        stacktraces_select(call, request != NULL ? request : &empty, selection, &wanted, error);
    if (result == TIME_RANGE_BAD) {
        g_prefix_error(error, "%s: ", name);
        return false;
    }
    *max_nodes = MAX(*max_nodes, wanted);
    *ret_query = result == TIME_RANGE_OK ? &selection->query : NULL;
    return true;
}

/* The number of nodes that the request asks for itself stands above those of its sides. */
static bool
read_max_nodes(const RpcCall *call, const Querier__V1__DiffRequest *request, int64_t *max_nodes,
               GError **error)
{
    if (request->max_nodes_presence_case != QUERIER__V1__DIFF_REQUEST__MAX_NODES_PRESENCE_MAX_NODES)
        return true;
    return selection_max_nodes(call->api, call->http->tenant, true, request->max_nodes, max_nodes,
                               error);
}

static void
call_diff(RpcCall *call)
{
    const Querier__V1__DiffRequest *request = (const void *)call->message;
    g_autoptr(GError) error = NULL;
    g_auto(Selection) left = {0};
    g_auto(Selection) right = {0};
    const Query *left_query = NULL, *right_query = NULL;
    int64_t max_nodes = 0;
    bool as_functions = request->format == QUERIER__V1__PROFILE_FORMAT__PROFILE_FORMAT_FUNCTIONS;
    g_autoptr(TreeDiff) diff = NULL;
    if (select_side(call, "left", request->left, &left, &max_nodes, &left_query, &error) &&
        select_side(call, "right", request->right, &right, &max_nodes, &right_query, &error) &&
        read_max_nodes(call, request, &max_nodes, &error))
        diff = selection_diff(left_query, right_query, as_functions ? INT64_MAX : max_nodes, NULL,
                              &error);
    if (diff == NULL)
        rpc_fail(call, error);
    else if (as_functions)
        rpc_reply_bytes(call, function_list_answer_diff(call, diff, max_nodes));
    else
        rpc_reply_bytes(call, encode(call->codec, diff));
}

const RpcMethod rpc_diff = {.request = &querier__v1__diff_request__descriptor, .call = call_diff};
