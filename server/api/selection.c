#include "server/api/selection.h"

#include <string.h>

#include "lib/base/error.h"

#define PROFILE_TYPE_PARTS 5
/* How much of a wrong text its error repeats. */
#define QUOTE_BYTES_MAX 200

/* Checks the number of parts and cuts off ":delta". */
static char *
normalize_profile_type(const char *text, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(text, ":", -1);
    guint n = g_strv_length(parts);
    bool delta = n == PROFILE_TYPE_PARTS + 1 && strcmp(parts[PROFILE_TYPE_PARTS], "delta") == 0;
    if ((n != PROFILE_TYPE_PARTS && !delta) || parts[0][0] == '\0') {
        g_autofree char *quoted = g_utf8_make_valid(text, (gssize)strnlen(text, QUOTE_BYTES_MAX));
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                  "profile type '%s' must be of the form "
                  "<name>:<type>:<unit>:<period-type>:<period-unit>",
                  quoted);
        return NULL;
    }
    return delta ? g_strndup(text, strlen(text) - strlen(":delta")) : g_strdup(text);
}

char *
profile_type_part(const char *profile_type, unsigned part)
{
    g_auto(GStrv) parts = g_strsplit(profile_type, ":", -1);
    return g_strdup(part < g_strv_length(parts) ? parts[part] : "");
}

static MatcherSet *
parse_selectors(const SelectionInput *input, GError **error)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    if (input->selector != NULL && input->selector[0] != '\0')
        g_ptr_array_add(all, (gpointer)input->selector);
    for (size_t i = 0; i < input->n_selectors; i++)
        g_ptr_array_add(all, (gpointer)input->selectors[i]);
    g_ptr_array_add(all, NULL);
    return matcher_set_parse_all((const char *const *)all->pdata, error);
}

TimeRangeResult
selection_init(Selection *selection, const Api *api, const char *tenant,
               const SelectionInput *input, GError **error)
{
    *selection = (Selection){.call_site = input->call_site};
    if (input->profile_type != NULL) {
        selection->profile_type = normalize_profile_type(input->profile_type, error);
        if (selection->profile_type == NULL)
            return TIME_RANGE_BAD;
    }
    selection->matchers = parse_selectors(input, error);
    if (selection->matchers == NULL)
        return TIME_RANGE_BAD;
    TenantLimits limits;
    tenant_overrides_get(api->overrides, tenant, &limits);
    TimeRange range = {0};
    TimeRangeResult result =
        time_range_resolve(input->start_ms, input->end_ms, api_now_ns(), limits.query_lookback_ns,
                           limits.query_length_ns, &range, error);
    selection->query = (Query){
        .store = api->store,
        .tenant = tenant,
        .start_ns = range.start_ns,
        .end_ns = range.end_ns,
        .matchers = selection->matchers,
        .profile_type = selection->profile_type,
        .call_site = selection->call_site,
        .ret_partial = &selection->partial,
    };
    return result;
}

void
selection_clear(Selection *selection)
{
    g_free(selection->profile_type);
    matcher_set_free(selection->matchers);
    g_strfreev(selection->call_site);
    *selection = (Selection){0};
}

bool
selection_max_nodes(const Api *api, const char *tenant, bool given, int64_t wanted,
                    int64_t *ret_nodes, GError **error)
{
    TenantLimits limits;
    tenant_overrides_get(api->overrides, tenant, &limits);
    if (given && wanted < 0)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "max flamegraph nodes limit must be set (max allowed %" G_GINT64_FORMAT
                         ")",
                         limits.nodes_max);
    if (given && limits.nodes_max > 0 && wanted > limits.nodes_max)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "max flamegraph nodes limit %" G_GINT64_FORMAT
                         " is greater than allowed %" G_GINT64_FORMAT
                         " (limit max_flamegraph_nodes_max)",
                         wanted, limits.nodes_max);
    *ret_nodes = given && wanted > 0 ? wanted : limits.nodes_default;
    return true;
}

Tree *
selection_tree(const Query *query, int64_t max_nodes, bool *ret_truncated, GError **error)
{
    g_autoptr(Tree) whole = query_tree(query, error);
    if (whole == NULL)
        return NULL;
    /* The rule counts the root as no node. */
    bool fits = (int64_t)whole->n_nodes - 1 <= max_nodes;
    if (ret_truncated != NULL)
        *ret_truncated = !fits;
    return fits ? g_steal_pointer(&whole) : tree_truncate(whole, max_nodes);
}
