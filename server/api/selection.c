#include "server/api/selection.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"

#define PROFILE_TYPE_PARTS 5
/* How much of a wrong text its error repeats. */
#define QUOTE_BYTES_MAX 200

enum { IDS_MAX = 65536, PROFILE_ID_BYTES = 16 };

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

/* Reads 32 hexadecimal digits, with or without the dashes of a UUID. */
static bool
parse_profile_id(const char *text, uint8_t *id)
{
    size_t n_digits = 0, length = strlen(text);
    if (length == 36 ? !g_uuid_string_is_valid(text) : length != 32)
        return false;
    for (; *text != '\0'; text++) {
        int digit = g_ascii_xdigit_value(*text);
        if (*text == '-' && length == 36)
            continue;
        if (digit < 0)
            return false;
        id[n_digits / 2] = (uint8_t)(id[n_digits / 2] << 4 | digit);
        n_digits++;
    }
    return n_digits == 32;
}

static int
compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, PROFILE_ID_BYTES);
}

static bool
parse_profile_ids(Selection *selection, const SelectionInput *input, GError **error)
{
    size_t n = input->n_profile_ids;
    if (n > IDS_MAX)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "profile_id_selector has %zu ids, at most %d are allowed", n, IDS_MAX);
    if (n == 0)
        return true;
    selection->profile_ids = g_malloc0(n * PROFILE_ID_BYTES);
    for (size_t i = 0; i < n; i++) {
        const char *text = input->profile_ids[i];
        if (parse_profile_id(text, selection->profile_ids + i * PROFILE_ID_BYTES))
            continue;
        g_autofree char *quoted = g_utf8_make_valid(text, (gssize)strnlen(text, QUOTE_BYTES_MAX));
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "profile_id_selector: '%s' is not a UUID", quoted);
    }
    qsort(selection->profile_ids, n, PROFILE_ID_BYTES, compare_ids);
    return true;
}

/* Reads hexadecimal digits as words of 16 each; false for anything else. */
static bool
parse_words(const char *text, uint64_t *words, size_t n_words)
{
    if (strlen(text) != 16 * n_words || strspn(text, "0123456789abcdefABCDEF") != 16 * n_words)
        return false;
    for (size_t i = 0; i < 16 * n_words; i++)
        words[i / 16] = words[i / 16] << 4 | (uint64_t)g_ascii_xdigit_value(text[i]);
    return true;
}

static int
compare_spans(const void *a, const void *b, void *by_trace)
{
    return query_span_compare(a, b, by_trace != NULL);
}

static bool
parse_span(const char *text, bool by_trace, StoreSpan *ret_span)
{
    uint64_t words[2] = {0};
    if (!parse_words(text, words, by_trace ? 2 : 1))
        return false;
    *ret_span = by_trace ? (StoreSpan){.trace_high = words[0], .trace_low = words[1]}
                         : (StoreSpan){.span = words[0]};
    return true;
}

static bool
parse_spans(Selection *selection, const SelectionInput *input, GError **error)
{
    bool by_trace = input->n_trace_ids > 0;
    size_t n = by_trace ? input->n_trace_ids : input->n_span_ids;
    const char *const *texts = by_trace ? input->trace_ids : input->span_ids;
    const char *name = by_trace ? "trace_id_selector" : "span_selector";
    if (by_trace && input->n_span_ids > 0)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "span_selector and trace_id_selector exclude each other");
    if (n > IDS_MAX)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "%s has %zu ids, at most %d are allowed", name, n, IDS_MAX);
    selection->spans = n > 0 ? g_new0(StoreSpan, n) : NULL;
    for (size_t i = 0; i < n; i++) {
        if (parse_span(texts[i], by_trace, &selection->spans[i]))
            continue;
        g_autofree char *quoted =
            g_utf8_make_valid(texts[i], (gssize)strnlen(texts[i], QUOTE_BYTES_MAX));
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "%s: '%s' is not an id of %d hexadecimal digits", name, quoted,
                         by_trace ? 32 : 16);
    }
    if (n > 0)
        g_qsort_with_data(selection->spans, (gint)n, sizeof *selection->spans, compare_spans,
                          GINT_TO_POINTER(by_trace));
    return true;
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
    if (selection->matchers == NULL || !parse_profile_ids(selection, input, error) ||
        !parse_spans(selection, input, error) ||
        !frame_filter_parse(input->frames, &selection->frame_filter, error))
        return TIME_RANGE_BAD;
    TenantLimits limits;
    tenant_overrides_get(api->overrides, tenant, &limits);
    TimeRange range = {0};
    TimeRangeResult result =
        time_range_resolve(input->start_ms, input->end_ms, api_now_ns(), limits.query_lookback_ns,
                           limits.query_length_ns, &range, error);
    selection->query = (Query){
        .store = api->store,
        .resolver = api->resolver,
        .tenant = tenant,
        .start_ns = range.start_ns,
        .end_ns = range.end_ns,
        .matchers = selection->matchers,
        .profile_type = selection->profile_type,
        .keep_locations = input->keep_locations,
        .aggregate_callees = input->aggregate_callees,
        .profile_ids = selection->profile_ids,
        .n_profile_ids = input->n_profile_ids,
        .spans = selection->spans,
        .n_spans = MAX(input->n_trace_ids, input->n_span_ids),
        .by_trace = input->n_trace_ids > 0,
        .call_site = selection->call_site,
        .frame_filter = selection->frame_filter,
        .include_stripped = limits.include_stripped,
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
    frame_filter_free(selection->frame_filter);
    g_free(selection->profile_ids);
    g_free(selection->spans);
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
    Tree *whole = query_tree(query, error);
    return whole != NULL ? tree_fit(whole, max_nodes, ret_truncated) : NULL;
}

GString *
selection_dot(const Query *query, int64_t max_nodes, int64_t max_functions, GError **error)
{
    if (query == NULL)
        return g_string_new(NULL);
    g_autoptr(Tree) tree = selection_tree(query, max_nodes, NULL, error);
    g_autofree char *unit = profile_type_part(query->profile_type, 2);
    return tree != NULL ? tree_dot(tree, query->profile_type, unit, (size_t)max_functions) : NULL;
}

TreeDiff *
selection_diff(const Query *left, const Query *right, int64_t max_nodes, bool *ret_truncated,
               GError **error)
{
    g_autoptr(Tree) left_tree = NULL;
    g_autoptr(Tree) right_tree = NULL;
    if ((left != NULL && (left_tree = query_tree(left, error)) == NULL) ||
        (right != NULL && (right_tree = query_tree(right, error)) == NULL))
        return NULL;
    return selection_diff_trees(left_tree, right_tree, max_nodes, ret_truncated);
}

TreeDiff *
selection_diff_trees(const Tree *left, const Tree *right, int64_t max_nodes, bool *ret_truncated)
{
    g_autoptr(TreeDiff) whole = tree_diff_new(left, right);
    bool fits = (int64_t)whole->tree->n_nodes - 1 <= max_nodes;
    if (ret_truncated != NULL)
        *ret_truncated = !fits;
    return fits ? g_steal_pointer(&whole) : tree_diff_truncate(whole, max_nodes);
}
