#include "server/api/flamegraph.h"

#include <string.h>

#include "lib/base/error.h"
#include "server/api/columns.h"
#include "server/api/selection.h"

#define MEDIA_TYPE "application/vnd.cresset.flamegraph"

/* A parameter that must be a whole number; absent is `otherwise`. */
static bool
number_param(const HttpRequest *request, const char *name, int64_t otherwise, int64_t *ret_value,
             GError **error)
{
    const char *text = http_request_param(request, name);
    gint64 value = otherwise;
    if (text != NULL && !g_ascii_string_to_signed(text, 10, G_MININT64, G_MAXINT64, &value, NULL))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "parameter %s must be a whole number: got '%s'", name, text);
    *ret_value = value;
    return true;
}

static GStrv
call_site_params(const HttpRequest *request)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    bool any = false;
    for (size_t i = 0; i < request->n_params; i++) {
        if (strcmp(request->params[i].name, "call_site") == 0) {
            g_strv_builder_add(builder, request->params[i].value);
            any = true;
        }
    }
    return any ? g_strv_builder_end(builder) : NULL;
}

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
    int64_t wanted, max_nodes;
    SelectionInput input = {.profile_type = http_request_param(request, "profile_type"),
                            .selector = http_request_param(request, "selector")};
    if (input.profile_type == NULL) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "parameter profile_type is required");
        return NULL;
    }
    if (!number_param(request, "from", 0, &input.start_ms, error) ||
        !number_param(request, "until", 0, &input.end_ms, error) ||
        !number_param(request, "max_nodes", 0, &wanted, error) ||
        !selection_max_nodes(api, request->tenant, true, wanted, &max_nodes, error))
        return NULL;
    input.call_site = call_site_params(request);
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
