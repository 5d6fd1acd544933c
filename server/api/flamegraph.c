#include "server/api/flamegraph.h"

#include "server/api/columns.h"
#include "server/api/params.h"

#define MEDIA_TYPE "application/vnd.cresset.flamegraph"

static GBytes *
encode(const Tree *tree, bool truncated, const Selection *selection, const SelectionInput *input)
{
    g_auto(FlameLayout) layout = {0};
    flame_layout_init(&layout, tree);
    g_autofree char *unit = profile_type_part(selection->profile_type, 2);
    const ColumnsMeta meta = {
        .unit = unit,
        .profile_type = selection->profile_type,
        .start_ms = input->start_ms,
        .end_ms = input->end_ms,
        .truncated = truncated,
        .partial = selection->partial,
    };
    return columns_encode(&layout, &meta);
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
    switch (selection_init(&selection, api, request->tenant, &input, error)) {
    case TIME_RANGE_OK: {
        bool truncated;
        g_autoptr(Tree) tree = selection_tree(&selection.query, max_nodes, &truncated, error);
        return tree != NULL ? encode(tree, truncated, &selection, &input) : NULL;
    }
    case TIME_RANGE_EMPTY:
        return encode(NULL, false, &selection, &input);
    case TIME_RANGE_BAD:
        break;
    }
    return NULL;
}

void
flamegraph_handle(HttpRequest *request, void *api)
{
    g_autoptr(GError) error = NULL;
    GBytes *body = run(request, api, &error);
    HttpResponse *response =
        body != NULL ? http_response_new(200, MEDIA_TYPE, body) : http_response_from_error(error);
    http_response_set_header(response, "Cache-Control", "no-store");
    http_reply(request, response);
}
