#include "server/api/params.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/base/option.h"

#define NS_PER_MS INT64_C(1000000)

bool
params_read_number(const HttpRequest *request, const char *name, int64_t otherwise,
                   int64_t *ret_value, GError **error)
{
    const char *text = http_request_param(request, name);
    gint64 value = otherwise;
    if (text != NULL && !g_ascii_string_to_signed(text, 10, G_MININT64, G_MAXINT64, &value, NULL))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "parameter %s must be a whole number: got '%s'", name, text);
    *ret_value = value;
    return true;
}

/* Milliseconds, or "now" and how long before it: "now-1h30m". Absent is `otherwise`, and an error
 * when that is NULL. */
static bool
read_time(const HttpRequest *request, const char *name, const int64_t *otherwise, int64_t *ret_ms,
          GError **error)
{
    const char *text = http_request_param(request, name);
    if (text == NULL && otherwise == NULL)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "parameter %s is required: milliseconds, or as in now-1h", name);
    if (text == NULL) {
        *ret_ms = *otherwise;
        return true;
    }
    gint64 number;
    int64_t before_ns = 0;
    if (g_ascii_string_to_signed(text, 10, G_MININT64, G_MAXINT64, &number, NULL)) {
        *ret_ms = number;
        return true;
    }
    if (strcmp(text, "now") != 0 &&
        (!g_str_has_prefix(text, "now-") || !option_parse_duration(text + 4, &before_ns, NULL)))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "parameter %s must be milliseconds, or as in now-1h: got '%s'", name,
                         text);
    *ret_ms = (api_now_ns() - before_ns) / NS_PER_MS;
    return true;
}

static GStrv
read_call_site(const HttpRequest *request)
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

bool
params_read_selection(const HttpRequest *request, SelectionInput *ret_input, GError **error)
{
    *ret_input = (SelectionInput){.profile_type = http_request_param(request, "profile_type"),
                                  .selector = http_request_param(request, "selector")};
    if (ret_input->profile_type == NULL)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "parameter profile_type is required");
    if (!read_time(request, "from", NULL, &ret_input->start_ms, error) ||
        !read_time(request, "until", NULL, &ret_input->end_ms, error))
        return false;
    ret_input->call_site = read_call_site(request);
    return true;
}

bool
params_read_right(const HttpRequest *request, const SelectionInput *left, SelectionInput *ret_right,
                  GError **error)
{
    const char *selector = http_request_param(request, "right_selector");
    *ret_right = (SelectionInput){.profile_type = left->profile_type,
                                  .selector = selector != NULL ? selector : left->selector};
    if (!read_time(request, "right_from", &left->start_ms, &ret_right->start_ms, error) ||
        !read_time(request, "right_until", &left->end_ms, &ret_right->end_ms, error))
        return false;
    ret_right->call_site = read_call_site(request);
    return true;
}

bool
params_read_nodes(const HttpRequest *request, const Api *api, int64_t *ret_nodes, GError **error)
{
    int64_t wanted;
    return params_read_number(request, "max_nodes", 0, &wanted, error) &&
           selection_max_nodes(api, request->tenant, true, wanted, ret_nodes, error);
}
