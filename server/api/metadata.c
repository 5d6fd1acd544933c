#include "server/api/metadata.h"

#include <querier.pb-c.h>
#include <string.h>

#include "lib/base/error.h"
#include "server/api/exemplar.h"
#include "server/api/selection.h"
#include "server/http/header.h"

#define MS_PER_HOUR INT64_C(3600000)

/* Begins a metadata query. False when the call has been answered: by an error, or by `empty`. */
static bool
begin(RpcCall *call, Selection *selection, const SelectionInput *input,
      const ProtobufCMessage *empty)
{
    g_autoptr(GError) error = NULL;
    switch (selection_init(selection, call->api, call->http->tenant, input, &error)) {
    case TIME_RANGE_OK:
        return true;
    case TIME_RANGE_EMPTY:
        rpc_reply(call, empty);
        return false;
    case TIME_RANGE_BAD:
        break;
    }
    rpc_fail(call, error);
    return false;
}

/* Whether the client copes with label names beyond [a-zA-Z_][a-zA-Z0-9_]*. */
static bool
accepts_utf8_names(const HttpRequest *request)
{
    bool asks;
    const char *accept = http_request_header(request, "Accept");
    return header_read_accept(accept, "allow-utf8-labelnames", "true", &asks) && asks;
}

static bool
is_classic_name(const char *name)
{
    if (!g_ascii_isalpha(name[0]) && name[0] != '_')
        return false;
    for (; *name != '\0'; name++) {
        if (!g_ascii_isalnum(*name) && *name != '_')
            return false;
    }
    return true;
}

static char *
part(RpcCall *call, char **parts, size_t i)
{
    char *copy = g_strdup(i < g_strv_length(parts) ? parts[i] : "");
    g_ptr_array_add(call->scratch, copy);
    return copy;
}

static void
call_profile_types(RpcCall *call)
{
    const Querier__V1__ProfileTypesRequest *request = (const void *)call->message;
    Querier__V1__ProfileTypesResponse response = QUERIER__V1__PROFILE_TYPES_RESPONSE__INIT;
    int64_t now_ms = api_now_ns() / 1000000;
    bool recent = request->start == 0 && request->end == 0;
    const SelectionInput input = {.start_ms = recent ? now_ms - MS_PER_HOUR : request->start,
                                  .end_ms = recent ? now_ms : request->end};
    g_auto(Selection) selection = {0};
    if (!begin(call, &selection, &input, &response.base))
        return;
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) ids = query_profile_types(&selection.query, &error);
    if (ids == NULL) {
        rpc_fail(call, error);
        return;
    }
    size_t n = g_strv_length(ids);
    Types__V1__ProfileType *types = rpc_alloc(call, n, sizeof(*types));
    response.profile_types = rpc_alloc_pointers(call, n);
    response.n_profile_types = n;
    for (size_t i = 0; i < n; i++) {
        g_auto(GStrv) parts = g_strsplit(ids[i], ":", -1);
        types[i] = (Types__V1__ProfileType)TYPES__V1__PROFILE_TYPE__INIT;
        types[i].id = ids[i];
        types[i].name = part(call, parts, 0);
        types[i].sample_type = part(call, parts, 1);
        types[i].sample_unit = part(call, parts, 2);
        types[i].period_type = part(call, parts, 3);
        types[i].period_unit = part(call, parts, 4);
        response.profile_types[i] = &types[i];
    }
    rpc_reply(call, &response.base);
}

static void
call_label_names(RpcCall *call)
{
    const Types__V1__LabelNamesRequest *request = (const void *)call->message;
    Types__V1__LabelNamesResponse response = TYPES__V1__LABEL_NAMES_RESPONSE__INIT;
    const SelectionInput input = {.selectors = (const char *const *)request->matchers,
                                  .n_selectors = request->n_matchers,
                                  .start_ms = request->start,
                                  .end_ms = request->end};
    g_auto(Selection) selection = {0};
    if (!begin(call, &selection, &input, &response.base))
        return;
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) names = query_label_names(&selection.query, &error);
    if (names == NULL) {
        rpc_fail(call, error);
        return;
    }
    bool all = accepts_utf8_names(call->http);
    response.names = rpc_alloc_pointers(call, g_strv_length(names));
    for (size_t i = 0; names[i] != NULL; i++) {
        if (all || is_classic_name(names[i]))
            response.names[response.n_names++] = names[i];
    }
    rpc_reply(call, &response.base);
}

static void
call_label_values(RpcCall *call)
{
    const Types__V1__LabelValuesRequest *request = (const void *)call->message;
    Types__V1__LabelValuesResponse response = TYPES__V1__LABEL_VALUES_RESPONSE__INIT;
    g_autoptr(GError) error = NULL;
    if (request->name[0] == '\0') {
        error_set(&error, CRESSET_ERROR_INVALID_ARGUMENT, "name is required");
        rpc_fail(call, error);
        return;
    }
    const SelectionInput input = {.selectors = (const char *const *)request->matchers,
                                  .n_selectors = request->n_matchers,
                                  .start_ms = request->start,
                                  .end_ms = request->end};
    g_auto(Selection) selection = {0};
    if (!begin(call, &selection, &input, &response.base))
        return;
    g_auto(GStrv) values = query_label_values(&selection.query, request->name, &error);
    if (values == NULL) {
        rpc_fail(call, error);
        return;
    }
    response.names = values;
    response.n_names = g_strv_length(values);
    rpc_reply(call, &response.base);
}

/* Fills `message` with those of `labels` that the client may see. */
static void
fill_labels(RpcCall *call, const Labels *labels, bool all, Types__V1__Labels *message)
{
    *message = (Types__V1__Labels)TYPES__V1__LABELS__INIT;
    Types__V1__LabelPair *pairs = rpc_alloc(call, labels->n_labels, sizeof(*pairs));
    message->labels = rpc_alloc_pointers(call, labels->n_labels);
    for (uint32_t i = 0; i < labels->n_labels; i++) {
        if (!all && !is_classic_name(labels->labels[i].name))
            continue;
        pairs[i] = (Types__V1__LabelPair)TYPES__V1__LABEL_PAIR__INIT;
        pairs[i].name = (char *)labels->labels[i].name;
        pairs[i].value = (char *)labels->labels[i].value;
        message->labels[message->n_labels++] = &pairs[i];
    }
}

static void
call_series(RpcCall *call)
{
    const Querier__V1__SeriesRequest *request = (const void *)call->message;
    Querier__V1__SeriesResponse response = QUERIER__V1__SERIES_RESPONSE__INIT;
    const SelectionInput input = {.selectors = (const char *const *)request->matchers,
                                  .n_selectors = request->n_matchers,
                                  .start_ms = request->start,
                                  .end_ms = request->end};
    g_auto(Selection) selection = {0};
    if (!begin(call, &selection, &input, &response.base))
        return;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) sets = NULL;
    const char *const *names;
    if (exemplar_group_by(call, "label_names", request->label_names, request->n_label_names, &names,
                          &error))
        sets = query_series(&selection.query, names, &error);
    if (sets == NULL) {
        rpc_fail(call, error);
        return;
    }
    bool all = accepts_utf8_names(call->http);
    Types__V1__Labels *messages = rpc_alloc(call, sets->len, sizeof(*messages));
    response.labels_set = rpc_alloc_pointers(call, sets->len);
    response.n_labels_set = sets->len;
    for (guint i = 0; i < sets->len; i++) {
        fill_labels(call, g_ptr_array_index(sets, i), all, &messages[i]);
        response.labels_set[i] = &messages[i];
    }
    rpc_reply(call, &response.base);
}

static void
call_profile_stats(RpcCall *call)
{
    Types__V1__GetProfileStatsResponse response = TYPES__V1__GET_PROFILE_STATS_RESPONSE__INIT;
    int64_t first_ns, last_ns;
    if (store_time_range(call->api->store, call->http->tenant, &first_ns, &last_ns)) {
        response.data_ingested = true;
        response.oldest_profile_time = first_ns / 1000000;
        response.newest_profile_time = last_ns / 1000000;
    }
    rpc_reply(call, &response.base);
}

/* Sets of labels count once per block that they are in. */
static void
call_analyze_query(RpcCall *call)
{
    const Querier__V1__AnalyzeQueryRequest *request = (const void *)call->message;
    Querier__V1__AnalyzeQueryResponse response = QUERIER__V1__ANALYZE_QUERY_RESPONSE__INIT;
    Querier__V1__QueryScope scope = QUERIER__V1__QUERY_SCOPE__INIT, *scopes[] = {&scope};
    Querier__V1__QueryImpact impact = QUERIER__V1__QUERY_IMPACT__INIT;
    /* "<profile type>{<selector>}", as /pyroscope/render has it, or a selector alone. */
    const char *brace = strchr(request->query, '{');
    g_autofree char *front =
        g_strndup(request->query, brace != NULL ? (gsize)(brace - request->query) : 0);
    bool typed = strchr(front, ':') != NULL;
    const SelectionInput input = {.profile_type = typed ? g_strstrip(front) : NULL,
                                  .selector = typed ? brace : request->query,
                                  .start_ms = request->start,
                                  .end_ms = request->end};
    g_auto(Selection) selection = {0};
    g_autoptr(GError) error = NULL;
    QueryCost cost;
    if (request->start == 0 && request->end == 0) { /* as Pyroscope: no range, no estimate */
        rpc_reply(call, &response.base);
        return;
    }
    if (!begin(call, &selection, &input, &response.base))
        return;
    if (!query_cost(&selection.query, &cost, &error)) {
        rpc_fail(call, error);
        return;
    }
    scope.component_type = (char *)"store";
    scope.component_count = 1;
    scope.block_count = cost.n_datasets;
    scope.series_count = impact.total_queried_series = cost.n_series;
    scope.profile_count = cost.n_profiles;
    scope.sample_count = cost.n_samples;
    response.query_scopes = scopes;
    response.n_query_scopes = G_N_ELEMENTS(scopes);
    response.query_impact = &impact;
    rpc_reply(call, &response.base);
}

const RpcMethod rpc_profile_types = {.request = &querier__v1__profile_types_request__descriptor,
                                     .call = call_profile_types};
const RpcMethod rpc_label_names = {.request = &types__v1__label_names_request__descriptor,
                                   .call = call_label_names};
const RpcMethod rpc_label_values = {.request = &types__v1__label_values_request__descriptor,
                                    .call = call_label_values};
const RpcMethod rpc_series = {.request = &querier__v1__series_request__descriptor,
                              .call = call_series};
const RpcMethod rpc_profile_stats = {.request = &types__v1__get_profile_stats_request__descriptor,
                                     .one_tenant = true,
                                     .call = call_profile_stats};
const RpcMethod rpc_analyze_query = {.request = &querier__v1__analyze_query_request__descriptor,
                                     .call = call_analyze_query};
