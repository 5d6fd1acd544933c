#include "server/api/functions.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/base/jsonw.h"
#include "lib/base/regex.h"
#include "server/api/params.h"
#include "server/query/functions.h"

enum { LIMIT_DEFAULT = 100, LIMIT_MAX = 10000 };

typedef struct {
    bool by_self;
    int64_t limit;
    Regex *regex; /* or NULL */
} Options;

static void
options_clear(Options *options)
{
    regex_free(options->regex);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

static bool
read_regex(const char *pattern, Options *options, GError **error)
{
    if (pattern == NULL || pattern[0] == '\0')
        return true;
    options->regex = regex_new_anywhere(pattern, error);
    if (options->regex == NULL)
        g_prefix_error(error, "parameter regex: ");
    return options->regex != NULL;
}

static bool
read_options(const HttpRequest *request, Options *options, GError **error)
{
    const char *sort = http_request_param(request, "sort");
    if (!params_read_number(request, "limit", LIMIT_DEFAULT, &options->limit, error))
        return false;
    if (options->limit < 1 || options->limit > LIMIT_MAX)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "parameter limit must be from 1 to %d", LIMIT_MAX);
    options->by_self = g_strcmp0(sort, "self") == 0;
    if (sort != NULL && !options->by_self && strcmp(sort, "total") != 0)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "parameter sort must be total or self: got '%s'", sort);
    return read_regex(http_request_param(request, "regex"), options, error);
}

/* Keeps the names that match. */
static bool
filter(const Tree *tree, Regex *regex, GArray *names, GError **error)
{
    guint n = 0;
    for (guint i = 0; i < names->len; i++) {
        uint32_t name = g_array_index(names, uint32_t, i), start = tree->name_offset[name];
        g_autofree char *text =
            g_strndup(tree->name_bytes + start, tree->name_offset[name + 1] - start);
        if (regex_match(regex, text))
            g_array_index(names, uint32_t, n++) = name;
    }
    g_array_set_size(names, n);
    return !regex_hit_limit(regex) ||
           error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                     "parameter regex: it needs too many steps; write it simpler");
}

static GBytes *
write_table(const Tree *tree, const Functions *functions, const GArray *names, size_t limit,
            const Selection *selection)
{
    g_autofree char *unit = profile_type_part(selection->profile_type, 2);
    JsonWriter json;
    jsonw_init(&json, 4096);
    jsonw_object_begin(&json);
    jsonw_key(&json, "unit");
    jsonw_string(&json, unit);
    jsonw_key(&json, "total");
    jsonw_int(&json, tree != NULL ? tree->total[0] : 0);
    jsonw_key(&json, "matched");
    jsonw_uint(&json, names != NULL ? names->len : 0);
    jsonw_key(&json, "partial");
    jsonw_bool(&json, selection->partial);
    jsonw_key(&json, "functions");
    jsonw_array_begin(&json);
    for (guint i = 0; names != NULL && i < MIN(names->len, limit); i++) {
        uint32_t name = g_array_index(names, uint32_t, i), start = tree->name_offset[name];
        jsonw_object_begin(&json);
        jsonw_key(&json, "name");
        jsonw_string_n(&json, tree->name_bytes + start, tree->name_offset[name + 1] - start);
        jsonw_key(&json, "self");
        jsonw_int(&json, functions->self[name]);
        jsonw_key(&json, "total");
        jsonw_int(&json, functions->total[name]);
        jsonw_object_end(&json);
    }
    jsonw_array_end(&json);
    jsonw_object_end(&json);
    return jsonw_finish(&json);
}

static GBytes *
run(const HttpRequest *request, const Api *api, GError **error)
{
    SelectionInput input = {0};
    g_auto(Options) options = {0};
    g_auto(Selection) selection = {0};
    if (!read_options(request, &options, error) || !params_read_selection(request, &input, error))
        return NULL;
    switch (selection_init(&selection, api, request->tenant, &input, error)) {
    case TIME_RANGE_OK: {
        g_autoptr(Tree) tree = query_tree(&selection.query, error);
        if (tree == NULL)
            return NULL;
        g_autoptr(Functions) functions = functions_new(tree);
        g_autoptr(GArray) names = functions_rank(functions, tree, options.by_self, 0);
        if (options.regex != NULL && !filter(tree, options.regex, names, error))
            return NULL;
        return write_table(tree, functions, names, (size_t)options.limit, &selection);
    }
    case TIME_RANGE_EMPTY:
        return write_table(NULL, NULL, NULL, 0, &selection);
    case TIME_RANGE_BAD:
        break;
    }
    return NULL;
}

void
functions_handle(HttpRequest *request, void *api)
{
    g_autoptr(GError) error = NULL;
    GBytes *body = run(request, api, &error);
    api_reply(request, "application/json", body, error);
}
