#include "server/api/series.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/base/jsonw.h"
#include "server/api/params.h"
#include "server/api/render.h"

enum { LIMIT_DEFAULT = 20, LIMIT_MAX = 1000, GROUP_BY_MAX = 16 };

#define NS_PER_SECOND INT64_C(1000000000)
#define STEP_MAX_S    (INT64_C(366) * 86400)

static const char **
read_group_by(const HttpRequest *request, GError **error)
{
    g_autofree const char **names = g_new0(const char *, GROUP_BY_MAX + 1);
    size_t n = 0;
    for (size_t i = 0; i < request->n_params; i++) {
        if (strcmp(request->params[i].name, "group_by") != 0)
            continue;
        if (n == GROUP_BY_MAX) {
            error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                      "parameter group_by may be given at most %d times", GROUP_BY_MAX);
            return NULL;
        }
        names[n++] = request->params[i].value;
    }
    return g_steal_pointer(&names);
}

static bool
read_options(const HttpRequest *request, const Query *query, QueryTimeSeriesOptions *options,
             GError **error)
{
    const char *aggregation = http_request_param(request, "aggregation");
    int64_t step_s, limit;
    int64_t step_default_s =
        render_timeline_step((query->end_ns - query->start_ns) / NS_PER_SECOND);
    if (!params_read_number(request, "step", step_default_s, &step_s, error) ||
        !params_read_number(request, "limit", LIMIT_DEFAULT, &limit, error))
        return false;
    if (step_s < 1 || step_s > STEP_MAX_S)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "parameter step must be from 1 to %" G_GINT64_FORMAT " seconds",
                         STEP_MAX_S);
    if (limit < 1 || limit > LIMIT_MAX)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "parameter limit must be from 1 to %d", LIMIT_MAX);
    if (g_strcmp0(aggregation, "average") == 0)
        options->aggregation = QUERY_AVERAGE;
    else if (aggregation != NULL && strcmp(aggregation, "sum") != 0)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "parameter aggregation must be sum or average: got '%s'", aggregation);
    options->step_ns = step_s * NS_PER_SECOND;
    options->limit = (size_t)limit;
    return true;
}

static void
write_series(const QueryTimeSeries *series, JsonWriter *json)
{
    jsonw_object_begin(json);
    jsonw_key(json, "labels");
    jsonw_object_begin(json);
    for (uint32_t i = 0; i < series->labels->n_labels; i++) {
        jsonw_key(json, series->labels->labels[i].name);
        jsonw_string(json, series->labels->labels[i].value);
    }
    jsonw_object_end(json);
    jsonw_key(json, "total");
    jsonw_double(json, series->total);
    jsonw_key(json, "points");
    jsonw_array_begin(json);
    for (guint i = 0; i < series->points->len; i++) {
        const QueryPoint *point = &g_array_index(series->points, QueryPoint, i);
        jsonw_array_begin(json);
        jsonw_int(json, point->time_ms);
        jsonw_double(json, point->value);
        jsonw_array_end(json);
    }
    jsonw_array_end(json);
    jsonw_object_end(json);
}

static GBytes *
write_document(const GPtrArray *list, const Selection *selection,
               const QueryTimeSeriesOptions *options)
{
    g_autofree char *unit = profile_type_part(selection->profile_type, 2);
    JsonWriter json;
    jsonw_init(&json, 4096);
    jsonw_object_begin(&json);
    jsonw_key(&json, "unit");
    jsonw_string(&json, unit);
    jsonw_key(&json, "step_ms");
    jsonw_int(&json, options->step_ns / 1000000);
    jsonw_key(&json, "partial");
    jsonw_bool(&json, selection->partial);
    jsonw_key(&json, "series");
    jsonw_array_begin(&json);
    for (guint i = 0; list != NULL && i < list->len; i++)
        write_series(list->pdata[i], &json);
    jsonw_array_end(&json);
    jsonw_object_end(&json);
    return jsonw_finish(&json);
}

static GBytes *
run(const HttpRequest *request, const Api *api, GError **error)
{
    SelectionInput input = {0};
    QueryTimeSeriesOptions options = {0};
    g_auto(Selection) selection = {0};
    g_autoptr(GPtrArray) list = NULL;
    g_autofree const char **group_by = read_group_by(request, error);
    if (group_by == NULL || !params_read_selection(request, &input, error))
        return NULL;
    options.group_by = group_by;
    TimeRangeResult result = selection_init(&selection, api, request->tenant, &input, error);
    if (result == TIME_RANGE_BAD || !read_options(request, &selection.query, &options, error))
        return NULL;
    if (result == TIME_RANGE_OK) {
        list = query_time_series(&selection.query, &options, error);
        if (list == NULL)
            return NULL;
    }
    return write_document(list, &selection, &options);
}

void
series_handle(HttpRequest *request, void *api)
{
    g_autoptr(GError) error = NULL;
    GBytes *body = run(request, api, &error);
    api_reply(request, "application/json", body, error);
}
