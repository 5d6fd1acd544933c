#include "server/api/flamegraph.h"

#include "lib/base/error.h"
#include "server/api/columns.h"
#include "server/api/params.h"
#include "server/query/sandwich.h"

#define MEDIA_TYPE "application/vnd.cresset.flamegraph"

static GBytes *
encode(const FlameLayout *layout, bool truncated, const Selection *selection,
       const SelectionInput *input, const SelectionInput *right)
{
    g_autofree char *unit = profile_type_part(selection->profile_type, 2);
    const ColumnsMeta meta = {
        .unit = unit,
        .profile_type = selection->profile_type,
        .start_ms = input->start_ms,
        .end_ms = input->end_ms,
        .right_start_ms = right != NULL ? right->start_ms : 0,
        .right_end_ms = right != NULL ? right->end_ms : 0,
        .truncated = truncated,
        .partial = selection->partial,
    };
    return columns_encode(layout, &meta);
}

/* The whole tree, or that of one function. */
static Tree *
query_view(const HttpRequest *request, const Query *query, GError **error)
{
    const char *callees_of = http_request_param(request, "callees_of");
    const char *callers_of = http_request_param(request, "callers_of");
    if (callees_of != NULL && callers_of != NULL) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                  "parameters callees_of and callers_of exclude each other");
        return NULL;
    }
    g_autoptr(Tree) tree = query_tree(query, error);
    if (tree == NULL || (callees_of == NULL && callers_of == NULL))
        return g_steal_pointer(&tree);
    return callees_of != NULL ? tree_callees(tree, callees_of)
                              : tree_callers(tree, callers_of, error);
}

static GBytes *
run(const HttpRequest *request, const Api *api, GError **error)
{
    SelectionInput input = {0};
    int64_t max_nodes;
    if (!params_read_nodes(request, api, &max_nodes, error) ||
        !params_read_selection(request, &input, error))
        return NULL;
    g_auto(Selection) selection = {0};
    g_autoptr(Tree) tree = NULL;
    bool truncated = false;
    TimeRangeResult result = selection_init(&selection, api, request->tenant, &input, error);
    if (result == TIME_RANGE_OK) {
        g_autoptr(Tree) whole = query_view(request, &selection.query, error);
        if (whole == NULL)
            return NULL;
        tree = tree_fit(g_steal_pointer(&whole), max_nodes, &truncated);
    }
    if (result == TIME_RANGE_BAD)
        return NULL;
    g_auto(FlameLayout) layout = {0};
    flame_layout_init(&layout, tree);
    return encode(&layout, truncated, &selection, &input, NULL);
}

static GBytes *
run_diff(const HttpRequest *request, const Api *api, GError **error)
{
    SelectionInput left_input = {0}, right_input = {0};
    int64_t max_nodes;
    g_auto(Selection) left = {0};
    g_auto(Selection) right = {0};
    if (!params_read_nodes(request, api, &max_nodes, error) ||
        !params_read_selection(request, &left_input, error))
        return NULL;
    TimeRangeResult left_result = selection_init(&left, api, request->tenant, &left_input, error);
    if (left_result == TIME_RANGE_BAD ||
        !params_read_right(request, &left_input, &right_input, error))
        return NULL;
    TimeRangeResult right_result =
        selection_init(&right, api, request->tenant, &right_input, error);
    if (right_result == TIME_RANGE_BAD) {
        g_prefix_error(error, "right: ");
        return NULL;
    }
    bool truncated;
    g_autoptr(Tree) left_tree = NULL;
    g_autoptr(Tree) right_tree = NULL;
    if ((left_result == TIME_RANGE_OK &&
         (left_tree = query_view(request, &left.query, error)) == NULL) ||
        (right_result == TIME_RANGE_OK &&
         (right_tree = query_view(request, &right.query, error)) == NULL))
        return NULL;
    g_autoptr(TreeDiff) diff = selection_diff_trees(left_tree, right_tree, max_nodes, &truncated);
    left.partial |= right.partial;
    g_auto(FlameLayout) layout = {0};
    flame_layout_init_diff(&layout, diff);
    return encode(&layout, truncated, &left, &left_input, &right_input);
}

void
flamegraph_handle(HttpRequest *request, void *api)
{
    g_autoptr(GError) error = NULL;
    GBytes *body = run(request, api, &error);
    api_reply(request, MEDIA_TYPE, body, error);
}

void
flamegraph_handle_diff(HttpRequest *request, void *api)
{
    g_autoptr(GError) error = NULL;
    GBytes *body = run_diff(request, api, &error);
    api_reply(request, MEDIA_TYPE, body, error);
}
