#include "server/api/render.h"

#include <math.h>
#include <string.h>

#include "lib/base/error.h"
#include "server/api/export.h"
#include "server/api/flame.h"
#include "server/api/selection.h"

#define NS_PER_SECOND   INT64_C(1000000000)
#define TIMELINE_POINTS 1500
/* Points of all groups together, which a label with many values would let grow without end. */
#define GROUP_POINTS_MAX (4 * 1024 * 1024)

/* What one request asks for and what the queries found. */
typedef struct {
    char *profile_type, *selector;
    const char **group_by;
    QueryAggregation aggregation;
    int64_t start_ns, end_ns, max_nodes;
    int64_t step_s, snap_start_s, n_samples;
    Tree *tree;
    GPtrArray *series; /* QueryTimeSeries */
} Render;

static void
render_clear(Render *render)
{
    g_free(render->profile_type);
    g_free(render->selector);
    g_free(render->group_by);
    tree_free(render->tree);
    if (render->series != NULL)
        g_ptr_array_unref(render->series);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Render, render_clear)

int64_t
render_timeline_step(int64_t length_s)
{
    static const struct {
        double up_to_s;
        int64_t step_s;
    } steps[] = {
        {17.5, 15},      {25, 20},          {45, 30},           {90, 60},       {210, 120},
        {450, 300},      {750, 600},        {1050, 900},        {1500, 1200},   {2700, 1800},
        {5400, 3600},    {9000, 7200},      {16200, 10800},     {32400, 21600}, {86400, 43200},
        {604800, 86400}, {1814400, 604800}, {3628800, 2592000},
    };
    double raw = MAX((double)length_s / TIMELINE_POINTS, 15);
    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
        if (raw <= steps[i].up_to_s)
            return steps[i].step_s;
    }
    return 31536000;
}

bool
render_split_query(const HttpRequest *request, const char *param, char **ret_profile_type,
                   char **ret_selector, GError **error)
{
    const char *query = http_request_param(request, param);
    if (query == NULL || query[0] == '\0')
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "%s is required", param);
    const char *brace = strchr(query, '{');
    size_t length = brace != NULL ? (size_t)(brace - query) : strlen(query);
    *ret_profile_type = g_strstrip(g_strndup(query, length));
    *ret_selector = g_strdup(brace != NULL ? brace : "{}");
    return true;
}

int64_t
render_wanted_nodes(const HttpRequest *request)
{
    const char *text = http_request_param(request, "maxNodes");
    if (text == NULL)
        text = http_request_param(request, "max-nodes");
    return text != NULL ? MAX(g_ascii_strtoll(text, NULL, 10), 0) : 0;
}

static bool
parse_request(const HttpRequest *request, const Api *api, Render *render, GError **error)
{
    int64_t now_ns = api_now_ns();
    if (!render_split_query(request, "query", &render->profile_type, &render->selector, error) ||
        !selection_max_nodes(api, request->tenant, true, render_wanted_nodes(request),
                             &render->max_nodes, error))
        return false;
    render->start_ns = time_text_parse(http_request_param(request, "from"), now_ns);
    render->end_ns = time_text_parse(http_request_param(request, "until"), now_ns);
    render->group_by = g_new0(const char *, request->n_params + 1);
    for (size_t i = 0, n = 0; i < request->n_params; i++) {
        if (strcmp(request->params[i].name, "groupBy") == 0)
            render->group_by[n++] = request->params[i].value;
    }
    bool average = g_strcmp0(http_request_param(request, "aggregation"), "avg") == 0;
    render->aggregation = average ? QUERY_AVERAGE : QUERY_SUM;
    return true;
}

/* Snaps the timeline to its grid: sample i covers the step behind snap_start + i steps. */
static void
place_timeline(Render *render)
{
    int64_t start_s = render->start_ns / NS_PER_SECOND, end_s = render->end_ns / NS_PER_SECOND;
    render->step_s = render_timeline_step(end_s - start_s);
    render->snap_start_s = start_s - start_s % render->step_s;
    int64_t snap_end_s = end_s - end_s % render->step_s;
    render->n_samples = MAX((snap_end_s - render->snap_start_s) / render->step_s, 1);
}

static bool
check_groups(const Render *render, GError **error)
{
    return render->series->len <= GROUP_POINTS_MAX / render->n_samples ||
           error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                     "groupBy gives %u groups of %" G_GINT64_FORMAT
                     " points, and at most %d points are allowed: group by a label with fewer "
                     "values, or ask for a shorter range",
                     render->series->len, render->n_samples, GROUP_POINTS_MAX);
}

/* A point of the timeline's grid, as far as nanoseconds reach. */
static int64_t
grid_ns(const Render *render, int64_t n_steps)
{
    int64_t ns;
    bool is_beyond =
        __builtin_mul_overflow(render->snap_start_s + n_steps * render->step_s, NS_PER_SECOND, &ns);
    return is_beyond ? INT64_MAX : ns;
}

static bool
run_queries(Render *render, const Query *query, GError **error)
{
    render->tree = selection_tree(query, render->max_nodes, NULL, error);
    if (render->tree == NULL)
        return false;
    Query series = *query;
    series.start_ns = grid_ns(render, 1);
    series.end_ns = grid_ns(render, render->n_samples);
    const QueryTimeSeriesOptions options = {.group_by = render->group_by,
                                            .step_ns = render->step_s * NS_PER_SECOND,
                                            .aggregation = render->aggregation};
    render->series = query_time_series(&series, &options, error);
    return render->series != NULL && check_groups(render, error);
}

/* `series` NULL is a timeline of zeros. */
static void
write_timeline(const Render *render, const QueryTimeSeries *series, JsonWriter *json)
{
    g_autofree uint64_t *samples = g_new0(uint64_t, (size_t)render->n_samples);
    for (guint i = 0; series != NULL && i < series->points->len; i++) {
        const QueryPoint *point = &g_array_index(series->points, QueryPoint, i);
        int64_t at = (point->time_ms / 1000 - render->snap_start_s) / render->step_s - 1;
        if (at >= 0 && at < render->n_samples && point->value > 0)
            samples[at] = (uint64_t)llround(point->value);
    }
    jsonw_object_begin(json);
    jsonw_key(json, "startTime");
    jsonw_int(json, render->snap_start_s);
    jsonw_key(json, "samples");
    jsonw_array_begin(json);
    for (int64_t i = 0; i < render->n_samples; i++)
        jsonw_uint(json, samples[i]);
    jsonw_array_end(json);
    jsonw_key(json, "durationDelta");
    jsonw_int(json, render->step_s);
    jsonw_key(json, "watermarks");
    jsonw_null(json);
    jsonw_object_end(json);
}

/* One timeline per value of the first grouping label. */
static void
write_groups(const Render *render, JsonWriter *json)
{
    if (render->group_by[0] == NULL) {
        jsonw_null(json);
        return;
    }
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    jsonw_object_begin(json);
    for (guint i = 0; render->series != NULL && i < render->series->len; i++) {
        const QueryTimeSeries *series = g_ptr_array_index(render->series, i);
        const char *value = labels_get(series->labels, render->group_by[0]);
        if (value == NULL)
            value = "*";
        if (!g_hash_table_add(seen, (gpointer)value))
            continue;
        jsonw_key(json, value);
        write_timeline(render, series, json);
    }
    jsonw_object_end(json);
}

static void
write_metadata(const char *type, const char *unit, const char *format, JsonWriter *json)
{
    static const char *const objects[] = {"inuse_objects", "alloc_objects", "goroutine", "samples",
                                          NULL};
    bool cpu = strcmp(type, "cpu") == 0;
    const char *units = cpu ? "samples" : g_strv_contains(objects, type) ? "objects" : unit;
    jsonw_object_begin(json);
    jsonw_key(json, "format");
    jsonw_string(json, format);
    jsonw_key(json, "spyName");
    jsonw_string(json, "");
    jsonw_key(json, "sampleRate");
    jsonw_int(json, cpu ? 1000000000 : 100);
    jsonw_key(json, "units");
    jsonw_string(json, units);
    jsonw_key(json, "name");
    jsonw_string(json, type);
    jsonw_object_end(json);
}

/* Opens the document: its version, the flame graph and what it is of. */
static void
begin_document(const FlameLayout *layout, const char *type, const char *unit, JsonWriter *json)
{
    jsonw_init(json, 4096);
    jsonw_object_begin(json);
    jsonw_key(json, "version");
    jsonw_int(json, 1);
    jsonw_key(json, "flamebearer");
    flame_write_json(layout, FLAME_FLAMEBEARER, json);
    jsonw_key(json, "metadata");
    write_metadata(type, unit, layout->diff != NULL ? "double" : "single", json);
}

/* A member that is left out when it is zero. */
static void
write_ticks(const char *key, int64_t value, JsonWriter *json)
{
    if (value == 0)
        return;
    jsonw_key(json, key);
    jsonw_int(json, value);
}

GBytes *
render_document(const FlameLayout *layout, const char *type, const char *unit)
{
    static const char *const absent[] = {"timeline", "groups", "heatmap"};
    JsonWriter json;
    begin_document(layout, type, unit, &json);
    for (size_t i = 0; i < G_N_ELEMENTS(absent); i++) {
        jsonw_key(&json, absent[i]);
        jsonw_null(&json);
    }
    if (layout->diff != NULL) {
        write_ticks("leftTicks", layout->tree->total[0], &json);
        write_ticks("rightTicks", layout->diff->right_total[0], &json);
    }
    jsonw_object_end(&json);
    return jsonw_finish(&json);
}

static GBytes *
write_document(const Render *render)
{
    g_auto(FlameLayout) layout = {0};
    flame_layout_init(&layout, render->tree);
    g_autofree char *type = profile_type_part(render->profile_type, 1);
    g_autofree char *unit = profile_type_part(render->profile_type, 2);
    JsonWriter json;
    begin_document(&layout, type, unit, &json);
    jsonw_key(&json, "timeline");
    bool single = render->series != NULL && render->series->len == 1;
    write_timeline(render, single ? g_ptr_array_index(render->series, 0) : NULL, &json);
    jsonw_key(&json, "groups");
    write_groups(render, &json);
    jsonw_key(&json, "heatmap");
    jsonw_null(&json);
    jsonw_object_end(&json);
    return jsonw_finish(&json);
}

/* Parses, selects and queries; the whole answer, or NULL. */
static HttpResponse *
render_run(const HttpRequest *request, const Api *api, GError **error)
{
    g_auto(Render) render = {0};
    if (!parse_request(request, api, &render, error))
        return NULL;
    g_auto(Selection) selection = {0};
    const SelectionInput input = {.profile_type = render.profile_type,
                                  .selector = render.selector,
                                  .start_ms = render.start_ns / 1000000,
                                  .end_ms = render.end_ns / 1000000};
    TimeRangeResult result = selection_init(&selection, api, request->tenant, &input, error);
    if (result == TIME_RANGE_BAD)
        return NULL;
    const Query *query = result == TIME_RANGE_OK ? &selection.query : NULL;
    const char *format = http_request_param(request, "format");
    if (export_is_format(format))
        return export_response(format, query,
                               render_wanted_nodes(request) > 0 ? render.max_nodes : 0, error);
    place_timeline(&render);
    if (query != NULL && !run_queries(&render, query, error))
        return NULL;
    return http_response_new(200, "application/json", write_document(&render));
}

void
render_handle(HttpRequest *request, void *api)
{
    g_autoptr(GError) error = NULL;
    HttpResponse *response = render_run(request, api, &error);
    http_reply(request, response != NULL ? response : http_response_from_error(error));
}
