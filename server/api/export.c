#include "server/api/export.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/pprof/gzip.h"
#include "server/api/params.h"
#include "server/query/folded.h"

#define GZIP_LEVEL 6

typedef GBytes *(*Encode)(const Query *query, int64_t max_nodes, GError **error);

static Tree *
tree_of(const Query *query, int64_t max_nodes, GError **error)
{
    return selection_tree(query, max_nodes > 0 ? max_nodes : INT64_MAX, NULL, error);
}

static GBytes *
take_text(GString *text)
{
    return text != NULL ? g_string_free_to_bytes(text) : NULL;
}

static GBytes *
encode_collapsed(const Query *query, int64_t max_nodes, GError **error)
{
    g_autoptr(Tree) tree = tree_of(query, max_nodes, error);
    return tree != NULL ? take_text(tree_collapsed(tree, error)) : NULL;
}

static GBytes *
encode_dot(const Query *query, int64_t max_nodes, GError **error)
{
    int64_t max_functions = max_nodes > 0 ? max_nodes : DOT_DRAW_NODES;
    return take_text(
        selection_dot(query, MAX(max_functions, DOT_MERGE_NODES), max_functions, error));
}

static GBytes *
encode_perf_script(const Query *query, int64_t max_nodes, GError **error)
{
    g_autoptr(Tree) tree = tree_of(query, max_nodes, error);
    g_autofree char *event = profile_type_part(query->profile_type, 1);
    return tree != NULL ? take_text(tree_perf_script(tree, event, error)) : NULL;
}

static GBytes *
encode_pprof(const Query *query, int64_t max_nodes, GError **error)
{
    (void)max_nodes;
    g_autoptr(GBytes) pprof = query_pprof(query, error);
    if (pprof == NULL)
        return NULL;
    size_t size;
    const uint8_t *data = g_bytes_get_data(pprof, &size);
    return g_byte_array_free_to_bytes(gzip_compress(data, size, GZIP_LEVEL));
}

static GBytes *
encode_speedscope(const Query *query, int64_t max_nodes, GError **error)
{
    g_autoptr(Tree) tree = tree_of(query, max_nodes, error);
    if (tree == NULL)
        return NULL;
    g_autofree char *unit = profile_type_part(query->profile_type, 2);
    JsonWriter json;
    jsonw_init(&json, 4096);
    tree_write_speedscope(tree, query->profile_type, speedscope_unit(unit), &json);
    return jsonw_finish(&json);
}

typedef struct {
    const char *name, *suffix, *media_type;
    Encode encode;
} Format;

static const Format formats[] = {
    {"collapsed", "collapsed.txt", "text/plain; charset=utf-8", encode_collapsed},
    {"dot", "dot", "text/plain; charset=utf-8", encode_dot},
    {"perf-script", "perf-script.txt", "text/plain; charset=utf-8", encode_perf_script},
    {"pprof", "pb.gz", "application/octet-stream", encode_pprof},
    {"speedscope", "speedscope.json", "application/json", encode_speedscope},
};

static const Format *
find_format(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(formats); i++) {
        if (g_strcmp0(formats[i].name, name) == 0)
            return &formats[i];
    }
    return NULL;
}

bool
export_is_format(const char *format)
{
    return find_format(format) != NULL;
}

/* "process_cpu-cpu-1700000000.pb.gz": of characters that need no quoting. */
static char *
file_name(const Query *query, const Format *format)
{
    g_autofree char *name = profile_type_part(query->profile_type, 0);
    g_autofree char *type = profile_type_part(query->profile_type, 1);
    g_autofree char *plain = g_strdup_printf("%.64s-%.64s", name, type);
    g_strcanon(plain, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_-", '_');
    return g_strdup_printf("attachment; filename=\"%s-%" G_GINT64_FORMAT ".%s\"", plain,
                           query->end_ns / INT64_C(1000000000), format->suffix);
}

HttpResponse *
export_response(const char *format_name, const Query *query, int64_t max_nodes, GError **error)
{
    const Format *format = find_format(format_name);
    if (format == NULL) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                  "parameter format must be one of collapsed, dot, perf-script, pprof, speedscope");
        return NULL;
    }
    if (query == NULL)
        return http_response_new(200, format->media_type, NULL);
    GBytes *body = format->encode(query, max_nodes, error);
    if (body == NULL)
        return NULL;
    HttpResponse *response = http_response_new(200, format->media_type, body);
    g_autofree char *disposition = file_name(query, format);
    http_response_set_header(response, "Content-Disposition", disposition);
    response->encoded = format->encode == encode_pprof;
    return response;
}

static HttpResponse *
run(const HttpRequest *request, const Api *api, GError **error)
{
    SelectionInput input = {0};
    int64_t max_nodes;
    if (!params_read_nodes(request, api, &max_nodes, error) ||
        !params_read_selection(request, &input, error))
        return NULL;
    g_auto(Selection) selection = {0};
    TimeRangeResult result = selection_init(&selection, api, request->tenant, &input, error);
    if (result == TIME_RANGE_BAD)
        return NULL;
    bool given = http_request_param(request, "max_nodes") != NULL;
    return export_response(http_request_param(request, "format"),
                           result == TIME_RANGE_OK ? &selection.query : NULL, given ? max_nodes : 0,
                           error);
}

void
export_handle(HttpRequest *request, void *api)
{
    g_autoptr(GError) error = NULL;
    HttpResponse *response = run(request, api, &error);
    if (response == NULL)
        response = http_response_from_error(error);
    http_response_set_header(response, "Cache-Control", "no-store");
    http_reply(request, response);
}
