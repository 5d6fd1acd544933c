#include "server/api/stacktraces.h"

#include <string.h>

/* In every response that has one. */
enum { FIELD_FLAMEGRAPH = 1 };

static void
fill_frames(FrameList *lists, const Types__V1__FrameFilter *filter)
{
    const FrameList all[FRAME_LISTS] = {
        [FRAME_INCLUDE_NAMES] = {(const char *const *)filter->include_function_names,
                                 filter->n_include_function_names},
        [FRAME_EXCLUDE_NAMES] = {(const char *const *)filter->exclude_function_names,
                                 filter->n_exclude_function_names},
        [FRAME_INCLUDE_REGEXES] = {(const char *const *)filter->include_function_name_regexes,
                                   filter->n_include_function_name_regexes},
        [FRAME_EXCLUDE_REGEXES] = {(const char *const *)filter->exclude_function_name_regexes,
                                   filter->n_exclude_function_name_regexes},
    };
    memcpy(lists, all, sizeof all);
}

void
stacktraces_fill(SelectionInput *input, const Types__V1__StackTraceSelector *selector)
{
    if (selector == NULL)
        return;
    if (selector->n_call_site > 0)
        input->call_site = g_new0(char *, selector->n_call_site + 1);
    for (size_t i = 0; i < selector->n_call_site; i++)
        input->call_site[i] = g_strdup(selector->call_site[i]->name);
    if (selector->frame_filter != NULL)
        fill_frames(input->frames, selector->frame_filter);
    if (selector->go_pgo != NULL) {
        input->keep_locations = selector->go_pgo->keep_locations;
        input->aggregate_callees = selector->go_pgo->aggregate_callees;
    }
}

static bool
read_max_nodes(const RpcCall *call, const Querier__V1__SelectMergeStacktracesRequest *request,
               int64_t *ret_max_nodes, GError **error)
{
    bool given = request->max_nodes_presence_case ==
                 QUERIER__V1__SELECT_MERGE_STACKTRACES_REQUEST__MAX_NODES_PRESENCE_MAX_NODES;
    return selection_max_nodes(call->api, call->http->tenant, given, request->max_nodes,
                               ret_max_nodes, error);
}

TimeRangeResult
stacktraces_select(const RpcCall *call, const Querier__V1__SelectMergeStacktracesRequest *request,
                   Selection *ret_selection, int64_t *ret_max_nodes, GError **error)
{
    *ret_selection = (Selection){0};
    if (!read_max_nodes(call, request, ret_max_nodes, error))
        return TIME_RANGE_BAD;
    SelectionInput input = {
        .profile_type = request->profile_typeid,
        .selector = request->label_selector,
        .start_ms = request->start,
        .end_ms = request->end,
        .profile_ids = (const char *const *)request->profile_id_selector,
        .n_profile_ids = request->n_profile_id_selector,
        .trace_ids = (const char *const *)request->trace_id_selector,
        .span_ids = (const char *const *)request->span_selector,
        .n_trace_ids = request->n_trace_id_selector,
        .n_span_ids = request->n_span_selector,
    };
    stacktraces_fill(&input, request->stack_trace_selector);
    return selection_init(ret_selection, call->api, call->http->tenant, &input, error);
}

GBytes *
stacktraces_encode(Codec codec, const FlameLayout *layout)
{
    if (codec == CODEC_PROTO)
        return flame_encode_proto(layout, FIELD_FLAMEGRAPH);
    JsonWriter json;
    jsonw_init(&json, 4096);
    jsonw_object_begin(&json);
    jsonw_key(&json, "flamegraph");
    flame_write_json(layout, FLAME_PROTOJSON, &json);
    jsonw_object_end(&json);
    return jsonw_finish(&json);
}
