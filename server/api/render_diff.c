#include "server/api/render_diff.h"

#include <string.h>

#include "lib/base/error.h"
#include "server/api/flame.h"
#include "server/api/render.h"
#include "server/api/selection.h"

/* One side: what was asked for and what it selects. */
typedef struct {
    char *profile_type, *selector_text;
    Selection selection;
    const Query *query; /* NULL: the range holds nothing */
} Side;

static void
side_clear(Side *side)
{
    g_free(side->profile_type);
    g_free(side->selector_text);
    selection_clear(&side->selection);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Side, side_clear)

/* The parameters of a side are called `query`, `from` and `until`. */
static bool
select_side(const HttpRequest *request, const Api *api, const char *query, const char *from,
            const char *until, Side *side, GError **error)
{
    int64_t now_ns = api_now_ns();
    if (!render_split_query(request, query, &side->profile_type, &side->selector_text, error))
        return false;
    const SelectionInput input = {
        .profile_type = side->profile_type,
        .selector = side->selector_text,
        .start_ms = time_text_parse(http_request_param(request, from), now_ns) / 1000000,
        .end_ms = time_text_parse(http_request_param(request, until), now_ns) / 1000000,
    };
    TimeRangeResult result = selection_init(&side->selection, api, request->tenant, &input, error);
    if (result == TIME_RANGE_BAD) {
        g_prefix_error(error, "%s: ", query);
        return false;
    }
    if (result == TIME_RANGE_OK)
        side->query = &side->selection.query;
    return true;
}

static GBytes *
run(const HttpRequest *request, const Api *api, GError **error)
{
    g_auto(Side) left = {0};
    g_auto(Side) right = {0};
    int64_t max_nodes;
    if (!selection_max_nodes(api, request->tenant, true, render_wanted_nodes(request), &max_nodes,
                             error) ||
        !select_side(request, api, "leftQuery", "leftFrom", "leftUntil", &left, error) ||
        !select_side(request, api, "rightQuery", "rightFrom", "rightUntil", &right, error))
        return NULL;
    if (strcmp(left.selection.profile_type, right.selection.profile_type) != 0) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "profile types must match");
        return NULL;
    }
    g_autoptr(TreeDiff) diff = selection_diff(left.query, right.query, max_nodes, NULL, error);
    if (diff == NULL)
        return NULL;
    g_auto(FlameLayout) layout = {0};
    flame_layout_init_diff(&layout, diff);
    g_autofree char *type = profile_type_part(left.selection.profile_type, 1);
    g_autofree char *unit = profile_type_part(left.selection.profile_type, 2);
    return render_document(&layout, type, unit);
}

void
render_diff_handle(HttpRequest *request, void *api)
{
    g_autoptr(GError) error = NULL;
    GBytes *body = run(request, api, &error);
    http_reply(request, body != NULL ? http_response_new(200, "application/json", body)
                                     : http_response_from_error(error));
}
